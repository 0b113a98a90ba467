"""Gates between the stages of a deal, and what to ask whom so that it passes the next one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.qualification_weights import HIGHEST
from crmctl.model.record import Account, Record

if TYPE_CHECKING:
    from crmctl.insight.qualification_weights import Framework, QualificationWeights

Levels = Mapping[str, int | None]
_SIGNS = re.compile(r"[\W_]+")


class Passage(NamedTuple):
    """A gate as this deal meets it: ``points`` of the ``least`` it takes, ``lacking`` are not proven as it asks."""

    stage: str
    least: int
    points: int
    lacking: tuple[str, ...]
    passed: bool


class Person(NamedTuple):
    """Whom to ask: a contact by id and name, and the role that makes it this one."""

    id: str
    name: str
    role: str


class Gap(NamedTuple):
    """A component below the highest level. ``needed_for`` is the stage whose gate asks for it to be proven, "" if none.

    ``ask`` are the people to ask, the best first; ``roles`` whom to look for where there is nobody.
    """

    component: str
    label: str
    level: int | None
    question: str
    needed_for: str
    ask: tuple[Person, ...]
    roles: tuple[str, ...]


def stage_of(deal: Record, weights: QualificationWeights) -> str:
    """The stage of the weights that a deal is in: by its stage's words, else by its probability; "" if neither says.

    Of several words that the stage's name has, the longest counts.
    """
    name = words(deal.text("stage"))
    known = [
        (len(word), -place, stage)
        for place, (stage, about) in enumerate(weights.stages.items())
        for word in (words(stage), *map(words, about.words))
        if f" {word} " in f" {name} "
    ]
    if known:
        return max(known)[2]
    chance = deal.number("probability")
    if chance is None:
        return ""
    found = ""
    for stage, about in weights.stages.items():
        if about.from_probability is not None and chance >= about.from_probability:
            found = stage
    return found


def missed(
    stage: str, levels: Levels, frame: Framework, weights: QualificationWeights
) -> tuple[Passage, ...]:
    """The gates of the stages before this one that the deal does not pass, the earliest first."""
    order = list(weights.stages)
    past = order[: order.index(stage)] if stage else []
    met = (_passage(name, levels, frame) for name in past if name in frame.gates)
    return tuple(passage for passage in met if not passage.passed)


def next_gate(
    stage: str, levels: Levels, frame: Framework, weights: QualificationWeights
) -> Passage | None:
    """The gate that is ahead: that of this stage, or of the first later one that has one; None at the end."""
    order = list(weights.stages)
    ahead = order[order.index(stage) :] if stage else order
    return next((_passage(name, levels, frame) for name in ahead if name in frame.gates), None)


def red(
    stage: str, levels: Levels, frame: Framework, weights: QualificationWeights
) -> tuple[str, ...]:
    """Components that are hardly known in a stage by which they must be known."""
    order = list(weights.stages)
    entered = order[: order.index(stage) + 1] if stage else []
    wanted = [name for s in entered if s in frame.gates for name in frame.gates[s].red]
    return tuple(
        name for name in dict.fromkeys(wanted) if (levels[name] or 0) <= weights.red_at_most
    )


def _passage(stage: str, levels: Levels, frame: Framework) -> Passage:
    gate = frame.gates[stage]
    points = sum(level for level in levels.values() if level is not None)
    lacking = tuple(name for name in gate.proven if levels[name] != HIGHEST)
    return Passage(stage, gate.least, points, lacking, points >= gate.least and not lacking)


def gaps(
    deal: Record,
    account: Account,
    levels: Levels,
    frame: Framework,
    wanted: Sequence[Passage],
    today: dt.date,
) -> tuple[Gap, ...]:
    """What is not proven, in the order in which to ask.

    First what the gates ``wanted`` (those missed, then the next) ask to be proven, in the order of those gates; then
    what adds the most points, weighted where the framework has weights.
    """
    needed: dict[str, tuple[int, str]] = {}
    for place, passage in enumerate(wanted):
        for name in passage.lacking:
            needed.setdefault(name, (place, passage.stage))
    last = len(wanted)
    there = _there(deal, account, today)
    found: list[tuple[tuple[int, float, int], Gap]] = []
    for order, (name, part) in enumerate(frame.components.items()):
        level = levels[name]
        if level == HIGHEST:
            continue
        gate, stage = needed.get(name, (last, ""))
        worth = (HIGHEST - (level or 0)) * (1 if part.weight is None else part.weight)
        label = part.label or name.replace("_", " ").capitalize()
        question = part.question or f"What do we know about {label.lower()}, and from whom?"
        people = _people(there, part.ask)
        gap = Gap(name, label, level, question, stage, people, tuple(part.ask))
        found.append(((gate, -worth, order), gap))
    return tuple(gap for _, gap in sorted(found, key=lambda item: item[0]))


class _There(NamedTuple):
    """Somebody who has not left: what they are in the deal and at the company, and what ranks them."""

    id: str
    name: str
    has: frozenset[str]
    rank: tuple[bool, int, str]


def _there(deal: Record, account: Account, today: dt.date) -> list[_There]:
    part = {str(row["person"]): words(str(row.get("role") or "")) for row in deal.items("people")}
    found = []
    for contact in account.contacts.values():
        left = contact.date("left")
        if contact.deleted or (left is not None and left <= today):
            continue
        has = {part.get(contact.id, ""), *(words(str(r)) for r in contact.items("roles"))}
        say = contact.get("influence")
        rank = (contact.id not in part, -(say if isinstance(say, int) else 0), contact.id)
        found.append(_There(contact.id, contact.title, frozenset(has), rank))
    return found


def _people(there: Sequence[_There], roles: Sequence[str]) -> tuple[Person, ...]:
    """Who has one of the roles: by role, those in the deal before others, by their say."""
    wanted = [words(role) for role in roles]
    found = []
    for one in there:
        place = next((n for n, role in enumerate(wanted) if role in one.has), None)
        if place is not None:
            found.append(((place, *one.rank), Person(one.id, one.name, roles[place])))
    return tuple(person for _, person in sorted(found, key=lambda row: row[0]))


@lru_cache(maxsize=1024)
def words(text: str) -> str:
    """Words in small letters with one blank between, to compare by."""
    return _SIGNS.sub(" ", text.casefold()).strip()
