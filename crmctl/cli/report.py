"""report: the site, built into a folder, or shown on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.render.site.build import Built

PORT = 8642

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="The folder; .git/crmctl/site by default.", show_default=False
    ),
]
Owner = Annotated[
    str, typer.Option("--owner", metavar="OWNER", help="Only the accounts of one of us.")
]


def build(ctx: typer.Context, out: Out = None, owner: Owner = "") -> None:
    """Build the site: pages that need no server and ask nobody for anything.

    A portfolio, a page an account, health over time, and what may be lost. Only what changed is written again, and
    a folder that holds anything else is left alone. It names customers and people: mind where it goes.

    Example: crmctl report build --out ~/site
    """
    from crmctl.model.errors import PartialError

    current = session(ctx)
    made = _build(current, out, owner)
    _told(current, made)
    current.out.line(f"{made.folder / 'index.html'}")
    if made.problems:
        raise PartialError(f"{len(made.problems)} problems; what could be read is in the site")


def serve(
    ctx: typer.Context,
    out: Out = None,
    owner: Owner = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = PORT,
) -> None:
    """Show the site on this machine, and build it again when a file changes.

    It answers nobody but this machine. Ctrl-C ends it.

    Example: crmctl report serve
    """
    from crmctl.model.errors import CrmError
    from crmctl.render.site import serving

    current = session(ctx)
    made = _build(current, out, owner)
    _told(current, made)
    root = current.ws.root
    with serving.serving(made.folder, port) as taken:
        current.out.line(f"http://{serving.HOST}:{taken}/")
        current.out.out.flush()
        try:
            for _ in serving.changes(lambda: serving.state(root, _today(root))):
                try:
                    _told(current, _build(current, out, owner, fresh=True))
                except CrmError as error:
                    current.out.warn(str(error))
        except KeyboardInterrupt:
            current.out.say("stopped")


def _today(root: Path) -> dt.date:
    from crmctl.workspace.workspace import Workspace

    return Workspace(root).today


def _build(current: Session, out: Path | None, owner: str, *, fresh: bool = False) -> Built:
    """Build, with progress on a terminal; ``fresh`` reads the clock and the configuration anew."""
    from crmctl.cli.progress import reading
    from crmctl.render.site.build import build as built
    from crmctl.workspace.workspace import Workspace

    ws = Workspace(current.ws.root) if fresh else current.ws
    with reading(("accounts",), shown=not current.quiet) as tick:
        return built(ws, out or ws.state_dir / "site", owner, lambda: tick("accounts", 1))


def _told(current: Session, made: Built) -> None:
    for problem in dict.fromkeys(made.problems):
        current.out.warn(str(problem))
    done = made.written
    counts = {"new": len(done.new), "changed": len(done.changed), "removed": len(done.removed)}
    told = (
        ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing to do"
    )
    pages = len(done.new) + len(done.changed) + done.same
    current.out.say(f"{made.accounts} accounts, {pages} files: {told}")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    verbs = group("The site: portfolio, accounts, trend and risk as pages.")
    verbs.command("build")(build)
    verbs.command("serve")(serve)
    app.add_typer(verbs, name="report")
