"""unmatched: what the systems gave that fits no account, and how an account claims it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.model.incoming import Waiting
    from crmctl.workspace.changes import ChangeSet


def unmatched(
    ctx: typer.Context,
    system: Annotated[
        str, typer.Option("--system", metavar="SOURCE", help="Only what this source gave.")
    ] = "",
    domain: Annotated[str, typer.Option("--domain", help="Only what is of this domain.")] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List what the systems gave that fits no account.

    Its system, kind, id, date and company's domain; nothing else of it is kept. It is read whole once an account
    claims it (`crmctl claim`), or has its domain.

    Example: crmctl unmatched --system email
    """
    from crmctl.sync import unmatched as waiting

    current = session(ctx)
    found = [
        w
        for w in waiting.load(current.ws.state_dir)
        if w.system == (system or w.system) and w.domain == (domain or w.domain)
    ]
    rows = [{k: v for k, v in asdict(w).items() if k != "origin"} for w in found]
    columns = ("system", "kind", "id", "date", "domain")
    current.out.records(columns, rows, style=style(json, csv))
    if not found and not (json or csv):
        current.out.say("everything that was read has its account")


def claim(
    ctx: typer.Context,
    what: Annotated[
        str, typer.Argument(help="A domain, or SYSTEM:ID of one that `crmctl unmatched` lists.")
    ],
    account: Account,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Give what fits no account to one.

    One record, one channel, or all of a domain: the next sync reads it whole. A domain becomes one of the account's
    own.

    Example: crmctl claim slack:C07ACME001 acme
    """
    from crmctl.model.identity import registrable_domain
    from crmctl.sync import unmatched as waiting
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    listed = waiting.load(current.ws.state_dir)
    one = [w for w in listed if what in {f"{w.system}:{w.id}", w.id}]
    if one:
        if commit and _unsettled(ctx, one):
            from crmctl.model.errors import DecisionNeeded

            # The state also says how far an earlier sync read, and it must not go ahead of those records.
            raise DecisionNeeded(
                "a sync is not committed yet: run `crmctl sync --commit`, then this"
            )
        current.carry_out(
            f"claim {what}",
            lambda: _claim(ctx, one, slug),
            dry_run=dry_run,
            commit=commit,
            subject=f"{slug}: claim {one[0].system} {one[0].kind} {one[0].id}",
        )
    else:
        domain = registrable_domain(what) if ":" not in what else None
        if domain is None:
            from crmctl.model.errors import UsageError

            raise UsageError(
                f"{what!r} is no domain and nothing that waits; `crmctl unmatched` lists what does"
            )
        _own(ctx, domain, slug, dry_run=dry_run, commit=commit)
    systems = sorted({w.system for w in one or listed if one or w.domain == what})
    if systems and not dry_run:
        current.out.say(f"`crmctl sync {' '.join(systems)}` reads it now")


def _unsettled(ctx: typer.Context, waiting: list[Waiting]) -> bool:
    """Whether a state that is to hold a claim has something in it that is not committed."""
    from crmctl.sync.claims import plan_claims

    ws = session(ctx).ws
    return bool(ws.git.dirty(plan_claims(ws, waiting, "").paths))


def _claim(ctx: typer.Context, waiting: list[Waiting], slug: str) -> ChangeSet:
    """The claims in the states of their sources; every mailbox of a system learns of it."""
    from crmctl.sync.claims import plan_claims

    return plan_claims(session(ctx).ws, waiting, slug)


def _own(ctx: typer.Context, domain: str, slug: str, *, dry_run: bool, commit: bool) -> None:
    """Make a domain one of the account's own."""
    from crmctl.workspace import paths, splice
    from crmctl.workspace.store import read_file

    current = session(ctx)
    record = read_file(current.ws.root, paths.profile(slug), current.ws.ranking)[0]

    def edits(now: object) -> list[splice.Change]:
        held = list(getattr(now, "own", {}).get("domains") or record.get("domains") or ())
        return [] if domain in held else [splice.Set(("domains",), [*held, domain])]

    current.edit_record("claim", record, edits, f"domain {domain}", dry_run=dry_run, commit=commit)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("unmatched")(unmatched)
    app.command("claim")(claim)
