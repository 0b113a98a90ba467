"""Who they are to us: buying roles covered, threads, the champion, and who has gone silent."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import Evidence
from crmctl.model.record import Account

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring


class Stakeholder(NamedTuple):
    """One contact. ``last_heard`` is the date of the last conversation they took part in."""

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    seniority: str
    influence: int | None
    sentiment: str
    reports_to: str
    left: dt.date | None
    last_heard: dt.date | None
    silent_days: int | None
    source: str


class Relationships(NamedTuple):
    """``people`` in order of influence, those who left last; the others are ids of contacts.

    ``threads`` talked with us within the conversation window, ``silent`` did once but not for longer
    than ``champion_silent_days``. ``roles`` gives the holders of each buying role, ``missing`` the
    roles that nobody holds.
    """

    people: tuple[Stakeholder, ...]
    roles: dict[str, list[str]]
    missing: tuple[str, ...]
    threads: tuple[str, ...]
    champions: tuple[str, ...]
    silent: tuple[str, ...]
    left: tuple[str, ...]


def relationships(
    account: Account, evidence: Evidence, today: dt.date, how: Measuring
) -> Relationships:
    """The relationships of one account as of ``today``; ``evidence`` is what was gathered of it."""
    now = today.toordinal()
    heard: dict[str, int] = {}
    for talk in evidence.talks:
        if talk.heard and talk.day <= now:
            heard.update(dict.fromkeys(talk.people, talk.day))
    people = tuple(
        sorted(
            (_stakeholder(account, p.id, heard.get(p.id), now) for p in evidence.people),
            key=lambda p: (p.left is not None, -(p.influence or 0), p.id),
        )
    )
    here = [p for p in people if p.left is None]
    roles = {role: [p.id for p in here if role in p.roles] for role in how.buying_roles}
    days = {p.id: p.silent_days for p in here if p.silent_days is not None}
    return Relationships(
        people,
        roles,
        tuple(role for role, ids in roles.items() if not ids),
        tuple(id for id, silent in days.items() if silent < how.conversation_days),
        tuple(p.id for p in here if "champion" in p.roles),
        tuple(id for id, silent in days.items() if silent > how.champion_silent_days),
        tuple(p.id for p in people if p.left is not None),
    )


def _stakeholder(account: Account, id: str, heard: int | None, now: int) -> Stakeholder:
    record = account.contacts[id]
    left = record.date("left")
    influence = record.get("influence")
    return Stakeholder(
        id,
        record.title,
        record.text("title"),
        tuple(map(str, record.items("roles"))),
        record.text("seniority"),
        influence if isinstance(influence, int) else None,
        record.text("sentiment"),
        record.text("reports_to"),
        left if left is not None and left.toordinal() <= now else None,
        None if heard is None else dt.date.fromordinal(heard),
        None if heard is None else now - heard,
        record.path,
    )
