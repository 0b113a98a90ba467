"""Filters on any field: ``stage=customer``, ``arr>=50000``, ``renewal<90d``, ``name~gmbh``, ``owner!=ana``.

They work on values as the index keeps them (ISO dates, numbers as text), so a list needs no parsing of files.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from crmctl.model.errors import UsageError

_FILTER = re.compile(r"([A-Za-z_][\w.]*)\s*(!=|<=|>=|=|<|>|~)\s*(.*)", re.DOTALL)
_DAYS = re.compile(r"([+-]?\d+)d\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Row = Mapping[str, Any]
R = TypeVar("R", bound=Row)
Test = Callable[[Row], bool]


def parse(texts: Iterable[str], known: Iterable[str], today: dt.date) -> Test:
    """One test out of all filters. UsageError for a field that is not among ``known`` or cannot be read.

    A field that nobody states matches only ``field=`` (nothing); ``field!=value`` needs a value that differs.
    """
    names = set(known)
    tests = [_one(text, names, today) for text in texts]
    return lambda row: all(test(row) for test in tests)


def _one(text: str, names: set[str], today: dt.date) -> Test:
    match = _FILTER.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} is no filter; write field=value, field<value, field>value or field~part"
        )
    name, operator, wanted = match[1], match[2], match[3].strip()
    if not wanted and operator not in ("=", "!="):
        raise UsageError(f"{text!r} is no filter: nothing stands after {operator}")
    if name not in names:
        raise UsageError(f"{name}: no such field{_hint(name, names)}")
    days = _DAYS.match(wanted)
    if days is not None:
        wanted = (today + dt.timedelta(days=int(days[1]))).isoformat()
    return lambda row: _matches(row.get(name), operator, wanted)


def _hint(name: str, names: set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(sorted(names))}"


def _matches(value: Any, operator: str, wanted: str) -> bool:
    if value is None or value in ("", []):
        return operator == "=" and not wanted
    if isinstance(value, list):
        if operator == "!=":
            return not any(_matches(item, "=", wanted) for item in value)
        return any(_matches(item, operator, wanted) for item in value)
    if isinstance(value, Mapping):
        return any(_matches(item, operator, wanted) for item in value.values())
    if operator == "~":
        return wanted.casefold() in str(value).casefold()
    order = _compare(value, wanted)
    if order is None:
        return operator == "!="
    return {
        "=": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[operator]


def _compare(value: Any, wanted: str) -> int | None:
    """-1, 0 or 1; None when the two cannot be compared."""
    if isinstance(value, bool):
        asked = {"true": True, "yes": True, "false": False, "no": False}.get(wanted.lower())
        return None if asked is None else (value > asked) - (value < asked)
    text = str(value)
    if _DATE.match(text) and _DATE.match(wanted):
        # A day filter on a time compares the days.
        text = text[: len(wanted)] if len(wanted) == 10 else text
        return (text > wanted) - (text < wanted)
    left, right = _number(value), _number(wanted)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    if left is not None and not isinstance(value, str):
        return None
    a, b = text.casefold(), wanted.casefold()
    return (a > b) - (a < b)


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value).replace(",", "").replace("_", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def sort_rows(rows: Sequence[R], keys: Sequence[str]) -> list[R]:
    """Rows by one or more fields, ``-field`` for falling; rows without a value come last either way."""
    result = list(rows)
    for key in reversed(keys):
        name, falling = key.lstrip("-"), key.startswith("-")
        filled = [row for row in result if row.get(name) not in (None, "")]
        empty = [row for row in result if row.get(name) in (None, "")]
        filled.sort(key=lambda row: _sortable(row[name]), reverse=falling)
        result = filled + empty
    return result


def _sortable(value: Any) -> tuple[int, Decimal, str]:
    number = _number(value) if not isinstance(value, (list, Mapping)) else None
    return (0, number, "") if number is not None else (1, Decimal(0), str(value).casefold())
