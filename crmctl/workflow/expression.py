"""Trigger expressions such as ``health_score < 60 and stage == customer``: what they mean.

Logic is three-valued. A value nobody knows makes a comparison unknown, and unknown is neither true
nor false: ``not`` leaves it unknown, and nothing ever fires on it. See docs/workflows.md.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and the text it came from."""

    text: str
    root: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and values it looks at, in the order in which they appear."""
        found = (n.argument.name if isinstance(n, Call) else n.name for n in _names(self.root))
        return tuple(dict.fromkeys(found))

    def holds(self, values: Mapping[str, object], today: dt.date) -> Truth:
        """Whether it is true for these values; None when too little is known to tell."""
        return _truth(self.root, values, today)


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


def _truth(node: Node, values: Mapping[str, object], today: dt.date) -> Truth:
    match node:
        case Compare():
            if not _same_currency(node, values):
                return None
            left, right = _value(node.left, values, today), _value(node.right, values, today)
            return _compared(node.operator, left, right, today)
        case Inverse():
            inner = _truth(node.inner, values, today)
            return None if inner is None else not inner
        case Junction():
            return _joined(node, values, today)
    value = _value(node, values, today)
    return value if isinstance(value, bool) else None


def _joined(node: Junction, values: Mapping[str, object], today: dt.date) -> Truth:
    """Kleene's logic: one false settles an ``and``, one true an ``or``, else one unknown unsettles it."""
    settled = not node.every
    result: Truth = node.every
    for part in node.parts:
        truth = _truth(part, values, today)
        if truth is settled:
            return settled
        if truth is None:
            result = None
    return result


def _value(operand: Operand, values: Mapping[str, object], today: dt.date) -> object:
    if isinstance(operand, Constant):
        return operand.value
    if isinstance(operand, (Name, Past)):
        return _plain(values.get(operand.name))
    value = _plain(values.get(operand.argument.name))
    match operand.function:
        case "known":
            return value is not None and value != []
        case "count":
            return len(value) if isinstance(value, list) else None
        case "days_since":
            return (today - value).days if isinstance(value, dt.date) else None
        case "days_until":
            return (value - today).days if isinstance(value, dt.date) else None
    return None


def _same_currency(node: Compare, values: Mapping[str, object]) -> bool:
    """Whether an amount that names its currency may be compared: no amount is ever converted."""
    units = {side.unit for side in (node.left, node.right) if isinstance(side, Constant)} - {""}
    return not units or units == {values.get("currency")}


def _plain(value: object) -> object:
    """A value in the form that is compared; None for what is no number after all."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def _compared(sign: str, left: object, right: object, today: dt.date) -> Truth:
    if left is None or right is None:
        return None
    if sign == "within":
        if isinstance(left, dt.date) and _is_number(right):
            return 0 <= (left - today).days <= right  # type: ignore[operator]
        return None
    if sign == "contains":
        return _contains(left, right)
    if isinstance(left, bool) and isinstance(right, str):
        right = {"true": True, "false": False}.get(right.lower())
        return None if right is None else _ORDER[sign](left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ORDER[sign](left.casefold(), right.casefold())
    same = (_is_number(left) and _is_number(right)) or (
        isinstance(left, dt.date) and isinstance(right, dt.date)
    )
    return _ORDER[sign](left, right) if same else None


def _contains(left: object, right: object) -> Truth:
    if not isinstance(right, str):
        return None
    wanted = right.casefold()
    if isinstance(left, list):
        return any(str(item).casefold() == wanted for item in left)
    return wanted in left.casefold() if isinstance(left, str) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
