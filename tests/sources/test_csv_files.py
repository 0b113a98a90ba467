from __future__ import annotations

import datetime as dt
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError, UsageError
from crmctl.model.incoming import Batch
from crmctl.model.schema import FIELDS
from crmctl.sources.csv_files import read, to_batch
from crmctl.sources.csv_kinds import KINDS
from crmctl.sources.csv_table import parse


def batch_of(kind: str, text: str, **more: str) -> Batch:
    batch = to_batch(kind, parse(text.encode(), "x.csv"), **more)  # type: ignore[arg-type]
    for record in batch.records:
        for name, value in record.fields.items():
            assert FIELDS[record.kind][name].check(value) == value
    return batch


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(r.origin, r.reason.partition(":")[0]) for r in batch.rejected]


def test_accounts() -> None:
    batch = batch_of(
        "accounts",
        "name,website,employees,annual_revenue,technologies,stage,parent\n"
        'Hollis & Vane,www.hollis.example,"1,200",$18.5,"Kafka, dbt",Churn Risk,\n'
        "Vane UK,,many,,,,Hollis & Vane\n"
        ",x.example,,,,,\n",
    )
    hollis, vane = batch.records
    assert hollis.id == "hollis.example"
    assert hollis.fields["website"] == "https://www.hollis.example"
    assert hollis.fields["domains"] == ["hollis.example"]
    assert hollis.fields["employees"] == 1200
    assert hollis.fields["technologies"] == ["Kafka", "dbt"]
    assert hollis.fields["stage"] == "churn_risk"
    assert vane.id == "vane-uk"
    assert vane.fields == {"name": "Vane UK"}
    assert vane.links["parent"].name == "Hollis & Vane"
    assert reasons(batch) == [
        ("x.csv:3", "employees"),
        ("x.csv:4", "has no usable name; every row needs one"),
    ]


def test_two_companies_on_one_domain_stay_two() -> None:
    batch = batch_of(
        "accounts",
        "name,domain\nHollis,hollis.example\nHollis UK,www.hollis.example\nHollis,hollis.example\n",
    )
    assert [r.id for r in batch.records] == ["hollis.example", "hollis.example/hollis-uk"]
    assert [r.fields["domains"] for r in batch.records] == [["hollis.example"]] * 2
    assert [r.origin for r in batch.rejected] == ["x.csv:4"]


def test_mail_providers_are_no_companys_domain() -> None:
    (record,) = batch_of("accounts", "name,domain\nJo,gmail.com\n").records
    assert record.fields == {"name": "Jo"}


def test_contacts() -> None:
    batch = batch_of(
        "contacts",
        "First Name,Last Name,Email,Company,Role,Manager Email\n"
        "Ines,Okafor,Ines+CRM@hollis.example,hollis.example,Decision Maker,boss@hollis.example\n"
        "Jo,,no address,Acme,Wizard,\n",
        system="hubspot",
    )
    (record,) = batch.records
    assert (record.system, record.id) == ("hubspot", "ines@hollis.example")
    assert record.fields == {
        "name": "Ines Okafor",
        "email": "Ines+CRM@hollis.example",
        "roles": ["decision_maker"],
    }
    assert record.account.domain == "hollis.example"
    assert record.links["reports_to"].email == "boss@hollis.example"
    assert [origin for origin, _ in reasons(batch)] == ["x.csv:3"] * 3


def test_an_accounts_cell_is_an_id_a_folder_a_domain_or_a_name() -> None:
    text = (
        "account,name,amount\nC-17,Telemetry,1\nhollis-vane,Telemetry,1\nHollis Ltd,Telemetry,1\n"
    )
    by_id, folder, name = (r.account for r in batch_of("deals", text).records)
    assert (by_id.id, by_id.slug) == ("C-17", "")
    assert folder.slug == "hollis-vane"
    assert (name.name, name.id) == ("Hollis Ltd", "hollis-ltd")


def test_deals() -> None:
    (record,) = batch_of(
        "deals",
        "account,name,stage,amount,currency,people\n"
        'Acme,Telemetry,Closed Won,"1.234,50 €",eur,a@x.example;b@x.example\n',
    ).records
    assert record.id == "acme/telemetry"
    assert record.fields["status"] == "won"
    assert (str(record.fields["amount"]), record.fields["currency"]) == ("1234.5", "EUR")
    assert [link.email for link, _ in record.people] == ["a@x.example", "b@x.example"]


def test_interactions_are_files_or_traffic() -> None:
    batch = batch_of(
        "interactions",
        "account,date,type,with,notes\n"
        "Acme,2026-03-02T09:00:00Z,call,a@x.example,Asked\n"
        "Acme,2026-03-02,email,a@x.example,Wrote\n"
        "Acme,,call,a@x.example,When?\n"
        ",2026-03-02,call,,Who?\n",
    )
    call, mail = batch.records
    assert (call.kind, call.fields["type"], call.body) == ("interaction", "call", "Asked")
    assert call.at == dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
    assert (mail.kind, mail.at) == ("event", dt.date(2026, 3, 2))
    assert [origin for origin, _ in reasons(batch)] == ["x.csv:4", "x.csv:5"]


def test_usage_is_measured() -> None:
    batch = batch_of(
        "usage",
        "account,date,metric,value\n"
        "acme,2026-03-01,Active Users,42\n"
        "acme,2026-03-02,usage.api_calls,1e3\n"
        "acme,2026-03-03,active users,\n"
        "acme,yesterday,x,1\n"
        "acme,2026-03-03,%,1\n",
    )
    assert [(m.measure, m.day.isoformat(), int(m.value)) for m in batch.measurements] == [
        ("usage.active_users", "2026-03-01", 42),
        ("usage.api_calls", "2026-03-02", 1000),
    ]
    assert batch.measurements[0].source == "csv"
    assert [origin for origin, _ in reasons(batch)] == ["x.csv:4", "x.csv:5", "x.csv:5", "x.csv:6"]


def test_tickets() -> None:
    batch = batch_of(
        "tickets",
        "id,requester,subject,status,created at,closed at\n"
        "0017,a@x.example,Offline,Open,2026-03-01,\n"
        "0018,a@x.example,Slow,Solved,,2026-03-02\n",
    )
    first, second = batch.records
    assert (first.kind, first.id, first.fields["open"]) == ("event", "ticket-0017", True)
    assert (second.at, second.fields["open"]) == (None, False)
    assert first.people[0][0].email == "a@x.example"


def test_subscriptions_state_revenue_by_month_and_year() -> None:
    batch = batch_of(
        "subscriptions",
        "account,plan,seats,amount,billing period,start,end\n"
        "acme.example,Pro,25,12000,annual,2025-06-01,2026-06-01\n"
        "Beta Ltd,Team,5,100,Monthly,2025-06-01,\n",
    )
    acme, beta = batch.records
    assert (acme.kind, acme.id, acme.account.domain) == ("account", "acme.example", "acme.example")
    assert (int(acme.fields["mrr"]), int(acme.fields["arr"])) == (1000, 12000)
    assert acme.fields["renewal"] == dt.date(2026, 6, 1)
    assert (int(beta.fields["mrr"]), beta.account.name) == (100, "Beta Ltd")
    assert batch.measurements == []


def test_a_dated_subscription_is_measured_and_the_latest_day_holds() -> None:
    batch = batch_of(
        "subscriptions",
        "account,mrr,date\nacme,100,2026-01-01\nacme,120,2026-02-01\nacme,90,2025-12-01\nacme,1,2026-02-01\n",
    )
    assert [int(r.fields["mrr"]) for r in batch.records] == [120]
    assert [int(m.value) for m in batch.measurements] == [100, 120, 90]
    assert [r.origin for r in batch.rejected] == ["x.csv:5"]


def test_surveys_are_named_by_who_and_when() -> None:
    text = "account,email,date,score,comment\nAcme,A@x.example,2026-03-01,9,Good\nAcme,b@x.example,,11,\n"
    batch = batch_of("surveys", text)
    (record,) = batch.records
    assert (record.fields["type"], record.fields["score"], record.fields["text"]) == (
        "survey",
        9,
        "Good",
    )
    again = batch_of("surveys", text.replace("A@x", "a@x")).records[0]
    assert again.id == record.id
    assert [origin for origin, _ in reasons(batch)] == ["x.csv:3", "x.csv:3"]


def test_the_whole_column_tells_how_dates_are_meant() -> None:
    header = "account,date,metric,value\n"
    told = batch_of("usage", header + "a,03/04/2026,x,1\na,25/04/2026,x,1\n")
    assert [m.day.isoformat() for m in told.measurements] == ["2026-04-03", "2026-04-25"]
    untold = batch_of("usage", header + "a,03/04/2026,x,1\n")
    assert untold.measurements == []
    assert "day/month or month/day" in untold.rejected[0].reason


def test_damaged_rows_are_reported_with_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"name;city\nHollis;K\xf6ln\nVane\n")
    batch = read("accounts", path)
    assert batch.records[0].fields == {"name": "Hollis", "city": "Köln"}
    assert reasons(batch) == [("accounts.csv:3", "found 1 cells; the header has 2")]
    assert "Windows-1252" in batch.notes[0]


def test_a_mapping_that_does_not_fit_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="no column gives account"):
        read("usage", path)
    with pytest.raises(UsageError, match="allowed"):
        read("accounts", path, {"a": "colour"})


ROWS = st.text('acme.example,@;"\n\t01929-/:$%+é\0 ', max_size=120)


@given(st.sampled_from(sorted(KINDS)), ROWS)
def test_any_rows_are_records_or_reasons(kind: str, rows: str) -> None:
    header = ",".join(list(KINDS[kind].targets)[:6])
    needed = ",".join(group[0] for group in KINDS[kind].needs)
    for first in {header, needed}:
        with suppress(CrmError):
            batch = batch_of(kind, f"{first}\n{rows}")
            assert all(rejected.origin and rejected.reason for rejected in batch.rejected)
