"""Fit with the ideal customer: weighted criteria, disqualifiers, a tier; unknown is kept apart from unfit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.curves import NOISE, band, normalised
from crmctl.insight.means import part, weighted_mean
from crmctl.insight.provenance import field_source
from crmctl.model.record import Record

if TYPE_CHECKING:
    from crmctl.insight.icp_weights import Criterion, IcpWeights

DISQUALIFIED = "disqualified"


class CriterionScore(NamedTuple):
    """One criterion: what was found, its points from 0 to 100 and their part in the fit."""

    name: str
    field: str
    value: str
    normalised: float | None
    weight_effective: float
    points: float | None
    source: str


class Icp(NamedTuple):
    """The fit of one company, 0 to 100; ``score`` and ``tier`` are None below the coverage floor.

    A disqualified company has that as its tier and the ``reason``, whatever its score.
    """

    score: float | None
    tier: str | None
    coverage: float
    low: float
    high: float
    reason: str
    criteria: tuple[CriterionScore, ...]


def fit(profile: Record, weights: IcpWeights) -> Icp:
    """How well a company fits, from the fields of its profile."""
    points = {name: _points(profile, c) for name, c in weights.criteria.items()}
    mean = weighted_mean([part(c.weight, points[n]) for n, c in weights.criteria.items()])
    criteria = tuple(
        CriterionScore(
            name,
            c.field,
            ", ".join(map(str, _values(profile, c.field))),
            points[name],
            share,
            None if (value := points[name]) is None else share * value,
            field_source(profile, c.field),
        )
        for (name, c), share in zip(weights.criteria.items(), mean.shares, strict=True)
    )
    enough = mean.value is not None and mean.coverage + NOISE >= weights.coverage_floor
    score = mean.value if enough else None
    tier = None if score is None else band(score, weights.tiers.steps, weights.tiers.boundary)
    reason = "" if enough else f"only {100 * mean.coverage:.0f} % of what decides the fit is known"
    for rule in weights.disqualifiers:
        barred = {value.casefold() for value in rule.values}
        if any(str(v).casefold() in barred for v in _values(profile, rule.field)):
            tier, reason = DISQUALIFIED, rule.reason
    return Icp(score, tier, mean.coverage, mean.low, mean.high, reason, criteria)


def _values(profile: Record, field: str) -> list[Any]:
    value = profile.get(field)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _points(profile: Record, criterion: Criterion) -> float | None:
    values = _values(profile, criterion.field)
    if criterion.curve is not None:
        numbers = [float(v) for v in values if isinstance(v, (int, Decimal))]
        return normalised(numbers[0], criterion.curve) if numbers else None
    if not values:
        return None
    known = {name.casefold(): points for name, points in (criterion.values or {}).items()}
    other = criterion.otherwise or 0.0
    return max(known.get(str(value).casefold(), other) for value in values)
