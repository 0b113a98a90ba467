"""How keen a company is on us: from conversations, apart from how well it fits and never mixed with that."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import NOISE, band, normalised
from crmctl.insight.evidence import WRITTEN, Evidence, Talk
from crmctl.insight.icp_weights import ENGAGEMENT
from crmctl.insight.inputs.fact import Fact, Facts, count, unknown
from crmctl.insight.means import part, weighted_mean

if TYPE_CHECKING:
    from crmctl.insight.icp_weights import EngagementWeights

MEETINGS = frozenset({"call", "meeting"})
MONTH = 30  # days: frequency is told a month


class InputScore(NamedTuple):
    """One input: what was measured, its points from 0 to 100 and their part in the engagement."""

    name: str
    value: float | None
    normalised: float | None
    weight: float
    weight_effective: float
    points: float | None
    as_of: dt.date | None
    source: str
    note: str


class Engaged(NamedTuple):
    """Engagement, 0 to 100; ``score`` and ``level`` are None below the coverage floor, with the ``reason``."""

    score: float | None
    level: str | None
    coverage: float
    low: float
    high: float
    reason: str
    inputs: tuple[InputScore, ...]


def engaged(evidence: Evidence, today: dt.date, weights: EngagementWeights) -> Engaged:
    """How keen they are as of ``today``; conversations that lie ahead do not count."""
    facts = measure(evidence, today.toordinal(), weights)
    heights = {
        name: None if (v := facts[name].value) is None else normalised(v, spec.curve)
        for name, spec in weights.inputs.items()
    }
    mean = weighted_mean([part(s.weight, heights[n]) for n, s in weights.inputs.items()])
    total = sum(spec.weight for spec in weights.inputs.values())
    inputs = tuple(
        InputScore(
            name,
            facts[name].value,
            heights[name],
            spec.weight / total,
            share,
            None if (h := heights[name]) is None else share * h,
            facts[name].as_of,
            facts[name].source,
            facts[name].note,
        )
        for (name, spec), share in zip(weights.inputs.items(), mean.shares, strict=True)
    )
    enough = mean.value is not None and mean.coverage + NOISE >= weights.coverage_floor
    score = mean.value if enough else None
    level = None if score is None else band(score, weights.levels.steps, weights.levels.boundary)
    reason = "" if enough else _why(evidence, mean.coverage)
    return Engaged(score, level, mean.coverage, mean.low, mean.high, reason, inputs)


def _why(evidence: Evidence, coverage: float) -> str:
    if not evidence.talks:
        return "no conversation is recorded"
    return f"only {100 * coverage:.0f} % of what makes engagement is known"


def measure(evidence: Evidence, now: int, weights: EngagementWeights) -> Facts:
    """Every input by name. Without any conversation on record nothing is known: silence is not measured.

    Who was written to and never answered is another matter: that is known, and counts as nothing.
    """
    talks = [talk for talk in evidence.talks if talk.day <= now]
    if not talks:
        nothing = unknown("no conversation is recorded")
        return dict.fromkeys(ENGAGEMENT, nothing)
    window = weights.window_days
    recent = [talk for talk in talks if talk.day > now - window]
    heard = [talk for talk in recent if talk.heard]
    latest = next((talk for talk in reversed(talks) if talk.heard), None)
    last = (heard or recent or talks)[-1]
    within = f"in {window} days"
    gone = {p.id for p in evidence.people if p.left is not None and p.left <= now}
    people = {person for talk in heard for person in talk.people} - gone
    met = [talk for talk in heard if talk.type in MEETINGS]
    named = not heard or any(talk.people for talk in heard)
    who = f"{', '.join(sorted(people)) or 'nobody'} {within}"
    return {
        "recency": _at(now - latest.day, latest)
        if latest
        else unknown("they were never heard, only written to"),
        "frequency": _at(
            len(heard) * MONTH / window, last, f"{count(len(heard), 'conversation')} {within}"
        ),
        "people": _at(len(people), last, who)
        if named
        else unknown("the conversations name nobody of theirs"),
        "meetings": _at(len(met), (met or [last])[-1], f"{len(met)} calls and meetings {within}"),
        "two_way": _two_way(recent, weights.least_messages, within),
        "replies": _replies(recent, within),
    }


def _at(value: float, talk: Talk, note: str = "") -> Fact:
    return Fact(value, dt.date.fromordinal(talk.day), talk.source, note)


def _two_way(recent: list[Talk], least: int, within: str) -> Fact:
    """Messages of the quieter side for each of the other's."""
    written = [t for t in recent if t.type in WRITTEN and t.direction]
    if len(written) < least:
        return unknown(f"fewer than {least} messages {within}")
    theirs = sum(t.direction == "in" for t in written)
    ours = len(written) - theirs
    note = f"{theirs} from them, {ours} from us {within}"
    return _at(min(theirs, ours) / max(theirs, ours), written[-1], note)


def _replies(recent: list[Talk], within: str) -> Fact:
    """Of the people we wrote to, the share that was heard on that day or later."""
    first: dict[str, int] = {}
    for talk in recent:
        if not talk.heard:
            for person in talk.people:
                first.setdefault(person, talk.day)
    if not first:
        return unknown(f"we wrote to nobody {within}")
    answered = {
        person
        for talk in recent
        if talk.heard
        for person in talk.people
        if person in first and talk.day >= first[person]
    }
    last = next(t for t in reversed(recent) if not t.heard and t.people)
    note = f"{len(answered)} of {count(len(first), 'person')} we wrote to {within}"
    return _at(len(answered) / len(first), last, note.replace("persons", "people"))
