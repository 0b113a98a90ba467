"""conflicts, dupes, merge, undo: keeping the files true."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, Csv, DryRun, Json, MaybeAccount, Yes, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet


def conflicts(
    ctx: typer.Context,
    account: MaybeAccount = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List values that people and systems state differently.

    Also those that a system has come to confirm, so that yours can go. Settle one with `crmctl set` (yours holds)
    or `crmctl unset` (the system's holds).

    Example: crmctl conflicts acme
    """
    from crmctl.render.terminal import said
    from crmctl.sync.conflicts import conflicts as find
    from crmctl.workspace import resolve

    current = session(ctx)
    slugs = [resolve.account(current.ws, account)] if account else None
    found = [asdict(conflict) for conflict in find(current.ws, slugs)]
    shape = style(json, csv)
    if current.out.people and not shape:
        sections: dict[str, list[tuple[str, str, str]]] = {}
        for one in found:
            stated = "; ".join(f"{who} says {said(value)}" for who, value in one["stated"].items())
            sections.setdefault(one["ref"], []).append((one["field"], one["state"], stated))
        current.out.sections(sections)
    else:
        current.out.records(("path", "field", "state", "holds", "stated"), found, style=shape)
    if not found and not (json or csv):
        current.out.say("no conflicts")


def dupes(
    ctx: typer.Context,
    level: Annotated[
        str, typer.Option("--level", help="Only this level: likely or possible.")
    ] = "",
    merge_likely: Annotated[
        bool, typer.Option("--merge-likely", help="Merge every likely pair, after asking.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
    csv: Csv = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Suggest records that may be the same, with reasons.

    Nothing is merged unless you say so.

    Example: crmctl dupes --level likely
    """
    from crmctl.model.errors import UsageError
    from crmctl.sync import accept
    from crmctl.sync import dupes as finding

    current = session(ctx)
    if level not in ("", "likely", "possible"):
        raise UsageError(f"--level: found {level!r}; allowed: likely, possible")
    found = [s for s in finding.suggest(current.ws) if not level or s.level == level]
    if not merge_likely or (dry_run and json):
        rows = [asdict(s) | {"score": f"{s.score:.2f}", "reasons": list(s.reasons)} for s in found]
        current.out.records(
            ("kind", "a", "b", "level", "score", "reasons"),
            rows,
            style=style(json, csv),
            people=("kind", "a", "b", "level", "reasons"),
            wrap=True,
        )
        if not rows and not (json or csv):
            current.out.say("no suggestions")
        return
    likely = [s for s in found if s.level == "likely"]
    for suggestion in likely:
        current.out.say(str(suggestion))
    if dry_run:
        for _, changes in accept.first_merges(current.ws):
            current.out.diff(changes)
        current.out.say(f"{len(likely)} pairs would be merged, and what then proves to be one")
        return
    if likely and not yes:
        typer.confirm(f"Merge {len(likely)} pairs?", abort=True, err=True)
    merged = accept.merge_likely(current.ws, commit=commit) if likely else []
    if json:
        current.out.json([{"kind": m.kind, "into": m.a, "merged": m.b} for m in merged])
        return
    for pair in merged if not current.quiet else ():
        current.out.line(f"merged {pair.kind} {pair.b} into {pair.a}")
    if not merged:
        current.out.say("no likely pairs")


def merge(
    ctx: typer.Context,
    survivor: Annotated[
        str, typer.Argument(help="The record that stays: ACCOUNT, or ACCOUNT/RECORD.")
    ],
    loser: Annotated[str, typer.Argument(help="The record that goes into it.")],
    kind: Annotated[
        str, typer.Option("--kind", help="account, contact or deal; found by itself if it can.")
    ] = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Merge two records that are one.

    The survivor keeps what both had, and the other's ids as aliases. Later imports of either follow to the
    survivor. `crmctl undo` takes a merge back.

    Example: crmctl merge hollis-freight hollis-freight-ltd
    """
    from crmctl.sync import accept
    from crmctl.sync import merge as merging

    current = session(ctx)
    what, a, b = accept.resolve_pair(current.ws, survivor, loser, kind)

    def plan() -> ChangeSet:
        return merging.plan_merge(current.ws, what, a, b)

    current.carry_out("merge", plan, dry_run=dry_run, commit=commit, subject=f"Merge {b} into {a}")


def undo(
    ctx: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The run to take back; the last one by default.")
    ] = "",
    list_: Annotated[
        bool, typer.Option("--list", "-l", help="List the runs that can be taken back.")
    ] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Take one run back; later changes are kept.

    An undo is a run itself, so it can be undone.

    Example: crmctl undo --dry-run
    """
    from crmctl.workspace.undo import plan_undo, runs_to_undo

    current = session(ctx)
    ws = current.ws
    if list_:
        rows = runs_to_undo(ws.root, ws.git)
        current.out.records(("run", "what", "commit"), rows, style="json" if json else "")
        if not rows and not json:
            current.out.say("no runs")
        return

    def plan() -> ChangeSet:
        changes, what = plan_undo(ws.root, ws.git, run or None)
        current.out.say(what)
        return changes

    current.carry_out(
        "undo", plan, dry_run=dry_run, commit=commit, subject=f"Undo {run or 'the last run'}"
    )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("conflicts")(conflicts)
    app.command("dupes")(dupes)
    app.command("merge")(merge)
    app.command("undo")(undo)
