"""Actions that take parameters and change records: a task, a field, a stage, a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from crmctl.model.errors import CrmError
from crmctl.model.fields import Field as RecordField
from crmctl.model.lifecycle import ALL_STEPS, STAGES, STEPS
from crmctl.model.schema import FIELDS
from crmctl.model.text import one_line
from crmctl.workflow.durations import Days
from crmctl.workflow.occasion import Done, Occasion, document, due, made_id, task
from crmctl.workflow.owners import LEAST_LOADED, MANAGER, ROLES
from crmctl.workflow.wording import Wording, worded
from crmctl.workspace import authoring, paths, splice
from crmctl.workspace.changes import FileChange
from crmctl.workspace.source_settings import Strict

Priority = Annotated[str, Field(pattern="^(high|normal|low)$")]
_FIXED = frozenset({"name", "stage", "step", "stage_since", "stage_history", "aliases", "domains"})
"""Fields that have a way of their own to change, or that identify an account."""


class CreateTask(Strict):
    """Of ``create_task``."""

    title: Wording
    due: Days = 3
    priority: Priority = "normal"
    owner: Annotated[str, Field(description=f"an id of the team, or {', '.join(ROLES)}")] = ""
    checklist: Annotated[list[Wording], Field(default_factory=list, max_length=20)]
    step: str = ""

    @field_validator("step")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and value not in ALL_STEPS:
            raise ValueError(f"is no step of the lifecycle; there are {', '.join(ALL_STEPS)}")
        return value


def create_task(occasion: Occasion) -> Done:
    """A task as the workflow words it, for its owner; a contact that opened the episode is named in it."""
    told: CreateTask = occasion.parameters
    subject = occasion.subject
    work = task(
        occasion,
        worded(told.title, occasion),
        days=told.due,
        steps=[worded(line, occasion) for line in told.checklist],
        contacts=[subject.id] if subject is not None and subject.kind == "contact" else [],
        priority=told.priority,
        step=told.step or None,
        owner=person(occasion, told.owner) if told.owner else None,
    )
    return Done(due(work), work.path, (work,))


def person(occasion: Occasion, wanted: str) -> str:
    """The team id that a name or a role of `crmctl.workflow.owners` stands for; "" for nobody."""
    config = occasion.ws.config
    if wanted == MANAGER:
        owner = config.member(occasion.owner) if occasion.owner else None
        return occasion.member_id((owner.manager if owner else "") or config.default_owner)
    if wanted == LEAST_LOADED:
        return occasion.candidate
    return occasion.assignee if wanted in ROLES else occasion.member_id(wanted)


class SetField(Strict):
    """Of ``set_field``."""

    field: str
    value: str | int | float | bool | dt.date | list[str] | None
    overwrite: Annotated[bool, Field(description="also over a value that a person stated")] = False

    @model_validator(mode="after")
    def _sound(self) -> Self:
        field = _field(self.field)
        if self.value is not None:
            try:
                field.check(self.value)
            except ValueError as error:
                raise ValueError(f"{self.field}: {error}") from None
        return self


def _field(name: str) -> RecordField:
    known = FIELDS["account"].get(name)
    if known is None or known.kind == "map" or name in _FIXED:
        way = "use move_stage" if name in ("stage", "step") else "see docs/fields.md"
        raise ValueError(f"{one_line(name, 60)} is no field that an action may set; {way}")
    return known


def set_field(occasion: Occasion) -> Done:
    """A value of the profile, stated as the team's own; a person's other value stays unless ``overwrite``."""
    told: SetField = occasion.parameters
    profile = occasion.account.profile
    value = None if told.value is None else _field(told.field).check(told.value)
    held = profile.own.get(told.field)
    if held == value:
        return Done(f"{told.field} is {_said(value)} already", profile.path)
    if held is not None and not told.overwrite:
        return Done(f"{told.field} stays {_said(held)}, which a person stated", profile.path)
    edit: splice.Change = (
        splice.Unset((told.field,)) if value is None else splice.Set((told.field,), value)
    )
    return Done(f"{told.field} is {_said(value)}", profile.path, (_edited(occasion, [edit]),))


def _said(value: object) -> str:
    if isinstance(value, list):
        return "/".join(one_line(str(item), 40) for item in value)
    return "not stated" if value is None else one_line(str(value), 80)


def changes_field(parameters: SetField) -> Mapping[str, object]:
    """What `set_field` may change."""
    return {parameters.field: "" if parameters.value is None else parameters.value}


class MoveStage(Strict):
    """Of ``move_stage``."""

    stage: str
    step: str = ""
    tasks: Annotated[bool, Field(description="lay out the stage's tasks too")] = True

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.stage not in STAGES:
            raise ValueError(f"{one_line(self.stage)} is no stage; there are {', '.join(STAGES)}")
        if self.step and self.step not in STEPS[self.stage]:
            steps = ", ".join(STEPS[self.stage])
            raise ValueError(f"{one_line(self.step)} is no step of {self.stage}; there are {steps}")
        return self


def move_stage(occasion: Occasion) -> Done:
    """Moves the account to a stage and step, as `crmctl stage` does: history kept, the stage's tasks laid out."""
    told: MoveStage = occasion.parameters
    profile = occasion.account.profile
    edits = authoring.stage_move(
        profile, told.stage, told.step or None, occasion.today, occasion.episode.because
    )
    named = f"{told.stage} {told.step}".strip().replace("_", " ")
    writes = [_edited(occasion, edits)] if edits else []
    if told.tasks and (edits or occasion.made("tasks", _task_id(occasion, 0))):
        writes += _stage_tasks(occasion, told.stage)
    if not writes:
        return Done(f"is in {named} already", profile.path)
    return Done(f"moved to {named}", profile.path, tuple(writes))


def _task_id(occasion: Occasion, number: int) -> str:
    action = f"{occasion.action}/{number}"
    return made_id(occasion.account.slug, occasion.name, occasion.episode.key, action)


def _stage_tasks(occasion: Occasion, stage: str) -> list[FileChange]:
    """The tasks of ``templates/tasks.yaml`` for a stage; those a killed run made are taken as they are."""
    writes = []
    for number, item in enumerate(authoring.stage_tasks(occasion.ws, stage)):
        id = _task_id(occasion, number)
        made = occasion.made("tasks", id)
        if made is not None:
            writes.append(made)
            continue
        day = occasion.today + dt.timedelta(days=item["days"])
        name = paths.slug(item["title"], fallback="task", limit=40)
        path = paths.task(occasion.account.slug, day, name, id)
        values = {
            "title": item["title"],
            "owner": occasion.assignee or None,
            "due": day,
            "status": "open",
            "step": item.get("step"),
            "workflow": occasion.name,
            "episode": occasion.episode.key,
            "reason": occasion.episode.because,
        }
        raw = authoring.draft(occasion.ws, path, values, body=item.get("notes", ""))
        writes.append(FileChange(path, None, raw, f"{occasion.name}: {occasion.action}"))
    return writes


def moves_to(parameters: MoveStage) -> Mapping[str, object]:
    """What `move_stage` may change."""
    step = parameters.step or STEPS[parameters.stage][0]
    return {"stage": parameters.stage, "step": step, "stage_since": ""}


class Render(Strict):
    """Of ``render``."""

    template: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]


def render(occasion: Occasion) -> Done:
    """A document from one of the team's templates, in ``plans/``."""
    told: Render = occasion.parameters
    made = document(occasion, told.template, _days_ahead(occasion))
    return Done(told.template.replace("-", " "), made.path, (made,))


def _days_ahead(occasion: Occasion) -> dict[str, Any]:
    """Dates that plans are full of."""
    return {
        "soon": occasion.due(3),
        "in_a_week": occasion.due(7),
        "in_two_weeks": occasion.due(14),
        "in_a_month": occasion.due(30),
        "in_a_quarter": occasion.due(90),
    }


def _edited(occasion: Occasion, edits: list[splice.Change]) -> FileChange:
    path = occasion.account.profile.path
    old = occasion.current(path)
    if old is None:
        raise CrmError(f"{path}: there is no such file")
    new = splice.edit(old, edits, path=path)
    return FileChange(path, old, new, f"{occasion.name}: {occasion.action}")
