"""Fit with the ideal customer: weighted criteria, disqualifiers, a tier; unknown is kept apart from unfit.

How keen somebody is stands elsewhere (`crmctl.insight.icp_engagement`) and is never mixed in.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.curves import NOISE, band, normalised
from crmctl.insight.means import part, weighted_mean
from crmctl.insight.provenance import field_source

if TYPE_CHECKING:
    from crmctl.insight.icp_weights import Criterion, Disqualifier, IcpWeights
    from crmctl.model.record import Record

DISQUALIFIED = "disqualified"
OTHER = "other"
FOUND, NOT_FOUND = "found", "not found"
Get = Callable[[str], Any]


class CriterionScore(NamedTuple):
    """One criterion: what was found, its points from 0 to 100 and their part in the fit.

    ``weight`` is its share of the fit if everything were known, ``weight_effective`` its share now, both 0 to 1.
    ``buckets`` are the names of what it was counted as. ``note`` says why a stated value counts as unknown.
    """

    name: str
    field: str
    value: str
    normalised: float | None
    weight: float
    weight_effective: float
    points: float | None
    source: str
    ask: str
    note: str
    buckets: tuple[str, ...]


class Check(NamedTuple):
    """One disqualifier: ``state`` is applies, clear, or unknown where nobody states the field."""

    reason: str
    field: str
    state: str
    value: str
    source: str


class Icp(NamedTuple):
    """The fit of one company, 0 to 100; ``score`` and ``tier`` are None below the coverage floor.

    A disqualified company has that as its tier and the ``reason``, whatever its score. ``coverage`` is 0 to 1;
    ``low`` and ``high`` are the fit with everything unknown at 0 and at 100. The points of the criteria add up to
    the score.
    """

    score: float | None
    tier: str | None
    coverage: float
    low: float
    high: float
    reason: str
    criteria: tuple[CriterionScore, ...]
    checks: tuple[Check, ...]

    @property
    def disqualified(self) -> bool:
        return any(check.state == "applies" for check in self.checks)

    @property
    def unknown(self) -> list[str]:
        """What nobody knows: criteria, then the fields of disqualifiers that could not be checked."""
        names = [c.name for c in self.criteria if c.normalised is None]
        fields = {c.field for c in self.criteria if c.normalised is None}
        names += [c.field for c in self.checks if c.state == "unknown" and c.field not in fields]
        return list(dict.fromkeys(names))


def fit(profile: Record, weights: IcpWeights) -> Icp:
    """How well a company fits, from the fields of its profile."""
    return Fitter(weights).of(profile.get, lambda name: field_source(profile, name))


class _Judged(NamedTuple):
    points: float | None
    buckets: tuple[str, ...] = ()
    note: str = ""


class Fitter:
    """Scores many companies against the same weights."""

    def __init__(self, weights: IcpWeights) -> None:
        self.weights = weights
        self._rules: list[tuple[str, Criterion, Callable[[Get], _Judged]]] = [
            (name, c, self._rule(c)) for name, c in weights.criteria.items()
        ]
        self._lists = [
            frozenset(
                m for name in rule.values or rule.allowed or () for m in weights.members(name)
            )
            for rule in weights.disqualifiers
        ]

    def of(self, get: Get, source: Callable[[str], str] = lambda _: "") -> Icp:
        """The fit of what ``get`` gives by field: values as a record has them, or as JSON knows them."""
        judged = [rule(get) for _, _, rule in self._rules]
        mean = weighted_mean(
            [part(c.weight, j.points) for (_, c, _), j in zip(self._rules, judged, strict=True)]
        )
        total = sum(c.weight for _, c, _ in self._rules)
        criteria = tuple(
            CriterionScore(
                name,
                c.field,
                ", ".join(map(_text, _values(get, c.field))),
                j.points,
                c.weight / total,
                share,
                None if j.points is None else share * j.points,
                source(c.field),
                c.ask,
                j.note,
                j.buckets,
            )
            for (name, c, _), j, share in zip(self._rules, judged, mean.shares, strict=True)
        )
        checks = tuple(
            Check(
                rule.reason,
                rule.field,
                _state(rule, barred, get),
                ", ".join(map(_text, _values(get, rule.field))),
                source(rule.field),
            )
            for rule, barred in zip(self.weights.disqualifiers, self._lists, strict=True)
        )
        weights = self.weights
        enough = mean.value is not None and mean.coverage + NOISE >= weights.coverage_floor
        score = mean.value if enough else None
        tier = None if score is None else band(score, weights.tiers.steps, weights.tiers.boundary)
        reason = (
            "" if enough else f"only {100 * mean.coverage:.0f} % of what decides the fit is known"
        )
        applies = [check.reason for check in checks if check.state == "applies"]
        if applies:
            tier, reason = DISQUALIFIED, "; ".join(dict.fromkeys(applies))
        return Icp(score, tier, mean.coverage, mean.low, mean.high, reason, criteria, checks)

    def _rule(self, c: Criterion) -> Callable[[Get], _Judged]:
        if c.curve is not None:
            return lambda get: _on_curve(c, get)
        if c.words is not None:
            patterns = [re.compile(rf"(?<!\w){re.escape(w.casefold())}(?!\w)") for w in c.words]
            return lambda get: _with_words(c, patterns, get)
        table: dict[str, tuple[str, float]] = {}
        for name, points in (c.values or {}).items():
            for member in self.weights.members(name):
                table.setdefault(member, (name, points))
        other = (OTHER, c.otherwise or 0.0)
        return lambda get: _by_value(c, table, other, get)


def _values(get: Get, field: str) -> list[Any]:
    """What is stated, as a list. Blank text states nothing."""
    value = get(field)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None and _text(item).strip()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    return None


def _on_curve(c: Criterion, get: Get) -> _Judged:
    number = next((n for v in _values(get, c.field) if (n := _number(v)) is not None), None)
    curve = c.curve or ()
    if number is None:
        return _Judged(None)
    if c.rates is not None and (currency := get("currency")) is not None:
        if currency not in c.rates:
            return _Judged(None, (), f"no rate for {currency}")
        number *= c.rates[currency]
    return _Judged(normalised(number, curve), (segment([x for x, _ in curve], number),))


def segment(knots: Sequence[float], number: float) -> str:
    """The part of a curve that a number lies in; one that equals a knot belongs to the part above it."""
    place = bisect_right(knots, number)
    if place == 0:
        return f"below {_plain(knots[0])}"
    if place == len(knots):
        return f"from {_plain(knots[-1])}"
    return f"{_plain(knots[place - 1])} to {_plain(knots[place])}"


def buckets(c: Criterion) -> list[str]:
    """What the values of a criterion may be counted as, in the order of `weights.yaml` or of the numbers."""
    if c.curve is not None:
        knots = [x for x, _ in c.curve]
        return [segment(knots, x) for x in (knots[0] - 1, *knots)]
    if c.words is not None:
        if c.need != "share":
            return [FOUND, NOT_FOUND]
        return [_of(found, len(c.words)) for found in range(len(c.words), -1, -1)]
    return [*(c.values or {}), OTHER]


def _of(found: int, words: int) -> str:
    return f"{found} of {words} words"


def _plain(number: float) -> str:
    return f"{number:,.10g}"


def _with_words(c: Criterion, patterns: Sequence[re.Pattern[str]], get: Get) -> _Judged:
    values = [_text(value).casefold() for value in _values(get, c.field)]
    if not values:
        return _Judged(None)
    found = sum(any(p.search(value) for value in values) for p in patterns)
    points, otherwise = c.points or 0.0, c.otherwise or 0.0
    if c.need == "share":
        share = found / len(patterns)
        return _Judged(otherwise + (points - otherwise) * share, (_of(found, len(patterns)),))
    enough = found == len(patterns) if c.need == "all" else found > 0
    return _Judged(points, (FOUND,)) if enough else _Judged(otherwise, (NOT_FOUND,))


def _by_value(
    c: Criterion, table: dict[str, tuple[str, float]], other: tuple[str, float], get: Get
) -> _Judged:
    found = [table.get(_text(v).strip().casefold(), other) for v in _values(get, c.field)]
    if not found:
        return _Judged(None)
    return _Judged(max(p for _, p in found), tuple(dict.fromkeys(name for name, _ in found)))


def _state(rule: Disqualifier, listed: frozenset[str], get: Get) -> str:
    values = _values(get, rule.field)
    if rule.at_most is None and rule.at_least is None:
        if not values:
            return "unknown"
        one = any(_text(value).strip().casefold() in listed for value in values)
        return "applies" if one == (rule.values is not None) else "clear"
    numbers = [n for v in values if (n := _number(v)) is not None]
    if not numbers:
        return "unknown"
    low, high = rule.at_least, rule.at_most
    out = any((low is not None and n >= low) or (high is not None and n <= high) for n in numbers)
    return "applies" if out else "clear"
