"""Cohorts through their months: what is left of the customers, or of the revenue, that a group began with."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.metrics_history import History
from crmctl.insight.metrics_ledger import in_currencies
from crmctl.insight.metrics_period import add_months
from crmctl.insight.metrics_revenue import NOTHING, ONE, total

if TYPE_CHECKING:
    from crmctl.insight.metrics_book import Account
    from crmctl.insight.metrics_ledger import Customer
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


class Course:
    """One account through the months after its start, which ascend; what is left of it is found once.

    ``scores`` are its health scores as they were written down: (day, score), oldest first.
    """

    def __init__(
        self, history: History, months: Sequence[int], today: dt.date, scores: Scores = ()
    ) -> None:
        self.history, self.months, self.today, self.scores = history, months, today, scores
        self._left: dict[str, tuple[Fraction | None, ...]] = {}

    @property
    def begun(self) -> bool:
        """Whether it has a start that is known and not to come."""
        since = self.history.since
        return since is not None and since <= self.today.toordinal()

    def began(self, what: str) -> Fraction | None:
        """What it began with; None if that is not known, or nothing."""
        if what not in PRICED:
            return ONE
        point = self.history.at(self.history.since or 1)
        return Fraction(point.value) if point is not None and point.value > 0 else None

    def left(self, what: str) -> Sequence[Fraction | None]:
        """What is left of it after each of the months that it has seen; None where not known."""
        if what not in self._left:
            self._left[what] = tuple(self._on(day, what) for day in self._days)
        return self._left[what]

    @cached_property
    def _days(self) -> list[int]:
        start, now = dt.date.fromordinal(self.history.since or 1), self.today.toordinal()
        days = (add_months(start, month).toordinal() for month in self.months)
        return list(takewhile(lambda day: day <= now, days))

    def _on(self, day: int, what: str) -> Fraction | None:
        point = self.history.at(day)
        if what in PRICED:
            return None if point is None else Fraction(point.value)
        active = self.history.paying(point, day)
        if what == LOGO:
            return None if active is None else ONE if active else NOTHING
        score = score_on(self.scores, day) if active else None
        return None if score is None else Fraction(score)


class Cohorts:
    """Accounts through these months, as cohorts of one kind after the other: each account is followed once."""

    def __init__(
        self,
        accounts: Iterable[Account],
        months: Sequence[int],
        today: dt.date,
        rules: MetricWeights,
    ) -> None:
        self.months, self.today, self.rules = months, today, rules
        self._accounts = {account.slug: account for account in accounts}

    def tables(self, by: str, what: str) -> dict[str, Table]:
        """The cohorts of ``by``: month or quarter of the start, or a field of the profile.

        A table for each currency if it is of revenue, else one (of no currency) for all.
        """
        return {
            currency: table(
                [(cohort(self._accounts[c.history.account], by), c) for c in courses],
                what,
                self.months,
                whole=by in CALENDAR,
            )
            for currency, courses in (self._priced if what in PRICED else self._plain).items()
        }

    @cached_property
    def _plain(self) -> dict[str, list[Course]]:
        customers = [account.customer for account in self._accounts.values()]
        return {"": self._courses(customers)} if customers else {}

    @cached_property
    def _priced(self) -> dict[str, list[Course]]:
        customers = [account.customer for account in self._accounts.values()]
        books, _ = in_currencies(customers, self.rules)
        return {currency: self._courses(own) for currency, own in books.items()}

    def _courses(self, customers: Iterable[Customer]) -> list[Course]:
        return [
            Course(c.history, self.months, self.today, self._accounts[c.history.account].scores)
            for c in customers
        ]


def cohort(account: Account, by: str) -> str:
    """The name of the cohort that an account belongs to."""
    since = account.history.since
    if by not in CALENDAR or since is None:
        return account.trait(by)
    day = dt.date.fromordinal(since)
    return f"{day:%Y-%m}" if by == "month" else f"{day.year}Q{(day.month + 2) // 3}"


def table(
    members: Iterable[tuple[str, Course]], what: str, months: Sequence[int], *, whole: bool
) -> Table:
    """The cohorts of these accounts, each with the name of its own, in these months after their start, in one currency.

    With ``whole`` a cell needs all of the cohort to be old enough; without, it is of those who are.
    """
    groups: dict[str, list[Course]] = {}
    for name, course in members:
        if course.begun:
            groups.setdefault(name, []).append(course)
    rows = tuple(
        _row(name, groups[name], what, len(months), whole=whole) for name in sorted(groups)
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


def _row(name: str, courses: Sequence[Course], what: str, months: int, *, whole: bool) -> Row:
    known = [(first, c.left(what)) for c in courses if (first := c.began(what)) is not None]
    cells: list[Cell | None] = []
    for place in range(months):
        old = [(first, left[place]) for first, left in known if len(left) > place]
        late = len(old) < len(known) if whole else not old
        cells.append(None if late or not known else _cell(old, what))
    began = total(first for first, _ in known)
    return Row(name, len(courses), len(courses) - len(known), began, tuple(cells))


def _cell(members: Iterable[tuple[Fraction, Fraction | None]], what: str) -> Cell:
    """Of what each account began with, and what is left of it."""
    there = [(first, left) for first, left in members if left is not None]
    bottom = total(first for first, _ in there)
    top = total(min(pair) if what == GROSS else pair[1] for pair in there)
    return Cell(float(top / bottom) if bottom else None, bottom, len(there))


def score_on(scores: Scores, day: int) -> float | None:
    """The score that held at the end of a day: the last one written down by then."""
    place = bisect_right(scores, day, key=lambda row: row[0])
    return scores[place - 1][1] if place else None
