"""Conversations with who took part on either side, and who of us knows whom of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import TALK, WRITTEN
from crmctl.insight.provenance import field_source
from crmctl.insight.relationships_parts import pair_strength
from crmctl.model.record import Account, Event, Record

if TYPE_CHECKING:
    from crmctl.insight.relationship_weights import RelationshipWeights

_SEVERAL = re.compile(r"\s*[,;]\s*")


class Ours(NamedTuple):
    """One of us. ``leads`` says whether somebody in the team has them as manager."""

    id: str
    name: str
    leads: bool


class Conversation(NamedTuple):
    """One conversation with contacts of the account. ``ours`` are ids of us, empty if nobody says who it was."""

    day: int
    type: str
    direction: str
    people: tuple[str, ...]
    ours: tuple[str, ...]
    source: str

    @property
    def heard(self) -> bool:
        """Whether they took part: mail and chat that only we wrote may never have been read."""
        return not (self.type in WRITTEN and self.direction == "out")

    @property
    def date(self) -> dt.date:
        return dt.date.fromordinal(self.day)


class Pair(NamedTuple):
    """One of us and one of theirs. ``talks`` are those they took part in, ``wrote`` what we alone wrote.

    ``strength`` is None where we only answer for the person (``owner``) and no conversation is recorded.
    """

    ours: str
    theirs: str
    talks: int
    wrote: int
    last: dt.date | None
    strength: float | None
    owner: bool
    source: str


def conversations(
    account: Account, today: dt.date, ours: Callable[[str], str]
) -> list[Conversation]:
    """All conversations up to ``today`` that name a contact of the account, oldest first.

    ``ours`` gives the id of one of us from what ``by`` says. Tickets and surveys are none, nor is what was deleted.
    """
    found = [talk for record in account.interactions if (talk := _noted(record, account, ours))]
    found += [talk for event in account.events if (talk := _event(event, account, ours))]
    now = today.toordinal()
    return sorted((t for t in found if t.day <= now), key=lambda t: (t.day, t.source))


def _noted(record: Record, account: Account, ours: Callable[[str], str]) -> Conversation | None:
    at = record.time("at")
    people = _known(record.items("with"), account)
    if at is None or record.deleted or not people or record.text("type") not in TALK:
        return None
    return Conversation(
        at.date().toordinal(),
        record.text("type"),
        record.text("direction"),
        people,
        _us(record.text("by"), ours),
        field_source(record, "with"),
    )


def _event(event: Event, account: Account, ours: Callable[[str], str]) -> Conversation | None:
    data = event.data
    people = _known(data.get("with") or (), account)
    if event.at is None or data.get("deleted") or not people or event.type not in TALK:
        return None
    return Conversation(
        event.at.date().toordinal(),
        event.type,
        str(data.get("direction") or ""),
        people,
        _us(str(data.get("by") or ""), ours),
        f"{event.path}:{event.line}",
    )


def _known(ids: Iterable[object], account: Account) -> tuple[str, ...]:
    return tuple(id for id in dict.fromkeys(map(str, ids)) if id in account.contacts)


def _us(by: str, ours: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ours(name) for name in _SEVERAL.split(by.strip()) if name))


def by_person(talks: Iterable[Conversation]) -> dict[str, list[Conversation]]:
    """The conversations of each contact, in the same order."""
    found: dict[str, list[Conversation]] = {}
    for talk in talks:
        for id in talk.people:
            found.setdefault(id, []).append(talk)
    return found


def pairs(
    talks: Sequence[Conversation],
    owners: Mapping[str, tuple[str, str]],
    now: int,
    how: RelationshipWeights,
) -> tuple[Pair, ...]:
    """Who of us knows whom of them, the best acquainted first.

    ``owners`` gives for a contact who of us answers for it, and where that stands.
    """
    together: dict[tuple[str, str], list[Conversation]] = {}
    for talk in talks:
        for one in talk.ours:
            for other in talk.people:
                together.setdefault((one, other), []).append(talk)
    for other, (one, _) in owners.items():
        together.setdefault((one, other), [])
    found = [_pair(key, said, owners, now, how) for key, said in together.items()]
    return tuple(
        sorted(found, key=lambda p: (-1.0 if p.strength is None else p.strength, p.talks, p.wrote))
    )[::-1]


def _pair(
    key: tuple[str, str],
    said: list[Conversation],
    owners: Mapping[str, tuple[str, str]],
    now: int,
    how: RelationshipWeights,
) -> Pair:
    one, other = key
    heard = [talk for talk in said if talk.heard]
    owner, where = owners.get(other, ("", ""))
    last = (heard or said)[-1] if said else None
    return Pair(
        one,
        other,
        len(heard),
        len(said) - len(heard),
        heard[-1].date if heard else None,
        pair_strength(said, now, how),
        owner == one,
        last.source if last else where,
    )
