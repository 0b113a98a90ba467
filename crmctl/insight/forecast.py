"""Where a history is likely to go: a damped trend, or the last season again, with an interval made of its own errors.

The history is put on even steps (each with the value that held then), smoothed to a level and a slope, and carried on
with a slope that dies away. A history that repeats itself (`period_of`) is carried on by what it was one period ago.
How wrong the same method was at each step ahead, on every earlier day of this very history, gives the interval: the
share ``interval`` of those errors was smaller. Nothing is assumed of how errors are spread.

Of a history too short, too full of holes, or broken by a change of the rule that made it there is no forecast, but a
reason. All numbers stand in ``weights.yaml`` under ``forecast``; docs/dashboards.md shows how the method was chosen.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crmctl.insight.forecast_weights import ForecastWeights

RISING, FALLING, FLAT, SEASONAL = "rising", "falling", "flat", "seasonal"
DAMPED, AGAIN = "damped trend", "last season again"

# (day as an ordinal, value), oldest first, one a day; None from where on nothing was known.
Points = Sequence[tuple[int, float | None]]
# The value so many steps after an origin, from what was known at the origin: (origin, steps ahead).
Ahead = Callable[[int, int], float]


class Step(NamedTuple):
    """A day ahead: the expected value, and between which two the interval lies."""

    day: dt.date
    value: float
    low: float
    high: float


class Forecast(NamedTuple):
    """The steps ahead. ``share`` is that of the interval, ``since`` the first day of the ``points`` it rests on."""

    method: str
    share: float
    since: dt.date
    points: int
    steps: tuple[Step, ...]


class Outlook(NamedTuple):
    """The pattern of a history (empty where too little is known) and its forecast, or the ``reason`` for none.

    ``moved`` is how far the level moved over what was looked at, ``noise`` what one step does by chance.
    """

    pattern: str
    moved: float | None
    noise: float | None
    forecast: Forecast | None
    reason: str


class Bounds(NamedTuple):
    """Where values lie, None where they are not bounded, and the ``unit`` that they are written in."""

    low: float | None
    high: float | None
    unit: float


SCORES = Bounds(0, 100, 1)
COUNTS = Bounds(0, None, 1)


def outlook(
    points: Points,
    today: dt.date,
    rules: ForecastWeights,
    bounds: Bounds = SCORES,
    breaks: Mapping[dt.date, str] | None = None,
) -> Outlook:
    """The pattern and the forecast of a history as of ``today``; later points are not looked at.

    ``breaks`` are days on which the rule changed that makes the values, each with what changed: points up to and on
    such a day are another history.
    """
    now = today.toordinal()
    known, why = _unbroken([p for p in points if p[0] <= now], now, rules, breaks or {})
    problem = _too_little(known, now, rules)
    if problem:
        return Outlook("", None, None, None, f"too little data: {problem}{why}")
    values = _steps(known, rules.step_days)
    period = period_of(values, rules)
    ahead, first = _method(values, period, rules)
    count = _reach(len(values), first, period, rules)
    if count < 1:
        return Outlook(
            "", None, None, None, f"too little data: too few past errors to judge by{why}"
        )
    noise = _width(_errors(values, ahead, first, 1), rules.interval, bounds.unit)
    moved = _moved(values)
    pattern = SEASONAL if period else _pattern(moved, noise * rules.moved_ratio)
    steps, wide, last = [], noise, known[-1][0]
    for h in range(1, count + 1):
        # What lies further ahead is never surer.
        wide = max(wide, _width(_errors(values, ahead, first, h), rules.interval, bounds.unit))
        value = _within(ahead(len(values) - 1, h), bounds)
        day = dt.date.fromordinal(last + h * rules.step_days)
        steps.append(Step(day, value, _within(value - wide, bounds), _within(value + wide, bounds)))
    method = AGAIN if period else DAMPED
    since = dt.date.fromordinal(known[0][0])
    made = Forecast(method, rules.interval, since, len(known), tuple(steps))
    return Outlook(pattern, moved, noise, made, "")


def period_of(values: Sequence[float], rules: ForecastWeights) -> int:
    """The period after which values repeat themselves, in steps; 0 for none.

    It takes two whole periods, and values that are much nearer to those one period ago than to those half of one ago.
    """
    for period in rules.periods:
        if len(values) < 2 * period:
            continue
        whole, half = _apart(values, period), _apart(values, period // 2)
        if half > 0 and whole <= rules.seasonal_ratio * half:
            return period
    return 0


def _apart(values: Sequence[float], steps: int) -> float:
    return median(abs(late - early) for early, late in zip(values, values[steps:], strict=False))


def _unbroken(
    points: Points, now: int, rules: ForecastWeights, breaks: Mapping[dt.date, str]
) -> tuple[list[tuple[int, float]], str]:
    """The last stretch of known points without a hole or a break, and what it began with, for a sentence."""
    start, why = 0, ""
    for day, what in sorted(breaks.items()):
        if day.toordinal() <= now and any(place <= day.toordinal() for place, _ in points):
            start, why = day.toordinal() + 1, f", as {what} on {day}"
    found: list[tuple[int, float]] = []
    for place, value in points:
        if place < start:
            continue
        if value is None:
            found, why = [], f", as nothing was known on {dt.date.fromordinal(place)}"
            continue
        if found and place - found[-1][0] > rules.gap_days:
            days = place - found[-1][0]
            found, why = (
                [],
                f", after {days} days without a point up to {dt.date.fromordinal(place)}",
            )
        found.append((place, value))
    return found, why


def _too_little(known: Sequence[tuple[int, float]], now: int, rules: ForecastWeights) -> str:
    if len(known) < rules.least_points:
        many = "1 point" if len(known) == 1 else f"{len(known)} points"
        return f"{many}, a forecast takes {rules.least_points}"
    span = known[-1][0] - known[0][0]
    if span < rules.least_span_days:
        return f"{span} days, a forecast takes {rules.least_span_days}"
    if now - known[-1][0] > rules.gap_days:
        return f"the last point is of {dt.date.fromordinal(known[-1][0])}"
    return ""


def _steps(known: Sequence[tuple[int, float]], step: int) -> list[float]:
    """The values that held on even steps back from the last point, oldest first."""
    days, last = [day for day, _ in known], known[-1][0]
    count = (last - days[0]) // step
    return [known[bisect_right(days, last - n * step) - 1][1] for n in range(count, -1, -1)]


def _method(values: Sequence[float], period: int, rules: ForecastWeights) -> tuple[Ahead, int]:
    """How values are carried on, and the first origin from which that can be tried."""
    if period:
        # Beyond one period ahead it is the same season again.
        return lambda at, h: values[at + h - period * ceil(h / period)], period - 1
    states = [(values[0], 0.0)]
    for value in values[1:]:
        level, slope = states[-1]
        expected = level + rules.damping * slope
        smooth = rules.level * value + (1 - rules.level) * expected
        turned = rules.slope * (smooth - level) + (1 - rules.slope) * rules.damping * slope
        states.append((smooth, turned))

    def ahead(at: int, h: int) -> float:
        level, slope = states[at]
        total: float = sum(rules.damping**n for n in range(1, h + 1))
        return level + slope * total

    return ahead, rules.warm_up


def _reach(number: int, first: int, period: int, rules: ForecastWeights) -> int:
    """How many steps ahead can be told: a share of the past, and with enough errors of the past to judge by."""
    longest = min(rules.ahead, int(number * rules.ahead_share), number - first - rules.least_errors)
    return min(longest, period) if period else longest


def _errors(values: Sequence[float], ahead: Ahead, first: int, h: int) -> list[float]:
    return [abs(values[at + h] - ahead(at, h)) for at in range(first, len(values) - h)]


def _width(errors: Sequence[float], share: float, unit: float) -> float:
    """Half of the interval: at least so many of the errors are smaller, with one more for the day that is to come.

    Never narrower than the unit in which values are written down.
    """
    place = min(ceil((len(errors) + 1) * share), len(errors))
    return max(sorted(errors)[place - 1], unit)


def _moved(values: Sequence[float]) -> float:
    """From the level of the first quarter to that of the last."""
    few = max(1, len(values) // 4)
    return median(values[-few:]) - median(values[:few])


def _pattern(moved: float, floor: float) -> str:
    if abs(moved) <= floor:
        return FLAT
    return RISING if moved > 0 else FALLING


def _within(value: float, bounds: Bounds) -> float:
    if bounds.low is not None:
        value = max(value, bounds.low)
    return value if bounds.high is None else min(value, bounds.high)
