"""review, onboarding: documents that crmctl and people write together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Account, Commit, DryRun, Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
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
) -> Planned:
    """Write a document, show it, and name the sections that a person edited and that therefore stayed.

    Without ``show`` the caller shows what is returned.
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
    if not show or (dry_run and not json):
        return changes, text, kept
    if json:
        current.out.json(
            {
                "account": slug,
                "paths": changes.paths,
                "kept": [c.section for c in kept],
                "text": text,
            }
        )
    else:
        current.out.document(text)
    return changes, text, kept


def review(
    ctx: typer.Context,
    account: Account,
    quarter: Annotated[
        str,
        typer.Option(
            "--quarter", metavar="YYYY-QN", help="Such as 2026-q4; this quarter by default."
        ),
    ] = "",
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Write an account's review into reviews/ and show it.

    Sections: health, relationships, opportunities, competition, expansion, actions for next quarter.
    What people wrote in it is kept when it is made again.

    Example: crmctl review acme --quarter 2026-q4
    """
    from crmctl.render.review import plan_review
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    write_document(
        current,
        "review",
        slug,
        lambda: plan_review(current.ws, slug, quarter=quarter or None),
        json=json,
        dry_run=dry_run,
        commit=commit,
    )


def onboarding(
    ctx: typer.Context,
    account: Account,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Write a new customer's onboarding checklist.

    Example: crmctl onboarding acme
    """
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
    )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("review")(review)
    app.command("onboarding")(onboarding)
