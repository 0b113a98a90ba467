"""contact: add, list, edit, move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet

LISTED = ("account", "id", "name", "title", "roles", "email")
READ = ("account", "name", "title", "roles", "email", "id")


def add(
    ctx: typer.Context,
    account: Account,
    name: Annotated[str, typer.Argument(help="Full name.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...", help="title=, email=, roles=, seniority=, reports_to= ..."
        ),
    ] = None,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Add a person to an account.

    Example: crmctl contact add acme "Ines Okafor" title="Head of Operations" roles=champion,user
    """
    from crmctl.workspace import authoring, paths, resolve
    from crmctl.workspace.changes import ChangeSet

    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account)
    stated: dict[str, Any] = {
        "name": name.strip(),
        **authoring.assignments("contact", values or []),
    }

    def plan() -> ChangeSet:
        changes = ChangeSet()
        base = paths.slug(name, fallback="person")
        path = authoring.unused(ws, changes, base, lambda person: paths.contact(slug, person))
        authoring.create(ws, changes, path, stated)
        return changes

    current.carry_out(
        "contact add", plan, dry_run=dry_run, commit=commit, subject=f"{slug}: add a contact"
    )


def list_contacts(
    ctx: typer.Context,
    account: MaybeAccount = None,
    filters: Annotated[
        list[str] | None, typer.Option("--where", "-w", metavar="FILTER", help="As in `list`.")
    ] = None,
    sort: Annotated[str, typer.Option("--sort", "-s", help="Fields to sort by.")] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List people, of one account or of all.

    Example: crmctl contact list acme --where roles=champion
    """
    from crmctl.cli.listing import run_record_list

    run_record_list(
        session(ctx), "contact", LISTED, READ, account, filters or [], sort, style(json, csv)
    )


def edit(
    ctx: typer.Context,
    account: Account,
    person: Annotated[str, typer.Argument(help="The contact.")],
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Open a contact's file in your editor.

    Example: crmctl contact edit acme ines-okafor
    """
    from crmctl.cli import editor
    from crmctl.cli.listing import find_record

    current = session(ctx)
    path = find_record(current, account, person, "contact").path
    editor.edit_file(current, path, dry_run=dry_run, commit=commit)


def move(
    ctx: typer.Context,
    account: Account,
    person: Annotated[str, typer.Argument(help="The contact.")],
    to: Annotated[
        str, typer.Argument(metavar="TO_ACCOUNT", help="The account that person works for now.")
    ],
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Move a person to another account.

    For someone who changed company, or was filed wrongly. The old account keeps its history; records there name
    the person by the new place.

    Example: crmctl contact move acme ines-okafor globex
    """
    from crmctl.cli.listing import find_record
    from crmctl.sync.moving import plan_move
    from crmctl.workspace import resolve

    current = session(ctx)
    record = find_record(current, account, person, "contact")
    target = resolve.account(current.ws, to)

    def plan() -> ChangeSet:
        return plan_move(current.ws, record, target)

    subject = f"{record.account}: move a contact to {target}"
    current.carry_out("contact move", plan, dry_run=dry_run, commit=commit, subject=subject)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    contact = group("People: add, list, edit, move.")
    contact.command("add")(add)
    contact.command("list")(list_contacts)
    contact.command("edit")(edit)
    contact.command("move")(move)
    app.add_typer(contact, name="contact")
