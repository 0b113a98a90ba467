"""The team's own history as a table: what was known of each customer on a past day, and who was lost after it.

Every feature is frozen at the observation day: it rests on rows and events that bear a date up to that day. Fields
without a history of their own (seats, roles, goals, the next renewal) are left out: what they say today may have
been written after the loss.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import UNDATED, Evidence, gather
from crmctl.insight.facts import by_measure
from crmctl.insight.inputs.relationship import relationship
from crmctl.insight.inputs.usage import usage
from crmctl.insight.scoring import READ, SOURCE
from crmctl.model.record import Account

if TYPE_CHECKING:
    from crmctl.insight.churn_weights import Lost
    from crmctl.insight.health_weights import Measuring
    from crmctl.insight.inputs.fact import Series
    from crmctl.model.errors import Problem
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

HEALTH = "health.score"
MEASURED = {
    "health": HEALTH,
    "usage_score": "health.usage",
    "support_score": "health.support",
    "relationship_score": "health.relationship",
    "outcomes_score": "health.outcomes",
}
TENURE = "tenure"


class Frozen(NamedTuple):
    """One feature, and the day of the latest thing that it rests on (an ordinal); None when unknown."""

    value: float | None
    day: int | None


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's past. ``since`` and ``lost`` are ordinals, ``lost`` None while it is one."""

    slug: str
    since: int
    lost: int | None
    evidence: Evidence
    series: Series

    def at_risk(self, day: int) -> bool:
        """Whether it was a customer at the end of that day."""
        return self.since <= day and (self.lost is None or self.lost > day)

    def lost_within(self, day: int, days: int) -> bool:
        """Whether it was lost after ``day`` and not later than ``days`` days after."""
        return self.lost is not None and day < self.lost <= day + days


class Observation(NamedTuple):
    """One customer on one day: what was known, and whether it was lost within the horizon after."""

    account: str
    day: int
    values: dict[str, Frozen]
    lost: bool


def customer_since(account: Account) -> int | None:
    """The first day as a customer, None when no file says: the start of the subscription, else of that stage."""
    profile = account.profile
    started = profile.date("started")
    if started is not None:
        return started.toordinal()
    entered = [
        row["at"].toordinal()
        for row in profile.items("stage_history")
        if row.get("stage") == "customer" and isinstance(row.get("at"), dt.date)
    ]
    now = profile.date("stage_since")
    if now is not None and profile.text("stage") == "customer":
        entered.append(now.toordinal())
    return min(entered, default=None)


def lost_on(account: Account, lost: Lost, today: dt.date) -> int | None:
    """The first day, up to today, on which the files call the customer lost; an ordinal."""
    profile = account.profile
    days = [profile.date(name) for name in lost.fields]
    words = [word.casefold() for word in lost.deal_words]
    days += [
        deal.date("close")
        for deal in account.deals.values()
        if not deal.deleted
        and deal.text("status") == "lost"
        and any(word in deal.text("type").casefold() for word in words)
    ]
    days += [
        row.get("at") for row in profile.items("stage_history") if row.get("step") in lost.steps
    ]
    if profile.text("step") in lost.steps:
        days.append(profile.date("stage_since"))
    past = [day.toordinal() for day in days if day is not None and day <= today]
    return min(past, default=None)


def features(evidence: Evidence, series: Series, day: dt.date, how: Measuring) -> dict[str, Frozen]:
    """What was known of a customer on ``day``, and nothing later."""
    now = day.toordinal()
    known = {
        name: past for name, rows in series.items() if (past := [r for r in rows if r[0] <= now])
    }
    found = {name: _latest(known, measure) for name, measure in MEASURED.items()}
    started = evidence.dates.get("started")
    tenure = started is not None and started <= now
    found[TENURE] = Frozen(now - started, started) if tenure and started else Frozen(None, None)
    facts = usage(evidence, known, now, how)
    facts |= relationship(evidence, now, how)
    # Of these facts only those that rest on dated rows: the others read fields as they are today.
    for name in ("usage_growth", "usage_age", "days_since_contact", "active_contacts"):
        fact = facts[name]
        found[name] = Frozen(fact.value, fact.as_of.toordinal() if fact.as_of else None)
    tickets = [t.day for t in evidence.tickets if UNDATED < t.day <= now]
    new = [d for d in tickets if d > now - how.support_days]
    found["tickets"] = Frozen(len(new), max(tickets)) if tickets else Frozen(None, None)
    answers = [a for a in evidence.answers if now - how.survey_days < a.day <= now]
    mean = sum(a.score for a in answers) / len(answers) if answers else None
    found["survey_mean"] = Frozen(mean, max((a.day for a in answers), default=None))
    gone = [p.left for p in evidence.people if p.left is not None and p.left <= now]
    recent = [left for left in gone if left > now - how.conversation_days]
    found["contacts_left"] = Frozen(len(recent), max(gone, default=None))
    return found


def _latest(series: Series, measure: str) -> Frozen:
    rows = series.get(measure)
    return Frozen(rows[-1][1], rows[-1][0]) if rows else Frozen(None, None)


def customers(ws: Workspace, lost: Lost, problems: list[Problem]) -> list[Customer]:
    """Everyone who is or was a customer, with all their measures; reads every account."""
    from crmctl.workspace import measures, store
    from crmctl.workspace.index import opened

    with opened(ws.root, ws.state_dir) as index:
        problems += measures.refresh(index)
        every = measures.all_series(index)
        reader = store.Reader(ws.root, index.ranking(), fast=True)
        first = min((row.day for rows in every.values() for row in rows), default=ws.today)
        found = []
        for account in reader.accounts(only=READ):
            since = customer_since(account)
            if since is not None and since <= ws.today.toordinal():
                rows = every.get(account.slug, ())
                series = by_measure(row for row in rows if _written_then(row))
                gone = lost_on(account, lost, ws.today)
                evidence = gather(account, first)
                found.append(Customer(account.slug, since, gone, evidence, series))
        problems += [p for p in reader.problems if p.code != "required"]
    return found


def _written_then(row: Measure) -> bool:
    """Whether a row was there on its day: crmctl scores no past day, but a file from elsewhere may hold any."""
    return not row.measure.startswith("health.") or row.source == SOURCE


def observation_days(
    book: Sequence[Customer], today: dt.date, horizon: int, every: int
) -> list[int]:
    """Days whose horizon is over by today, back to the first measurement of anybody, oldest first."""
    first = min((rows[0][0] for c in book for rows in c.series.values()), default=None)
    if first is None:
        return []
    return sorted(range(today.toordinal() - horizon, first - 1, -every))


def observations(
    book: Sequence[Customer], days: Sequence[int], horizon: int, how: Measuring
) -> Iterator[Observation]:
    """Every customer on every day on which it was one, day by day."""
    for day in days:
        date = dt.date.fromordinal(day)
        for customer in book:
            if customer.at_risk(day):
                values = features(customer.evidence, customer.series, date, how)
                gone = customer.lost_within(day, horizon)
                yield Observation(customer.slug, day, values, gone)
