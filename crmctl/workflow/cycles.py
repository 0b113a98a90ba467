"""Workflows that would start each other for ever, found before anything runs.

Each action says what it may change (`crmctl.workflow.actions.Action.effects`). A workflow follows another when what the
other does is its event, or could make its condition true. Round a circle of such steps nothing would ever come to rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crmctl.workflow import steps
from crmctl.workflow.actions import ANYTHING
from crmctl.workflow.expression import Expression
from crmctl.workflow.syntax import Call, Compare, Constant, Inverse, Junction, Name, Node
from crmctl.workflow.triggers import Appearance, Change, DealChange

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow


def cycles(workflows: Mapping[str, Workflow]) -> list[tuple[str, ...]]:
    """Every shortest circle, each once, by the names of its workflows in the order in which they would start.

    A condition that an action of its own workflow leaves true is no circle: its episode goes on, and does nothing new.
    """
    on = {name: each for name, each in workflows.items() if each.enabled}
    effects = {name: _effects(each) for name, each in on.items()}
    after = {
        name: [
            other
            for other, each in on.items()
            if _starts(each, effects[name]) and not (other == name and each.is_state)
        ]
        for name in on
    }
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for name in on:
        for path in _round(name, after):
            found.setdefault(frozenset(path), path)
    return list(found.values())


def _round(start: str, after: Mapping[str, list[str]]) -> Iterator[tuple[str, ...]]:
    """The shortest way from a workflow back to itself, if there is one."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while paths:
        longer: list[tuple[str, ...]] = []
        for path in paths:
            for following in after[path[-1]]:
                if following == start:
                    yield path
                    return
                if following not in seen:
                    seen.add(following)
                    longer.append((*path, following))
        paths = longer


def _effects(workflow: Workflow) -> dict[str, set[object]]:
    """The values that a workflow may give to each name, `ANYTHING` for those that cannot be told."""
    found: dict[str, set[object]] = {}
    for step in steps.every(workflow.course):
        if isinstance(step, steps.Do):
            for name, value in step.does.effects(step.parameters).items():
                found.setdefault(name, set()).add(value)
    return found


def _starts(workflow: Workflow, effects: Mapping[str, set[object]]) -> bool:
    """Whether such effects may start a workflow. A schedule is started by time alone."""
    if workflow.schedule:
        return False
    match workflow.start:
        case Appearance(event, _):
            happens = event in effects
        case Change(_, field):
            happens = field in effects
        case DealChange(_, field, value):
            values = effects.get(f"deal.{field}", set())
            happens = bool(values) and (not value or bool({value, ANYTHING} & values))
        case Expression() as condition:
            return any(name in effects for name in condition.names) and _may_hold(
                condition, effects
            )
        case _:
            return False
    return happens and (workflow.when_holds is None or _may_hold(workflow.when_holds, effects))


def _may_hold(condition: Expression, effects: Mapping[str, set[object]]) -> bool:
    return _possible(condition.root, effects) is not False


def _possible(node: Node, effects: Mapping[str, set[object]]) -> bool | None:
    """What a condition comes to when only what was just changed is known; None for either."""
    match node:
        case Inverse():
            inner = _possible(node.inner, effects)
            return None if inner is None else not inner
        case Junction():
            truths = [_possible(part, effects) for part in node.parts]
            settled = not node.every
            if settled in truths:
                return settled
            return None if None in truths else node.every
        case Call(function="known", argument=argument):
            return None if _value(argument, effects) is None else True
        case Compare(left=Name() as name, right=Constant() as constant) if node.operator in (
            "==",
            "!=",
        ):
            value = _value(name, effects)
            if value is None or value is ANYTHING:
                return None
            same = str(value).casefold() == str(constant.value).casefold()
            return same if node.operator == "==" else not same
    return None


def _value(name: Name, effects: Mapping[str, set[object]]) -> object:
    values = effects.get(name.name, set())
    return next(iter(values)) if len(values) == 1 else None
