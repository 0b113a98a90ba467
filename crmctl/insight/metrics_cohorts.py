"""Cohorts through their months: what is left of the customers, or of the revenue, that a group began with."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.metrics_history import History
from crmctl.insight.metrics_methods import in_currencies
from crmctl.insight.metrics_period import add_months

if TYPE_CHECKING:
    from crmctl.insight.metrics_book import Account
    from crmctl.insight.metrics_weights import MetricWeights

LOGO, REVENUE, GROSS, HEALTH = "logo", "revenue", "gross", "health"
WHAT = {
    LOGO: "customers left, in percent of those that began",
    REVENUE: "MRR in percent of what they began with",
    GROSS: "MRR in percent of what they began with, of each no more than that",
    HEALTH: "mean health score of those still there",
}
PRICED = frozenset({REVENUE, GROSS})
CALENDAR = frozenset({"month", "quarter"})
Scores = Sequence[tuple[int, float]]


class Member(NamedTuple):
    """One account, its cohort, and its health scores as they were written down: (day, score), oldest first."""

    cohort: str
    history: History
    scores: Scores = ()


class Cell(NamedTuple):
    """``value`` is a share of 1, for health a score; None where not defined. ``weight`` is what it began with."""

    value: float | None
    weight: Fraction
    n: int


class Row(NamedTuple):
    """One cohort: its accounts, those of them of which nothing is known, and a cell for each of the table's months.

    None stands where the cohort is not old enough.
    """

    cohort: str
    accounts: int
    unknown: int
    began: Fraction
    cells: tuple[Cell | None, ...]


class Table(NamedTuple):
    """The cohorts and, for each month, the mean of those old enough, weighted by what each began with."""

    what: str
    months: tuple[int, ...]
    rows: tuple[Row, ...]
    average: tuple[Cell | None, ...]


def tables(
    accounts: Iterable[Account],
    by: str,
    what: str,
    months: Sequence[int],
    today: dt.date,
    rules: MetricWeights,
) -> dict[str, Table]:
    """The cohorts of ``by`` (month or quarter of the start, or a field of the profile) through these months.

    A table for each currency if it is of revenue, else one (of no currency) for all.
    """
    found = {account.slug: account for account in accounts}
    books = {"": [account.customer for account in found.values()]} if found else {}
    if what in PRICED:
        books, _ = in_currencies(books.get("", ()), rules)
    return {
        currency: table(
            [
                Member(
                    cohort(found[c.history.account], by), c.history, found[c.history.account].scores
                )
                for c in own
            ],
            what,
            today,
            months,
            whole=by in CALENDAR,
        )
        for currency, own in books.items()
    }


def cohort(account: Account, by: str) -> str:
    """The name of the cohort that an account belongs to."""
    since = account.history.since
    if by not in CALENDAR or since is None:
        return account.trait(by)
    day = dt.date.fromordinal(since)
    return f"{day:%Y-%m}" if by == "month" else f"{day.year}Q{(day.month + 2) // 3}"


def table(
    members: Iterable[Member], what: str, today: dt.date, months: Sequence[int], *, whole: bool
) -> Table:
    """The cohorts of these accounts in these months after their start, in one currency.

    With ``whole`` a cell needs all of the cohort to be old enough; without, it is of those who are.
    """
    groups: dict[str, list[Member]] = {}
    for member in members:
        if member.history.since is not None and member.history.since <= today.toordinal():
            groups.setdefault(member.cohort, []).append(member)
    rows = tuple(
        _row(name, groups[name], what, today, months, whole=whole) for name in sorted(groups)
    )
    columns = [[row.cells[place] for row in rows] for place in range(len(months))]
    return Table(what, tuple(months), rows, tuple(average(column) for column in columns))


def average(cells: Iterable[Cell | None]) -> Cell | None:
    """The weighted mean of the cells that there are; None without any."""
    found = [(c.value, c.weight, c.n) for c in cells if c is not None and c.value is not None]
    weight = sum((w for _, w, _ in found), Fraction(0))
    if not weight:
        return None
    total = sum(float(w) * value for value, w, _ in found)
    return Cell(total / float(weight), weight, sum(n for _, _, n in found))


def _row(
    name: str,
    members: Sequence[Member],
    what: str,
    today: dt.date,
    months: Sequence[int],
    *,
    whole: bool,
) -> Row:
    began = {m.history.account: _began(m, what) for m in members}
    known = [m for m in members if began[m.history.account] is not None]
    cells: list[Cell | None] = []
    for month in months:
        days = {m.history.account: _month(m, month) for m in known}
        old = [m for m in known if days[m.history.account] <= today.toordinal()]
        late = len(old) < len(known) if whole else not old
        cells.append(None if late or not known else _cell(old, days, began, what))
    total = sum((b for b in began.values() if b is not None), Fraction(0))
    return Row(name, len(members), len(members) - len(known), total, tuple(cells))


def _month(member: Member, month: int) -> int:
    since = dt.date.fromordinal(member.history.since or 1)
    return add_months(since, month).toordinal()


def _began(member: Member, what: str) -> Fraction | None:
    if what in {LOGO, HEALTH}:
        return Fraction(1)
    point = member.history.at(member.history.since or 1)
    return Fraction(point.value) if point is not None and point.value > 0 else None


def _cell(
    members: Sequence[Member],
    days: Mapping[str, int],
    began: Mapping[str, Fraction | None],
    what: str,
) -> Cell:
    top = bottom = Fraction(0)
    number = 0
    for member in members:
        name = member.history.account
        first, left = began[name], _left(member, days[name], what)
        if first is None or left is None:
            continue
        number += 1
        bottom += first
        top += min(first, left) if what == GROSS else left
    return Cell(float(top / bottom) if bottom else None, bottom, number)


def _left(member: Member, day: int, what: str) -> Fraction | None:
    """What is there of the account on a day; None if not known."""
    active = member.history.active(day)
    if what == LOGO:
        return None if active is None else Fraction(active)
    if what == HEALTH:
        score = score_on(member.scores, day)
        return Fraction(score) if active and score is not None else None
    point = member.history.at(day)
    return None if point is None else Fraction(point.value)


def score_on(scores: Scores, day: int) -> float | None:
    """The score that held at the end of a day: the last one written down by then."""
    place = bisect_right(scores, day, key=lambda row: row[0])
    return scores[place - 1][1] if place else None
