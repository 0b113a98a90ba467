"""The health score: a weighted mean of factors, each a weighted mean of inputs, under gates.

Full precision inside. What is unknown drops out and its weight spreads over its siblings; the coverage
and the range say how much that is. The points of all inputs add up to the mean, with the gate's line to
the computed score, and with the line of what a person set by hand to the score.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.curves import NOISE, band, normalised
from crmctl.insight.inputs.fact import Fact, Facts, unknown
from crmctl.insight.means import Mean, Part, part, weighted_mean
from crmctl.insight.overrides import ByHand
from crmctl.insight.recommend import Recommendation, recommend
from crmctl.model.text import one_line

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Factor, HealthWeights
    from crmctl.insight.weights import Weights


GATES = frozenset({"notice_given", "champion_left", "payment_overdue"})
OVERRIDE = "override"
# What a score has that no average gives it.
OVERRULES = GATES | {OVERRIDE}


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

    ``mean`` is the average of the factors, ``computed`` the mean under the gates; both are None, with the
    ``reason``, while coverage is below the floor. ``computed_status`` is known without a score where every
    score in the range has the same. ``low`` and ``high`` bound the true computed score. ``score`` and
    ``status`` are the computed ones, unless an ``override`` is in force. ``card`` is the scorecard by which
    it was computed, empty for the base.
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
    computed: float | None = None
    computed_status: str | None = None
    card: str = ""
    override: ByHand | None = None

    @property
    def by_hand(self) -> ByHand | None:
        """The override, if it is in force."""
        return self.override if self.override is not None and self.override.in_force else None

    @property
    def override_text(self) -> str:
        """All of the override that is in force, in one line; empty without one."""
        held = self.by_hand
        if held is None:
            return ""
        return one_line(f"{held.score:g} by {held.by} until {held.expires}: {held.reason}")

    @property
    def override_note(self) -> str:
        """What a person made of the score, in few words; empty without an override."""
        found = self.override
        if found is None:
            return ""
        if not found.in_force:
            return one_line(f"the score that {found.by} set expired on {found.expires}")
        return one_line(f"set by {found.by} until {found.expires}: {found.reason}")

    @property
    def reasons(self) -> list[str]:
        """What stands behind the status, as words that do not change with every small move."""
        found = [OVERRIDE] if self.by_hand else []
        found += [g.name for g in self.gates]
        return found + [r.input for r in self.recommendations if r.input not in GATES]

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
        score, status, coverage, low, high, mean, reason, factors, gates, *rest = data
        recommendations, computed, computed_status, card, override = rest
        return cls(
            score,
            status,
            coverage,
            low,
            high,
            mean,
            reason,
            tuple(FactorScore._make((*row[:-1], tuple(map(_input, row[-1])))) for row in factors),
            tuple(Gate._make((*row[:-1], _day(row[-1]))) for row in gates),
            tuple(map(Recommendation._make, recommendations)),
            computed,
            computed_status,
            card,
            None if override is None else _override(override),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _input(row: list[Any]) -> InputScore:
    *head, as_of, note = row
    return InputScore._make((*head, _day(as_of), note))


def _override(row: list[Any]) -> ByHand:
    score, reason, by, at, expires, despite, source, in_force = row
    day, end = dt.date.fromisoformat(at), dt.date.fromisoformat(expires)
    return ByHand(score, reason, by, day, end, tuple(despite), source, in_force)


def score(facts: Facts, weights: Weights, override: ByHand | None = None) -> Health:
    """The health that these facts give under these weights, and what a person made of it."""
    found = _computed(facts, weights.health)
    if override is None:
        return found
    found = replace(found, override=override)
    if not override.in_force:
        return found
    value = override.under(found.gates)
    return replace(found, score=value, status=_status(value, weights.health))


def _computed(facts: Facts, health: HealthWeights) -> Health:
    measured = {name: _factor(factor, facts) for name, factor in health.factors.items()}
    total = weighted_mean(
        [
            Part(factor.weight, mean.value, mean.coverage, mean.low, mean.high)
            for factor, (mean, _) in zip(health.factors.values(), measured.values(), strict=True)
        ]
    )
    whole = fsum(factor.weight for factor in health.factors.values())
    factors = tuple(
        _factor_score(name, factor, measured[name], factor.weight / whole, share)
        for (name, factor), share in zip(health.factors.items(), total.shares, strict=True)
    )
    gates = () if health.no_score else tuple(_shut(facts, health))
    cap = min((gate.cap for gate in gates), default=100.0)
    low, high = min(total.low, cap), min(total.high, cap)
    value, mean, reason = None, None, health.no_score
    status: str | None = None
    advice: tuple[Recommendation, ...] = ()
    if reason:
        pass
    elif total.value is None or total.coverage + NOISE < health.coverage_floor:
        statuses = {_status(low, health), _status(high, health)}
        status = statuses.pop() if len(statuses) == 1 else None
        reason = _no_score(total.coverage, health, factors)
    else:
        mean, value = total.value, min(total.value, cap)
        advice = tuple(recommend(factors, gates, mean, health.recommendations))
        status = _status(value, health)
    known = (total.coverage, low, high, mean, reason, factors, gates, advice)
    return Health(value, status, *known, value, status, health.card)


def _status(value: float, health: HealthWeights) -> str:
    return band(value, health.status.steps, health.status.boundary)


def _factor(factor: Factor, facts: Facts) -> tuple[Mean, list[tuple[str, Fact, float | None]]]:
    rows = []
    for name, spec in factor.inputs.items():
        fact = facts.get(name) or unknown("is not measured")
        rows.append(
            (name, fact, None if fact.value is None else normalised(fact.value, spec.curve))
        )
    specs = factor.inputs.values()
    return weighted_mean([part(s.weight, row[2]) for s, row in zip(specs, rows, strict=True)]), rows


def _factor_score(
    name: str,
    factor: Factor,
    measured: tuple[Mean, list[tuple[str, Fact, float | None]]],
    weight: float,
    share: float,
) -> FactorScore:
    mean, rows = measured
    siblings = fsum(spec.weight for spec in factor.inputs.values())
    inputs = tuple(
        InputScore(
            input_name,
            fact.value,
            points,
            weight * factor.inputs[input_name].weight / siblings,
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


def _no_score(coverage: float, health: HealthWeights, factors: Iterable[FactorScore]) -> str:
    known, needed = (f"{100 * share:.0f} %" for share in (coverage, health.coverage_floor))
    blank = [factor.name for factor in factors if factor.score is None]
    missing = f"; nothing is known of {', '.join(blank)}" if blank else ""
    return f"{known} of the evidence is known and a score needs {needed}{missing}"


class Row(NamedTuple):
    """One line of an explanation. The points of all lines of kind ``input``, ``gate`` and ``override`` add up
    to the score; lines of kind ``factor``, ``mean``, ``computed`` and ``score`` are sums of those above them.
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
    """The score as lines to print: inputs under their factors, the mean, the gates, what a person set, the score."""
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
        if gate is binding and health.mean is not None and health.computed is not None:
            cost = health.computed - health.mean
        note = f"{gate.reason}: at most {gate.cap:g}"
        rows.append(
            Row("gate", gate.name, gate.cap, None, None, cost, gate.as_of, gate.source, note)
        )
    if health.override is not None:
        rows += _overruled(health, health.override, fsum(r.points or 0.0 for r in rows if _adds(r)))
    status = health.status or "no status"
    rows.append(Row("score", "score", None, None, None, health.score, None, "", status))
    return rows


def _adds(row: Row) -> bool:
    return row.kind in {"input", "gate"}


def _overruled(health: Health, override: ByHand, so_far: float) -> Iterator[Row]:
    """The computed score, and what an override makes of it; without one it makes up for all that is there."""
    status = health.computed_status or "no status"
    yield Row("computed", "computed", None, None, None, health.computed, None, "", status)
    gain = 0.0 if health.score is None or not override.in_force else health.score - so_far
    until = f"until {override.expires}" if override.in_force else f"expired on {override.expires}"
    note = f"set by {override.by} {until}: {override.reason}"
    if override.in_force and health.score is not None and health.score < override.score:
        note += f"; a shut gate holds it at {health.score:g}"
    yield Row(
        OVERRIDE, OVERRIDE, override.score, None, None, gain, override.at, override.source, note
    )


def _explained(i: InputScore) -> tuple[Any, ...]:
    return (i.name, i.value, i.normalised, i.weight_effective, i.points, i.as_of, i.source, i.note)
