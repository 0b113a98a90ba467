"""Strength, power and support of one contact: each a mean of parts, and each part with what it rests on.

What nobody knows has no points: its weight goes to the other parts of the same person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from math import fsum
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import normalised
from crmctl.insight.evidence import WRITTEN, Answer
from crmctl.insight.inputs.fact import count
from crmctl.insight.provenance import field_source
from crmctl.model.record import Record
from crmctl.sources import job_titles

if TYPE_CHECKING:
    from crmctl.insight.relationship_weights import (
        ByRole,
        BySeniority,
        Power,
        RelationshipWeights,
        Strength,
        Support,
    )
    from crmctl.insight.relationships_talks import Conversation
    from crmctl.insight.sentiment import Sentiment


class Part(NamedTuple):
    """``points`` None is unknown; ``adds`` is the part's share of the value: those of all parts add up to it."""

    name: str
    points: float | None
    weight: float
    adds: float
    note: str
    source: str
    as_of: dt.date | None


class Scored(NamedTuple):
    """``value`` None if nothing is known; ``known`` is the share of the weights that rests on something."""

    value: float | None
    known: float
    parts: tuple[Part, ...]


def _part(
    name: str,
    weight: float,
    points: float | None,
    note: str,
    source: str = "",
    as_of: dt.date | None = None,
) -> Part:
    return Part(name, points, weight, 0.0, note, source, as_of)


def weighed(parts: Iterable[Part]) -> Scored:
    """The mean of the parts that are known, by their weights."""
    every = tuple(parts)
    known = fsum(part.weight for part in every if part.points is not None)
    total = fsum(part.weight for part in every)
    if not known:
        return Scored(None, 0.0, every)
    shared = tuple(
        part if part.points is None else part._replace(adds=part.points * part.weight / known)
        for part in every
    )
    return Scored(fsum(part.adds for part in shared), known / total, shared)


# --- strength


def strength(
    record: Record,
    said: Sequence[Conversation],
    now: int,
    how: RelationshipWeights,
    *,
    named: bool,
) -> Scored:
    """How well we know a person by the conversations ``said`` that name them, oldest first.

    Without ``named``, when the conversations of the account name nobody, it is unknown. Who never talked with us has
    0, however senior.
    """
    weights = how.strength
    if not named:
        return Scored(None, 0.0, tuple(_unsaid(weights, None, "no conversation names anybody")))
    if not any(talk.heard for talk in said):
        wrote = (
            f"{len(said)} from us, none from them"
            if said
            else "no conversation with them is recorded"
        )
        source = said[-1].source if said else record.path
        parts = [p._replace(source=source) for p in _unsaid(weights, 0.0, wrote)]
        return Scored(0.0, 1.0, tuple(parts))
    parts = _spoken(said, now, how)
    level, source, note = seniority(record)
    points = weights.seniority.points.get(level)
    return weighed([*parts, _part("seniority", weights.seniority.weight, points, note, source)])


def pair_strength(said: Sequence[Conversation], now: int, how: RelationshipWeights) -> float | None:
    """How well one of us knows one of theirs: as `strength`, by their own conversations, without seniority."""
    if not any(talk.heard for talk in said):
        return 0.0 if said else None
    return weighed(_spoken(said, now, how)).value


def _unsaid(weights: Strength, points: float | None, note: str) -> Iterable[Part]:
    for name in ("recency", "frequency", "two_way", "depth"):
        yield _part(name, getattr(weights, name).weight, points, note)
    after = "counts once they have talked with us"
    yield _part("seniority", weights.seniority.weight, points, after)


def _spoken(said: Sequence[Conversation], now: int, how: RelationshipWeights) -> list[Part]:
    weights = how.strength
    heard = [talk for talk in said if talk.heard]
    last = heard[-1]
    days = {talk.day for talk in heard}
    decayed = fsum(0.5 ** ((now - day) / weights.frequency.half_life_days) for day in days)
    recent = [talk for talk in heard if talk.day > now - how.window_days]

    def worth(talk: Conversation) -> float:
        points = weights.depth.points.get(talk.type, 0.0)
        return float(points * 0.5 ** ((now - talk.day) / weights.depth.half_life_days))

    deepest = max(heard, key=worth)
    return [
        _part(
            "recency",
            weights.recency.weight,
            normalised(now - last.day, weights.recency.curve),
            f"last heard {now - last.day} days ago",
            last.source,
            last.date,
        ),
        _part(
            "frequency",
            weights.frequency.weight,
            normalised(decayed, weights.frequency.curve),
            f"{count(len(recent), 'conversation')} in {how.window_days} days, {len(heard)} in all",
            last.source,
            last.date,
        ),
        _two_way(said, now, how),
        _part(
            "depth",
            weights.depth.weight,
            worth(deepest),
            f"{deepest.type} {now - deepest.day} days ago",
            deepest.source,
            deepest.date,
        ),
    ]


def _two_way(said: Sequence[Conversation], now: int, how: RelationshipWeights) -> Part:
    """Mail and chat by who wrote; a call or a meeting is a word from each side."""
    weights = how.strength.two_way
    recent = [talk for talk in said if talk.day > now - how.window_days]
    written = [talk for talk in recent if talk.type in WRITTEN and talk.direction]
    spoken = len([talk for talk in recent if talk.type not in WRITTEN and talk.type != "note"])
    theirs = sum(talk.direction == "in" for talk in written) + spoken
    ours = sum(talk.direction == "out" for talk in written) + spoken
    if len(written) + spoken < weights.at_least:
        note = f"fewer than {weights.at_least} messages in {how.window_days} days"
        return _part("two_way", weights.weight, None, note)
    share = min(theirs, ours) / max(theirs, ours)
    note = f"{theirs} from them, {ours} from us in {how.window_days} days"
    points = normalised(share, weights.curve)
    return _part("two_way", weights.weight, points, note, recent[-1].source, recent[-1].date)


# --- power and support


def seniority(record: Record) -> tuple[str, str, str]:
    """A contact's level, where it stands and how it is known; empty when neither field nor title says it."""
    level = record.text("seniority")
    if level:
        return level, field_source(record, "seniority"), level.replace("_", " ")
    read = job_titles.seniority(record.text("title"))
    if read:
        return read, field_source(record, "title"), f"{read.replace('_', ' ')}, by the title"
    return "", "", "level unknown"


def power(record: Record, how: Power) -> Scored:
    """Their say, 0 to 100, from influence, level and role."""
    influence = record.get("influence")
    if isinstance(influence, int):
        points = normalised(influence, how.influence.curve)
        source = field_source(record, "influence")
        first = _part("influence", how.influence.weight, points, f"say {influence} of 3", source)
    else:
        first = _part("influence", how.influence.weight, None, "say unknown")
    return weighed([first, _level(record, how.seniority), _role(record, how.role)])


def _level(record: Record, how: BySeniority) -> Part:
    level, source, note = seniority(record)
    return _part("seniority", how.weight, how.points.get(level), note, source)


def _role(record: Record, how: ByRole) -> Part:
    weight, points = how.weight, how.points
    held = [role for role in map(str, record.items("roles")) if role in points]
    if not held:
        return _part("role", weight, None, "no role that says it")
    role = max(held, key=lambda name: abs(points[name]))
    source = field_source(record, "roles")
    return _part("role", weight, points[role], role.replace("_", " "), source)


def support(
    record: Record,
    sentiment: Sentiment,
    answers: Sequence[Answer],
    today: dt.date,
    how: Support,
) -> Scored:
    """For us or against, -100 to 100: attitude noted, mood of their own words, survey, and role.

    ``answers`` are this person's, oldest first.
    """
    attitude = record.text("sentiment")
    source = field_source(record, "sentiment")
    noted = how.noted.points.get(attitude)
    note = f"attitude noted as {attitude}" if attitude else "no attitude noted"
    return weighed(
        [
            _part("noted", how.noted.weight, noted, note, source),
            _words(record.id, sentiment, today, how),
            _survey(answers, today, how),
            _role(record, how.role),
        ]
    )


def _words(id: str, sentiment: Sentiment, today: dt.date, how: Support) -> Part:
    own = [mood for mood in sentiment.latest if mood.person == id]
    if not own or (today - own[0].day).days > how.words.max_age_days:
        return _part("words", how.words.weight, None, "no words of theirs whose mood is clear")
    value = sentiment.people[id]
    telling = max(own, key=lambda mood: abs(mood.value))
    note = f'{count(len(own), "message")}, such as "{telling.quote}"'
    return _part("words", how.words.weight, value * 100, note, telling.source, telling.day)


def _survey(answers: Sequence[Answer], today: dt.date, how: Support) -> Part:
    now = today.toordinal()
    recent = [a for a in answers if 0 <= now - a.day <= how.survey.max_age_days]
    if not recent:
        return _part("survey", how.survey.weight, None, "no recent answer to a survey")
    last = recent[-1]
    points = normalised(last.score, how.survey.curve)
    day = dt.date.fromordinal(last.day)
    return _part("survey", how.survey.weight, points, f"{last.score} of 10", last.source, day)
