"""What a field of a record may hold: checking, parsing typed text, and JSON Schema.

A record's fields are tables of `Field` (see `crmctl.model.schema`). One table serves the reader, the
validator, `set`, the CSV importer, the filters of `list` and the JSON Schemas, so none can drift from another.
Building models of the same tables with pydantic costs more start-up than a whole `list` may take.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

ID = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)?\Z")
EMAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\".]+\Z")
DOMAIN = re.compile(r"(?=.{1,253}\Z)([^\W_]([\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]*[^\W_]\Z")
CURRENCY = re.compile(r"[A-Z]{3}\Z")
URL = re.compile(r"https?://[^\s<>\"]+\Z", re.IGNORECASE)
LARGEST = Decimal(10) ** 15

Value = Any
Check = Callable[["Field", Value], Value]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, what it holds, and what is allowed.

    ``kind`` is one of `KINDS`; ``many`` makes it a list of that kind. ``columns`` are the fields of a map.
    ``low`` and ``high`` bound numbers, both ends included.
    """

    name: str
    kind: str
    doc: str
    many: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    columns: tuple[Field, ...] = ()

    def check(self, value: Value) -> Value:
        """The value in its normal form; ValueError says what was found and what is allowed."""
        if not self.many:
            return _CHECKS[self.kind](self, value)
        if not isinstance(value, list):
            if isinstance(value, dict):
                raise ValueError(f"found a map; allowed: a list of {_NAMES[self.kind]}")
            value = [value]
        one = _CHECKS[self.kind]
        return [one(self, item) for item in value]

    def parse(self, text: str) -> Value:
        """A value typed on a command line or found in a CSV cell; lists are parted by commas."""
        text = text.strip()
        if not text:
            raise ValueError("found nothing; use unset to remove a value")
        if self.kind == "map":
            raise ValueError("holds a map: change it with `crmctl edit`")
        if self.many:
            parts = [part.strip() for part in text.split(",")]
            return self.check([_from_text(self, part) for part in parts if part])
        return self.check(_from_text(self, text))

    def json_schema(self) -> dict[str, Any]:
        """This field as JSON Schema (draft 2020-12), for editors."""
        item: dict[str, Any] = dict(_JSON[self.kind])
        if self.choices:
            item["enum"] = list(self.choices)
        if self.low is not None:
            item["minimum"] = self.low
        if self.high is not None:
            item["maximum"] = self.high
        if self.kind == "map":
            item["properties"] = {c.name: c.json_schema() for c in self.columns}
            required = [c.name for c in self.columns if c.required]
            if required:
                item["required"] = required
        if self.many:
            item = {"type": "array", "items": item}
        return {"description": self.doc, "anyOf": [item, {"type": "null"}]}


def shown(value: Value) -> str:
    """A value inside an error message: short, and never a whole document."""
    if isinstance(value, (dict, list)):
        return "a map" if isinstance(value, dict) else "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + '..."'


def _wrong(field: Field, value: Value, allowed: str = "") -> ValueError:
    return ValueError(f"found {shown(value)}; allowed: {allowed or _NAMES[field.kind]}")


def _text(field: Field, value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise _wrong(field, value, "text (put it in quotes)")


def _bounded(field: Field, value: Value, number: int | Decimal) -> None:
    below = field.low is not None and number < field.low
    above = field.high is not None and number > field.high
    if below or above:
        bounds = f"{field.low if field.low is not None else '…'} to {'…' if field.high is None else field.high}"
        raise _wrong(field, value, f"a number from {bounds}")


def _int(field: Field, value: Value) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(field, value)
    _bounded(field, value, value)
    return value


def _decimal(field: Field, value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise _wrong(field, value)
    try:
        number = (
            value
            if isinstance(value, Decimal)
            else Decimal(repr(value) if isinstance(value, float) else value)
        )
    except InvalidOperation:
        raise _wrong(field, value) from None
    if not number.is_finite() or abs(number) >= LARGEST:
        raise _wrong(field, value)
    _bounded(field, value, number)
    return number


def _bool(field: Field, value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(field, value)


def _date(field: Field, value: Value) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise _wrong(field, value)


def _datetime(field: Field, value: Value) -> dt.datetime:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise _wrong(field, value) from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(), dt.UTC)
    if not isinstance(value, dt.datetime):
        raise _wrong(field, value)
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _choice(field: Field, value: Value) -> str:
    if isinstance(value, str) and value in field.choices:
        return value
    raise _wrong(field, value, ", ".join(field.choices))


def _matching(pattern: re.Pattern[str]) -> Check:
    def check(field: Field, value: Value) -> str:
        if isinstance(value, str) and pattern.match(value):
            return value
        raise _wrong(field, value)

    return check


def _map(field: Field, value: Value) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(field, value, f"a map of {', '.join(c.name for c in field.columns)}")
    result: dict[str, Any] = dict(value)
    for column in field.columns:
        found = result.get(column.name)
        if found is None:
            if column.required:
                raise ValueError(f"{column.name} is missing")
            continue
        try:
            result[column.name] = column.check(found)
        except ValueError as error:
            raise ValueError(f"{column.name}: {error}") from None
    return result


def _from_text(field: Field, text: str) -> Value:
    if field.kind == "bool":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            text.lower(), text
        )
    if field.kind == "int":
        digits = (
            text.replace(",", "").replace("_", "")
            if re.fullmatch(r"-?\d{1,3}(,\d{3})+", text)
            else text
        )
        return int(digits) if re.fullmatch(r"-?\d{1,18}", digits) else text
    if field.kind == "decimal":
        return text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text
    if field.kind == "choice":
        folded = re.sub(r"[\s-]+", "_", text.lower())
        return folded if folded in field.choices else text
    if field.kind == "currency":
        return text.upper()
    if field.kind in {"email", "domain"}:
        return text.lower() if field.kind == "domain" else text
    return text


_CHECKS: dict[str, Check] = {
    "text": _text,
    "int": _int,
    "decimal": _decimal,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "choice": _choice,
    "id": _matching(ID),
    "email": _matching(EMAIL),
    "domain": _matching(DOMAIN),
    "url": _matching(URL),
    "currency": _matching(CURRENCY),
    "map": _map,
}
KINDS = tuple(_CHECKS)
_NAMES = {
    "text": "text",
    "int": "a whole number",
    "decimal": "a number",
    "bool": "true or false",
    "date": "a date such as 2026-03-31",
    "datetime": "a time such as 2026-03-31T09:30:00Z",
    "choice": "one of a list",
    "id": "a file's name such as ines-okafor (a-z, 0-9 and -)",
    "email": "an e-mail address",
    "domain": "a domain such as acme.example",
    "url": "an http or https address",
    "currency": "a currency such as EUR",
    "map": "a map",
}
_JSON: dict[str, dict[str, Any]] = {
    "text": {"type": ["string", "integer"]},
    "int": {"type": "integer"},
    "decimal": {"type": ["number", "string"]},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "choice": {"type": "string"},
    "id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)?$"},
    "email": {"type": "string", "format": "email"},
    "domain": {"type": "string"},
    "url": {"type": "string", "format": "uri"},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "map": {"type": "object"},
}
