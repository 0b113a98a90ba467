"""Time to value: days from the start to the first value, where some are not there yet (Kaplan and Meier's estimate).

Who is not there yet counts as "longer than until today": a median of those who made it would be too short. The
estimate is scipy's, from the extra ``analytics``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

from crmctl.insight.metrics_binary import Share, wilson

MEDIAN, NINETY = 0.5, 0.9
LACKING = "the median takes scipy: pip install 'crmctl[analytics]'"


class Wait(NamedTuple):
    """One customer: days from the start to the first value if it is ``reached``, else to the last day looked at.

    ``seen`` are the days from the start to the last day looked at, or to the end.
    """

    account: str
    days: int
    reached: bool
    seen: int


class Within(NamedTuple):
    """Of those who began so many days ago or more, and were not lost sooner, who made it within them."""

    days: int
    reached: Share


class TimeToValue(NamedTuple):
    """``median`` and ``p90`` are in days, None where too few have made it to say (or see ``reason``)."""

    number: int
    reached: int
    censored: int
    median: float | None
    p90: float | None
    within: tuple[Within, ...]
    reason: str = ""


def wait(
    account: str, started: int | None, reached: int | None, ended: int | None, last: int
) -> Wait | None:
    """One customer as of ``last``; None if it had not started, or its dates contradict one another. All ordinals."""
    if started is None or started > last:
        return None
    seen = (last if ended is None else min(ended, last)) - started
    if reached is not None and reached <= last:
        days = reached - started
        return Wait(account, days, reached=True, seen=max(seen, days)) if days >= 0 else None
    return Wait(account, seen, reached=False, seen=seen) if seen >= 0 else None


def time_to_value(waits: Sequence[Wait], shares: Sequence[int]) -> TimeToValue:
    """The figures of these customers; ``shares`` are the days for which to say who made it within them."""
    reached = sum(w.reached for w in waits)
    within = tuple(Within(days, _within(waits, days)) for days in shares)
    plain = TimeToValue(len(waits), reached, len(waits) - reached, None, None, within)
    if not reached:
        return plain._replace(reason="nobody has reached it yet" if waits else "nobody has a start")
    try:
        steps = survival(waits)
    except ImportError:
        return plain._replace(reason=LACKING)
    return plain._replace(median=_quantile(steps, MEDIAN), p90=_quantile(steps, NINETY))


def _within(waits: Sequence[Wait], days: int) -> Share:
    # Who made it counts only if it could also have been seen not to.
    old = [w for w in waits if w.seen >= days]
    return wilson(sum(w.reached and w.days <= days for w in old), len(old))


def survival(waits: Sequence[Wait]) -> list[tuple[float, float]]:
    """(days, share not there yet after them), at each day on which somebody made it. ImportError without scipy."""
    stats: Any = import_module("scipy.stats")
    data = stats.CensoredData(
        uncensored=[w.days for w in waits if w.reached],
        right=[w.days for w in waits if not w.reached],
    )
    curve = stats.ecdf(data).sf
    made_it = {w.days for w in waits if w.reached}
    return [
        (float(day), float(share))
        for day, share in zip(curve.quantiles, curve.probabilities, strict=True)
        if day in made_it
    ]


def _quantile(steps: Sequence[tuple[float, float]], share: float) -> float | None:
    """The first day by which ``share`` of them are there; None if the curve does not fall so far."""
    noise = 1e-9
    return next((day for day, left in steps if left <= 1 - share + noise), None)
