from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Link
from crmctl.sources.supabase_rows import Row, TableRows, tables
from crmctl.workspace.source_settings import SupabaseSettings, Table

STAMP = "2026-03-03T09:00:00.1+00:00"
MODIFIED = "2026-03-03T09:00:00.100000Z"


def table(holds: str, **more: Any) -> TableRows:
    stated = {"table": "t", "holds": holds, "account": "domain", **more}
    return TableRows(Table.model_validate(stated), "public")


def row(**values: Any) -> Row:
    return {"id": 41, "domain": "acme.example", "updated_at": STAMP, **values}


def batch(rows: TableRows, *found: Row) -> Batch:
    made = rows.batch(found)
    assert made.system == "supabase"
    return made


def reasons(made: Batch) -> list[str]:
    return [f"{r.origin}: {r.reason}" for r in made.rejected]


TICKETS = {
    "date": "created",
    "deleted": "deleted_at",
    "fields": {
        "number": "number",
        "subject": "title",
        "status": "state",
        "closed_at": "closed",
        "reopened": "again",
        "contact": "requester",
        "by": "agent",
    },
}


def test_a_ticket_is_a_line_of_traffic() -> None:
    made = batch(
        table("tickets", **TICKETS),
        row(
            number=7001,
            title="Export stops",
            state="Solved",
            created="2026-03-01T08:00:00+01:00",
            closed="2026-03-02T10:00:00",
            again=2,
            requester="bo@acme.example",
            agent="ana@ours.example",
        ),
    )
    (ticket,) = made.records
    assert (ticket.system, ticket.kind, ticket.id) == ("supabase", "event", "t:41")
    assert ticket.at == dt.datetime(2026, 3, 1, 7, tzinfo=dt.UTC)
    assert ticket.account == Link(domain="acme.example")
    assert ticket.people == ((Link(email="bo@acme.example"), ""),)
    assert ticket.fields == {
        "type": "ticket",
        "number": "7001",
        "subject": "Export stops",
        "status": "Solved",
        "open": False,
        "closed_at": dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC),
        "reopened": 2,
        "by": "ana@ours.example",
        "modified": MODIFIED,
    }


@pytest.mark.parametrize(
    ("state", "closed", "is_open"),
    [
        ("waiting", None, True),
        ("Resolved", None, False),
        (None, None, True),
        ("waiting", "2026-03-02", False),
    ],
)
def test_whether_a_ticket_is_open_follows_from_how_it_ended(
    state: str | None, closed: str | None, *, is_open: bool
) -> None:
    (ticket,) = batch(table("tickets", **TICKETS), row(state=state, closed=closed)).records
    assert ticket.fields["open"] is is_open


def test_an_empty_cell_clears_what_the_system_said_before() -> None:
    (ticket,) = batch(table("tickets", **TICKETS), row(title="", again=None, closed=None)).records
    cleared = {name for name, value in ticket.fields.items() if value is None}
    assert cleared == {"number", "subject", "status", "closed_at", "reopened", "by"}


def test_a_wrong_cell_costs_its_field_and_nothing_else() -> None:
    made = batch(table("tickets", **TICKETS), row(title="Slow", again="often", created=12))
    assert "reopened" not in made.records[0].fields
    assert made.records[0].fields["subject"] == "Slow"
    assert reasons(made) == [
        't 41: again: found "often"; allowed: a whole number',
        "t 41: created: found 12; allowed: a time such as 2026-03-31T09:30:00Z",
    ]


def test_a_deleted_row_is_a_deleted_record() -> None:
    made = batch(
        table("tickets", **TICKETS),
        row(deleted_at=STAMP, title="x"),
        row(id=42, deleted_at=None),
    )
    assert [(r.id, r.deleted) for r in made.records] == [("t:41", True), ("t:42", False)]
    assert made.records[0].fields == {"modified": MODIFIED}
    assert made.records[0].account == Link(domain="acme.example")


@pytest.mark.parametrize(
    ("mark", "deleted"),
    [
        (True, True),
        (False, False),
        ("2026-03-01", True),
        ("false", False),
        (0, False),
        (None, False),
    ],
)
def test_a_mark_of_deletion_is_a_flag_or_a_time(mark: Any, *, deleted: bool) -> None:
    (found,) = batch(table("tickets", deleted="gone"), row(gone=mark)).records
    assert found.deleted is deleted


def test_a_survey_answer() -> None:
    rows = table(
        "surveys", account="mail", by="email", date="at", fields={"score": "nps", "text": "said"}
    )
    good, odd = (
        row(mail="bo@acme.example", nps=9, said=" Fine ", at="2026-03-01"),
        row(id=42, mail="x@y.example", nps=11),
    )
    made = batch(rows, good, odd)
    (answer,) = made.records
    assert answer.account == Link(email="bo@acme.example")
    assert answer.fields["score"] == 9
    assert answer.fields["text"] == "Fine"
    assert reasons(made) == [
        "t 42: nps: found 11; allowed: a number from 0 to 10",
        "t 42: has no usable score; every row needs one",
    ]


SUBSCRIPTION = {
    "fields": {
        "plan": "plan",
        "seats": "seats",
        "mrr": "monthly",
        "renewal": "renews",
        "auto_renew": "auto",
        "payment_overdue_since": "overdue",
    }
}


def test_a_subscription_speaks_of_an_account() -> None:
    made = batch(
        table("subscriptions", **SUBSCRIPTION),
        row(plan="team", seats=25, monthly=Decimal("480.50"), renews="infinity", auto=False),
    )
    (profile,) = made.records
    assert (profile.kind, profile.id) == ("account", "acme.example")
    assert profile.account == Link(domain="acme.example"), "it never makes one"
    assert profile.fields == {
        "plan": "team",
        "seats": 25,
        "mrr": Decimal("480.50"),
        "arr": Decimal(5766),
        "renewal": None,
        "auto_renew": False,
        "payment_overdue_since": None,
        "modified": MODIFIED,
    }


def test_a_subscription_without_a_price_clears_both_forms_of_it() -> None:
    (profile,) = batch(table("subscriptions", **SUBSCRIPTION), row(monthly=None)).records
    assert profile.fields["mrr"] is None
    assert profile.fields["arr"] is None


def test_an_account_may_be_known_by_the_products_own_id() -> None:
    rows = table("subscriptions", fields={"id": "org", "plan": "plan"})
    (profile,) = batch(rows, row(org="0b9c-77", plan="team")).records
    assert (profile.id, profile.account) == ("0b9c-77", Link(domain="acme.example"))


def test_an_address_of_a_person_is_no_id_of_an_account() -> None:
    rows = table("subscriptions", account="mail", by="email", fields={"plan": "plan"})
    made = batch(
        rows, row(mail="bo@acme.example", plan="a"), row(id=42, mail="bo@gmail.com", plan="b")
    )
    assert [r.id for r in made.records] == ["acme.example", "t:42"]


@pytest.mark.parametrize(
    ("by", "of", "link"),
    [
        ("slug", "supabase", Link(slug="77")),
        ("name", "supabase", Link(name="77")),
        ("id", "supabase", Link(id="77")),
        ("id", "salesforce", Link(id="77", system="salesforce")),
    ],
)
def test_a_column_says_how_it_names_the_account(by: str, of: str, link: Link) -> None:
    (found,) = batch(table("tickets", by=by, of=of), row(domain=77)).records
    assert found.account == link


def test_each_measure_of_a_row_is_a_number_of_its_day() -> None:
    rows = table(
        "usage",
        date="day",
        measures={"usage.active_users": "users", "usage.share": "share", "usage.bytes": "bytes"},
    )
    made = batch(rows, row(day="2026-03-02", users=12, share="NaN", bytes=900719925474099))
    assert [(m.measure, m.value) for m in made.measurements] == [
        ("usage.active_users", Decimal(12)),
        ("usage.bytes", Decimal(900719925474099)),
    ]
    assert {(m.day, m.account, m.source) for m in made.measurements} == {
        (dt.date(2026, 3, 2), Link(domain="acme.example"), "supabase")
    }
    assert made.rejected == []


def test_a_row_may_hold_one_number_with_its_name() -> None:
    rows = table("usage", date="day", fields={"metric": "what", "value": "count"})
    made = batch(
        rows,
        row(day="2026-03-02T23:30:00-02:00", what="Active Users", count=Decimal("1.50")),
        row(id=42, day="2026-03-02", what="logins", count=None),
    )
    (one,) = made.measurements
    assert (one.measure, one.value) == ("usage.active_users", Decimal("1.5"))
    assert one.day == dt.date(2026, 3, 3), "days are those of UTC"
    assert made.rejected == []


def test_a_number_without_a_day_of_its_own_is_of_the_day_it_changed() -> None:
    (one,) = batch(table("usage", measures={"usage.seats_used": "n"}), row(n=3)).measurements
    assert one.day == dt.date(2026, 3, 3)


def test_a_subscription_may_have_numbers_too() -> None:
    rows = table("subscriptions", measures={"usage.active_users": "n"}, fields={"plan": "plan"})
    made = batch(rows, row(n=3, plan="team"))
    assert len(made.records) == len(made.measurements) == 1


def test_a_deleted_row_of_usage_measures_nothing() -> None:
    rows = table("usage", deleted="gone", measures={"usage.seats_used": "n"})
    assert batch(rows, row(n=3, gone=True)).measurements == []


def test_a_version_out_of_this_world_is_none() -> None:
    (ticket,) = batch(table("tickets"), row(updated_at="infinity")).records
    assert "modified" not in ticket.fields


def test_values_that_are_no_single_value_are_refused() -> None:
    made = batch(table("tickets", fields={"subject": "title"}), row(title={"de": "Hallo"}))
    assert reasons(made) == ["t 41: title: found a map; allowed: text (put it in quotes)"]


def test_hostile_text_comes_through_as_it_is() -> None:
    text = "\x1b[31m{{ 7*7 }} <script> =cmd"
    (ticket,) = batch(table("tickets", fields={"subject": "title"}), row(title=text)).records
    assert ticket.fields["subject"] == text


@given(
    st.text(min_size=1, max_size=12),
    st.lists(st.text(max_size=12), min_size=1, max_size=3),
)
def test_a_row_is_found_again_by_its_id(name: str, key: list[str]) -> None:
    columns = [f"k{n}" for n in range(len(key))]
    rows = table("tickets", table=name, key=columns)
    other = table("tickets", table=f"{name}x", key=columns)
    try:
        id = rows.id(dict(zip(columns, key, strict=True)))
    except UnicodeEncodeError:
        return  # half a character: no database gives one
    assert rows.key(id) == tuple(key)
    assert other.key(id) is None
    assert id.isascii()
    assert id.isprintable()


def test_one_table_of_subscriptions_has_versions_and_two_have_none() -> None:
    def settings(*names: str) -> SupabaseSettings:
        entries = [{"table": name, "holds": "subscriptions", "account": "domain"} for name in names]
        entries.insert(0, {"table": "z", "holds": "tickets", "account": "domain"})
        return SupabaseSettings.model_validate({"tables": entries})

    def stamped(rows: TableRows) -> bool:
        return "modified" in rows.batch([row()]).records[0].fields

    alone, tickets = tables(settings("a"))
    assert (alone.name, tickets.name) == ("a", "z"), "what tells of accounts is read first"
    assert [stamped(rows) for rows in (alone, tickets)] == [True, True]
    assert [stamped(rows) for rows in tables(settings("a", "b"))] == [False, False, True]


def test_a_changed_entry_is_another_version() -> None:
    one, same = table("tickets"), table("tickets")
    other = table("tickets", fields={"subject": "title"})
    assert one.version == same.version != other.version


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"holds": "tickets", "fields": {"colour": "c"}}, "tickets have no field colour"),
        ({"holds": "tickets", "fields": {"id": "c"}}, "tickets have no field id"),
        ({"holds": "usage"}, "measures are missing"),
        ({"holds": "usage", "measures": {"Active Users": "n"}}, "is no measure"),
        ({"holds": "usage", "measures": {"usage.a": "n"}, "updated": ""}, "nothing dates its rows"),
        ({"holds": "surveys"}, "nothing gives the score"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        table(**entry)
    assert "crmctl.yaml: sources.supabase.tables: t: " in str(error.value)


def test_a_table_stands_in_one_entry() -> None:
    entry = {"table": "t", "holds": "tickets", "account": "a"}
    with pytest.raises(ConfigError, match="stands there twice"):
        tables(SupabaseSettings.model_validate({"tables": [entry, entry]}))


def test_only_the_columns_that_are_mapped_are_asked_for() -> None:
    rows = table("tickets", **TICKETS)
    assert rows.columns == (
        *("id", "updated_at", "deleted_at", "domain", "number", "title", "state", "closed"),
        *("again", "requester", "agent", "created"),
    )
    assert json.dumps(rows.order) == '["updated_at", "id"]'
