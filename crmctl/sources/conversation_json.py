"""Members of JSON that a recorder of conversations sent: nearly all of them may be missing, null or of another type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crmctl.sources.values import moment

_MILLISECONDS = 10**11  # an epoch of so many seconds is in the year 5138, so it is milliseconds


def text(value: Any) -> str:
    """Text on one line; "" for anything that is none."""
    if isinstance(value, str):
        return " ".join(value.split())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def prose(value: Any) -> str:
    """Text with its line ends; "" for anything that is none."""
    return value.strip() if isinstance(value, str) else ""


def part(value: Any) -> Mapping[str, Any]:
    """A map, an empty one for anything that is none."""
    return value if isinstance(value, Mapping) else {}


def parts(value: Any) -> list[Mapping[str, Any]]:
    """The maps of a list; nothing for anything that is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [one for one in value if isinstance(one, Mapping)]


def seconds(value: Any) -> Decimal | None:
    """A length or an offset, None if there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    return Decimal(value) if 0 <= value < _MILLISECONDS else None


def when(value: Any) -> dt.datetime | None:
    """A time in UTC, from ISO 8601 or an epoch in seconds or milliseconds; None if it is none of these."""
    try:
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            epoch = float(value) / (1000 if value >= _MILLISECONDS else 1)
            return dt.datetime.fromtimestamp(epoch, dt.UTC)
        found = moment(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    if found is None or isinstance(found, dt.datetime):
        return found
    return dt.datetime.combine(found, dt.time(), dt.UTC)


def stamp(time: dt.datetime) -> str:
    """A time in UTC as text that sorts: ``2026-03-05T14:01:12Z``. Fractions go: with and without they do not sort."""
    return time.astimezone(dt.UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
