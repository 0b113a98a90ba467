"""log, timeline, engagement: conversations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet


COLUMNS = ("at", "type", "direction", "subject", "with", "where")


def log(
    ctx: typer.Context,
    account: Account,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[SUBJECT]", help="What it was about; without it, your editor opens."
        ),
    ] = "",
    type_: Annotated[
        str, typer.Option("--type", "-t", help="call, meeting, email, chat or note.")
    ] = "note",
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with", "-w", metavar="PERSON", help="Contact who took part; may be repeated."
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="WHEN", help="2026-03-31T09:30, 09:30, yesterday, 3d; now by default."
        ),
    ] = "",
    next_: Annotated[
        str,
        typer.Option(
            "--next", "-N", metavar="TEXT", help='What happens next; "text by friday" sets a date.'
        ),
    ] = "",
    message: Annotated[
        str, typer.Option("--message", "-m", help="Notes; - reads them from stdin.")
    ] = "",
    sentiment: Annotated[
        str, typer.Option("--sentiment", help="positive, neutral or negative.")
    ] = "",
    minutes: Annotated[int, typer.Option("--minutes", min=0, help="Length in minutes.")] = 0,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Log a conversation, in one line or in your editor.

    Example: crmctl log acme "Pricing call" --type call --with ines --next "send quote by friday"
    """
    from crmctl.cli.parse import moment
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace import authoring, paths, resolve
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.store import Reader

    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account)
    reader = Reader(ws.root, ws.ranking)
    found = reader.account(slug, only=frozenset({"contacts"}))
    if found is None:
        raise DamagedFile(reader.problems)
    people = [resolve.record(found.contacts, text, "contact").id for text in with_ or []]
    when = moment(at, ws) if at else ws.now
    values: dict[str, Any] = {
        "type": _checked("type", type_),
        "at": when,
        "subject": subject,
        "with": people,
        "sentiment": _checked("sentiment", sentiment) if sentiment else None,
        "minutes": minutes or None,
        **_next(next_, ws),
    }
    body = sys.stdin.read() if message == "-" else message
    path = paths.interaction(slug, when.date(), values["type"], paths.short_id(ws.rng))
    raw: bytes | None = None
    if not subject:
        from crmctl.cli import editor

        values["subject"] = "Subject"
        start = authoring.draft(ws, path, values, body=body).decode()
        raw = editor.compose(start, slug).encode()

    def plan() -> ChangeSet:
        changes = ChangeSet()
        if raw is None:
            authoring.create(ws, changes, path, values, body=body or subject)
        else:
            from crmctl.workspace.records import read_record

            problems = read_record(raw, path, ws.ranking)[1]
            if problems:
                raise DamagedFile(problems)
            changes.put(path, None, raw, "logged")
        return changes

    current.carry_out("log", plan, dry_run=dry_run, commit=commit, subject=f"{slug}: log a {type_}")


def _checked(name: str, text: str) -> Any:
    from crmctl.model.errors import UsageError
    from crmctl.model.schema import FIELDS

    try:
        return FIELDS["interaction"][name].parse(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None


def _next(text: str, ws: Any) -> dict[str, Any]:
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError

    if not text:
        return {}
    what, mark, when = text.rpartition(" by ")
    if mark:
        try:
            return {"next_step": what.strip(), "next_step_due": day(when, ws)}
        except UsageError:
            pass
    return {"next_step": text.strip()}


def timeline(
    ctx: typer.Context,
    account: Account,
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="Only from this day on: a date, 30d, 6w.")
    ] = "",
    type_: Annotated[
        str,
        typer.Option(
            "--type", "-t", help="Only this type: call, meeting, email, chat, note, ticket, survey."
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-L", min=0, help="At most so many, the newest.")
    ] = 0,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List everything that happened with an account.

    Conversations, mail, tickets, surveys, stage moves and deals, oldest first.

    Example: crmctl timeline acme --since 90d
    """
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError
    from crmctl.render.timeline import TYPES, entries
    from crmctl.workspace import paths, resolve

    current = session(ctx)
    if type_ not in ("", *TYPES):
        raise UsageError(f"--type: found {type_!r}; allowed: {', '.join(TYPES)}")
    slug = resolve.account(current.ws, account)
    start = day(since, current.ws, past=True) if since else None
    rows, problems = entries(current.ws, slug, since=start, type_=type_)
    rows = rows[-limit:] if limit else rows
    shape = style(json, csv)
    if current.out.people and not shape:
        folder = f"{paths.ACCOUNTS}/{slug}/"
        rows = [row | {"where": str(row["where"]).removeprefix(folder)} for row in rows]
    current.out.records(COLUMNS, rows, style=shape)
    if not rows and not shape:
        current.out.say("nothing happened")
    for problem in problems:
        current.out.warn(str(problem))


def engagement(
    ctx: typer.Context,
    account: Account,
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="Only from this day on: a date, 30d, 6w.")
    ] = "90d",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show who writes to whom, and how long answers take.

    Hours are medians, from the first message that an answer answers. Automatic answers count for nothing. A contact
    counts for what he or she wrote, and for what was written to him or her.

    Example: crmctl engagement acme --since 180d
    """
    import datetime as dt

    from crmctl.cli.parse import day
    from crmctl.insight.engagement import engagement as measure
    from crmctl.workspace import resolve
    from crmctl.workspace.store import Reader

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    reader = Reader(current.ws.root, current.ws.ranking)
    found = reader.account(slug, only=frozenset({"interactions"}))
    start = day(since, current.ws, past=True) if since else None
    begin = dt.datetime.combine(start, dt.time(), dt.UTC) if start else None
    measured = measure(found.events if found else (), begin)
    exchanges = {**measured.contacts, "all": measured.account}
    rows = [
        {
            "contact": who,
            "sent": one.sent,
            "received": one.received,
            "our_hours": None if one.our_hours is None else round(one.our_hours, 1),
            "their_hours": None if one.their_hours is None else round(one.their_hours, 1),
        }
        for who, one in exchanges.items()
    ]
    columns = ("contact", "sent", "received", "our_hours", "their_hours")
    current.out.records(columns, rows, style=style(json, csv))
    for problem in reader.problems:
        current.out.warn(str(problem))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("log")(log)
    app.command("timeline")(timeline)
    app.command("engagement")(engagement)
