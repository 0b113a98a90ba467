"""Running workflows: a pure plan of what is due, then carrying it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmctl.model.errors import UsageError
from crmctl.workflow import outbox
from crmctl.workflow.definition import WORKFLOWS, Workflow, load_workflows
from crmctl.workflow.planner import Planner, RunPlan
from crmctl.workflow.syntax import suggestion
from crmctl.workflow.values import Insight, Values
from crmctl.workspace import store

if TYPE_CHECKING:
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
    workflows = _chosen(ws, workflow)
    ws.ranking  # noqa: B018  settings that cannot be read stop the run here, not account by account
    slugs = [account] if account is not None else store.slugs(ws.root)
    insight = Insight(ws, slugs)
    planner = Planner(ws, workflows, values or insight.values, insight)
    for slug in slugs:
        planner.account(slug)
    planner.note_measures()
    planner.note_limits()
    if account is None:
        planner.note_baselines(alone=workflow is not None)
    return planner.plan


def carry_out(ws: Workspace, run_plan: RunPlan, run: Run) -> None:
    """Write a plan: messages first, each of them durable, then the files.

    The caller holds the lock (`Workspace.writing`). Killed in between, the next run finds its messages.
    """
    outbox.write(ws.state_dir, run_plan.messages)
    ws.apply(run_plan.changes, run)


def _chosen(ws: Workspace, name: str | None) -> dict[str, Workflow]:
    workflows = load_workflows(ws.root).customer_workflows
    if name is not None:
        if name not in workflows:
            hint = suggestion(name, workflows) or f"; there are: {', '.join(workflows) or 'none'}"
            raise UsageError(f"{WORKFLOWS}: there is no workflow {name!r}{hint}")
        workflows = {name: workflows[name]}
    return {name: each for name, each in workflows.items() if each.enabled}
