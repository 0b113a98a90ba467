"""How well scores tell those something happened to from the others: own arithmetic, no library.

Throughout, ``scores`` are higher where the event is likelier, ``labels`` are True where it happened, and
both are in the same order. A figure that the data do not define is None, never 0.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from itertools import groupby, pairwise
from math import fsum, sqrt
from typing import NamedTuple

Z95 = 1.959963984540054  # of the normal distribution, for 95 %
LEVEL = 0.95


class Interval(NamedTuple):
    """Both ends of a 95 % interval."""

    low: float
    high: float


class Share(NamedTuple):
    """How many of how many, and the rate with Wilson's interval; ``rate`` is None of nobody."""

    events: int
    number: int
    rate: float | None
    interval: Interval | None


class Bin(NamedTuple):
    """Neighbours in score: the mean of what was predicted and what happened."""

    predicted: float
    happened: Share


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The chance that one it happened to scores higher than one it did not; a tie counts half.

    None unless there are both kinds. (Area under the ROC curve, by the rank sum of Mann and Whitney.)
    """
    order = sorted(range(len(scores)), key=scores.__getitem__)
    return _area(_runs(scores, order), labels, [1] * len(scores))


def _runs(scores: Sequence[float], order: Sequence[int]) -> list[list[int]]:
    """Places by rising score, those of the same score together."""
    return [list(run) for _, run in groupby(order, key=scores.__getitem__)]


def _area(
    runs: Sequence[Sequence[int]], labels: Sequence[bool], times: Sequence[int]
) -> float | None:
    """`auc` where each row counts ``times`` over."""
    below = won = events = 0.0
    for run in runs:
        here_events = here_others = 0
        for place in run:
            if labels[place]:
                here_events += times[place]
            else:
                here_others += times[place]
        won += here_events * (below + here_others / 2)
        below += here_others
        events += here_events
    return won / (events * below) if events and below else None


def auc_interval(
    scores: Sequence[float],
    labels: Sequence[bool],
    groups: Sequence[Hashable],
    *,
    rounds: int,
    seed: int = 1,
) -> Interval | None:
    """The middle 95 % of the AUCs of ``rounds`` bootstrap samples, drawn by group with replacement.

    Rows of one customer belong together, so they are drawn together: drawn singly they would make the
    interval too narrow. None if no sample has both kinds. The same seed gives the same interval.
    """
    runs = _runs(scores, sorted(range(len(scores)), key=scores.__getitem__))
    members: dict[Hashable, int] = {}
    group_of = [members.setdefault(group, len(members)) for group in groups]
    rng, number = random.Random(seed), len(members)
    found = []
    for _ in range(rounds):
        drawn = [0] * number
        for chosen in rng.choices(range(number), k=number):
            drawn[chosen] += 1
        area = _area(runs, labels, [drawn[group] for group in group_of])
        if area is not None:
            found.append(area)
    if not found:
        return None
    found.sort()
    return Interval(_quantile(found, (1 - LEVEL) / 2), _quantile(found, (1 + LEVEL) / 2))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Straight lines between the ordered values."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def lift(scores: Sequence[float], labels: Sequence[bool], share: float = 0.1) -> float | None:
    """How many times the overall rate of events the best ``share`` of scores has.

    Rows that tie at the edge count in part, so that their order in the file does not matter.
    """
    events = sum(labels)
    if not events:
        return None
    wanted = left = share * len(scores)
    caught = 0.0
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    for run in _runs(scores, order):
        part = min(1.0, left / len(run))
        caught += part * sum(labels[place] for place in run)
        left -= part * len(run)
        if left <= 0:
            break
    return (caught / wanted) / (events / len(scores))


def average_precision(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The mean, over all events, of the share of events among those who score at least as high."""
    events = sum(labels)
    if not events:
        return None
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    seen = hits = 0
    total = 0.0
    for run in _runs(scores, order):
        new = sum(labels[place] for place in run)
        seen, hits = seen + len(run), hits + new
        total += new * hits / seen
    return total / events


def brier(probabilities: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The mean squared distance of what was predicted from what happened (0 or 1)."""
    if not labels:
        return None
    return fsum((p - y) ** 2 for p, y in zip(probabilities, labels, strict=True)) / len(labels)


def wilson(events: int, number: int) -> Share:
    """A rate with the 95 % interval of Wilson (1927), which holds for few cases as well."""
    if not number:
        return Share(events, number, None, None)
    rate, z2 = events / number, Z95**2
    middle = (rate + z2 / (2 * number)) / (1 + z2 / number)
    half = Z95 * sqrt(rate * (1 - rate) / number + z2 / (4 * number**2)) / (1 + z2 / number)
    return Share(events, number, rate, Interval(max(0.0, middle - half), min(1.0, middle + half)))


def calibration(
    probabilities: Sequence[float], labels: Sequence[bool], parts: int = 10
) -> list[Bin]:
    """By tenths of the rows in order of what was predicted, lowest first: predicted against happened.

    There are fewer bins where there are fewer rows than ``parts``.
    """
    order = sorted(range(len(labels)), key=probabilities.__getitem__)
    edges = [round(n * len(order) / parts) for n in range(parts + 1)]
    bins = []
    for start, end in pairwise(edges):
        rows = order[start:end]
        if rows:
            mean = fsum(probabilities[place] for place in rows) / len(rows)
            bins.append(Bin(mean, wilson(sum(labels[place] for place in rows), len(rows))))
    return bins
