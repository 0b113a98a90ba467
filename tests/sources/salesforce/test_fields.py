from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch
from crmctl.workspace.source_settings import SalesforceSettings
from tests.servers.base import Call, status
from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import NOW, Client, one, small, until_it_ends

# What cannot be read


def test_hidden_fields_are_left_out_with_a_note(server: Salesforce, client: Client) -> None:
    ids = small(server)
    server.hidden |= {
        ("Account", "Website"),
        ("Account", "Industry"),
        ("Account", "MasterRecordId"),
    }
    batch, _ = client.read()
    account = one(batch, "account", ids["account"])
    assert "website" not in account.fields
    assert account.fields["name"] == "Hollis"
    (note,) = [note for note in batch.notes if note.startswith("Account")]
    assert "Industry, Website" in note
    assert "MasterRecordId" not in note


def test_an_object_that_was_never_there_is_left_out_with_a_note(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    server.unreadable |= {"Case", "OpportunityHistory"}
    client.settings = SalesforceSettings(objects=[*SalesforceSettings().objects, "Quote"])
    batch, mark = client.read()
    one(batch, "account", ids["account"])
    assert "Case" not in mark
    text = " ".join(batch.notes)
    assert "Case cannot be read" in text
    assert "Quote is no object that crmctl reads" in text


@pytest.mark.parametrize("how", ["unreadable", "empty", "refused"])
def test_an_object_that_is_suddenly_not_there_is_an_error_and_the_others_are_read(
    server: Salesforce, client: Client, how: str
) -> None:
    ids = small(server)
    server.org.add("Task", Subject="Ask", WhatId=ids["account"])
    _, mark = client.read()
    task = server.org.add("Task", Subject="Ask again", WhatId=ids["account"])
    if how == "unreadable":
        server.unreadable.add("Contact")
    elif how == "empty":
        server.org.rows["Contact"].clear()
        server.org._forget("Contact")
    else:
        refusal = [{"message": "sObject type is not supported", "errorCode": "INVALID_TYPE"}]

        def before(call: Call) -> None:
            if "FROM Contact " in call.query.get("q", ""):
                server.fail([status(400, refusal)])

        server.before = before
    batch = Batch("salesforce")
    last = until_it_ends(client, batch, mark)
    assert "shows no Contact any more" in str(client.error)
    one(batch, "task", task)
    assert last["Contact"] == mark["Contact"]
    assert last["Task"] > mark["Task"]


def test_all_quiet_is_no_fault(server: Salesforce, client: Client) -> None:
    small(server)
    server.org.now = NOW - dt.timedelta(days=30)
    server.org.add("Task", Subject="Old")
    last = server.org.add("Task", Subject="Deleted, and out of the trash by now")
    _, mark = client.read()
    server.org.now = NOW
    for id in (last, *list(server.org.rows["Task"])[1:]):
        server.org.rows["Task"].pop(id, None)
    server.org._forget("Task")
    assert client.read({**mark, "Task": "2026-11-01T00:00:00.000Z"})[1]["Task"].startswith(
        "2026-11-01"
    )


def test_one_object_that_cannot_be_asked_does_not_stop_the_others(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    task = server.org.add("Task", Subject="Ask", WhatId=ids["account"])
    odd = [{"message": "odd", "errorCode": "QUERY_TOO_COMPLICATED"}]

    def before(call: Call) -> None:
        if "FROM Contact " in call.query.get("q", ""):
            server.fail([status(400, odd)])

    server.before = before
    batch = Batch("salesforce")
    until_it_ends(client, batch)
    assert "odd" in str(client.error)
    one(batch, "task", task)


def test_the_share_of_requests_ends_a_read_between_objects(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    server.used, server.most = 792, 1000
    batch = Batch("salesforce")
    until_it_ends(client, batch)
    assert "quota_share" in str(client.error)
    one(batch, "account", ids["account"])


# The team's own fields


def test_a_teams_own_fields_are_mapped(server: Salesforce, tmp_path: Path) -> None:
    ids = small(server)
    mapped = {
        "Plan__c": "plan",
        "Seats__c": "seats",
        "Vip__c": "vip",
        "Tools__c": "technologies",
        "Manager__r.Email": "success_manager",
        "Rating": "rating",
        "Nobody__c": "nobody",
    }
    server.org.change(
        ids["account"],
        Plan__c="Business",
        Seats__c=40.0,
        Vip__c=True,
        Tools__c="SAP;Excel, mostly",
        Manager__c=ids["user"],
    )
    with Client(server, tmp_path, fields={"Account": mapped}) as client:
        batch, mark = client.read()
        found = one(batch, "account", ids["account"]).fields
        assert {name: found[name] for name in mapped.values() if name in found} == {
            "plan": "Business",
            "seats": 40,
            "vip": True,
            "technologies": ["SAP", "Excel, mostly"],
            "success_manager": "ana@ours.example",
            "rating": None,
        }
        assert any("Nobody__c" in note for note in batch.notes)
        assert mark["fields"] == {"Account": mapped}
        server.org.change(ids["account"], Manager__c=None, Seats__c=2.5)
        again = one(client.read(mark)[0], "account", ids["account"]).fields
        assert again["success_manager"] is None
        assert again["seats"] == 3


def test_a_field_mapped_later_is_read_for_all_once(server: Salesforce, tmp_path: Path) -> None:
    ids = small(server)
    server.org.change(ids["account"], Plan__c="Business")
    server.org.now += dt.timedelta(days=2)
    server.org.add("Account", Name="Newer")
    with Client(server, tmp_path) as client:
        _, mark = client.read()
        client.settings = SalesforceSettings(fields={"Account": {"Plan__c": "plan"}})
        batch, after = client.read(mark)
        assert one(batch, "account", ids["account"]).fields["plan"] == "Business"
        batch, last = client.read(after)
        assert not [record for record in batch.records if record.id == ids["account"]]
        assert last == after
        client.settings = SalesforceSettings()
        assert client.read(after)[1] == {**mark, "fields": {}}


@pytest.mark.parametrize(
    "mapped",
    [
        {"Account": {"Plan__c": "modified"}},
        {"Account": {"Plan__c": "Plan Name"}},
        {"Account": {"Plan__c FROM User": "plan"}},
        {"OpportunityContactRole": {"Weight__c": "weight"}},
        {"Quote": {"Total__c": "total"}},
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_before_anything_is_sent(
    server: Salesforce, tmp_path: Path, mapped: dict[str, dict[str, str]]
) -> None:
    with Client(server, tmp_path, fields=mapped) as client, pytest.raises(ConfigError):
        client.source()
    assert server.calls == []
