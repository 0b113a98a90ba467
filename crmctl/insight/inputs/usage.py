"""Do they use what they pay for: from the measures of the account."""

from __future__ import annotations

import datetime as dt
from statistics import fmean
from typing import TYPE_CHECKING

from crmctl.insight.evidence import Evidence
from crmctl.insight.inputs.fact import Fact, Facts, Series, unknown
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring


ACTIVE, WEEKLY = "usage.active_users", "usage.weekly_active"
USED, AVAILABLE = "usage.features_used", "usage.features_available"
YEAR = 365


def usage(evidence: Evidence, series: Series, now: int, how: Measuring) -> Facts:
    """``series`` holds nothing later than ``now``."""
    return {
        "active_share": _active_share(evidence, series),
        "usage_growth": _growth(series, how),
        "usage_baseline": _baseline(series, how),
        "breadth": _breadth(series),
        "weekly_share": _weekly_share(series),
        "usage_age": _age(series, now),
    }


def _fact(value: float, day: int, measure: str, note: str = "") -> Fact:
    date = dt.date.fromordinal(day)
    return Fact(value, date, f"{paths.measures(date)}#{measure}", note)


def _active_share(evidence: Evidence, series: Series) -> Fact:
    if ACTIVE not in series:
        return unknown(f"{ACTIVE} is not measured")
    if not evidence.seats:
        return unknown("the number of seats is not known")
    day, users = series[ACTIVE][-1]
    return _fact(users / evidence.seats, day, ACTIVE, f"{users:g} of {evidence.seats} seats")


def _growth(series: Series, how: Measuring) -> Fact:
    """The ``trend_days`` up to the latest measurement against as many before, as a ratio less 1."""
    measure = next((name for name in how.usage_measures if name in series), None)
    if measure is None:
        return unknown("usage is not measured")
    days = series[measure]
    last = days[-1][0]
    middle, first = last - how.trend_days, last - 2 * how.trend_days
    before = [value for day, value in days if first < day <= middle]
    if not before:
        return unknown(f"no usage from the {how.trend_days} days before to compare with")
    base, recent = fmean(before), fmean(value for day, value in days if day > middle)
    if base <= 0:
        return unknown("usage was 0 before, and growth from nothing has no ratio")
    return _fact(recent / base - 1, last, measure, f"{recent:g} after {base:g}")


def _baseline(series: Series, how: Measuring) -> Fact:
    """The last ``trend_days`` against the same days a year before, which have the same season; of a younger account
    against the ``baseline_days`` before them. A ratio less 1.
    """
    measure = next((name for name in how.usage_measures if name in series), None)
    if measure is None:
        return unknown("usage is not measured")
    days = series[measure]
    last = days[-1][0]
    start = last - how.trend_days
    recent = fmean(value for day, value in days if day > start)
    before = [value for day, value in days if start - YEAR < day <= last - YEAR]
    what = f"in the same {how.trend_days} days a year before"
    if not before:
        before = [value for day, value in days if start - how.baseline_days < day <= start]
        what = f"in the {how.baseline_days} days before"
        # Half of the time must be covered: what is shorter is growth, which has a line of its own.
        if days[0][0] > start - how.baseline_days / 2:
            return unknown(f"usage is not measured for long enough to know what is usual: {what}")
    base = fmean(before)
    if base <= 0:
        return unknown("usage was 0 before, and growth from nothing has no ratio")
    return _fact(recent / base - 1, last, measure, f"{recent:g} after {base:g} {what}")


def _weekly_share(series: Series) -> Fact:
    if WEEKLY not in series or ACTIVE not in series:
        return unknown(f"{WEEKLY} or {ACTIVE} is not measured")
    (day, weekly), (_, active) = series[WEEKLY][-1], series[ACTIVE][-1]
    if active <= 0:
        return unknown("nobody is active")
    return _fact(weekly / active, day, WEEKLY, f"{weekly:g} of {active:g} active users each week")


def _breadth(series: Series) -> Fact:
    if USED not in series or AVAILABLE not in series:
        return unknown(f"{USED} or {AVAILABLE} is not measured")
    (day, used), (_, available) = series[USED][-1], series[AVAILABLE][-1]
    if available <= 0:
        return unknown("the plan has no features on record")
    return _fact(used / available, day, USED, f"{used:g} of {available:g} features")


def _age(series: Series, now: int) -> Fact:
    latest = [(days[-1][0], name) for name, days in series.items() if name.startswith("usage.")]
    if not latest:
        return unknown("usage is not measured")
    day, name = max(latest)
    return _fact(now - day, day, name)
