"""run: the workflows that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit, DryRun, Json
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.render.terminal import Output
    from crmctl.workflow.planner import RunPlan

STEPS = ("account", "workflow", "action", "state", "what", "path")


def run(
    ctx: typer.Context,
    account: Annotated[str, typer.Option("--account", "-a", help="Only this account.")] = "",
    workflow: Annotated[str, typer.Option("--workflow", "-w", help="Only this workflow.")] = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be done and why; do nothing.")
    ] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Run the workflows that are due.

    They are in workflows.yaml. Each runs once an occasion, however often it is called.

    Example: crmctl run --plan
    """
    from crmctl.workflow import engine
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account) if account else None
    if plan or dry_run:
        due = engine.plan(ws, account=slug, workflow=workflow or None)
        _print(current.out, due, json=json)
        if dry_run and not json:
            current.out.diff(due.changes)
        return
    if commit:
        ws.git.refuse_if_busy()
    theirs: set[str] = set()
    with ws.writing("run") as this_run:
        due = engine.plan(ws, account=slug, workflow=workflow or None)
        if commit:
            theirs = ws.uncommitted(due.changes.paths)[1]
        engine.carry_out(ws, due, this_run)
        if commit and due.changes:
            ws.commit({*due.changes.paths} - theirs, this_run, "Run workflows")
    if json or not current.quiet:
        _print(current.out, due, json=json)
    current.out.changed(due.changes)
    current.left_out(theirs)
    if due.failures:
        from crmctl.model.errors import PartialError

        raise PartialError(
            f"{len(due.failures)} actions failed and will be tried again at the next run"
        )
    if due.problems:
        from crmctl.model.errors import PartialError

        raise PartialError("not every account could be looked at, for what is said above")


def _print(out: Output, due: RunPlan, *, json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "account": step.account,
            "workflow": step.workflow,
            "episode": step.episode,
            "action": step.action,
            "state": step.state,
            "what": step.text,
            "path": step.path,
            "because": step.because,
        }
        for step in due.steps
    ]
    if json:
        messages = [
            {"key": m.key, "to": m.to, "subject": m.subject, "body": m.body} for m in due.messages
        ]
        out.json({"steps": rows, "messages": messages})
        return
    if out.people:
        out.sections(_by_occasion(rows))
    else:
        out.records(STEPS, rows)
    for problem in due.problems:
        out.warn(str(problem))
    if not rows:
        out.say("nothing is due")


def _by_occasion(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """What was done, below what it was done for."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        said = row["what"] if row["state"] == "did" else f"{row['state']}: {row['what']}"
        title = f"{row['account']}: {row['workflow']} ({row['because'] or row['episode']})"
        found.setdefault(title, []).append((row["action"] or "over", said))
    return found


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("run")(run)
