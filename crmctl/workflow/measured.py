"""What a condition asks of a measure's past: ``health.drop(14d)``, ``usage.active_users.growth(30d)``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from statistics import fmean

# What people call the measures that crmctl itself writes, and only when they move.
SCORES = {"health": "health.score", "health_score": "health.score", "icp": "icp.score"}
Row = tuple[int, float]


def measure_of(name: str) -> str:
    """The measure that a condition means by a name."""
    return SCORES.get(name, name)


def asked(
    rows: Sequence[Row], measure: str, method: str, days: int, today: dt.date
) -> float | None:
    """The answer to one of `crmctl.workflow.syntax.METHODS`; None when the past does not tell.

    ``rows`` are (ordinal day, value), oldest first. A value holds until the next. Of a measure that others write,
    nothing is known any more when the newest is older than the window: no news is no steady value.
    """
    now = today.toordinal()
    start = now - days
    past = [value for day, value in rows if day <= start]
    within = [value for day, value in rows if start < day <= now]
    ours = measure.startswith(("health.", "icp."))
    if not within and not (ours and past):
        return None
    before = past[-1:]
    latest = (before + within)[-1]
    if method in _COMPARED:
        return None if not before else _COMPARED[method](before[0], latest)
    return _OF_WINDOW[method](before + within, latest)


def _growth(before: float, latest: float) -> float | None:
    return latest / before - 1 if before > 0 else None


_COMPARED: dict[str, Callable[[float, float], float | None]] = {
    "growth": _growth,
    "was": lambda before, _: before,
}
_OF_WINDOW: dict[str, Callable[[Sequence[float], float], float]] = {
    "drop": lambda values, latest: max(values) - latest,
    "rise": lambda values, latest: latest - min(values),
    "mean": lambda values, _: fmean(values),
    "lowest": lambda values, _: min(values),
    "highest": lambda values, _: max(values),
}
