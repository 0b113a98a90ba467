"""The steps of a workflow: actions with their parameters, waits, and branches.

An entry of ``actions:`` is the name of an action, ``{action: {parameter: value}}``, ``{wait: 3d}``, or
``{if: condition, then: [...], else: [...]}``. Each step has a name of its own within the workflow, under which an
episode records what became of it: the action's, with a number from the second on, or the ``id`` that it states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from crmctl.model.text import one_line
from crmctl.workflow import durations
from crmctl.workflow.actions import ACTIONS, find
from crmctl.workflow.expression import Expression, parse
from crmctl.workflow.syntax import ExpressionError, suggestion
from crmctl.workflow.vocabulary import check

if TYPE_CHECKING:
    from crmctl.workflow.actions import Action
    from crmctl.workspace.source_settings import Strict

MAX_STEPS = 40
MAX_NESTING = 5
MAX_ID = 60


@dataclass(frozen=True, slots=True)
class Do:
    """An action with its parameters."""

    id: str
    action: str
    parameters: Strict
    does: Action


@dataclass(frozen=True, slots=True)
class Wait:
    """The steps after it begin so many days later, or earlier once ``until`` holds."""

    id: str
    days: int
    until: Expression | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """One of two ways, chosen once; while the condition is unknown the branch waits and the rest goes on."""

    id: str
    condition: Expression
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]


Step = Do | Wait | Branch


def every(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps in the order in which they are written, those of both ways of a branch included."""
    for step in steps:
        yield step
        if isinstance(step, Branch):
            yield from every(step.then)
            yield from every(step.otherwise)


def read(entries: Sequence[object]) -> tuple[Step, ...]:
    """The steps that a list in YAML describes; ValueError says what is wrong, and in which step."""
    reading = _Reading()
    steps = tuple(reading.entry(entry, 0) for entry in entries)
    if reading.count > MAX_STEPS:
        raise ValueError(f"has {reading.count} steps; {MAX_STEPS} is the most")
    return steps


def expression(text: object) -> Expression:
    """A checked condition; ValueError says what is wrong with it."""
    if not isinstance(text, str):
        raise ValueError("needs a condition in quotes")
    try:
        found = parse(text)
        check(found)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return found


class _Reading:
    """Names the steps of one workflow while they are read."""

    def __init__(self) -> None:
        self.count = 0
        self._taken: set[str] = set()

    def entry(self, entry: object, depth: int) -> Step:
        if depth > MAX_NESTING:
            raise ValueError(f"is nested deeper than {MAX_NESTING} levels")
        self.count += 1
        if isinstance(entry, str):
            return self._do(entry, {}, "")
        if not isinstance(entry, Mapping):
            raise ValueError("is neither the name of an action nor a map")
        data = {str(key): value for key, value in entry.items()}
        id = data.pop("id", "")
        if not isinstance(id, str) or (id and not id.replace("_", "").isalnum()):
            raise ValueError("id: letters, digits and underscores only")
        if "if" in data:
            return self._branch(data, id, depth)
        if len(data) != 1:
            listed = ", ".join(one_line(key, 40) for key in data) or "nothing"
            raise ValueError(f"names {listed}; write one action a step")
        ((name, given),) = data.items()
        if name == "wait":
            return self._wait(given, id)
        return self._do(name, {} if given is None else given, id)

    def _do(self, name: str, given: object, id: str) -> Do:
        action = find(name)
        if action is None:
            hint = suggestion(name, [*ACTIONS, "wait"]) or f"; there are {', '.join(ACTIONS)}"
            raise ValueError(f"there is no action {one_line(name, 60)}{hint}")
        if not isinstance(given, Mapping):
            raise ValueError(f"{name}: needs a map of parameters")
        try:
            parameters = action.parameters.model_validate(dict(given))
        except ValidationError as error:
            raise ValueError(f"{name}: {_first(error, action.parameters)}") from None
        return Do(self._name(name, id), name, parameters, action)

    def _wait(self, given: object, id: str) -> Wait:
        until = None
        if isinstance(given, Mapping):
            unknown = sorted(map(str, given.keys() - {"days", "until"}))
            if unknown or "days" not in given:
                raise ValueError('wait: needs days, such as {days: 14d, until: "condition"}')
            until = expression(given["until"]) if "until" in given else None
            given = given["days"]
        try:
            return Wait(self._name("wait", id), durations.days(given), until)
        except ValueError as error:
            raise ValueError(f"wait: {error}") from None

    def _branch(self, data: dict[str, Any], id: str, depth: int) -> Branch:
        unknown = sorted(data.keys() - {"if", "then", "else"})
        if unknown:
            raise ValueError(
                f"if: {', '.join(unknown)} does not belong here; there are then and else"
            )
        name = self._name("if", id)
        try:
            condition = expression(data["if"])
        except ValueError as error:
            raise ValueError(f"if: {error}") from None
        ways = []
        for way in ("then", "else"):
            entries = data.get(way) or []
            if not isinstance(entries, list):
                raise ValueError(f"{way}: needs a list of steps")
            ways.append(tuple(self.entry(entry, depth + 1) for entry in entries))
        if not any(ways):
            raise ValueError("if: needs then or else")
        return Branch(name, condition, *ways)

    def _name(self, kind: str, id: str) -> str:
        if id in self._taken:
            raise ValueError(f"id {id} is given to two steps")
        number, name = 1, id or kind
        while name in self._taken:
            number += 1
            name = f"{kind}_{number}"
        self._taken.add(name[:MAX_ID])
        return name[:MAX_ID]


def _first(error: ValidationError, model: type[Strict]) -> str:
    """The first problem of an action's parameters in one line."""
    detail = error.errors(include_url=False)[0]
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        allowed = [field.alias or name for name, field in model.model_fields.items()]
        hint = suggestion(where, allowed) or f"; there are {', '.join(allowed) or 'none'}"
        return f"there is no parameter {one_line(where, 60)}{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        message = "is missing"
    said = f"{message[:1].lower()}{message[1:]}"
    return f"{where}: {said}" if where else said
