"""Schedules: ``daily``, ``weekly on friday``, ``monthly on 15``, ``quarterly``, ``cron 0 7 * * 1-5``.

A schedule says on which days something is due, in the team's time zone. What was missed is caught up once, not once
for every night that was missed.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST = "last"
EXAMPLES = "daily, weekly on friday, monthly on 15, monthly on last, quarterly, or cron 0 7 * * 1-5"
_FORM = re.compile(r"(daily|weekly|monthly|quarterly|yearly)(?: on (\w+))?\Z", re.ASCII)
_LONGEST = dt.timedelta(days=800)
_ANY_TIME = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule; ``day`` is a weekday from 0 for Monday, a day of the month, or 0 for its last."""

    text: str
    every: str
    day: int = 1

    def latest(self, now: dt.datetime) -> dt.date | None:
        """The last day on which it was due, up to the local time ``now``; None when it never was."""
        today = now.date()
        match self.every:
            case "daily":
                return today
            case "weekly":
                return today - dt.timedelta(days=(today.weekday() - self.day) % 7)
            case "cron":
                return _cron(self.text, now)
        months = {"monthly": 1, "quarterly": 3, "yearly": 12}[self.every]
        year, month = today.year, today.month - (today.month - 1) % months
        found = _day(year, month, self.day)
        if found > today:
            month -= months
            year, month = (year, month) if month > 0 else (year - 1, month + 12)
            found = _day(year, month, self.day)
        return found


def _day(year: int, month: int, day: int) -> dt.date:
    """A day of a month; of a shorter month its last."""
    length = calendar.monthrange(year, month)[1]
    return dt.date(year, month, min(day or length, length))


@lru_cache(maxsize=256)
def _cron(text: str, now: dt.datetime) -> dt.date | None:
    from cronsim import CronSim

    expression = text.removeprefix("cron ").strip()
    # The time itself counts as due; the search looks at earlier times only.
    local = now.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    for moment in CronSim(expression, local, reverse=True):
        return moment.date() if local - moment <= _LONGEST else None
    return None


@lru_cache(maxsize=256)
def read(text: str) -> Schedule:
    """A schedule from its text; ValueError says what is wrong with it."""
    words = " ".join(text.casefold().split())
    if words.startswith("cron "):
        from cronsim import CronSim, CronSimError

        try:
            next(CronSim(words.removeprefix("cron "), _ANY_TIME, reverse=True), None)
        except CronSimError as error:
            raise ValueError(f"is no cron time: {str(error).lower()}; write {EXAMPLES}") from None
        return Schedule(words, "cron")
    found = _FORM.match(words)
    if found is None:
        raise ValueError(f"is no schedule; write {EXAMPLES}")
    every, on = found.groups()
    if on is None:
        return Schedule(words, every, 0 if every in ("daily", "weekly") else 1)
    if every == "weekly":
        if on not in WEEKDAYS:
            raise ValueError(f"{on[:20]} is no day of the week")
        return Schedule(words, every, WEEKDAYS.index(on))
    if every == "daily":
        raise ValueError("daily has no day")
    if on == LAST:
        return Schedule(words, every, 0)
    if not on.isdigit() or not 1 <= int(on) <= 31:
        raise ValueError(f"{on[:20]} is no day of a month, 1 to 31 or last")
    return Schedule(words, every, int(on))
