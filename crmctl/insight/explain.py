"""A score to the point: each input's part in it, and what changed between two dates without a remainder.

A change has four parts. *Data*: what was measured moved (also because time passed). *Missingness*: an input became
known or unknown, so that weight moved between siblings. *Weights*: ``weights.yaml`` changed, or the account goes by
another scorecard of it. *Override*: what overrules the mean, the gates and what a person set by hand, took away or
added more or less. Their sum is the change of the score.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import NOISE
from crmctl.insight.health import Health, InputScore
from crmctl.insight.health import explain as rows

if TYPE_CHECKING:
    from crmctl.insight.past import Standing


class Line(NamedTuple):
    """One line of an explanation. The points of all lines of kind ``input``, ``gate`` and ``override`` add up
    to the score.

    ``weight`` is the share of the score if everything were known, ``weight_effective`` the share it has now, both
    0 to 1. ``age`` is in days.
    """

    kind: str
    name: str
    value: float | None
    normalised: float | None
    weight: float | None
    weight_effective: float | None
    points: float | None
    as_of: dt.date | None
    age: int | None
    source: str
    note: str


def lines(health: Health, day: dt.date) -> list[Line]:
    """The score of ``day`` as lines: inputs under their factors, the mean, the gates, an override, the score."""
    weights = {("factor", f.name): f.weight for f in health.factors}
    weights |= {("input", i.name): i.weight for i in health.inputs()}
    return [
        Line(
            row.kind,
            row.name,
            row.value,
            row.normalised,
            weights.get((row.kind, row.name)),
            row.weight_effective,
            row.points,
            row.as_of,
            None if row.as_of is None else (day - row.as_of).days,
            row.source,
            row.note,
        )
        for row in rows(health)
    ]


class InputChange(NamedTuple):
    """What one input did to the score between two dates; None where the weights of that date do not have it.

    ``data``, ``weights`` and ``missingness`` are points of the score. An input that stayed the same did nothing,
    though its share may have grown because a sibling is not known any more.
    """

    name: str
    before: InputScore | None
    after: InputScore | None
    data: float
    weights: float
    missingness: float

    @property
    def points(self) -> float:
        """By how much it moved the score, all in all."""
        return self.data + self.weights + self.missingness

    @property
    def moved(self) -> bool:
        """Whether it moved the score at all."""
        return any(abs(part) > NOISE for part in (self.data, self.weights, self.missingness))


@dataclass(frozen=True, slots=True)
class Change:
    """What lies between two healths. All parts are points, and None while one of the two has no score."""

    before: Health
    after: Health
    total: float | None = None
    data: float | None = None
    weights: float | None = None
    missingness: float | None = None
    override: float | None = None
    inputs: tuple[InputChange, ...] = ()

    @property
    def why(self) -> list[tuple[str, float]]:
        """What moved the score, the most first: inputs and, if gates or a person count otherwise, ``override``."""
        found = [(i.name, i.points) for i in self.inputs if abs(i.points) > NOISE]
        if self.override is not None and abs(self.override) > NOISE:
            found.append(("override", self.override))
        return sorted(found, key=lambda part: (-abs(part[1]), part[0]))


def change(before: Standing, after: Standing) -> Change:
    """What moved an account's score from one standing to another.

    Data and weights may both have changed; then each counts as the mean of doing it first and doing it last, so
    that no order is preferred. Each way is computed in full, with what is measured otherwise under other weights.
    """
    old, new = before.health(), after.health()
    if old.score is None or old.mean is None or new.score is None or new.mean is None:
        return Change(old, new)
    first, last = _state(old), _state(new)
    # Each way is a step of data and a step of weights, from and to.
    ways: list[tuple[_State, _State, _State, _State]] = []
    light, heavy = before.used(), after.used()
    if light == heavy:
        ways.append((first, last, last, last))
    elif _same_data(before, after):
        ways.append((first, first, first, last))
    else:
        reweighted = _state(before.health(heavy))
        if reweighted:
            ways.append((reweighted, last, first, reweighted))
        remeasured = _state(after.health(light))
        if remeasured:
            ways.append((first, remeasured, remeasured, last))
        # With nothing in common, none of what is known on one date counts under the other's weights.
        ways = ways or [(first, first, first, last)]
    steps = [(_data(start, end), _reweighted(lower, upper)) for start, end, lower, upper in ways]
    befores, afters = ({i.name: i for i in health.inputs()} for health in (old, new))
    inputs = tuple(
        InputChange(
            name,
            befores.get(name),
            afters.get(name),
            fsum(data.moved.get(name, 0.0) for data, _ in steps) / len(steps),
            fsum(weights.get(name, 0.0) for _, weights in steps) / len(steps),
            fsum(data.missing.get(name, 0.0) for data, _ in steps) / len(steps),
        )
        for name in {**befores, **afters}
    )
    return Change(
        old,
        new,
        new.score - old.score,
        fsum(i.data for i in inputs),
        fsum(i.weights for i in inputs),
        fsum(i.missingness for i in inputs),
        (new.score - new.mean) - (old.score - old.mean),
        inputs,
    )


class _Known(NamedTuple):
    """A factor of which something is known: its share of the score, and (share of the factor, height) by input."""

    share: float
    inputs: dict[str, tuple[float, float]]

    @property
    def mean(self) -> float:
        return fsum(own * height for own, height in self.inputs.values())


_State = dict[str, _Known]


def _state(health: Health) -> _State:
    """What counts in a score, by factor: what is unknown or weighs nothing is left out."""
    found: _State = {}
    for factor in health.factors:
        inputs = {
            i.name: (i.weight_effective / factor.weight_effective, i.normalised)
            for i in factor.inputs
            if i.weight_effective and i.normalised is not None
        }
        if inputs:
            found[factor.name] = _Known(factor.weight_effective, inputs)
    return found


def _same_data(before: Standing, after: Standing) -> bool:
    return (
        before.day == after.day
        and before.evidence == after.evidence
        and before.series == after.series
        and before.assumed == after.assumed
    )


class _Data(NamedTuple):
    """Points of the score by input: what was measured otherwise, and what became known or unknown."""

    moved: dict[str, float]
    missing: dict[str, float]


def _data(old: _State, new: _State) -> _Data:
    """The step from one state to another under the same weights.

    What is known in both has the same weights among itself, and its mean moved by data alone. Whatever was known
    only once pulled the mean away from the mean of the others then, and that is missingness.
    """
    found = _Data({}, {})
    both = old.keys() & new.keys()
    whole = fsum(old[name].share for name in both)
    for name in sorted(both):
        _within(found, old[name], new[name], old[name].share / whole)
    for state, sign in ((old, -1.0), (new, 1.0)):
        # Where no factor is in both states, any common height will do: all of it cancels.
        rest = old if not both else state
        names = both or rest.keys()
        total = fsum(rest[name].share for name in names)
        others = fsum(rest[name].share * rest[name].mean for name in names) / total
        for name in sorted(state.keys() - both):
            factor = state[name]
            for key, (own, height) in factor.inputs.items():
                part = sign * factor.share * own * (height - others)
                found.missing[key] = found.missing.get(key, 0.0) + part
    return found


def _within(found: _Data, old: _Known, new: _Known, share: float) -> None:
    """The same within one factor that is known in both states, and has this share of what is."""
    both = old.inputs.keys() & new.inputs.keys()
    whole = fsum(old.inputs[name][0] for name in both)
    for name in sorted(both):
        own, height = old.inputs[name]
        found.moved[name] = share * own / whole * (new.inputs[name][1] - height)
    for state, sign in ((old, -1.0), (new, 1.0)):
        others = old.mean
        if both:
            others = fsum(old.inputs[name][0] * state.inputs[name][1] for name in both) / whole
        for name in sorted(state.inputs.keys() - both):
            own, height = state.inputs[name]
            found.missing[name] = sign * share * own * (height - others)


def _reweighted(old: _State, new: _State) -> dict[str, float]:
    """The step from one state to another with the same data, by input.

    An input moves the score by its curve, at its mean share, and by its share, as far as it lies above or below
    the mean: a good input that weighs more raises a score, a poor one lowers it.
    """
    light, heavy = _flat(old), _flat(new)
    middle = fsum(share * height for share, height in (*light.values(), *heavy.values())) / 2
    found: dict[str, float] = {}
    for name in {**light, **heavy}:
        share0, height0 = light.get(name) or (0.0, heavy[name][1])
        share1, height1 = heavy.get(name) or (0.0, height0)
        found[name] = (share0 + share1) / 2 * (height1 - height0)
        found[name] += (share1 - share0) * ((height0 + height1) / 2 - middle)
    return found


def _flat(state: _State) -> dict[str, tuple[float, float]]:
    """(Share of the score, height) by input."""
    return {
        name: (factor.share * own, height)
        for factor in state.values()
        for name, (own, height) in factor.inputs.items()
    }
