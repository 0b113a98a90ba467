from __future__ import annotations

import datetime as dt
import json
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmctl.insight.health import Health, explain, score
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.weights import Weights

VALUES = st.none() | st.floats(-1000, 1000)
FACTS = st.fixed_dictionaries({name: VALUES.map(Fact) for name in sorted(INPUTS)})
GATES = ("champion_left", "notice_given", "payment_overdue")


def worth(weights: Weights, points: dict[str, float]) -> Facts:
    """Facts whose inputs all normalise to the points of their factor."""
    facts: Facts = {}
    for name, target in points.items():
        for input_name, spec in weights.health.factors[name].inputs.items():
            (x0, y0), (x1, y1) = next(
                (a, b)
                for a, b in zip(spec.curve, spec.curve[1:], strict=False)
                if min(a[1], b[1]) <= target <= max(a[1], b[1]) and a[1] != b[1]
            )
            facts[input_name] = Fact(x0 + (x1 - x0) * (target - y0) / (y1 - y0))
    return facts


@st.composite
def reweighted(draw: st.DrawFn, weights: Weights) -> Weights:
    """The shipped weights with other numbers for every weight."""
    data = weights.model_dump()
    for factor in data["health"]["factors"].values():
        factor["weight"] = draw(st.floats(0.1, 100))
        for spec in factor["inputs"].values():
            spec["weight"] = draw(st.floats(0.1, 100))
    return Weights.model_validate(data)


def test_the_four_factors_weigh_30_20_25_25(weights: Weights) -> None:
    facts = worth(weights, {"usage": 90, "support": 50, "relationship": 70, "outcomes": 30})
    health = score(facts, weights)
    assert health.score == pytest.approx(0.30 * 90 + 0.20 * 50 + 0.25 * 70 + 0.25 * 30)
    assert health.coverage == pytest.approx(1)
    assert health.low == pytest.approx(health.high)


@pytest.mark.parametrize(
    ("points", "status"),
    [
        (80, "excellent"),
        (79.99, "good"),
        (60, "good"),
        (59.99, "at_risk"),
        (40, "at_risk"),
        (39.99, "critical"),
    ],
)
def test_status_at_the_exact_boundary(weights: Weights, points: float, status: str) -> None:
    facts = worth(weights, dict.fromkeys(weights.health.factors, points))
    assert score(facts, weights).status == status


@given(st.data(), FACTS, st.sets(st.sampled_from(GATES)))
@settings(max_examples=200)
def test_points_add_up_and_the_true_score_lies_in_the_range(
    weights: Weights, data: st.DataObject, facts: Facts, shut: set[str]
) -> None:
    other = data.draw(reweighted(weights))
    facts = facts | {gate: Fact(100, note=gate) for gate in shut}
    health = score(facts, other)
    if health.score is not None and health.mean is not None:
        assert fsum(i.points or 0 for i in health.inputs()) == pytest.approx(health.mean, abs=1e-9)
        assert fsum(f.points or 0 for f in health.factors) == pytest.approx(health.mean, abs=1e-9)
        parts = [r.points or 0 for r in explain(health) if r.kind in {"input", "gate"}]
        assert fsum(parts) == pytest.approx(health.score, abs=1e-9)
        assert health.low - 1e-9 <= health.score <= health.high + 1e-9
    blanks = {name: Fact(data.draw(st.floats(-1000, 1000))) for name in INPUTS}
    full = score(facts | {n: f for n, f in blanks.items() if facts[n].value is None}, other)
    assert full.score is not None
    assert health.low - 1e-9 <= full.score <= health.high + 1e-9


@given(FACTS, st.sampled_from(sorted(INPUTS)))
def test_removing_an_input_changes_no_other_and_is_not_zero(
    weights: Weights, facts: Facts, gone: str
) -> None:
    before, after = score(facts, weights), score(facts | {gone: Fact(None)}, weights)
    without = score({n: f for n, f in facts.items() if n != gone}, weights)
    kept = {i.name: i.normalised for i in after.inputs() if i.name != gone}
    assert kept == {i.name: i.normalised for i in before.inputs() if i.name != gone}
    lost = next(i for i in after.inputs() if i.name == gone)
    assert (lost.normalised, lost.points, lost.weight_effective) == (None, None, 0)
    assert (after.score, after.coverage) == (without.score, without.coverage)


def test_below_the_floor_there_is_no_score_but_a_reason(weights: Weights) -> None:
    health = score(worth(weights, {"relationship": 100}), weights)
    assert (health.score, health.status, health.recommendations) == (None, None, ())
    assert "25 % of the evidence is known and a score needs 40 %" in health.reason
    assert "usage, support, outcomes" in health.reason
    assert (health.low, health.high) == (25, 100)


def test_coverage_of_exactly_the_floor_is_enough(weights: Weights) -> None:
    data = weights.model_dump()
    data["health"]["coverage_floor"] = 0.45
    health = score(worth(weights, {"support": 80, "outcomes": 80}), Weights.model_validate(data))
    assert health.score == pytest.approx(80)
    assert health.status == "excellent"


@pytest.mark.parametrize(
    ("gate", "cap", "status"),
    [
        ("champion_left", 59, "at_risk"),
        ("notice_given", 39, "critical"),
        ("payment_overdue", 59, "at_risk"),
    ],
)
def test_a_gate_overrules_the_average(weights: Weights, gate: str, cap: float, status: str) -> None:
    facts = worth(weights, dict.fromkeys(weights.health.factors, 90.0))
    health = score(facts | {gate: Fact(90, None, "here", "because")}, weights)
    assert (health.score, health.status) == (cap, status)
    assert health.mean == pytest.approx(90)
    line = next(row for row in explain(health) if row.kind == "gate")
    assert line.points == pytest.approx(cap - 90)
    assert (line.source, line.note) == ("here", f"because: at most {cap:g}")
    assert health.recommendations[0].input == gate


def test_a_payment_is_overdue_only_after_some_days(weights: Weights) -> None:
    facts = worth(weights, dict.fromkeys(weights.health.factors, 90.0))
    assert score(facts | {"payment_overdue": Fact(60)}, weights).status == "excellent"
    assert score(facts | {"payment_overdue": Fact(61)}, weights).status == "at_risk"


def test_a_gate_that_leaves_one_status_only_decides_without_a_score(weights: Weights) -> None:
    health = score({"notice_given": Fact(3)}, weights)
    assert (health.score, health.status) == (None, "critical")


def test_a_score_survives_json(weights: Weights) -> None:
    day = dt.date(2026, 3, 1)
    facts = worth(weights, {"usage": 30, "support": 80}) | {
        "notice_given": Fact(3, day, "a#b", "c")
    }
    facts["usage_growth"] = Fact(-0.2, day, "x:1", "note")
    health = score(facts, weights)
    assert Health.from_json(json.loads(json.dumps(health.as_json()))) == health


def test_recommendations_come_by_points_at_stake(weights: Weights) -> None:
    facts = worth(weights, {"usage": 20, "support": 100, "relationship": 60, "outcomes": 100})
    health = score(facts, weights)
    stakes = [r.points for r in health.recommendations]
    assert stakes == sorted(stakes, reverse=True)
    assert health.recommendations[0].input == "active_share"
    assert stakes[0] == pytest.approx(0.3 * 0.4 * 80)
    assert min(stakes) >= weights.health.recommendations.at_least_points
    assert health.reasons == [r.input for r in health.recommendations]


def test_what_is_unknown_is_no_recommendation(weights: Weights) -> None:
    health = score(worth(weights, {"usage": 100, "support": 100}), weights)
    assert health.recommendations == ()
    assert health.value("usage_growth") is not None
    assert (health.value("champion"), health.factor("outcomes")) == (None, None)
