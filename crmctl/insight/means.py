"""The weighted mean that health and fit are made of: what is unknown drops out, and is counted."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple


class Mean(NamedTuple):
    """A weighted mean of points from 0 to 100 and how sure it is.

    ``value`` is None when nothing that weighs is known. ``shares`` are the effective weights, one a part and
    summing to 1, 0 for an unknown part. ``coverage`` is the known share of all weight, 0 to 1.
    ``low`` and ``high`` are the mean with everything unknown at 0 and at 100.
    """

    value: float | None
    coverage: float
    low: float
    high: float
    shares: tuple[float, ...]


class Part(NamedTuple):
    """One thing that goes into a mean: points from 0 to 100, None when unknown.

    A part that is a mean itself brings its own coverage and range.
    """

    weight: float
    value: float | None
    coverage: float
    low: float
    high: float


def part(weight: float, value: float | None) -> Part:
    """A part that is known or not, with nothing in between."""
    if value is None:
        return Part(weight, None, 0.0, 0.0, 100.0)
    return Part(weight, value, 1.0, value, value)


def weighted_mean(parts: Sequence[Part]) -> Mean:
    """The mean of the known parts; the weight of an unknown one spreads over its siblings.

    Weights are relative; the parts' sum need not be 100, but must be above 0.
    """
    total = fsum(p.weight for p in parts)
    known = fsum(p.weight for p in parts if p.value is not None)
    value = None
    if known:
        # Divided last: weights and points of whole numbers then give exact boundaries.
        value = fsum(p.weight * p.value for p in parts if p.value is not None) / known
    return Mean(
        value=value,
        coverage=fsum(p.weight * p.coverage for p in parts) / total,
        low=fsum(p.weight * p.low for p in parts) / total,
        high=fsum(p.weight * p.high for p in parts) / total,
        # What is known may all weigh nothing; then it is as good as unknown.
        shares=tuple(p.weight / known if known and p.value is not None else 0.0 for p in parts),
    )
