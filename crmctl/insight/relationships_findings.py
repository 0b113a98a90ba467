"""What the map says beyond single people: roles covered, champions and their loss, executives, what needs action."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.relationships_people import UNKNOWN, Standing

if TYPE_CHECKING:
    from crmctl.insight.relationship_weights import RelationshipWeights
    from crmctl.insight.relationships_parts import Part
    from crmctl.insight.relationships_talks import Conversation


class Cover(NamedTuple):
    """A buying role. ``state``: nobody, known (none is a thread), thread, unknown; ``people``: the best known first."""

    role: str
    state: str
    people: tuple[str, ...]
    source: str


class Champion(NamedTuple):
    """``state``: active, weak, silent, against, unheard, unknown or gone; ``successors``: other active champions."""

    id: str
    name: str
    state: str
    text: str
    as_of: dt.date | None
    source: str
    successors: tuple[str, ...]


class Executive(NamedTuple):
    """One of their executives and who of us heard them in the window. ``state``: leader, met, unmet or unknown."""

    id: str
    name: str
    seniority: str
    state: str
    ours: tuple[str, ...]
    last_heard: dt.date | None
    source: str


class Alert(NamedTuple):
    """Something to act on, and where it stands."""

    name: str
    text: str
    as_of: dt.date | None
    source: str


def cover(role: str, here: Sequence[Standing]) -> Cover:
    """Who of those still there plays a role."""
    held = sorted(
        (person for person in here if role in person.roles),
        key=lambda person: (-(person.strength.value or 0.0), person.id),
    )
    state = "known" if held else "nobody"
    if any(person.thread for person in held):
        state = "thread"
    elif held and all(person.strength.value is None for person in held):
        state = UNKNOWN
    source = held[0].roles_source if held else ""
    return Cover(role, state, tuple(person.id for person in held), source)


def champions(people: Sequence[Standing], how: RelationshipWeights) -> tuple[Champion, ...]:
    """Everybody who has the role, those who are gone too, with what has become of it."""
    found = [_champion(person, how) for person in people if "champion" in person.roles]
    active = tuple(one.id for one in found if one.state == "active")
    return tuple(
        one._replace(successors=tuple(id for id in active if id != one.id)) for one in found
    )


def _champion(person: Standing, how: RelationshipWeights) -> Champion:
    value = person.strength.value
    last, where = person.last_heard, person.last_source or person.roles_source
    if person.gone:
        state, text, last, where = "gone", person.gone, person.left, person.gone_source
    elif value is None:
        state, text = "unknown", "no conversation names anybody"
    elif person.last_heard is None:
        state, text = "unheard", "no conversation with them is recorded"
    elif person.stance == "against":
        state, text = "against", f"support {person.support.value:.0f}"
        telling = worst(person)
        text, last, where = f"{text}: {telling.note}", telling.as_of, telling.source
    elif person.silence is not None and person.silence.silent:
        state, text = "silent", f"silent for {person.silence.days} days ({person.silence.why})"
    elif not person.thread:
        state, text = "weak", f"strength {value:.0f}, a thread is above {how.thread_above:g}"
    else:
        state, text = "active", f"strength {value:.0f}"
    return Champion(person.id, person.name, state, text, last, where, ())


def worst(person: Standing) -> Part:
    """What speaks most against a person's support."""
    known = [part for part in person.support.parts if part.points is not None]
    return min(known, key=lambda part: (part.adds, part.name))


def executives(
    here: Sequence[Standing],
    said: Mapping[str, Sequence[Conversation]],
    leads: Callable[[str], bool],
    today: dt.date,
    how: RelationshipWeights,
    levels: Sequence[str],
    *,
    heard: bool,
) -> tuple[Executive, ...]:
    """Those of these ``levels`` who are still there; ``leads`` says whether one of us is somebody's manager.

    ``said`` are conversations by contact; without ``heard`` no conversation of the account names anybody.
    """
    since = today.toordinal() - how.window_days
    found = []
    for person in here:
        if person.seniority not in levels:
            continue
        recent = [t for t in said.get(person.id, ()) if t.heard and t.day > since]
        ours = tuple(dict.fromkeys(id for talk in recent for id in talk.ours))
        state = "leader" if any(leads(id) for id in ours) else "met" if recent else "unmet"
        found.append(
            Executive(
                person.id,
                person.name,
                person.seniority,
                state if heard else UNKNOWN,
                ours,
                person.last_heard,
                person.last_source or person.source,
            )
        )
    return tuple(found)


def alerts(
    people: Sequence[Standing],
    threads: Sequence[str] | None,
    champions: Sequence[Champion],
    executives: Sequence[Executive],
) -> list[Alert]:
    """What the others amount to, the gravest first."""
    names = {person.id: person for person in people}
    found = [
        Alert("champion", _lost(one, names), one.as_of, one.source)
        for one in champions
        if one.state not in {"active", UNKNOWN}
    ]
    if threads is not None and len(threads) < 2 and people:
        one = names[threads[0]] if threads else max(people, key=lambda p: p.strength.value or 0.0)
        text = f"single thread: only {one.name} talks with us" if threads else "no thread at all"
        last = one.last_heard
        found.append(Alert("threads", text, last, one.last_source or one.source))
    met = [one for one in executives if one.state in {"met", "leader"}]
    unmet = [one for one in executives if one.state == "unmet"]
    if unmet and not met:
        text = f"none of their executives was heard: {', '.join(one.name for one in unmet)}"
        found.append(Alert("executives", text, unmet[0].last_heard, unmet[0].source))
    found += [
        Alert(
            "silent",
            f"{person.name} silent for {person.silence.days} days, from {person.silence.limit} on "
            f"it is silence: {person.silence.why}",
            person.last_heard,
            person.last_source,
        )
        for person in people
        if person.silence is not None
        and person.silence.silent
        and not person.gone
        and "champion" not in person.roles
    ]
    for person in people:
        if person.stance == "against" and person.level == "high" and not person.gone:
            telling = worst(person)
            text = f"{person.name}, whose say is high, is against us: {telling.note}"
            found.append(Alert("against", text, telling.as_of, telling.source))
    return found


def _lost(one: Champion, names: Mapping[str, Standing]) -> str:
    after = ", ".join(names[id].name for id in one.successors)
    follows = f"; also champion: {after}" if after else "; no other champion is active"
    return f"champion {one.name}: {one.text}{follows}"
