"""Values as files spell them, turned into what a field holds: text, numbers, dates and times."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from typing import Any

from crmctl.model.fields import LARGEST, Field, shown

_LONGEST = 80  # characters of a number, a date or a choice worth parsing
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMERIC_DATE = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})"
    r"(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([AaPp])\.?[Mm]\.?)?)?\Z"
)
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})\b")
_MONEY = re.compile(
    r"(?:[A-Z]{3}\s+|[$€£¥]\s*)?(-?[\d.,_ \u00a0\u202f']+?)\s*(?:[A-Z]{3}|[$€£¥%])?\Z"
)
_DECIMAL_COMMA = re.compile(r"-?\d{1,3}(?:\.\d{3})+,\d+\Z|-?\d+,\d{1,2}\Z")


class DayOrder(Enum):
    """How a column writes dates that are not ISO, judged over all of its cells."""

    UNKNOWN = "could be day/month or month/day"
    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    MIXED = "stands in a column that has both day/month and month/day"


def clean(text: str) -> str:
    """Text without what no file can hold: no NUL, no lone surrogate (U+FFFD), no CRLF, no blank before a line end."""
    if "\0" in text or "\r" in text:
        text = text.replace("\0", "").replace("\r\n", "\n")
    if " \n" in text or "\t\n" in text:
        text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def day_order(cells: Iterable[str]) -> DayOrder:
    """The order of day and month that one column's dates prove; those with points are day first."""
    found = set()
    for cell in cells:
        match = _NUMERIC_DATE.match(cell.strip()) if len(cell) <= _LONGEST else None
        if match is None:
            continue
        first, second = int(match[1]), int(match[3])
        if first > 12 and second > 12:
            continue
        if second > 12:
            found.add(DayOrder.MONTH_FIRST)
        elif first > 12 or match[2] == ".":
            found.add(DayOrder.DAY_FIRST)
    if len(found) > 1:
        return DayOrder.MIXED
    return found.pop() if found else DayOrder.UNKNOWN


def moment(text: str, order: DayOrder = DayOrder.UNKNOWN) -> dt.datetime | dt.date:
    """A date, or a time in UTC (a time without a zone is taken as UTC); ValueError says why not."""
    text = text.strip()
    match = _NUMERIC_DATE.match(text) if len(text) <= _LONGEST else None
    if match and order in {DayOrder.UNKNOWN, DayOrder.MIXED}:
        raise ValueError(f"found {shown(text)}, which {order.value}; allowed: 2026-03-31")
    try:
        return _numeric(match, order) if match else _iso(text)
    except (ValueError, OverflowError):
        allowed = "a date as 2026-03-31 or a time as 2026-03-31T09:30:00Z"
        raise ValueError(f"found {shown(text)}; allowed: {allowed}") from None


def _iso(text: str) -> dt.datetime | dt.date:
    text = _YEAR_FIRST.sub(lambda m: f"{m[1]}-{int(m[2]):02}-{int(m[3]):02}", text, count=1)
    if len(text) > _LONGEST:
        raise ValueError("is no date")
    if len(text) <= len("2026-03-31"):
        return dt.date.fromisoformat(text)
    return _utc(dt.datetime.fromisoformat(text))


def _utc(time: dt.datetime) -> dt.datetime:
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)


def _numeric(match: re.Match[str], order: DayOrder) -> dt.datetime | dt.date:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    day, month = (first, second) if order is DayOrder.DAY_FIRST else (second, first)
    if match[5] is None:
        return dt.date(year, month, day)
    hour = int(match[5])
    if match[8]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if match[8] in "Pp" else 0)
    return dt.datetime(year, month, day, hour, int(match[6]), int(match[7] or 0), tzinfo=dt.UTC)


def day(value: dt.datetime | dt.date) -> dt.date:
    """The day of a date or of a time (in UTC)."""
    return value.date() if isinstance(value, dt.datetime) else value


def number(text: str) -> str:
    """A number's digits as `Field.parse` reads them: no currency, percent sign or decimal comma."""
    if len(text) > _LONGEST or not (match := _MONEY.match(text.strip())):
        return text
    digits = re.sub(r"[ \u00a0\u202f']", "", match[1])
    if _DECIMAL_COMMA.match(digits):
        return digits.replace(".", "").replace(",", ".")
    return digits


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without exponent, so that 48000.0 is 48000."""
    return (
        Decimal(format(value.normalize(), "f"))
        if value.is_finite() and abs(value) < LARGEST
        else value
    )


def convert(field: Field, value: Any, order: DayOrder = DayOrder.UNKNOWN) -> Any:
    """A file's value as ``field`` holds it; ValueError says what was found and what is allowed."""
    if isinstance(value, str):
        value = clean(value)
        if field.kind != "text" or field.many:
            return _parsed(field, value.strip(), order)
    elif isinstance(value, (float, Decimal)) and field.kind == "int":
        value = _rounded(Decimal(str(value)))
    checked = field.check(value)
    return plain(checked) if isinstance(checked, Decimal) else checked


def _parsed(field: Field, text: str, order: DayOrder) -> Any:
    if field.kind in {"date", "datetime"} and not field.many:
        found = moment(text, order)
        return day(found) if field.kind == "date" else field.check(found)
    if field.kind not in {"int", "decimal"} or field.many:
        return field.parse(text)
    text = number(text)
    if field.kind == "int" and re.fullmatch(r"-?[\d,]+\.\d+", text) and len(text) < 20:
        text = str(_rounded(Decimal(text.replace(",", ""))))
    checked = field.parse(text)
    return plain(checked) if isinstance(checked, Decimal) else checked


def _rounded(value: Decimal) -> int | Decimal:
    """A whole number for a field of whole numbers: percentages come with a fraction."""
    if not value.is_finite() or abs(value) >= LARGEST:
        return value
    return int(value.quantize(Decimal(1), "ROUND_HALF_UP"))
