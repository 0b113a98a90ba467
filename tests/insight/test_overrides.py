"""A score set by hand: beside the computed one, under the gates, and until it expires."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight.evidence import Evidence, Override, gather
from crmctl.insight.explain import change
from crmctl.insight.health import Health, explain, score
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.overrides import latest
from crmctl.insight.past import Standing
from crmctl.insight.scoring import plan_scores
from crmctl.insight.weights import Weights
from crmctl.model.record import Account
from crmctl.workspace.document import parse
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
FACTS: Facts = {name: Fact(1.0, TODAY) for name in INPUTS}
PROFILE = "accounts/acme/profile.md"
At = Callable[[Path, dt.date], Workspace]


def set_by_hand(value: float = 70, *despite: str, days: int = 10) -> Evidence:
    today = TODAY.toordinal()
    row = Override(value, "they told us", "ana", today - 3, today + days, list(despite))
    return Evidence("acme", "Acme", overrides=[row], where={"health_override": f"{PROFILE}#x"})


def health_of(evidence: Evidence, weights: Weights, facts: Facts = FACTS) -> Health:
    return score(facts, weights, latest(evidence, TODAY))


def points_of(health: Health) -> float:
    return fsum(r.points or 0.0 for r in explain(health) if r.kind in ("input", "gate", "override"))


def test_it_stands_beside_the_computed_score(weights: Weights) -> None:
    plain, found = score(FACTS, weights), health_of(set_by_hand(12), weights)
    assert (found.score, found.status) == (12, "critical")
    assert (found.computed, found.computed_status) == (plain.score, plain.status)
    assert (found.mean, found.low, found.high) == (plain.mean, plain.low, plain.high)
    assert found.reasons == ["override", *plain.reasons]
    kinds = [row.kind for row in explain(found)][-3:]
    assert kinds == ["computed", "override", "score"]
    assert points_of(found) == pytest.approx(12, abs=1e-9)
    row = next(row for row in explain(found) if row.kind == "override")
    assert row.note == "set by ana until 2026-12-02: they told us"
    assert (row.value, row.as_of, row.source) == (12, dt.date(2026, 11, 19), f"{PROFILE}#x")


def test_a_status_at_the_exact_boundary(weights: Weights) -> None:
    assert health_of(set_by_hand(80), weights).status == "excellent"
    assert health_of(set_by_hand(79), weights).status == "good"


def test_a_shut_gate_holds_it_unless_it_was_set_despite_that_gate(weights: Weights) -> None:
    shut = FACTS | {"notice_given": Fact(3), "champion_left": Fact(3)}
    held = health_of(set_by_hand(90), weights, shut)
    assert (held.score, held.status) == (39, "critical")
    assert "a shut gate holds it at 39" in [r.note for r in explain(held)][-2]
    one = health_of(set_by_hand(90, "notice_given"), weights, shut)
    assert (one.score, one.status) == (59, "at_risk")
    both = health_of(set_by_hand(90, "notice_given", "champion_left"), weights, shut)
    assert (both.score, both.status) == (90, "excellent")
    # A score below the cap is no question of the gate.
    assert health_of(set_by_hand(20), weights, shut).score == 20
    for found in (held, one, both):
        assert points_of(found) == pytest.approx(found.score, abs=1e-9)


def test_below_the_floor_it_is_the_only_score(weights: Weights) -> None:
    facts: Facts = {"active_share": Fact(0.8)}
    found = health_of(set_by_hand(55), weights, facts)
    assert (found.score, found.status, found.computed, found.mean) == (55, "at_risk", None, None)
    assert "a score needs 40 %" in found.reason
    assert points_of(found) == pytest.approx(55, abs=1e-9)


@pytest.mark.parametrize(
    ("begins", "ends", "in_force"),
    [(0, 1, True), (-5, 0, False), (-5, 1, True), (1, 5, None), (-5, -1, False)],
)
def test_it_holds_from_its_day_on_and_before_the_day_it_expires(
    begins: int, ends: int, in_force: bool | None
) -> None:
    today = TODAY.toordinal()
    row = Override(70, "why", "ana", today + begins, today + ends, [])
    found = latest(Evidence("acme", "Acme", overrides=[row]), TODAY)
    assert (None if found is None else found.in_force) == in_force


def test_of_several_the_last_in_force_counts() -> None:
    today = TODAY.toordinal()
    rows = [
        Override(n, "why", "ana", today - 9, today + e, []) for n, e in ((1, 9), (2, 9), (3, 0))
    ]
    found = latest(Evidence("acme", "Acme", overrides=rows), TODAY)
    assert found is not None
    assert (found.score, found.in_force) == (2, True)


def test_an_expired_one_has_no_effect_and_is_said(weights: Weights) -> None:
    found, plain = health_of(set_by_hand(12, days=0), weights), score(FACTS, weights)
    assert (found.score, found.status, found.reasons) == (plain.score, plain.status, plain.reasons)
    assert (found.by_hand, found.override_text) == (None, "")
    assert found.override_note == "the score that ana set expired on 2026-11-22"
    assert points_of(found) == pytest.approx(found.score, abs=1e-9)


def test_a_health_with_one_survives_json(weights: Weights) -> None:
    found = health_of(set_by_hand(70, "notice_given"), weights)
    assert Health.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_what_a_person_set_is_the_override_part_of_a_change(weights: Weights) -> None:
    plain = Standing("acme", TODAY, "", Evidence("acme", "Acme"), {}, weights, (), FACTS)
    by_hand = replace(plain, evidence=set_by_hand(12))
    found = change(plain, by_hand)
    assert found.total == pytest.approx(12 - (found.before.score or 0))
    assert found.override == pytest.approx(found.total)
    assert (found.data, found.weights, found.missingness) == (0, 0, 0)
    assert [name for name, _ in found.why] == ["override"]


@pytest.mark.parametrize("without", ["score", "reason", "by", "at", "expires"])
def test_one_that_lacks_anything_is_none(
    make_account: Callable[..., Account], without: str
) -> None:
    row: dict[str, Any] = {"score": 70, "reason": "why", "by": "ana", "at": TODAY}
    row |= {"expires": TODAY + dt.timedelta(9)}
    whole = gather(make_account({"health_override": [row]}), TODAY)
    assert [o.score for o in whole.overrides] == [70]
    assert whole.where["health_override"] == f"{PROFILE}#health_override"
    assert Evidence.from_json(json.loads(json.dumps(whole.as_json()))) == whole
    del row[without]
    assert gather(make_account({"health_override": [row]}), TODAY).overrides == []


def put(root: Path, text: str) -> None:
    path = root / PROFILE
    path.write_text(path.read_text().replace("industry:", f"{text}industry:", 1))


def page_of(root: Path) -> dict[str, Any]:
    return parse((root / "accounts/acme/health.md").read_bytes(), "health.md").data


def test_scores_and_pages_change_when_it_is_set_and_on_the_day_it_expires(
    root: Path, at: At
) -> None:
    def scored(day: int) -> Health:
        ws = at(root, dt.date(2026, 11, day))
        plan = plan_scores(ws)
        with ws.writing("score") as run:
            ws.apply(plan.changes, run)
        # A second run at once, from what is remembered, finds nothing to write.
        again = plan_scores(ws)
        assert not again.changes
        assert again.results["acme"] == plan.results["acme"]
        return plan.results["acme"]

    plain = scored(22)
    assert (page_of(root)["card"], "override" in page_of(root)) == ("base", False)
    put(
        root,
        "health_override:\n  - {score: 20, reason: They leave, by: ana, at: 2026-11-20, expires: 2026-11-25}\n",
    )
    assert scored(22).score == 20
    page = page_of(root)
    assert (page["score"], page["status"], page["reasons"][0]) == (20, "critical", "override")
    assert page["override"] == "20 by ana until 2026-11-25: They leave"
    assert scored(24).score == 20
    assert page_of(root)["as_of"] == dt.date(2026, 11, 22)
    expired = scored(25)
    assert expired.score == pytest.approx(plain.score, abs=3)
    assert page_of(root)["as_of"] == dt.date(2026, 11, 25)
    assert "override" not in page_of(root)
    assert expired.override is not None


def test_another_reason_for_the_same_score_is_written_down(root: Path, at: At) -> None:
    ws = at(root, TODAY)
    row = "health_override:\n  - {score: 20, reason: WHY, by: ana, at: 2026-11-20, expires: 2026-12-25}\n"
    put(root, row)
    for reason in ("First", "Second"):
        path = root / PROFILE
        path.write_text(path.read_text().replace("WHY", reason).replace("First", reason))
        with ws.writing("score") as run:
            ws.apply(plan_scores(ws).changes, run)
        assert page_of(root)["override"].endswith(reason)
