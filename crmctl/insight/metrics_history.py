"""The MRR of each account through time, from the best source there is, and what is not known of it.

Days are ordinals (`datetime.date.toordinal`); MRR is monthly, in the account's currency; None is what nobody knows.
The sources, the best first: rows ``mrr`` in ``accounts/_measures`` (else ``arr`` / 12), the profile as git had it at
earlier days, the profile as it is now. A value holds until the next one.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from crmctl.insight.metrics_weights import MetricWeights, Spike

MEASURED, GIT, PROFILE, NOTHING = "measures", "git", "profile", "nothing"
NEW, BACK, GREW, SHRANK, LOST = "new", "reactivation", "expansion", "contraction", "churn"
TWELVE = Decimal(12)
ZERO = Decimal(0)


class Point(NamedTuple):
    """From this day on the MRR is ``value``; ``source`` is ``path:line`` or ``path#field``."""

    day: int
    value: Decimal
    source: str


class Change(NamedTuple):
    """One movement: ``amount`` is positive, ``kind`` says which way."""

    day: int
    kind: str
    amount: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class History:
    """One account's MRR. ``since`` is its first day as a customer, None if no file says.

    ``basis`` names the best source used, ``assumed`` says that a value was taken to have held since the start,
    ``notes`` what is odd. ``currency`` is that of the values.
    """

    account: str
    currency: str
    points: tuple[Point, ...]
    since: int | None
    basis: str
    assumed: bool = False
    notes: tuple[str, ...] = ()

    def at(self, day: int) -> Point | None:
        """The value that held at the end of a day; None when it is not known."""
        place = _after(self.points, day)
        if place:
            return self.points[place - 1]
        if self.since is not None and day < self.since:
            return Point(self.since, ZERO, f"accounts/{self.account}/profile.md#started")
        return None

    def active(self, day: int) -> bool | None:
        """Whether it was a paying customer at the end of a day; a start says so even without an amount."""
        return self.paying(self.at(day), day)

    def paying(self, point: Point | None, day: int) -> bool | None:
        """As `active`, where the value that held is known already."""
        if point is not None:
            return point.value > 0
        return True if self.since is not None and self.since <= day else None

    def changes(self, start: int, end: int) -> list[Change]:
        """The movements after ``start`` and up to the end of ``end``.

        The first value of an account whose past is not known is no movement.
        """
        found = []
        before = self.at(start)
        for place in range(_after(self.points, start), _after(self.points, end)):
            point = self.points[place]
            if before is not None and point.value != before.value:
                kind = self._kind(before.value, place, start)
                amount = abs(point.value - before.value)
                found.append(Change(point.day, kind, amount, point.source))
            before = point
        return found

    def _kind(self, before: Decimal, place: int, start: int) -> str:
        """What the value at ``place`` is after another one, in a period that begins with the end of ``start``."""
        now = self.points[place].value
        if not before:
            paid = any(point.value > 0 for point in self.points[:place])
            return BACK if paid or (self.since is not None and self.since <= start) else NEW
        if not now:
            return LOST
        return GREW if now > before else SHRANK

    @property
    def gone(self) -> int | None:
        """The day from which on it has paid nothing; None while it pays, or if it never paid."""
        first = None
        for point in reversed(self.points):
            if point.value:
                return first
            first = point.day
        return first if self.since is not None else None

    def times(self, rate: Decimal, currency: str) -> History:
        """In another currency, at one rate for all days."""
        points = tuple(point._replace(value=point.value * rate) for point in self.points)
        return replace(self, points=points, currency=currency)


def _after(points: Sequence[tuple[Any, ...]], day: int) -> int:
    """How many of the points are of this day or of one before."""
    return bisect_left(points, (day + 1,))


def history(
    account: str,
    profile: Mapping[str, Any],
    rows: Sequence[Point],
    past: Sequence[Point],
    today: int,
    rules: MetricWeights,
    *,
    currency: str,
    constant: bool = False,
) -> History:
    """An account's history from its profile as the index has it, its measured rows and its profile in git.

    With ``constant``, the first known value is taken to have held since the start, and the history says so.
    """
    home = f"accounts/{account}/profile.md"
    now = stated(profile, home)
    points = [row for row in rows if row.day <= today]
    basis = MEASURED if points else GIT if past else PROFILE if now else NOTHING
    first = points[0].day if points else today
    points = [point for point in past if point.day < first] + points
    notes: list[str] = []
    if now is not None and basis != MEASURED:
        points.append(Point(today, *now))
    elif now is not None and now[0] and points[-1].value and now[0] != points[-1].value:
        notes.append("the profile states another MRR than was last measured")
    since = _since(profile)
    assumed = False
    if points and points[0].value and since is not None:
        late = points[0].day - since
        if late < 0:
            since = points[0].day
        elif constant or late <= rules.carry_back_days:
            assumed = late > rules.carry_back_days
            points[0] = points[0]._replace(day=since)
    end, note = _end(profile, home, points, today, rules)
    if end is not None:
        points = [point for point in points if point.day < end.day] + [end]
    if note:
        notes.append(note)
    return History(account, currency, _by_day(points), since, basis, assumed, tuple(notes))


def stated(profile: Mapping[str, Any], home: str) -> tuple[Decimal, str] | None:
    """The MRR that a profile states, else its ARR / 12, with its place; None without either."""
    for name, parts in (("mrr", Decimal(1)), ("arr", TWELVE)):
        value = profile.get(name)
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and value >= 0:
            return Decimal(str(value)) / parts, f"{home}#{name}"
    return None


def _by_day(points: Iterable[Point]) -> tuple[Point, ...]:
    """One value a day: the last said."""
    found = {point.day: point for point in points}
    return tuple(found[day] for day in sorted(found))


def _end(
    profile: Mapping[str, Any],
    home: str,
    points: Sequence[Point],
    today: int,
    rules: MetricWeights,
) -> tuple[Point | None, str]:
    """Since when it pays nothing, by the profile, and what to say of that. What was measured later counts more."""
    now = stated(profile, home)
    paying = max((point.day for point in points if point.value), default=None)
    told = _told_end(profile, home, today, rules, lost=now is None or not now[0])
    if told is not None and (paying is None or told.day >= paying):
        return told, ""
    if now is None or now[0] or paying is None or not points[-1].value:
        return None, ""
    return Point(today, ZERO, now[1]), "when it ended is not known: counted on the day it is seen"


def _told_end(
    profile: Mapping[str, Any], home: str, today: int, rules: MetricWeights, *, lost: bool
) -> Point | None:
    """The day in a field of the end; else, for who states no revenue, of entering a step of the lost."""
    days = [(profile.get(name), name) for name in rules.ended]
    if lost:
        if profile.get("step") in rules.lost_steps:
            days.append((profile.get("stage_since"), "stage_since"))
        days += [
            (row.get("at"), f"stage_history.{place}")
            for place, row in enumerate(_maps(profile.get("stage_history")))
            if row.get("step") in rules.lost_steps
        ]
    found = [
        (day, name) for text, name in days if (day := ordinal(text)) is not None and day <= today
    ]
    return Point(found[0][0], ZERO, f"{home}#{found[0][1]}") if found else None


def _since(profile: Mapping[str, Any]) -> int | None:
    """The first day as a customer: the start of the subscription, else of that stage."""
    started = ordinal(profile.get("started"))
    if started is not None:
        return started
    days = [
        ordinal(row.get("at"))
        for row in _maps(profile.get("stage_history"))
        if row.get("stage") == "customer"
    ]
    if profile.get("stage") == "customer":
        days.append(ordinal(profile.get("stage_since")))
    return min((day for day in days if day is not None), default=None)


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def ordinal(value: Any) -> int | None:
    """A date of a record, as the index has it, as an ordinal; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return dt.date.fromisoformat(value[:10]).toordinal()
    except ValueError:
        return None


def spikes(found: History, months: Sequence[int], rules: Spike) -> list[int]:
    """The days of ``months`` (ends of consecutive months) at which the MRR was an outlier that the next month undid.

    What is not known is none.
    """
    values = [float(point.value) if (point := found.at(day)) else None for day in months]
    odd = []
    for place in range(2, len(values) - 1):
        first, second, here, after = values[place - 2 : place + 2]
        if first is None or second is None or here is None or after is None:
            continue
        far = here > rules.times * (first + second) / 2 and here - second >= rules.rise
        if far and after <= here * (1 - rules.falls):
            odd.append(months[place])
    return odd
