"""Figures as shares of exact sums with the account behind every part; what a rate is over another time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from crmctl.insight.metrics_binary import Share, wilson
from crmctl.insight.metrics_history import BACK, GREW, LOST, NEW, SHRANK, Change, History, Point
from crmctl.insight.metrics_period import MONTH_DAYS

YEAR_DAYS = 365
STAYED = "stayed"
RETURNED = "left and returned"
NEVER_IN_BASE = "came and left"
NOTHING, ONE = Fraction(0), Fraction(1)
_NONE: frozenset[str] = frozenset()


class Part(NamedTuple):
    """What one account adds to a figure, above and below the line, and the rule by which."""

    account: str
    rule: str
    top: Fraction
    bottom: Fraction


class Figure(NamedTuple):
    """One figure: the sum of the tops over the sum of the bottoms, None where that is not defined.

    ``floored`` is what a floor at 0 added. ``n`` accounts are below the line. ``kind`` is ``revenue`` or ``logo``.
    """

    name: str
    kind: str
    parts: tuple[Part, ...]
    top: Fraction
    bottom: Fraction
    value: Fraction | None
    n: int
    floored: Fraction = Fraction(0)


class Standing(NamedTuple):
    """One account over a period: MRR at both ends (None: not known), whether it paid, and what happened between.

    ``m0`` and ``m1`` are the amounts of both ends, 0 where not known; ``rule`` is what became of it in a few words.
    """

    account: str
    start: Point | None
    end: Point | None
    active: bool | None
    stays: bool | None
    changes: tuple[Change, ...]
    kinds: frozenset[str]
    m0: Fraction
    m1: Fraction
    rule: str


def standing(found: History, opening: int, closing: int) -> Standing:
    """An account between the ends of two days."""
    start, end = found.at(opening), found.at(closing)
    active, stays = found.paying(start, opening), found.paying(end, closing)
    changes = () if start is end else tuple(found.changes(opening, closing))
    kinds = frozenset(change.kind for change in changes) if changes else _NONE
    m0 = Fraction(start.value) if start else NOTHING
    m1 = m0 if start is end else Fraction(end.value) if end else NOTHING
    if active:
        rule = _left(stays, kinds, m1 - m0) if start and end else _left(stays, kinds, None)
    else:
        rule = "not known at the start" if active is None else _joined(stays, kinds)
    return Standing(found.account, start, end, active, stays, changes, kinds, m0, m1, rule)


def _left(stays: bool | None, kinds: frozenset[str], risen: Fraction | None) -> str:
    """What became of who paid at the start; ``risen`` is None where not known."""
    if stays is None:
        return "not known at the end"
    if not stays:
        return "lost"
    if LOST in kinds:
        return RETURNED
    if risen is None:
        return "stayed, MRR not known"
    if {GREW, SHRANK} <= kinds:
        return "grew and shrank"
    return GREW if risen > 0 else SHRANK if risen < 0 else STAYED


def _joined(stays: bool | None, kinds: frozenset[str]) -> str:
    if not kinds & {NEW, BACK}:
        return NEW if stays else "no customer"
    first = NEW if NEW in kinds else BACK
    return first if stays else NEVER_IN_BASE


def total(amounts: Iterable[Fraction]) -> Fraction:
    """Their exact sum, added up as whole numbers: that of many fractions one by one would take long."""
    by_denominator: dict[int, int] = {}
    for each in amounts:
        below = each.denominator
        by_denominator[below] = by_denominator.get(below, 0) + each.numerator
    return sum((Fraction(above, below) for below, above in by_denominator.items()), NOTHING)


def figure(name: str, kind: str, parts: Iterable[Part], *, floor: bool = False) -> Figure:
    """The figure that the parts make. Nothing below the line is "not defined", never 0 % or 100 %."""
    kept = tuple(parts)
    top, bottom = total(part.top for part in kept), total(part.bottom for part in kept)
    value = top / bottom if bottom > 0 else None
    floored = -value if floor and value is not None and value < 0 else Fraction(0)
    n = sum(part.bottom != 0 for part in kept)
    return Figure(
        name, kind, kept, top, bottom, None if value is None else value + floored, n, floored
    )


def complement(name: str, found: Figure) -> Figure:
    """One less the figure, account by account."""
    parts = tuple(
        Part(account, rule, NOTHING if top is bottom else bottom - top, bottom)
        for account, rule, top, bottom in found.parts
    )
    value = None if found.value is None else 1 - found.value
    top = found.bottom - found.top
    return Figure(name, found.kind, parts, top, found.bottom, value, found.n, -found.floored)


def interval(found: Figure) -> Share | None:
    """Of a share of customers, Wilson's interval; None for revenue, and for a figure that is no such share."""
    if found.kind != "logo" or found.value is None or not 0 <= found.value <= 1:
        return None
    whole = found.top.denominator == 1 and found.bottom.denominator == 1
    return wilson(int(found.top), int(found.bottom)) if whole else None


class Movement(NamedTuple):
    """Where the MRR came from and went, in one currency: start + new + back + grew - shrank - lost = end.

    ``unexplained`` is what began to be known within the period.
    """

    start: Decimal
    new: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    unexplained: Decimal
    end: Decimal

    @property
    def quick_ratio(self) -> float | None:
        """What was won for each unit lost; None if nothing was lost."""
        lost = self.contraction + self.churn
        return float((self.new + self.reactivation + self.expansion) / lost) if lost else None


def movement(standings: Sequence[Standing]) -> Movement:
    """All movements of all accounts."""
    sums = dict.fromkeys((NEW, BACK, GREW, SHRANK, LOST), Decimal(0))
    start = end = Decimal(0)
    for each in standings:
        start += each.start.value if each.start else 0
        end += each.end.value if each.end else 0
        for change in each.changes:
            sums[change.kind] += change.amount
    explained = start + sums[NEW] + sums[BACK] + sums[GREW] - sums[SHRANK] - sums[LOST]
    return Movement(
        start, sums[NEW], sums[BACK], sums[GREW], sums[SHRANK], sums[LOST], end - explained, end
    )


def carried(rate: float, days: float, horizon: float) -> float:
    """What a retention over ``days`` is over ``horizon`` days if it goes on so: rate^(horizon / days)."""
    power: float = rate ** (horizon / days)
    return power


def annualised(churn: float, days: float) -> float | None:
    """A churn over ``days`` as one over 365: 1 - (1 - c)^(365 / days), never c times 12. None above 100 %."""
    return 1 - carried(1 - churn, days, YEAR_DAYS) if churn <= 1 else None


def monthly(churn: float, days: float) -> float | None:
    """A churn over ``days`` as one over a twelfth of a year."""
    return 1 - carried(1 - churn, days, MONTH_DAYS) if churn <= 1 else None


def expected_life(churn: float) -> float | None:
    """How many periods a customer stays, if the churn of a period is the same for ever; None without churn."""
    return 1 / churn if churn > 0 else None


class Difference(NamedTuple):
    """Two values compared: in points (or units), and as a share of the earlier, None of 0."""

    points: float
    relative: float | None


def difference(now: Fraction | Decimal | float, before: Fraction | Decimal | float) -> Difference:
    """How far ``now`` is from ``before``."""
    later, earlier = Fraction(now), Fraction(before)
    return Difference(float(later - earlier), float(later / earlier - 1) if earlier else None)


Select = Callable[[Standing], Fraction]


def parts(standings: Iterable[Standing], top: Select, bottom: Select) -> list[Part]:
    """A part for each of the accounts."""
    return [Part(each.account, each.rule, top(each), bottom(each)) for each in standings]
