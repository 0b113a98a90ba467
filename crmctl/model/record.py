"""A record as read from its file: what people state, what each system states, and what therefore holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crmctl.model.schema import FIELDS

PERSON = "person"
DEFAULT_RANKING = (
    "salesforce",
    "supabase",
    "gong",
    "granola",
    "email",
    "slack",
    "linkedin",
    "csv",
    "crmctl",
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Which system is believed when people say nothing: an order for all fields, and orders for some.

    ``fields`` is keyed ``kind.field``. A system in no list ranks last, in alphabetical order.
    """

    default: tuple[str, ...] = DEFAULT_RANKING
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def order(self, kind: str, name: str, systems: Sequence[str]) -> list[str]:
        """``systems`` from the most to the least believed for this field."""
        if len(systems) < 2:
            return list(systems)
        ranks = (*self.fields.get(f"{kind}.{name}", ()), *self.default)
        return sorted(systems, key=lambda s: (ranks.index(s) if s in ranks else len(ranks), s))


@dataclass(slots=True)
class Record:
    """One record. ``own`` holds people's values, ``systems`` each system's block, both in normal form.

    ``id`` is the file's name (for an account its folder's), ``account`` the folder it lies in.
    Unknown keys are kept as they were read.
    """

    kind: str
    account: str
    id: str
    path: str
    own: dict[str, Any]
    systems: dict[str, dict[str, Any]]
    body: str
    ranking: Ranking

    def stated(self, name: str) -> tuple[Any, str | None]:
        """The value that holds and who states it: ``person``, a system, or None when nobody does."""
        value = self.own.get(name)
        if value is not None:
            return value, PERSON
        if self.systems:
            stating = [s for s, block in self.systems.items() if block.get(name) is not None]
            if stating:
                best = self.ranking.order(self.kind, name, stating)[0]
                return self.systems[best][name], best
        return None, None

    def get(self, name: str) -> Any:
        """The value that holds, None when nobody states one."""
        value = self.own.get(name)
        return value if value is not None else self.stated(name)[0]

    def text(self, name: str) -> str:
        """A field as text, empty when nobody states it."""
        value = self.get(name)
        return "" if value is None else str(value)

    def date(self, name: str) -> dt.date | None:
        value = self.get(name)
        return value if isinstance(value, dt.date) else None

    def time(self, name: str) -> dt.datetime | None:
        value = self.get(name)
        return value if isinstance(value, dt.datetime) else None

    def number(self, name: str) -> Decimal | None:
        value = self.get(name)
        return (
            Decimal(value)
            if isinstance(value, (int, Decimal)) and not isinstance(value, bool)
            else None
        )

    def items(self, name: str) -> list[Any]:
        """A list field, empty when nobody states it."""
        value = self.get(name)
        return value if isinstance(value, list) else []

    @property
    def title(self) -> str:
        """What to call the record in front of people."""
        return self.text("name") or self.text("title") or self.text("subject") or self.id

    @property
    def deleted(self) -> bool:
        """Whether a system reports it deleted."""
        return any(block.get("deleted") is True for block in self.systems.values())

    def ids(self) -> Iterator[str]:
        """Every id that means this record, ``system:id``, aliases included."""
        for system, block in self.systems.items():
            if block.get("id") is not None:
                yield f"{system}:{block['id']}"
        yield from (str(alias) for alias in self.own.get("aliases") or ())

    def effective(self) -> dict[str, Any]:
        """All values that hold, in the schema's order, then the team's own keys."""
        stated: dict[str, Any] = {}
        for block in self.systems.values():
            for name, value in block.items():
                if value is not None:
                    stated[name] = self.get(name) if name in stated else value
        stated.update((name, value) for name, value in self.own.items() if value is not None)
        known = FIELDS[self.kind]
        values = {name: stated[name] for name in known if name in stated}
        values.update((n, v) for n, v in self.own.items() if n not in known and v is not None)
        return values


@dataclass(frozen=True, slots=True)
class Event:
    """One line of ``interactions/<yyyy>.jsonl``: synced mail, chat, a ticket, a survey answer."""

    path: str
    line: int
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def type(self) -> str:
        return str(self.data["type"])

    @property
    def at(self) -> dt.datetime | None:
        value = self.data.get("at")
        return value if isinstance(value, dt.datetime) else None

    def ids(self) -> list[str]:
        return [self.id, *map(str, self.data.get("aliases") or ())]


@dataclass(slots=True)
class Account:
    """Everything in one account's folder."""

    profile: Record
    contacts: dict[str, Record] = field(default_factory=dict)
    deals: dict[str, Record] = field(default_factory=dict)
    interactions: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tasks: dict[str, Record] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.profile.id
