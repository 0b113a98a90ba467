"""The query strings of PostgREST, parsed and put as SQL: what its grammar allows, refused as it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
}
_RESERVED = frozenset({"select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"})
_IDENTIFIER = re.compile(r"[^\W_][\w $]*|[_$][\w $]*")
_IS = {"null", "not_null", "true", "false", "unknown"}
Names = Sequence[sql.Identifier]


class Refused(Exception):
    """A refusal of PostgREST itself."""

    def __init__(
        self, status: int, code: str, message: str, details: Any = None, hint: str | None = None
    ) -> None:
        self.status, self.code = status, code
        self.body = {"code": code, "details": details, "hint": hint, "message": message}
        super().__init__(message)


@dataclass(frozen=True)
class Item:
    """One part of ``select=``: a column, or an embedded table with parts of its own."""

    name: str
    alias: str = ""
    cast: str = ""
    hint: str = ""
    parts: tuple[Item, ...] | None = None


@dataclass
class Query:
    """What a query string asks for."""

    items: tuple[Item, ...]
    conditions: list[sql.Composable] = field(default_factory=list)
    order: list[sql.Composable] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0


class _Text:
    """A text being parsed, with the place where parsing stands."""

    def __init__(self, text: str, what: str) -> None:
        self._text, self._what, self._at = text, what, 0

    def fail(self, expected: str) -> Refused:
        found = f'"{self._text[self._at]}"' if self._at < len(self._text) else "end of input"
        message = f'"failed to parse {self._what} ({self._text})" (line 1, column {self._at + 1})'
        return Refused(400, "PGRST100", message, f"unexpected {found} expecting {expected}")

    def take(self, token: str) -> bool:
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def need(self, token: str) -> None:
        if not self.take(token):
            raise self.fail(f'"{token}"')

    def name(self) -> str:
        if self._text.startswith('"', self._at):
            return self.quoted()
        parts = [self._identifier()]
        while self._text.startswith("-", self._at) and not self._text.startswith("->", self._at):
            self._at += 1
            parts.append(self._identifier())
        return "-".join(parts)

    def quoted(self) -> str:
        self.need('"')
        held = []
        while not self.take('"'):
            self.take("\\")
            if self._at >= len(self._text):
                raise self.fail('"\\""')
            held.append(self._text[self._at])
            self._at += 1
        return "".join(held)

    def value(self) -> str:
        """A value inside brackets: in quotes, or all up to a comma or the closing bracket."""
        if self._text.startswith('"', self._at):
            before = self._at
            found = self.quoted()
            if self._at == len(self._text) or self._text[self._at] in ",)":
                return found
            self._at = before
        match = re.compile(r"[^,)]*").match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]

    def rest(self) -> str:
        found, self._at = self._text[self._at :], len(self._text)
        return found

    def word(self) -> str:
        """What stands before the next point."""
        end = self._text.find(".", self._at)
        if end < 0:
            raise self.fail('"not" or operator (eq, gt, ...)')
        found = self._text[self._at : end]
        self._at = end + 1
        return found

    def end(self) -> None:
        if self._at < len(self._text):
            raise self.fail("end of input")

    def _identifier(self) -> str:
        match = _IDENTIFIER.match(self._text, self._at)
        if match is None:
            raise self.fail("field name (* or [a..z0..9_$])")
        self._at = match.end()
        return match[0].strip()


def parse(pairs: Sequence[tuple[str, str]], table: sql.Composable, *, deaf: bool = False) -> Query:
    """A query string; ``deaf`` overhears whatever says where the next page begins."""
    given = dict(pairs)
    query = Query(_items(given.get("select", "*")))
    for key, value in pairs:
        if key in {"or", "and", "not.or", "not.and"}:
            if not deaf:
                query.conditions.append(
                    _logic(_Text(f"{key}{value}", "logic tree"), table, whole=True)
                )
        elif key not in _RESERVED and not (deaf and value.startswith("gt.")):
            column = _Text(key, "tree path")
            name = column.name()
            column.end()
            filtered = _Text(value, "filter")
            query.conditions.append(_condition(filtered, _column(table, name), filtered.rest))
            filtered.end()
    if given.get("order"):
        query.order = _order(_Text(given["order"], "order"), table)
    query.limit = _whole(given.get("limit"))
    query.offset = max(0, _whole(given.get("offset")) or 0)
    return query


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def _column(table: sql.Composable, name: str) -> sql.Composable:
    return sql.SQL("{}.{}").format(table, sql.Identifier(name))


def _condition(text: _Text, column: sql.Composable, value: Callable[[], str]) -> sql.Composable:
    """``eq.5`` and the like, behind a column."""
    word = text.word()
    negated = word == "not"
    if negated:
        word = text.word()
    if word == "in":
        found = _in(text, column)
    elif word == "is":
        found = _is(text, column, value())
    elif word in OPERATORS:
        literal = value()
        if "like" in word:
            literal = literal.replace("*", "%")
        found = sql.SQL("{} {} {}").format(column, sql.SQL(OPERATORS[word]), sql.Literal(literal))
    elif word == "isdistinct":
        found = sql.SQL("{} IS DISTINCT FROM {}").format(column, sql.Literal(value()))
    else:
        raise text.fail(f"unknown single value operator {word}")
    return sql.SQL("NOT ({})").format(found) if negated else found


def _in(text: _Text, column: sql.Composable) -> sql.Composable:
    text.need("(")
    held = [text.value()]
    while text.take(","):
        held.append(text.value())
    text.need(")")
    escaped = (item.replace("\\", "\\\\").replace('"', '\\"') for item in held)
    listed = "{" + ",".join(f'"{item}"' for item in escaped) + "}" if held != [""] else "{}"
    return sql.SQL("{} = ANY ({})").format(column, sql.Literal(listed))


def _is(text: _Text, column: sql.Composable, value: str) -> sql.Composable:
    if value.lower() not in _IS:
        raise text.fail("null or trilean value (unknown, true, false)")
    return sql.SQL("{} IS {}").format(column, sql.SQL(value.upper().replace("_", " ")))


def _logic(text: _Text, table: sql.Composable, *, whole: bool = False) -> sql.Composable:
    """``or(a.eq.1,and(…))``, and inside of it conditions with their columns."""
    negated = text.take("not.")
    for word in ("and", "or"):
        if text.take(f"{word}("):
            parts = [_logic(text, table)]
            while text.take(","):
                parts.append(_logic(text, table))
            text.need(")")
            if whole:
                text.end()
            joined = sql.SQL(f" {word.upper()} ").join(parts)
            return sql.SQL("NOT ({})" if negated else "({})").format(joined)
    if negated or whole:
        raise text.fail("logic operator (and, or)")
    column = _column(table, text.name())
    text.need(".")
    return _condition(text, column, text.value)


def _order(text: _Text, table: sql.Composable) -> list[sql.Composable]:
    terms = []
    while True:
        term = _column(table, text.name())
        for word in ("asc", "desc"):
            if text.take(f".{word}"):
                term = sql.SQL("{} {}").format(term, sql.SQL(word.upper()))
                break
        for word, nulls in (("nullsfirst", "NULLS FIRST"), ("nullslast", "NULLS LAST")):
            if text.take(f".{word}"):
                term = sql.SQL("{} {}").format(term, sql.SQL(nulls))
        terms.append(term)
        if not text.take(","):
            text.end()
            return terms


def _items(select: str) -> tuple[Item, ...]:
    text = _Text(select, "select parameter")
    found = _parts(text)
    text.end()
    return found


def _parts(text: _Text) -> tuple[Item, ...]:
    found = [_item(text)]
    while text.take(","):
        found.append(_item(text))
    return tuple(found)


def _item(text: _Text) -> Item:
    if text.take("*"):
        return Item("*")
    name, alias, hint, cast = text.name(), "", "", ""
    if text.take("::"):
        return Item(name, cast=text.name())
    if text.take(":"):
        alias, name = name, text.name()
    if text.take("!"):
        hint = text.name()
    if text.take("("):
        parts = _parts(text)
        text.need(")")
        return Item(name, alias, hint=hint, parts=parts)
    if hint:
        raise text.fail('"("')
    if text.take("::"):
        cast = text.name()
    return Item(name, alias, cast)
