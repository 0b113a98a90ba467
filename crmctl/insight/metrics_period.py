"""Periods as people write them: 2026, 2026Q3, 2026-09, 2026-07-01..2026-09-30, 2026-07..2026-09."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import NamedTuple

from crmctl.model.errors import UsageError

_FORMS = re.compile(
    r"(?P<year>\d{4})(?:-?[qQ](?P<quarter>[1-4])|-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?", re.ASCII
)
MONTH_DAYS = 365 / 12


class Period(NamedTuple):
    """Its first and its last day. Amounts at its start are those at the end of the day before (`opening`)."""

    first: dt.date
    last: dt.date

    @property
    def opening(self) -> int:
        return self.first.toordinal() - 1

    @property
    def closing(self) -> int:
        return self.last.toordinal()

    @property
    def days(self) -> int:
        return self.closing - self.opening

    @property
    def before(self) -> Period:
        """The period of the same kind before this one: as many whole months, else as many days."""
        months = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        whole = self.first.day == 1 and self.last == month_end(self.last)
        last = self.first - dt.timedelta(days=1)
        first = (
            add_months(self.first, -months) if whole else last - dt.timedelta(days=self.days - 1)
        )
        return Period(first, last)

    @classmethod
    def parse(cls, text: str, today: dt.date) -> Period:
        """From text, by default the last whole quarter; what is still to come is cut off. UsageError if it is none."""
        if not text:
            start = dt.date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
            return cls(add_months(start, -3), start - dt.timedelta(days=1))
        first, mark, last = text.partition("..")
        try:
            found = cls(_span(first).first, _span(last if mark else first).last)
        except (ValueError, OverflowError):
            raise UsageError(
                f"--period: found {text!r}; allowed: 2026, 2026Q3, 2026-09, or FROM..TO of these or of days"
            ) from None
        if found.first > found.last or found.first > today or found.first.year < 2:
            raise UsageError(f"--period: {text} ends before it begins, or has not begun")
        return found._replace(last=min(found.last, today))

    def month_ends(self) -> list[int]:
        """The last days of its months, the last one at the end of the period."""
        found, day = [], month_end(self.first)
        while day < self.last:
            found.append(day.toordinal())
            day = month_end(day + dt.timedelta(days=1))
        return [*found, self.closing]

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def _span(text: str) -> Period:
    match = _FORMS.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    year, quarter, month, day = (int(part) if part else 0 for part in match.groups())
    if quarter:
        first = dt.date(year, 3 * quarter - 2, 1)
        return Period(first, month_end(add_months(first, 2)))
    if match["day"]:
        first = dt.date(year, month, day)
        return Period(first, first)
    if match["month"]:
        first = dt.date(year, month, 1)
        return Period(first, month_end(first))
    return Period(dt.date(year, 1, 1), dt.date(year, 12, 31))


def month_end(day: dt.date) -> dt.date:
    """The last day of the month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def add_months(day: dt.date, months: int) -> dt.date:
    """So many months later, at the same day of the month or its last."""
    place = day.year * 12 + day.month - 1 + months
    year, month = divmod(place, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
