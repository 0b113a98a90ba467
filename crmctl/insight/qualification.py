"""Qualification of a deal by budget, authority, need and timeline: proven, claimed, or still to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.provenance import field_source
from crmctl.model.record import Record

if TYPE_CHECKING:
    from crmctl.insight.qualification_weights import QualificationWeights

HIGHEST = 3
QUESTIONS = {
    "budget": "Is there a budget for this, how much, and who holds it?",
    "authority": "Who decides, who signs, and who could stop it?",
    "need": "Which problem does this solve, and what does it cost them today?",
    "timeline": "By when must it run, and what happens if it does not?",
}


class Component(NamedTuple):
    """One component. ``level`` runs from 0 (known not to be there) to 3 (proven); None is unknown.

    ``stated`` is what the deal says; without evidence it counts for less.
    """

    name: str
    level: int | None
    stated: int | None
    evidence: str
    source: str
    question: str


class Qualification(NamedTuple):
    """``points`` of ``most``; ``possible`` if everything unknown turned out best. The verdict rests on points."""

    components: tuple[Component, ...]
    points: int
    possible: int
    most: int
    verdict: str


def qualify(deal: Record, weights: QualificationWeights) -> Qualification:
    """How far a deal is qualified, by the rows of its ``qualification``."""
    rows: dict[str, dict[str, Any]] = {
        str(row["component"]).casefold(): row for row in deal.items("qualification")
    }
    source = field_source(deal, "qualification")
    components = tuple(
        _component(name, rows.get(name.casefold()), source, weights.without_evidence)
        for name in weights.components
    )
    points = sum(c.level for c in components if c.level is not None)
    unknown = sum(c.level is None for c in components)
    verdicts = sorted(weights.verdict.items(), key=lambda item: -item[1])
    verdict = next((name for name, least in verdicts if points >= least), "")
    most = HIGHEST * len(components)
    return Qualification(components, points, points + HIGHEST * unknown, most, verdict)


def _component(
    name: str, row: dict[str, Any] | None, source: str, without_evidence: int
) -> Component:
    question = QUESTIONS.get(
        name, f"What do we know about {name.replace('_', ' ')}, and from whom?"
    )
    if row is None:
        return Component(name, None, None, "", "", question)
    stated, evidence = int(row["level"]), str(row.get("evidence") or "")
    level = stated if evidence else min(stated, without_evidence)
    return Component(name, level, stated, evidence, source, "" if level == HIGHEST else question)
