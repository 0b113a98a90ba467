from __future__ import annotations

from decimal import Decimal

from crmctl.model.incoming import Batch, Link, Measurement, Waiting
from crmctl.sync.carry import import_batch
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import NOW, account


def rows(source: str, *links: Link) -> Batch:
    days = [NOW.date().replace(day=n) for n in (1, 2)]
    found = [
        Measurement(link, day, "usage.logins", Decimal(1), source, origin=f"{source} {day}")
        for link in links
        for day in days
    ]
    return Batch(source, measurements=found)


def test_an_unknown_account_in_a_table_is_told_of_once(ws: Workspace) -> None:
    report = import_batch(ws, rows("csv", Link(name="Nobody"), Link(domain="none.example")))
    assert [(r.origin, r.reason) for r in report.plan.rejected] == [
        ("csv 2026-03-01", "no account is known as Nobody (2 rows)"),
        ("csv 2026-03-01", "no account is known as none.example (2 rows)"),
    ]
    assert report.plan.unmatched == []


def test_the_users_of_a_product_that_are_no_customers_wait(ws: Workspace) -> None:
    links = (
        Link(domain="www.none.example"),
        Link(slug="org-17"),
        Link(email="bo@oak.example"),
        Link(email="ida@oak.example"),
        Link(email="kim@gmail.com"),
    )
    report = import_batch(ws, rows("supabase", *links))
    assert report.plan.rejected == []
    assert report.plan.unmatched == [
        Waiting("supabase", "account", "oak.example", domain="oak.example"),
        Waiting("supabase", "account", "org-17"),
        Waiting("supabase", "account", "www.none.example", domain="none.example"),
    ]
    kept = (ws.state_dir / "unmatched.json").read_text("utf-8")
    assert "@" not in kept, "a person's address waits nowhere"


def test_numbers_find_their_account_by_all_that_names_it(ws: Workspace) -> None:
    known = account("A1", "Alder Freight", domains=["alder.example"])
    import_batch(ws, Batch("salesforce", [known]))
    links = (
        Link(slug="alder-freight"),
        Link(email="bo@alder.example"),
        Link(id="A1", system="salesforce"),
    )
    for link in links:
        report = import_batch(ws, rows("supabase", link))
        assert not report.plan.unmatched
        assert not report.plan.rejected
    lines = (ws.root / "accounts/_measures/2026-03-01.csv").read_text("utf-8").splitlines()
    assert lines == ["account,measure,value,source", "alder-freight,usage.logins,1,supabase"]
