"""On which days and at which hours people are to be approached: the part ``calendar:`` of ``crmctl.yaml``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Container
from functools import lru_cache
from importlib import import_module
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from crmctl.model.errors import ConfigError
from crmctl.workspace.source_settings import Strict

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_REGION = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?\Z", re.ASCII)
_LONGEST_BREAK = 60  # days without a single working day: nobody means that


class Calendar(Strict):
    """Our working days, and the hours at which nobody is to be called or written to."""

    working_days: Annotated[
        list[Weekday], Field(min_length=1, description="days of the week on which we work")
    ] = list(WEEKDAYS[:5])  # noqa: RUF012  pydantic copies it
    holidays: Annotated[
        list[dt.date | str],
        Field(description="dates, or regions whose public holidays count, such as DE or DE-BY"),
    ] = []  # noqa: RUF012  pydantic copies it
    quiet: Annotated[
        str,
        Field(
            pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
            description="hours of the other's day in which nobody is approached",
        ),
    ] = "18:00-08:00"
    touches_per_day: Annotated[
        int, Field(ge=1, le=1000, description="most cadence steps that fall on one person's day")
    ] = 20

    @field_validator("holidays")
    @classmethod
    def _regions(cls, value: list[dt.date | str]) -> list[dt.date | str]:
        for item in value:
            if isinstance(item, str) and not _REGION.match(item):
                raise ValueError(f"{item[:20]} is no date and no region such as DE or DE-BY")
        return value

    def is_working(self, day: dt.date) -> bool:
        """Whether we work on a day; `ConfigError` if a region's holidays cannot be told."""
        if WEEKDAYS[day.weekday()] not in self.working_days or day in self.holidays:
            return False
        regions = [item for item in self.holidays if isinstance(item, str)]
        return not any(day in public_holidays(region, day.year) for region in regions)

    def next_working(self, day: dt.date) -> dt.date:
        """``day`` if we work on it, else the next one on which we do."""
        for ahead in range(_LONGEST_BREAK):
            found = day + dt.timedelta(days=ahead)
            if self.is_working(found):
                return found
        raise ConfigError(
            f"crmctl.yaml: calendar: no working day in {_LONGEST_BREAK} days from {day}"
        )

    @property
    def hours(self) -> tuple[dt.time, dt.time]:
        """From when until when people may be approached."""
        end, _, begin = self.quiet.partition("-")
        return dt.time.fromisoformat(begin), dt.time.fromisoformat(end)

    def first_day(self, now: dt.datetime) -> dt.date:
        """The day of ``now``, a local time, or the next once its hours are over."""
        begin, end = self.hours
        over = begin < end <= now.time()
        return now.date() + dt.timedelta(days=1 if over else 0)


def zone(name: str) -> ZoneInfo | None:
    """A time zone as a contact's file names it; None for a name that is none."""
    try:
        return ZoneInfo(name.strip()) if name.strip() else None
    except (KeyError, OSError, ValueError):
        return None


@lru_cache(maxsize=64)
def public_holidays(region: str, year: int) -> Container[dt.date]:
    """The public holidays of a region such as ``DE`` or ``DE-BY``; `ConfigError` if nobody can tell them here."""
    where = f"crmctl.yaml: calendar.holidays: {region}"
    country, _, part = region.partition("-")
    try:
        library = import_module("holidays")
    except ImportError:
        raise ConfigError(
            f"{where} needs a package that is not installed: pip install 'crmctl[holidays]', or list the dates"
        ) from None
    try:
        return frozenset(library.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:  # the package's way to say that it has no such region
        raise ConfigError(
            f"{where} is no region whose holidays are known; list the dates"
        ) from None
