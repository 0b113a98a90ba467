"""task: add, list, done, snooze."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace.changes import ChangeSet

LISTED = ("due", "account", "title", "owner", "priority", "id")
READ = ("due", "title", "account", "owner", "priority")
Task = Annotated[
    str, typer.Argument(metavar="TASK", help="The task's file, title or a part of it.")
]


def add(
    ctx: typer.Context,
    account: Account,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    due: Annotated[
        str,
        typer.Option(
            "--due", "-d", metavar="DATE", help="By when: a date, tomorrow, friday, 3d, 2w."
        ),
    ] = "7d",
    owner: Annotated[
        str, typer.Option("--owner", "-o", help="Who does it; the account's owner by default.")
    ] = "",
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]...", help="priority=, deal=, with= ..."),
    ] = None,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Add a task to an account.

    Example: crmctl task add acme "Send the revised quote" --due friday priority=high
    """
    from crmctl.cli.parse import day
    from crmctl.render.show import find
    from crmctl.workspace import authoring, paths, resolve
    from crmctl.workspace.changes import ChangeSet

    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account)
    when = day(due, ws)
    who = owner or find(ws, slug, "").get("owner") or ws.config.default_owner or None
    stated: dict[str, Any] = {"title": title.strip(), "owner": who, "due": when, "status": "open"}
    stated |= authoring.assignments("task", values or [])

    def plan() -> ChangeSet:
        changes = ChangeSet()
        path = paths.task(
            slug, when, paths.slug(title, fallback="task", limit=40), paths.short_id(ws.rng)
        )
        authoring.create(ws, changes, path, stated)
        return changes

    current.carry_out(
        "task add", plan, dry_run=dry_run, commit=commit, subject=f"{slug}: add a task"
    )


def list_tasks(
    ctx: typer.Context,
    account: MaybeAccount = None,
    owner: Annotated[str, typer.Option("--owner", "-o", help="Only this person's.")] = "",
    filters: Annotated[
        list[str] | None, typer.Option("--where", "-w", metavar="FILTER", help="As in `list`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Finished ones as well.")] = False,
    sort: Annotated[str, typer.Option("--sort", "-s", help="Fields to sort by.")] = "due",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List open tasks, of one account or of all, by due date.

    Example: crmctl task list --owner ana --where 'due<7d'
    """
    from crmctl.cli.listing import run_record_list

    def keep(row: dict[str, Any]) -> bool:
        return everything or row.get("status") in (None, "open")

    wanted = [*(filters or []), *([f"owner={owner}"] if owner else [])]
    run_record_list(
        session(ctx), "task", LISTED, READ, account, wanted, sort, style(json, csv), keep=keep
    )


def done(
    ctx: typer.Context,
    account: Account,
    task: Task,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="It will not be done.")] = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Mark a task done.

    Example: crmctl task done acme quote
    """
    _edit(
        ctx, account, task, "cancelled" if cancelled else "done", "", dry_run=dry_run, commit=commit
    )


def snooze(
    ctx: typer.Context,
    account: Account,
    task: Task,
    until: Annotated[
        str, typer.Argument(metavar="DATE", help="The new due date: a date, monday, 3d, 2w.")
    ],
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Put a task off.

    Example: crmctl task snooze acme quote monday
    """
    _edit(ctx, account, task, "", until, dry_run=dry_run, commit=commit)


def _edit(
    ctx: typer.Context,
    account: str,
    task: str,
    status: str,
    until: str,
    *,
    dry_run: bool,
    commit: bool,
) -> None:
    from crmctl.cli.listing import find_record
    from crmctl.cli.parse import day
    from crmctl.workspace import splice

    current = session(ctx)
    ws = current.ws
    target = find_record(current, account, task, "task")
    stated = {"status": status, "done": ws.today} if status else {"due": day(until, ws)}

    def edits(record: Record) -> list[splice.Change]:
        # Done is done on the day it was done first.
        if all(record.get(name) == value for name, value in stated.items() if name != "done"):
            return []
        return [splice.Set((name,), value) for name, value in stated.items()]

    named = status or "snoozed"
    current.edit_record("task", target, edits, named, dry_run=dry_run, commit=commit)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    task = group("Work with an owner and a date: add, list, done, snooze.")
    task.command("add")(add)
    task.command("list")(list_tasks)
    task.command("done")(done)
    task.command("snooze")(snooze)
    app.add_typer(task, name="task")
