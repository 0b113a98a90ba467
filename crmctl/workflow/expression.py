"""Trigger expressions such as ``health_score < 60 and stage == customer``: what they mean.

Logic is three-valued. A value nobody knows makes a comparison unknown, and unknown is neither true
nor false: ``not`` leaves it unknown, and nothing ever fires on it. See docs/workflows.md.

An expression is asked of every account on every run. So what its nodes mean is settled once, as functions
that call each other.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crmctl.workflow.syntax import (
    Call,
    Compare,
    Constant,
    Inverse,
    Junction,
    Name,
    Node,
    Operand,
    Past,
    read,
)

Truth = bool | None
Values = Mapping[str, object]
_Asked = Callable[[Values, dt.date], Truth]
_Read = Callable[[Values, dt.date], object]
_Test = Callable[[Any, dt.date], Truth]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMBERS = frozenset((int, float, Decimal))
_AS_THEY_ARE = frozenset((str, int, bool, list, dt.date))
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and the text it came from."""

    text: str
    root: Node
    # Whether it is true for these values on this day; None when too little is known to tell.
    holds: _Asked = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", _truth(self.root))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and values it looks at, in the order in which they appear."""
        found = (n.argument.name if isinstance(n, Call) else n.name for n in _names(self.root))
        return tuple(dict.fromkeys(found))


def parse(text: str) -> Expression:
    """An expression from its text; `ExpressionError` says what is wrong with it."""
    return Expression(text, read(text))


def _names(node: Node) -> Iterator[Name | Call | Past]:
    match node:
        case Name() | Call() | Past():
            yield node
        case Compare():
            yield from (side for side in (node.left, node.right) if not isinstance(side, Constant))
        case Inverse():
            yield from _names(node.inner)
        case Junction():
            for part in node.parts:
                yield from _names(part)


def _truth(node: Node) -> _Asked:
    match node:
        case Compare():
            return _comparison(node)
        case Inverse():
            return _inverse(_truth(node.inner))
        case Junction():
            return _joined(tuple(map(_truth, node.parts)), settled=not node.every)
    read_value = _value(node)

    def told(values: Values, today: dt.date) -> Truth:
        value = read_value(values, today)
        return value if isinstance(value, bool) else None

    return told


def _inverse(inner: _Asked) -> _Asked:
    def inverse(values: Values, today: dt.date) -> Truth:
        truth = inner(values, today)
        return None if truth is None else not truth

    return inverse


def _joined(parts: tuple[_Asked, ...], *, settled: bool) -> _Asked:
    """Kleene's logic: one false settles an ``and``, one true an ``or``, else one unknown unsettles it."""
    otherwise = not settled

    def joined(values: Values, today: dt.date) -> Truth:
        result: Truth = otherwise
        for part in parts:
            truth = part(values, today)
            if truth is settled:
                return settled
            if truth is None:
                result = None
        return result

    return joined


def _value(operand: Operand) -> _Read:
    if isinstance(operand, Constant):
        constant = operand.value
        return lambda _values, _today: constant
    if isinstance(operand, (Name, Past)):
        name = operand.name
        return lambda values, _today: _plain(values.get(name))
    return _called(operand.function, operand.argument.name)


def _called(function: str, name: str) -> _Read:
    def called(values: Values, today: dt.date) -> object:
        value = _plain(values.get(name))
        match function:
            case "known":
                return value is not None and value != []
            case "count":
                return len(value) if isinstance(value, list) else None
            case "days_since":
                return (today - value).days if isinstance(value, dt.date) else None
            case "days_until":
                return (value - today).days if isinstance(value, dt.date) else None
        return None

    return called


def _comparison(node: Compare) -> _Asked:
    left, sign = _value(node.left), node.operator
    if isinstance(node.right, Constant):
        compared = _tested(node.left, _against(sign, node.right.value))
    else:
        right = _value(node.right)

        def compared(values: Values, today: dt.date) -> Truth:
            value, other = left(values, today), right(values, today)
            return None if value is None or other is None else _against(sign, other)(value, today)

    units = {side.unit for side in (node.left, node.right) if isinstance(side, Constant)} - {""}
    return _in_currency(units, compared) if units else compared


def _tested(left: Operand, test: _Test) -> _Asked:
    """Nearly every comparison is of a name with something written out: that goes the shortest way."""
    if not isinstance(left, (Name, Past)):
        read_value = _value(left)

        def tested(values: Values, today: dt.date) -> Truth:
            value = read_value(values, today)
            return None if value is None else test(value, today)

        return tested
    name = left.name

    def compared(values: Values, today: dt.date) -> Truth:
        value = values.get(name)
        if value is None:
            return None
        if type(value) not in _AS_THEY_ARE:
            value = _plain(value)
            if value is None:
                return None
        return test(value, today)

    return compared


def _in_currency(units: set[str], compared: _Asked) -> _Asked:
    """An amount that names its currency is compared only with amounts in it: no amount is ever converted."""

    def same(values: Values, today: dt.date) -> Truth:
        return compared(values, today) if units == {values.get("currency")} else None

    return same


def _plain(value: object) -> object:
    """A value in the form that is compared; None for what is no number after all."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def _against(sign: str, right: object) -> _Test:
    """The comparison of a value with this one; None where the two are of different kinds."""
    if sign == "within":
        return _within(right)
    if sign == "contains":
        return _contains(right)
    order = _ORDER[sign]
    if isinstance(right, str):
        return _words(order, right)
    if _is_number(right):
        return _numbers(order, right)
    if isinstance(right, dt.date):
        return lambda value, _: order(value, right) if isinstance(value, dt.date) else None
    return _unknown


def _unknown(_value: object, _today: dt.date) -> Truth:
    return None


def _within(right: Any) -> _Test:
    if not _is_number(right):
        return _unknown
    return lambda value, today: (
        0 <= (value - today).days <= right if isinstance(value, dt.date) else None
    )


def _contains(right: object) -> _Test:
    if not isinstance(right, str):
        return _unknown
    wanted = right.casefold()

    def contains(value: object, _today: dt.date) -> Truth:
        if isinstance(value, list):
            return any(str(item).casefold() == wanted for item in value)
        return wanted in value.casefold() if isinstance(value, str) else None

    return contains


def _words(order: Callable[[Any, Any], bool], right: str) -> _Test:
    folded = right.casefold()
    truth = _WORDS.get(right.lower())

    def words(value: object, _today: dt.date) -> Truth:
        if isinstance(value, str):
            return order(value.casefold(), folded)
        return order(value, truth) if isinstance(value, bool) and truth is not None else None

    return words


def _numbers(order: Callable[[Any, Any], bool], right: Any) -> _Test:
    # A whole number says the same as an int, and is compared faster.
    number = int(right) if right == int(right) else right
    return lambda value, _: order(value, number) if type(value) in _NUMBERS else None


def _is_number(value: object) -> bool:
    return type(value) in _NUMBERS
