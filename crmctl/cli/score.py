"""score: health, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from pathlib import Path

    from crmctl.insight.cache import Glance
    from crmctl.insight.health import Health
    from crmctl.insight.scoring import ScorePlan
    from crmctl.render.terminal import Output
    from crmctl.workspace.changes import ChangeSet

COLUMNS = (
    "account",
    "score",
    "status",
    "coverage",
    "low",
    "high",
    "usage",
    "support",
    "relationship",
    "outcomes",
    "note",
)
READ = (
    "account",
    "score",
    "status",
    "known",
    "usage",
    "support",
    "relationship",
    "outcomes",
    "note",
)
EXPLAINED = ("name", "value", "normalised", "weight", "points", "as_of", "source", "note")
WHY = ("name", "value", "normalised", "weight", "points", "note", "as_of", "source")


def score(
    ctx: typer.Context,
    account: MaybeAccount = None,
    explain: Annotated[
        bool, typer.Option("--explain", "-e", help="Every input with its value, source and points.")
    ] = False,
    json: Json = False,
    csv: Csv = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Score the health of one account or of all.

    Writes health.md and the day's measures; with --explain it only shows. Every number is in weights.yaml. What is
    not known drops out; the range says how far it could move the score.

    Example: crmctl score acme --explain
    """
    from crmctl.insight.scoring import plan_scores
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    slugs = [resolve.account(ws, account)] if account else None
    done: list[ScorePlan] = []

    def plan() -> ChangeSet:
        done[:] = [plan_scores(ws, slugs)]
        if slugs and not done[0].results:
            raise DamagedFile(done[0].problems)
        return done[0].changes

    if explain:
        plan()
    else:
        subject = f"{slugs[0]}: score" if slugs else "Score all accounts"
        current.carry_out(
            "score",
            plan,
            dry_run=dry_run,
            commit=commit,
            subject=subject,
            machine=True,
            json=json,
        )
    results = done[0].results
    for problem in done[0].problems:
        current.out.warn(str(problem))
    shape = style(json, csv)
    if json:
        current.out.json(
            [_plain(ws.root, slug, health, explain=explain) for slug, health in results.items()]
        )
    elif explain:
        for slug, health in results.items():
            _print_explanation(current.out, ws.root, slug, health, shape)
    elif not dry_run and not current.quiet:
        rows = [_row(glance) for glance in results.glances()]
        current.out.records(COLUMNS, rows, style=shape, people=READ)
    _partial(done[0])


def _partial(done: ScorePlan) -> None:
    """PartialError that names the accounts which have no result."""
    from crmctl.model.errors import PartialError
    from crmctl.workspace.paths import ACCOUNTS

    if not done.problems:
        return
    parts = [problem.path.split("/") for problem in done.problems]
    named = {part[1] for part in parts if part[0] == ACCOUNTS and len(part) > 1}
    unread = sorted(name for name in named - set(done.results) if not name.startswith("_"))
    if unread:
        raise PartialError(f"not scored, for what is said above: {', '.join(unread)}")


def _print_explanation(out: Output, root: Path, slug: str, health: Health, shape: str) -> None:
    from crmctl.insight.health import explain
    from crmctl.workspace.paths import ACCOUNTS

    out.line(_headline(slug, health), style="bold")
    rows = [_explained(row._asdict()) for row in explain(health)]
    if out.people and not shape:
        folder = f"{ACCOUNTS}/{slug}/"
        for row in rows:
            row["source"] = (row["source"] or "").removeprefix(folder).removeprefix(f"{ACCOUNTS}/")
    out.records(EXPLAINED, rows, style=shape, people=WHY, wrap=True)
    if shape:
        return
    for item in _advice(root, slug, health):
        stake = f"{_points(item['points'])} points of {item['input']}"
        why = ", ".join(filter(None, (item["reason"], item["source"])))
        out.line(f"- {item['text']}: {stake} ({why}); {item['action']}")


def _advice(root: Path, slug: str, health: Health) -> list[dict[str, Any]]:
    """What to do first: the input it would move and by how many points at most, the evidence, the action."""
    from crmctl.insight.citing import Lines

    lines = Lines(root, slug)
    return [r._asdict() | {"source": lines.cite(r.source)} for r in health.recommendations]


def _plain(root: Path, slug: str, health: Health, *, explain: bool) -> dict[str, Any]:
    """A result for programs: numbers in full."""
    from crmctl.insight import health as scoring
    from crmctl.render import explain as form

    page: dict[str, Any] = {"account": slug, "score": health.score, "status": health.status}
    page |= {
        "coverage": health.coverage,
        "low": health.low,
        "high": health.high,
        "reason": health.reason,
    }
    page |= form.by_hand_document(health)
    page |= {"factors": {factor.name: factor.score for factor in health.factors}}
    page |= {"gates": [{"name": gate.name, "reason": gate.reason} for gate in health.gates]}
    if explain:
        page["explanation"] = [row._asdict() for row in scoring.explain(health)]
        page["recommendations"] = _advice(root, slug, health)
    return page


def _headline(slug: str, health: Health) -> str:
    from crmctl.render.explain import told

    return f"{slug}: {told(health)}"


def _points(value: float | None, digits: int = 0) -> str:
    from crmctl.model.numbers import half_up

    return "" if value is None else half_up(value, digits)


def _row(glance: Glance) -> dict[str, Any]:
    row: dict[str, Any] = {
        "account": glance.account,
        "score": _points(glance.score),
        "status": glance.status or "",
        "known": f"{_points(glance.coverage * 100)} %",
        "coverage": _points(glance.coverage, 2),
        "low": _points(glance.low),
        "high": _points(glance.high),
    }
    factors = {name: _points(value) for name, value in glance.factors.items()}
    return row | factors | {"note": glance.reason}


def _explained(row: dict[str, Any]) -> dict[str, Any]:
    name = row["name"] if row["kind"] == "input" else f"= {row['name']}"
    return {
        **row,
        "name": name,
        "value": "" if row["value"] is None else f"{row['value']:.4g}",
        "normalised": _points(row["normalised"], 1),
        "weight": _points(
            None if row["weight_effective"] is None else row["weight_effective"] * 100, 1
        ),
        "points": _points(row["points"], 2),
    }


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("score")(score)
