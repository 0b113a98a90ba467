"""Qualification of a deal: what is known of each component, how far evidence bears it out, and what to ask next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.provenance import field_source
from crmctl.insight.qualification_evidence import GONE, SAID, SEVERAL, Proof, Sources
from crmctl.insight.qualification_gates import (
    Gap,
    Passage,
    gaps,
    missed,
    next_gate,
    red,
    stage_of,
    words,
)
from crmctl.insight.qualification_weights import HIGHEST
from crmctl.model.record import Account, Record

if TYPE_CHECKING:
    from crmctl.insight.qualification_weights import (
        ComponentWeights,
        Framework,
        QualificationWeights,
    )

__all__ = ["Component", "Qualification", "framework_of", "qualify"]


class Component(NamedTuple):
    """One component. ``level`` runs from 0 (known not to be there) to 3 (proven); None is unknown.

    ``stated`` is what the deal says, ``kind`` the best evidence for it (`qualification_evidence`); evidence of a low
    kind bounds the level. ``evidence`` and ``source`` are those of the newest row that counts. ``problems`` say why
    the level is below what is stated. ``weight`` is a share of 100, None without weights.
    """

    name: str
    label: str
    level: int | None
    stated: int | None
    kind: str
    evidence: str
    source: str
    question: str
    problems: tuple[str, ...]
    proofs: tuple[Proof, ...]
    weight: float | None


class Qualification(NamedTuple):
    """``points`` of ``most``; ``possible`` if everything unknown turned out best. The verdict rests on points.

    ``weighted`` is the share of 100 by the components' weights, None without. ``stage`` is the deal's place among the
    stages of ``weights.yaml``, "" if unknown; ``gate`` the next one to pass, ``missed`` those passed by without
    passing, ``risk`` "high" or "". ``gaps`` come in the order in which to ask.
    """

    framework: str
    label: str
    components: tuple[Component, ...]
    points: int
    possible: int
    most: int
    weighted: float | None
    verdict: str
    stage: str
    gate: Passage | None
    missed: tuple[Passage, ...]
    risk: str
    risk_reasons: tuple[str, ...]
    gaps: tuple[Gap, ...]


def framework_of(deal: Record, account: Account, weights: QualificationWeights) -> str:
    """The framework for a deal by the rules of ``choose``: the first that holds, else the default."""
    amount, currency = deal.number("amount"), deal.text("currency")
    for rule in weights.choose:
        least = rule.at_least.get(currency)
        if rule.at_least and (least is None or amount is None or amount < least):
            continue
        if rule.types and not _has(deal.text("type"), rule.types):
            continue
        if rule.segments and not _has(account.profile.text("segment"), rule.segments):
            continue
        return rule.framework
    return weights.default


def _has(text: str, known: Sequence[str]) -> bool:
    return any(f" {words(word)} " in f" {words(text)} " for word in known)


def qualify(
    deal: Record,
    sources: Sources,
    weights: QualificationWeights,
    today: dt.date,
    framework: str = "",
) -> Qualification:
    """How far a deal is qualified as of ``today``, by the rows of its ``qualification`` and what they cite.

    ``framework`` names one of the weights; by default the one that the deal gets (`framework_of`).
    """
    name = framework or framework_of(deal, sources.account, weights)
    frame = weights.frameworks[name]
    rows: dict[str, list[Proof]] = {}
    place = field_source(deal, "qualification")
    for number, row in enumerate(deal.items("qualification")):
        key = str(row["component"]).casefold()
        rows.setdefault(key, []).append(sources.proof(row, f"{place}.{number}"))
    components = tuple(
        _component(key, part, rows.get(key, ()), weights, today)
        for key, part in frame.components.items()
    )
    levels = {c.name: c.level for c in components}
    points = sum(level for level in levels.values() if level is not None)
    unknown = sum(level is None for level in levels.values())
    verdicts = sorted(frame.verdict.items(), key=lambda item: -item[1])
    stage = stage_of(deal, weights)
    passed_by = missed(stage, levels, frame, weights)
    ahead = next_gate(stage, levels, frame, weights)
    reasons = red(stage, levels, frame, weights)
    return Qualification(
        name,
        frame.label or name,
        components,
        points,
        points + HIGHEST * unknown,
        frame.most,
        _weighted(components),
        next((verdict for verdict, least in verdicts if points >= least), ""),
        stage,
        ahead,
        passed_by,
        "high" if reasons else "",
        reasons,
        gaps(deal, sources.account, levels, frame, (*passed_by, *filter(None, (ahead,))), today),
    )


def warnings(found: Qualification, frame: Framework) -> list[str]:
    """What of a qualification is worth a warning, each as the rest of a sentence about the deal."""
    told = []
    if found.missed:
        last = found.missed[-1]
        lacking = ", ".join(_label(frame, name) for name in last.lacking)
        unproven = f", not proven: {lacking}" if lacking else ""
        told.append(
            f"is past {last.stage.replace('_', ' ')} without passing its gate: "
            f"{last.points} of {last.least} points{unproven}"
        )
    told += [
        f"is a high risk: {_label(frame, name)} is hardly known in {found.stage.replace('_', ' ')}"
        for name in found.risk_reasons
    ]
    return told


def _label(frame: Framework, name: str) -> str:
    return (frame.components[name].label or name.replace("_", " ")).lower()


def _weighted(components: Sequence[Component]) -> float | None:
    weights = [c.weight for c in components if c.weight is not None]
    whole = fsum(weights)
    if len(weights) < len(components) or not whole:
        return None
    return fsum((c.weight or 0) * (c.level or 0) for c in components) / HIGHEST / whole * 100


def _component(
    name: str,
    part: ComponentWeights,
    rows: Sequence[Proof],
    weights: QualificationWeights,
    today: dt.date,
) -> Component:
    label = part.label or name.replace("_", " ").capitalize()
    question = part.question or f"What do we know about {label.lower()}, and from whom?"
    proofs = [_aged(proof, part.max_age_days, today) for proof in rows]
    kept = [p for p in proofs if p.kind != GONE]
    newest = _newest(proofs)
    counted = _newest(kept)
    kind, support = _support(kept, weights)
    level: int | None = None
    if counted is not None:
        level = min(counted.level, support)
        if level < counted.level and not support:
            level = None
    elif weights.evidence.gone and newest is not None:
        level = min(newest.level, weights.evidence.gone)
    lowered = newest is not None and newest.level > (level or 0)
    problems = [p.problem for p in proofs if p.problem and lowered]
    if counted is not None and level is not None and level < counted.level:
        bound = f"level {counted.level} is stated, {kind.replace('_', ' ')} supports {support}"
        problems.append(bound)
    shown = counted or newest
    return Component(
        name,
        label,
        level,
        None if newest is None else newest.level,
        kind if counted else (GONE if newest else ""),
        (shown.quote or shown.words) if shown else "",
        shown.source if shown else "",
        "" if level == HIGHEST else question,
        tuple(dict.fromkeys(problems)),
        tuple(proofs),
        part.weight,
    )


def _aged(proof: Proof, most: int | None, today: dt.date) -> Proof:
    """A proof from the future counts as gone, one that is older than ``most`` days as stale."""
    if proof.day is None or proof.kind == GONE:
        return proof
    age = (today - proof.day).days
    if age < 0:
        return proof._replace(kind=GONE, problem=f"is of {proof.day}, which is yet to come")
    if most is not None and age > most:
        return proof.older(f"is of {proof.day}: {age} days old, {most} at most")
    return proof


def _newest(proofs: Sequence[Proof]) -> Proof | None:
    """The newest of the rows; undated ones are older than dated ones, and of one day the last in the file counts."""
    dated = [(proof.day or dt.date.min, place) for place, proof in enumerate(proofs)]
    return proofs[max(dated)[1]] if dated else None


def _support(proofs: Sequence[Proof], weights: QualificationWeights) -> tuple[str, int]:
    """The kind of evidence that bears out most, and up to which level; a row vouches for no more than it says."""
    bounds: dict[str, Any] = weights.evidence.model_dump()
    best = ("", -1)
    for proof in proofs:
        best = max(best, (proof.kind, min(proof.level, bounds[proof.kind])), key=lambda k: k[1])
    said = [p for p in proofs if p.kind == SAID and p.person]
    if len({p.person for p in said}) >= weights.several_people:
        level = min(max(p.level for p in said), bounds[SEVERAL])
        best = max(best, (SEVERAL, level), key=lambda k: k[1])
    return best
