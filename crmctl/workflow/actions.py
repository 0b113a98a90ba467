"""The actions a workflow can name: a closed list. None runs a command or reaches beyond the workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from crmctl.model.errors import ConfigError
from crmctl.workflow import (
    actions_cadence,
    actions_documents,
    actions_messages,
    actions_notices,
    actions_ownership,
    actions_records,
    actions_tasks,
)
from crmctl.workflow.occasion import Done, Occasion
from crmctl.workspace.source_settings import Strict

ANYTHING = object()
"""A value that cannot be told before."""
_A_TASK = {"task_created": ANYTHING, "open_tasks": ANYTHING}


class NoParameters(Strict):
    """An action that needs to be told nothing."""


def no_effects(_parameters: Any) -> Mapping[str, object]:
    """An action after which every condition reads as before."""
    return {}


def always(effects: Mapping[str, object]) -> Callable[[Any], Mapping[str, object]]:
    """Effects that do not depend on the parameters."""
    return lambda _parameters: effects


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what it does in a sentence, the plan of doing it, and what it must be told.

    ``effects`` gives, for parameters, the names that may have another value afterwards, each with that value or
    `ANYTHING`; events count as names, and a field of a deal is ``deal.stage``.
    """

    doc: str
    plan: Callable[[Occasion], Done]
    parameters: type[Strict] = NoParameters
    effects: Callable[[Any], Mapping[str, object]] = no_effects


ACTIONS = {
    "research_company": Action(
        "a research brief in plans/ and a task to fill it in",
        actions_documents.research_company,
        effects=always(_A_TASK),
    ),
    "score_icp_fit": Action(
        "the fit with the ideal customer, stated in the profile and kept as a measure",
        actions_ownership.score_icp_fit,
        effects=always({"icp_fit": ANYTHING, "icp_tier": ANYTHING}),
    ),
    "assign_owner": Action(
        "an owner for an account without one: the default owner, else who has the fewest accounts",
        actions_ownership.assign_owner,
        effects=always({"owner": ANYTHING}),
    ),
    "schedule_outreach": Action(
        "a task to reach the contact", actions_tasks.schedule_outreach, effects=always(_A_TASK)
    ),
    "notify_account_manager": Action(
        "a message to the account's owner", actions_messages.notify_account_manager
    ),
    "create_intervention_plan": Action(
        "an intervention plan in plans/: what is wrong, what to do, who does it by when",
        actions_documents.create_intervention_plan,
    ),
    "schedule_check_in_call": Action(
        "a task to call the customer",
        actions_tasks.schedule_check_in_call,
        effects=always(_A_TASK),
    ),
    "escalate_to_manager": Action(
        "a message to the owner's manager, and a task for that manager",
        actions_messages.escalate_to_manager,
        effects=always(_A_TASK),
    ),
    "identify_expansion_use_cases": Action(
        "an expansion brief in plans/", actions_documents.identify_expansion_use_cases
    ),
    "research_decision_makers": Action(
        "a task that names the buying roles nobody is known for",
        actions_tasks.research_decision_makers,
        effects=always(_A_TASK),
    ),
    "create_expansion_opportunity": Action(
        "an open deal of type expansion, unless there is one",
        actions_ownership.create_expansion,
        effects=always({"deal_created": ANYTHING, "open_deals": ANYTHING}),
    ),
    "notify_account_team": Action(
        "a message to everybody who works on the account", actions_messages.notify_account_team
    ),
    "create_task": Action(
        "a task in the workflow's own words",
        actions_records.create_task,
        actions_records.CreateTask,
        always(_A_TASK),
    ),
    "set_field": Action(
        "a value of the profile; what a person stated stays, unless overwrite is true",
        actions_records.set_field,
        actions_records.SetField,
        actions_records.changes_field,
    ),
    "move_stage": Action(
        "the account moved to a stage and step, with the stage's tasks",
        actions_records.move_stage,
        actions_records.MoveStage,
        lambda told: {**actions_records.moves_to(told), **_A_TASK},
    ),
    "render": Action(
        "a document in plans/ from one of the team's templates",
        actions_records.render,
        actions_records.Render,
    ),
    "notify": Action(
        "a message in the workflow's own words to people or to a target",
        actions_notices.notify,
        actions_notices.Notify,
    ),
    "start_cadence": Action(
        "a cadence with a contact: its touches become tasks, one after the other",
        actions_cadence.start_cadence,
        actions_cadence.StartCadence,
        always(_A_TASK),
    ),
    "stop_cadence": Action(
        "the end of what runs of a cadence, its open tasks cancelled",
        actions_cadence.stop_cadence,
        actions_cadence.StopCadence,
        always({"open_tasks": ANYTHING}),
    ),
    "webhook": Action(
        "a call of a webhook that this machine's settings know by its name",
        actions_notices.webhook,
        actions_notices.Webhook,
    ),
}


def find(name: str) -> Action | None:
    """An action by its name: one of `ACTIONS`, or one that an installed package brings; None if there is none.

    A package names its `Action` in the entry point group ``crmctl.actions``. Nothing from the workspace is ever loaded.
    """
    return ACTIONS.get(name) or _installed().get(name)


@cache
def _installed() -> dict[str, Action]:
    from importlib.metadata import entry_points

    found = {}
    for point in entry_points(group="crmctl.actions"):
        action = point.load()
        if not isinstance(action, Action):
            raise ConfigError(f"{point.value}: is no crmctl.workflow.actions.Action")
        found[point.name] = action
    return found
