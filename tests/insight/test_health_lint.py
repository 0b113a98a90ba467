"""What is said of health weights that are allowed and cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from crmctl.insight.health import Health, score
from crmctl.insight.health_lint import lint_health, unfilled
from crmctl.insight.health_weights import INPUTS, HealthWeights
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.weights import Weights

FALLING_SHORT = {"better": "higher", "curve": [[0, 0], [1, 70]]}
NEVER_NONE = {"better": "higher", "curve": [[0, 45], [1, 100]]}
FULL = {"better": "higher", "curve": [[0, 0], [1, 100]]}


def of(weights: Weights, *curves: dict[str, Any], **other: Any) -> HealthWeights:
    """One factor with these inputs, all of the same weight."""
    names = sorted(INPUTS)[: len(curves)]
    share = 100 / len(curves)
    inputs = {n: {"weight": share, **curve} for n, curve in zip(names, curves, strict=True)}
    data = weights.health.model_dump() | {"factors": {"all": {"weight": 100, "inputs": inputs}}}
    return HealthWeights.model_validate(data | {"scorecards": {}} | other)


def said(health: HealthWeights) -> list[str]:
    return [text for _, text in lint_health(health)]


def bands(boundary: str = "inclusive", **starts: float) -> dict[str, Any]:
    return {"boundary": boundary, "bands": starts}


def test_curves_that_never_reach_an_end_are_pointed_at(weights: Weights) -> None:
    found = said(of(weights, FULL, FALLING_SHORT, NEVER_NONE, status=bands(all=0)))
    assert found[:2] == [
        "its best is 70: no value earns 100, yet ranges count on it",
        "its worst is 45: no value earns 0, yet ranges count on it",
    ]
    idle = of(weights, FULL, FALLING_SHORT).model_dump()
    for name, spec in idle["factors"]["all"]["inputs"].items():
        spec["weight"] = 100 if name == min(INPUTS) else 0
    assert said(HealthWeights.model_validate(idle)) == []


@pytest.mark.parametrize(
    ("curves", "status", "unreached"),
    [
        # The best of (100 + 70) / 2 is 85.
        ((FULL, FALLING_SHORT), bands(top=85, low=0), ""),
        ((FULL, FALLING_SHORT), bands(top=85.1, low=0), "top is never reached: the best"),
        ((FULL, FALLING_SHORT), bands("exclusive", top=85, low=0), "top is never reached"),
        ((FULL, FALLING_SHORT), bands("exclusive", top=84.9, low=0), ""),
        # The worst is 45, and a gate's cap of 39 or 59 is the only way below.
        ((NEVER_NONE,), bands(top=46, low=0), ""),
        ((NEVER_NONE,), bands(top=45, mid=40, low=0), "mid is never reached: the worst"),
        ((NEVER_NONE,), bands(top=45, mid=38, low=0), "low is never reached: the worst"),
        ((NEVER_NONE,), bands("exclusive", top=45, mid=40, low=0), ""),
        ((NEVER_NONE,), bands("exclusive", top=44, mid=40, low=0), "mid is never reached"),
    ],
)
def test_bands_out_of_reach_at_the_exact_boundary(
    weights: Weights, curves: tuple[dict[str, Any], ...], status: dict[str, Any], unreached: str
) -> None:
    found = [text for text in said(of(weights, *curves, status=status)) if "reached" in text]
    assert len(found) == bool(unreached)
    assert all(unreached in text for text in found)


def health_of(weights: Weights, *known: str, card: str = "") -> Health:
    facts: Facts = {name: Fact(0.5) for name in known}
    used = weights.model_copy(update={"health": weights.health.by_card(card)})
    return score(facts, used)


def test_inputs_that_no_customer_has_are_named_with_their_factor(weights: Weights) -> None:
    every = [health_of(weights, *(INPUTS - {"breadth", "champion"}))] * 4
    health = weights.health
    assert list(unfilled(health, every)) == []
    assert list(unfilled(health, [*every, health_of(weights)])) == [
        ("health.factors.usage.inputs", "nobody fills breadth: known of none of 5 customers"),
        ("health.factors.relationship.inputs", "nobody fills champion: known of none of 5 customers"),
    ]  # fmt: skip
    one_has = [*every, health_of(weights, "breadth", "champion")]
    assert list(unfilled(health, one_has)) == []
    # Prospects are asked for nothing, and make no number.
    prospects = [health_of(weights, "breadth", card="not_a_customer")] * 9
    assert list(unfilled(health, [*every, *prospects])) == []
    assert len(list(unfilled(health, [*every, *prospects, health_of(weights)]))) == 2
    never = health.model_copy(update={"unfilled_from": None})
    assert list(unfilled(never, [*every, *every])) == []
