"""The inputs: what is measured, from where, and when nothing can be said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmctl.insight.facts import facts
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.weights import Weights
from crmctl.model.record import Account
from crmctl.workspace.measures import Measure

TRAFFIC = "accounts/acme/interactions/2026.jsonl"


@pytest.fixture
def find(
    make_account: Callable[..., Account], today: dt.date, weights: Weights
) -> Callable[..., Facts]:
    """Facts of an account of plain values, with measures."""

    def found(measures: list[Measure] | None = None, **records: Any) -> Facts:
        return facts(make_account(**records), measures or [], today, weights)

    return found


def test_an_account_that_says_nothing_has_no_fact_at_all(find: Callable[..., Facts]) -> None:
    found = find()
    assert found.keys() >= INPUTS
    assert {name for name, fact in found.items() if fact.value is not None} == set()
    assert all(fact.note for fact in found.values())


def test_seats_in_use(
    find: Callable[..., Facts], measured_on: Callable[..., list[Measure]]
) -> None:
    share = find(measured_on({40: 10, 3: 70}), profile={"seats": 100})["active_share"]
    assert share == Fact(
        0.7,
        dt.date(2026, 11, 19),
        "accounts/_measures/2026-11-19.csv#usage.active_users",
        "70 of 100 seats",
    )


@pytest.mark.parametrize("seats", [None, 0])
def test_no_seats_no_share(
    find: Callable[..., Facts], measured_on: Callable[..., list[Measure]], seats: int | None
) -> None:
    profile = {} if seats is None else {"seats": seats}
    assert find(measured_on({3: 70}), profile=profile)["active_share"].value is None


@pytest.mark.parametrize(
    ("days", "growth"),
    [
        ({1: 60, 20: 60, 40: 40, 55: 40}, 0.5),
        ({1: 30, 40: 60}, -0.5),
        ({1: 60}, None),
        ({1: 60, 40: 0}, None),
        ({1: 0, 40: 50}, -1),
        ({70: 60, 110: 40}, None),  # last measured too long ago to say anything of today
    ],
)
def test_growth_is_a_ratio_of_two_months(
    find: Callable[..., Facts],
    measured_on: Callable[..., list[Measure]],
    days: dict[int, float],
    growth: float | None,
) -> None:
    assert find(measured_on(days))["usage_growth"].value == (
        None if growth is None else pytest.approx(growth)
    )


def test_measures_of_tomorrow_are_not_seen(
    find: Callable[..., Facts], measured_on: Callable[..., list[Measure]]
) -> None:
    found = find(measured_on({-1: 90, 0: 50}), profile={"seats": 100})
    assert (found["active_share"].value, found["usage_age"].value) == (0.5, 0)


def test_breadth_needs_both_numbers(
    find: Callable[..., Facts], measured_on: Callable[..., list[Measure]]
) -> None:
    used = measured_on({2: 6}, "usage.features_used")
    available = measured_on({30: 20}, "usage.features_available")
    assert find(used)["breadth"].value is None
    assert find(used + available)["breadth"].value == 0.3


def ticket(opened: dt.datetime, closed: dt.datetime | None = None, **more: Any) -> dict[str, Any]:
    data = {"type": "ticket", "at": opened} | more
    return data | {"closed_at": closed, "open": False} if closed else data


def test_tickets(find: Callable[..., Facts], ago: Callable[[int], dt.datetime]) -> None:
    events = [
        ticket(ago(400), ago(380)),
        ticket(ago(80), ago(70), priority="High", reopened=1),
        ticket(ago(50), ago(46), priority="low", reopened=0),
        ticket(ago(10), status="Working", escalated=False),
        ticket(ago(5), deleted=True),
    ]
    found = find(events=events)
    assert found["open_tickets"].value == 1
    assert found["open_tickets"].source == f"{TRAFFIC}:4"
    assert found["ticket_rate"].value == pytest.approx(3 / 90 * 365 / 12)
    assert found["severe_share"].value == pytest.approx(1 / 3)
    assert found["severe_share"].source == f"{TRAFFIC}:2"
    assert found["days_to_close"].value == 7
    assert found["reopened_share"].value == 0.5


def test_of_a_ticket_without_a_date_only_its_state_is_known(find: Callable[..., Facts]) -> None:
    undated = [{"type": "ticket", "status": status} for status in ("Closed", "New")]
    found = find(events=undated)
    assert found["open_tickets"] == Fact(1, None, f"{TRAFFIC}:2", "1 open")
    assert [found[n].value for n in ("ticket_rate", "severe_share", "days_to_close")] == [None] * 3


@pytest.mark.parametrize(("now", "quiet_is_good"), [(50, True), (30, False)])
def test_silence_is_no_satisfaction_while_usage_falls(
    find: Callable[..., Facts],
    ago: Callable[[int], dt.datetime],
    measured_on: Callable[..., list[Measure]],
    now: float,
    quiet_is_good: bool,
) -> None:
    found = find(measured_on({1: now, 40: 50}), events=[ticket(ago(200), ago(190))])
    assert (found["ticket_rate"].value == 0) is quiet_is_good
    assert (found["open_tickets"].value == 0) is quiet_is_good


def test_open_tickets_count_while_usage_falls(
    find: Callable[..., Facts],
    ago: Callable[[int], dt.datetime],
    measured_on: Callable[..., list[Measure]],
) -> None:
    found = find(measured_on({1: 10, 40: 50}), events=[ticket(ago(200))])
    assert found["open_tickets"].value == 1


PEOPLE = {
    "ann": {"name": "Ann", "roles": ["champion"], "sentiment": "positive"},
    "bob": {"name": "Bob", "roles": ["decision_maker", "user"]},
    "cy": {"name": "Cy", "left": dt.date(2026, 10, 1), "roles": ["influencer"]},
}


def test_people_count_when_they_talk(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    found = find(
        contacts=PEOPLE,
        talks=[
            {"type": "call", "at": ago(100), "with": ["bob"]},
            {"type": "meeting", "at": ago(20), "with": ["ann", "cy"], "sentiment": "negative"},
        ],
        events=[
            {"type": "email", "at": ago(2), "direction": "out", "with": ["bob"]},
            {"type": "email", "at": ago(9), "direction": "in", "with": ["ann"]},
        ],
    )
    assert found["active_contacts"].value == 1
    assert found["roles_covered"].value == 0.75
    assert (found["champion"].value, found["champion"].source) == (1, f"{TRAFFIC}:2")
    assert found["days_since_contact"].value == 9
    assert found["sentiment"].value == -1
    assert found["balance"].value is None


def test_balance_is_the_quieter_side_over_the_other(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    events = [
        {"type": "email", "at": ago(day), "direction": side}
        for day, side in ((1, "in"), (2, "out"), (3, "out"), (4, "out"), (5, "out"))
    ]
    assert find(events=events)["balance"].value == 0.25


@pytest.mark.parametrize(
    ("contacts", "days", "value"),
    [
        (PEOPLE, 5, 1),
        (PEOPLE, 61, 0.5),
        ({"ann": PEOPLE["ann"], "bob": PEOPLE["bob"]}, None, None),
        ({"bob": PEOPLE["bob"]}, 5, 0),
        ({"ann": {"name": "Ann"}}, 5, None),
    ],
)
def test_a_champion_is_one_we_hear_from(
    find: Callable[..., Facts],
    ago: Callable[[int], dt.datetime],
    contacts: dict[str, Any],
    days: int | None,
    value: float | None,
) -> None:
    talks = [] if days is None else [{"type": "call", "at": ago(days), "with": ["ann"]}]
    assert find(contacts=contacts, talks=talks)["champion"].value == value


def test_sentiment_falls_back_on_what_people_noted(find: Callable[..., Facts]) -> None:
    assert find(contacts=PEOPLE)["sentiment"].value == 1


def goal(**more: Any) -> dict[str, Any]:
    return {"name": "Faster", "baseline": 10, "target": 4, "current": 7} | more


@pytest.mark.parametrize(
    ("row", "pace"),
    [
        (goal(due=dt.date(2026, 11, 22)), 0.5),
        (goal(due=dt.date(2027, 11, 22)), 1.0),
        (goal(due=dt.date(2040, 1, 1)), None),  # hardly begun
        (goal(due=dt.date(2026, 11, 22), current=None), None),
        (goal(due=dt.date(2026, 11, 22), baseline=None), None),
        (goal(due=dt.date(2026, 11, 22), target=10), None),
        (goal(), None),
    ],
)
def test_goals_are_judged_against_the_time_that_has_passed(
    find: Callable[..., Facts], row: dict[str, Any], pace: float | None
) -> None:
    found = find(profile={"started": dt.date(2025, 11, 22), "goals": [row]})["goal_pace"]
    assert found.value == (None if pace is None else pytest.approx(pace))


def test_each_person_counts_with_the_latest_answer(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    events = [
        {"type": "survey", "at": ago(100), "score": 2, "with": ["ann"]},
        {"type": "survey", "at": ago(10), "score": 8, "with": ["ann"]},
        {"type": "survey", "at": ago(20), "score": 0, "with": ["bob"]},
        {"type": "survey", "at": ago(400), "score": 10, "with": ["cy"]},
        {"type": "survey", "at": ago(3), "with": ["dee"]},
    ]
    found = find(events=events)["survey_mean"]
    assert (found.value, found.source) == (4, f"{TRAFFIC}:2")


@pytest.mark.parametrize(
    ("profile", "days"),
    [
        ({"started": dt.date(2026, 1, 1), "first_value": dt.date(2026, 1, 31)}, 30),
        ({"first_value": dt.date(2026, 1, 31)}, None),
        ({"started": dt.date(2026, 1, 1)}, None),
        ({"started": dt.date(2026, 1, 1), "first_value": dt.date(2027, 1, 31)}, None),
    ],
)
def test_time_to_value(
    find: Callable[..., Facts], profile: dict[str, Any], days: int | None
) -> None:
    assert find(profile=profile)["days_to_value"].value == days


def test_renewals(find: Callable[..., Facts]) -> None:
    won = {"type": "Renewal", "status": "won", "close": dt.date(2026, 6, 1)}
    lost = {"type": "Existing Customer - Upgrade", "status": "lost", "close": dt.date(2026, 7, 1)}
    first = {"type": "New business", "status": "won", "close": dt.date(2026, 7, 1)}
    chance = {"type": "renewal", "status": "open", "probability": 60}
    later = chance | {"probability": 10, "close": dt.date(2027, 9, 1)}
    soon = chance | {"close": dt.date(2027, 1, 1)}
    assert find(deals={"a": first})["renewal_outlook"].value is None
    assert find(deals={"a": soon, "b": later})["renewal_outlook"].value == 0.6
    assert find(deals={"a": won, "b": lost, "c": soon})["renewal_outlook"].value == 0.5


def test_the_champion_has_left_only_without_a_successor(find: Callable[..., Facts]) -> None:
    gone = {"name": "Ann", "roles": ["champion"], "left": dt.date(2026, 11, 12)}
    found = find(contacts={"ann": gone})["champion_left"]
    assert (found.value, found.source) == (10, "accounts/acme/contacts/ann.md#left")
    both = {"ann": gone, "bob": {"name": "Bob", "roles": ["champion"]}}
    assert find(contacts=both)["champion_left"].value is None
    tomorrow = gone | {"left": dt.date(2026, 11, 23)}
    assert find(contacts={"ann": tomorrow})["champion_left"].value is None


def test_notice_and_overdue_payment_cite_the_field(find: Callable[..., Facts]) -> None:
    profile = {"notice_given": dt.date(2026, 11, 20), "payment_overdue_since": dt.date(2026, 9, 1)}
    found = find(profile=profile)
    assert found["notice_given"].value == 2
    assert found["payment_overdue"].value == 82
    assert found["notice_given"].source == "accounts/acme/profile.md#notice_given"


# Usage: habit, and what is usual for this customer.


def test_habit_is_the_weekly_share_of_the_active(
    find: Callable[..., Facts], measured_on: Callable[..., list[Measure]]
) -> None:
    weekly, active = measured_on({3: 30}, "usage.weekly_active"), measured_on({3: 40})
    share = find(weekly + active)["weekly_share"]
    assert (share.value, share.note) == (0.75, "30 of 40 active users each week")
    assert find(weekly)["weekly_share"].value is None
    assert find(weekly + measured_on({3: 0}))["weekly_share"].value is None


@pytest.mark.parametrize(
    ("days", "against", "words"),
    [
        # The same season a year before counts, also where the months before differ.
        ({2: 90, 100: 30, 367: 100, 380: 100}, -0.1, "the same 30 days a year before"),
        # A younger account is compared with its own months before.
        ({2: 90, 40: 60, 150: 60}, 0.5, "in the 180 days before"),
        # Two months are growth, and no baseline.
        ({2: 90, 40: 60}, None, ""),
        ({2: 90, 40: 0, 150: 0}, None, ""),
        ({2: 90}, None, ""),
    ],
)
def test_usage_is_compared_with_what_is_usual_for_this_customer(
    find: Callable[..., Facts],
    measured_on: Callable[..., list[Measure]],
    days: dict[int, float],
    against: float | None,
    words: str,
) -> None:
    found = find(measured_on(days))["usage_baseline"]
    assert found.value == (None if against is None else pytest.approx(against))
    assert words in found.note


# Support: against the customer's size, and how long they wait for us.


def test_tickets_weigh_by_the_size_of_the_customer(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    events = [ticket(ago(day), ago(day - 1)) for day in (10, 20, 30)]
    small, large = (
        find(events=events, profile={"seats": seats})["ticket_load"] for seats in (10, 1000)
    )
    assert small.value == pytest.approx(3 / 90 * 365 / 12 * 10)
    assert small.value == pytest.approx(100 * (large.value or 0))
    assert find(events=events)["ticket_load"].value is None
    assert find(profile={"seats": 10})["ticket_load"].value is None


def test_the_first_answer_is_a_median_over_tickets_that_had_one(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    hour = dt.timedelta(hours=1)
    events = [
        ticket(ago(400), first_response_at=ago(400) + 90 * hour),
        ticket(ago(30), first_response_at=ago(30) + 2 * hour),
        ticket(ago(20), first_response_at=ago(20) + 6 * hour),
        ticket(ago(10), first_response_at=ago(10) - hour),  # before it was asked: not known
        ticket(ago(5)),
    ]
    found = find(events=events)["hours_to_answer"]
    assert (found.value, found.note, found.source) == (4, "2 of 4 tickets", f"{TRAFFIC}:3")
    assert find(events=[ticket(ago(5))])["hours_to_answer"].value is None


# Relationship: how high, and how soon they answer.

BOSS = {"name": "Bo", "seniority": "vp"}


@pytest.mark.parametrize(
    ("contacts", "days", "value"),
    [
        ({"bo": BOSS, "cy": {"name": "Cy", "seniority": "manager"}}, 10, 1),
        ({"bo": BOSS}, 90, 0.5),
        ({"bo": BOSS}, None, None),
        ({"bo": {"name": "Bo", "seniority": "director"}}, 10, 0),
        ({"bo": BOSS | {"left": dt.date(2026, 10, 1)}, "cy": {"name": "Cy"}}, 10, None),
        ({"bo": {"name": "Bo"}}, 10, None),
    ],
)
def test_an_executive_is_one_we_hear_from(
    find: Callable[..., Facts],
    ago: Callable[[int], dt.datetime],
    contacts: dict[str, Any],
    days: int | None,
    value: float | None,
) -> None:
    talks = [] if days is None else [{"type": "call", "at": ago(days), "with": ["bo"]}]
    assert find(contacts=contacts, talks=talks)["executive"].value == value


def test_their_answers_take_the_median_of_their_hours(
    find: Callable[..., Facts], ago: Callable[[int], dt.datetime]
) -> None:
    def exchange(day: int, hours: int) -> list[dict[str, Any]]:
        mail = {"type": "email", "with": ["ann"], "thread": f"t{day}"}
        answer = ago(day) + dt.timedelta(hours=hours)
        return [
            mail | {"at": ago(day), "direction": "out"},
            mail | {"at": answer, "direction": "in"},
        ]

    three = [*exchange(30, 2), *exchange(20, 10), *exchange(10, 4)]
    found = find(events=three)["reply_hours"]
    assert (found.value, found.note, found.source) == (4, "3 answers", f"{TRAFFIC}:6")
    assert find(events=three[:4])["reply_hours"].value is None
    # Old answers say nothing of today, and mail of ours that nobody answered has no time at all.
    assert find(events=[*exchange(200, 2), *three[:4]])["reply_hours"].value is None


# Outcomes: what it is worth to them.


@pytest.mark.parametrize(
    ("profile", "ratio"),
    [
        ({"value_realised": 90_000, "arr": 30_000}, 3),
        ({"value_realised": 6_000, "mrr": 1_000}, 0.5),
        ({"value_realised": 0, "arr": 30_000}, 0),
        ({"value_realised": 90_000}, None),
        ({"value_realised": 90_000, "arr": 0}, None),
        ({"arr": 30_000}, None),
    ],
)
def test_value_is_told_against_the_price(
    find: Callable[..., Facts], profile: dict[str, Any], ratio: float | None
) -> None:
    found = find(profile=profile)["value_ratio"]
    assert found.value == ratio
    assert ratio is None or found.source == "accounts/acme/profile.md#value_realised"


# Whatever else is recorded: what nobody states stays unknown.

_BLANK = {
    "seats": {"active_share", "ticket_load"},
    "goals": {"goal_pace"},
    "first_value": {"days_to_value"},
    "value_realised": {"value_ratio"},
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(sorted(_BLANK))))
def test_a_blank_field_is_unknown_and_never_zero(
    weights: Weights, make_account: Callable[..., Account], missing: set[str]
) -> None:
    profile = {
        "seats": 100,
        "started": dt.date(2025, 11, 22),
        "first_value": dt.date(2025, 12, 22),
        "goals": [goal(due=dt.date(2026, 11, 1))],
        "value_realised": 10,
        "arr": 10,
    }
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    account = make_account(
        {name: value for name, value in profile.items() if name not in missing},
        events=[ticket(at, at)],
    )
    rows = [Measure("acme", "usage.active_users", dt.date(2026, 11, 20), Decimal(5), "csv")]
    found = facts(account, rows, dt.date(2026, 11, 22), weights)
    for name, inputs in _BLANK.items():
        for one in inputs:
            assert (found[one].value is None) == (name in missing), one
            assert found[one].value is not None or found[one].note
