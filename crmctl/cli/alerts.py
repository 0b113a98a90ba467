"""alerts: what needs somebody now; taken note of, or put off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.session import Session
    from crmctl.render.terminal import Output
    from crmctl.workflow.alerts import Alert

COLUMNS = (
    "id",
    "urgent",
    "alert",
    "account",
    "owner",
    "arr",
    "currency",
    "opened",
    "age",
    "state",
    "why",
    "because",
    "evidence",
)


def alerts(
    ctx: typer.Context,
    account: MaybeAccount = None,
    owner: Annotated[str, typer.Option("--owner", "-o", help="Only accounts of this owner.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Those that were seen or put off as well.")
    ] = False,
    ack: Annotated[
        str, typer.Option("--ack", metavar="ID", help="Take note of an alert: you deal with it.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="With --ack: what you do about it.")] = "",
    snooze: Annotated[
        str,
        typer.Option("--snooze", metavar="ID|ACCOUNT", help="Put off an alert, or an account."),
    ] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="With --snooze: until when, such as 7d.")
    ] = "",
    workflow: Annotated[
        str, typer.Option("--workflow", "-w", help="With --snooze ACCOUNT: only this workflow.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="With --snooze: why.")] = "",
    json: Json = False,
    csv: Csv = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """List open alerts, the most pressing first, or settle one.

    Urgent ones come first, then by yearly revenue, then the oldest. Each says why, and where that stands. --ack takes
    one off this list (it stays open until its cause is gone); --snooze keeps a workflow, or all of them, from doing
    anything in an account until a day. Both stand in the account's episodes.jsonl.

    Example: crmctl alerts --owner ana
    """
    current = session(ctx)
    _refuse_odd(ack, note, snooze, until, workflow, reason)
    if ack:
        _acknowledge(current, ack, note, dry_run=dry_run, commit=commit, json=json)
    elif snooze:
        _snooze(current, snooze, until, workflow, reason, dry_run=dry_run, commit=commit, json=json)
    else:
        _list(current, account, owner, everything=everything, shape=style(json, csv))


def _refuse_odd(ack: str, note: str, snooze: str, until: str, workflow: str, reason: str) -> None:
    from crmctl.model.errors import UsageError

    if ack and snooze:
        raise UsageError("--ack and --snooze are two commands; give one of them")
    if note and not ack:
        raise UsageError("--note belongs to --ack")
    for option, given in (("--until", until), ("--workflow", workflow), ("--reason", reason)):
        if given and not snooze:
            raise UsageError(f"{option} belongs to --snooze")
    if snooze and not until:
        raise UsageError("--snooze needs --until, a day such as 7d or 2026-12-31")


def _list(
    current: Session, account: str | None, owner: str, *, everything: bool, shape: str
) -> None:
    from crmctl.workflow.alerts import alerts as open_alerts
    from crmctl.workflow.definition import load_workflows
    from crmctl.workspace import resolve

    ws = current.ws
    slugs = [resolve.account(ws, account)] if account else None
    found, problems = open_alerts(ws, load_workflows(ws.root).customer_workflows, slugs)
    for problem in problems:
        current.out.warn(str(problem))
    if owner:
        member = ws.config.member(owner)
        wanted = (member.id if member else owner).casefold()
        found = [alert for alert in found if alert.owner.casefold() == wanted]
    shown = [alert for alert in found if everything or alert.waits]
    rows = [_row(alert, (ws.today - alert.episode.opened).days) for alert in shown]
    if shape == "json":
        current.out.json(rows)
        return
    if current.out.people and not shape:
        _print(current.out, shown, rows)
    else:
        flat = [row | {"evidence": " · ".join(row["evidence"])} for row in rows]
        current.out.records(COLUMNS, flat, style=shape)
    if not shape:
        left = len(found) - len(shown)
        more = f"; {left} seen or put off: --all" if left else ""
        said = f"{len(rows)} alert{'s' if len(rows) != 1 else ''}" if rows else "no alerts"
        current.out.say(f"{said}{more}")


def _row(alert: Alert, age: int) -> dict[str, Any]:
    episode = alert.episode
    return {
        "id": alert.id,
        "urgent": alert.urgent,
        "alert": alert.kind,
        "account": alert.account,
        "name": alert.name,
        "workflow": episode.workflow,
        "episode": episode.key,
        "owner": alert.owner or None,
        "arr": alert.arr,
        "currency": alert.currency if alert.arr is not None else None,
        "opened": episode.opened,
        "age": age,
        "state": "seen" if episode.seen else "snoozed" if alert.quiet else "open",
        "seen": episode.seen or None,
        "until": alert.quiet,
        "why": alert.why,
        "because": episode.because,
        "evidence": episode.evidence,
        "made": [outcome.path for outcome in episode.actions.values() if outcome.path],
    }


def _print(out: Output, found: list[Alert], rows: list[dict[str, Any]]) -> None:
    """Each alert under a heading, with paths as they are within its account."""
    sections = {}
    for alert, row in zip(found, rows, strict=True):
        home = f"accounts/{alert.account}/"
        worth = f"ARR {alert.arr} {alert.currency}" if alert.arr is not None else ""
        parts = (
            alert.id,
            "urgent" if alert.urgent else "",
            alert.kind,
            alert.name,
            worth,
            f"owner {alert.owner}" if alert.owner else "no owner",
            f"{row['age']} d" if row["age"] else "today",
        )
        lines = [("why", row["why"])]
        lines += [("evidence", fact.replace(home, "")) for fact in row["evidence"]]
        lines += [("made", path.replace(home, "")) for path in row["made"]]
        if row["seen"]:
            said = f": {row['seen']['note']}" if row["seen"].get("note") else ""
            lines.append(
                ("seen", f"{row['seen'].get('by', '')}, {row['seen'].get('on', '')}{said}")
            )
        if row["until"]:
            lines.append(("snoozed", f"until {row['until']}"))
        sections[" · ".join(part for part in parts if part)] = lines
    if sections:
        out.sections(sections)


def _who(current: Session) -> str:
    """The team id of whoever works here, by what git calls them; else that name."""
    name = current.ws.git.author()
    email = current.ws.git.email()
    config = current.ws.config
    member = config.member(email) or config.member(name)
    return member.id if member else name


def _acknowledge(
    current: Session, id: str, note: str, *, dry_run: bool, commit: bool, json: bool
) -> None:
    from crmctl.workflow import alerts as plans
    from crmctl.workflow.definition import load_workflows

    ws = current.ws
    found, _ = plans.alerts(ws, load_workflows(ws.root).customer_workflows)
    alert, by = plans.find(found, id), _who(current)
    current.carry_out(
        "alerts",
        lambda: plans.acknowledge(ws, alert, by, note),
        dry_run=dry_run,
        commit=commit,
        subject=f"{alert.account}: alert {alert.id} seen",
        json=json,
    )
    if json:
        current.out.json({"id": alert.id, "account": alert.account, "by": by, "note": note or None})


def _snooze(
    current: Session,
    what: str,
    until: str,
    workflow: str,
    reason: str,
    *,
    dry_run: bool,
    commit: bool,
    json: bool,
) -> None:
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError
    from crmctl.workflow import alerts as plans
    from crmctl.workflow.definition import load_workflows
    from crmctl.workflow.syntax import suggestion
    from crmctl.workspace import resolve
    from crmctl.workspace.episodes import EVERY

    ws = current.ws
    known = load_workflows(ws.root).customer_workflows
    last = day(until, ws)
    if last <= ws.today:
        raise UsageError(f"--until {last} is not after today")
    if workflow and workflow not in known:
        hint = suggestion(workflow, known) or f"; there are: {', '.join(known) or 'none'}"
        raise UsageError(f"there is no workflow {workflow!r}{hint}")
    found, _ = plans.alerts(ws, known)
    if any(alert.id.startswith(what.casefold()) for alert in found) and not workflow:
        alert = plans.find(found, what)
        slug, name = alert.account, alert.episode.workflow
    else:
        slug, name = resolve.account(ws, what), workflow or EVERY
    by = _who(current)
    current.carry_out(
        "alerts",
        lambda: plans.snooze(ws, slug, name, last, by, reason),
        dry_run=dry_run,
        commit=commit,
        subject=f"{slug}: quiet until {last}",
        json=json,
    )
    if json:
        current.out.json({"account": slug, "workflow": name, "until": last, "by": by})


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("alerts")(alerts)
