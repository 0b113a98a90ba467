"""What is valid in ``workflows.yaml`` but cannot work: cadences, drafts and people that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError
from crmctl.workflow import steps
from crmctl.workflow.actions_cadence import StartCadence, StopCadence
from crmctl.workflow.owners import ROLES
from crmctl.workflow.syntax import suggestion
from crmctl.workspace import templates

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflows
    from crmctl.workspace.config import Config

Fault = tuple[tuple[str | int, ...], str]


def faults(root: Path, workflows: Workflows, config: Config) -> Iterator[Fault]:
    """Each fault with the keys of the place where it stands."""
    for name, workflow in workflows.customer_workflows.items():
        place: tuple[str | int, ...] = ("customer_workflows", name, "actions")
        for step in steps.every(workflow.course):
            if not isinstance(step, steps.Do):
                continue
            match step.parameters:
                case StartCadence(cadence=wanted) | StopCadence(cadence=wanted):
                    if wanted and wanted not in workflows.cadences:
                        hint = suggestion(wanted, workflows.cadences)
                        listed = ", ".join(workflows.cadences) or "none"
                        yield (
                            place,
                            f"there is no cadence {wanted}{hint or f'; there are: {listed}'}",
                        )
    for name, cadence in workflows.cadences.items():
        if cadence.owner and config.member(cadence.owner) is None:
            yield ("cadences", name, "owner"), f"{cadence.owner} is nobody in the team"
        for number, touch in enumerate(cadence.touches):
            place = ("cadences", name, "touches", number)
            if touch.template and not _is_there(root, touch.template):
                yield place, f"there is no templates/{touch.template}.md.j2"
            if touch.owner and touch.owner not in ROLES and config.member(touch.owner) is None:
                yield place, f"{touch.owner} is nobody in the team of crmctl.yaml"


def _is_there(root: Path, template: str) -> bool:
    try:
        templates.load(root, template)
    except ConfigError:
        return False
    return True
