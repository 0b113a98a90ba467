"""An account's own rhythm: how often they talk with us as a rule, and how it is now.

Thirty days of silence are nothing to worry about where people talk once a quarter, and a lot where they talk every
week. So an account is measured against itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from crmctl.insight.scales import Days
from crmctl.insight.weights_file import WEIGHTS
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict
from crmctl.workspace.templates import shipped

if TYPE_CHECKING:
    from crmctl.insight.evidence import Talk


class RhythmWeights(Strict):
    """How much must be known of an account before it has a rhythm; see ``weights.yaml``."""

    window_days: Days
    days_at_least: Annotated[int, Field(ge=2)]
    gap_at_least_days: Days
    recent_days: Days
    usual_days: Days
    talks_at_least: Annotated[int, Field(ge=1)]


class _Shipped(Strict, extra="ignore"):
    rhythm: RhythmWeights


class Rhythm(NamedTuple):
    """How an account talks with us; None where too little is known.

    ``gap`` is the usual number of days between two days on which we hear from them, ``late`` how many times that gap
    has passed since the last. ``recent`` are the conversations of the last days, ``usual`` how many there are in as
    many days as a rule, ``growth`` the one against the other. ``source`` is where the latest stands.
    """

    last: dt.date | None = None
    source: str = ""
    gap: float | None = None
    late: float | None = None
    recent: int | None = None
    usual: float | None = None
    growth: float | None = None


def rhythm_weights(stated: RhythmWeights | None) -> RhythmWeights:
    """The workspace's own, else those that crmctl ships: a ``weights.yaml`` of before has none."""
    if stated is not None:
        return stated
    return parse_model(shipped(WEIGHTS) or b"", WEIGHTS, _Shipped).rhythm


def rhythm(talks: Sequence[Talk], today: dt.date, how: RhythmWeights) -> Rhythm:
    """The rhythm as of ``today``. What only we wrote is no word from them, and does not count."""
    now = today.toordinal()
    heard = [talk for talk in talks if talk.heard and talk.day <= now]
    if not heard:
        return Rhythm()
    last = max(heard, key=lambda talk: (talk.day, talk.source))
    found = Rhythm(dt.date.fromordinal(last.day), last.source)
    days = sorted({talk.day for talk in heard if talk.day > now - how.window_days})
    if len(days) >= how.days_at_least:
        gap = max(float(median(b - a for a, b in pairwise(days))), float(how.gap_at_least_days))
        found = found._replace(gap=gap, late=(now - last.day) / gap)
    return _pace(found, [talk.day for talk in heard], now, how)


def _pace(found: Rhythm, days: Sequence[int], now: int, how: RhythmWeights) -> Rhythm:
    """Of the time before the first conversation nothing is known: it does not make the usual number smaller."""
    end = now - how.recent_days
    start = max(min(days) - 1, end - how.usual_days)
    before = sum(start < day <= end for day in days)
    if before < how.talks_at_least or end - start < how.usual_days / 2:
        return found
    recent = sum(day > end for day in days)
    usual = before * how.recent_days / (end - start)
    return found._replace(recent=recent, usual=usual, growth=recent / usual - 1)
