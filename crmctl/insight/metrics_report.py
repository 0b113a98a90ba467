"""The metrics of a period, of all customers and by group: revenue, customers, health, promoters, time to value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import band
from crmctl.insight.metrics_answers import within
from crmctl.insight.metrics_cohorts import score_on
from crmctl.insight.metrics_history import TWELVE, spikes
from crmctl.insight.metrics_ledger import Ledger, in_currencies, standings
from crmctl.insight.metrics_methods import compute
from crmctl.insight.metrics_nps import Nps, nps
from crmctl.insight.metrics_period import Period
from crmctl.insight.metrics_revenue import (
    Difference,
    Figure,
    Movement,
    Standing,
    difference,
    movement,
)
from crmctl.insight.metrics_time_to_value import TimeToValue, time_to_value
from crmctl.insight.metrics_weights import MetricWeights
from crmctl.model.numbers import money

if TYPE_CHECKING:
    from crmctl.insight.health_weights import HealthWeights
    from crmctl.insight.metrics_book import Account, Book

CENT = Decimal("0.01")
Scored = Callable[["Account"], float | None]


class Measured(NamedTuple):
    """A figure of one currency (of customers: empty), and how far it is from the period before, None if not known."""

    currency: str
    figure: Figure
    change: Difference | None


class Band(NamedTuple):
    """The customers in one band of health, and their ARR by currency."""

    status: str
    number: int
    arr: dict[str, Decimal]


class Health(NamedTuple):
    """Customers at the end of the period by health. ``weighted`` is the mean weighted by ARR, by currency."""

    number: int
    unscored: int
    mean: float | None
    weighted: dict[str, float]
    bands: tuple[Band, ...]


class Group(NamedTuple):
    """One group's metrics; ``name`` is empty for all. ``ledger`` are the customers of the accounts.

    ``customers`` are those at the start, ``at_end`` at the end. ``unpriced`` are customers at the start,
    ``unpriced_end`` those at the end, whose MRR then nobody knows; ``unknown`` are accounts of which nobody knows
    whether they were customers. ``expansion_growth`` compares expansion MRR with that of the period before.
    """

    name: str
    accounts: tuple[Account, ...]
    ledger: Ledger
    customers: int
    at_end: int
    unpriced: tuple[str, ...]
    unpriced_end: tuple[str, ...]
    unknown: tuple[str, ...]
    figures: tuple[Measured, ...]
    movements: dict[str, Movement]
    expansion_growth: dict[str, Difference]
    health: Health
    nps: Nps
    time_to_value: TimeToValue


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be computed: how, of when, by which rules, with which score of an account."""

    method: str
    period: Period
    rules: MetricWeights
    health: HealthWeights
    score: Scored


def score_at(day: int) -> Scored:
    """The health score that was written down by a day."""
    return lambda account: score_on(account.scores, day)


def groups(book: Book, by: Sequence[str], asked: Asked) -> list[Group]:
    """All accounts as one group, or one group for each set of values of the fields ``by``, as they are today."""
    if not by:
        return [_group("", book.accounts, book.customers, asked)]
    found: dict[str, list[int]] = {}
    for place, account in enumerate(book.accounts):
        found.setdefault(" / ".join(account.trait(field) for field in by), []).append(place)
    return [
        _group(name, [book.accounts[p] for p in places], book.customers.part(places), asked)
        for name, places in sorted(found.items())
    ]


def _group(name: str, accounts: Sequence[Account], customers: Ledger, asked: Asked) -> Group:
    period, rules = asked.period, asked.rules
    now = standings(customers, period)
    by_currency, _ = in_currencies(customers, rules)
    moved = {key: movement(standings(own, period)) for key, own in by_currency.items()}
    moved_before = {
        key: movement(standings(own, period.before)) for key, own in by_currency.items()
    }
    answers = [a for each in accounts for a in within(each.answers, period.opening, period.closing)]
    waits = [w for each in accounts if (w := each.wait(period.closing)) is not None]
    return Group(
        name,
        tuple(accounts),
        customers,
        sum(bool(s.active) for s in now),
        sum(bool(s.stays) for s in now),
        tuple(s.account for s in now if s.active and s.start is None),
        tuple(s.account for s in now if s.stays and s.end is None),
        tuple(s.account for s in now if s.active is None or (s.active and s.stays is None)),
        tuple(_compared(customers, asked)),
        moved,
        {
            key: difference(moved[key].expansion, then.expansion)
            for key, then in moved_before.items()
            if then.expansion
        },
        health(accounts, now, asked),
        nps(answer.score for answer in answers),
        time_to_value(waits, rules.value_days),
    )


def _compared(customers: Ledger, asked: Asked) -> list[Measured]:
    now = compute(asked.method, customers, asked.period, asked.rules)
    then = {
        (currency, each.name): each.value
        for currency, each in compute(asked.method, customers, asked.period.before, asked.rules)
    }
    found = []
    for currency, each in now:
        before = then.get((currency, each.name))
        change = None
        if each.value is not None and before is not None:
            change = difference(each.value, before)
        found.append(Measured(currency, each, change))
    return found


def health(accounts: Sequence[Account], now: Sequence[Standing], asked: Asked) -> Health:
    """The distribution over the bands, and means plain and weighted by ARR. Who has no score weighs nothing."""
    scale = asked.health.status
    numbers = dict.fromkeys(scale.bands, 0)
    arr: dict[str, dict[str, Decimal]] = {status: {} for status in scale.bands}
    weights: dict[str, Decimal] = {}
    points: dict[str, float] = {}
    scores: list[float] = []
    here = [(account, each) for account, each in zip(accounts, now, strict=True) if each.stays]
    for account, each in here:
        score = asked.score(account)
        if score is None:
            continue
        scores.append(score)
        status = band(score, scale.steps, scale.boundary)
        numbers[status] += 1
        if each.end is None:
            continue
        currency, amount = _in(asked.rules, account.history.currency, each.end.value * TWELVE)
        arr[status][currency] = arr[status].get(currency, Decimal(0)) + amount
        weights[currency] = weights.get(currency, Decimal(0)) + amount
        points[currency] = points.get(currency, 0.0) + score * float(amount)
    weighted = {key: points[key] / float(total) for key, total in sorted(weights.items()) if total}
    mean = sum(scores) / len(scores) if scores else None
    bands = tuple(Band(status, numbers[status], arr[status]) for status in scale.bands)
    return Health(len(scores), len(here) - len(scores), mean, weighted, bands)


def _in(rules: MetricWeights, currency: str, amount: Decimal) -> tuple[str, Decimal]:
    rate = rules.rate(currency)
    return (currency, amount) if rate is None else (str(rules.currency), amount * rate)


class Line(NamedTuple):
    """One account behind the figures; ``moves`` are its changes in words, ``odd`` what to know about it."""

    account: str
    group: str
    currency: str
    start: Decimal | None
    end: Decimal | None
    what: str
    moves: str
    basis: str
    odd: str
    start_source: str
    end_source: str


def lines(group: Group, asked: Asked) -> list[Line]:
    """The accounts of a group that were customers at some time of the period, and those of which nobody knows."""
    months = [*asked.period.before.month_ends()[-2:], *asked.period.month_ends()]
    found = []
    for account, each in zip(group.accounts, standings(group.ledger, asked.period), strict=True):
        if each.rule == "no customer":
            continue
        past = account.history
        odd = list(past.notes)
        if past.assumed:
            odd.insert(0, "taken to have been the same since the start")
        odd += [
            f"spike in {dt.date.fromordinal(day):%Y-%m}"
            for day in spikes(past, months, asked.rules.spike)
        ]
        moves = [
            f"{c.kind} {money(c.amount.quantize(CENT))} on {dt.date.fromordinal(c.day)}"
            for c in each.changes
        ]
        found.append(
            Line(
                account.slug,
                group.name,
                past.currency,
                each.start.value if each.start else None,
                each.end.value if each.end else None,
                each.rule,
                "; ".join(moves),
                past.basis,
                "; ".join(odd),
                each.start.source if each.start else "",
                each.end.source if each.end else "",
            )
        )
    return found


def live_scores(results: Mapping[str, float | None]) -> Scored:
    """The scores of accounts as they are today, by folder."""
    return lambda account: results.get(account.slug)
