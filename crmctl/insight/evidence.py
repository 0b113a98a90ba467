"""What scoring needs of an account's files, condensed and free of today's date, so that it can be kept.

Reading the files is the dear part of scoring. As long as they do not change, this is what is remembered
of them: who said something when, tickets, answers, deals, goals, and where each of them stands.

A source is ``path:line`` for a line of traffic and ``path#field`` for a field of front matter; the line of
a field is looked up only when somebody wants to see it (`crmctl.insight.citing`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from crmctl.insight.engagement import their_answers
from crmctl.insight.provenance import field_source
from crmctl.model.record import Account, Event, Record
from crmctl.model.text import one_line
from crmctl.workspace.names import company_key

KEPT_DAYS = 400  # how far back conversations and tickets are remembered between two scorings
UNDATED = 0
MOOD = {"positive": 1, "neutral": 0, "negative": -1}
TALK = frozenset({"call", "meeting", "email", "chat", "note"})
OVERRIDES = "health_override"
WRITTEN = frozenset({"email", "chat"})
DATES = ("started", "first_value", "notice_given", "payment_overdue_since", "renewal")
AMOUNTS = ("arr", "mrr", "value_realised")
TRAITS = ("segment", "stage", "step", "plan")


class Talk(NamedTuple):
    """One conversation. ``day`` is an ordinal (`datetime.date.toordinal`), as everywhere in this module."""

    day: int
    type: str
    direction: str
    people: list[str]
    mood: int | None
    source: str

    @property
    def heard(self) -> bool:
        """Whether they took part: mail and chat that only we wrote may never have been read."""
        return not (self.type in WRITTEN and self.direction == "out")


class Ticket(NamedTuple):
    """One support ticket; None where the system does not say. ``day`` is `UNDATED` without a date.

    ``answered`` are the hours until our first answer.
    """

    day: int
    closed: int | None
    open: bool | None
    status: str
    priority: str
    escalated: bool | None
    reopened: int | None
    source: str
    answered: float | None = None


class Reply(NamedTuple):
    """A mail of theirs that answers ours, after so many hours."""

    day: int
    hours: float
    source: str


class Answer(NamedTuple):
    """One answer to a survey, 0 to 10."""

    day: int
    person: str
    score: int
    source: str


class Person(NamedTuple):
    """One contact; ``left`` is the day of leaving the company, ``mood`` the attitude people noted.

    ``seniority`` is empty if unknown.
    """

    id: str
    roles: list[str]
    left: int | None
    mood: int | None
    source: str
    seniority: str = ""


class Deal(NamedTuple):
    """One opportunity."""

    id: str
    type: str
    status: str
    probability: int | None
    close: int | None
    source: str
    stage: str = ""


class Goal(NamedTuple):
    """One thing the customer wants to reach."""

    name: str
    baseline: float | None
    target: float | None
    current: float | None
    due: int | None


class Vendor(NamedTuple):
    """A competitor that the profile or a deal names; ``deal`` is empty for the profile and a deal that is decided."""

    name: str
    deal: str
    source: str


class Moved(NamedTuple):
    """A contact of whom a system says that they work elsewhere now."""

    person: str
    before: str
    now: str
    source: str


class Override(NamedTuple):
    """A score that a person set by hand on ``day``; from ``expires`` on it has no effect.

    ``despite`` names the gates that it was set in knowledge of.
    """

    score: float
    reason: str
    by: str
    day: int
    expires: int
    despite: list[str]


@dataclass(slots=True)
class Evidence:
    """One account's. ``dates`` are the days of `DATES`, ``amounts`` those of `AMOUNTS`; ``where`` says who states a
    profile field; ``traits`` are what kind of account it is (`TRAITS`).
    """

    slug: str
    name: str
    seats: int | None = None
    dates: dict[str, int] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    traits: dict[str, str] = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    vendors: list[Vendor] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)

    def as_json(self) -> list[Any]:
        """Plain lists for `json`, without the names of fields, which ten thousand accounts would repeat."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_json(cls, data: list[Any]) -> Evidence:
        """`as_json`, taken back."""
        slug, name, seats, dates, amounts, where, traits, *lists = data
        kinds = (Talk, Ticket, Answer, Person, Deal, Goal, Vendor, Moved, Reply, Override)
        rows = [[kind(*row) for row in each] for kind, each in zip(kinds, lists, strict=True)]
        return cls(slug, name, seats, dates, amounts, where, traits, *rows)


def gather(account: Account, today: dt.date) -> Evidence:
    """What the account's records say, without what is too old for any window (`KEPT_DAYS`).

    Of each person's conversations, and of the tickets, the latest is kept however old it is.
    """
    profile = account.profile
    found = Evidence(account.slug, profile.title)
    seats = profile.number("seats")
    found.seats = None if seats is None else int(seats)
    for name in (*DATES, *AMOUNTS, "seats", "goals"):
        value = profile.get(name)
        if value is not None:
            found.where[name] = field_source(profile, name)
            if isinstance(value, dt.date):
                found.dates[name] = value.toordinal()
            elif name in AMOUNTS and (amount := profile.number(name)) is not None:
                found.amounts[name] = float(amount)
    found.people = [_person(record) for record in account.contacts.values() if not record.deleted]
    found.deals = [_deal(record) for record in account.deals.values() if not record.deleted]
    found.goals = [_goal(row) for row in profile.items("goals")]
    found.vendors = list(_vendors(account))
    found.moved = list(_moved(account))
    found.traits = {name: text for name in TRAITS if (text := profile.text(name))}
    found.overrides = list(_overrides(profile))
    if found.overrides:
        found.where[OVERRIDES] = f"{profile.path}#{OVERRIDES}"
    talks = [talk for record in account.interactions if (talk := _talk(record))]
    for event in account.events:
        _sort_in(event, found, talks)
    oldest = today.toordinal() - KEPT_DAYS
    found.talks = _recent(talks, oldest)
    found.replies = [
        reply
        for hours, answer in their_answers(account.events)
        if (reply := _reply(hours, answer)).day >= oldest
    ]
    latest = max((ticket.day for ticket in found.tickets), default=0)
    found.tickets = [
        t
        for t in found.tickets
        if max(t.day, t.closed or 0) >= min(oldest, latest) or t.open or t.day == UNDATED
    ]
    return found


def _person(record: Record) -> Person:
    left = record.date("left")
    return Person(
        record.id,
        [str(role) for role in record.items("roles")],
        None if left is None else left.toordinal(),
        MOOD.get(record.text("sentiment")),
        record.path,
        record.text("seniority"),
    )


def _deal(record: Record) -> Deal:
    chance, close = record.get("probability"), record.date("close")
    return Deal(
        record.id,
        record.text("type"),
        record.text("status") or "open",
        chance if isinstance(chance, int) else None,
        None if close is None else close.toordinal(),
        record.path,
        record.text("stage"),
    )


def _goal(row: dict[str, Any]) -> Goal:
    due = row.get("due")
    return Goal(
        str(row.get("name", "")),
        _float(row.get("baseline")),
        _float(row.get("target")),
        _float(row.get("current")),
        due.toordinal() if isinstance(due, dt.date) else None,
    )


def _vendors(account: Account) -> Iterator[Vendor]:
    for record in (account.profile, *account.deals.values()):
        undecided = record.kind == "deal" and (record.text("status") or "open") == "open"
        for name in map(str, record.items("competitors")):
            yield Vendor(name, record.id if undecided else "", field_source(record, "competitors"))


def _moved(account: Account) -> Iterator[Moved]:
    """Contacts who have moved on; those who came here from elsewhere are none."""
    for record in account.contacts.values():
        if record.deleted or record.date("left") is not None:
            continue
        for system, block in sorted(record.systems.items()):
            before, now = (str(block.get(name) or "") for name in ("company_before", "company"))
            keys = {company_key(before), company_key(account.profile.title)}
            if not before or not now or company_key(now) in keys:
                continue
            source = f"{record.path}#sources.{system}.company"
            yield Moved(record.id, one_line(before, 80), one_line(now, 80), source)
            break


def _overrides(profile: Record) -> Iterator[Override]:
    """What people set by hand; one that lacks anything, which `check` reports, has no effect."""
    rows = profile.own.get(OVERRIDES)
    for row in rows if isinstance(rows, list) else ():
        score, day, expires = _float(row.get("score")), row.get("at"), row.get("expires")
        reason, by = (str(row.get(name) or "").strip() for name in ("reason", "by"))
        dated = isinstance(day, dt.date) and isinstance(expires, dt.date)
        if score is None or not reason or not by or not dated:
            continue
        despite = [str(gate) for gate in row.get("despite") or ()]
        yield Override(score, reason, by, day.toordinal(), expires.toordinal(), despite)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, Decimal)) else None


def _talk(record: Record) -> Talk | None:
    at = record.time("at")
    if at is None or record.deleted:
        return None
    people = [str(person) for person in record.items("with")]
    mood = MOOD.get(record.text("sentiment"))
    day = at.date().toordinal()
    return Talk(day, record.text("type"), record.text("direction"), people, mood, record.path)


def _sort_in(event: Event, found: Evidence, talks: list[Talk]) -> None:
    data, at = event.data, event.at
    if data.get("deleted") or (at is None and event.type != "ticket"):
        return
    day = UNDATED if at is None else at.date().toordinal()
    source = f"{event.path}:{event.line}"
    people = [str(person) for person in data.get("with") or ()]
    if event.type == "ticket":
        closed = data.get("closed_at")
        found.tickets.append(
            Ticket(
                day,
                closed.date().toordinal() if closed is not None else None,
                data.get("open"),
                str(data.get("status") or ""),
                str(data.get("priority") or ""),
                data.get("escalated"),
                data.get("reopened"),
                source,
                _hours(at, data.get("first_response_at")),
            )
        )
    elif event.type == "survey":
        if data.get("score") is not None:
            found.answers.append(
                Answer(day, people[0] if people else event.id, data["score"], source)
            )
    elif event.type in TALK and (people or event.type != "note"):
        # A note that names nobody is news of the company and no word from it.
        talks.append(Talk(day, event.type, str(data.get("direction") or ""), people, None, source))


def _reply(hours: float, event: Event) -> Reply:
    day = UNDATED if event.at is None else event.at.date().toordinal()
    return Reply(day, hours, f"{event.path}:{event.line}")


def _hours(start: dt.datetime | None, end: dt.datetime | None) -> float | None:
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds() / 3600


def _recent(talks: list[Talk], oldest: int) -> list[Talk]:
    talks.sort(key=lambda t: (t.day, t.source))
    kept: list[Talk] = []
    seen: set[str] = set()
    for talk in reversed(talks):
        new = talk.heard and not seen.issuperset(talk.people or ("",))
        if talk.heard:
            seen.update(talk.people or ("",))
        if talk.day >= oldest or new:
            kept.append(talk)
    kept.reverse()
    return kept
