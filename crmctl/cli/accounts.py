"""list, show, set, unset, edit, stage, search: the company itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.account_list import run_list
from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, style
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace import splice
    from crmctl.workspace.changes import ChangeSet


def list_accounts(
    ctx: typer.Context,
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]...",
            help="field=value, field<value, field>value, field~part, field!=value.",
        ),
    ] = None,
    columns: Annotated[
        str, typer.Option("--columns", "-c", help="Fields to show, parted by commas.")
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", "-s", help="Fields to sort by; -field for falling.")
    ] = "account",
    limit: Annotated[int, typer.Option("--limit", "-L", min=0, help="At most so many rows.")] = 0,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List accounts, by any field.

    A terminal gets a table, a pipe tab-separated values. `field<90d` means a date in less than 90 days.

    Example: crmctl list stage=customer 'renewal<90d' --sort -arr
    """
    run_list(
        session(ctx), filters or [], columns=columns, sort=sort, limit=limit, shape=style(json, csv)
    )


def show(
    ctx: typer.Context,
    account: Account,
    record: Annotated[
        str, typer.Argument(metavar="[RECORD]", help="A contact, deal or task of the account.")
    ] = "",
    json: Json = False,
) -> None:
    """Show an account or a record: what holds, and who states it.

    Example: crmctl show acme
    """
    from crmctl.render import show as pages
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    page = (
        pages.record_page(current.ws, slug, record)
        if record
        else pages.account_page(current.ws, slug)
    )
    if json:
        current.out.json(page)
    else:
        pages.print_page(current.out, page)


def _target(current: Session, account: str, record: str) -> Any:
    from crmctl.render import show as pages
    from crmctl.workspace import resolve

    return pages.find(current.ws, resolve.account(current.ws, account), record)


RecordOption = Annotated[
    str,
    typer.Option("--of", metavar="RECORD", help="A contact, deal or task instead of the account."),
]


def set_values(
    ctx: typer.Context,
    account: Account,
    values: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="What to state.")],
    of: RecordOption = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """State values yourself; they hold over what any system says.

    Example: crmctl set acme owner=ana renewal=2027-03-31
    """
    from crmctl.workspace import authoring, splice

    current = session(ctx)
    target = _target(current, account, of)
    stated = authoring.assignments(target.kind, values, target)

    def edits(record: Record) -> list[splice.Change]:
        return [splice.Set((n,), v) for n, v in stated.items() if record.own.get(n) != v]

    named = f"set {', '.join(stated)}"
    current.edit_record("set", target, edits, named, dry_run=dry_run, commit=commit)


def unset_values(
    ctx: typer.Context,
    account: Account,
    fields: Annotated[
        list[str], typer.Argument(metavar="FIELD...", help="Fields to stop stating.")
    ],
    of: RecordOption = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Stop stating values, so that the best system's hold again.

    Example: crmctl unset acme phone
    """
    from crmctl.workspace import authoring, splice

    current = session(ctx)
    target = _target(current, account, of)
    names = [authoring.field_of(target.kind, name, target).name for name in fields]

    def edits(record: Record) -> list[splice.Change]:
        return [splice.Unset((name,)) for name in names if name in record.own]

    named = f"unset {', '.join(names)}"
    current.edit_record("unset", target, edits, named, dry_run=dry_run, commit=commit)


def edit(
    ctx: typer.Context,
    account: Account,
    record: Annotated[
        str, typer.Argument(metavar="[RECORD]", help="A contact, deal or task of the account.")
    ] = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Edit a file in your editor, and check it afterwards.

    The editor is $VISUAL or $EDITOR. A file with a wrong value is not written; your draft is kept.

    Example: crmctl edit acme
    """
    from crmctl.cli import editor
    from crmctl.render import show as pages
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    path = pages.find_path(current.ws, slug, record)
    editor.edit_file(current, path, dry_run=dry_run, commit=commit)


def stage(
    ctx: typer.Context,
    account: Account,
    stage_or_step: Annotated[
        str,
        typer.Argument(
            metavar="[STAGE|STEP]", help="Where it moves; without it, show where it stands."
        ),
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="DATE", help="When it moved; today by default.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the history.")] = "",
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Lay out the stage's tasks as well.")
    ] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Move an account to a lifecycle stage or step, or show it.

    Stages: prospect, opportunity, customer, churn_risk. Each has five steps; `crmctl stage ACCOUNT` shows them.

    Example: crmctl stage acme adoption --reason "first team is live"
    """
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError
    from crmctl.model.lifecycle import ALL_STEPS, STEPS, stage_of
    from crmctl.workspace import authoring

    current = session(ctx)
    target = _target(current, account, "")
    if not stage_or_step and (at or reason or tasks):
        raise UsageError("say to which stage or step it moves")
    if not stage_or_step:
        from crmctl.render import show as pages

        pages.print_stage(current.out, target, json=json)
        return
    wanted = stage_or_step.lower().replace("-", "_")
    if wanted in STEPS:
        stage_name, step = wanted, None
    elif wanted in ALL_STEPS:
        stage_name, step = stage_of(wanted), wanted
    else:
        raise UsageError(
            f"{stage_or_step!r} is no stage or step; there are: {', '.join((*STEPS, *ALL_STEPS))}"
        )
    when = day(at, current.ws) if at else current.ws.today

    def edits(record: Record) -> list[splice.Change]:
        return authoring.stage_move(record, stage_name, step, when, reason)

    def laid_out(changes: ChangeSet) -> None:
        if tasks:
            owner = target.get("owner")
            authoring.lay_out_tasks(current.ws, changes, target.id, stage_name, owner)

    current.edit_record(
        "stage", target, edits, wanted, dry_run=dry_run, commit=commit, besides=laid_out
    )


def search(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORD...", help='Words; "a phrase" in quotes; begin* matches.'),
    ],
    account: Annotated[str, typer.Option("--account", "-a", help="Only this account.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-L", min=1, help="At most so many hits.")] = 20,
    json: Json = False,
) -> None:
    """Search all text: records, conversations, mail, documents.

    Example: crmctl search "security review"
    """
    from crmctl.workspace import resolve
    from crmctl.workspace import search as searching
    from crmctl.workspace.index import opened

    current = session(ctx)
    slug = resolve.account(current.ws, account) if account else None
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    with opened(current.ws.root, current.ws.state_dir) as index:
        hits = searching.search(index, query, account=slug, limit=limit)
    rows = [
        {
            "account": h.account,
            "where": f"{h.path}:{h.line}" if h.line else h.path,
            "title": h.title,
            "passage": h.passage,
        }
        for h in hits
    ]
    current.out.records(
        ("account", "where", "title", "passage"), rows, style="json" if json else ""
    )
    if not rows and not json:
        current.out.say("nothing found")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("list")(list_accounts)
    app.command("show")(show)
    app.command("set")(set_values)
    app.command("unset")(unset_values)
    app.command("edit")(edit)
    app.command("stage")(stage)
    app.command("search")(search)
