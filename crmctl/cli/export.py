"""export and query: the workspace as tables, and the dates and people that calendars and phones take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Csv, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.session import Session

WHAT = "accounts,contacts,deals,interactions,tasks,usage,history"
Personal = Annotated[
    bool,
    typer.Option("--include-personal", help="Names, addresses and what was said, too."),
]


def export(
    ctx: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="PATH", help="A folder of its own; a file for vcard and ical."
        ),
    ],
    format: Annotated[
        str,
        typer.Option("--format", "-f", help="parquet, csv, jsonl, duckdb, vcard or ical."),
    ] = "parquet",
    what: Annotated[str, typer.Option("--what", metavar="TABLES", help=f"Of {WHAT}.")] = WHAT,
    personal: Personal = False,
    json: Json = False,
) -> None:
    """Write the workspace as tables with stable columns.

    For a warehouse, a notebook or a spreadsheet; crmctl-export.json describes every column. Conversations, usage and
    history lie in one folder a year. What is personal stays out, and people have keys instead of names, unless you
    say otherwise. vcard writes the people for a phone, ical renewals, closings and tasks for a calendar.

    Example: crmctl export --out /tmp/crm --format csv --what accounts,usage
    """
    from crmctl.model.errors import UsageError
    from crmctl.privacy.export_files import FORMATS, write
    from crmctl.privacy.tables import NAMES, tables

    current = session(ctx)
    folder = out.expanduser().resolve()
    if folder.is_relative_to(current.ws.root):
        raise UsageError(
            f"{folder} lies in the workspace, where git would keep it; name another place"
        )
    if format in ("vcard", "ical"):
        _cards(current, folder, format, personal=personal, json=json)
        return
    if format not in FORMATS:
        raise UsageError(f"{format!r} is no format; there are {', '.join(FORMATS)}, vcard, ical")
    names = [name.strip() for name in what.split(",")]
    if unknown := [name for name in names if name not in NAMES]:
        raise UsageError(f"{unknown[0]!r} is no table; there are {', '.join(NAMES)}")
    folder = out.expanduser().resolve()
    if folder.is_relative_to(current.ws.root):
        raise UsageError(
            f"{folder} lies in the workspace, where git would keep it; name another folder"
        )
    counts = write(tables(current.ws, names, personal=personal), folder, format, personal=personal)
    if json:
        current.out.json({"folder": str(folder), "format": format, "rows": counts})
        return
    rows = [{"table": name, "rows": count} for name, count in counts.items()]
    current.out.records(("table", "rows"), rows)
    current.out.say(f"written to {out}")


def _cards(current: Session, path: Path, form: str, *, personal: bool, json: bool) -> None:
    from crmctl.model.errors import UsageError
    from crmctl.privacy import cards
    from crmctl.privacy.export_files import write_text

    if form == "vcard" and not personal:
        raise UsageError("vCards are personal data throughout: say --include-personal")
    text, count = cards.vcards(current.ws) if form == "vcard" else cards.calendar(current.ws)
    write_text(text, path)
    if json:
        current.out.json({"file": str(path), "format": form, "entries": count})
        return
    current.out.say(f"{count} {'people' if form == 'vcard' else 'days'} written to {path}")


def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT.")],
    personal: Personal = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Answer a SQL query over the workspace's tables.

    The tables are those of `crmctl export`, in DuckDB on this machine; nothing is written, and a query can open no file
    and no connection.

    Example: crmctl query "SELECT stage, count(*) AS accounts FROM accounts GROUP BY stage"
    """
    from crmctl.privacy.export_files import query as ask
    from crmctl.privacy.tables import NAMES, tables
    from crmctl.workspace.index import plain

    current = session(ctx)
    asked = [name for name in NAMES if name in sql.casefold()]
    names, found = ask(tables(current.ws, asked, personal=personal), sql)
    rows = [dict(zip(names, row, strict=True)) for row in found]
    if json:
        current.out.json(plain(rows))
        return
    shown = [{name: _cell(value) for name, value in row.items()} for row in rows]
    current.out.records(tuple(names), shown, style=style(json, csv))


def _cell(value: object) -> str:
    from crmctl.workspace.index import plain

    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value))
    return "" if value is None else str(plain(value))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("export")(export)
    app.command("query")(query)
