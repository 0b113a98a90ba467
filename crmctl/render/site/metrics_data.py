"""What the pages of metrics and of cohorts rest on: one reading of the book, and the figures of each quarter.

Each quarter's group is what `crmctl metrics --period QUARTER` computes, so that the site and the terminal agree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import Answer
from crmctl.insight.metrics_book import Account, Book, read_book
from crmctl.insight.metrics_period import Period, add_months
from crmctl.insight.metrics_report import Asked, Group, groups, live_scores, score_at
from crmctl.insight.metrics_weights import metric_weights

if TYPE_CHECKING:
    from crmctl.insight.metrics_report import Scored
    from crmctl.insight.metrics_weights import MetricWeights
    from crmctl.render.book_row import Row
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.workspace import Workspace

METHOD = "snapshot"
QUARTER = 3  # months


class Quarter(NamedTuple):
    """One quarter: ``name`` as ``--period`` takes it, and the metrics of everybody in it."""

    name: str
    asked: Asked
    group: Group


@dataclass(frozen=True)
class Told:
    """The customers of a site as of a day, and their rows by folder."""

    book: Book
    rules: MetricWeights
    frame: Frame
    rows: dict[str, Row]

    @property
    def today(self) -> dt.date:
        return self.frame.today

    @cached_property
    def quarters(self) -> tuple[Quarter, ...]:
        """As many as a cohort table has months, oldest first, then the one that is not over (see `whole`)."""
        scores = {slug: row["score"] for slug, row in self.rows.items()}
        found = []
        for name, period in _periods(self.today, self.rules):
            score = _scores(self.book.accounts, period, self.today, scores)
            asked = Asked(METHOD, period, self.rules, self.frame.weights.health, score)
            found.append(Quarter(name, asked, groups(self.book, (), asked)[0]))
        return tuple(found)

    @property
    def whole(self) -> Quarter:
        """The last quarter that is over."""
        return self.quarters[-2]

    @property
    def now(self) -> Quarter:
        """The quarter that today is in, as far as it has come."""
        return self.quarters[-1]

    @property
    def months(self) -> range:
        """The months of a cohort table."""
        return range(self.rules.cohort_months + 1)


def told(ws: Workspace, rows: Sequence[Row], frame: Frame) -> Told:
    """The customers among the accounts with these rows, with all that their metrics rest on."""
    rules = metric_weights(frame.weights.metrics)
    past = Period(
        add_months(frame.today.replace(day=1), -rules.cohort_months), frame.today
    ).month_ends()
    days = set(past)
    for _, period in _periods(frame.today, rules):
        days |= {period.before.opening, *period.before.month_ends(), *period.month_ends()}
    by_slug = {row["slug"]: row for row in rows}
    book = read_book(ws, rules, sorted(days), surveys=False)
    accounts = tuple(
        account._replace(answers=[Answer(*each) for each in by_slug[account.slug]["answers"]])
        for account in book.accounts
        if account.slug in by_slug
    )
    return Told(replace(book, accounts=accounts), rules, frame, by_slug)


def _periods(today: dt.date, rules: MetricWeights) -> list[tuple[str, Period]]:
    return quarters(today, max(rules.cohort_months // QUARTER, 1))


def quarters(today: dt.date, count: int) -> list[tuple[str, Period]]:
    """So many whole quarters and the one that today is in, oldest first, by name."""
    start = dt.date(today.year, (today.month - 1) // QUARTER * QUARTER + 1, 1)
    found = []
    for back in range(count, -1, -1):
        first = add_months(start, -QUARTER * back)
        name = f"{first.year}Q{(first.month + 2) // QUARTER}"
        found.append((name, Period.parse(name, today)))
    return found


def _scores(
    accounts: Sequence[Account],
    period: Period,
    today: dt.date,
    now: dict[str, float | None],
) -> Scored:
    """The scores written down by the end of a period; if there are none and it ends today, those of today."""
    written = any(a.scores and a.scores[0][0] <= period.closing for a in accounts)
    if written or period.last < today:
        return score_at(period.closing)
    return live_scores(now)
