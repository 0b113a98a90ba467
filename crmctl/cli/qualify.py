"""qualify: how far deals are proven, what to ask next, and what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit, Csv, DryRun, Html, Json, MaybeAccount, Pdf, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.documents import Papers
    from crmctl.cli.session import Session
    from crmctl.insight.qualification_list import Row
    from crmctl.insight.weights import Weights

COLUMNS = (
    "account", "deal", "stage", "framework", "points", "most", "verdict", "gate", "missed", "risk", "ask", "of",
)  # fmt: skip
READ = ("account", "deal", "stage", "points", "most", "missed", "ask", "verdict", "framework", "of")


def qualify(
    ctx: typer.Context,
    account: MaybeAccount = None,
    deal: Annotated[
        str, typer.Argument(metavar="[DEAL]", help="The deal's file, name or a part of it.")
    ] = "",
    framework: Annotated[
        str, typer.Option("--framework", metavar="NAME", help="Such as bant; else by the rules.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=LEVEL", help="Write down a level, 0 to 3."),
    ] = None,
    evidence: Annotated[
        str, typer.Option("--evidence", metavar="FILE:LINE", help="What of the account shows it.")
    ] = "",
    quote: Annotated[
        str, typer.Option("--quote", metavar="TEXT", help="The words in it; the line by default.")
    ] = "",
    person: Annotated[
        str, typer.Option("--person", metavar="CONTACT", help="Who said it, if that is not clear.")
    ] = "",
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="What shows it, in your own words.")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="DATE", help="When, if the file does not say.")
    ] = "",
    json: Json = False,
    csv: Csv = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Show how far open deals are qualified, and what to ask next.

    Without a deal: open deals with points, gates passed by (missed) and what to ask first. With a deal: its review,
    with what is proven, by what, and whom to ask. With --set: a level and its evidence; the kind of evidence bounds
    how much of the level counts.

    Example: crmctl qualify acme fleet --set budget=2 --evidence interactions/2026-11-02-call-ab12.md:18
    """
    from crmctl.cli.documents import Papers
    from crmctl.insight.weights import load_weights
    from crmctl.model.errors import UsageError

    current = session(ctx)
    weights = load_weights(current.ws.root)
    known = weights.qualification.frameworks
    if framework and framework not in known:
        raise UsageError(f"--framework: found {framework!r}; allowed: {', '.join(known)}")
    shows = {
        "--evidence": evidence,
        "--quote": quote,
        "--person": person,
        "--note": note,
        "--at": at,
    }
    if not settings and (given := [name for name, value in shows.items() if value]):
        raise UsageError(f"{given[0]} belongs to --set")
    if quote and not evidence:
        raise UsageError("--quote: name the file with --evidence as well")
    if settings and not (account and deal):
        raise UsageError("--set: name the account and the deal")
    if settings and (json or csv):
        raise UsageError("--set changes a deal; --json and --csv show deals")
    if (html or pdf) and (not deal or settings):
        raise UsageError(
            f"{'--html' if html else '--pdf'}: a deal's review is a document; name one"
        )
    if not deal:
        if commit:
            raise UsageError("--commit: a list writes nothing; name a deal")
        _list(current, account, framework, style(json, csv))
    elif csv:
        raise UsageError("--csv is for the list of deals; a review has --json")
    elif settings:
        _answer(current, weights, account or "", deal, settings, shows, dry_run, commit)
    else:
        papers = Papers(current, html, pdf, json=json)
        _review(
            current,
            account or "",
            deal,
            framework,
            papers,
            json=json,
            dry_run=dry_run,
            commit=commit,
        )


def _list(current: Session, account: str | None, framework: str, shape: str) -> None:
    from crmctl.insight.citing import Lines
    from crmctl.insight.qualification_list import open_deals
    from crmctl.workspace import resolve

    ws, out = current.ws, current.out
    slug = resolve.account(ws, account) if account else None
    found, problems = open_deals(ws, [slug] if slug else None, framework, offering=shape == "json")
    for problem in problems:
        out.warn(str(problem))
    if shape == "json":
        out.json([Lines(ws.root, row.account).cited(_plain(row)) for row in found])
        return
    out.records(COLUMNS, [_row(row) for row in found], style=shape, people=READ)
    if not found and not shape:
        out.say("no open deals")


def _row(row: Row) -> dict[str, Any]:
    found = row.found
    first = found.gaps[0] if found.gaps else None
    return {
        "account": row.account,
        "deal": row.deal.id,
        "stage": row.deal.text("stage"),
        "framework": found.framework,
        "points": found.points,
        "most": found.most,
        "verdict": found.verdict,
        "gate": "" if found.gate is None else f"{found.gate.stage} {found.gate.least}",
        "missed": ", ".join(f"{gate.stage} {gate.least}" for gate in found.missed),
        "risk": found.risk,
        "ask": first.component if first else "",
        "of": first.ask[0].id if first and first.ask else "",
    }


def _plain(row: Row) -> dict[str, Any]:
    from crmctl.model.plain import plain

    deal = {"account": row.account, "deal": row.deal.id, "path": row.deal.path}
    about = {"name": row.deal.title, "deal_stage": row.deal.text("stage")}
    return {**deal, **about, **plain(row.found), "offers": plain(row.offers)}


def _review(
    current: Session,
    account: str,
    deal: str,
    framework: str,
    papers: Papers,
    *,
    json: bool,
    dry_run: bool,
    commit: bool,
) -> None:
    from crmctl.cli.listing import find_record
    from crmctl.cli.review import write_document
    from crmctl.render.documents import plan_document

    found = find_record(current, account, deal, "deal")
    write_document(
        current,
        "deal-review",
        found.account,
        lambda: plan_document(
            current.ws, found.account, "deal-review", deal=found.id, framework=framework
        ),
        json=json,
        dry_run=dry_run,
        commit=commit,
        papers=papers,
    )


def _answer(
    current: Session,
    weights: Weights,
    account: str,
    deal: str,
    settings: list[str],
    shows: dict[str, str],
    dry_run: bool,
    commit: bool,
) -> None:
    from crmctl.cli.parse import day
    from crmctl.insight import qualification_answer as answering
    from crmctl.insight.qualification import qualify as qualified
    from crmctl.insight.qualification_evidence import Sources
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace import resolve
    from crmctl.workspace.store import Reader

    ws, how = current.ws, weights.qualification
    levels = answering.levels(settings, how)
    reader = Reader(ws.root, ws.ranking)
    read = reader.account(resolve.account(ws, account))
    if read is None:
        raise DamagedFile(reader.problems)
    target = resolve.record(read.deals, deal, "deal")
    who = (
        resolve.record(read.contacts, shows["--person"], "contact").id if shows["--person"] else ""
    )
    when = day(shows["--at"], ws, past=True) if shows["--at"] else None
    given = answering.Answer(
        levels, shows["--evidence"], shows["--quote"], shows["--note"].strip(), who, when
    )
    sources = Sources(read, ws.root)
    rows = answering.rows(given, sources, ws.today)
    named = ", ".join(f"{name} {level}" for name, level in levels.items())
    current.edit_record(
        "qualify",
        target,
        lambda record: answering.changes(record, rows),
        f"qualification: {named}",
        dry_run=dry_run,
        commit=commit,
    )
    then = answering.with_rows(target, rows)
    for name, frame in how.frameworks.items():
        if not levels.keys() & frame.components.keys():
            continue
        for part in qualified(then, sources, how, ws.today, name).components:
            if part.name in levels:
                shown = "?" if part.level is None else part.level
                why = f" ({'; '.join(part.problems)})" if part.problems else ""
                current.out.say(f"{part.name}: {shown} counts{why}")


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("qualify")(qualify)
