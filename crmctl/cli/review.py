"""review, onboarding: documents that crmctl and people write together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Account, Commit, DryRun, Html, Json, Pdf
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.cli.documents import Papers
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet

    Planned = tuple[ChangeSet, str, list[Conflict]]


def write_document(
    current: Session,
    command: str,
    slug: str,
    plan: Callable[[], Planned],
    *,
    json: bool = False,
    dry_run: bool = False,
    commit: bool = False,
    show: bool = True,
    papers: Papers | None = None,
    dense: bool = False,
) -> Planned:
    """Write a document, show it, and name the sections that a person edited and that therefore stayed.

    Without ``show`` the caller shows what is returned. ``papers`` are made of the document as it then is, in place of
    showing it; ``dense`` for one that fits one sheet.
    """
    made: list[Planned] = []

    def changes_of() -> ChangeSet:
        made[:] = [plan()]
        return made[0][0]

    changes = current.carry_out(
        command,
        changes_of,
        dry_run=dry_run,
        commit=commit,
        subject=f"{slug}: {command}",
        json=json,
    )
    _, text, kept = made[0]
    for section in kept:
        current.out.warn(str(section))
    files = papers.make(text, slug, dense=dense, dry_run=dry_run) if papers else {}
    if not show or (dry_run and not json):
        return changes, text, kept
    if json:
        current.out.json(
            {
                "account": slug,
                "paths": changes.paths,
                "kept": [c.section for c in kept],
                "text": text,
                **({"files": files} if files else {}),
            }
        )
    elif not papers:
        current.out.document(text)
    return changes, text, kept


def review(
    ctx: typer.Context,
    account: Account,
    kind: Annotated[
        str,
        typer.Option(
            "--type", metavar="TYPE", help="account, qbr, ebr, deal, renewal or handover."
        ),
    ] = "account",
    quarter: Annotated[
        str,
        typer.Option(
            "--quarter", metavar="YYYY-QN", help="Such as 2026-q4; this quarter by default."
        ),
    ] = "",
    audience: Annotated[
        str,
        typer.Option(
            "--audience", metavar="WHO", help="internal, or customer: a version to hand over."
        ),
    ] = "internal",
    deal: Annotated[
        str,
        typer.Option("--deal", metavar="DEAL", help="For --type deal; the only open one if left."),
    ] = "",
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Write an account's review into reviews/ and show it.

    account: health, relationships, opportunities, competition, expansion, actions. qbr and ebr: what a quarterly
    and an executive business review is held from. renewal: are we ready for it. handover: to a colleague. deal: as
    qualify. The customer's version has nothing internal in it and a file of its own. What people wrote is kept.

    Example: crmctl review acme --type qbr --audience customer
    """
    from crmctl.cli.documents import Papers
    from crmctl.render.review import plan_review
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    chosen = _deal(current, slug, deal) if deal and kind == "deal" else deal
    write_document(
        current,
        "review",
        slug,
        lambda: plan_review(
            current.ws, slug, quarter=quarter or None, kind=kind, audience=audience, deal=chosen
        ),
        json=json,
        dry_run=dry_run,
        commit=commit,
        papers=Papers(current, html, pdf, json=json),
    )


def _deal(current: Session, slug: str, text: str) -> str:
    """The deal that a person means."""
    from crmctl.cli.listing import find_record

    return find_record(current, slug, text, "deal").id


def onboarding(
    ctx: typer.Context,
    account: Account,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Write a new customer's onboarding checklist.

    Example: crmctl onboarding acme
    """
    from crmctl.cli.documents import Papers
    from crmctl.render.documents import plan_document
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    write_document(
        current,
        "onboarding",
        slug,
        lambda: plan_document(current.ws, slug, "onboarding"),
        json=json,
        dry_run=dry_run,
        commit=commit,
        papers=Papers(current, html, pdf, json=json),
    )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("review")(review)
    app.command("onboarding")(onboarding)
