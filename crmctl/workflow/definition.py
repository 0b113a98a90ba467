"""``workflows.yaml``: what starts each workflow and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from crmctl.model.errors import Problem
from crmctl.workflow.actions import ACTIONS
from crmctl.workflow.expression import Expression, parse
from crmctl.workflow.syntax import ExpressionError, suggestion
from crmctl.workflow.triggers import EVENTS
from crmctl.workflow.vocabulary import check
from crmctl.workspace import files, yamlio
from crmctl.workspace.config import Config, load_model
from crmctl.workspace.source_settings import Strict

WORKFLOWS = "workflows.yaml"
ROOT_KEY = "customer_workflows"
MAX_WORKFLOWS = 200
MAX_ACTIONS = 20

WorkflowName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


class Workflow(Strict):
    """One workflow: a trigger, and what to do when it fires, in this order."""

    trigger: Annotated[str, Field(description="an event such as contact_created, or a condition")]
    actions: Annotated[
        list[str], Field(min_length=1, max_length=MAX_ACTIONS, description="what to do")
    ]
    description: Annotated[str, Field(max_length=2000, description="what it is for")] = ""
    enabled: Annotated[bool, Field(description="false switches it off")] = True
    owner: Annotated[
        str, Field(description="who gets its tasks, instead of the account's owner")
    ] = ""
    due_in_days: Annotated[
        int | None,
        Field(ge=0, le=365, description="when its tasks are due, instead of each action's own"),
    ] = None

    @field_validator("trigger")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value not in EVENTS:
            try:
                check(parse(value))
            except ExpressionError as error:
                hint = suggestion(value, EVENTS) if value.isidentifier() else ""
                raise ValueError(f"{error}{hint}") from None
        return value

    @field_validator("actions")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for action in value:
            if action not in ACTIONS:
                hint = suggestion(action, ACTIONS) or f"; there are {', '.join(ACTIONS)}"
                raise ValueError(f"there is no action {action[:60]}{hint}")
        if len(set(value)) != len(value):
            raise ValueError("an action is listed twice")
        return value

    @property
    def condition(self) -> Expression | None:
        """The trigger as an expression; None when it is an event."""
        return None if self.trigger in EVENTS else parse(self.trigger)


class Workflows(Strict):
    """The whole of ``workflows.yaml``."""

    customer_workflows: Annotated[
        dict[WorkflowName, Workflow],
        Field(default_factory=dict, max_length=MAX_WORKFLOWS, description="workflows by name"),
    ]


def load_workflows(root: Path) -> Workflows:
    """The workspace's workflows; `ConfigError` lists everything that is wrong, each with its line."""
    return load_model(root, WORKFLOWS, Workflows)


def lint(root: Path, config: Config) -> list[Problem]:
    """What is valid in ``workflows.yaml`` but surely not meant; `ConfigError` if it is not valid."""
    workflows = load_workflows(root).customer_workflows
    text = (files.read(root, WORKFLOWS) or b"").decode("utf-8-sig")
    found = []
    for name, workflow in workflows.items():
        for field, message in _doubts(workflow, config):
            line = yamlio.line_of(text, (ROOT_KEY, name, field))
            where = f"{ROOT_KEY}.{name}.{field}"
            found.append(Problem(WORKFLOWS, line, where, message, "workflow", "warning"))
    return found


def _doubts(workflow: Workflow, config: Config) -> list[tuple[str, str]]:
    doubts = []
    if (condition := workflow.condition) is not None:
        doubts += [("trigger", warning) for warning in check(condition)]
    if workflow.owner and config.member(workflow.owner) is None:
        doubts.append(("owner", f"{workflow.owner} is nobody in the team of crmctl.yaml"))
    return doubts


def schema() -> dict[str, Any]:
    """JSON Schema of ``workflows.yaml``."""
    return Workflows.model_json_schema()
