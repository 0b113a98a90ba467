"""The health score: a weighted mean of factors, each a weighted mean of inputs, under gates.

Full precision inside. What is unknown drops out and its weight spreads over its siblings; the coverage
and the range say how much that is. The points of all inputs add up to the mean, and with the gate's
line to the score.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from typing import Any, NamedTuple

from crmctl.insight.curves import NOISE, band, normalised
from crmctl.insight.inputs.fact import Fact, Facts, unknown
from crmctl.insight.means import Part, part, weighted_mean
from crmctl.insight.recommend import Recommendation, recommend
from crmctl.insight.weights import Factor, HealthWeights, Weights


class InputScore(NamedTuple):
    """One input's part in the score. ``weight`` is its share of the score if everything were known,
    ``weight_effective`` the share it has; ``points`` are that share of ``normalised`` (0 to 100).
    """

    name: str
    value: float | None
    normalised: float | None
    weight: float
    weight_effective: float
    points: float | None
    source: str
    as_of: dt.date | None
    note: str


class FactorScore(NamedTuple):
    """One factor: its score from 0 to 100, None when none of its inputs is known."""

    name: str
    weight: float
    weight_effective: float
    score: float | None
    coverage: float
    low: float
    high: float
    points: float | None
    inputs: tuple[InputScore, ...]


class Gate(NamedTuple):
    """A gate that is shut: the score is at most ``cap``."""

    name: str
    cap: float
    reason: str
    source: str
    as_of: dt.date | None


@dataclass(frozen=True, slots=True)
class Health:
    """The health of one account.

    ``mean`` is the average of the factors, ``score`` the mean under the gates; both are None, with the
    ``reason``, while coverage is below the floor. ``status`` is known without a score where every
    score in the range has the same. ``low`` and ``high`` bound the true score.
    """

    score: float | None
    status: str | None
    coverage: float
    low: float
    high: float
    mean: float | None
    reason: str
    factors: tuple[FactorScore, ...]
    gates: tuple[Gate, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def reasons(self) -> list[str]:
        """What stands behind the status, as words that do not change with every small move."""
        return [g.name for g in self.gates] + [
            r.input for r in self.recommendations if r.input not in {g.name for g in self.gates}
        ]

    def inputs(self) -> Iterator[InputScore]:
        for factor in self.factors:
            yield from factor.inputs

    def value(self, name: str) -> float | None:
        """An input as measured, such as ``usage_growth``; None when unknown or no input of this score."""
        return next((i.value for i in self.inputs() if i.name == name), None)

    def factor(self, name: str) -> float | None:
        """A factor's score, None when unknown."""
        return next((f.score for f in self.factors if f.name == name), None)

    def as_json(self) -> list[Any]:
        """Lists of plain values for `json`."""
        return [_plain(getattr(self, name)) for name in self.__slots__]

    @classmethod
    def from_json(cls, data: list[Any]) -> Health:
        """`as_json`, taken back."""
        *head, factors, gates, recommendations = data
        return cls(
            *head,
            tuple(FactorScore(*row[:-1], tuple(_input(i) for i in row[-1])) for row in factors),
            tuple(Gate(*row[:-1], _day(row[-1])) for row in gates),
            tuple(Recommendation(*row) for row in recommendations),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _input(row: list[Any]) -> InputScore:
    *head, as_of, note = row
    return InputScore(*head, _day(as_of), note)


def score(facts: Facts, weights: Weights) -> Health:
    """The health that these facts give under these weights."""
    health = weights.health
    parts = {name: _factor_part(factor, facts) for name, factor in health.factors.items()}
    total = weighted_mean(list(parts.values()))
    all_weight = fsum(f.weight for f in health.factors.values())
    factors = tuple(
        _factor_score(name, factor, facts, factor.weight / all_weight, share)
        for (name, factor), share in zip(health.factors.items(), total.shares, strict=True)
    )
    gates = tuple(_shut(facts, health))
    cap = min((gate.cap for gate in gates), default=100.0)
    low, high = min(total.low, cap), min(total.high, cap)
    mean = total.value if total.coverage + NOISE >= health.coverage_floor else None
    statuses = {_status(low, health), _status(high, health)}
    if mean is None:
        reason = _no_score(total.coverage, health, facts)
        status = statuses.pop() if len(statuses) == 1 else None
        return Health(None, status, total.coverage, low, high, None, reason, factors, gates, ())
    value = min(mean, cap)
    advice = tuple(recommend(factors, gates, mean, health.recommendations))
    status = _status(value, health)
    return Health(value, status, total.coverage, low, high, mean, "", factors, gates, advice)


def _status(value: float, health: HealthWeights) -> str:
    return band(value, health.status.steps, health.status.boundary)


def _points(facts: Facts, factor: Factor) -> Iterator[tuple[str, Fact, float | None]]:
    for name, spec in factor.inputs.items():
        fact = facts.get(name) or unknown("not measured")
        yield name, fact, None if fact.value is None else normalised(fact.value, spec.points)


def _factor_part(factor: Factor, facts: Facts) -> Part:
    specs = factor.inputs
    inputs = [part(specs[name].weight, points) for name, _, points in _points(facts, factor)]
    mean = weighted_mean(inputs)
    return Part(factor.weight, mean.value, mean.coverage, mean.low, mean.high)


def _factor_score(
    name: str, factor: Factor, facts: Facts, weight: float, share: float
) -> FactorScore:
    rows = list(_points(facts, factor))
    specs = factor.inputs
    mean = weighted_mean([part(specs[row[0]].weight, row[2]) for row in rows])
    siblings = fsum(spec.weight for spec in specs.values())
    inputs = tuple(
        InputScore(
            input_name,
            fact.value,
            points,
            weight * specs[input_name].weight / siblings,
            share * own,
            None if points is None else share * own * points,
            fact.source,
            fact.as_of,
            fact.note,
        )
        for (input_name, fact, points), own in zip(rows, mean.shares, strict=True)
    )
    total = None if mean.value is None else share * mean.value
    return FactorScore(
        name, weight, share, mean.value, mean.coverage, mean.low, mean.high, total, inputs
    )


def _shut(facts: Facts, health: HealthWeights) -> Iterator[Gate]:
    gates = health.gates
    for name, cap, after in (
        ("notice_given", gates.notice_given.cap, 0),
        ("champion_left", gates.champion_left.cap, 0),
        ("payment_overdue", gates.payment_overdue.cap, gates.payment_overdue.after_days),
    ):
        fact = facts.get(name)
        if fact is not None and fact.value is not None and (not after or fact.value > after):
            yield Gate(name, cap, fact.note, fact.source, fact.as_of)


def _no_score(coverage: float, health: HealthWeights, facts: Facts) -> str:
    blank = [
        name
        for name, factor in health.factors.items()
        if all((facts.get(i) or unknown("")).value is None for i in factor.inputs)
    ]
    known = f"{100 * coverage:.0f} % of the evidence is known, {100 * health.coverage_floor:.0f} % is needed"
    return f"{known}; nothing on {', '.join(blank)}" if blank else known


class Row(NamedTuple):
    """One line of an explanation. The points of all lines of kind ``input`` and ``gate`` add up to
    the score; lines of kind ``factor``, ``mean`` and ``score`` are sums of those above them.
    """

    kind: str
    name: str
    value: float | None
    normalised: float | None
    weight_effective: float | None
    points: float | None
    as_of: dt.date | None
    source: str
    note: str


def explain(health: Health) -> list[Row]:
    """The score as lines to print: inputs under their factors, the mean, the gates, the score."""
    rows: list[Row] = []
    for f in health.factors:
        rows += [Row("input", *_explained(i)) for i in f.inputs]
        rows.append(
            Row("factor", f.name, None, f.score, f.weight_effective, f.points, None, "", "")
        )
    rows.append(Row("mean", "mean", None, health.mean, 1.0, health.mean, None, "", health.reason))
    binding = min(health.gates, key=lambda g: g.cap, default=None)
    for gate in health.gates:
        cost = 0.0
        if gate is binding and health.mean is not None and health.score is not None:
            cost = health.score - health.mean
        note = f"{gate.reason}: at most {gate.cap:g}"
        rows.append(Row("gate", gate.name, gate.cap, None, None, cost, gate.as_of, gate.source, note))
    status = health.status or "no status"
    rows.append(Row("score", "score", None, None, None, health.score, None, "", status))
    return rows


def _explained(i: InputScore) -> tuple[Any, ...]:
    return (
        i.name, i.value, i.normalised, i.weight_effective, i.points, i.as_of, i.source, i.note
    )
