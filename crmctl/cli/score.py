"""score: health, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.insight.health import Health
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
EXPLAINED = ("name", "value", "normalised", "weight", "points", "as_of", "source", "note")


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
    from crmctl.insight.scoring import ScorePlan, plan_scores
    from crmctl.workspace import resolve

    current = session(ctx)
    ws = current.ws
    slugs = [resolve.account(ws, account)] if account else None
    done: list[ScorePlan] = []

    def plan() -> ChangeSet:
        done[:] = [plan_scores(ws, slugs)]
        return done[0].changes

    if explain:
        done.append(plan_scores(ws, slugs))
    else:
        subject = f"{slugs[0]}: score" if slugs else "Score all accounts"
        current.carry_out(
            "score", plan, dry_run=dry_run, commit=commit, subject=subject, machine=True
        )
    results = done[0].results
    for problem in done[0].problems:
        current.out.warn(str(problem))
    shape = style(json, csv)
    if json:
        current.out.json(
            [_plain(slug, health, explain=explain) for slug, health in results.items()]
        )
    elif explain:
        for slug, health in results.items():
            _print_explanation(current.out, slug, health, shape)
    elif not dry_run and not current.quiet:
        rows = [_row(slug, health) for slug, health in results.items()]
        current.out.records(COLUMNS, rows, style=shape)


def _print_explanation(out: Output, slug: str, health: Health, shape: str) -> None:
    from crmctl.insight.health import explain

    out.line(_headline(slug, health), style="bold")
    out.records(EXPLAINED, [_explained(row._asdict()) for row in explain(health)], style=shape)
    for item in health.recommendations:
        out.line(f"- {item.text} ({item.reason})" if item.reason else f"- {item.text}")


def _plain(slug: str, health: Health, *, explain: bool) -> dict[str, Any]:
    """A result for programs: numbers in full."""
    from crmctl.insight import health as scoring

    page: dict[str, Any] = {"account": slug, "score": health.score, "status": health.status}
    page |= {
        "coverage": health.coverage,
        "low": health.low,
        "high": health.high,
        "reason": health.reason,
    }
    page |= {"factors": {factor.name: factor.score for factor in health.factors}}
    page |= {"gates": [{"name": gate.name, "reason": gate.reason} for gate in health.gates]}
    if explain:
        page["explanation"] = [row._asdict() for row in scoring.explain(health)]
        page["recommendations"] = [
            {"text": r.text, "reason": r.reason} for r in health.recommendations
        ]
    return page


def _headline(slug: str, health: Health) -> str:
    if health.score is None:
        return f"{slug}: no score: {health.reason}"
    known = f"{_points(health.coverage * 100)} % known, between {_points(health.low)} and {_points(health.high)}"
    return f"{slug}: {_points(health.score)} {health.status} ({known})"


def _points(value: float | None, digits: int = 0) -> str:
    from crmctl.model.numbers import half_up

    return "" if value is None else half_up(value, digits)


def _row(slug: str, health: Health) -> dict[str, Any]:
    row: dict[str, Any] = {
        "account": slug,
        "score": _points(health.score),
        "status": health.status or "",
    }
    row |= {
        "coverage": _points(health.coverage, 2),
        "low": _points(health.low),
        "high": _points(health.high),
    }
    note = "; ".join(gate.reason for gate in health.gates) or health.reason
    return row | {factor.name: _points(factor.score) for factor in health.factors} | {"note": note}


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
