"""Whether a score rises or falls: the scores that were written down, over a window and above the noise.

All of it is in whole points, as they are written down. A score holds until the next row, so the score that held on
a day is the last one written down up to it. Of a move ``d`` over ``window_days``: up to ``noise`` either way it is
stable, beyond that it rises or falls slightly, from ``move`` on it rises or falls. A fall of ``sharp`` or more from
any score that held within the last ``sharp_days``, their first day included, is a sharp fall whatever the window says.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import NOISE
from crmctl.model.numbers import half_up

if TYPE_CHECKING:
    from crmctl.insight.health import Health
    from crmctl.insight.health_weights import Confidence, TrendWeights
    from crmctl.insight.past import Standing

STABLE, RISING, FALLING, SHARP = "stable", "rising", "falling", "sharp fall"


class Trend(NamedTuple):
    """Which way a score goes. ``points`` are those of the move, over so many ``days``."""

    direction: str
    points: float
    days: int


# (day as an ordinal, score), oldest first, one a day; None from where on there was no score.
Scores = Sequence[tuple[int, float | None]]


def trend(scores: Scores, day: dt.date, rules: TrendWeights) -> Trend | None:
    """The trend as of ``day``, of which later rows say nothing; None while too little is written down."""
    now = day.toordinal()
    current = held(scores, now)
    if current is None:
        return None
    since = now - rules.sharp_days
    recent = [(place, s) for place, s in scores if since < place <= now and s is not None]
    start = held(scores, since)
    if start is not None:
        recent.insert(0, (since, start))
    top_day, top = max(recent, key=lambda row: (row[1], row[0]))
    if top - current >= rules.sharp - NOISE:
        return Trend(SHARP, current - top, now - top_day)
    before = held(scores, now - rules.window_days)
    if before is None:
        return None
    moved = current - before
    return Trend(_word(moved, rules), moved, rules.window_days)


def trend_of(standing: Standing, health: Health) -> Trend | None:
    """The trend of an account's score on the day of its standing: against what was written down before that day."""
    rules, today = standing.weights.health.trend, standing.day.toordinal()
    if rules is None or health.score is None:
        return None
    past = [
        [row for row in standing.series.get(name, ()) if row[0] < today]
        for name in ("health.score", "health.coverage")
    ]
    before = written(past[0], past[1], standing.weights.health.coverage_floor)
    current = float(half_up(round(health.score, 9)))
    return trend([*before, (today, current)], standing.day, rules)


def written(
    scores: Sequence[tuple[int, float]], coverage: Sequence[tuple[int, float]], floor: float
) -> list[tuple[int, float | None]]:
    """The scores as they were written down, and None from the day on which there was none any more.

    A score that ceases to be known has no row that says so; its coverage, which fell below the floor, has. One that
    was written down since then was set by hand.
    """
    found: dict[int, float | None] = {}
    shares, points = dict(coverage), dict(scores)
    low = False
    for day in sorted({*shares, *points}):
        if day in shares:
            fell = shares[day] < floor and not low
            low = shares[day] < floor
            if fell:
                found[day] = None
        if day in points:
            found[day] = points[day]
    return sorted(found.items())


def held(scores: Scores, day: int) -> float | None:
    """The score that held at the end of a day."""
    place = bisect_right(scores, day, key=lambda row: row[0])
    return scores[place - 1][1] if place else None


def _word(moved: float, rules: TrendWeights) -> str:
    if abs(moved) <= rules.noise + NOISE:
        return STABLE
    word = RISING if moved > 0 else FALLING
    return word if abs(moved) >= rules.move - NOISE else f"{word} slightly"


def confidence(coverage: float, width: float, rules: Confidence) -> str:
    """``high``, ``medium`` or ``low``: from the share that is known and the width of the range, both inclusive."""
    for name, asked in (("high", rules.high), ("medium", rules.medium)):
        if coverage + NOISE >= asked.coverage and width <= asked.range + NOISE:
            return name
    return "low"
