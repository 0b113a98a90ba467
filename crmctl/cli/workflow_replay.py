"""workflow replay: what workflows would have done over a stretch of the past."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Csv, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.render.terminal import Output
    from crmctl.workflow.replay import Firing, Progress, Replayed

FIRED = ("day", "account", "workflow", "episode", "closed", "actions", "to", "why")
READ = ("day", "account", "workflow", "why", "closed", "actions")
MOVED = ("change", "day", "account", "workflow", "episode", "why")
NOISE = ("workflow", "firings", "accounts", "open", "messages", "busiest day", "per month")
DAYS = 90


def replay(
    ctx: typer.Context,
    begin: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day; 90 days back by default.")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="DATE", help="Last day; today by default.")
    ] = "",
    workflow: Annotated[str, typer.Option("--workflow", "-w", help="Only this workflow.")] = "",
    account: Annotated[str, typer.Option("--account", "-a", help="Only this account.")] = "",
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="Workflows of this file instead.")
    ] = "",
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="WHAT",
            help="Show what fires more and less than with `current`, a file, or those of a branch.",
        ),
    ] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what workflows would have done in the past, and why.

    Each day is looked at as it was at its end, by the code of a real run; nothing that came later counts. So you see
    how noisy a workflow is before you switch it on.

    Example: crmctl workflow replay --from 2026-01-01 --file draft.yaml --against current
    """
    from crmctl.cli.parse import day
    from crmctl.workflow import replay_files
    from crmctl.workflow.replay import replay as go
    from crmctl.workspace import resolve

    current = session(ctx)
    ws, out = current.ws, current.out
    last = day(end, ws, past=True) if end else ws.today
    first = day(begin or f"{DAYS}d", ws, past=True)
    slug = resolve.account(ws, account) if account else None

    def looked(named: str) -> Replayed:
        rules = replay_files.read(ws, named)
        only = workflow or None
        with _days((last - first).days + 1, shown=not current.quiet) as progress:
            return go(ws, rules, first, last, workflow=only, account=slug, progress=progress)

    found = looked(file)
    old = looked(against) if against else None
    if json:
        out.json(_as_json(found) | ({} if old is None else _change(found, old)))
        return
    if old is not None:
        _print_change(out, found, old, csv=csv)
    else:
        out.records(FIRED, map(_row, found.firings), style=style(json, csv), people=READ, wrap=True)
    _print_noise(out, found, csv=csv)


def _row(firing: Firing) -> dict[str, Any]:
    told = dict.fromkeys(name for act in firing.acts for name in act.to)
    return {
        **firing.as_json(),
        "actions": ", ".join(
            a.action if a.state == "did" else f"{a.action} ({a.state})" for a in firing.acts
        ),
        "to": ", ".join(told),
    }


def _as_json(found: Replayed) -> dict[str, Any]:
    from crmctl.workflow.replay import summary

    return {
        "from": found.first,
        "to": found.last,
        "days": found.days,
        "accounts": len(found.accounts),
        "looks": found.looks,
        "firings": [firing.as_json() for firing in found.firings],
        "summary": summary(found),
        "problems": [{"day": day, "problem": text} for text, day in found.problems.items()],
    }


def _change(found: Replayed, old: Replayed) -> dict[str, Any]:
    from crmctl.workflow.replay import difference, summary

    more, less = difference(found, old)
    return {
        "more": [firing.as_json() for firing in more],
        "less": [firing.as_json() for firing in less],
        "summary_against": summary(old),
    }


def _print_change(out: Output, found: Replayed, old: Replayed, *, csv: bool) -> None:
    from crmctl.workflow.replay import difference

    more, less = difference(found, old)
    rows: list[dict[str, Any]] = [{"change": "+"} | _row(f) for f in more]
    rows += [{"change": "-"} | _row(f) for f in less]
    rows.sort(key=lambda row: (row["day"], row["account"], row["workflow"], row["change"]))
    out.records(MOVED, rows, style=style(json=False, csv=csv), wrap=True)
    counts = f"{len(found.firings)} firings instead of {len(old.firings)}"
    text = f"{len(more)} more, {len(less)} less: {counts}"
    _tell(out, text, csv=csv)


def _print_noise(out: Output, found: Replayed, *, csv: bool) -> None:
    """How often each workflow fired, and what could not be known; beside the firings in a pipe."""
    from crmctl.workflow.replay import summary

    rows = summary(found)
    noisy = [row for row in rows if row["firings"]]
    if out.people and not csv:
        out.line()
        out.table(NOISE, [_noise(row) for row in noisy], wrap=True)
    else:
        for row in noisy:
            _tell(out, _sentence(row), csv=csv)
    never = [row["workflow"] for row in rows if not row["firings"]]
    if never:
        _tell(out, f"never fired: {', '.join(never)}", csv=csv)
    fired = len(found.firings)
    _tell(
        out,
        f"{found.first} to {found.last}: {fired} firings; looked at {len(found.accounts)} accounts on "
        f"{found.days} days ({found.looks} looks)",
        csv=csv,
    )
    for row in rows:
        if row["unknown"]:
            lacking = ", ".join(f"{name} {count} times" for name, count in row["missing"].items())
            text = f"{row['workflow']}: not known at {row['unknown']} of {found.looks} looks"
            _tell(out, f"{text}; missing: {lacking}" if lacking else text, csv=csv)
    for problem, day in found.problems.items():
        out.warn(f"{day}: {problem}")


def _tell(out: Output, text: str, *, csv: bool) -> None:
    (out.line if out.people and not csv else out.say)(text)


def _sentence(row: dict[str, Any]) -> str:
    name, fired, accounts, still, messages, busiest, months = _noise(row)
    return (
        f"{name}: {fired} firings in {accounts} accounts, {still} still open, {messages} messages; "
        f"at most {busiest}; {months}"
    )


def _noise(row: dict[str, Any]) -> Sequence[str]:
    busiest = f"{row['on_that_day']} on {row['busiest_day']}" if row["busiest_day"] else ""
    months = ", ".join(f"{month}: {count}" for month, count in row["per_month"].items())
    counted = [str(row[name]) for name in ("firings", "accounts", "open", "messages")]
    return [row["workflow"], *counted, busiest, months]


@contextmanager
def _days(total: int, *, shown: bool) -> Iterator[Progress | None]:
    """A bar that moves day by day, on a terminal."""
    if not shown or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[firings]} firings", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=total, firings=0)

        def moved(day: dt.date, firings: int) -> None:
            bar.update(task, advance=1, description=str(day), firings=firings)

        yield moved


def register_verbs(verbs: typer.Typer) -> None:
    """Put these commands into the noun `workflow`."""
    verbs.command("replay")(replay)
