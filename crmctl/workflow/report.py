"""Workflows as people look them over: the list of them, and everything about one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.model.text import one_line
from crmctl.workflow.alerts import every_episode
from crmctl.workflow.durations import said as days_said
from crmctl.workflow.steps import Branch, Do, Step, Wait, every

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workspace.episodes import Episode
    from crmctl.workspace.workspace import Workspace


def listed(ws: Workspace, workflows: Mapping[str, Workflow]) -> list[dict[str, Any]]:
    """One row a workflow: what starts it, whether it is on, how many episodes are open, when it last fired."""
    by_name: dict[str, list[Episode]] = {}
    found, _ = every_episode(ws)
    for _, episodes in found:
        for episode in episodes:
            if not episode.is_note:
                by_name.setdefault(episode.workflow, []).append(episode)
    return [_row(name, workflow, by_name.get(name, [])) for name, workflow in workflows.items()]


def _row(name: str, workflow: Workflow, episodes: Sequence[Episode]) -> dict[str, Any]:
    return {
        "workflow": name,
        "starts": starts(workflow),
        "enabled": workflow.enabled,
        "alert": workflow.alert or None,
        "open": sum(episode.closed is None for episode in episodes),
        "fired": len(episodes),
        "last": max((episode.opened for episode in episodes), default=None),
        "description": workflow.description or None,
    }


def starts(workflow: Workflow) -> str:
    """What starts it, in one line."""
    return "; ".join(filter(None, (workflow.schedule, workflow.trigger)))


def described(name: str, workflow: Workflow) -> dict[str, Any]:
    """Everything about one workflow, as plain data, with what the defaults make of it."""
    found: dict[str, Any] = {
        "workflow": name,
        "description": workflow.description or None,
        "enabled": workflow.enabled,
        "alert": workflow.alert or None,
        "trigger": workflow.trigger or None,
        "schedule": workflow.schedule or None,
        "when": workflow.when or None,
        "unless": workflow.unless or None,
        "urgent": workflow.urgent,
        "owner": _owner(workflow),
        "due_in_days": workflow.due_in_days,
        "per_run": workflow.limits.per_run,
        "reads": reads(workflow),
        "steps": list(tree(workflow.course)),
    }
    if workflow.is_state:
        rules = workflow.stability
        found["stability"] = {
            "for": days_said(rules.holds_for),
            "margin": rules.margin,
            "clear": workflow.clear or None,
            "clear_for": days_said(rules.clear_for),
            "dwell": days_said(rules.dwell),
            "cooldown": days_said(rules.cooldown),
            "on_clear": workflow.on_clear,
        }
    return found


def _owner(workflow: Workflow) -> list[str]:
    if isinstance(workflow.owner, str):
        return [workflow.owner] if workflow.owner else []
    return [
        f"{rule.to} if {rule.condition}" if rule.condition else rule.to for rule in workflow.owner
    ]


def reads(workflow: Workflow) -> list[str]:
    """The names that its conditions look at, those of waits and branches included."""
    conditions = list(workflow.conditions.values())
    for step in every(workflow.course):
        if isinstance(step, Branch):
            conditions.append(step.condition)
        elif isinstance(step, Wait) and step.until is not None:
            conditions.append(step.until)
    return sorted({name for condition in conditions for name in condition.names})


def tree(course: Sequence[Step], depth: int = 0) -> Iterator[str]:
    """The steps as lines, indented by two blanks a level."""
    start = "  " * depth
    for step in course:
        match step:
            case Do():
                told = step.parameters.model_dump(mode="json", exclude_unset=True, by_alias=True)
                more = ", ".join(f"{key}: {_told(value)}" for key, value in told.items())
                name = step.action if step.id == step.action else f"{step.action} (id {step.id})"
                yield f"{start}{name}{': ' if more else ''}{more}"
            case Wait():
                until = f", or until {step.until.text}" if step.until is not None else ""
                yield f"{start}wait {days_said(step.days)}{until}"
            case Branch():
                yield f"{start}if {step.condition.text}"
                yield from tree(step.then, depth + 1)
                if step.otherwise:
                    yield f"{start}else"
                    yield from tree(step.otherwise, depth + 1)


def _told(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(_told, value))
    return str(value).lower() if isinstance(value, bool) else one_line(str(value), 120)
