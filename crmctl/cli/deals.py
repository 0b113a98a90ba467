"""deal: add, list, stage, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace.changes import ChangeSet

LISTED = ("account", "id", "name", "stage", "status", "amount", "currency", "close")
READ = ("account", "name", "stage", "amount", "currency", "close", "status", "id")
Deal = Annotated[str, typer.Argument(metavar="DEAL", help="The deal's file, name or a part of it.")]


def add(
    ctx: typer.Context,
    account: Account,
    name: Annotated[str, typer.Argument(help="What is being sold.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...", help="amount=, close=, stage=, probability=, type= ..."
        ),
    ] = None,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Add a deal to an account.

    Example: crmctl deal add acme "Fleet telemetry" amount=48000 currency=GBP close=2027-04-30
    """
    from crmctl.workspace import authoring, paths, resolve
    from crmctl.workspace.changes import ChangeSet

    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account)
    stated: dict[str, Any] = {"name": name.strip(), "status": "open", "opened": ws.today}
    stated |= authoring.assignments("deal", values or [])
    stated.setdefault("stage", ws.config.deal_stages[0])
    if "amount" in stated:
        stated.setdefault("currency", ws.config.currency)
    stated.setdefault("stage_history", [{"stage": stated["stage"], "at": ws.today}])

    def plan() -> ChangeSet:
        changes = ChangeSet()
        path = authoring.unused(
            ws, changes, paths.slug(name, fallback="deal"), lambda deal: paths.deal(slug, deal)
        )
        authoring.create(ws, changes, path, stated)
        return changes

    current.carry_out(
        "deal add", plan, dry_run=dry_run, commit=commit, subject=f"{slug}: add a deal"
    )


def list_deals(
    ctx: typer.Context,
    account: MaybeAccount = None,
    filters: Annotated[
        list[str] | None, typer.Option("--where", "-w", metavar="FILTER", help="As in `list`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed deals as well.")] = False,
    sort: Annotated[str, typer.Option("--sort", "-s", help="Fields to sort by.")] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List open deals, of one account or of all.

    Example: crmctl deal list --where 'close<30d' --sort -amount
    """
    from crmctl.cli.listing import run_record_list

    def keep(row: dict[str, Any]) -> bool:
        return everything or row.get("status") in (None, "open")

    run_record_list(
        session(ctx),
        "deal",
        LISTED,
        READ,
        account,
        filters or [],
        sort,
        style(json, csv),
        keep=keep,
    )


def stage(
    ctx: typer.Context,
    account: Account,
    deal: Deal,
    to: Annotated[str, typer.Argument(metavar="STAGE", help="The new stage.")],
    at: Annotated[str, typer.Option("--at", metavar="DATE", help="When; today by default.")] = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Move a deal to another stage, kept in its history.

    Example: crmctl deal stage acme fleet-telemetry proposal
    """
    known = session(ctx).ws.config.deal_stages
    if to not in known:
        from crmctl.model.errors import UsageError

        raise UsageError(
            f"{to!r} is no stage of ours (deal_stages in crmctl.yaml: {', '.join(known)}); "
            "`crmctl deal close` ends a deal"
        )
    _edit(ctx, account, deal, {"stage": to}, at, f"stage {to}", dry_run=dry_run, commit=commit)


def close(
    ctx: typer.Context,
    account: Account,
    deal: Deal,
    won: Annotated[bool, typer.Option("--won/--lost", help="How it ended.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why it was lost.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="DATE", help="When; today by default.")] = "",
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Close a deal as won or lost.

    Example: crmctl deal close acme fleet-telemetry --won
    """
    status = "won" if won else "lost"
    stated: dict[str, Any] = {"stage": status, "status": status, "probability": 100 if won else 0}
    if reason:
        stated["lost_reason"] = reason
    _edit(ctx, account, deal, stated, at, status, dry_run=dry_run, commit=commit, closing=True)


def _edit(
    ctx: typer.Context,
    account: str,
    deal: str,
    stated: dict[str, Any],
    at: str,
    what: str,
    *,
    dry_run: bool,
    commit: bool,
    closing: bool = False,
) -> None:
    from crmctl.cli.listing import find_record
    from crmctl.cli.parse import day
    from crmctl.workspace import splice

    current = session(ctx)
    target = find_record(current, account, deal, "deal")
    when = day(at, current.ws, past=True) if at else current.ws.today
    wanted = {**stated, **({"close": when} if closing else {})}

    def edits(record: Record) -> list[splice.Change]:
        needed: list[splice.Change] = [
            splice.Set((name,), value)
            for name, value in wanted.items()
            if record.get(name) != value
        ]
        if needed and record.text("stage") != wanted["stage"]:
            entry = {"stage": wanted["stage"], "at": when}
            path = ("stage_history",)
            known = record.own.get("stage_history")
            needed.append(splice.Append(path, entry) if known else splice.Set(path, [entry]))
        return needed

    current.edit_record("deal", target, edits, what, dry_run=dry_run, commit=commit)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    deal = group("Opportunities: add, list, stage, close.")
    deal.command("add")(add)
    deal.command("list")(list_deals)
    deal.command("stage")(stage)
    deal.command("close")(close)
    app.add_typer(deal, name="deal")
