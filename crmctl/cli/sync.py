"""sync and sources: the live systems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, DryRun, Json, guards
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.sources.source import Source
    from crmctl.sync.live import Outcome, SyncReport
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.workspace import Workspace

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SOURCE]...", help="Which ones; none: all that are set up here."),
]


def sync(
    ctx: typer.Context,
    sources: Sources = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", "-a", metavar="ACCOUNT", help="Write only these accounts."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="Read again from here: a date, 30d, 6w.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Read everything again.")] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="GUARD", help="Let a guard pass: empty or changes."),
    ] = None,
    watch: Annotated[
        int | None,
        typer.Option("--watch", metavar="SECONDS", min=1, help="Again and again, until Ctrl-C."),
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Push what was committed.")] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Bring the live systems into the files.

    Reads what changed since the last time, and writes only each system's own blocks and conversations. Sources are
    read side by side; when one fails, what the others gave is kept (exit code 3).

    Example: crmctl sync salesforce slack --commit
    """
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError

    if push and not commit:
        raise UsageError("--push sends commits, so it needs --commit")
    allowed = guards(allow)
    current = session(ctx)
    begin = day(since, current.ws, past=True) if since else None
    start = dt.datetime.combine(begin, dt.time(), dt.UTC) if begin else None

    def once() -> None:
        _once(
            current, sources or [], account or [], start, allowed,
            full=full, json=json, dry_run=dry_run, commit=commit, push=push,
        )  # fmt: skip

    if watch is None:
        once()
    else:
        _again_and_again(current, once, watch)


def _once(
    current: Session,
    wanted: Sequence[str],
    account: Sequence[str],
    since: dt.datetime | None,
    allow: Sequence[str],
    *,
    full: bool,
    json: bool,
    dry_run: bool,
    commit: bool,
    push: bool,
) -> None:
    from crmctl.cli.progress import reading
    from crmctl.model.text import one_line
    from crmctl.sync import last_runs
    from crmctl.sync.gather import gather
    from crmctl.sync.live import take_in
    from crmctl.workspace import resolve
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.push import push as send

    ws, machine = current.ws, Machine()
    accounts = [resolve.account(ws, name) for name in account] or None
    network = make_network(current, ws)
    if commit:
        ws.git.refuse_if_busy()
    try:
        found, missing = connected(wanted, machine, ws, network)
        with reading([s.system for s in found], shown=not (json or current.quiet)) as step:
            gathered = gather(
                ws, found, since=since, full=full, progress=step,
                debug=lambda text: current.out.warn(text) if current.debug else None,
            )  # fmt: skip
    finally:
        network.close()
    report = take_in(
        ws, gathered, dry_run=dry_run, commit=commit, allow=allow, accounts=accounts,
        keep_marks=since is None or all(not one.state.mark for one in gathered),
    )  # fmt: skip
    for outcome in report.outcomes:
        outcome.error = network.clean(outcome.error, 500)
        outcome.notes = [network.clean(note, 300) for note in outcome.notes]
    if not dry_run:
        last_runs.save(ws.state_dir, report.outcomes, ws.now.isoformat())
    if json:
        current.out.json(report.as_dict() | {"missing": missing})
    else:
        _tell(current, report)
        for sentence in missing:
            current.out.warn(sentence)
    if push and not dry_run:  # also what an earlier run could not send
        current.out.say(one_line(send(ws.git)))
    _verdict(report, missing)


def _tell(current: Session, report: SyncReport) -> None:
    """The summary: a line for each source, then what a person should know."""
    out = current.out
    if report.dry_run:
        out.diff(report.plan.changes)
    width = max((len(outcome.system) for outcome in report.outcomes), default=0)
    for outcome in report.outcomes:
        if not current.quiet:
            out.line(f"{outcome.system:<{width}}  {_result(outcome)}")
        for note in outcome.notes:
            out.say(f"{outcome.system}: {note}")
        if not outcome.ok:
            out.warn(outcome.error or outcome.guard)
    for rejected in report.plan.rejected:
        out.warn(f"rejected: {rejected.origin}: {rejected.reason}")
    for path in report.skipped:
        out.warn(
            f"skipped: {path} has an edit of yours; commit it, and the next sync takes it along"
        )
    for suggestion in report.plan.suggested:
        out.say(f"perhaps the same: {suggestion}")
    if report.commit:
        out.say(f"committed {report.commit[:12]}")
    elif not report.dry_run and out.verbose:
        out.changed(report.plan.changes)
    elif not report.dry_run and report.plan.changes:
        counts = report.plan.changes.summary().items()
        told = ", ".join(f"{number} {word}" for word, number in counts if number)
        out.say(f"{told}; nothing is committed, `git status` lists the files")


def _result(outcome: Outcome) -> str:
    """What a source gave; one that failed may have given something before."""
    if outcome.guard:
        return "left out"
    if not outcome.error:
        return outcome.counts()
    tally = outcome.tally
    some = tally.created or tally.updated or tally.unchanged or outcome.waiting or outcome.rejected
    return f"{outcome.counts()}, then it failed" if some else "failed"


def _verdict(report: SyncReport, missing: Sequence[str]) -> None:
    """Raise what the exit code is to say."""
    from crmctl.model.errors import ConfigError, DecisionNeeded, PartialError

    failed = [outcome for outcome in report.outcomes if outcome.error]
    guarded = [outcome for outcome in report.outcomes if outcome.guard]
    count, all_ = len(failed) + len(missing), len(report.outcomes) + len(missing)
    if failed or missing:
        sentence = f"{count} of {all_} sources failed" if all_ > 1 else "the source failed"
        if failed and len(failed) == len(report.outcomes) and all(o.configuration for o in failed):
            raise ConfigError(sentence)
        if missing and not report.outcomes:
            raise ConfigError("; ".join(missing))
        raise PartialError(f"{sentence}; what arrived is kept")
    if guarded:
        which = ", ".join(outcome.system for outcome in guarded)
        raise DecisionNeeded(f"left out until a person decides: {which}")
    if report.skipped or report.plan.held:
        raise PartialError("some files were left out; they are read again next time")


def _again_and_again(current: Session, once: Callable[[], None], seconds: int) -> None:
    """Sync until somebody stops it; a sync that fails is told of, and the next one tries again."""
    from crmctl.model.errors import CrmError, UsageError

    while True:
        try:
            once()
        except UsageError:
            raise
        except CrmError as error:
            current.out.warn(str(error))
        current.__dict__.pop("ws", None)  # the clock and the files have moved on
        _pause(seconds)


def _pause(seconds: float) -> None:
    import time

    time.sleep(seconds)


def sources(ctx: typer.Context, json: Json = False) -> None:
    """List the live systems, and how the last sync of each went.

    Example: crmctl sources
    """
    from crmctl.sources.registry import SYSTEMS
    from crmctl.sync import last_runs, unmatched
    from crmctl.workspace.machine import Machine

    current = session(ctx)
    machine, last = Machine(), last_runs.load(current.ws.state_dir)
    waiting = unmatched.load(current.ws.state_dir)
    rows = []
    for system in SYSTEMS:
        run = last.get(system, {})
        limits = ", ".join(f"{name}: {left}" for name, left in run.get("limits", {}).items())
        rows.append(
            {
                "source": system,
                "set up": "yes" if machine.has(system) else "no",
                "last": f"{run['at'][:19]}Z" if run else "",
                "result": str(run.get("error") or run.get("counts", "")),
                "unmatched": str(sum(one.system == system for one in waiting) or ""),
                "limits": limits,
            }
        )
    current.out.records(tuple(rows[0]), rows, style="json" if json else "", wrap=True)


def make_network(current: Session, ws: Workspace) -> Network:
    """The connections of one run; with ``--debug`` each request is told of, secrets blanked."""
    from crmctl.sources.network import Network, no_log

    log = current.out.warn if current.debug else no_log
    return Network(budget=60.0 * ws.config.sources.minutes, log=log)


def connected(
    wanted: Sequence[str], machine: Machine, ws: Workspace, network: Network
) -> tuple[list[Source], list[str]]:
    """The sources to read, and a sentence for each one that cannot be connected."""
    from crmctl.model.errors import ConfigError
    from crmctl.sources import registry

    systems = registry.named(wanted, machine)
    if not systems:
        raise ConfigError("no source is set up on this machine: start with `crmctl auth SOURCE`")
    found, missing = [], []
    for system in systems:
        try:
            found.append(registry.connect(system, machine, ws.config.sources, network))
        except ConfigError as error:
            missing.append(str(error))
    if not found:
        raise ConfigError("; ".join(missing))
    return found, missing


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("sync")(sync)
    app.command("sources")(sources)
