"""Expressions are turned into functions: they mean what the nodes say, as a plain reading of the nodes has it."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crmctl.workflow.expression import Expression
from crmctl.workflow.syntax import Call, Compare, Constant, Inverse, Junction, Name, Node, Past

TODAY = dt.date(2026, 3, 31)
ORDER = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
NAMES = ("a", "b", "currency")


def truth(node: Node, values: Mapping[str, Any]) -> bool | None:
    """Whether a node is true, read from the top each time."""
    if isinstance(node, Junction):
        parts = [truth(part, values) for part in node.parts]
        if (not node.every) in parts:
            return not node.every
        return None if None in parts else node.every
    if isinstance(node, Inverse):
        inner = truth(node.inner, values)
        return None if inner is None else not inner
    if isinstance(node, Compare):
        units = {c.unit for c in (node.left, node.right) if isinstance(c, Constant) and c.unit}
        if units and units != {values.get("currency")}:
            return None
        return compared(node.operator, value(node.left, values), value(node.right, values))
    found = value(node, values)
    return found if isinstance(found, bool) else None


def value(node: Node, values: Mapping[str, Any]) -> Any:
    """What an operand stands for."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, (Name, Past)):
        return plain(values.get(node.name))
    assert isinstance(node, Call)
    found = plain(values.get(node.argument.name))
    if node.function == "known":
        return found is not None and found != []
    if node.function == "count":
        return len(found) if isinstance(found, list) else None
    if not isinstance(found, dt.date):
        return None
    return (TODAY - found).days if node.function == "days_since" else (found - TODAY).days


def plain(found: Any) -> Any:
    """A value as it is compared."""
    if isinstance(found, dt.datetime):
        return found.date()
    if isinstance(found, (float, Decimal)) and not math.isfinite(found):
        return None
    return list(found) if isinstance(found, tuple) else found


def compared(sign: str, left: Any, right: Any) -> bool | None:
    """Whether a comparison of two values holds."""
    if left is None or right is None:
        return None
    if sign == "within":
        dated = isinstance(left, dt.date) and is_number(right)
        return 0 <= (left - TODAY).days <= right if dated else None
    if sign == "contains":
        if not isinstance(right, str) or not isinstance(left, (str, list)):
            return None
        if isinstance(left, str):
            return right.casefold() in left.casefold()
        return right.casefold() in [str(item).casefold() for item in left]
    if isinstance(left, bool) and isinstance(right, str):
        meant = {"true": True, "false": False}.get(right.lower())
        return None if meant is None else ORDER[sign](left, meant)
    if isinstance(left, str) and isinstance(right, str):
        return bool(ORDER[sign](left.casefold(), right.casefold()))
    dates = isinstance(left, dt.date) and isinstance(right, dt.date)
    return ORDER[sign](left, right) if dates or (is_number(left) and is_number(right)) else None


def is_number(found: Any) -> bool:
    return isinstance(found, (int, float, Decimal)) and not isinstance(found, bool)


DATES = st.dates(dt.date(2026, 1, 1), dt.date(2026, 6, 30))
DECIMALS = st.decimals(-100, 100, places=2)
FOUND = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-100, 100),
    st.floats(-100, 100),
    st.sampled_from([math.nan, math.inf, Decimal("NaN"), "true", "Straße", "STRASSE", "EUR", ()]),
    DECIMALS,
    DATES,
    DATES.map(lambda day: dt.datetime(day.year, day.month, day.day, 9, tzinfo=dt.UTC)),
    st.lists(st.sampled_from(["Globex", "globex", "EUR", "true"]), max_size=2),
    st.sampled_from(["Globex", "globex"]).map(lambda word: (word,)),
)
VALUES = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, FOUND))
CONSTANTS = st.one_of(
    DECIMALS.map(lambda number: Constant("number", number, str(number), 1)),
    DECIMALS.map(lambda number: Constant("money", number, str(number), 1, "EUR")),
    DATES.map(lambda day: Constant("date", day, str(day), 1)),
    st.sampled_from(["true", "False", "strasse", "Globex", "glob"]).map(
        lambda word: Constant("word", word, word, 1)
    ),
)
NAMED = st.sampled_from(NAMES).map(lambda name: Name(name, 1))
CALLS = st.builds(
    Call, st.sampled_from(["known", "count", "days_since", "days_until"]), NAMED, st.just(1)
)
OPERANDS = st.one_of(NAMED, CALLS, CONSTANTS)
COMPARED = st.builds(
    Compare, OPERANDS, st.sampled_from([*ORDER, "within", "contains"]), OPERANDS, st.just(1)
)
NODES = st.recursive(
    st.one_of(COMPARED, NAMED, CALLS),
    lambda inner: st.one_of(
        inner.map(Inverse),
        st.builds(Junction, st.booleans(), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(NODES, VALUES)
def test_the_functions_mean_what_the_nodes_say(node: Node, values: dict[str, Any]) -> None:
    assert Expression("", node).holds(values, TODAY) is truth(node, values)


def test_two_of_the_same_text_are_equal_and_one_can_be_a_key() -> None:
    node = Compare(Name("a", 1), "<", Constant("number", Decimal(1), "1", 5), 1)
    assert Expression("a < 1", node) == Expression("a < 1", node)
    assert len({Expression("a < 1", node), Expression("a < 1", node)}) == 1
