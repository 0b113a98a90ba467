from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Rejected, Waiting
from crmctl.sources.salesforce_rows import Raw, uniform
from tests.conftest import Crm
from tests.servers.base import Fault, status
from tests.servers.salesforce import CLIENT, SECRET, Salesforce
from tests.servers.salesforce_client import Client, deal_parts, one, small

RESPONSES = Path(__file__).resolve().parents[4] / "shared" / "data" / "salesforce" / "responses"


# Single records


def test_single_records_are_fetched_whole(server: Salesforce, client: Client) -> None:
    ids = small(server)
    task = server.org.add("Task", Subject="Ask", WhatId=ids["account"])
    case = server.org.add("Case", CaseNumber="00004187", Subject="Broken")
    kinds = (("deal", ids["deal"]), ("task", task), ("event", case), ("contact", ids["ines"]))
    wanted = [Waiting("salesforce", kind, id) for kind, id in kinds]
    wanted += [
        Waiting("salesforce", "deal", "0068d000000QeRbAAK"),
        Waiting("salesforce", "task", "x"),
    ]
    batch = client.source().fetch(client.request({"Account": "2026-03-01T00:00:00.000Z"}), wanted)
    assert {(record.kind, record.id) for record in batch.records} == set(kinds)
    assert deal_parts(batch, ids["deal"])[0] == [ids["ines"], ids["piers"]]
    assert batch.owners
    assert batch.partial


# About the connection


def test_a_check_says_who_we_are_and_what_is_missing(tmp_path: Path) -> None:
    with Salesforce.sample() as server, Client(server, tmp_path) as client:
        server.hidden.add(("Contact", "Title"))
        server.unreadable.add("Event")
        server.used = server.most  # looking costs a few requests and is always allowed
        told = list(client.source().check())
    assert "Vendor Sales" in told[0]
    assert "Integration (robot@vendor.example)" in told[0]
    text = "\n".join(told)
    assert "Contact: Title cannot be read" in text
    assert "Event cannot be read" in text
    assert "requests today: " in text
    assert "bulk jobs today: 9998 of 10000 left" in text


def test_a_check_goes_on_where_something_may_not_be_asked(
    server: Salesforce, client: Client
) -> None:
    server.knows_limits = False
    server.unreadable |= {"Organization", "User"}
    told = list(client.source().check())
    assert "may not read" in told[0]
    assert any(line.startswith("requests today") for line in told)


def test_limits_never_fail(server: Salesforce, client: Client) -> None:
    source = client.source()
    assert source.limits() == {}
    list(source.read(client.request()))
    assert list(source.limits()) == ["requests today"]


def test_the_sample_reads_without_a_complaint(tmp_path: Path) -> None:
    with Salesforce.sample() as server, Client(server, tmp_path) as client:
        batch, _ = client.read()
    assert batch.rejected == []
    assert batch.notes == []
    assert {record.kind for record in batch.records} == {
        "account",
        "contact",
        "deal",
        "interaction",
        "task",
        "event",
    }


def test_odd_values_are_rejected_one_by_one(server: Salesforce, client: Client) -> None:
    small(server)
    odd = server.org.add(
        "Contact", LastName="\ud83d half a character", Email="not an address", AccountId="x"
    )
    batch, _ = client.read()
    assert one(batch, "contact", odd).fields["name"] == "\ufffd half a character"
    assert sorted(rejected.reason.partition(":")[0] for rejected in batch.rejected) == [
        "AccountId",
        "Email",
    ]
    assert all(rejected.origin == f"Salesforce Contact {odd}" for rejected in batch.rejected)


# Answers as they were recorded elsewhere


@pytest.mark.skipif(not RESPONSES.is_dir(), reason="the recorded answers are not here")
def test_recorded_answers_are_understood(server: Salesforce, client: Client) -> None:
    def recorded(name: str) -> Fault:
        return status(200, (RESPONSES / f"{name}_success_response.json").read_bytes())

    api = client.api()
    api.get("limits")
    server.fail([recorded("sobject_describe")])
    described = api.describe("Whizbang")
    assert described is not None
    assert described.types["Id"] == "id"
    first, last = (
        status(200, (RESPONSES / f"query_paginated_{which}_page_response.json").read_bytes())
        for which in ("first", "last")
    )
    server.fail([first, last])
    rows = api.rows("SELECT Text_Label FROM Whizbang", "Whizbang")
    assert [row["Text_Label"] for row in rows] == ["First Page", "Last Page"]
    server.fail([recorded("query")])
    (row,) = api.rows("SELECT Id FROM Whizbang", "Whizbang")
    rejected: list[Rejected] = []
    (found,) = uniform([Raw("Whizbang", row | {"Id": "a00E0000004D5ls"}, "x")], rejected)
    assert found.text("ParentWhizbang__r.Text_Label") == "Hello"
    assert len(rejected) == 1, "its child has no id"


@pytest.mark.skipif(not RESPONSES.is_dir(), reason="the recorded answers are not here")
@pytest.mark.parametrize("name", ["auth_error", "refresh_error"])
def test_recorded_refusals_of_logins_are_understood(
    server: Salesforce, client: Client, name: str
) -> None:
    server.refusal = json.loads((RESPONSES / f"{name}_response.json").read_bytes())
    with pytest.raises(ConfigError, match="invalid_grant"):
        client.api().get("limits")


# In a workspace


def test_a_workspace_follows_what_happens(
    server: Salesforce, workspace: Path, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"URL": server.url, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}
    for name, value in here.items():
        monkeypatch.setenv(f"CRMCTL_SALESFORCE_{name}", value)
    org, ids = server.org, small(server)
    task = org.add("Task", Subject="Call them", WhatId=ids["deal"], OwnerId=ids["user"])
    lead = org.add("Lead", LastName="Boxer", Company="Hollis", Email="boxer@hollis.example")
    assert crm("sync", "salesforce").code == 0

    def text(pattern: str) -> str:
        (file,) = workspace.glob(f"accounts/hollis/{pattern}")
        return file.read_text("utf-8")

    people = "people: [{person: ines, role: Decision Maker, primary: true}, {person: piers"
    assert people in text("deals/*.md")
    assert "stage_history: [{stage: Proposal, at: 2026-02-02}]" in text("deals/*.md")
    assert "status: open" in text("tasks/*.md")

    org.now += dt.timedelta(hours=1)
    org.delete(ids["role of ines"])
    org.delete(ids["role of piers"])
    org.change(ids["deal"], StageName="Closed Won", IsClosed=True, IsWon=True)
    org.change(task, IsClosed=True, Status="Completed", ActivityDate="2026-03-05")
    org.change(lead, IsConverted=True, ConvertedContactId=ids["ines"])
    org.delete(ids["piers"], into=ids["ines"])
    assert crm("sync", "salesforce").code == 0
    deal = text("deals/*.md")
    assert "people:" not in deal
    assert "stage: Closed Won" in deal
    assert "{stage: Closed Won, at: 2026-02-02}]" in deal
    assert "status: done" in text("tasks/*.md")
    assert "type: call" in text("interactions/*.md")
    assert f"merged_into: {json.dumps(ids['ines'])}" in text("contacts/boxer*.md")
    assert f"merged_into: {json.dumps(ids['ines'])}" in text("contacts/piers.md")
    assert crm("sync", "salesforce").out.count("unchanged") == 1
