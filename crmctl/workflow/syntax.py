"""The grammar of trigger expressions, and what to say about text that does not follow it.

Length and depth are bounded before anything is built, and text is only ever taken apart, never run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line

if TYPE_CHECKING:
    from lark import Lark

MAX_LENGTH = 500
MAX_DEPTH = 20
MAX_PAST_DAYS = 400

GRAMMAR = r"""
?start: either
?either: both ("or" both)*
?both: negation ("and" negation)*
?negation: "not" negation -> inverse
    | comparison
?comparison: operand OPERATOR operand -> compare
    | operand
    | "(" either ")"
?operand: WORD -> name
    | WORD "(" WORD ")" -> call
    | WORD "(" DURATION ")" -> past
    | MONEY -> money
    | NUMBER -> number
    | PERCENT -> percent
    | DURATION -> duration
    | DATE -> date
    | STRING -> string

OPERATOR: "<=" | ">=" | "==" | "!=" | "<" | ">" | "within" | "contains"
DATE.3: /[0-9]{4}-[0-9]{2}-[0-9]{2}/
MONEY.3: /-?[0-9]+(\.[0-9]+)?[km]? ?(?!AND|NOT)[A-Z]{3}(?!\w)/
PERCENT.2: /-?[0-9]+(\.[0-9]+)?%/
DURATION.2: /[0-9]+[dw](?!\w)/
NUMBER.1: /-?[0-9]+(\.[0-9]+)?/
STRING: /"[^"\n]*"/ | /'[^'\n]*'/
WORD: /[^\W\d]\w*([.-]\w+)*/
%ignore /[ \t\n]+/
"""

FUNCTIONS = {
    "days_since": "days from a date until today",
    "days_until": "days from today until a date",
    "count": "number of items of a list",
    "known": "whether anybody states the value; never unknown",
}
# What can be asked of a measure over the days up to today: ``health.drop(14d)``.
METHODS = {
    "drop": "how far it lies below its highest value",
    "rise": "how far it lies above its lowest value",
    "growth": "its change against the value then, as a ratio",
    "mean": "its mean",
    "lowest": "its lowest value",
    "highest": "its highest value",
    "was": "its value then",
}
_ELSEWHERE = {
    "=": "==",
    "&&": "and",
    "&": "and",
    "||": "or",
    "|": "or",
    "!": "not",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
}
_KEYWORDS = ("and", "or", "not", "within", "contains")

Kind = Literal["number", "percent", "money", "duration", "date", "word", "string"]
_THOUSANDS = {"k": 1_000, "m": 1_000_000}


class ExpressionError(ConfigError):
    """An expression that cannot be used; ``column`` counts characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is written out. A percentage is a ratio, a duration a number of days.

    ``unit`` is the currency of an amount of money.
    """

    kind: Kind
    value: Decimal | dt.date | str
    text: str
    column: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A field or computed value; right of ``==``, ``!=`` and ``contains`` a bare word is text instead."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Call:
    """One of `FUNCTIONS`, of one name."""

    function: str
    argument: Name
    column: int


@dataclass(frozen=True, slots=True)
class Past:
    """One of `METHODS` of a measure, over so many days up to today."""

    measure: str
    method: str
    days: int
    column: int

    @property
    def name(self) -> str:
        """The name under which its value is looked up, the same however it was written."""
        return f"{self.measure}.{self.method}({self.days}d)"


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and an operator between them."""

    left: Operand
    operator: str
    right: Operand
    column: int


@dataclass(frozen=True, slots=True)
class Inverse:
    """``not``."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """``and`` (every part must be true) or ``or`` (any)."""

    every: bool
    parts: tuple[Node, ...]


Operand = Constant | Name | Call | Past
Node = Operand | Compare | Inverse | Junction


def read(text: str) -> Node:
    """The nodes of an expression; `ExpressionError` names the column and suggests what was meant."""
    from lark import UnexpectedCharacters, UnexpectedToken

    if not text.strip():
        raise ExpressionError("is empty; write a condition such as health_score < 60", 1)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is longer than {MAX_LENGTH} characters; split it", MAX_LENGTH + 1)
    _refuse_depth(text)
    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as error:
        at: int | None = error.pos_in_stream
        _refuse(text, at or 0)
    except UnexpectedToken as error:
        end = error.token.type == "$END" or error.token.start_pos is None
        _refuse(text, len(text) if end else error.token.start_pos)
    return _node(tree, 1)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for a word that looks like a known one, else nothing."""
    close = get_close_matches(word.lower(), list(known), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _refuse_depth(text: str) -> None:
    depth = 0
    for column, char in enumerate(text, 1):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth > MAX_DEPTH:
            _too_deep(column)


def _too_deep(column: int) -> NoReturn:
    raise ExpressionError(f"is nested deeper than {MAX_DEPTH} levels; simplify it", column)


def _refuse(text: str, at: int) -> NoReturn:
    """Says what was found at an offset and, where it looks like another language, what to write."""
    rest = text[at:]
    if not rest.strip():
        raise ExpressionError("ends too early; a value or condition is missing", at + 1)
    if rest[0] in "\"'":
        raise ExpressionError("the quotation mark is never closed", at + 1)
    for start in (at, max(at - 1, 0)):  # the lexer may have taken the first sign of two
        for foreign in sorted(_ELSEWHERE, key=len, reverse=True):
            if text.startswith(foreign, start) and start + len(foreign) > at:
                meant = _ELSEWHERE[foreign]
                raise ExpressionError(
                    f"{foreign} is not known here; did you mean {meant}?", start + 1
                )
    word = rest.split()[0][:40]
    hint = suggestion(word, [*_KEYWORDS, *FUNCTIONS])
    if text[:at].rstrip().endswith(("==", "!=", "contains")) or _follows_text(text[:at]):
        hint = hint or '; text of several words goes in quotes, such as "Oil & Gas"'
    raise ExpressionError(f"did not expect {one_line(word)!r} here{hint}", at + 1)


def _follows_text(before: str) -> bool:
    words = before.split()
    return len(words) >= 2 and words[-2] in ("==", "!=", "contains")


def _node(tree: Any, depth: int) -> Node:
    """A lark tree as nodes. The depth is bounded here, so that nothing later can recurse too far."""
    kind = tree.data
    children = tree.children
    if depth > MAX_DEPTH:
        _too_deep(_column(tree))
    if kind in ("either", "both"):
        return Junction(kind == "both", tuple(_node(child, depth + 1) for child in children))
    if kind == "inverse":
        return Inverse(_node(children[0], depth + 1))
    if kind == "compare":
        return _compare_node(children)
    return _operand(tree)


def _compare_node(children: list[Any]) -> Compare:
    left, sign, right = _operand(children[0]), str(children[1]), _operand(children[2])
    if isinstance(right, Name) and sign in ("==", "!=", "contains"):
        right = Constant("word", right.name, right.name, right.column)
    return Compare(left, sign, right, left.column)


def _operand(tree: Any) -> Operand:
    token = tree.children[0]
    text, column = str(token), _column(tree)
    match tree.data:
        case "name":
            return Name(text, column)
        case "call":
            argument = tree.children[1]
            return Call(text, Name(str(argument), argument.start_pos + 1), column)
        case "past":
            return _past(text, str(tree.children[1]), column)
        case "money":
            digits, unit = text[:-3].rstrip(), text[-3:]
            times = _THOUSANDS.get(digits[-1], 1)
            amount = Decimal(digits.rstrip("km")) * times
            return Constant("money", amount, text, column, unit)
        case "number":
            return Constant("number", Decimal(text), text, column)
        case "percent":
            return Constant("percent", Decimal(text[:-1]) / 100, text, column)
        case "duration":
            return Constant("duration", Decimal(days_of(text)), text, column)
        case "string":
            return Constant("string", text[1:-1], text, column)
    try:
        return Constant("date", dt.date.fromisoformat(text), text, column)
    except ValueError:
        raise ExpressionError(f"{text} is not a date that exists", column) from None


def _past(text: str, duration: str, column: int) -> Past:
    measure, _, method = text.rpartition(".")
    if not measure or method not in METHODS:
        hint = suggestion(method, METHODS) or f"; there are {', '.join(METHODS)}"
        example = "write a measure and what is asked of it, such as health.drop(14d)"
        raise ExpressionError(f"{text} asks nothing of a measure: {example}{hint}", column)
    days = days_of(duration)
    if not 1 <= days <= MAX_PAST_DAYS:
        raise ExpressionError(f"{duration} is not 1 to {MAX_PAST_DAYS} days", column)
    return Past(measure, method, days, column)


def days_of(duration: str) -> int:
    """``90d`` or ``12w`` in days."""
    return int(duration[:-1]) * (7 if duration[-1] == "w" else 1)


def _column(tree: Any) -> int:
    token = next(tree.scan_values(lambda _: True))
    return int(token.start_pos) + 1
