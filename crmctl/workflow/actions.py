"""The actions a workflow can name: a closed list. None runs a command or reaches beyond the workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crmctl.workflow import (
    actions_documents,
    actions_messages,
    actions_ownership,
    actions_tasks,
)
from crmctl.workflow.occasion import Done, Occasion


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what it does in a sentence, and the plan of doing it."""

    doc: str
    plan: Callable[[Occasion], Done]


ACTIONS = {
    "research_company": Action(
        "a research brief in plans/ and a task to fill it in", actions_documents.research_company
    ),
    "score_icp_fit": Action(
        "the fit with the ideal customer, stated in the profile and kept as a measure",
        actions_ownership.score_icp_fit,
    ),
    "assign_owner": Action(
        "an owner for an account without one: the default owner, else who has the fewest accounts",
        actions_ownership.assign_owner,
    ),
    "schedule_outreach": Action("a task to reach the contact", actions_tasks.schedule_outreach),
    "notify_account_manager": Action(
        "a message to the account's owner", actions_messages.notify_account_manager
    ),
    "create_intervention_plan": Action(
        "an intervention plan in plans/: what is wrong, what to do, who does it by when",
        actions_documents.create_intervention_plan,
    ),
    "schedule_check_in_call": Action(
        "a task to call the customer", actions_tasks.schedule_check_in_call
    ),
    "escalate_to_manager": Action(
        "a message to the owner's manager, and a task for that manager",
        actions_messages.escalate_to_manager,
    ),
    "identify_expansion_use_cases": Action(
        "an expansion brief in plans/", actions_documents.identify_expansion_use_cases
    ),
    "research_decision_makers": Action(
        "a task that names the buying roles nobody is known for",
        actions_tasks.research_decision_makers,
    ),
    "create_expansion_opportunity": Action(
        "an open deal of type expansion, unless there is one", actions_ownership.create_expansion
    ),
    "notify_account_team": Action(
        "a message to everybody who works on the account", actions_messages.notify_account_team
    ),
}
