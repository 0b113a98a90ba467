"""The part of SOQL that the double of Salesforce understands, with the checks of literals that the real one makes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmctl.sources.salesforce_ids import check_characters

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\\n]|\\.)*')
    | (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANING = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a is not None and a < b,
    "<=": lambda a, b: a is not None and a <= b,
    ">": lambda a, b: a is not None and a > b,
    ">=": lambda a, b: a is not None and a >= b,
}
_IDS = frozenset({"id", "reference"})


class Malformed(Exception):
    """The query is no SOQL, or not for this object; ``code`` is the error code of the answer."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass
class Condition:
    """One comparison, kept so that an index can serve it."""

    name: str
    sign: str
    values: list[Any]


@dataclass
class Query:
    kind: str
    fields: list[str]
    count: bool = False
    tests: list[Test] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)  # a name, and whether descending
    limit: int | None = None


Schema = Mapping[str, Mapping[str, str]]


def stamp(moment: dt.datetime) -> str:
    """A time as the REST API writes it."""
    utc = moment.astimezone(dt.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}+0000"


def value_of(row: Row, name: str) -> Any:
    """A field of a row, or of its parent behind a dot."""
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def parse(text: str, schema: Schema) -> Query:
    return _Parser(text, schema).query()


class _Parser:
    def __init__(self, text: str, schema: Schema) -> None:
        self._schema = schema
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise Malformed(
                    "MALFORMED_QUERY", f"unexpected token: {text[position : position + 10]}"
                )
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()
        self._at = 0
        self._types: Mapping[str, str] = {}

    def query(self) -> Query:
        self._word("SELECT")
        names, count = self._selected()
        self._word("FROM")
        kind = self._take("name")
        if kind not in self._schema:
            raise Malformed("INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        self._types = self._schema[kind]
        query = Query(kind, names, count)
        for name in names:
            self._type(name)
        if self._is("WHERE"):
            query.tests.append(self._condition(query))
            while self._is("AND"):
                query.tests.append(self._condition(query))
        if self._is("ORDER"):
            self._word("BY")
            query.order.append(self._ordered())
            while self._sign(","):
                query.order.append(self._ordered())
        if self._is("LIMIT"):
            query.limit = int(self._take("number"))
        if self._at != len(self._tokens):
            raise self._unexpected()
        return query

    def _selected(self) -> tuple[list[str], bool]:
        names = [self._take("name")]
        if names == ["COUNT"] and self._sign("("):
            self._must(")")
            return [], True
        while self._sign(","):
            names.append(self._take("name"))
        return names, False

    def _ordered(self) -> tuple[str, bool]:
        name = self._take("name")
        self._type(name)
        if self._is("DESC"):
            return name, True
        self._is("ASC")
        return name, False

    def _condition(self, query: Query) -> Test:
        if self._sign("("):
            tests = [self._condition(Query("", []))]
            while self._is("OR"):
                tests.append(self._condition(Query("", [])))
            self._must(")")
            return lambda row: any(test(row) for test in tests)
        name = self._take("name")
        type = self._type(name)
        if self._is("LIKE"):
            pattern = _like(self._take("text"))
            return lambda row: bool(pattern.match(str(value_of(row, name) or "")))
        if self._is("IN"):
            self._must("(")
            values = [self._literal(name, type)]
            while self._sign(","):
                values.append(self._literal(name, type))
            self._must(")")
            query.conditions.append(Condition(name, "IN", values))
            among = set(values)
            return lambda row: _comparable(value_of(row, name), type) in among
        sign = self._take("sign")
        if sign == "<>":
            sign = "!="
        if sign not in _COMPARE:
            raise self._unexpected(back=1)
        value = self._literal(name, type)
        query.conditions.append(Condition(name, sign, [value]))
        compare = _COMPARE[sign]
        return lambda row: compare(_comparable(value_of(row, name), type), value)

    def _literal(self, name: str, type: str) -> Any:
        kind, text = self._next()
        if kind == "name" and text.lower() in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text.lower()]
        if type == "datetime" and kind != "time":
            raise Malformed(
                "INVALID_FIELD",
                f"value of filter criterion for field '{name}' must be of type dateTime "
                "and should not be enclosed in quotes",
            )
        if type == "date" and kind != "date":
            raise Malformed(
                "INVALID_FIELD",
                f"value of filter criterion for field '{name}' must be of type date",
            )
        if kind == "time":
            return stamp(dt.datetime.fromisoformat(text))
        if kind == "date":
            return text
        if kind == "number":
            return float(text)
        if kind == "text":
            plain = _plain(text)
            if type in _IDS:
                return plain + check_characters(plain) if len(plain) == 15 else plain
            return plain.casefold()
        raise self._unexpected(back=1)

    def _type(self, name: str) -> str:
        """The type of a field; a parent's fields count as text."""
        parent, dot, _ = name.partition(".")
        known = {n.removesuffix("Id") for n, type in self._types.items() if type == "reference"}
        known |= {n.replace("__c", "__r") for n, type in self._types.items() if type == "reference"}
        if dot and parent in known:
            return "string"
        if dot or name not in self._types:
            raise Malformed("INVALID_FIELD", f"\nERROR at Row:1\nNo such column '{name}' on entity")
        return self._types[name]

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Malformed("MALFORMED_QUERY", "unexpected end of query")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> str:
        found, text = self._next()
        if found != kind:
            raise self._unexpected(back=1)
        return text

    def _is(self, word: str) -> bool:
        here = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if here[0] == "name" and here[1].upper() == word:
            self._at += 1
            return True
        return False

    def _word(self, word: str) -> None:
        if not self._is(word):
            raise self._unexpected()

    def _sign(self, sign: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign):
            self._at += 1
            return True
        return False

    def _must(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._unexpected()

    def _unexpected(self, back: int = 0) -> Malformed:
        at = self._at - back
        token = self._tokens[at][1] if at < len(self._tokens) else "<EOF>"
        return Malformed("MALFORMED_QUERY", f"unexpected token: {token}")


def _plain(literal: str) -> str:
    def meaning(match: re.Match[str]) -> str:
        said = match[1]
        if len(said) == 5:
            return chr(int(said[1:], 16))
        if said not in _MEANING:
            raise Malformed("MALFORMED_QUERY", f"Invalid string literal: illegal escape \\{said}")
        return _MEANING[said]

    return _ESCAPE.sub(meaning, literal[1:-1])


def _like(literal: str) -> re.Pattern[str]:
    pieces = []
    for piece in re.findall(r"\\u[0-9a-f]{4}|\\.|.", literal[1:-1], re.DOTALL):
        if piece in {"\\%", "\\_"}:
            pieces.append(re.escape(piece[1]))
        elif len(piece) > 1:
            pieces.append(re.escape(_plain(f"'{piece}'")))
        else:
            pieces.append({"%": ".*", "_": "."}.get(piece, re.escape(piece)))
    return re.compile("".join(pieces) + r"\Z", re.IGNORECASE | re.DOTALL)


def _comparable(value: Any, type: str) -> Any:
    exact = type in {*_IDS, "datetime", "date"}
    return value.casefold() if isinstance(value, str) and not exact else value
