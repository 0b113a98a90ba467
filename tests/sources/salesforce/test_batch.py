from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import Client, one, small

# Owners


def test_owners_are_asked_for_once_and_queues_have_names_too(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    queue = server.org.add("Group", Name="Inbound", Type="Queue")
    server.org.add("Lead", LastName="Boxer", Company="Farm", OwnerId=queue)
    for number in range(40):
        server.org.add("Task", Subject=f"{number}", WhatId=ids["account"], OwnerId=ids["user"])
    server.page_size = 10
    batch, _ = client.read()
    assert batch.owners == {ids["user"]: ("Ana Reyes", "ana@ours.example"), queue: ("Inbound", "")}
    asked = [call.query["q"] for call in server.calls if "FROM User" in call.query.get("q", "")]
    assert len(asked) == 1


def test_a_user_who_cannot_be_seen_is_asked_for_once(server: Salesforce, client: Client) -> None:
    small(server)
    server.unreadable.add("User")
    batch, _ = client.read()
    assert batch.owners == {}
    assert server.count("User/describe") == 1


# Leads


def test_a_lead_that_became_a_contact_says_which(server: Salesforce, client: Client) -> None:
    ids = small(server)
    lead = server.org.add("Lead", LastName="Boxer", Company="Farm")
    assert one(client.read()[0], "contact", lead).fields["name"] == "Boxer"
    server.org.change(lead, IsConverted=True, ConvertedContactId=ids["ines"])
    record = one(client.read()[0], "contact", lead)
    assert (record.deleted, record.merged_into) == (True, ids["ines"])


def test_leads_make_accounts_of_companies_that_are_none(server: Salesforce, tmp_path: Path) -> None:
    small(server)
    with Client(server, tmp_path, leads=True) as client:
        for company, mail in (("HOLLIS", "a@gmail.com"), ("Other", "b@hollis.example")):
            server.org.add("Lead", LastName="A", Company=company, Email=mail)
        server.org.add("Lead", LastName="C", Company="It's 100% \\ Farm_", Email="c@farm.example")
        first, mark = client.read()
        server.calls.clear()
        later, _ = client.read(mark)
        for batch in (first, later):
            new = [record for record in batch.records if record.id.startswith("lead:")]
            assert [record.fields["name"] for record in new] == ["It's 100% \\ Farm_"]
        assert sum("Website LIKE" in call.query.get("q", "") for call in server.calls) == 1


# Tasks that become talks


def test_a_task_that_was_done_by_calling_is_no_open_work(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    task = server.org.add("Task", Subject="Call them", WhatId=ids["account"])
    batch, mark = client.read()
    assert one(batch, "task", task).fields["status"] == "open"
    server.org.change(task, IsClosed=True, Status="Completed", ActivityDate="2026-03-05")
    batch, _ = client.read(mark)
    assert one(batch, "interaction", task).fields["type"] == "call"
    work = one(batch, "task", task)
    assert (work.fields["status"], work.fields["done"]) == ("done", dt.date(2026, 3, 5))
    assert not work.creates, "a call that never was a task makes none"
    assert not work.waits
