"""The inputs of the health score as they were measured: a value with its date and source, or nothing.

What nobody knows is None, never 0: tickets in a support system that nobody reads are not "no tickets".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from crmctl.insight.evidence import Evidence, gather
from crmctl.insight.inputs.fact import Facts, Series, unknown
from crmctl.insight.inputs.gates import gates
from crmctl.insight.inputs.outcomes import outcomes
from crmctl.insight.inputs.relationship import relationship
from crmctl.insight.inputs.support import support
from crmctl.insight.inputs.usage import usage

if TYPE_CHECKING:
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account
    from crmctl.workspace.measures import Measure


def facts(account: Account, measures: Iterable[Measure], today: dt.date, weights: Weights) -> Facts:
    """All inputs of one account as of ``today``, by name."""
    return measured(gather(account, today), by_measure(measures), today, weights)


def measured(evidence: Evidence, series: Series, today: dt.date, weights: Weights) -> Facts:
    """As `facts`, from what was gathered of the account's files before."""
    how, now = weights.health.measuring, today.toordinal()
    known = {name: past for name, days in series.items() if (past := _until(days, now))}
    limits = {
        name: spec.max_age_days
        for factor in weights.health.factors.values()
        for name, spec in factor.inputs.items()
        if spec.max_age_days is not None
    }
    found = _fresh(usage(evidence, known, now, how), limits, today)
    found |= support(evidence, now, how, found["usage_growth"])
    found |= relationship(evidence, now, how)
    found |= outcomes(evidence, now, how)
    return _fresh(found, limits, today) | gates(evidence, now)


def _fresh(found: Facts, limits: Mapping[str, int], today: dt.date) -> Facts:
    """What is older than its input allows is not known any more."""
    for name, limit in limits.items():
        fact = found.get(name)
        if fact is None or fact.value is None or fact.as_of is None:
            continue
        age = (today - fact.as_of).days
        if age > limit:
            found[name] = unknown(f"last measured {age} days ago, which says nothing after {limit}")
    return found


def by_measure(measures: Iterable[Measure]) -> dict[str, list[tuple[int, float]]]:
    """Measures as (day, value) by name; of several sources for one day the first by name counts."""
    series: dict[str, list[tuple[int, float]]] = {}
    for m in sorted(measures, key=lambda m: (m.measure, m.day, m.source)):
        days, day = series.setdefault(m.measure, []), m.day.toordinal()
        if not days or days[-1][0] != day:
            days.append((day, float(m.value)))
    return series


def _until(days: list[tuple[int, float]], now: int) -> list[tuple[int, float]]:
    return days if days[-1][0] <= now else [row for row in days if row[0] <= now]
