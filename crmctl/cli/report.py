"""report: the site, built into a folder, or shown on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.render.site.build import Built

PORT = 8642
NAMED = 4  # files that `serve` names when it has built again

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="The folder; .git/crmctl/site by default.", show_default=False
    ),
]
Owner = Annotated[
    str, typer.Option("--owner", metavar="OWNER", help="Only the accounts of one of us.")
]


def build(
    ctx: typer.Context,
    out: Out = None,
    owner: Owner = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be written; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Build the site: pages that need no server and ask nobody for anything.

    A portfolio, a page an account, metrics, cohorts, health over time, and what may be lost. Only what changed is
    written again, and a folder that holds anything else is left alone. It names customers and people: mind where it
    goes.

    Example: crmctl report build --out ~/site
    """
    from crmctl.model.errors import PartialError

    current = session(ctx)
    made = _build(current, out, owner, dry=dry_run)
    if json:
        current.out.json(_document(made, dry=dry_run))
    else:
        _told(current, made)
        if dry_run:
            current.out.records(("what", "file"), _files(made))
        else:
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

    It answers nobody but this machine. Each time it says which pages changed; reload them to see it. Ctrl-C ends it.

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
                    _told(current, _build(current, out, owner, fresh=True), named=True)
                except CrmError as error:
                    current.out.warn(str(error))
        except KeyboardInterrupt:
            current.out.say("stopped")


def _today(root: Path) -> dt.date:
    from crmctl.workspace.workspace import Workspace

    return Workspace(root).today


def _build(
    current: Session, out: Path | None, owner: str, *, fresh: bool = False, dry: bool = False
) -> Built:
    """Build, with progress on a terminal; ``fresh`` reads the clock and the configuration anew."""
    from crmctl.cli.progress import reading
    from crmctl.render.site.build import build as built
    from crmctl.workspace.workspace import Workspace

    ws = Workspace(current.ws.root) if fresh else current.ws
    with reading(("accounts",), shown=not current.quiet) as tick:
        return built(ws, out or ws.state_dir / "site", owner, lambda: tick("accounts", 1), dry=dry)


def _files(made: Built) -> list[dict[str, str]]:
    done = made.written
    kinds = {"new": done.new, "changed": done.changed, "removed": done.removed}
    return [{"what": what, "file": path} for what, paths in kinds.items() for path in sorted(paths)]


def _document(made: Built, *, dry: bool) -> dict[str, Any]:
    done = made.written
    return {
        "folder": str(made.folder),
        "index": str(made.folder / "index.html"),
        "dry_run": dry,
        "accounts": made.accounts,
        "read": made.rendered,
        "new": sorted(done.new),
        "changed": sorted(done.changed),
        "removed": sorted(done.removed),
        "same": done.same,
        "problems": [str(problem) for problem in dict.fromkeys(made.problems)],
    }


def _told(current: Session, made: Built, *, named: bool = False) -> None:
    """Say how many files there are and what was done to them; ``named`` also which."""
    from crmctl.insight.insights_draft import counted

    for problem in dict.fromkeys(made.problems):
        current.out.warn(str(problem))
    done = made.written
    counts = {"new": len(done.new), "changed": len(done.changed), "removed": len(done.removed)}
    told = (
        ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing to do"
    )
    pages = len(done.new) + len(done.changed) + done.same
    files = [row["file"] for row in _files(made)] if named else []
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    which = f" ({', '.join(files[:NAMED])}{more})" if files else ""
    current.out.say(f"{counted(made.accounts, 'account')}, {pages} files: {told}{which}")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    verbs = group("The site: portfolio, accounts, metrics, cohorts, trend and risk as pages.")
    verbs.command("build")(build)
    verbs.command("serve")(serve)
    app.add_typer(verbs, name="report")
