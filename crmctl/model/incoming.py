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
    """How a record names another one: by id in its system, else by e-mail, domain, name or our own slug."""

    id: str = ""
    email: str = ""
    domain: str = ""
    name: str = ""
    slug: str = ""

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
    ``links`` further fields that hold another record (``reports_to``, ``parent``, ``deal``).
    ``at`` dates events, interactions and tasks. ``origin`` is where it came from, for reports (``Account.json:3``).
    """

    system: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    account: Link = NOWHERE
    people: tuple[tuple[Link, str], ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    at: dt.datetime | dt.date | None = None
    body: str = ""
    deleted: bool = False
    merged_into: str = ""
    origin: str = ""


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
    """Everything one read of one source gave. ``owners`` maps the system's user ids to (name, e-mail)."""

    system: str
    records: list[Incoming] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
