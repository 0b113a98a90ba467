"""The query language of PostgREST, as far as reading tables page by page takes it.

A value is compared as the exact text that the server gave, in quotes wherever a comma or a bracket could end it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Pair = tuple[str, str]
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED = frozenset(
    {"and", "columns", "limit", "not", "offset", "on_conflict", "or", "order", "select"}
)


def name(column: str) -> str:
    """A column's name as a query may hold it."""
    return column if _PLAIN.match(column) and column not in _RESERVED else quoted(column)


def quoted(text: str) -> str:
    """A value or a name with whatever characters, as one piece of a query."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def select(columns: Iterable[str]) -> Pair:
    """These columns and no others."""
    return "select", ",".join(map(name, columns))


def ascending(columns: Iterable[str]) -> Pair:
    """Rows in the order of these columns."""
    return "order", ",".join(f"{name(column)}.asc" for column in columns)


def beyond(columns: Sequence[str], place: Sequence[str]) -> list[Pair]:
    """The rows that stand behind ``place`` in the order of ``columns``."""
    first = name(columns[0])
    if len(columns) == 1:
        return [(first, f"gt.{place[0]}")]
    steps = []
    for depth in range(len(columns)):
        same = [f"{name(columns[i])}.eq.{quoted(place[i])}" for i in range(depth)]
        steps.append(_all([*same, f"{name(columns[depth])}.gt.{quoted(place[depth])}"]))
    # The first condition follows from the second; it lets the database use an index.
    return [(first, f"gte.{place[0]}"), ("or", f"({','.join(steps)})")]


def among(column: str, values: Iterable[str]) -> Pair:
    """The rows whose column holds one of ``values``."""
    return name(column), f"in.({','.join(map(quoted, values))})"


def keyed(columns: Sequence[str], keys: Iterable[Sequence[str]]) -> Pair:
    """The rows with one of ``keys``, each a value for each of ``columns``."""
    if len(columns) == 1:
        return among(columns[0], (key[0] for key in keys))
    rows = (
        _all(
            [
                f"{name(column)}.eq.{quoted(value)}"
                for column, value in zip(columns, key, strict=True)
            ]
        )
        for key in keys
    )
    return "or", f"({','.join(rows)})"


def at_domains(column: str, domains: Iterable[str]) -> Pair:
    """The rows whose column holds an e-mail address at one of ``domains``."""
    found = (f"{name(column)}.ilike.{quoted('*@' + domain)}" for domain in domains)
    return "or", f"({','.join(found)})"


def _all(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"and({','.join(conditions)})"
