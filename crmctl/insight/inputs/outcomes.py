"""Do they get what they came for: from goals, surveys, first value and renewals."""

from __future__ import annotations

import datetime as dt
from statistics import fmean
from typing import TYPE_CHECKING

from crmctl.insight.evidence import Deal, Evidence, Goal
from crmctl.insight.inputs.fact import Fact, Facts, count, unknown

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring


def outcomes(evidence: Evidence, now: int, how: Measuring) -> Facts:
    """Old answers and decisions count no more; what was never recorded is unknown."""
    return {
        "goal_pace": _goals(evidence, now, how),
        "survey_mean": _surveys(evidence, now, how),
        "days_to_value": _days_to_value(evidence, now),
        "renewal_outlook": _renewals(evidence, now, how),
        "value_ratio": _value_ratio(evidence),
    }


def pace(goal: Goal, started: int | None, now: int, earliest: float) -> float | None:
    """Progress over the share of time that has passed: 1 is on schedule. None when it cannot be said.

    Without a baseline nobody knows where the way began; a goal that has hardly begun says nothing.
    """
    baseline, target, current, due = goal.baseline, goal.target, goal.current, goal.due
    if baseline is None or target is None or current is None or due is None:
        return None
    if target == baseline:
        return None
    progress = (current - baseline) / (target - baseline)
    if due <= now:
        return progress
    if started is None or started >= due:
        return None
    passed = (now - started) / (due - started)
    return progress / passed if passed >= earliest and passed > 0 else None


def _goals(evidence: Evidence, now: int, how: Measuring) -> Fact:
    if not evidence.goals:
        return unknown("no goal is recorded")
    started = evidence.dates.get("started")
    paces = [pace(goal, started, now, how.goal_earliest) for goal in evidence.goals]
    known = [value for value in paces if value is not None]
    if not known:
        return unknown(
            "no goal has baseline, current value, target, due date and enough time behind it"
        )
    note = f"{len(known)} of {count(len(paces), 'goal')} can be judged"
    return Fact(fmean(known), None, evidence.where["goals"], note)


def _surveys(evidence: Evidence, now: int, how: Measuring) -> Fact:
    window = [a for a in evidence.answers if now - how.survey_days < a.day <= now]
    latest = {a.person: a for a in sorted(window, key=lambda a: (a.day, a.source))}
    if not latest:
        return unknown(f"no survey answer in {how.survey_days} days")
    last = max(latest.values(), key=lambda a: (a.day, a.source))
    mean = fmean(a.score for a in latest.values())
    return Fact(mean, dt.date.fromordinal(last.day), last.source, count(len(latest), "answer"))


def _days_to_value(evidence: Evidence, now: int) -> Fact:
    reached, started = evidence.dates.get("first_value"), evidence.dates.get("started")
    if reached is None or reached > now:
        return unknown("whether they reached first value is not recorded")
    if started is None:
        return unknown("first value is recorded, the start of the subscription is not")
    date = dt.date.fromordinal(reached)
    return Fact(max(0, reached - started), date, evidence.where["first_value"])


def _value_ratio(evidence: Evidence) -> Fact:
    """What they gain in a year for each unit of what they pay."""
    amounts = evidence.amounts
    value = amounts.get("value_realised")
    if value is None:
        return unknown("what they gain in a year is not recorded")
    price = amounts.get("arr") or 12 * amounts.get("mrr", 0)
    if price <= 0:
        return unknown("what they gain is recorded, what they pay in a year is not")
    where = evidence.where["value_realised"]
    return Fact(value / price, None, where, f"{value:,.0f} a year for {price:,.0f}")


def _renewals(evidence: Evidence, now: int, how: Measuring) -> Fact:
    deals = [d for d in evidence.deals if any(w in d.type.casefold() for w in how.renewal_words)]
    decided = [
        (d, d.close)
        for d in deals
        if d.status in {"won", "lost"} and d.close and now - how.renewal_days < d.close <= now
    ]
    if decided:
        won = sum(d.status == "won" for d, _ in decided)
        last, close = max(decided, key=lambda pair: (pair[1], pair[0].id))
        note = f"{won} of {len(decided)} won"
        return Fact(won / len(decided), dt.date.fromordinal(close), f"{last.source}#status", note)
    chances = [
        (d, d.probability) for d in deals if d.status == "open" and d.probability is not None
    ]
    if not chances:
        return unknown("no renewal or expansion was decided or is open with a probability")
    deal, chance = min(chances, key=lambda pair: (_closing(pair[0]), pair[0].id))
    return Fact(chance / 100, None, f"{deal.source}#probability", f"open, {chance} %")


def _closing(deal: Deal) -> int:
    return deal.close if deal.close is not None else dt.date.max.toordinal()
