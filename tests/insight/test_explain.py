"""A score to the point, and a change without a remainder: on thousands of random weights and data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from math import fsum
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crmctl.insight.evidence import Evidence, Override
from crmctl.insight.explain import Change, change, lines
from crmctl.insight.health import Health, score
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts, unknown
from crmctl.insight.past import Standing, now
from crmctl.insight.weights import Weights
from crmctl.insight.whatif import assume
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
EXACT = 1e-9
GATES = ("champion_left", "notice_given", "payment_overdue")
At = Callable[[Path, dt.date], Workspace]


def random_weights(rng: Random, shipped: Weights, *, cards: bool = False) -> Weights:
    """Weights with other factors, inputs, curves, caps and floors; some of them weigh nothing.

    With ``cards`` they have a scorecard for accounts with the plan odd.
    """
    names = rng.sample(sorted(INPUTS), rng.randint(1, len(INPUTS)))
    parts = [f"f{n}" for n in range(rng.randint(1, min(5, len(names))))]
    factors: dict[str, Any] = {
        part: {"weight": rng.choice((0, 1, 30, 0.1)), "inputs": {}} for part in parts
    }
    factors[parts[0]]["weight"] = rng.uniform(0.5, 50)
    for place, name in enumerate(names):
        part = parts[place] if place < len(parts) else rng.choice(parts)
        weight = rng.choice((0, 1, 25, 0.3)) if factors[part]["inputs"] else rng.uniform(1, 60)
        factors[part]["inputs"][name] = {"weight": weight, **random_curve(rng)}
    health = shipped.health.model_dump() | {"factors": factors}
    health["coverage_floor"] = rng.choice((0, 0.2, 0.4))
    for gate in health["gates"].values():
        gate["cap"] = rng.uniform(0, 100)
    health["scorecards"] = {"odd": random_card(rng, factors)} if cards else {}
    return shipped.model_copy(update={"health": type(shipped.health).model_validate(health)})


def random_card(rng: Random, factors: dict[str, Any]) -> dict[str, Any]:
    """A scorecard under which some factors and inputs weigh something else, and a gate has another cap."""
    other: dict[str, Any] = {
        part: {"weight": rng.uniform(0.5, 50)} for part in factors if rng.random() < 0.7
    }
    first = next(iter(factors))
    inputs = {name: {"weight": rng.uniform(1, 60)} for name in factors[first]["inputs"]}
    other.setdefault(first, {})["inputs"] = inputs
    return {"when": {"plan": "odd"}, "factors": other, "gates": {"notice_given": {"cap": 70}}}


def random_curve(rng: Random) -> dict[str, Any]:
    xs = sorted(rng.sample(range(-100, 100), rng.randint(2, 5)))
    ys = sorted({0.0, 100.0, *(rng.uniform(0, 100) for _ in xs)})[: len(xs)]
    falls = rng.random() < 0.5
    heights = sorted(ys, reverse=falls)
    points = [[float(x), y] for x, y in zip(xs, heights, strict=True)]
    return {"better": "lower" if falls else "higher", "curve": points}


def random_facts(rng: Random) -> Facts:
    blank = rng.random()
    known = {name: Fact(rng.uniform(-120, 120), TODAY) for name in INPUTS if rng.random() >= blank}
    shut = {name: Fact(float(rng.randint(0, 200)), TODAY) for name in GATES if rng.random() < 0.2}
    return {**dict.fromkeys(INPUTS, unknown("nobody knows")), **known, **shut}


def cases(number: int, weights: Weights, seed: int) -> list[tuple[Random, Facts, Weights]]:
    """Facts that differ each time; weights, which take far longer to make, every tenth time."""
    rng = Random(seed)
    found: list[tuple[Random, Facts, Weights]] = []
    for place in range(number):
        used = found[-1][2] if place % 10 else random_weights(rng, weights)
        found.append((rng, random_facts(rng), used))
    return found


def points_of(health: Health, day: dt.date = TODAY) -> float:
    adding = ("input", "gate", "override")
    return fsum(line.points or 0.0 for line in lines(health, day) if line.kind in adding)


def test_the_points_add_up_to_the_score(weights: Weights) -> None:
    scored = 0
    for _, facts, used in cases(10_000, weights, 1):
        health = score(facts, used)
        if health.score is None:
            continue
        scored += 1
        assert points_of(health) == pytest.approx(health.score, abs=EXACT)
        for factor in health.factors:
            inputs = fsum(i.points or 0.0 for i in factor.inputs)
            assert inputs == pytest.approx(factor.points or 0.0, abs=EXACT)
    assert scored > 5_000


def test_removing_an_input_changes_no_other_height(weights: Weights) -> None:
    for rng, facts, used in cases(2_000, weights, 2):
        name = rng.choice(sorted(INPUTS))
        before, after = score(facts, used), score(facts | {name: unknown("gone")}, used)
        heights = {i.name: i.normalised for i in before.inputs() if i.name != name}
        assert heights == {i.name: i.normalised for i in after.inputs() if i.name != name}


def test_what_is_unknown_counts_as_if_it_were_no_input(weights: Weights) -> None:
    """So it is never 0: the mean is that of weights without it."""
    for _, facts, used in cases(2_000, weights, 3):
        health = score(facts, used)
        if health.mean is None:
            continue
        factors: dict[str, Any] = used.health.model_dump()["factors"]
        for factor in health.factors:
            for part in factor.inputs:
                if part.value is None:
                    assert part.points is None
                    assert not part.weight_effective
                    del factors[factor.name]["inputs"][part.name]
        left = {
            name: f for name, f in factors.items() if any(i["weight"] for i in f["inputs"].values())
        }
        plain = used.health.model_dump() | {"factors": left, "scorecards": {}}
        bare = used.model_copy(update={"health": type(used.health).model_validate(plain)})
        again = score(facts, bare)
        assert again.coverage == pytest.approx(1)
        assert again.mean == pytest.approx(health.mean, abs=EXACT)


def test_the_true_score_lies_in_the_stated_range(weights: Weights) -> None:
    for rng, facts, used in cases(2_000, weights, 4):
        stated = score(facts, used)
        for _ in range(3):
            truth = {
                name: Fact(rng.uniform(-150, 150), TODAY)
                if fact.value is None and name in INPUTS
                else fact
                for name, fact in facts.items()
            }
            true = score(truth, used)
            assert true.score is not None
            assert stated.low - EXACT <= true.score <= stated.high + EXACT


def standing(facts: Facts, weights: Weights, day: dt.date = TODAY, plan: str = "") -> Standing:
    """An account of which exactly these facts are known; those with the plan odd go by another scorecard."""
    evidence = Evidence("acme", "Acme", traits={"plan": plan} if plan else {})
    return Standing("acme", day, "", evidence, {}, weights, (), facts)


def by_hand(rng: Random, start: Standing) -> Standing:
    """The same, perhaps with a score that somebody set."""
    if rng.random() < 0.5:
        return start
    today = TODAY.toordinal()
    despite = rng.sample(GATES, rng.randint(0, len(GATES)))
    score = float(rng.randint(0, 100))
    row = Override(score, "why", "ana", today - 5, today + rng.randint(0, 5), despite)
    return replace(start, evidence=replace(start.evidence, overrides=[row]))


def assert_no_remainder(found: Change) -> None:
    assert found.total is not None
    assert found.before.score is not None
    assert found.after.score is not None
    assert found.total == pytest.approx(found.after.score - found.before.score, abs=EXACT)
    parts = (found.data, found.weights, found.missingness, found.override)
    assert fsum(part or 0.0 for part in parts) == pytest.approx(found.total, abs=EXACT)
    inputs = fsum(i.points for i in found.inputs) + (found.override or 0.0)
    assert inputs == pytest.approx(found.total, abs=EXACT)


def test_a_change_of_everything_leaves_no_remainder(weights: Weights) -> None:
    rng = Random(5)
    split = 0
    weighings = [random_weights(rng, weights, cards=True) for _ in range(600)]
    for _ in range(3_000):
        ends = [
            by_hand(
                rng,
                standing(random_facts(rng), rng.choice(weighings), plan=rng.choice(("", "odd"))),
            )
            for _ in range(2)
        ]
        found = change(*ends)
        for health in (found.before, found.after):
            if health.score is not None:
                assert points_of(health) == pytest.approx(health.score, abs=EXACT)
        if found.total is not None:
            assert_no_remainder(found)
            split += 1
    assert split > 1_000


def test_each_kind_of_change_is_named_as_what_it_is(weights: Weights) -> None:
    rng = Random(6)
    seen = {"data": 0, "missingness": 0, "weights": 0}
    for _ in range(1_500):
        used, facts = random_weights(rng, weights), random_facts(rng)
        start = standing(facts, used)
        known = [n for n in sorted(INPUTS) if facts[n].value is not None]
        if start.health().score is None or not known:
            continue
        moved = facts | {name: Fact(rng.uniform(-120, 120), TODAY) for name in rng.sample(known, 1)}
        ends = {
            "data": standing(moved, used),
            "missingness": standing(facts | {rng.choice(known): unknown("gone")}, used),
            "weights": standing(facts, random_weights(rng, weights)),
        }
        for kind, end in ends.items():
            found = change(start, end)
            if found.total is None:
                continue
            assert_no_remainder(found)
            others = {"data", "missingness", "weights"} - {kind}
            assert all(abs(getattr(found, other)) < EXACT for other in others), kind
            seen[kind] += 1
    assert min(seen.values()) > 100


def test_another_scorecard_is_a_change_of_weights(weights: Weights) -> None:
    """An account that leaves one card for another: nothing was measured otherwise, and nothing remains."""
    rng = Random(7)
    split = 0
    for _ in range(1_000):
        used = random_weights(rng, weights, cards=True)
        facts = {**random_facts(rng), **dict.fromkeys(GATES, unknown("?"))}
        found = change(standing(facts, used), standing(facts, used, plan="odd"))
        if found.total is not None:
            assert_no_remainder(found)
            assert (found.before.card, found.after.card) == ("", "odd")
            assert max(abs(found.data or 0), abs(found.missingness or 0)) < EXACT
            assert found.weights == pytest.approx(found.total, abs=EXACT)
            split += abs(found.total) > EXACT
    assert split > 300


def test_only_what_changed_is_named(weights: Weights) -> None:
    """Of two siblings that stay as they are, none is said to have moved the score."""
    facts = {name: Fact(0.5, TODAY) for name in INPUTS}
    without = change(
        standing(facts, weights), standing(facts | {"champion": unknown("?")}, weights)
    )
    assert [i.name for i in without.inputs if i.moved] == ["champion"]
    # Half way on its curve is 40 points; the others of its factor stand elsewhere.
    relationship = next(f for f in without.after.factors if f.name == "relationship")
    expected = 0.25 * 0.2 * (relationship.score - 40) if relationship.score is not None else None
    assert without.missingness == pytest.approx(expected, abs=EXACT)
    lower = change(standing(facts, weights), standing(facts | {"breadth": Fact(0.3)}, weights))
    assert [i.name for i in lower.inputs if i.moved] == ["breadth"]


def test_a_gate_is_an_override(weights: Weights) -> None:
    facts = {name: Fact(1.0, TODAY) for name in INPUTS}
    open_, shut = standing(facts, weights), standing(facts | {"notice_given": Fact(3.0)}, weights)
    found = change(open_, shut)
    assert found.after.score == 39
    assert found.override == found.total
    assert [name for name, _ in found.why] == ["override"]
    assert change(shut, open_).override == pytest.approx(-(found.total or 0))


def test_without_two_scores_there_is_nothing_to_split(weights: Weights) -> None:
    facts = {name: Fact(1.0, TODAY) for name in INPUTS}
    found = change(standing({}, weights), standing(facts, weights))
    assert (found.total, found.data, found.inputs) == (None, None, ())
    assert found.before.reason


def test_other_windows_of_measuring_are_a_change_of_weights(root: Path, at: At) -> None:
    """What is measured otherwise under other weights counts as weights, data of another day as data."""
    start = now(at(root, TODAY), "acme")
    slow = start.weights.health.measuring.model_copy(update={"trend_days": 7})
    health = start.weights.health.model_copy(update={"measuring": slow})
    other = start.weights.model_copy(update={"health": health})
    found = change(start, replace(start, weights=other))
    assert_no_remainder(found)
    assert found.weights
    assert (found.data, found.missingness) == (0, 0)
    both = change(start, replace(assume(start, ["usage.active_users=20"]), weights=other))
    assert_no_remainder(both)
    assert both.weights
    assert both.data


def test_a_line_has_source_age_and_both_weights(root: Path, at: At) -> None:
    found = {line.name: line for line in lines(now(at(root, TODAY), "acme").health(), TODAY)}
    share = found["active_share"]
    assert (share.value, share.age, share.as_of) == (0.7, 12, dt.date(2026, 11, 10))
    assert share.source == "accounts/_measures/2026-11-10.csv#usage.active_users"
    assert share.weight == pytest.approx(0.12)
    # Nobody measures the breadth of their use, or what is usual for them, so their shares are spread.
    assert found["breadth"].points is None
    assert share.weight_effective == pytest.approx(0.3 * 40 / 65)
    assert found["score"].points == pytest.approx(points_of(now(at(root, TODAY), "acme").health()))


def test_what_is_known_and_weighs_nothing_is_as_good_as_unknown(weights: Weights) -> None:
    health: dict[str, Any] = weights.health.model_dump()
    health["scorecards"] = {}
    for name, part in health["factors"]["usage"]["inputs"].items():
        part["weight"] = 0 if name == "active_share" else 1
    used = weights.model_copy(update={"health": type(weights.health).model_validate(health)})
    found = score({"active_share": Fact(0.9, TODAY)}, used)
    assert (found.score, found.coverage, found.factor("usage")) == (None, 0, None)
