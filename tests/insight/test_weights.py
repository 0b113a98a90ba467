from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight.health_weights import INPUTS
from crmctl.insight.recommend import PLAYS
from crmctl.insight.weights import Weights, lint, load_weights
from crmctl.model.errors import ConfigError
from crmctl.workflow.actions import ACTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = (REPOSITORY / "weights.yaml").read_text(encoding="utf-8")


def test_the_shipped_weights_add_up_and_use_every_input(weights: Weights) -> None:
    assert lint(weights) == []
    assert {name: f.weight for name, f in weights.health.factors.items()} == {
        "usage": 30,
        "support": 20,
        "relationship": 25,
        "outcomes": 25,
    }
    used = {name for factor in weights.health.factors.values() for name in factor.inputs}
    assert used == INPUTS


def test_every_input_and_gate_has_a_play() -> None:
    assert PLAYS.keys() == INPUTS | {"champion_left", "notice_given", "payment_overdue"}
    assert {action for _, action in PLAYS.values()} <= ACTIONS.keys()


def test_a_workspace_without_weights_uses_the_shipped_ones(
    tmp_path: Path, weights: Weights
) -> None:
    assert load_weights(tmp_path) == weights


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("weight: 30", "weight: much", "health.factors.usage.weight"),
        ("active_share:", "active_shares:", "active_shares is no input"),
        ("better: higher", "better: lower", "lower is better, yet the curve rises"),
        ("inclusive\n", "sometimes\n", "boundary"),
        ("coverage_floor: 0.4", "coverage_floor: 40", "coverage_floor"),
        ("coverage_floor: 0.4", "coverage_floor: .nan", "not a finite number"),
        ("cap: 59", "cap: 590", "champion_left.cap"),
        ("field: industry", "field: sector", "sector is no field of an account"),
        ("usage_age:", "champion:", "champion stands in two factors"),
        ("rewrite_step: 5", "rewrite_step: 0", "rewrite_step"),
        ("buying_roles: [", "buying_roles: [boss, ", "boss is no role"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(
    tmp_path: Path, old: str, new: str, wrong: str
) -> None:
    text = SHIPPED.replace(old, new, 1)
    assert text != SHIPPED
    (tmp_path / "weights.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_weights(tmp_path)
    assert wrong in str(caught.value)
    assert re.match(r"weights\.yaml:[1-9]\d*: ", str(caught.value))


def changed(weights: Weights, *path: str, to: Any) -> Weights:
    data = weights.model_dump()
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return Weights.model_validate(data)


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        (("health", "factors", "usage", "weight"), 70, "the weights add up to 140, not 100"),
        (("health", "factors", "usage", "weight"), 0, "weighs nothing"),
        (("health", "status", "bands"), {"green": 80, "red": 10}, "no band starts at 0"),
        (("health", "status", "bands"), {"a": 80, "b": 80, "c": 0}, "one is never reached"),
        (("health", "gates", "champion_left", "cap"), 85, "it changes no status"),
        (("icp", "tiers"), {"boundary": "exclusive", "bands": {"A": 100, "B": 0}}, "never reached"),
    ],
)
def test_lint_says_what_is_probably_not_meant(
    weights: Weights, path: tuple[str, ...], to: Any, says: str
) -> None:
    found = lint(changed(weights, *path, to=to))
    assert any(says in problem.message for problem in found)
    assert {problem.severity for problem in found} == {"warning"}


def test_lint_flags_a_published_scorecard_that_does_not_add_up(weights: Weights) -> None:
    """Product 95 from 30 + 25 + 20 + 10: the parts are 85."""
    inputs = weights.model_dump()["health"]["factors"]["usage"]["inputs"]
    for name, weight in zip(inputs, (30, 25, 20, 10, 0, 0), strict=True):
        inputs[name]["weight"] = weight
    plain = changed(weights, "health", "scorecards", to={})
    found = lint(changed(plain, "health", "factors", "usage", "inputs", to=inputs))
    assert [str(p) for p in found] == [
        "weights.yaml: health.factors.usage.inputs: the weights add up to 85, not 100"
    ]
