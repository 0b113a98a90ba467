"""signals: risks, chances and competitors of one account or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Csv, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.insight.signal_list import Listed
    from crmctl.workspace.workspace import Workspace

COLUMNS = (
    "account",
    "kind",
    "name",
    "strength",
    "half_life",
    "age",
    "text",
    "play",
    "source",
    "quote",
)
READ = ("strength", "account", "kind", "text", "age", "play", "source", "half_life")


def signals(
    ctx: typer.Context,
    account: MaybeAccount = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", "-k", help="risk, buying, expansion or competitor; may be given again."
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option("--since", metavar="DATE", help="Only what was seen on that day or later."),
    ] = "",
    owner: Annotated[str, typer.Option("--owner", "-o", help="Only accounts of this owner.")] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List risks, buying signals, chances to grow and competitors.

    They come from the records, the measures and what was said (signals.yaml), the strongest first: 1 is certain
    today, and what was said halves with its half-life. Each names the line it stands on. Nothing is written.

    Example: crmctl signals --kind risk --since 30d
    """
    from crmctl.insight.signal_list import listed
    from crmctl.insight.signals import KINDS, Signal
    from crmctl.model.errors import UsageError
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    kinds = set(kind or KINDS)
    unknown = sorted(kinds.difference(KINDS))
    if unknown:
        raise UsageError(f"--kind: found {unknown[0]!r}; allowed: {', '.join(KINDS)}")
    first = None
    if since:
        from crmctl.cli.parse import day

        first = day(since, ws, past=True)
    slugs = [resolve.account(ws, account)] if account else None
    if owner:
        slugs = _owned(ws, owner, slugs)

    def wanted(signal: Signal) -> bool:
        dated = first is None or (signal.as_of is not None and signal.as_of >= first)
        return signal.kind in kinds and dated

    found, problems = listed(ws, slugs, wanted)
    for problem in problems:
        current.out.warn(str(problem))
    shape = style(json, csv)
    if json:
        current.out.json([_plain(row) for row in found])
        return
    rows = [_row(row) for row in found]
    if current.out.people and not csv:
        for row in rows:
            row["source"] = row["source"].removeprefix(f"accounts/{row['account']}/")
    current.out.records(COLUMNS, rows, style=shape, people=READ, wrap=True)
    if not rows and not csv:
        current.out.say("no signals")


def _owned(ws: Workspace, owner: str, slugs: list[str] | None) -> list[str]:
    from crmctl.workspace.index import opened

    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("owner",))
    mine = [slug for slug, _, name in rows if (name or "").casefold() == owner.casefold()]
    return mine if slugs is None else [slug for slug in slugs if slug in mine]


def _plain(row: Listed) -> dict[str, Any]:
    signal = row.signal._asdict()
    play = signal.pop("action")
    return {"account": row.account} | signal | {"age_days": row.age, "play": play}


def _row(row: Listed) -> dict[str, Any]:
    signal, half_life = row.signal, row.signal.half_life_days
    return {
        "account": row.account,
        "kind": signal.kind,
        "name": signal.name,
        "strength": f"{signal.strength:.2f}",
        "half_life": "" if half_life is None else f"{half_life} d",
        "age": "" if row.age is None else f"{row.age} d",
        "text": signal.text,
        "play": signal.action,
        "source": signal.source,
        "quote": signal.quote,
    }


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("signals")(signals)
