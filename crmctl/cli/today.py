"""today: a rep's morning on one screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.workflow.nightly_memory import Night
    from crmctl.workflow.today import Morning, Row

COLUMNS = ("section", "account", "when", "what", "path")
TITLES = {
    "alerts": "Alerts",
    "unanswered": "Mail that waits for us",
    "news": "New since {since}",
    "tasks": "Tasks",
    "cadences": "Cadence steps",
    "next_steps": "Next steps and closings that are past",
    "renewals": "Renewals of the next 90 days",
    "scores": "Scores that moved in a week",
    "to_fix": "Data to fix",
}
SHOWN = 5  # rows of a section on a terminal
_NAME = 24  # characters of an account's name in front of people


def today(
    ctx: typer.Context,
    owner: Annotated[
        str, typer.Option("--owner", "-o", help="One of the team, or all; you by default.")
    ] = "",
    date: Annotated[
        str, typer.Option("--date", metavar="DATE", help="As of another day: a date, -1d.")
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=0, help="Rows of a section; 0 is all, 5 on a terminal."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what needs you today, over all of your accounts.

    Alerts, mail that waits for an answer, what is new since the last working day, tasks, cadence steps, next steps,
    renewals, scores that moved, data to fix, and what the night did: in each section what weighs most comes first.

    Example: crmctl today --owner mira
    """
    from crmctl.cli.parse import day
    from crmctl.workflow.nightly_memory import Memory
    from crmctl.workflow.today import morning
    from crmctl.workspace import measures
    from crmctl.workspace.index import opened

    current = session(ctx)
    ws = current.ws
    chosen = day(date, ws) if date else None
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        found = morning(ws, index, owner, chosen, [] if owner else _me(current))
    night = Memory(ws).last
    if json:
        current.out.json(_plain(found, night, limit or 0))
        return
    if current.out.people:
        _print(current, found, night, SHOWN if limit is None else limit)
        return
    rows = []
    for name, section in found.sections.items():
        for row in section[: limit or None]:
            when, what = _told(name, row)
            place = row.get("path") or row.get("source") or ""
            rows.append([name, row["account"], when, what, place])
    current.out.table(COLUMNS, rows)


def _me(current: Session) -> Iterator[str]:
    """What may say who is sitting here: the address and the name that git commits with, the user of this machine."""
    code, out, _ = current.ws.git.attempt("var", "GIT_AUTHOR_IDENT")
    if code == 0:
        name, _, rest = out.decode("utf-8", "replace").partition(" <")
        yield rest.partition(">")[0]
        yield name
    yield os.environ.get("USER") or os.environ.get("LOGNAME") or ""


def _plain(found: Morning, night: Night | None, limit: int) -> dict[str, Any]:
    return {
        "owner": found.owner,
        "day": found.day,
        "since": found.since,
        "sections": {
            name: {"total": len(rows), "rows": rows[: limit or None]}
            for name, rows in found.sections.items()
        },
        "night": night.as_json() if night else None,
    }


def _print(current: Session, found: Morning, night: Night | None, limit: int) -> None:
    out = current.out
    whose = "everybody" if found.owner == "all" else found.owner
    out.line(f"{_weekday(found.day)}, {found.day}: {whose}", style="bold")
    sections: dict[str, list[tuple[str, str, str]]] = {}
    for name, rows in found.sections.items():
        if not rows:
            continue
        title = TITLES[name].format(since=_weekday(found.since))
        shown = rows[: limit or None]
        lines = [
            (when, _cut(row["name"]), what) for row in shown for when, what in [_told(name, row)]
        ]
        if len(rows) > len(shown):
            lines.append(("", "", f"and {len(rows) - len(shown)} more"))
        sections[f"{title} ({len(rows)})"] = lines
    if sections:
        out.sections(sections)
    else:
        out.say("nothing needs you today")
    if night is not None:
        import shutil
        from textwrap import wrap

        for line in wrap(_of_night(night), shutil.get_terminal_size().columns):
            out.line(line, style="bold")


def _told(name: str, row: Row) -> tuple[str, str]:
    """When, and what: a row for people."""
    match name:
        case "alerts":
            # The condition stands in front of what was found; workflows.yaml has it, and it is long.
            why = row["because"].partition(": ")[2] or row["because"]
            told = f"{row['workflow'].replace('_', ' ')}: {why} ({row['id']})"
            return ("urgent" if row["urgent"] else row["kind"]), told
        case "unanswered":
            return _waits(row["hours"]), _said(row)
        case "news":
            return row["local"][5:16].replace("T", " "), f"{row['type']}: {_said(row)}"
        case "tasks" | "cadences":
            high = " (high)" if row["priority"] == "high" else ""
            return _late(row["days"]), f"{row['title']}{high}"
        case "next_steps":
            return _late(row["days"]), _step(row)
        case "renewals":
            return f"in {row['days']} d", _renewal(row)
        case "scores":
            moved = f"{row['week_ago']:.0f} to {row['score']:.0f}"
            return f"{row['moved']:+.0f}", moved
    return row["field"], row["problem"]


def _said(row: Row) -> str:
    who = f"{row['person']}, " if row["person"] else ""
    text = f": {row['text']}" if row["text"] else ""
    return f"{who}{row['subject'] or 'without a subject'}{text}"[:160]


def _step(row: Row) -> str:
    from crmctl.model.numbers import money

    amount = money(row["amount"], row["currency"]) if row["amount"] is not None else ""
    what = row["next_step"] or ("was to close" if row["what"] == "close" else "next step")
    return ", ".join(filter(None, [row["title"], amount, f"{what} by {row['date']}"]))


def _renewal(row: Row) -> str:
    from crmctl.model.numbers import money

    parts = [
        row["renewal"],
        money(row["arr"], row["currency"]) if row["arr"] is not None else "",
        "no score" if row["score"] is None else f"health {row['score']:.0f}",
        f"notice given {row['notice_given']}" if row["notice_given"] else "",
        "renews by itself" if row["auto_renew"] else "",
    ]
    return ", ".join(filter(None, parts))


def _waits(hours: int) -> str:
    return f"{hours} h" if hours < 72 else f"{hours // 24} d"


def _late(days: int) -> str:
    return f"{days} d late" if days else "today"


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _weekday(day: dt.date) -> str:
    return f"{day:%A}"


def _of_night(night: Night) -> str:
    steps = night.results.values()
    wrong = [r.step for r in steps if r.state in ("failed", "partly", "busy")]
    did = ", ".join(f"{r.step} ({r.text})" for r in steps if r.state == "done" and r.counts)
    over = "" if night.finished else " It did not come to its end."
    bad = f" Not well: {', '.join(wrong)}; see crmctl nightly --last." if wrong else ""
    return f"The night of {night.day}: {did or 'nothing new'}.{bad}{over}"


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("today")(today)
