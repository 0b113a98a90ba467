"""Points that the team's own deals would give, for a person to think about: nothing here is ever written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.icp import FOUND, NOT_FOUND, OTHER

if TYPE_CHECKING:
    from crmctl.insight.icp_calibrate import CriterionTrial
    from crmctl.insight.icp_weights import Calibration, Criterion, IcpWeights
    from crmctl.insight.metrics_binary import Share


class Suggestion(NamedTuple):
    """Other points for one value of a criterion. ``key`` is where they stand: a value, or ``otherwise``, ``points``."""

    criterion: str
    key: str
    now: float
    points: float
    won: Share


def suggestions(
    weights: IcpWeights, trials: Sequence[CriterionTrial], overall: float, how: Calibration
) -> Iterator[Suggestion]:
    """Where the deals say otherwise than the points do; a curve is left to people.

    Points go by win rate: the best value gets the criterion's highest points, the others as much less as they win
    less. Each rate is drawn towards the overall one, and a value with few deals keeps its points. Nothing is suggested
    where the values differ no more than chance would have it.
    """
    for trial in trials:
        criterion = weights.criteria[trial.name]
        keys = _keys(criterion)
        rates = {
            rate.name: ((rate.won.events + how.shrink * overall) / (rate.won.number + how.shrink))
            for rate in trial.buckets
            if rate.name in keys and rate.won.number >= how.least_deals
        }
        if len(rates) < 2 or not trial.differs:
            continue
        best, highest = max(rates.values()), max(criterion.heights)
        for bucket in trial.buckets:
            if bucket.name not in rates:
                continue
            key, now = keys[bucket.name]
            points = _rounded(highest * rates[bucket.name] / best, how.round_to)
            if points != now:
                yield Suggestion(trial.name, key, now, points, bucket.won)


def _keys(criterion: Criterion) -> dict[str, tuple[str, float]]:
    """By bucket: the key in weights.yaml and its points now."""
    otherwise = ("otherwise", criterion.otherwise or 0.0)
    if criterion.values is not None:
        named = {name: (name, points) for name, points in criterion.values.items()}
        return {OTHER: otherwise, **named}
    if criterion.words is not None and criterion.need != "share":
        return {FOUND: ("points", criterion.points or 0.0), NOT_FOUND: otherwise}
    return {}


def _rounded(points: float, step: int) -> float:
    return min(100.0, float(int(points / step + 0.5) * step))
