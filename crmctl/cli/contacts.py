"""contact: add, list, edit, move, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import Session, session

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


def export(
    ctx: typer.Context,
    account: Account,
    person: Annotated[str, typer.Argument(help="The contact.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write JSON there, readable by you alone."),
    ] = None,
    json: Json = False,
) -> None:
    """Show everything the workspace holds about a person.

    For somebody who asks to see it: every value with who states it, the records and synced lines that name the
    person, and prose that mentions the name or an address. Git history and `.git/crmctl/` are not looked into.

    Example: crmctl contact export acme ines-okafor --out ines.json
    """
    from crmctl.cli.listing import find_record
    from crmctl.privacy.person import about

    current = session(ctx)
    page = about(current.ws, find_record(current, account, person, "contact"))
    if out is not None:
        _write_private(current, out, page)
    elif json:
        current.out.json(page)
    else:
        rows = [
            {"what": n, "where": page["path"], "text": v["value"]}
            for n, v in page["fields"].items()
        ]
        rows += [
            {"what": r["kind"], "where": r["path"], "text": r["title"]} for r in page["records"]
        ]
        rows += [
            {"what": e["type"], "where": e["where"], "text": e.get("subject") or e.get("text")}
            for e in page["events"]
        ]
        rows += [
            {"what": "mention", "where": m["where"], "text": m["line"]} for m in page["mentions"]
        ]
        current.out.records(("what", "where", "text"), rows)
    for problem in page["unread"]:
        current.out.warn(problem)


def _write_private(current: Session, out: Path, page: dict[str, Any]) -> None:
    import os

    from crmctl.model.errors import CrmError, UsageError
    from crmctl.workspace.index import as_json

    target = out.resolve()
    if target.is_relative_to(current.ws.root):
        raise UsageError(
            f"{out}: lies in the workspace, where everyone would get it; choose a place outside"
        )
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError(f"{out}: exists already; name another file") from None
    except OSError as error:
        raise CrmError(f"{out}: cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(as_json(page) + "\n")
    current.out.say(f"created {out}")


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

    contact = group("People: add, list, edit, move, export.")
    contact.command("add")(add)
    contact.command("list")(list_contacts)
    contact.command("edit")(edit)
    contact.command("move")(move)
    contact.command("export")(export)
    app.add_typer(contact, name="contact")
