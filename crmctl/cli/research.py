"""research: what technologies a company runs, from all that is known and, if asked, from its own public site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, style
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.insight.technographics import Found
    from crmctl.insight.technographics_plan import Read
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

COLUMNS = (
    "technology",
    "category",
    "status",
    "strength",
    "age_days",
    "kind",
    "source",
    "quote",
)
PEOPLE = ("technology", "status", "strength", "age_days", "source", "quote")


def research(
    ctx: typer.Context,
    account: Account,
    show: Annotated[
        bool, typer.Option("--show", help="Only show what is known; visit and write nothing.")
    ] = False,
    text: Annotated[
        str,
        typer.Option(
            "--text", metavar="FILE", help="Keep a job advert or page of theirs; - reads stdin."
        ),
    ] = "",
    origin: Annotated[
        str,
        typer.Option("--from", metavar="WHERE", help="Where that text stood, best its address."),
    ] = "",
    dry_run: DryRun = False,
    commit: Commit = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Find out what technologies a company runs, with evidence.

    Visits the company's own public site and DNS records, slowly and as robots.txt allows, if crmctl.yaml says
    `research: {enabled: true}`. What it shows goes into the profile's own block of the website. With --text nothing
    is visited: the text is kept as evidence.

    Example: crmctl research acme --text advert.txt --from https://jobs.acme.example/42
    """
    from crmctl.insight import technographics_plan as planning
    from crmctl.model.errors import UsageError
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    if show and text:
        raise UsageError("--show writes nothing: leave --text out")
    slug = resolve.account(ws, account)
    notes: list[str] = []
    if not show:
        read = None if text else _visited(current, slug)
        words = _words(text) if text else ""
        notes = read[2] if read else []

        def plan() -> ChangeSet:
            if read is None:
                return planning.plan_text(ws, slug, words, origin)
            return planning.plan_site(ws, slug, read)

        current.carry_out(
            "research",
            plan,
            dry_run=dry_run,
            commit=commit,
            subject=f"{slug}: research",
            json=json or csv,
        )
        for note in notes:
            current.out.say(f"left alone: {note}")
    if dry_run and not json:
        return
    _print(current, slug, notes, style(json, csv))


def _visited(current: Session, slug: str) -> Read:
    from crmctl.insight.technographics_plan import read_site
    from crmctl.sources.network import Network, no_log
    from crmctl.workspace import paths
    from crmctl.workspace.store import read_file

    ws = current.ws
    profile = read_file(ws.root, paths.profile(slug), ws.ranking)[0]
    log = current.out.say if current.verbose else no_log
    return read_site(ws, profile, Network(budget=ws.config.research.seconds, log=log))


def _words(name: str) -> str:
    from crmctl.insight.technographics_plan import LONGEST_TEXT
    from crmctl.model.errors import UsageError

    most = 4 * LONGEST_TEXT + 1
    if name == "-":
        return sys.stdin.read(most)
    try:
        with Path(name).open("rb") as file:
            return file.read(most).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{name}: is not UTF-8 text") from None


def _known(ws: Workspace, slug: str) -> list[Found]:
    from crmctl.insight.technographics import technologies
    from crmctl.insight.technographics_rules import load_technologies
    from crmctl.insight.text_rules import load_rules
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace.store import Reader

    reader = Reader(ws.root, ws.ranking)
    found = reader.account(slug)
    if found is None:
        raise DamagedFile(reader.problems)
    return technologies(found, load_technologies(ws.root), load_rules(ws.root), ws.today)


def _print(current: Session, slug: str, notes: list[str], shape: str) -> None:
    from crmctl.insight.citing import Lines

    lines = Lines(current.ws.root, slug)
    found = _known(current.ws, slug)
    if shape == "json":
        pages = [lines.cited(_document(each)) for each in found]
        current.out.json({"account": slug, "technologies": pages, "left_alone": notes})
        return
    rows = [_row(each, lines, slug if current.out.people else "") for each in found]
    current.out.records(COLUMNS, rows, style=shape, people=PEOPLE, wrap=True)
    if not found:
        current.out.say(f"{slug}: nothing is known of their technologies yet")


def _document(found: Found) -> dict[str, Any]:
    return {
        "technology": found.name,
        "category": found.category,
        "status": found.status,
        "strength": found.strength,
        "age_days": found.age,
        "implied_by": found.implied_by or None,
        "evidence": [piece._asdict() for piece in found.evidence],
    }


def _row(found: Found, lines: Any, folder: str) -> dict[str, Any]:
    """The newest piece stands for all; ``folder`` is left out of its place for people, who see it anyway."""
    newest = found.evidence[0]
    said = f"{newest.quote} (implied by {found.implied_by})" if found.implied_by else newest.quote
    return {
        "technology": found.name,
        "category": found.category,
        "status": found.status,
        "strength": f"{found.strength:.2f}",
        "age_days": found.age,
        "kind": newest.kind,
        "source": lines.cite(newest.source).removeprefix(f"accounts/{folder}/"),
        "quote": said,
    }


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("research")(research)
