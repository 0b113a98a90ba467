"""`crmctl workflow lint`: everything wrong or doubtful in ``workflows.yaml``, each with line and column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from crmctl.model.errors import Problem
from crmctl.workflow import definition, doubts
from crmctl.workflow.channels.machine import target_system
from crmctl.workspace import files, yamlio
from crmctl.workspace.config import examine

if TYPE_CHECKING:
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.workspace import Workspace

_IN_EXPRESSION = re.compile(r"(?:^|: )column (\d+): ")
_QUOTES = ("'", '"')


class Finding(NamedTuple):
    """A problem and its column in the file, from 1; 0 where it is not known."""

    problem: Problem
    column: int


def lint(ws: Workspace, machine: Machine) -> tuple[list[Finding], list[str]]:
    """Findings by line, and notes: what is right in the file but does not work on this machine."""
    raw = files.read(ws.root, definition.WORKFLOWS)
    if raw is None:
        return [], [f"{definition.WORKFLOWS}: there is no such file, so no workflow runs"]
    found, problems = examine(raw, definition.WORKFLOWS, definition.Workflows)
    notes: list[str] = []
    if found is not None:
        problems = definition.lint(ws.root, ws.config)
        for name, workflow in found.customer_workflows.items():
            notes += [
                f"{name}: this machine knows no target {target}; "
                f"`crmctl auth {target_system(target)}` sets it up"
                for target in doubts.targets(workflow)
                if not machine.has(target_system(target))
            ]
    places = _Places(raw)
    findings = [Finding(problem, places.column(problem)) for problem in problems]
    return sorted(findings, key=lambda f: (f.problem.line, f.column, f.problem.message)), notes


class _Places:
    """Where things stand in the file."""

    def __init__(self, raw: bytes) -> None:
        self.text = raw.decode("utf-8-sig", "replace")
        self.root = yamlio.Lines(self.text).root

    def column(self, problem: Problem) -> int:
        """The column of a problem: within a condition, that of the word; else where the value or its key begins."""
        node, key = self.root, None
        for step in problem.field.split(".") if problem.field else ():
            below = _below(node, step)
            if below is None:
                break
            key, node = below
        if node is None or node is self.root:
            return 0
        value = self._column(node.start)
        inside = _IN_EXPRESSION.search(problem.message)
        plain = isinstance(node, yamlio.Scalar) and "\n" not in self.text[node.start : node.end]
        if inside and plain and isinstance(node, yamlio.Scalar):
            return value + int(inside[1]) - 1 + (node.style in _QUOTES)
        start = node.start if key is None else key.start
        if self._line(start) != problem.line:
            start = node.start
        return self._column(start) if self._line(start) == problem.line else 0

    def _line(self, offset: int) -> int:
        return 1 + self.text.count("\n", 0, offset)

    def _column(self, offset: int) -> int:
        return offset - self.text.rfind("\n", 0, offset)


def _below(node: yamlio.Node | None, step: str) -> tuple[yamlio.Scalar | None, yamlio.Node] | None:
    """The key and the node that a step leads to; None where it leads nowhere."""
    if isinstance(node, yamlio.Pairs):
        return next(((key, value) for key, value in node.items if key.value == step), None)
    if isinstance(node, yamlio.Items) and step.isdigit() and int(step) < len(node.items):
        return None, node.items[int(step)]
    return None
