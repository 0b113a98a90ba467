"""SOQL as text: names that are names, values that cannot leave their quotes, times in UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*\Z")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def name(text: str) -> str:
    """An object's or a field's API name; ConfigError if it is none, for names cannot be quoted."""
    if not _NAME.match(text):
        raise ConfigError(
            f"salesforce: {one_line(text, 60)!r} is no API name; write letters, digits and _ as in Plan__c"
        )
    return text


def quoted(text: str) -> str:
    """Text as a literal."""
    return (
        "'"
        + "".join(_ESCAPES.get(c) or (c if c >= " " else f"\\u{ord(c):04x}") for c in text)
        + "'"
    )


def holds(field: str, text: str) -> str:
    """The condition that a text field has ``text`` somewhere in it."""
    inner = quoted(text)[1:-1].replace("%", "\\%").replace("_", "\\_")
    return f"{name(field)} LIKE '%{inner}%'"


def among(field: str, texts: Iterable[str]) -> str:
    """The condition that a field is one of ``texts``, of which there must be one."""
    return f"{name(field)} IN ({','.join(map(quoted, texts))})"


def either(conditions: Iterable[str]) -> str:
    """The condition that one of several holds."""
    return f"({' OR '.join(conditions)})"


def time(moment: dt.datetime) -> str:
    """A time as Salesforce writes and reads it: UTC with milliseconds. As text it sorts by time."""
    utc = moment.astimezone(dt.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def between(field: str, low: dt.datetime | None, high: dt.datetime | None) -> list[str]:
    """The conditions that a time is not before ``low`` and before ``high``; None is no bound."""
    bounds = ((">=", low), ("<", high))
    return [f"{name(field)} {sign} {time(bound)}" for sign, bound in bounds if bound is not None]


def select(
    fields: Sequence[str],
    kind: str,
    conditions: Sequence[str] = (),
    *,
    order: Sequence[str] = (),
    limit: int = 0,
) -> str:
    """A query. ``conditions`` are what `among`, `between` and `holds` gave; ``limit`` 0 is none."""
    query = f"SELECT {','.join(map(name, fields))} FROM {name(kind)}"  # noqa: S608  names are checked
    if conditions:
        query += f" WHERE {' AND '.join(conditions)}"
    if order:
        query += f" ORDER BY {','.join(map(name, order))}"
    return query + (f" LIMIT {limit}" if limit else "")
