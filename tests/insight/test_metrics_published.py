"""Retention, churn, cohorts and promoter scores that others have published with their inputs: the same comes out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest

from crmctl.insight.metrics_cohorts import Cell, average
from crmctl.insight.metrics_history import History, Point, history, stated
from crmctl.insight.metrics_ledger import Customer, standings
from crmctl.insight.metrics_methods import METHODS
from crmctl.insight.metrics_nps import counted, nps
from crmctl.insight.metrics_period import Period
from crmctl.insight.metrics_revenue import (
    Figure,
    annualised,
    carried,
    difference,
    expected_life,
    movement,
)
from crmctl.insight.metrics_weights import metric_weights
from crmctl.model.numbers import half_up

RULES = metric_weights(None)
MONTH = Period(dt.date(2026, 9, 1), dt.date(2026, 9, 30))
BEGIN, INSIDE, LATER = MONTH.opening, MONTH.opening + 10, MONTH.opening + 20


def account(name: str, *points: tuple[int, float], since: int | None = BEGIN - 400) -> Customer:
    found = tuple(Point(day, Decimal(str(value)), f"{name}:{day}") for day, value in points)
    return Customer(History(name, "EUR", found, since, "measures"))


def book(
    start: float, *, churn: float = 0, contraction: float = 0, expansion: float = 0
) -> list[Customer]:
    """Three customers: one leaves, one shrinks by as much, one grows; what is left of the start is the third's."""
    rest = start - churn - 2 * contraction
    rows = [account("rest", (BEGIN, rest), (INSIDE, rest + expansion))]
    if churn:
        rows.append(account("gone", (BEGIN, churn), (INSIDE, 0)))
    if contraction:
        rows.append(account("less", (BEGIN, 2 * contraction), (INSIDE, contraction)))
    return rows


def figures(method: str, rows: list[Customer], period: Period = MONTH) -> dict[str, Figure]:
    return {figure.name: figure for figure in METHODS[method].compute(rows, period, RULES)}


def shown(figure: Figure, digits: int = 1) -> str:
    assert figure.value is not None
    return half_up(float(figure.value) * 100, digits)


@pytest.mark.parametrize("method", ["snapshot", "movement"])
@pytest.mark.parametrize(
    ("start", "churn", "contraction", "expansion", "name", "published"),
    [
        (100_000, 8_000, 5_000, 15_000, "nrr", "102.0"),  # M1
        (200_000, 6_000, 4_000, 20_000, "nrr", "105.0"),  # M3
        (50_000, 3_000, 2_000, 0, "grr", "90.0"),  # M5
        (100, 10, 10, 10, "gross_churn", "20.0"),  # M7, whose net is
        (100, 10, 10, 10, "net_churn", "10.0"),
        (100_000, 8_000, 0, 0, "gross_churn", "8.0"),  # M15
        (100_000, 0, 0, 10_000, "nrr", "110.0"),  # M33
        (50_000, 2_000, 3_000, 6_000, "nrr", "102.0"),  # M35
        (50_000, 2_000, 3_000, 6_000, "net_churn", "-2.0"),
    ],
)
def test_retention(
    method: str,
    start: float,
    churn: float,
    contraction: float,
    expansion: float,
    name: str,
    published: str,
) -> None:
    rows = book(start, churn=churn, contraction=contraction, expansion=expansion)
    assert shown(figures(method, rows)[name]) == published


def test_the_end_of_m1_and_its_movements() -> None:
    moved = movement(
        standings(book(100_000, churn=8_000, contraction=5_000, expansion=15_000), MONTH)
    )
    assert moved.end == 102_000
    assert moved.end - moved.start == 2_000
    assert moved.unexplained == 0
    assert moved.quick_ratio == 15 / 13


def test_chartmogul_m7() -> None:
    rows = book(100, churn=10, contraction=10, expansion=10)
    found = figures("chartmogul", rows)
    assert (shown(found["gross_churn"]), shown(found["net_churn"])) == ("20.0", "10.0")


def test_m9_and_m25_days_add_up() -> None:
    one_day = [account("a", (BEGIN, 100), (INSIDE, 95))]
    two_days = [account("a", (BEGIN, 100), (INSIDE, 95), (LATER, 90))]
    assert shown(figures("chartmogul-daily", one_day)["gross_churn"]) == "5.0"
    assert shown(figures("chartmogul-daily", two_days)["gross_churn"], 2) == "10.26"
    assert shown(figures("chartmogul", two_days)["gross_churn"], 2) == "10.00"


def test_m11_an_annual_contract_is_a_twelfth_a_month() -> None:
    assert stated({"arr": 1200}, "profile.md") == (Decimal(100), "profile.md#arr")


def test_m13_one_list_of_events_and_three_honest_answers() -> None:
    rows = [account(f"stays-{n}", (BEGIN, 1)) for n in range(1120)]
    rows += [account(f"leaves-{n}", (BEGIN, 1), (INSIDE, 0)) for n in range(80)]
    rows += [account(f"visits-{n}", (INSIDE, 1), (LATER, 0), since=INSIDE) for n in range(10)]
    rows += [
        account(f"returns-{n}", (BEGIN - 90, 1), (BEGIN - 30, 0), (INSIDE, 1)) for n in range(15)
    ]
    assert shown(figures("growslash", rows)["logo_churn"], 2) == "5.42"
    assert shown(figures("snapshot", rows)["logo_churn"], 2) == "6.67"
    churn = figures("baremetrics", rows)["logo_churn"]  # all cancellations, over those at the start
    assert (int(churn.top), int(churn.bottom), shown(churn, 2)) == (90, 1200, "7.50")


def test_m17_m19_m27_lives_and_longer_periods() -> None:
    rows = [account(f"a{n}", (BEGIN, 1), *([(INSIDE, 0)] if n < 10 else [])) for n in range(500)]
    churn = figures("snapshot", rows)["logo_churn"].value
    assert churn == Fraction(2, 100)
    assert expected_life(float(churn)) == pytest.approx(50)
    assert carried(1 - 0.03, 1, 12) == pytest.approx(0.6938, abs=5e-5)
    assert annualised(0.03, 365 / 12) == pytest.approx(1 - 0.6938, abs=5e-5)
    assert expected_life(0.25) == 4
    assert expected_life(0.33) == pytest.approx(3, abs=0.05)
    assert expected_life(0) is None


def test_m21_points_are_not_percent() -> None:
    found = difference(Fraction(5, 100), Fraction(3, 100))
    assert found.points == pytest.approx(0.02)
    assert found.relative == pytest.approx(0.67, abs=0.005)


def test_m23_over_old_and_new_customers() -> None:
    # In hundreds, so that no more customers than needed are made: 505 at the start, 168 new, 279 lost.
    rows = [
        account(f"old-{n}", (BEGIN - 9, 1), *([(INSIDE, 0)] if n < 279 else [])) for n in range(505)
    ]
    rows += [account(f"new-{n}", (INSIDE, 1), since=INSIDE) for n in range(168)]
    assert shown(figures("stripe", rows)["logo_churn"]) == "41.5"
    assert shown(figures("baremetrics", rows)["logo_churn"]) == "55.2"


def test_m29_growth_of_expansion_is_no_expansion_rate() -> None:
    assert difference(Decimal(2000), Decimal(1500)).relative == pytest.approx(0.333, abs=0.0005)
    assert difference(Decimal(2000), Decimal(0)).relative is None


def test_m31_five_years_at_105_and_110() -> None:
    five_years = carried(1.10, 365, 5 * 365) / carried(1.05, 365, 5 * 365)
    assert five_years - 1 == pytest.approx(0.26, abs=0.005)


NRR = [
    42162,
    55433,
    56681,
    58264,
    46314,
    58841,
    49172,
    63241,
    66295,
    67559,
    57715,
    70583,
    60505,
    74126,
    75768,
    72524,
]
GRR = [
    54701,
    44136,
    55887,
    46883,
    49531,
    63112,
    63888,
    63112,
    64986,
    56902,
    57113,
    57561,
    72004,
    75163,
    75864,
    75693,
]


@pytest.mark.parametrize(
    ("began", "cells", "published", "mine"),
    [
        (NRR, "98 103 103 103 103 103 105 105 105 104 104 105 105 105 105", 104, 103.92),  # C1
        (NRR, "98 104 104 104 107 107 108 110 109 108 109 110 109", 107, 107.00),  # C3
        (GRR, "98 97 98 98 100 98 100 99 99 100 99 100 100 99 100", 99, 99.07),  # C5
        (GRR, "89 90 92 90 93 92 97 95 95 99", 94, 93.43),  # C7
        (GRR, "75 72 75", 74, 74.14),  # C9
    ],
)
def test_cohorts_are_weighted_by_what_they_began_with(
    began: list[int], cells: str, published: int, mine: float
) -> None:
    values = [int(cell) for cell in cells.split()]
    young: list[Cell | None] = [None] * (len(began) - len(values))
    old = [
        Cell(value / 100, Fraction(weight), 1) for value, weight in zip(values, began, strict=False)
    ]
    found = average([*old, *young])
    assert found is not None
    assert found.value is not None
    assert found.value * 100 == pytest.approx(mine, abs=0.005)
    assert abs(found.value * 100 - published) <= 1


def test_a_cohort_table_of_the_published_kind_comes_from_histories() -> None:
    from crmctl.insight.metrics_cohorts import Course, table

    def member(cohort: str, first: dt.date, began: float, after: float) -> tuple[str, Course]:
        day = first.toordinal()
        points = (Point(day, Decimal(str(began)), ""), Point(day + 20, Decimal(str(after)), ""))
        history = History(cohort, "EUR", points, day, "measures")
        return cohort, Course(history, range(3), dt.date(2026, 9, 30))

    members = [
        member("2026-07", dt.date(2026, 7, 1), 42162, 42162 * 0.98),
        member("2026-08", dt.date(2026, 8, 1), 55433, 55433 * 1.03),
        member("2026-09", dt.date(2026, 9, 10), 50000, 90000),
    ]
    found = table(members, "revenue", range(3), whole=True)
    assert [cell and cell.value for cell in found.rows[2].cells] == [1.0, None, None]
    cell = found.average[1]
    assert cell is not None
    assert cell.value == pytest.approx((42162 * 0.98 + 55433 * 1.03) / (42162 + 55433))
    gross = table(members, "gross", range(3), whole=True)
    assert gross.rows[1].cells[1] is not None
    assert gross.rows[1].cells[1].value == 1.0


@pytest.mark.parametrize(
    ("promoters", "passives", "detractors", "published"),
    [(60, 20, 20, 40), (9, 0, 0, 100), (0, 0, 9, -100)],  # N1, N3, N5
)
def test_promoters_less_detractors(
    promoters: int, passives: int, detractors: int, published: float
) -> None:
    assert counted(promoters, passives, detractors).score == published


def test_n7_n9_n11() -> None:
    counts = [2, 1, 1, 3, 4, 8, 10, 20, 35, 40, 60]
    found = nps([score for score, times in enumerate(counts) for _ in range(times)])
    assert (found.number, half_up(found.score or 0, 2)) == (184, "38.59")
    shares = [
        half_up(100 * n / 184, 1) for n in (found.promoters, found.passives, found.detractors)
    ]
    assert shares == ["54.3", "29.9", "15.8"]
    found = nps([9, 5, 10, 6, 4, 5, 7, 8, 8, 9, 6])
    assert (found.promoters, found.detractors, half_up(found.score or 0, 2)) == (3, 5, "-18.18")
    assert nps([1, 3, 2, 4, 1, 4, 8, 9, 10, 10, 9, 9, 8, 10, 6, 10]).score == 0


# --- what is printed wrong elsewhere


def test_t7_six_is_a_detractor() -> None:
    assert nps([6]).detractors == 1


def test_t9_the_scale_begins_at_zero_and_nothing_else_is_an_answer() -> None:
    found = nps([0, 11, -1, None, 7.5, 10])
    assert (found.number, found.detractors, found.promoters, found.dropped) == (2, 1, 1, 4)


def test_t11_the_interval_is_that_of_three_kinds_of_answers() -> None:
    widest = counted(75, 0, 25)  # 50, without passives
    narrow = counted(50, 50, 0)  # 50, without detractors
    assert widest.score == narrow.score == 50
    assert widest.interval is not None
    assert narrow.interval is not None
    half = (widest.interval.high - widest.interval.low) / 2
    assert half == pytest.approx(17, abs=0.5)
    assert (narrow.interval.high - narrow.interval.low) / 2 == pytest.approx(10, abs=0.5)
    few = counted(2, 0, 0).interval
    assert few is not None
    assert few.low < 50  # two promoters prove little


def test_t13_nrr_has_expansion_in_it() -> None:
    found = figures("snapshot", book(1000, churn=100, expansion=300))
    assert (shown(found["nrr"]), shown(found["grr"])) == ("120.0", "90.0")


def test_the_history_of_an_annual_contract_needs_no_measurement() -> None:
    found = history(
        "a", {"arr": 1200, "started": "2026-09-05"}, [], [], LATER, RULES, currency="EUR"
    )
    assert found.at(LATER) == Point(
        dt.date(2026, 9, 5).toordinal(), Decimal(100), "accounts/a/profile.md#arr"
    )
