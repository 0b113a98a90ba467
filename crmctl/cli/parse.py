"""Dates and times as people type them."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from crmctl.model.errors import UsageError

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

_RELATIVE = re.compile(r"([+-]?)(\d+)\s*([dw])(?:ays?|eeks?)?(?:\s+ago)?\Z", re.IGNORECASE)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def day(text: str, ws: Workspace, *, past: bool = False) -> dt.date:
    """A date: ISO, today, yesterday, tomorrow, 3d, 2w, -5d, "3d ago", or a weekday.

    A weekday or a bare distance is the next one, with ``past`` the last.
    """
    wanted = text.strip().lower()
    words = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if wanted in words:
        return ws.today + dt.timedelta(days=words[wanted])
    if wanted in _WEEKDAYS:
        gap = _WEEKDAYS.index(wanted) - ws.today.weekday()
        return ws.today + dt.timedelta(days=gap % 7 - 7 if past else gap % 7 or 7)
    match = _RELATIVE.match(wanted)
    if match is not None:
        days = int(match[2]) * (7 if match[3].lower() == "w" else 1)
        backwards = match[1] == "-" or wanted.endswith("ago") or (past and not match[1])
        try:
            return ws.today + dt.timedelta(days=-days if backwards else days)
        except OverflowError:
            raise UsageError(f"{text!r} is too far away") from None
    try:
        return dt.date.fromisoformat(wanted)
    except ValueError:
        raise UsageError(
            f"{text!r} is no date; write 2026-03-31, today, tomorrow, friday, 3d or 2w"
        ) from None


def moment(text: str, ws: Workspace) -> dt.datetime:
    """A time in UTC: ISO with a time, else a date as `day` reads it, at noon. "10:30" alone is today."""
    wanted = text.strip()
    if re.fullmatch(r"\d{1,2}:\d{2}", wanted):
        wanted = f"{ws.today.isoformat()}T{wanted.zfill(5)}"
    if ":" in wanted:
        try:
            found = dt.datetime.fromisoformat(wanted)
        except ValueError:
            raise UsageError(
                f"{text!r} is no time; write 2026-03-31T09:30, 09:30 or a date"
            ) from None
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    return dt.datetime.combine(day(wanted, ws, past=True), dt.time(12), dt.UTC)
