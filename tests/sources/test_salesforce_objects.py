from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming, Rejected
from crmctl.model.schema import FIELDS
from crmctl.sources.salesforce_objects import to_batch
from crmctl.sources.salesforce_rows import Raw, uniform

ACCOUNT, CONTACT, DEAL = "0018d00000Kp3ZqAAJ", "0038d00000LmT9xAAF", "0068d000007QeRbAAK"
TASK, EVENT, CASE, USER = (
    "00T8d00000XyN4cEAF",
    "00U8d00000ZaP7eEAF",
    "5008d00000HcD1sAAF",
    "0058d000001FgHjAAK",
)
LEAD = "00Q8d00000AbCdEEAV"


def batch_of(*records: tuple[str, dict[str, Any]], leads: bool = False) -> Batch:
    rejected: list[Rejected] = []
    raws = [Raw(kind, fields, f"x:{line}") for line, (kind, fields) in enumerate(records, 1)]
    batch = to_batch(uniform(raws, rejected), leads=leads)
    batch.rejected[:0] = rejected
    for record in batch.records:
        for name, value in record.fields.items():
            if value is not None and name not in {"owner", "by", "modified"}:
                assert FIELDS[record.kind][name].check(value) == value
    return batch


def one(kind: str, **fields: Any) -> Incoming:
    batch = batch_of((kind, fields))
    assert batch.rejected == []
    (record,) = batch.records
    return record


def test_an_account_states_what_its_row_states() -> None:
    record = one(
        "Account",
        Id=ACCOUNT[:15],
        Name="Hollis & Vane",
        Website=None,
        Phone=None,
        ParentId="0018d00000Kp3Zr",
        OwnerId=USER,
        CurrencyIsoCode="EUR",
        AnnualRevenue=18500000.0,
        IsDeleted=True,
        MasterRecordId="0018d00000Kp3ZsAAJ"[:15],
    )
    assert record.id == ACCOUNT
    assert record.links["parent"].id.startswith("0018d00000Kp3Zr")
    assert record.deleted
    assert record.merged_into.startswith("0018d00000Kp3Zs")
    assert record.fields["phone"] is None
    assert record.fields["domains"] is None
    assert "city" not in record.fields


def test_a_mail_providers_domain_is_no_companys() -> None:
    assert "domains" not in one("Account", Id=ACCOUNT, Name="Jo", Website="www.gmail.com").fields


def test_a_contact() -> None:
    record = one(
        "Contact",
        Id=CONTACT,
        FirstName="Ines",
        LastName="Okafor",
        Title="VP, Operations",
        Email="ines@hollis.example",
        MailingCity="Leeds",
        Birthdate="1970-01-01",
        HasOptedOutOfEmail=True,
        AccountId=ACCOUNT,
        ReportsToId=None,
    )
    assert record.account.id == ACCOUNT
    assert record.fields == {
        "name": "Ines Okafor",
        "title": "VP, Operations",
        "seniority": "vp",
        "email": "ines@hollis.example",
        "city": "Leeds",
        "no_email": True,
        "reports_to": None,
    }


def test_an_unclear_title_clears_the_level() -> None:
    assert one("Contact", Id=CONTACT, LastName="Lind", Title="Advisor").fields["seniority"] is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"IsWon": True, "IsClosed": True, "StageName": "Signed"}, "won"),
        ({"IsWon": False, "IsClosed": True, "StageName": "Signed"}, "lost"),
        ({"IsWon": "false", "IsClosed": "0", "StageName": "Closed Won"}, "open"),
        ({"StageName": "Closed Won"}, "won"),
        ({"StageName": "Closed Lost"}, "lost"),
        ({"StageName": "Proposal"}, "open"),
    ],
)
def test_flags_say_more_than_stage_names(fields: dict[str, Any], status: str) -> None:
    assert one("Opportunity", Id=DEAL, Name="Telemetry", **fields).fields["status"] == status


def test_roles_make_the_people_of_a_deal_primary_first() -> None:
    role = {"OpportunityId": DEAL, "IsDeleted": False}
    batch = batch_of(
        ("Opportunity", {"Id": DEAL, "Name": "Telemetry", "StageName": "Proposal"}),
        (
            "OpportunityContactRole",
            {**role, "Id": "00K8d00000BvW2mEAF", "ContactId": CONTACT, "Role": None},
        ),
        (
            "OpportunityContactRole",
            {
                **role,
                "Id": "00K8d00000BvW2n",
                "ContactId": "0038d00000LmT9y",
                "Role": "Decision Maker",
                "IsPrimary": True,
            },
        ),
    )
    (deal,) = batch.records
    assert [(link.id[:15], role) for link, role in deal.people] == [
        ("0038d00000LmT9y", "Decision Maker"),
        (CONTACT[:15], ""),
    ]
    assert deal.primary.id[:15] == "0038d00000LmT9y"


def test_roles_alone_state_only_the_people() -> None:
    role = {"Id": "00K8d00000BvW2mEAF", "OpportunityId": DEAL, "ContactId": CONTACT, "Role": "User"}
    record = one("OpportunityContactRole", **role)
    assert (record.kind, record.id, record.fields) == ("deal", DEAL, {})
    assert [(link.id, role) for link, role in record.people] == [(CONTACT, "User")]


def test_open_tasks_are_work() -> None:
    record = one(
        "Task",
        Id=TASK,
        Subject="Send the quote",
        ActivityDate="2026-03-05",
        Status="In Progress",
        Priority="High",
        WhatId=DEAL,
        WhoId=CONTACT,
        AccountId=ACCOUNT,
    )
    assert record.kind == "task"
    assert record.fields == {
        "title": "Send the quote",
        "due": dt.date(2026, 3, 5),
        "status": "open",
        "priority": "high",
    }
    assert record.at == dt.date(2026, 3, 5)
    assert record.links["deal"].id == DEAL
    assert record.people[0][0].id == CONTACT


@pytest.mark.parametrize(
    ("fields", "kind", "type"),
    [
        ({"TaskSubtype": "Call"}, "interaction", "call"),
        ({"Subject": "Call: pricing"}, "interaction", "call"),
        ({"CallDurationInSeconds": 61}, "interaction", "call"),
        ({"TaskSubtype": "Email"}, "event", "email"),
        ({"Subject": "Email: your quote"}, "event", "email"),
        ({"Subject": "Send the quote"}, "task", None),
    ],
)
def test_closed_tasks_are_talks_or_finished_work(
    fields: dict[str, Any], kind: str, type: str | None
) -> None:
    record = one("Task", Id=TASK, Status="Completed", ActivityDate="2026-02-26", **fields)
    assert (record.kind, record.fields.get("type")) == (kind, type)
    assert record.at == dt.date(2026, 2, 26)
    if kind == "task":
        assert record.fields["status"] == "done"


def test_a_call_keeps_its_length_and_direction() -> None:
    record = one(
        "Task",
        Id=TASK,
        Subject="Call",
        IsClosed=True,
        CallType="Outbound",
        CallDurationInSeconds=412,
        CallDisposition="Reached",
        CompletedDateTime="2026-02-26T15:40:00.000+0000",
        ActivityDate="2026-02-27",
        Description="Wants\0 a price.",
    )
    assert record.at == dt.datetime(2026, 2, 26, 15, 40, tzinfo=dt.UTC)
    assert (record.fields["minutes"], record.fields["direction"]) == (7, "out")
    assert record.fields["outcome"] == "Reached"
    assert record.body == "Wants a price."


def test_events_are_meetings_once() -> None:
    meeting = {
        "Id": EVENT,
        "Subject": "Quarterly review",
        "StartDateTime": "2026-03-05T14:00:00.000+0000",
        "EndDateTime": "2026-03-05T14:45:00.000+0000",
    }
    record = one("Event", **meeting)
    assert (record.kind, record.fields["type"], record.fields["minutes"]) == (
        "interaction",
        "meeting",
        45,
    )
    assert batch_of(("Event", {**meeting, "IsChild": True})).records == []


def test_a_conversation_without_a_date_is_rejected() -> None:
    batch = batch_of(("Event", {"Id": EVENT, "Subject": "Some day"}))
    assert batch.records == []
    assert "no date" in batch.rejected[0].reason


def test_cases_are_tickets_with_their_number_as_text() -> None:
    record = one(
        "Case",
        Id=CASE,
        CaseNumber="00004187",
        Subject="Tracker offline",
        Status="Working",
        IsClosed=False,
        IsEscalated=True,
        Priority="High",
        AccountId=ACCOUNT,
        SuppliedEmail="ines@hollis.example",
        CreatedDate="2026-02-28T07:12:02.000+0000",
    )
    assert (record.kind, record.id) == ("event", CASE)
    assert record.fields["number"] == "00004187"
    assert (record.fields["open"], record.fields["escalated"]) == (True, True)
    assert record.at == dt.datetime(2026, 2, 28, 7, 12, 2, tzinfo=dt.UTC)
    assert record.people[0][0].email == "ines@hollis.example"
    undated = one("Case", Id=CASE, Status="Closed")
    assert (undated.at, undated.fields["open"]) == (None, False)


def test_an_activity_belongs_to_the_account_of_what_it_is_about() -> None:
    batch = batch_of(
        ("Contact", {"Id": CONTACT, "LastName": "Okafor", "AccountId": ACCOUNT}),
        ("Task", {"Id": TASK, "Subject": "Ask", "WhoId": CONTACT}),
        ("Case", {"Id": CASE, "WhatId": TASK, "ContactId": CONTACT}),
    )
    assert {r.account.id for r in batch.records} == {ACCOUNT}


def test_pointers_in_a_circle_end() -> None:
    other = "00T8d00000XyN4dEAF"[:15]
    batch = batch_of(
        ("Task", {"Id": TASK, "Subject": "A", "WhatId": other}),
        ("Task", {"Id": other, "Subject": "B", "WhatId": TASK}),
    )
    assert [bool(r.account) for r in batch.records] == [False, False]


def test_users_are_owners() -> None:
    batch = batch_of(
        ("User", {"Id": USER, "Name": "Marta Lindqvist", "Email": "marta@vendor.example"}),
        (
            "Account",
            {
                "Id": ACCOUNT,
                "Name": "Hollis",
                "OwnerId": "0058d000001FgHkAAK"[:15],
                "Owner": {"attributes": {"type": "Name"}, "Name": "Joe Bligh"},
            },
        ),
    )
    assert batch.owners[USER] == ("Marta Lindqvist", "marta@vendor.example")
    assert ("Joe Bligh", "") in batch.owners.values()
    assert len(batch.records) == 1


def test_leads_are_contacts_of_their_company() -> None:
    lead = {
        "Id": LEAD[:15],
        "LastName": "Boxer",
        "Company": "Farm Coop",
        "Email": "b@coop.example",
    }
    record = one("Lead", **lead)
    assert record.kind == "contact"
    assert (record.account.name, record.account.domain) == ("Farm Coop", "coop.example")
    by_site = one("Lead", **{**lead, "Email": "b@gmail.com", "Website": "www.farm.example"})
    assert by_site.account.domain == "farm.example"


def test_converted_leads_are_left_out_with_a_note() -> None:
    batch = batch_of(("Lead", {"Id": LEAD[:15], "LastName": "Boxer", "IsConverted": True}))
    assert batch.records == []
    assert batch.notes == ["1 converted leads were left out: they are contacts now"]


def test_leads_make_one_account_a_company_unless_it_is_one() -> None:
    def lead(number: int, company: str, email: str) -> tuple[str, dict[str, Any]]:
        fields = {"LastName": f"L{number}", "Company": company, "Email": email}
        return "Lead", {"Id": f"00Q8d00000AbCd{number}", **fields}

    batch = batch_of(
        ("Account", {"Id": ACCOUNT, "Name": "Hollis", "Website": "hollis.example"}),
        lead(1, "Farm Coop", "a@coop.example"),
        lead(2, "Farm Cooperative", "b@coop.example"),
        lead(3, "Hollis Ltd", "c@hollis.example"),
        lead(4, "Solo", "solo@gmail.com"),
        leads=True,
    )
    accounts = [r for r in batch.records if r.kind == "account"]
    assert [r.fields["name"] for r in accounts] == ["Hollis", "Farm Coop", "Solo"]
    assert (accounts[1].fields["stage"], accounts[1].fields["step"]) == ("prospect", "research")
    contacts = {r.fields["name"]: r.account for r in batch.records if r.kind == "contact"}
    assert contacts["L1"].id == contacts["L2"].id == accounts[1].id
    assert contacts["L4"].id == accounts[2].id


def test_types_that_are_not_read_are_counted() -> None:
    batch = batch_of(
        ("Product2", {"Id": "01t8d00000AbCdE"}), ("Product2", {"Id": "01t8d00000AbCdF"})
    )
    assert batch.notes == ["2 records of Product2 were left out"]


def test_two_rows_about_one_record_add_up() -> None:
    record = batch_of(
        ("Account", {"Id": ACCOUNT, "Name": "Hollis", "Phone": "1"}),
        ("Account", {"Id": ACCOUNT[:15], "Name": "Hollis & Vane", "Industry": "Freight"}),
    ).records
    assert [r.fields for r in record] == [
        {"name": "Hollis & Vane", "phone": "1", "industry": "Freight"}
    ]


def test_a_record_knows_when_it_last_changed() -> None:
    def stamp(**fields: Any) -> Any:
        return one("Account", Id=ACCOUNT, Name="Hollis", **fields).fields.get("modified")

    assert stamp(SystemModstamp="2026-03-01T17:22:10.007+0000") == "2026-03-01T17:22:10.007Z"
    assert stamp(LastModifiedDate="2026-03-01T19:22:10+02:00") == "2026-03-01T17:22:10.000Z"
    assert stamp(SystemModstamp="2026-03-01") == "2026-03-01", "a report may tell the day alone"
    assert stamp(SystemModstamp="yesterday") is None


def history(number: int, at: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    kind = "OpportunityFieldHistory" if "Field" in fields else "OpportunityHistory"
    own = {"Id": f"0088d00000AbCd{number}", "OpportunityId": DEAL, "CreatedDate": at}
    return kind, own | fields


def test_the_history_of_a_deal_is_the_stages_it_entered() -> None:
    deal = ("Opportunity", {"Id": DEAL, "Name": "Telemetry", "StageName": "Proposal"})
    rows = (
        history(3, "2026-03-09T08:00:00.000+0000", StageName="Proposal"),
        history(1, "2026-01-05T08:00:00.000+0000", StageName="Prospecting"),
        history(2, "2026-02-01T08:00:00.000+0000", StageName="Prospecting"),  # another amount
        history(4, "2026-03-10T08:00:00.000+0000", StageName="Lost", IsDeleted=True),
    )
    stages = [
        {"stage": "Prospecting", "at": dt.date(2026, 1, 5)},
        {"stage": "Proposal", "at": dt.date(2026, 3, 9)},
    ]
    (record,) = batch_of(deal, *rows).records
    assert record.fields["stage_history"] == stages
    (alone,) = batch_of(*rows).records
    assert (alone.id, alone.fields) == (DEAL, {"stage_history": stages})


def test_field_history_counts_only_where_there_is_no_other() -> None:
    at = "2026-03-09T08:00:00.000+0000"
    moved = history(1, at, Field="StageName", OldValue="A", NewValue="B")
    other = history(2, at, Field="Amount", OldValue="1", NewValue="2")
    (record,) = batch_of(moved, other).records
    assert record.fields["stage_history"] == [{"stage": "B", "at": dt.date(2026, 3, 9)}]
    (record,) = batch_of(moved, history(3, at, StageName="C")).records
    assert [move["stage"] for move in record.fields["stage_history"]] == ["C"]


def test_an_activity_about_an_account_that_is_not_here_belongs_to_it() -> None:
    assert one("Task", Id=TASK, Subject="Ask", WhatId=ACCOUNT).account.id == ACCOUNT


def test_a_converted_lead_says_who_it_became() -> None:
    record = one("Lead", Id=LEAD[:15], IsConverted=True, ConvertedContactId=CONTACT[:15])
    assert (record.deleted, record.merged_into) == (True, CONTACT)
