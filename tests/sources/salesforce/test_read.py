from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.model.incoming import Batch
from crmctl.sources import (
    salesforce_activities,
    salesforce_leads,
    salesforce_objects,
    salesforce_stated,
)
from crmctl.sources import salesforce_fields as fields
from crmctl.workspace.source_settings import SalesforceSettings
from tests.servers.base import Call, html, status
from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import NOW, Client, deal_parts, one, small, until_it_ends

# What is read


def test_a_first_read_gives_everything_accounts_first(server: Salesforce, client: Client) -> None:
    ids = small(server)
    batch, mark = client.read()
    kinds = list(dict.fromkeys(record.kind for record in batch.records))
    assert kinds == ["account", "contact", "deal"]
    account = one(batch, "account", ids["account"])
    assert account.fields["domains"] == ["hollis.example"]
    assert account.fields["owner"] == ids["user"]
    assert account.fields["modified"] == mark["Account"]
    assert batch.owners == {ids["user"]: ("Ana Reyes", "ana@ours.example")}
    assert batch.rejected == []
    assert batch.partial is False
    assert client.counted == 1 + 2 + 1 + 2 + 1


def test_what_the_mapping_knows_is_asked_for() -> None:
    known = {
        "Account": salesforce_objects._ACCOUNT,
        "Contact": salesforce_stated.PERSON,
        "Opportunity": salesforce_objects._DEAL,
        "Lead": salesforce_leads._COMPANY,
        "Task": salesforce_activities._TASK | salesforce_activities._TALK,
        "Event": salesforce_activities._TALK,
        "Case": salesforce_activities._TICKET,
    }
    for kind, names in known.items():
        assert set(names) <= set(fields.wanted(kind, SalesforceSettings())), kind


def test_a_deal_states_all_its_people_and_stages(server: Salesforce, client: Client) -> None:
    ids = small(server)
    server.org.change(ids["deal"], StageName="Negotiation")
    batch, _ = client.read()
    assert deal_parts(batch, ids["deal"]) == ([ids["ines"], ids["piers"]], []), "the primary first"
    (history,) = [
        record.fields["stage_history"]
        for record in batch.records
        if "stage_history" in record.fields
    ]
    assert [move["stage"] for move in history] == ["Proposal", "Negotiation"]
    assert {type(move["at"]) for move in history} == {dt.date}


def test_field_history_tells_the_stages_where_it_is_all_there_is(
    server: Salesforce, client: Client
) -> None:
    small(server)
    objects = ["Opportunity", "OpportunityHistory", "OpportunityFieldHistory"]
    client.settings = SalesforceSettings(objects=objects)
    both, _ = client.read()
    assert server.count("OpportunityFieldHistory") == 0, "the same stages a second time"
    server.unreadable.add("OpportunityHistory")
    only, _ = client.read()
    moved = [
        [
            record.fields["stage_history"]
            for record in batch.records
            if "stage_history" in record.fields
        ]
        for batch in (both, only)
    ]
    assert moved[0] == moved[1] != []


def test_parts_of_a_deal_make_no_deal_of_their_own(server: Salesforce, client: Client) -> None:
    small(server)
    batch, _ = client.read()
    parts = [record for record in batch.records if record.kind == "deal" and not record.account]
    assert parts
    assert not any(record.creates or record.waits for record in parts)


def test_the_trash_and_the_archive_are_read_too(server: Salesforce, client: Client) -> None:
    ids = small(server)
    lost = server.org.add("Contact", LastName="Okafor", AccountId=ids["account"])
    server.org.delete(lost, into=ids["ines"])
    old = server.org.add(
        "Task", Subject="Call", IsClosed=True, IsArchived=True, ActivityDate="2026-03-01"
    )
    batch, _ = client.read()
    gone = one(batch, "contact", lost)
    assert (gone.deleted, gone.merged_into) == (True, ids["ines"])
    assert one(batch, "interaction", old).fields["type"] == "call"


def test_traffic_goes_back_as_far_as_is_asked_and_customers_to_the_beginning(
    server: Salesforce, client: Client
) -> None:
    server.org.now = NOW - dt.timedelta(days=500)
    ids = small(server)
    server.org.add("Task", Subject="Long ago", WhatId=ids["account"])
    server.org.now = NOW - dt.timedelta(days=300)
    task = server.org.add("Task", Subject="Still of use", WhatId=ids["account"])
    batch, _ = client.read()
    assert [record.id for record in batch.records if record.kind == "task"] == [task]
    one(batch, "account", ids["account"])


# Marks


def test_a_mark_is_the_newest_stamp_of_each_object(server: Salesforce, client: Client) -> None:
    ids = small(server)
    _, mark = client.read()
    assert mark["Account"] == server.org.get(ids["account"])["SystemModstamp"].replace("+0000", "Z")
    assert "Case" not in mark
    assert "Lead" not in mark


def test_nothing_new_gives_the_same_mark_in_as_many_requests_however_much_there_is(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    counts = []
    for _ in range(2):
        for number in range(300):
            server.org.add("Contact", LastName=f"X{number}", AccountId=ids["account"])
            server.org.now += dt.timedelta(minutes=3)
        _, mark = client.read()
        server.calls.clear()
        batch, again = client.read(mark)
        assert again == mark
        assert batch.partial
        counts.append(server.count())
    assert counts[0] == counts[1] < 32


def test_only_what_changed_is_read_again(server: Salesforce, client: Client) -> None:
    ids = small(server)
    server.org.now += dt.timedelta(hours=1)
    last = server.org.add("Contact", LastName="Last", AccountId=ids["account"])
    _, mark = client.read()
    server.org.now += dt.timedelta(hours=1)
    server.org.change(ids["piers"], Title="Chief Executive Officer")
    batch, after = client.read(mark)
    assert {record.id for record in batch.records if record.kind == "contact"} == {
        last,
        ids["piers"],
    }
    assert after["Contact"] > mark["Contact"]
    assert {k: v for k, v in after.items() if k != "Contact"} == {
        k: v for k, v in mark.items() if k != "Contact"
    }


def test_a_row_that_was_stamped_before_it_was_seen_is_not_lost(
    server: Salesforce, client: Client
) -> None:
    small(server)
    _, mark = client.read()
    server.org.now -= dt.timedelta(minutes=5)  # a long transaction ends only now
    late = server.org.add("Account", Name="Late")
    batch, after = client.read(mark)
    one(batch, "account", late)
    assert after == mark


def test_the_newest_row_gone_for_good_does_not_move_the_mark_back(
    server: Salesforce, client: Client
) -> None:
    small(server)
    server.org.now += dt.timedelta(days=1)
    newest = server.org.add("Account", Name="Soon gone")
    _, mark = client.read()
    server.org.purge(newest)
    _, after = client.read(mark)
    assert after == mark


def test_a_read_that_breaks_off_keeps_what_was_complete(server: Salesforce, client: Client) -> None:
    ids = small(server)
    for number in range(30):
        server.org.now += dt.timedelta(hours=1)
        server.org.add("Task", Subject=f"Task {number}", WhatId=ids["account"])
        server.org.add("Contact", LastName=f"Person {number}", AccountId=ids["account"])
    server.page_size = 10

    def down_after(part: str, pages: int) -> None:
        seen = 0

        def before(call: Call) -> None:
            nonlocal seen
            asked = f"FROM {part} " in call.query.get("q", "")
            seen += asked or (seen > 0 and "/query/" in call.path)
            if seen > pages:
                server.fail([html(503)] * 6)

        server.before = before

    mark: dict[str, Any] = {}
    for part, pages in (("Contact", 2), ("Task", 2)):
        down_after(part, pages)
        mark = until_it_ends(client, Batch("salesforce"), mark)
        assert "503" in str(client.error)
        server.faults.clear()
        assert ("Contact" in mark) == (part == "Task"), "one may report to another on a later page"
    assert mark["Task"] < server.org.get(list(server.org.rows["Task"])[-1])["SystemModstamp"]
    server.before = lambda _call: None
    batch, last = client.read(mark)
    tasks = [record for record in batch.records if record.kind == "task"]
    assert 10 <= len(tasks) < 30, "it goes on near the page where it broke off"
    assert client.read()[1] == last


# Roles


def test_a_role_that_ends_leaves_the_others_and_the_last_one_nobody(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    _, mark = client.read()
    server.org.now += dt.timedelta(hours=1)
    server.org.delete(ids["role of ines"])
    batch, mark = client.read(mark)
    assert deal_parts(batch, ids["deal"]) == ([ids["piers"]], [])
    server.org.now += dt.timedelta(hours=1)
    server.org.delete(ids["role of piers"])
    batch, mark = client.read(mark)
    assert deal_parts(batch, ids["deal"]) == ([], [None])


def test_many_deals_are_asked_for_in_few_requests(server: Salesforce, client: Client) -> None:
    ids = small(server)
    deals = [server.org.add("Opportunity", Name=f"D{n}", StageName="A") for n in range(250)]
    _, mark = client.read()
    server.org.now += dt.timedelta(hours=1)
    for deal in deals:
        server.org.add("OpportunityContactRole", OpportunityId=deal, ContactId=ids["ines"])
    server.calls.clear()
    batch, _ = client.read(mark)
    asked = [
        call for call in server.calls if "FROM OpportunityContactRole" in call.query.get("q", "")
    ]
    assert len(asked) == 1 + 3
    assert all(deal_parts(batch, deal)[0] == [ids["ines"]] for deal in deals)


# Deletions


def test_what_was_deleted_for_good_is_told_by_the_log(server: Salesforce, client: Client) -> None:
    ids = small(server)
    task = server.org.add("Task", Subject="Ask", WhatId=ids["account"])
    server.org.now = NOW - dt.timedelta(days=2)
    server.org.add("Contact", LastName="Somebody", AccountId=ids["account"])
    server.org.add("Task", Subject="Else", WhatId=ids["account"])
    _, mark = client.read()
    server.org.now = NOW - dt.timedelta(hours=3)
    server.org.purge(ids["piers"])
    server.org.purge(task)
    batch, after = client.read(mark)
    assert after == mark
    gone = {(record.kind, record.id) for record in batch.records if record.deleted}
    meant = {("task", task), ("interaction", task), ("event", task)}
    assert gone == {("contact", ids["piers"]), *meant}
    assert one(batch, "contact", ids["piers"]).fields["modified"] > mark["Contact"]


def test_what_came_back_from_the_trash_is_not_deleted_by_the_log(
    server: Salesforce, client: Client
) -> None:
    ids = small(server)
    server.org.now = NOW - dt.timedelta(days=2)
    server.org.change(ids["ines"], Title="Head")
    _, mark = client.read()
    server.org.delete(ids["ines"])
    log = list(server.org.deleted["Contact"])
    server.org.restore(ids["ines"])
    server.org.deleted["Contact"] = log
    batch, _ = client.read(mark)
    assert [r.deleted for r in batch.records if r.id == ids["ines"]] == [False]


@pytest.mark.parametrize(
    "body", [[], {}, {"deletedRecords": [None, {}, {"id": 3, "deletedDate": "x"}]}]
)
def test_a_log_without_sense_says_nothing(server: Salesforce, client: Client, body: object) -> None:
    ids = small(server)
    server.org.change(ids["account"], Phone="1")
    _, mark = client.read()
    server.before = lambda call: (
        server.fail([status(200, body)]) if "/deleted/" in call.path else None
    )
    batch, _ = client.read(mark)
    assert not any(record.deleted for record in batch.records)


def test_a_log_that_is_refused_is_a_note(server: Salesforce, client: Client) -> None:
    small(server)
    _, mark = client.read()
    refusal = [{"message": "too many", "errorCode": "EXCEEDED_ID_LIMIT"}]
    server.before = lambda call: (
        server.fail([status(400, refusal)]) if "/deleted/" in call.path else None
    )
    batch, _ = client.read(mark)
    assert any("deleted for good is not known" in note for note in batch.notes)
