"""From a measured value to points from 0 to 100, and from points to a named band."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

Direction = Literal["higher", "lower", "middle"]
Boundary = Literal["inclusive", "exclusive"]
Points = Sequence[tuple[float, float]]

# What is left of a sum after floating-point arithmetic, far below any digit that is shown:
# 0.3 * 60 + 0.7 * 60 must still be "from 60".
NOISE = 1e-9


class Band(NamedTuple):
    """A name for all scores from ``start`` up to the next band's."""

    name: str
    start: float


def normalised(value: float, points: Points) -> float:
    """The curve's height at ``value``: straight lines between its points, level beyond its ends."""
    place = bisect_right(points, value, key=_x)
    if place == 0:
        return points[0][1]
    if place == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[place - 1], points[place]
    return y0 + (y1 - y0) * ((value - x0) / (x1 - x0))


def _x(point: tuple[float, float]) -> float:
    return point[0]


def curve_problem(points: Points, better: Direction) -> str:
    """What is wrong with a curve; empty when nothing is.

    Values must rise from point to point, heights lie within 0 to 100 and never run against the
    direction; for ``middle`` they rise to one best range and fall after it.
    """
    if len(points) < 2:
        return "a curve needs at least two points"
    if any(x1 <= x0 for (x0, _), (x1, _) in pairwise(points)):
        return "the values of a curve must rise from point to point"
    if any(not 0 <= y <= 100 for _, y in points):
        return "the heights of a curve must lie within 0 to 100"
    steps = [y1 - y0 for (_, y0), (_, y1) in pairwise(points) if y1 != y0]
    if not steps:
        return "the curve is flat: no value makes a difference"
    if better == "higher" and min(steps) < 0:
        return "higher is better, yet the curve falls"
    if better == "lower" and max(steps) > 0:
        return "lower is better, yet the curve rises"
    if better == "middle" and (
        steps[0] < 0 or steps[-1] > 0 or any(a < 0 < b for a, b in pairwise(steps))
    ):
        return "the middle is best, so the curve must rise, then fall"
    return ""


def band(score: float, bands: Sequence[Band], boundary: Boundary) -> str:
    """The name of the band ``score`` lies in; ``bands`` in any order, the lowest catches the rest.

    ``inclusive``: a score equal to a band's start belongs to it. ``exclusive``: it belongs to the
    band below, so only a score above the start does.
    """
    reached = NOISE if boundary == "inclusive" else -NOISE
    ordered = sorted(bands, key=lambda b: b.start, reverse=True)
    return next((b.name for b in ordered if score + reached >= b.start), ordered[-1].name)
