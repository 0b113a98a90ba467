"""plan and brief: the account plan, and one page before a call; and any document as a page or a PDF."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Account, Commit, DryRun, Html, Json, Pdf
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from pathlib import Path


class Papers:
    """The page and the PDF that a command was asked for, checked before it does anything.

    UsageError for a place where none may lie, ConfigError where the extra for PDF is missing.
    """

    def __init__(self, current: Session, html: str, pdf: str, *, json: bool = False) -> None:
        from crmctl.model.errors import UsageError
        from crmctl.render.paper_file import STDOUT, place

        self.current = current
        self.given = {"html": html, "pdf": pdf}
        self.printed = html == STDOUT
        if self.printed and json:
            raise UsageError("--html - prints a page and --json prints JSON; name a file for one")
        self.files: dict[str, Path] = {}
        if html and not self.printed:
            self.files["html"] = place(current.ws, html, ".html")
        if pdf:
            from crmctl.render.paper_pdf import library

            self.files["pdf"] = place(current.ws, pdf, ".pdf")
            library()

    def __bool__(self) -> bool:
        return self.printed or bool(self.files)

    def make(
        self,
        document: str,
        slug: str,
        *,
        drawing: Callable[[], str] | None = None,
        dense: bool = False,
        dry_run: bool = False,
    ) -> dict[str, str]:
        """Write what was asked for of a Markdown document; the files, as they were named, by what they are."""
        from crmctl.render.paper import Paper, page
        from crmctl.render.paper_file import write
        from crmctl.workspace import paths
        from crmctl.workspace.store import read_file

        current, ws = self.current, self.current.ws
        if self and not dry_run:
            name = read_file(ws.root, paths.profile(slug), ws.ranking)[0].title
            picture = drawing() if drawing else ""
            about = Paper(name, ws.config.company, ws.today, picture, dense)
            if self.printed:
                current.out.out.write(page(document, about))
            if "html" in self.files:
                write(self.files["html"], page(document, about).encode())
            if "pdf" in self.files:
                from crmctl.render.paper_pdf import pdf

                write(self.files["pdf"], pdf(page(document, about, ws.config.documents.paper)))
        for kind in self.files:
            current.out.say(f"{'would write' if dry_run else 'wrote'} {self.given[kind]}")
        return {kind: self.given[kind] for kind in self.files}


def plan(
    ctx: typer.Context,
    account: Account,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Write an account's plan for the next 90 days and show it.

    Situation, goals, people and gaps, room for more, risks and who is on them, what to do by whom until when, how we
    will know: all from the records, each with its file and line. The strategy is yours, and what people wrote is kept
    when it is made again.

    Example: crmctl plan acme --pdf acme-plan.pdf
    """
    from crmctl.cli.review import write_document
    from crmctl.render.account_plan import plan_account_plan
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    write_document(
        current,
        "plan",
        slug,
        lambda: plan_account_plan(current.ws, slug),
        json=json,
        dry_run=dry_run,
        commit=commit,
        papers=Papers(current, html, pdf, json=json),
    )


def brief(
    ctx: typer.Context,
    account: Account,
    write: Annotated[
        bool, typer.Option("--write", help="Keep it in plans/, with room for your notes.")
    ] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Print one page before a call: whom, what changed, what to ask.

    Whom you meet, what changed since you last spoke, who owes what, goals, risks, what to ask and three things to say,
    each with its file and line; never more than one sheet. Writes nothing, unless --write keeps it.

    Example: crmctl brief acme --pdf brief.pdf
    """
    from crmctl.cli.review import write_document
    from crmctl.model.errors import UsageError
    from crmctl.render.brief import context, plan_brief, shown, written
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    if not write and (commit or dry_run):
        raise UsageError(f"{'--commit' if commit else '--dry-run'} goes with --write")
    slug = resolve.account(ws, account)
    papers = Papers(current, html, pdf, json=json)
    if write:
        write_document(
            current,
            "brief",
            slug,
            lambda: plan_brief(ws, slug),
            json=json,
            dry_run=dry_run,
            commit=commit,
            papers=papers,
            dense=True,
        )
        return
    found = context(ws, slug)
    document = written(ws, found)
    files = papers.make(document, slug, dense=True)
    if json:
        current.out.json(found | ({"files": files} if files else {}))
    elif not papers:
        current.out.document(shown(document))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("plan")(plan)
    app.command("brief")(brief)
