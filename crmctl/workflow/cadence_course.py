"""Cadences as courses of steps, which the engine walks like those of any workflow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from crmctl.workflow import actions_cadence, cadence_gate, steps
from crmctl.workflow.actions import Action
from crmctl.workflow.cadence import PREFIX, Cadence
from crmctl.workflow.definition import Workflow
from crmctl.workflow.occasion import Done
from crmctl.workspace import files

if TYPE_CHECKING:
    from crmctl.model.record import Account
    from crmctl.workflow.definition import Workflows
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.episodes import Episode
    from crmctl.workspace.workspace import Workspace

_TOUCH = Action("a task for one touch", actions_cadence.touch, actions_cadence.Turn)
_LISTEN = Action("waits for an answer", actions_cadence.listen, actions_cadence.Turn)


class Course(Workflow):
    """A cadence as a workflow that nothing starts but the action ``start_cadence`` and a person."""

    _cadence: Cadence = PrivateAttr()

    @property
    def cadence(self) -> Cadence:
        """The cadence."""
        return self._cadence

    @cached_property
    def course(self) -> tuple[steps.Step, ...]:
        """Touch, wait, touch, and in the end listen."""
        found: list[steps.Step] = []
        for number in range(1, len(self.cadence.touches) + 1):
            gap = self.cadence.gap(number)
            if gap and (number == 1 or number - 1 in self.cadence.before(number)):
                found.append(steps.Wait(f"wait_{number}", gap))
            turn = actions_cadence.Turn(cadence=self.cadence, number=number)
            found.append(steps.Do(f"touch_{number}", "touch", turn, _TOUCH))
        last = actions_cadence.Turn(cadence=self.cadence, number=len(self.cadence.touches))
        return (*found, steps.Do("listen", "listen", last, _LISTEN))

    def over(
        self,
        ws: Workspace,
        account: Account,
        episode: Episode,
        values: Mapping[str, object],
        changes: ChangeSet,
    ) -> Done | None:
        """Ends the cadence when the person answered, left, or may no longer be approached; open tasks are cancelled."""
        reason = cadence_gate.over(self.cadence, account, episode, values, ws.now)
        if not reason:
            return None

        def current(path: str) -> bytes | None:
            return changes.current(path, files.read(ws.root, path))

        writes = actions_cadence.cancelled(ws, account, episode, reason, current)
        ended = actions_cadence.ended(episode, reason, ws.today)
        return Done(reason, writes=tuple(writes), episodes=(ended,))


def course_of(cadence: Cadence) -> Course:
    """A cadence as a course."""
    found = Course.model_construct(owner=cadence.owner, description=cadence.description)
    found._cadence = cadence  # noqa: SLF001  its own, and not stated in any file
    return found


def courses(
    workflows: Workflows, chosen: Mapping[str, Workflow] | None = None
) -> dict[str, Workflow]:
    """All cadences by the names of their episodes; those that some workflows start, if ``chosen`` is given."""
    wanted = set(workflows.cadences) if chosen is None else _started(chosen)
    return {
        PREFIX + name: course_of(cadence)
        for name, cadence in workflows.cadences.items()
        if name in wanted
    }


def _started(workflows: Mapping[str, Workflow]) -> set[str]:
    return {
        step.parameters.cadence
        for workflow in workflows.values()
        for step in steps.every(workflow.course)
        if isinstance(step, steps.Do) and isinstance(step.parameters, actions_cadence.StartCadence)
    }
