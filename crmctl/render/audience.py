"""What a customer may read of what we hold about them: an allow-list, and the one gate that data passes.

Customer documents are made of `CustomerView` alone. Records get into it through `allowed`, which lets the fields
of `SAFE` pass and nothing else, so that a field that is added to the model stays inside until somebody names it here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

SAFE: Final[Mapping[str, frozenset[str]]] = {
    "account": frozenset(
        """name currency plan seats started renewal auto_renew first_value value_realised goals""".split()
    ),
    "contact": frozenset({"name", "title"}),
    "deal": frozenset(),
    "interaction": frozenset({"type", "at", "with"}),
    "task": frozenset(),
    "event": frozenset("""type at number subject first_response_at closed_at open""".split()),
}
"""The fields of each kind of record that a customer may read. Prose below the front matter is never among them."""
SAFE_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "account.goals": frozenset("name unit baseline target current due source".split()),
}
"""Of fields that hold maps, the columns that a customer may read."""
DECIDING: Final[Mapping[str, frozenset[str]]] = {
    "account": frozenset({"owner"}),
    "interaction": frozenset({"tags"}),
    "event": frozenset({"direction", "deleted"}),
}
"""Fields that nobody reads but that decide what is shown: which of our team's names, and what is not spoken of."""
OURSELVES = "internal"
"""The tag of a meeting that is not spoken of outside."""


def allowed(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a record's values those that a customer may read."""
    found = {name: values[name] for name in SAFE[kind] if values.get(name) is not None}
    for name, value in found.items():
        columns = SAFE_COLUMNS.get(f"{kind}.{name}", frozenset())
        if isinstance(value, list):
            found[name] = [
                {key: each[key] for key in columns if key in each}
                if isinstance(each, Mapping)
                else each
                for each in value
            ]
    return found


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of theirs and what became of it; ``written`` and ``agreed`` are Markdown of the review before."""

    name: str
    unit: str
    baseline: Decimal | None
    target: Decimal | None
    current: Decimal | None
    due: dt.date | None
    measured_by: str
    outcome: str
    agreed: str
    written: str


@dataclass(frozen=True, slots=True)
class Used:
    """A measure of usage before the quarter and now; ``change`` is a share."""

    label: str
    before: str
    before_day: dt.date
    now: str
    now_day: dt.date
    change: float | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request to our support; ``state`` is open, closed or empty for unknown."""

    number: str
    subject: str
    opened: dt.date
    answered: dt.date | None
    closed: dt.date | None
    state: str


@dataclass(frozen=True, slots=True)
class Record:
    """The support record of a quarter: medians in hours and days, None where nothing could be measured."""

    opened: int
    closed: int
    open: int
    answer: str | None
    answered: int
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting with people of theirs."""

    day: dt.date
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreed:
    """An action agreed in the review before, as Markdown."""

    what: str
    ours: str
    theirs: str
    by: str
    done_when: str


@dataclass(frozen=True, slots=True)
class CustomerView:
    """All that templates of customer documents are given.

    ``company`` and ``ours`` are our names; ``until`` is the last day that counts, ``as_of`` that of contract and
    goals. ``before`` is the quarter of their review before this one, empty without; ``support_ever`` is false when
    no request was ever recorded; ``value`` is what they gain in a year, with currency.
    """

    name: str
    company: str
    ours: str
    quarter: str
    last_quarter: str
    next_quarter: str
    until: dt.date
    as_of: dt.date
    plan: str
    seats: int | None
    started: dt.date | None
    renewal: dt.date | None
    auto_renew: bool | None
    first_value: dt.date | None
    value: str
    goals: tuple[Goal, ...]
    usage: tuple[Used, ...]
    support: Record
    support_before: Record
    support_ever: bool
    tickets: tuple[Ticket, ...]
    tickets_more: int
    meetings: tuple[Meeting, ...]
    before: str
    agreed: tuple[Agreed, ...]
