"""schedule: who calls `crmctl nightly`, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import DryRun, Json, Yes
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.workflow.nightly_install import Piece

Kind = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="crontab, systemd, github or gitlab.")
]
At = Annotated[
    str,
    typer.Option("--at", metavar="HH:MM", help="When; of the machine, for github in UTC."),
]
EARLY = "03:30"


def show(ctx: typer.Context, kind: Kind = "crontab", at: At = EARLY, json: Json = False) -> None:
    """Show what install would write, and whether it is there.

    Example: crmctl schedule show --kind systemd
    """
    from crmctl.workflow import nightly_install as place
    from crmctl.workflow.nightly_texts import Clock

    current = session(ctx)
    found = place.pieces(current.ws, kind, Clock.parse(at))
    installed, same = place.is_installed(found, current.ws), not place.pending(found)
    if json:
        written = [{"place": piece.place, "text": piece.new} for piece in found]
        current.out.json({"kind": kind, "installed": installed, "same": same, "files": written})
        return
    for piece in found:
        if kind != place.CRONTAB:
            current.out.line(f"{piece.place}:", style="bold")
        for line in (piece.new or "").splitlines():
            current.out.line(line)
    state = "this is installed" if same else "another time or program is installed"
    current.out.say(state if installed else "not installed: `crmctl schedule install`")


def install(
    ctx: typer.Context,
    kind: Kind = "crontab",
    at: At = EARLY,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Have `crmctl nightly` called every night.

    Shows what would be written before it asks. In a crontab only this workspace's own lines are touched.

    Example: crmctl schedule install --kind systemd --at 03:30
    """
    from crmctl.workflow import nightly_install as place
    from crmctl.workflow.nightly_texts import Clock

    current = session(ctx)
    found = place.pieces(current.ws, kind, Clock.parse(at))
    if _carry_out(current, found, "Write this?", yes=yes, dry_run=dry_run):
        _then(current, place.after(kind, current.ws))


def remove(
    ctx: typer.Context, kind: Kind = "crontab", yes: Yes = False, dry_run: DryRun = False
) -> None:
    """Take away what install wrote, and nothing else.

    Example: crmctl schedule remove --kind systemd
    """
    from crmctl.workflow import nightly_install as place

    current = session(ctx)
    found = place.removed(current.ws, kind)
    if _carry_out(current, found, "Take this away?", yes=yes, dry_run=dry_run):
        _then(current, place.after(kind, current.ws, gone=True))


def _carry_out(
    current: Session, found: Sequence[Piece], question: str, *, yes: bool, dry_run: bool
) -> bool:
    """Show the difference, ask, write; whether anything was written."""
    from crmctl.workflow.nightly_install import pending

    waiting = pending(found)
    if not waiting:
        current.out.say("nothing to do")
        return False
    for piece in waiting:
        for line in piece.diff().splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            current.out.line(line, style=style)
    if dry_run:
        return False
    if not yes:
        typer.confirm(question, abort=True, err=True)
    for piece in waiting:
        piece.write()
        current.out.say(f"{'removed' if piece.new is None else 'wrote'} {piece.place}")
    return True


def _then(current: Session, advice: str) -> None:
    if advice:
        current.out.say(advice)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    schedule = group("Who calls `crmctl nightly`: show, install, remove.")
    schedule.command("show")(show)
    schedule.command("install")(install)
    schedule.command("remove")(remove)
    app.add_typer(schedule, name="schedule")
