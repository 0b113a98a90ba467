"""Past health scores held against what happened: would we have seen the losses coming?

A score of a past day is the row that `crmctl score` wrote into ``accounts/_measures`` on that day or before. Only
rows up to the day are looked at, and only rows that crmctl itself wrote.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight import metrics_binary as metrics
from crmctl.insight.churn import churn_weights
from crmctl.insight.churn_history import HEALTH, Customer, customers, observation_days
from crmctl.insight.curves import band

if TYPE_CHECKING:
    from crmctl.insight.weights import Weights
    from crmctl.model.errors import Problem
    from crmctl.workspace.workspace import Workspace


class Band(NamedTuple):
    """Of the observations in one band of health, how many were followed by a loss."""

    status: str
    happened: metrics.Share


class Result(NamedTuple):
    """What the scores were worth. Days are ordinals' dates; figures are None where the data do not define them.

    ``lost`` customers had a score ``lead_days`` before their loss, ``red_in_time`` of them a red one;
    ``unscored`` were lost without a score by then. ``lead_median`` is the median of the days from the start of the
    red spell that was on at the loss, over those lost in one. ``reason`` says why there are no figures.
    """

    lead_days: int
    customers: int
    days: tuple[dt.date, ...]
    observations: int
    events: int
    lost: int
    unscored: int
    reason: str
    auc: float | None = None
    interval: metrics.Interval | None = None
    lift: float | None = None
    bands: tuple[Band, ...] = ()
    red_in_time: metrics.Share | None = None
    lead_median: float | None = None


def plan_backtest(ws: Workspace, lead: int, problems: list[Problem]) -> Result:
    """The scores of this workspace against its losses, ``lead`` days ahead."""
    from crmctl.insight.weights import load_weights

    weights = load_weights(ws.root)
    book = customers(ws, churn_weights(weights).lost, problems)
    return backtest([_scored(customer) for customer in book], ws.today, lead, weights)


def _scored(customer: Customer) -> Customer:
    """With nothing but its scores."""
    series = {HEALTH: customer.series[HEALTH]} if HEALTH in customer.series else {}
    return Customer(customer.slug, customer.since, customer.lost, customer.evidence, series)


def backtest(book: Sequence[Customer], today: dt.date, lead: int, weights: Weights) -> Result:
    """As `plan_backtest`, of these customers, whose series hold only their scores."""
    rules = churn_weights(weights).backtest
    days = observation_days(book, today, lead, rules.every_days)
    rows = [
        (customer, day, score)
        for day in days
        for customer in book
        if customer.at_risk(day) and (score := score_on(customer, day)) is not None
    ]
    labels = [customer.lost_within(day, lead) for customer, day, _ in rows]
    scores = [-score for _, _, score in rows]
    first = min((c.series[HEALTH][0][0] for c in book if HEALTH in c.series), default=None)
    # Who was lost before there were scores to warn of it says nothing of the scores.
    gone = [
        (c, c.lost)
        for c in book
        if c.lost is not None and first is not None and c.lost - lead >= first
    ]
    warned = [(c, day) for c, day in gone if score_on(c, day - lead) is not None]
    found = Result(
        lead,
        len({customer.slug for customer, _, _ in rows}),
        tuple(map(dt.date.fromordinal, days)),
        len(rows),
        sum(labels),
        len(warned),
        len(gone) - len(warned),
        "",
    )
    reason = _too_little(found, rules.least_lost, first)
    if reason:
        return found._replace(reason=reason)
    red = set(rules.red)
    status = [_status(score, weights) for _, _, score in rows]
    spells = [n for customer, day in warned if (n := red_days(customer, day, red, weights))]
    in_time = sum(
        _status(score, weights) in red
        for customer, day in warned
        if (score := score_on(customer, day - lead)) is not None
    )
    return found._replace(
        auc=metrics.auc(scores, labels),
        interval=metrics.auc_interval(
            scores, labels, [customer.slug for customer, _, _ in rows], rounds=rules.bootstrap
        ),
        lift=metrics.lift(scores, labels),
        bands=tuple(
            Band(name, metrics.wilson(sum(inside), len(inside)))
            for name in weights.health.status.bands
            for inside in [[y for y, s in zip(labels, status, strict=True) if s == name]]
        ),
        red_in_time=metrics.wilson(in_time, len(warned)),
        lead_median=median(spells) if spells else None,
    )


def score_on(customer: Customer, day: int) -> float | None:
    """The score that held at the end of a day: the latest row up to it."""
    rows = customer.series.get(HEALTH, [])
    place = bisect_right(rows, day, key=lambda row: row[0])
    return rows[place - 1][1] if place else None


def red_days(customer: Customer, lost: int, red: set[str], weights: Weights) -> int:
    """For how many days before its loss a customer had been red without a break; 0 if it was not at the loss."""
    since = lost
    for day, score in reversed(customer.series.get(HEALTH, [])):
        if day >= lost:
            continue
        if _status(score, weights) not in red:
            break
        since = day
    return lost - since


def _status(score: float, weights: Weights) -> str:
    scale = weights.health.status
    return band(score, scale.steps, scale.boundary)


def _too_little(found: Result, least: int, first: int | None) -> str:
    if first is None:
        return "no health score was ever written down: run `crmctl score` every night"
    if not found.days:
        since = dt.date.fromordinal(first)
        return f"scores go back to {since} only, so none is {found.lead_days} days old yet"
    if found.lost < least:
        return (
            f"too little history: {found.lost} customers were lost who had a score {found.lead_days} days before, "
            f"and figures take {least} (weights.yaml, churn.backtest)"
        )
    if found.events in {0, found.observations}:
        return "too little history: on the days looked at, everybody stayed or everybody was lost"
    return ""
