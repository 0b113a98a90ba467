"""workflow: look workflows over, find mistakes in them, and see what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Csv, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmctl.render.terminal import Output

LISTED = ("workflow", "starts", "enabled", "alert", "open", "fired", "last", "description")
READ = ("workflow", "starts", "alert", "open", "last", "enabled", "fired")
TOLD = ("opened", "closed", "account", "workflow", "episode", "done", "because")
TOLD_READ = ("opened", "account", "workflow", "because", "closed", "done")


def list_workflows(ctx: typer.Context, json: Json = False, csv: Csv = False) -> None:
    """List the workflows: what starts each, and when it last fired.

    Example: crmctl workflow list
    """
    from crmctl.workflow.definition import load_workflows
    from crmctl.workflow.report import listed

    current = session(ctx)
    rows = listed(current.ws, load_workflows(current.ws.root).customer_workflows)
    current.out.records(LISTED, rows, style=style(json, csv), people=READ, wrap=True)
    if not rows and not (json or csv):
        current.out.say("workflows.yaml has no workflow")


def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workflow.")],
    json: Json = False,
) -> None:
    """Show everything about one workflow, with what the defaults make of it.

    Example: crmctl workflow show health_degradation
    """
    from crmctl.model.errors import UsageError
    from crmctl.workflow.definition import load_workflows
    from crmctl.workflow.report import described
    from crmctl.workflow.syntax import suggestion

    current = session(ctx)
    known = load_workflows(current.ws.root).customer_workflows
    if name not in known:
        hint = suggestion(name, known) or f"; there are: {', '.join(known) or 'none'}"
        raise UsageError(f"there is no workflow {name!r}{hint}")
    found = described(name, known[name])
    if json:
        current.out.json(found)
    else:
        _print(current.out, found)


def _print(out: Output, found: Mapping[str, Any]) -> None:
    out.line(str(found["workflow"]), style="bold")
    if found["description"]:
        out.line(str(found["description"]))
    names = ("alert", "trigger", "schedule", "when", "unless", "due_in_days", "per_run")
    rows = {name: found[name] for name in names if found[name] is not None}
    rows |= {name: ", ".join(found[name]) for name in ("owner", "reads") if found[name]}
    rows |= {name: "yes" for name in ("urgent",) if found[name]}
    rows |= {"enabled": "no"} if not found["enabled"] else {}
    rows |= {name: value for name, value in found.get("stability", {}).items() if value is not None}
    for name, value in rows.items():
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        out.line(f"  {name.replace('_', ' ').ljust(12)} {shown}")
    out.line("  steps")
    for line in found["steps"]:
        out.line(f"    {line}")


def lint(ctx: typer.Context, json: Json = False) -> None:
    """Find mistakes in workflows.yaml, with line and column.

    What is right but does not work on this machine, such as a target that it does not know, is only noted.

    Example: crmctl workflow lint
    """
    from crmctl.render import findings
    from crmctl.workflow.lint import lint as lint_file
    from crmctl.workspace.machine import Machine

    current = session(ctx)
    out = current.out
    found, notes = lint_file(current.ws, Machine())
    problems = [finding.problem for finding in found]
    if json:
        rows = [findings.as_object(f.problem) | {"column": f.column} for f in found]
        out.json({"findings": rows, "notes": notes})
    else:
        for finding in found:
            out.line(findings.line(finding.problem, finding.column))
    for note in notes:
        out.say(f"note: {note}")
    out.say(findings.summary(problems))
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


def history(
    ctx: typer.Context,
    account: MaybeAccount = None,
    workflow: Annotated[str, typer.Option("--workflow", "-w", help="Only this workflow.")] = "",
    since: Annotated[
        str,
        typer.Option("--since", metavar="DATE", help="Only what began or ended then or later."),
    ] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List what workflows did, when and why, the newest first.

    It stands in accounts/<account>/episodes.jsonl; of a schedule only the last occasion does, the others are in git.

    Example: crmctl workflow history acme --since 30d
    """
    from crmctl.cli.parse import day
    from crmctl.workflow import history as past
    from crmctl.workflow.definition import load_workflows
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    first = day(since, ws, past=True) if since else None
    slugs = [resolve.account(ws, account)] if account else None
    rows, problems = past.history(ws, slugs, workflow, first)
    for problem in problems:
        current.out.warn(str(problem))
    current.out.records(TOLD, rows, style=style(json, csv), people=TOLD_READ, wrap=True)
    if json or csv:
        return
    if not rows:
        current.out.say("no workflow fired")
    known = load_workflows(ws.root).customer_workflows
    timed = [name for name, each in known.items() if each.schedule and workflow in ("", name)]
    if timed:
        current.out.say(f"of {', '.join(timed)} only the last occasion is kept; git has the others")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli import workflow_replay, workflow_test
    from crmctl.cli.app import group

    verbs = group("Look workflows over, find mistakes in them, and see what they did.")
    verbs.command("list")(list_workflows)
    verbs.command("show")(show)
    verbs.command("lint")(lint)
    verbs.command("history")(history)
    workflow_replay.register_verbs(verbs)
    workflow_test.register_verbs(verbs)
    app.add_typer(verbs, name="workflow")
