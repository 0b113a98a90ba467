"""What a source says: records on their way in, before anybody decided which file they belong to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

RECORD_KINDS = ("account", "contact", "deal", "interaction", "task", "event")


@dataclass(frozen=True, slots=True)
class Link:
    """How a record names another one: by id, else by e-mail, domain, name or our own slug.

    ``id`` is one of the record's own system, unless ``system`` names another: a call knows its deal in the CRM.
    """

    id: str = ""
    email: str = ""
    domain: str = ""
    name: str = ""
    slug: str = ""
    system: str = ""

    def __bool__(self) -> bool:
        return bool(self.id or self.email or self.domain or self.name or self.slug)

    def __str__(self) -> str:
        return self.slug or self.name or self.email or self.domain or self.id


NOWHERE = Link()


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record as one system states it.

    ``kind`` is one of `RECORD_KINDS`; an ``event`` becomes a line of traffic, an ``interaction`` a file.
    ``fields`` holds crmctl's field names; an absent key is no statement, None clears what the system said before.
    ``account`` names the account it belongs to, ``people`` the contacts it concerns (with their role, if any),
    ``primary`` the main one of them, ``links`` further fields that hold another record (``reports_to``, ``parent``,
    ``deal``).
    ``at`` dates events, interactions and tasks. ``origin`` is where it came from, for reports (``Account.json:3``).
    What a system only mentions, such as somebody who was on a call, neither ``waits`` for an account that fits nor,
    if the team wants known people alone, ``creates`` a file.
    """

    system: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    account: Link = NOWHERE
    people: tuple[tuple[Link, str], ...] = ()
    primary: Link = NOWHERE
    links: Mapping[str, Link] = field(default_factory=dict)
    at: dt.datetime | dt.date | None = None
    body: str = ""
    deleted: bool = False
    merged_into: str = ""
    origin: str = ""
    creates: bool = True
    waits: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """Something that belongs to no account yet: nothing of it is kept but this, so that it can be read again.

    ``kind`` is one of `RECORD_KINDS` or a container of records (``channel``, ``folder``). ``date`` is ISO or "".
    ``domain`` is a company's, never a mail provider's. ``origin`` is for this run's report and never kept.
    """

    system: str
    kind: str
    id: str
    date: str = ""
    domain: str = ""
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured number of one account on one day."""

    account: Link
    day: dt.date
    measure: str
    value: Decimal
    source: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be understood: where it stands and why."""

    origin: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Everything one read of one source gave. ``owners`` maps the system's user ids to (name, e-mail).

    ``partial``: only what changed since an earlier read, so that an empty one is no fault.
    """

    system: str
    records: list[Incoming] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    partial: bool = False

    def add(self, other: Batch) -> None:
        """Take in what another read of the same source gave."""
        self.records += other.records
        self.measurements += other.measurements
        self.rejected += other.rejected
        self.notes += [note for note in other.notes if note not in self.notes]
        self.owners |= other.owners
        self.waiting += other.waiting
