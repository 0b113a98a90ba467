"""Fit, relationships, qualification and signals: what they claim, and where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crmctl.insight.evidence import gather
from crmctl.insight.icp import fit
from crmctl.insight.picture import picture
from crmctl.insight.relationships import relationships
from crmctl.insight.signals import competitors
from crmctl.insight.weights import Weights
from crmctl.model.record import Account, Ranking, Record
from crmctl.workspace.measures import Measure

MakeRecord = Callable[[str, str, dict[str, Any]], Record]
MakeAccount = Callable[..., Account]


def test_fit_is_a_weighted_mean_of_what_is_known(record: MakeRecord, weights: Weights) -> None:
    profile = record(
        "account", "acme", {"industry": "SOFTWARE", "employees": 60, "technologies": ["X", "AWS"]}
    )
    found = fit(profile, weights.icp)
    assert found.score is not None
    assert found.score == pytest.approx((30 * 100 + 30 * 40 + 20 * 80) / 80)
    assert (found.tier, found.coverage) == ("B", 0.8)
    assert sum(c.points or 0 for c in found.criteria) == pytest.approx(found.score)
    assert found.low < found.score < found.high
    assert found.criteria[0].source == "accounts/acme/profile.md#industry"


def test_unknown_is_not_unfit(record: MakeRecord, weights: Weights) -> None:
    full = {"industry": "software", "employees": 1000, "annual_revenue": Decimal(60_000_000)}
    known = fit(record("account", "acme", full), weights.icp)
    assert (known.score, known.tier, known.low, known.high) == (100, "A", 80, 100)
    little = fit(record("account", "acme", {"industry": "software"}), weights.icp)
    assert (little.score, little.tier) == (None, None)
    assert "30 %" in little.reason


def test_a_disqualifier_overrules_the_fit(record: MakeRecord, weights: Weights) -> None:
    profile = record("account", "acme", {"industry": "Gambling", "employees": 1000})
    found = fit(profile, weights.icp)
    assert (found.tier, found.reason) == ("disqualified", "an industry we do not serve")
    assert found.score is not None


def test_who_is_who(
    make_account: MakeAccount,
    ago: Callable[[int], dt.datetime],
    today: dt.date,
    weights: Weights,
) -> None:
    account = make_account(
        contacts={
            "ann": {"name": "Ann", "roles": ["champion"], "influence": 1},
            "bob": {"name": "Bob", "roles": ["decision_maker"], "influence": 3},
            "cy": {"name": "Cy", "roles": ["user"], "left": dt.date(2026, 1, 1)},
            "dee": {"name": "Dee"},
        },
        talks=[
            {"type": "call", "at": ago(200), "with": ["ann", "cy"]},
            {"type": "call", "at": ago(10), "with": ["bob"]},
        ],
    )
    found = relationships(account, gather(account, today), today, weights.health.measuring)
    assert [p.id for p in found.people] == ["bob", "ann", "dee", "cy"]
    assert found.people[0].silent_days == 10
    assert found.people[2].last_heard is None
    assert (found.threads, found.silent, found.left) == (("bob",), ("ann",), ("cy",))
    assert (found.champions, found.missing) == (("ann",), ("influencer", "user"))
    assert found.roles["decision_maker"] == ["bob"]


def test_a_competitor_comes_with_every_place_that_names_it(
    make_account: MakeAccount, today: dt.date
) -> None:
    account = make_account(
        {"competitors": ["Northbase"]},
        deals={
            "a": {"competitors": ["northbase", "Tallyflow"]},
            "b": {"competitors": ["Tallyflow"], "status": "lost"},
        },
    )
    north, tally = competitors(gather(account, today))
    assert (north.name, north.open_deals) == ("Northbase", ("a",))
    assert north.sources == (
        "accounts/acme/profile.md#competitors",
        "accounts/acme/deals/a.md#competitors",
    )
    assert (tally.open_deals, len(tally.sources)) == (("a",), 2)


def test_a_system_that_states_a_field_is_named_in_the_source(weights: Weights) -> None:
    systems = {"salesforce": {"id": "1", "industry": "Software"}}
    path = "accounts/acme/profile.md"
    profile = Record("account", "acme", "acme", path, {}, systems, "", Ranking())
    assert fit(profile, weights.icp).criteria[0].source == f"{path}#sources.salesforce.industry"


@pytest.fixture
def seen(
    make_account: MakeAccount, today: dt.date, weights: Weights
) -> Callable[..., dict[str, Any]]:
    def look(measures: list[Measure] | None = None, **records: Any) -> dict[str, Any]:
        return picture(make_account(**records), measures or [], today, weights)

    return look


def test_an_empty_account_claims_nothing(seen: Callable[..., dict[str, Any]]) -> None:
    found = seen()
    assert found["health"]["score"] is None
    for name in ("risks", "expansion", "competitors", "opportunities", "goals", "conversations"):
        assert found[name] == []


def test_growth_and_full_seats_are_chances(
    seen: Callable[..., dict[str, Any]], measured_on: Callable[..., list[Measure]]
) -> None:
    found = seen(measured_on({1: 95, 40: 50}), profile={"seats": 100})
    assert [s["name"] for s in found["expansion"]] == ["usage_grows", "seats_used"]
    assert all(s["source"] and s["action"] for s in found["expansion"])
    half = seen(measured_on({1: 75, 40: 50}), profile={"seats": 100})
    assert half["expansion"] == []


def test_risks_cite_what_shows_them(
    seen: Callable[..., dict[str, Any]],
    measured_on: Callable[..., list[Measure]],
    ago: Callable[[int], dt.datetime],
) -> None:
    found = seen(
        measured_on({1: 10, 40: 50}),
        profile={"seats": 100, "renewal": dt.date(2027, 1, 1)},
        contacts={"ann": {"name": "Ann", "roles": ["champion"], "sentiment": "negative"}},
        deals={"renewal": {"type": "renewal", "probability": 10}},
        talks=[{"type": "call", "at": ago(80), "with": ["ann"]}],
    )
    assert [s["name"] for s in found["risks"]] == [
        "renewal_near",
        "usage_falls",
        "silent",
        "few_threads",
        "champion_silent",
    ]
    assert all(s["source"] for s in found["risks"])
    assert found["opportunities"][0]["warnings"] == ["has no closing date", "has no next step"]


def test_deals_and_tasks_are_told_by_their_dates(seen: Callable[..., dict[str, Any]]) -> None:
    late = {
        "close": dt.date(2026, 11, 1),
        "next_step": "call",
        "next_step_due": dt.date(2026, 11, 2),
    }
    won = {"status": "won", "close": dt.date(2026, 1, 1)}
    found = seen(deals={"late": late, "won": won})
    assert found["opportunities"][0]["warnings"] == [
        "should have closed on 2026-11-01",
        "next step was due on 2026-11-02",
    ]
    assert [d["id"] for d in found["decided"]] == ["won"]
