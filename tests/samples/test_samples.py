"""The repository's own sample workspace is sound, and rich enough that every command has something to show."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.lifecycle import STAGES
from crmctl.model.record import Account, Record
from crmctl.model.schema import PERSONAL
from crmctl.workspace.config import load_config
from crmctl.workspace.measures import Measure, parse_day
from crmctl.workspace.store import Reader

ROOT = Path(__file__).resolve().parents[2]
TODAY = dt.date(2026, 11, 16)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(ROOT, load_config(ROOT).rank())


@pytest.fixture(scope="module")
def accounts(reader: Reader) -> dict[str, Account]:
    return {account.slug: account for account in reader.accounts()}


@pytest.fixture(scope="module")
def measures() -> list[Measure]:
    found: list[Measure] = []
    for file in sorted((ROOT / "accounts" / "_measures").glob("*.csv")):
        rows, problems = parse_day(file.read_bytes(), dt.date.fromisoformat(file.stem))
        assert problems == []
        found += rows
    return found


def records(account: Account) -> Iterator[Record]:
    yield account.profile
    yield from account.contacts.values()
    yield from account.deals.values()
    yield from account.interactions
    yield from account.tasks.values()


def test_every_file_reads_without_a_problem(reader: Reader, accounts: dict[str, Account]) -> None:
    assert len(accounts) >= 12
    assert reader.problems == []


def test_all_stages_are_there(accounts: dict[str, Account]) -> None:
    stages = Counter(account.profile.get("stage") for account in accounts.values())
    assert set(stages) == set(STAGES)
    assert min(stages.values()) >= 2


def test_references_lead_to_records(accounts: dict[str, Account]) -> None:
    team = {member.id for member in load_config(ROOT).team}
    for account in accounts.values():
        for record in records(account):
            people = [*record.items("with"), *(row["person"] for row in record.items("people"))]
            people += [record.get("reports_to")] if record.get("reports_to") else []
            assert set(people) <= account.contacts.keys(), record.path
            assert record.get("deal") is None or record.get("deal") in account.deals, record.path
            assert record.get("owner") is None or record.get("owner") in team, record.path
        for event in account.events:
            assert set(event.data.get("with") or ()) <= account.contacts.keys(), event.path


def test_people_and_companies_are_plainly_fictional(accounts: dict[str, Account]) -> None:
    for account in accounts.values():
        assert all(domain.endswith(".example") for domain in account.profile.items("domains"))
        for record in records(account):
            for name in PERSONAL - {"phone", "mobile"}:
                for value in record.items(name) or [record.text(name)]:
                    assert not value or value.endswith(".example"), record.path
            for name in ("phone", "mobile"):
                number = record.text(name)
                assert not number or number.startswith(("+44 7700 900", "+1 555 01")), record.path


def test_usage_covers_half_a_year_and_moves_both_ways(measures: list[Measure]) -> None:
    active: dict[str, list[Measure]] = {}
    for measure in measures:
        if measure.measure == "usage.active_users":
            active.setdefault(measure.account, []).append(measure)
    days = {m.day for rows in active.values() for m in rows}
    assert max(days) - min(days) >= dt.timedelta(weeks=24)
    grown = active["nordkap-fisk"]
    assert grown[-1].value > grown[-8].value * 3 / 2
    fallen = active["vega-solar"]
    assert fallen[-1].value < fallen[0].value * 2 / 3


def test_each_of_the_situations_a_team_meets_is_there(accounts: dict[str, Account]) -> None:
    profiles = [account.profile for account in accounts.values()]
    assert any(p.get("notice_given") for p in profiles)
    assert any(p.get("payment_overdue_since") for p in profiles)
    renewals = [p.date("renewal") for p in profiles]
    assert any(day and 50 <= (day - TODAY).days <= 70 for day in renewals)
    assert any(
        person.get("left") and "champion" in person.items("roles")
        for account in accounts.values()
        for person in account.contacts.values()
    )
    empty = [
        a for a in accounts.values() if not (a.contacts or a.deals or a.interactions or a.events)
    ]
    assert [account.slug for account in empty] == ["glasswing-hotels"]
    assert len({p.get("currency") for p in profiles}) >= 6
