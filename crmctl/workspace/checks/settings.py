"""The team's own settings: crmctl.yaml, the task lists, the templates, and what higher rooms read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from crmctl.model.errors import ConfigError, CrmError, Problem
from crmctl.model.lifecycle import STAGES, STEPS
from crmctl.model.schema import FIELDS
from crmctl.workspace import files, paths, templates, yamlio
from crmctl.workspace.authoring import TASKS
from crmctl.workspace.calendar_rules import public_holidays
from crmctl.workspace.checks import conflicts, secrets, tree
from crmctl.workspace.checks.source import Context
from crmctl.workspace.config import CONFIG, Config, examine
from crmctl.workspace.source_settings import Strict

ENDING = ".md.j2"
_ANY_YEAR = 2026  # which regions are known does not depend on it


class StageTask(Strict):
    """One task that is laid out when an account enters a stage."""

    title: Annotated[str, Field(min_length=1, max_length=300, description="what is to be done")]
    days: Annotated[int, Field(ge=0, le=3650, description="due so many days later")]
    step: Annotated[str, Field(description="lifecycle step it belongs to")] = ""
    notes: Annotated[str, Field(description="the task's text")] = ""


class StageTasks(Strict):
    """The whole of ``templates/tasks.yaml``: what is to be done when an account enters a stage."""

    prospect: list[StageTask] = Field(default_factory=list, description="research and outreach")
    opportunity: list[StageTask] = Field(default_factory=list, description="the sale")
    customer: list[StageTask] = Field(default_factory=list, description="onboarding and success")
    churn_risk: list[StageTask] = Field(default_factory=list, description="winning them back")

    @field_validator(*STAGES)
    @classmethod
    def _steps(cls, value: list[StageTask], info: ValidationInfo) -> list[StageTask]:
        allowed = STEPS[info.field_name or ""]
        for task in value:
            if task.step and task.step not in allowed:
                raise ValueError(f"found the step {task.step}; allowed: {', '.join(allowed)}")
        return value


def load(root: Path) -> tuple[Config, list[Problem]]:
    """The configuration to check by, the default one if it is wrong, and what is wrong with it."""
    try:
        raw = files.read(root, CONFIG)
    except CrmError as error:
        return Config(), [Problem(CONFIG, 0, "", str(error), "file")]
    if raw is None:
        return Config(), [Problem(CONFIG, 0, "", "is missing; `crmctl init` writes one", "missing")]
    config, problems = examine(raw, CONFIG, Config)
    if config is None:
        return Config(), problems
    text = raw.decode("utf-8-sig")
    return config, [
        Problem(CONFIG, yamlio.line_of(text, key), ".".join(map(str, key)), message, "value")
        for key, message in _doubts(config)
    ]


def problems(context: Context) -> Iterator[Problem]:
    """What is wrong with every settings file but `CONFIG`, whose content `load` judges, and with the templates."""
    listed, found = tree.survey(context.root, templates.FOLDER)
    yield from found
    named = {f"{place}/{name}" for place, names in listed.items() for name in names}
    higher = {path for path in context.others if not path.startswith(f"{paths.ACCOUNTS}/")}
    for path in sorted({CONFIG} | higher | named):
        try:
            raw = files.read(context.root, path)
        except CrmError as error:
            yield Problem(path, 0, "", str(error), "file")
            continue
        if raw is not None:
            yield from _one(path, raw, context)


def _one(path: str, raw: bytes, context: Context) -> Iterator[Problem]:
    found = secrets.find(raw)
    yield from secrets.problems(path, found)
    torn = conflicts.problems(path, raw)
    yield from torn
    if torn:
        return
    hidden = [value for _, _, value in found]
    for problem in _content(path, raw, context):
        yield problem._replace(message=secrets.hide(problem.message, hidden))


def _content(path: str, raw: bytes, context: Context) -> list[Problem]:
    if path in context.others:
        return context.others[path](context.root, context.config, path, raw)
    if path == TASKS:
        return examine(raw, path, StageTasks)[1]
    if path.endswith(ENDING):
        fault = templates.fault(
            context.root, path.removeprefix(f"{templates.FOLDER}/").removesuffix(ENDING)
        )
        return [fault] if fault else []
    return []


def _doubts(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    ids = {member.id for member in config.team}
    allowed = f"allowed: a member of the team ({', '.join(sorted(ids)) or 'nobody yet'})"
    if config.default_owner and config.default_owner not in ids:
        yield ("default_owner",), f"found {config.default_owner}; {allowed}"
    for number, member in enumerate(config.team):
        if member.manager and member.manager not in ids:
            yield ("team", number, "manager"), f"found {member.manager}; {allowed}"
    for number, region in enumerate(config.calendar.holidays):
        if isinstance(region, str):
            try:
                public_holidays(region, _ANY_YEAR)
            except ConfigError as error:
                yield (
                    ("calendar", "holidays", number),
                    str(error).removeprefix(f"{CONFIG}: calendar.holidays: "),
                )
    for stage, names in config.upkeep.required.items():
        if stage not in STAGES:
            yield ("upkeep", "required", stage), f"found {stage}; allowed: {', '.join(STAGES)}"
        for name in names:
            if name not in FIELDS["account"]:
                yield (
                    ("upkeep", "required", stage),
                    f"found {name}, which is no field of an account",
                )
