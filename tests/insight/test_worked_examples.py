"""Health scores that others have published with their inputs: the same inputs must give the same answer here."""

from __future__ import annotations

import datetime as dt
from math import fsum

import pytest

from crmctl.insight.curves import Band, band, curve_problem
from crmctl.insight.explain import lines
from crmctl.insight.health import Health, score
from crmctl.insight.health_lint import lint_health
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.weights import Weights, lint
from crmctl.model.numbers import half_up

DAY = dt.date(2026, 11, 22)
# A factor: its weight, and (value, weight) of each input.
Factors = dict[str, tuple[float, list[tuple[float, float]]]]


def scored(shipped: Weights, factors: Factors, best: float = 100) -> Health:
    """The health of these inputs, which run from 0 to ``best`` in straight lines."""
    names = iter(sorted(INPUTS))
    spec: dict[str, object] = {}
    facts: Facts = {}
    curve = {"better": "higher", "curve": [[0, 0], [best, 100]]}
    for factor, (weight, inputs) in factors.items():
        chosen = [(next(names), value, own) for value, own in inputs]
        facts |= {name: Fact(value, DAY) for name, value, _ in chosen}
        own = {name: {"weight": own, **curve} for name, _, own in chosen}
        spec[factor] = {"weight": weight, "inputs": own}
    own = {"factors": spec, "scorecards": {}}
    health = type(shipped.health).model_validate(shipped.health.model_dump() | own)
    found = score(facts, shipped.model_copy(update={"health": health}))
    points = fsum(line.points or 0 for line in lines(found, DAY) if line.kind == "input")
    assert points == pytest.approx(found.score, abs=1e-9)
    return found


def test_weights_of_any_sum_over_means_of_metrics(weights: Weights) -> None:
    """Natero's four parts with the weights 7, 5, 8, 3: engagement 71, usage 78 to 79, total 75."""
    health = scored(
        weights,
        {
            "predictive": (7, [(83, 1)]),
            "engagement": (5, [(76, 1), (65, 1)]),
            "usage": (8, [(81, 1), (65, 1), (90, 1)]),
            "judgement": (3, [(54, 1)]),
        },
    )
    assert half_up(health.factor("engagement") or 0) == "71"
    assert health.factor("usage") == pytest.approx(236 / 3)
    assert health.score == pytest.approx(74.99, abs=0.005)
    assert half_up(health.score or 0) == "75"


def test_the_same_with_the_weights_of_its_second_page(weights: Weights) -> None:
    """2, 3, 3, 2: total 75."""
    health = scored(
        weights,
        {
            "support": (2, [(80, 1)]),
            "engagement": (3, [(76, 1), (65, 1)]),
            "feature": (3, [(90, 1)]),
            "judgement": (2, [(54, 1)]),
        },
    )
    assert health.score == pytest.approx(74.95)
    assert half_up(health.score or 0) == "75"


def test_a_parent_and_its_children_count_alike(weights: Weights) -> None:
    """Planhat's parent of 10 with three children of 5: 6.25 of 10, shown as 6."""
    health = scored(weights, {"all": (1, [(10, 1), (5, 1), (5, 1), (5, 1)])}, best=10)
    assert (health.score or 0) / 10 == pytest.approx(6.25)
    assert half_up((health.score or 0) / 10) == "6"


@pytest.mark.parametrize(
    ("values", "points", "total", "colour"),
    [
        ((3, 2, 2, 3, 4), (18, 8, 8, 9, 12), 55, "red"),
        ((4, 2, 4, 3, 3), (24, 8, 16, 9, 9), 66, "amber"),
    ],
)
def test_a_scorecard_of_one_to_five(
    weights: Weights, values: tuple[int, ...], points: tuple[int, ...], total: int, colour: str
) -> None:
    """Five dimensions, 30, 20, 20, 15 and 15 per cent: the points of each, the sum and the colour."""
    shares = zip(values, (30, 20, 20, 15, 15), strict=True)
    health = scored(
        weights, {f"d{n}": (share, [(value, 1)]) for n, (value, share) in enumerate(shares)}, best=5
    )
    assert [factor.points for factor in health.factors] == pytest.approx(points)
    assert health.score == pytest.approx(total)
    bands = [Band("green", 80), Band("amber", 60), Band("red", 0)]
    assert band(health.score or 0, bands, "inclusive") == colour


def test_pillars_of_different_size(weights: Weights) -> None:
    """28 of 40, 12 of 15, 14 of 25 and 8 of 20 make 62."""
    pillars = ((28, 40), (12, 15), (14, 25), (8, 20))
    health = scored(
        weights, {f"p{n}": (of, [(got / of, 1)]) for n, (got, of) in enumerate(pillars)}, best=1
    )
    assert health.score == pytest.approx(62)
    assert [factor.points for factor in health.factors] == pytest.approx([28, 12, 14, 8])


@pytest.mark.parametrize(
    ("value", "colour"), [(0, "red"), (50, "red"), (51, "yellow"), (75, "yellow"), (76, "green")]
)
def test_bands_that_leave_out_their_lower_bound(value: float, colour: str) -> None:
    """Gainsight's ranges 0 to 50, 50 to 75, 75 to 100; what is between 50 and 51 is above 50."""
    bands = [Band("red", 0), Band("yellow", 50), Band("green", 75)]
    assert band(value, bands, "exclusive") == colour
    assert band(50.4, bands, "exclusive") == "yellow"


def test_shares_of_accounts_are_rounded_half_up_alike() -> None:
    """Published: 57.5 as 58, but 2.5 as 2. One rule gives 58 and 3."""
    october = [half_up(100 * count / 40) for count in (23, 12, 4, 1)]
    assert october == ["58", "30", "10", "3"]
    december = [half_up(100 * count / 40) for count in (18, 13, 7, 2)]
    assert december == ["45", "33", "18", "5"]


def test_a_published_sum_that_its_parts_do_not_give(weights: Weights) -> None:
    """6.0, 5.0, 7.5 and 5.0 were printed as 31; they make 23.5, and parts that do not make 100 are pointed at."""
    parts = (6.0, 5.0, 7.5, 5.0)
    health = scored(
        weights, {f"p{n}": (25, [(part / 25, 1)]) for n, part in enumerate(parts)}, best=1
    )
    assert health.score == pytest.approx(23.5)
    thirds = weights.health.model_dump()
    thirds["factors"]["usage"]["weight"] = 33
    odd = weights.model_copy(update={"health": type(weights.health).model_validate(thirds)})
    assert [p.message for p in lint(odd)] == ["the weights add up to 103, not 100"]


def test_published_rows_that_make_more_than_their_total(weights: Weights) -> None:
    """Behaviour was printed as 38 from 15, 5, 8, 5, 4 and 6, fit as 35 from 10, 10, 15 and 5: they make 43 and 40."""
    rows = {"behaviour": (15, 5, 8, 5, 4, 6), "fit": (10, 10, 15, 5)}
    health = scored(
        weights, {n: (fsum(r), [(1, own) for own in r]) for n, r in rows.items()}, best=1
    )
    points = {
        f.name: (f.points or 0) * fsum(map(fsum, rows.values())) / 100 for f in health.factors
    }
    assert points == {"behaviour": pytest.approx(43), "fit": pytest.approx(40)}
    names = iter(sorted(INPUTS))
    curve = {"better": "higher", "curve": [[0, 0], [1, 100]]}
    spec = {
        n: {"weight": 50, "inputs": {next(names): {"weight": own, **curve} for own in r}}
        for n, r in rows.items()
    }
    own = weights.health.model_dump() | {"factors": spec, "scorecards": {}}
    used = type(weights.health).model_validate(own)
    assert [text for _, text in lint_health(used)] == [
        "the weights add up to 43, not 100",
        "the weights add up to 40, not 100",
    ]


def test_points_that_decay_in_a_straight_line(weights: Weights) -> None:
    """HubSpot's 10 points at 50 % a month: 5 after one month, none after two, and none later."""
    age = {"weight": 100, "better": "lower", "curve": [[0, 100], [60, 0]]}
    rest = {"weight": 100, "better": "higher", "curve": [[0, 0], [1, 100]]}
    spec = {
        "event": {"weight": 10, "inputs": {"days_since_contact": age}},
        "rest": {"weight": 90, "inputs": {"breadth": rest}},
    }
    own = weights.health.model_dump() | {"factors": spec, "scorecards": {}}
    used = weights.model_copy(update={"health": type(weights.health).model_validate(own)})
    for days, points in ((0, 10), (30, 5), (45, 2.5), (60, 0), (90, 0)):
        found = score({"days_since_contact": Fact(days), "breadth": Fact(0.0)}, used)
        assert found.score == pytest.approx(points)


def test_a_scale_that_contradicts_its_points_is_refused() -> None:
    """Published: 100 is the highest risk, and points go up for good behaviour."""
    assert curve_problem([(0, 0), (100, 100)], "lower") == "lower is better, yet the curve rises"
