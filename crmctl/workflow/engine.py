"""Running workflows: a pure plan of what is due, then carrying it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError, UsageError
from crmctl.workflow import outbox
from crmctl.workflow.cadence_course import courses
from crmctl.workflow.cycles import cycles
from crmctl.workflow.definition import ROOT_KEY, WORKFLOWS, Workflow, Workflows, load_workflows
from crmctl.workflow.planner import Planner, RunPlan
from crmctl.workflow.scouting import busy
from crmctl.workflow.syntax import suggestion
from crmctl.workflow.values import Insight, Values
from crmctl.workspace import store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmctl.workspace.runs import Run
    from crmctl.workspace.workspace import Workspace


def plan(
    ws: Workspace,
    *,
    account: str | None = None,
    workflow: str | None = None,
    values: Values | None = None,
) -> RunPlan:
    """What is due now, for all accounts and workflows or for one of each. Writes nothing.

    ``values`` gives the values of names by account; by default they come from the records, the
    measures and the scores. `ConfigError` when ``workflows.yaml`` or
    ``crmctl.yaml`` is not valid.
    """
    workflows = choose(load_workflows(ws.root), workflow)
    slugs = [account] if account is not None else store.slugs(ws.root)
    insight = Insight(ws, slugs)
    planner = plan_with(ws, workflows, insight, values or insight.values)
    if account is None:
        planner.note_baselines(alone=workflow is not None)
    return planner.plan


def plan_with(
    ws: Workspace, workflows: Mapping[str, Workflow], insight: Insight, values: Values
) -> Planner:
    """A planner that has looked at the accounts of ``insight``; since when event workflows look is not noted yet."""
    ws.ranking  # noqa: B018  settings that cannot be read stop the run here, not account by account
    planner = Planner(ws, workflows, values, insight)
    insight.only(busy(planner))
    planner.accounts(insight.slugs)
    planner.note_measures()
    planner.note_limits()
    return planner


def carry_out(ws: Workspace, run_plan: RunPlan, run: Run) -> None:
    """Write a plan: messages first, each of them durable, then the files.

    The caller holds the lock (`Workspace.writing`). Killed in between, the next run finds its messages.
    """
    outbox.write(ws.state_dir, run_plan.messages)
    ws.apply(run_plan.changes, run)


def choose(loaded: Workflows, name: str | None = None) -> dict[str, Workflow]:
    """The workflows that are switched on, or the one of this name if it is; none that start each other for ever.

    With them come the cadences, all of them or those that the one starts; ``cadence:<name>`` is one alone.
    """
    workflows = loaded.customer_workflows
    cadences = courses(loaded)
    for cycle in cycles(workflows):
        named = " -> ".join((*cycle, cycle[0]))
        raise ConfigError(
            f"{WORKFLOWS}: {ROOT_KEY}.{cycle[0]} starts itself again: {named}; nothing was run; "
            "add a condition that the action makes false, or switch one of them off"
        )
    if name is not None:
        if name in cadences:
            return {name: cadences[name]}
        if name not in workflows:
            hint = suggestion(name, workflows) or f"; there are: {', '.join(workflows) or 'none'}"
            raise UsageError(f"{WORKFLOWS}: there is no workflow {name!r}{hint}")
        workflows = {name: workflows[name]}
        cadences = courses(loaded, workflows)
    return {name: each for name, each in workflows.items() if each.enabled} | cadences
