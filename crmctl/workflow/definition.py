"""``workflows.yaml``: what starts each workflow and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from crmctl.model.errors import Problem
from crmctl.workflow import cadence_lint, steps, triggers
from crmctl.workflow import schedule as schedules
from crmctl.workflow.cadence import Cadence, CadenceName
from crmctl.workflow.cycles import cycles
from crmctl.workflow.doubts import doubts
from crmctl.workflow.durations import Days
from crmctl.workflow.expression import Expression
from crmctl.workflow.owners import OwnerRule
from crmctl.workflow.stability import Defaults, Margin, Stability
from crmctl.workspace import files, yamlio
from crmctl.workspace.config import Config, load_model
from crmctl.workspace.source_settings import Strict

if TYPE_CHECKING:
    from crmctl.model.record import Account
    from crmctl.workflow.occasion import Done
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.episodes import Episode
    from crmctl.workspace.workspace import Workspace

WORKFLOWS = "workflows.yaml"
ROOT_KEY = "customer_workflows"
MAX_WORKFLOWS = 200
# What an alert may be about.
ALERTS = ("health", "engagement", "competition", "expansion", "renewal")

WorkflowName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


def _condition(text: str) -> str:
    if text:
        steps.expression(text)
    return text


def _entry(entry: Any) -> Any:
    steps.read([entry])
    return entry


Condition = Annotated[str, AfterValidator(_condition)]
Entry = Annotated[Any, AfterValidator(_entry)]


class Limits(Strict):
    """How much a workflow may do."""

    per_run: Annotated[
        int | None,
        Field(ge=1, le=100_000, description="new episodes in one run; the next run goes on"),
    ] = None


class Workflow(Strict):
    """One workflow: what starts it, and what to do then, in this order."""

    trigger: Annotated[
        str, Field(description="an event such as contact_created, or a condition")
    ] = ""
    schedule: Annotated[str, Field(description=f"when it is due: {schedules.EXAMPLES}")] = ""
    actions: Annotated[list[Entry], Field(min_length=1, description="what to do, step by step")]
    description: Annotated[str, Field(max_length=2000, description="what it is for")] = ""
    enabled: Annotated[bool, Field(description="false switches it off")] = True
    when: Annotated[Condition, Field(description="must hold too, when it starts")] = ""
    unless: Annotated[Condition, Field(description="while this holds, it does not start")] = ""
    holds_for: Annotated[
        Days, Field(alias="for", description="the condition must hold for so long first")
    ] = 0
    clear: Annotated[
        Condition,
        Field(description="what ends an episode, instead of the condition and the margin"),
    ] = ""
    clear_for: Annotated[Days | None, Field(description="see defaults")] = None
    dwell: Annotated[Days | None, Field(description="see defaults")] = None
    cooldown: Annotated[Days | None, Field(description="see defaults")] = None
    margin: Annotated[Margin | None, Field(description="see defaults")] = None
    on_clear: Annotated[
        str,
        Field(
            pattern="^(stop|finish)$", description="whether the steps left are done when it is over"
        ),
    ] = "stop"
    urgent: Annotated[bool, Field(description="its messages do not wait for the digest")] = False
    alert: Annotated[
        str,
        Field(
            pattern=f"^({'|'.join(ALERTS)})?$",
            description="makes its episodes alerts of this kind, which `crmctl alerts` lists",
        ),
    ] = ""
    owner: Annotated[
        str | list[OwnerRule],
        Field(description="who gets its tasks, instead of the account's owner: an id, or rules"),
    ] = ""
    due_in_days: Annotated[
        int | None,
        Field(ge=0, le=365, description="when its tasks are due, instead of each action's own"),
    ] = None
    limits: Limits = Limits()
    _defaults: Defaults = PrivateAttr(default_factory=Defaults)

    @field_validator("trigger")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value:
            triggers.read(value)
        return value

    @field_validator("schedule")
    @classmethod
    def _regular(cls, value: str) -> str:
        if value:
            schedules.read(value)
        return value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        steps.read(self.actions)
        if not self.trigger and not self.schedule:
            raise ValueError("needs a trigger or a schedule")
        state = isinstance(self.start, Expression) and not self.schedule
        if self.schedule and self.trigger and not isinstance(self.start, Expression):
            raise ValueError(f"{self.trigger} happens when it happens: it has no schedule")
        given = self.model_fields_set & _OF_STATES
        if given and not state:
            named = ", ".join(sorted("for" if name == "holds_for" else name for name in given))
            raise ValueError(f"{named}: only for a trigger that is a condition")
        return self

    def under(self, defaults: Defaults) -> Self:
        """The same workflow, told what holds where it says nothing."""
        self._defaults = defaults
        return self

    @cached_property
    def start(self) -> triggers.Trigger | None:
        """The trigger; None when a schedule alone starts it."""
        return triggers.read(self.trigger) if self.trigger else None

    @cached_property
    def scheduled(self) -> schedules.Schedule | None:
        """The schedule, if it has one."""
        return schedules.read(self.schedule) if self.schedule else None

    @property
    def is_state(self) -> bool:
        """Whether its episodes last as long as a condition holds."""
        return isinstance(self.start, Expression) and not self.schedule

    @property
    def looks_back(self) -> bool:
        """Whether it starts with what is new, so that it matters since when it looks."""
        return self.start is not None and not isinstance(self.start, Expression)

    @cached_property
    def course(self) -> tuple[steps.Step, ...]:
        """What it does, step by step."""
        return steps.read(self.actions)

    @property
    def action_ids(self) -> list[str]:
        """The names of all steps that do something, on every way."""
        return [step.id for step in steps.every(self.course) if isinstance(step, steps.Do)]

    @cached_property
    def when_holds(self) -> Expression | None:
        """``when``, parsed."""
        return steps.expression(self.when) if self.when else None

    @cached_property
    def unless_holds(self) -> Expression | None:
        """``unless``, parsed."""
        return steps.expression(self.unless) if self.unless else None

    @cached_property
    def clear_holds(self) -> Expression | None:
        """``clear``, parsed."""
        return steps.expression(self.clear) if self.clear else None

    @cached_property
    def stability(self) -> Stability:
        """When its episodes begin and end, with the defaults filled in."""
        usual = self._defaults
        return Stability(
            self.holds_for,
            usual.dwell if self.dwell is None else self.dwell,
            usual.cooldown if self.cooldown is None else self.cooldown,
            usual.clear_for if self.clear_for is None else self.clear_for,
            usual.margin if self.margin is None else self.margin,
        )

    def over(
        self,
        _ws: Workspace,
        _account: Account,
        _episode: Episode,
        _values: Mapping[str, object],
        _changes: ChangeSet,
    ) -> Done | None:
        """What there is to do because an episode ends before its steps do; None while it goes on."""
        return None

    @property
    def conditions(self) -> dict[str, Expression]:
        """Every condition it states, by the key it stands under."""
        start = self.start if isinstance(self.start, Expression) else None
        named = {
            "trigger": start,
            "when": self.when_holds,
            "unless": self.unless_holds,
            "clear": self.clear_holds,
        }
        return {key: condition for key, condition in named.items() if condition is not None}


_OF_STATES = frozenset(
    {"holds_for", "clear", "clear_for", "dwell", "cooldown", "margin", "on_clear", "alert"}
)


class Workflows(Strict):
    """The whole of ``workflows.yaml``."""

    defaults: Annotated[Defaults, Field(description="for workflows that say nothing else")] = (
        Defaults()
    )
    customer_workflows: Annotated[
        dict[WorkflowName, Workflow],
        Field(default_factory=dict, max_length=MAX_WORKFLOWS, description="workflows by name"),
    ]
    cadences: Annotated[
        dict[CadenceName, Cadence],
        Field(
            default_factory=dict,
            max_length=MAX_WORKFLOWS,
            description="sequences of touches by name",
        ),
    ]

    @model_validator(mode="after")
    def _told(self) -> Self:
        for workflow in self.customer_workflows.values():
            workflow.under(self.defaults)
        return self


def load_workflows(root: Path) -> Workflows:
    """The workspace's workflows; `ConfigError` lists everything that is wrong, each with its line."""
    return load_model(root, WORKFLOWS, Workflows)


def lint(root: Path, config: Config) -> list[Problem]:
    """What is valid in ``workflows.yaml`` but must not or surely was not meant to be; `ConfigError` if it is not valid.

    Workflows that start each other for ever are errors, all else are warnings.
    """
    read = load_workflows(root)
    workflows = read.customer_workflows
    lines = yamlio.Lines((files.read(root, WORKFLOWS) or b"").decode("utf-8-sig"))
    found = [
        Problem(WORKFLOWS, lines.of(keys), ".".join(map(str, keys)), message, "workflow")
        for keys, message in cadence_lint.faults(root, read, config)
    ]
    for name, workflow in workflows.items():
        for field, message in doubts(workflow, config, root):
            line = lines.of((ROOT_KEY, name, field))
            where = f"{ROOT_KEY}.{name}.{field}"
            found.append(Problem(WORKFLOWS, line, where, message, "workflow", "warning"))
    for cycle in cycles(workflows):
        line = lines.of((ROOT_KEY, cycle[0]))
        where = f"{ROOT_KEY}.{cycle[0]}"
        named = " -> ".join((*cycle, cycle[0]))
        message = f"starts itself again: {named}; add a condition that the action makes false"
        found.append(Problem(WORKFLOWS, line, where, message, "workflow"))
    return found


def schema() -> dict[str, Any]:
    """JSON Schema of ``workflows.yaml``."""
    return Workflows.model_json_schema()
