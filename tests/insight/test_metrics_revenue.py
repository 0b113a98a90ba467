"""MRR through time, the rules of each method, and what lies between two of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.metrics_history import GIT, MEASURED, PROFILE, History, Point, history, spikes
from crmctl.insight.metrics_ledger import Customer, Ledger, in_currencies, standings
from crmctl.insight.metrics_methods import METHODS, compute
from crmctl.insight.metrics_period import Period
from crmctl.insight.metrics_reconcile import reconcile, shared
from crmctl.insight.metrics_revenue import Figure, annualised, interval, movement
from crmctl.insight.metrics_weights import MetricWeights, metric_weights
from crmctl.model.errors import UsageError

RULES = metric_weights(None)
QUARTER = Period(dt.date(2026, 7, 1), dt.date(2026, 9, 30))
OPEN, CLOSE = QUARTER.opening, QUARTER.closing
AUGUST = dt.date(2026, 8, 10).toordinal()
SEPTEMBER = dt.date(2026, 9, 10).toordinal()
TODAY = dt.date(2026, 11, 16).toordinal()


def customer(
    name: str, *points: tuple[int, int], since: int | None = OPEN - 400, **more: Any
) -> Customer:
    found = tuple(Point(day, Decimal(value), f"{name}:{day}") for day, value in points)
    return Customer(History(name, more.pop("currency", "EUR"), found, since, "measures"), **more)


def figures(method: str, *book: Customer, period: Period = QUARTER) -> dict[str, Figure]:
    return {figure.name: figure for figure in METHODS[method].compute(book, period, RULES)}


def value(figure: Figure) -> float | None:
    return None if figure.value is None else float(figure.value)


# --- random lists of events

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
EVENTS = st.lists(
    st.tuples(NAMES, st.integers(OPEN - 60, CLOSE + 20), st.integers(0, 3).map(lambda n: 50 * n)),
    max_size=25,
)


def booked(events: list[tuple[str, int, int]]) -> list[Customer]:
    by_name: dict[str, dict[int, int]] = {}
    for name, day, amount in events:
        by_name.setdefault(name, {})[day] = amount
    return [
        customer(name, *sorted(days.items()), since=min(days)) for name, days in by_name.items()
    ]


@given(EVENTS)
def test_nrr_is_grr_and_expansion(events: list[tuple[str, int, int]]) -> None:
    found = figures("snapshot", *booked(events))
    nrr, grr, expansion = (found[name].value for name in ("nrr", "grr", "expansion"))
    if nrr is None:
        assert (grr, expansion) == (None, None)
        return
    assert grr is not None
    assert expansion is not None
    assert nrr == grr + expansion
    assert 0 <= grr <= 1
    contraction, churned = (found[name].value or 0 for name in ("contraction", "churned"))
    assert found["gross_churn"].value == 1 - grr == contraction + churned


@given(EVENTS)
def test_the_movements_lead_from_the_start_to_the_end(events: list[tuple[str, int, int]]) -> None:
    moved = movement(standings(booked(events), QUARTER))
    assert moved.unexplained == 0
    won = moved.new + moved.reactivation + moved.expansion
    assert moved.start + won - moved.contraction - moved.churn == moved.end


@given(EVENTS, st.lists(st.booleans(), min_size=5, max_size=5), st.booleans())
def test_a_ledger_finds_what_plain_customers_do(
    events: list[tuple[str, int, int]], dollars: list[bool], stated: bool
) -> None:
    rates = {"rates": {"USD": 0.9}} if stated else {}
    rules = MetricWeights.model_validate(RULES.model_dump() | rates)
    plain = [
        each._replace(history=replace(each.history, currency="USD")) if dollar else each
        for each, dollar in zip(booked(events), dollars, strict=False)
    ]
    ledger = Ledger(plain)
    others = (
        Period(dt.date(2026, 8, 1), dt.date(2026, 8, 31)),
        QUARTER.before,
        QUARTER.before.before,
    )
    for period in (QUARTER, *others, QUARTER):
        assert standings(ledger, period) == standings(plain, period)
        for method in METHODS:
            assert compute(method, ledger, period, rules) == compute(method, plain, period, rules)
    some = range(0, len(plain), 2)
    own = [plain[place] for place in some]
    assert standings(ledger.part(some), QUARTER) == standings(own, QUARTER)
    assert compute("snapshot", ledger.part(some), QUARTER, rules) == compute(
        "snapshot", own, QUARTER, rules
    )


@given(EVENTS)
def test_both_sets_agree_on_nrr_where_nobody_left_and_returned(
    events: list[tuple[str, int, int]],
) -> None:
    book = booked(events)
    one, other = figures("snapshot", *book), figures("movement", *book)
    if all(each.rule != "left and returned" for each in standings(book, QUARTER)):
        assert one["nrr"].value == other["nrr"].value
    if one["grr"].value is not None:
        assert other["grr"].value is not None
        assert other["grr"].value <= one["grr"].value


@given(EVENTS, st.permutations(sorted(METHODS)))
def test_what_lies_between_two_methods_adds_up_exactly(
    events: list[tuple[str, int, int]], order: list[str]
) -> None:
    book = booked(events)
    first, second = order[:2]
    try:
        shared(first, second)
    except UsageError:
        return
    for found in reconcile(first, second, book, QUARTER, RULES):
        if found.first.value is None or found.second.value is None:
            assert found.reason
            assert not found.effects
        else:
            total = sum((effect.effect for effect in found.effects), Fraction(0))
            assert found.second.value - found.first.value == total


# --- the rules, one by one


def test_an_account_that_grows_and_shrinks_tells_the_sets_apart() -> None:
    row = customer("a", (OPEN, 100), (AUGUST, 150), (SEPTEMBER, 120))
    one, other = figures("snapshot", row), figures("movement", row)
    assert (value(one["grr"]), value(other["grr"])) == (1.0, 0.7)
    assert value(one["nrr"]) == value(other["nrr"]) == 1.2
    (grr,) = [
        f for f in reconcile("snapshot", "movement", [row], QUARTER, RULES) if f.name == "grr"
    ]
    assert [(e.account, e.first, float(e.effect)) for e in grr.effects] == [
        ("a", "grew and shrank", -0.3)
    ]


def test_grr_of_movements_is_no_less_than_zero_and_the_floor_is_told() -> None:
    row = customer("a", (OPEN, 100), (AUGUST, 400), (SEPTEMBER, 100))
    assert value(figures("movement", row)["grr"]) == 0
    assert value(figures("movement", row)["gross_churn"]) == 1
    (grr,) = [
        f for f in reconcile("snapshot", "movement", [row], QUARTER, RULES) if f.name == "grr"
    ]
    assert {e.account: float(e.effect) for e in grr.effects} == {"a": -3.0, "floor at 0": 2.0}


def test_new_accounts_are_on_neither_side() -> None:
    rows = [
        customer("old", (OPEN, 100)),
        customer("new", (AUGUST, 900), since=AUGUST),
        customer("visitor", (AUGUST, 50), (SEPTEMBER, 0), since=AUGUST),
    ]
    found = figures("snapshot", *rows)
    assert (value(found["nrr"]), value(found["logo_churn"]), found["nrr"].n) == (1.0, 0.0, 1)
    assert [each.rule for each in standings(rows, QUARTER)] == ["stayed", "new", "came and left"]
    moved = movement(standings(rows, QUARTER))
    assert (int(moved.new), int(moved.churn)) == (950, 50)


def test_who_left_and_returned_is_kept_or_lost_by_the_set() -> None:
    row = customer("a", (OPEN, 100), (AUGUST, 0), (SEPTEMBER, 80))
    assert value(figures("snapshot", row)["nrr"]) == 0.8
    assert value(figures("snapshot", row)["logo_churn"]) == 0
    assert value(figures("movement", row)["nrr"]) == 0
    assert value(figures("movement", row)["logo_churn"]) == 1
    kinds = [change.kind for change in standings([row], QUARTER)[0].changes]
    assert kinds == ["churn", "reactivation"]


def test_who_left_before_and_returns_is_no_expansion() -> None:
    row = customer("a", (OPEN - 90, 100), (OPEN - 30, 0), (AUGUST, 300))
    found = figures("snapshot", row, customer("b", (OPEN, 100)))
    assert (value(found["nrr"]), value(found["expansion"])) == (1.0, 0.0)
    assert movement(standings([row], QUARTER)).reactivation == 300


def test_nothing_below_the_line_is_not_defined() -> None:
    for method in METHODS:
        assert all(figure.value is None for figure in figures(method).values()), method
    free = customer("free", (OPEN, 0), (AUGUST, 100), since=OPEN)
    assert figures("snapshot", free)["nrr"].value is None


def test_what_is_not_known_is_in_no_revenue_but_a_start_makes_a_customer() -> None:
    row = customer("late", (AUGUST, 100), (SEPTEMBER, 0))
    found = figures("snapshot", row, customer("b", (OPEN, 100)))
    assert (found["nrr"].n, value(found["nrr"])) == (1, 1.0)
    assert (found["logo_churn"].n, value(found["logo_churn"])) == (2, 0.5)
    nobody = customer("x", (AUGUST, 100), since=None)
    assert standings([nobody], QUARTER)[0].rule == "not known at the start"
    assert movement(standings([nobody], QUARTER)).unexplained == 100


def test_stripe_and_baremetrics_look_at_their_own_days() -> None:
    early = customer("early", (OPEN, 1), (AUGUST, 0))
    late = customer("late", (OPEN, 1), (SEPTEMBER, 0))
    stays = customer("stays", (OPEN, 1))
    rows = (early, late, stays)
    assert value(figures("snapshot", *rows)["logo_churn"]) == pytest.approx(2 / 3)
    assert value(figures("stripe", *rows)["logo_churn"]) == 0.5
    assert value(figures("baremetrics", *rows)["logo_churn"]) == 0.5
    yearly = early._replace(annual=True)
    assert value(figures("baremetrics", yearly, late, stays)["logo_churn"]) == pytest.approx(2 / 3)


def test_baremetrics_takes_long_overdue_for_cancelled() -> None:
    for overdue, expected in ((CLOSE - 29, 0), (CLOSE - 30, 1), (CLOSE - 59, 1)):
        row = customer("a", (OPEN, 1), overdue=overdue)
        assert value(figures("baremetrics", row)["logo_churn"]) == expected
    # Cancelled before the window: no customer at its start any more.
    gone = customer("a", (OPEN, 1), overdue=CLOSE - 60)
    assert figures("baremetrics", gone)["logo_churn"].value is None


def test_chartmogul_counts_the_losses_of_new_customers_too() -> None:
    rows = [
        customer("old", (OPEN, 100)),
        customer("new", (AUGUST, 50), (SEPTEMBER, 0), since=AUGUST),
    ]
    assert value(figures("chartmogul", *rows)["gross_churn"]) == 0.5
    assert value(figures("movement", *rows)["gross_churn"]) == 0


def test_a_share_of_customers_has_an_interval_and_revenue_has_none() -> None:
    rows = [customer(f"a{n}", (OPEN, 100), *([(AUGUST, 0)] if n == 0 else [])) for n in range(10)]
    found = figures("snapshot", *rows)
    share = interval(found["logo_churn"])
    assert share is not None
    assert share.interval is not None
    assert share.interval.low == pytest.approx(0.0179, abs=5e-5)  # Wilson's of 1 of 10
    assert share.interval.high == pytest.approx(0.4042, abs=5e-5)
    assert interval(found["nrr"]) is None


def test_a_year_is_an_exponent() -> None:
    assert annualised(0.1, 73) == pytest.approx(1 - 0.9**5)
    assert annualised(1.2, 73) is None


# --- currencies


def test_amounts_of_several_currencies_are_never_just_summed() -> None:
    rows = [customer("a", (OPEN, 100), (AUGUST, 50)), customer("b", (OPEN, 100), currency="GBP")]
    apart = {(c, f.name): value(f) for c, f in compute("snapshot", rows, QUARTER, RULES)}
    assert (apart["EUR", "nrr"], apart["GBP", "nrr"], apart["", "logo_churn"]) == (0.5, 1.0, 0.0)
    stated = MetricWeights.model_validate(RULES.model_dump() | {"rates": {"GBP": 2.0}})
    joined = {(c, f.name): f for c, f in compute("snapshot", rows, QUARTER, stated)}
    assert joined["EUR", "nrr"].bottom == 300
    assert value(joined["EUR", "nrr"]) == pytest.approx(250 / 300)
    lacking = [*rows, customer("c", (OPEN, 100), currency="NOK")]
    books, without = in_currencies(lacking, stated)
    assert (sorted(books), without) == (["EUR", "NOK"], ["NOK"])


def test_rates_say_what_they_turn_amounts_into() -> None:
    for wrong in (
        {"currency": None, "rates": {"GBP": 1.1}},
        {"rates": {"EUR": 2.0}},
        {"lost_steps": ["x"]},
    ):
        with pytest.raises(ValueError, match=r"currency|worth 1|no step"):
            MetricWeights.model_validate(RULES.model_dump() | wrong)


# --- where the history comes from


def told(
    profile: dict[str, Any],
    rows: list[Point] | None = None,
    past: list[Point] | None = None,
    **more: Any,
) -> History:
    return history("a", profile, rows or [], past or [], TODAY, RULES, currency="EUR", **more)


def row(day: str, amount: int) -> Point:
    return Point(dt.date.fromisoformat(day).toordinal(), Decimal(amount), f"measures:{day}")


def on(found: History, day: str) -> int | None:
    point = found.at(dt.date.fromisoformat(day).toordinal())
    return None if point is None else int(point.value)


def test_measurements_come_first_then_git_then_the_profile() -> None:
    profile = {"mrr": 300, "started": "2025-01-01"}
    assert told(profile).basis == PROFILE
    assert on(told(profile), "2026-11-16") == 300
    assert on(told(profile), "2026-11-15") is None
    found = told(profile, past=[row("2026-08-31", 200)])
    assert (found.basis, on(found, "2026-09-15"), on(found, "2026-11-16")) == (GIT, 200, 300)
    found = told(profile, [row("2026-09-10", 250)], [row("2026-08-31", 200)])
    assert (found.basis, on(found, "2026-09-01"), on(found, "2026-11-16")) == (MEASURED, 200, 250)
    assert found.notes == ("the profile states another MRR than was last measured",)
    assert on(told(profile), "2024-12-31") == 0


def test_the_first_measurement_holds_back_to_a_start_shortly_before() -> None:
    assert on(told({"started": "2026-08-25"}, [row("2026-09-10", 100)]), "2026-08-25") == 100
    long_ago = {"started": "2025-08-25"}
    assert on(told(long_ago, [row("2026-09-10", 100)]), "2026-08-25") is None
    found = told(long_ago, [row("2026-09-10", 100)], constant=True)
    assert (on(found, "2026-08-25"), found.assumed) == (100, True)
    # Who was measured before the stated start was a customer before.
    assert on(told({"started": "2026-09-20"}, [row("2026-09-10", 100)]), "2026-09-12") == 100


def test_the_end_is_the_day_that_the_profile_tells() -> None:
    rows = [row("2026-06-01", 900)]
    left = {"mrr": 0, "started": "2024-06-01"}
    stage = {"step": "win_back_campaign", "stage_since": "2026-07-04"}
    found = told(left | stage, rows)
    assert (on(found, "2026-07-03"), on(found, "2026-07-04")) == (900, 0)
    past = [{"stage": "churn_risk", "step": "win_back_campaign", "at": "2026-07-05"}]
    assert on(told(left | {"stage_history": past}, rows), "2026-07-05") == 0
    assert on(told({"churned": "2026-07-06", "started": "2024-06-01"}, rows), "2026-07-06") == 0
    found = told(left, rows)
    assert (on(found, "2026-11-15"), on(found, "2026-11-16")) == (900, 0)
    assert "when it ended is not known" in found.notes[0]
    # What was measured later counts more, and so does revenue that the profile states.
    back = told(left | {"ended": "2026-05-01", "mrr": 900}, rows)
    assert on(back, "2026-11-16") == 900
    assert on(told(left | stage | {"mrr": 900}, rows), "2026-11-16") == 900


def test_a_customer_without_any_amount_is_one_until_its_end() -> None:
    found = told({"started": "2026-01-01", "ended": "2026-08-10"})
    days = [dt.date(2026, month, 10).toordinal() for month in (1, 7, 8, 9)]
    assert [found.active(day) for day in days] == [True, True, False, False]
    assert found.active(dt.date(2025, 12, 31).toordinal()) is False
    assert told({}).active(TODAY) is None


def test_spikes_are_marked_and_nothing_else() -> None:
    months = [*Period(dt.date(2026, 4, 1), dt.date(2026, 9, 30)).month_ends()]

    def seen(*values: int) -> list[int]:
        points = tuple(Point(day, Decimal(v), "") for day, v in zip(months, values, strict=True))
        return spikes(History("a", "EUR", points, None, "measures"), months, RULES.spike)

    assert seen(1000, 1000, 3000, 1000, 1000, 1000) == [months[2]]
    assert seen(1000, 1000, 3000, 3000, 3000, 3000) == []  # it stays
    assert seen(1000, 1000, 2000, 900, 900, 900) == []  # exactly twice is not more than twice
    assert seen(100, 100, 900, 100, 100, 100) == []  # too small


# --- periods


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2026Q3", "2026-07-01", "2026-09-30"),
        ("2026-q1", "2026-01-01", "2026-03-31"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2026-06..2026-08", "2026-06-01", "2026-08-31"),
        ("2026-06-15..2026-07-14", "2026-06-15", "2026-07-14"),
        ("2026", "2026-01-01", "2026-11-16"),  # what is still to come is cut off
        ("", "2026-07-01", "2026-09-30"),  # the last whole quarter
    ],
)
def test_periods(text: str, first: str, last: str) -> None:
    found = Period.parse(text, dt.date(2026, 11, 16))
    assert (str(found.first), str(found.last)) == (first, last)


@pytest.mark.parametrize(
    "text", ["x", "2026Q5", "2026-13", "2026-02-30", "2027", "2026-08..2026-07", "0000"]
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(UsageError, match="--period"):
        Period.parse(text, dt.date(2026, 11, 16))


def test_the_period_before_is_of_the_same_kind() -> None:
    today = dt.date(2026, 11, 16)
    for text, before in (
        ("2026Q1", "2025-10-01 to 2025-12-31"),
        ("2026-03", "2026-02-01 to 2026-02-28"),
        ("2026-09-10..2026-09-19", "2026-08-31 to 2026-09-09"),
    ):
        assert str(Period.parse(text, today).before) == before
    assert QUARTER.days == 92
    assert [dt.date.fromordinal(day).month for day in QUARTER.month_ends()] == [7, 8, 9]
