"""import: exported files of other systems."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, DryRun, Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.model.incoming import Batch

Source = Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", metavar="GUARD", help="Go on although a guard stopped it: empty or changes."
    ),
]


def salesforce(
    ctx: typer.Context,
    path: Source,
    leads: Annotated[
        bool, typer.Option("--leads", help="Make a prospect of every open lead.")
    ] = False,
    allow: Allow = None,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Import an export of Salesforce.

    Reads sObject tree JSON (with or without its plan), Data Loader and report CSV. Only Salesforce's own blocks in
    the files change; what people stated stays.

    Example: crmctl import salesforce export/ --commit
    """
    from crmctl.sources.salesforce_export import read

    _carry(session(ctx), read(path, leads=leads), allow, json=json, dry_run=dry_run, commit=commit)


def csv(
    ctx: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            help="accounts, contacts, deals, interactions, usage, tickets, subscriptions or surveys."
        ),
    ],
    path: Source,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            "-m",
            metavar="COL=FIELD",
            help="What a column holds; FIELD empty to leave it out.",
        ),
    ] = None,
    system: Annotated[
        str, typer.Option("--system", help="Name of the system these values are from.")
    ] = "csv",
    preview: Annotated[
        bool, typer.Option("--preview", help="Show how the columns would be read, and stop.")
    ] = False,
    allow: Allow = None,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Import a CSV file.

    The meaning of its columns is guessed from their names and shown; --map corrects it.

    Example: crmctl import csv usage usage.csv --map "Company=account" --map "Week=date"
    """
    from crmctl.sources import csv_files, csv_mapping, csv_table

    current = session(ctx)
    table = csv_table.read(path)
    mapping = csv_mapping.mapping_for(kind, table.header, map_ or [])
    columns = csv_mapping.preview(table, mapping)
    if preview:
        rows = [asdict(column) for column in columns]
        current.out.records(("column", "field", "sample"), rows, style="json" if json else "")
        return
    for column in columns:
        current.out.say(f"{column.column} -> {column.field or 'left out'}")
    batch = csv_files.to_batch(kind, table, mapping, system=system)
    _carry(current, batch, allow, json=json, dry_run=dry_run, commit=commit)


def _carry(
    current: Session,
    batch: Batch,
    allow: list[str] | None,
    *,
    json: bool,
    dry_run: bool,
    commit: bool,
) -> None:
    from crmctl.sync.carry import import_batch

    report = import_batch(current.ws, batch, dry_run=dry_run, commit=commit, allow=set(allow or ()))
    if dry_run and not json:
        current.out.diff(report.plan.changes)
    if json:
        current.out.json(report.as_dict())
    elif not current.quiet:
        for line in report.lines():
            current.out.line(line)
    if report.partial:
        from crmctl.model.errors import PartialError

        raise PartialError(f"{len(report.skipped)} files were left out; what was not is written")
    if report.plan.rejected:
        raise typer.Exit(3)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    imports = group("Exported files of other systems: salesforce, csv.")
    imports.command("salesforce")(salesforce)
    imports.command("csv")(csv)
    app.add_typer(imports, name="import")
