"""A condition with its thresholds moved apart: what opened at 60 is over only at 65.

A score that swings about a threshold would open and close an episode every night. So an episode ends only when the
condition would be false even with each threshold moved by a margin towards the quiet side.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from crmctl.workflow.expression import Expression
from crmctl.workflow.syntax import Compare, Constant, Inverse, Junction, Node
from crmctl.workflow.vocabulary import kind_of

# By the kind of value, what one point of the margin is: a point of a score, a hundredth of a ratio.
_STEP = {"score": Decimal(1), "ratio": Decimal("0.01")}
_SIGN = {"<": 1, "<=": 1, ">": -1, ">=": -1}


def relaxed(condition: Expression, margin: float) -> Expression:
    """The condition that must become false before an episode of ``condition`` is over.

    Thresholds of scores move by ``margin`` points, those of ratios by as many percentage points; counts, days, dates
    and words stay as they are.
    """
    return Expression(condition.text, _node(condition.root, Decimal(str(margin)), 1))


def _node(node: Node, margin: Decimal, side: int) -> Node:
    match node:
        case Junction():
            return replace(node, parts=tuple(_node(part, margin, side) for part in node.parts))
        case Inverse():
            return Inverse(_node(node.inner, margin, -side))
        case Compare():
            return _compare(node, margin, side)
    return node


def _compare(node: Compare, margin: Decimal, side: int) -> Compare:
    left, right = node.left, node.right
    sign = _SIGN.get(node.operator, 0) * side
    if isinstance(right, Constant) and not isinstance(left, Constant):
        return replace(
            node, right=_moved(right, sign * margin * _STEP.get(kind_of(left), Decimal(0)))
        )
    if isinstance(left, Constant) and not isinstance(right, Constant):
        return replace(
            node, left=_moved(left, -sign * margin * _STEP.get(kind_of(right), Decimal(0)))
        )
    return node


def _moved(constant: Constant, by: Decimal) -> Constant:
    if not by or not isinstance(constant.value, Decimal):
        return constant
    return replace(constant, value=constant.value + by)
