"""nightly: one line of cron that does whatever is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.workflow.nightly import Due, Step
    from crmctl.workflow.nightly_memory import Night, Result

PLANNED = ("step", "due", "when", "why")
WENT = ("step", "state", "seconds", "what")


def nightly(
    ctx: typer.Context,
    step: Annotated[
        list[str] | None,
        typer.Option("--step", metavar="STEP", help="Only this one, due or not; may be repeated."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what is due and why; do nothing.")
    ] = False,
    last: Annotated[bool, typer.Option("--last", help="Show how the last night went.")] = False,
    no_commit: Annotated[
        bool, typer.Option("--no-commit", help="Leave what is written uncommitted.")
    ] = False,
    push: Annotated[bool, typer.Option("--push", help="Push what was committed.")] = False,
    json: Json = False,
) -> None:
    """Do whatever the night is for: sync, score, workflows, digests.

    Which step on which days stands in crmctl.yaml under nightly. Each makes a commit of its own. When one fails the
    others are done (exit code 3), and a night that was killed goes on where it stopped.

    Example: crmctl nightly --plan
    """
    from crmctl.cli.nightly_steps import steps
    from crmctl.model.errors import UsageError
    from crmctl.workflow import nightly as night
    from crmctl.workflow.nightly_memory import Memory

    if plan and last:
        raise UsageError("--plan shows what is to come and --last what was; take one of them")
    if push and no_commit:
        raise UsageError("--push sends commits, so it cannot go with --no-commit")
    current = session(ctx)
    ws = current.ws
    if last:
        _print_last(current, Memory(ws).last, json=json)
        return
    table = steps(current, commit=not no_commit)
    chosen = _named(table, step or [])
    if plan:
        _print_plan(current, night.due(ws, chosen, Memory(ws)), json=json)
        return
    if not no_commit:
        ws.git.refuse_if_busy()
    with night.alone(ws):
        memory = Memory(ws)
        due = night.due(ws, chosen, memory)
        if step:
            due = night.asked_for(due)
        results = night.run(ws, due, memory, told=lambda r: _tell(current, r, json=json))
    pushed = _push(current) if push else ""
    if json:
        current.out.json(_whole(results, pushed))
    elif not results:
        current.out.say("nothing is due")
    _verdict(results, pushed)


def _named(table: Sequence[Step], wanted: Sequence[str]) -> list[Step]:
    from crmctl.model.errors import UsageError

    known = [each.name for each in table]
    for name in wanted:
        if name not in known:
            raise UsageError(f"--step: found {name!r}; allowed: {', '.join(known)}")
    return [each for each in table if not wanted or each.name in wanted]


def _push(current: Session) -> str:
    """Send the commits, also those that an earlier night could not send; "" or why it failed."""
    from crmctl.model.errors import CrmError
    from crmctl.model.text import one_line
    from crmctl.workspace.push import push

    try:
        current.out.say(one_line(push(current.ws.git)))
    except CrmError as error:
        return one_line(str(error), 500)
    return ""


def _tell(current: Session, result: Result, *, json: bool) -> None:
    """One step's line, as soon as it is over; what failed also with --quiet."""
    if not json and not current.quiet:
        current.out.line(f"{result.step:<12} {result.state:<8} {_said(result)}".rstrip())
    for error in result.errors:
        current.out.warn(f"{result.step}: {error}")


def _said(result: Result) -> str:
    parts = [result.text, f"commit {result.commit[:12]}" if result.commit else ""]
    return ", ".join([*filter(None, parts), f"{result.seconds:.1f} s"])


def _verdict(results: Sequence[Result], pushed: str) -> None:
    """Raise what the exit code is to say."""
    from crmctl.model.errors import BusyError, PartialError
    from crmctl.workflow.nightly_memory import BUSY, FAILED, PARTLY

    wrong = [r for r in results if r.state in (FAILED, PARTLY, BUSY)]
    if wrong and all(r.state == BUSY for r in wrong):
        names = ", ".join(r.step for r in wrong)
        raise BusyError(f"the workspace was busy: {names} is done at the next call")
    told = [f"{r.step} {'failed in part' if r.state == PARTLY else r.state}" for r in wrong]
    if pushed:
        told.append(f"the push failed: {pushed}")
    if told:
        raise PartialError(f"{'; '.join(told)}; everything else is done")


def _whole(results: Sequence[Result], pushed: str) -> dict[str, Any]:
    from dataclasses import asdict

    return {"steps": [asdict(result) for result in results], "push_error": pushed}


def _print_plan(current: Session, due: Sequence[Due], *, json: bool) -> None:
    rows = [
        {
            "step": each.step.name,
            "due": each.is_due,
            "when": each.when,
            "why": each.why,
            "for": each.day,
            "last": each.last,
            "what": each.step.what,
        }
        for each in due
    ]
    current.out.records(PLANNED, rows, style="json" if json else "", wrap=True)


def _print_last(current: Session, night: Night | None, *, json: bool) -> None:
    out = current.out
    if json:
        out.json(night.as_json() if night else {})
        return
    if night is None:
        out.say("there was no night yet")
        return
    over = f"finished {night.finished}" if night.finished else "it did not come to its end"
    out.say(f"the night of {night.day}: began {night.started}, {over}")
    rows = [
        {
            "step": result.step,
            "state": result.state,
            "seconds": f"{result.seconds:.1f}",
            "what": "; ".join(filter(None, [result.text, *result.errors])),
        }
        for result in night.results.values()
    ]
    out.records(WENT, rows, wrap=True)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("nightly")(nightly)
