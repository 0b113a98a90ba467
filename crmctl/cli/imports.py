"""import: exported files of other systems."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, DryRun, Json, guards
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


def slack(
    ctx: typer.Context,
    path: Source,
    allow: Allow = None,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Import an export archive of Slack.

    The ZIP file that a workspace's owner downloads. Channels find their accounts as with `crmctl sync slack`;
    messages are dated by their own time, and one that a sync brought already is not doubled.

    Example: crmctl import slack export.zip --commit
    """
    from crmctl.sources.slack_export import read
    from crmctl.sync.claims import claims_of
    from crmctl.sync.interest import interest

    current = session(ctx)
    ws = current.ws
    batch = read(path, ws.config.sources.slack, ws.now, interest(ws), claims_of(ws, "slack"))
    _carry(current, batch, allow, json=json, dry_run=dry_run, commit=commit)


def email(
    ctx: typer.Context,
    path: Source,
    allow: Allow = None,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Import mail from files: mbox, .eml, or a Maildir.

    Only messages with a customer are taken in, and of their text what `sources.email.text` says. Newsletters,
    bounces and automatic answers are left out.

    Example: crmctl import email archive.mbox --commit
    """
    from crmctl.model.identity import normal_email
    from crmctl.sources.mail_files import read
    from crmctl.sync.claims import claims_of
    from crmctl.sync.interest import interest
    from crmctl.workspace.machine import Machine

    current = session(ctx)
    ws = current.ws
    mailbox = Machine().get("email", "user")
    batch = read(
        path,
        ws.config.sources.email,
        interest(ws),
        own=[mailbox] if normal_email(mailbox) else [],
        claims=claims_of(ws, "email"),
    )
    _carry(current, batch, allow, json=json, dry_run=dry_run, commit=commit)


def linkedin(
    ctx: typer.Context,
    path: Source,
    allow: Allow = None,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Import your own LinkedIn archive, or lists made with Sales Navigator.

    LinkedIn gives members their data as files, and nobody an interface to others' profiles: this is the lawful way.
    Connections become or complete contacts of known accounts, messages become traffic, and a contact who changed
    company becomes a signal. A CSV or JSON feed of company news is read too.

    Example: crmctl import linkedin Basic_LinkedInDataExport.zip --commit
    """
    from crmctl.sources.linkedin_files import read
    from crmctl.sync.interest import interest

    current = session(ctx)
    ws = current.ws
    batch = read(path, ws.config.sources.linkedin, interest(ws), ws.now)
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

    allowed = set(guards(allow))
    report = import_batch(current.ws, batch, dry_run=dry_run, commit=commit, allow=allowed)
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

    imports = group("Exported files: salesforce, slack, email, linkedin, csv.")
    for command in (salesforce, slack, email, linkedin, csv):
        imports.command(command.__name__)(command)
    app.add_typer(imports, name="import")
