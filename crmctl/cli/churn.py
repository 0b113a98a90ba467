"""churn: the risk of losing customers, a model of one's own, and past scores held against what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from crmctl.cli.options import Commit, DryRun, Json, MaybeAccount
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.insight.backtest import Result
    from crmctl.insight.churn import Risk
    from crmctl.insight.churn_training import Trained
    from crmctl.insight.metrics_binary import Share
    from crmctl.model.errors import Problem
    from crmctl.render.terminal import Output
    from crmctl.workspace.changes import ChangeSet

COLUMNS = ("account", "risk", "band", "model", "high", "known", "signs")
READ = ("account", "risk", "band", "known", "signs", "model", "high")
SIGNS = ("sign", "state", "value", "times", "lead_days", "adds", "as_of", "source", "note")
PEOPLE = ("sign", "state", "value", "times", "adds", "note", "as_of", "source")
FIGURES = ("figure", "value")
BANDS = ("status", "observations", "lost", "rate", "interval")
DEFAULT = "show"


class Churn(TyperGroup):
    """`crmctl churn ACCOUNT` is `crmctl churn show ACCOUNT`."""

    default = DEFAULT

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def show(ctx: typer.Context, account: MaybeAccount = None, json: Json = False) -> None:
    """Show the risk of losing a customer sign by sign, or of all customers.

    Signs raise a base rate, each for its lead time; every number is in weights.yaml (churn). What nobody knows
    raises nothing: `high` is the risk if every unknown sign were seen. `model` is what a model of your own says,
    once there is one. `show` may be left out.

    Example: crmctl churn show acme
    """
    from crmctl.insight.churn import plan_risks
    from crmctl.insight.citing import Lines
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace import resolve

    current = session(ctx)
    ws, out = current.ws, current.out
    slug = resolve.account(ws, account) if account else None
    risks, problems = plan_risks(ws, [slug] if slug else None)
    if slug and not risks:
        raise DamagedFile(problems)
    for problem in problems:
        out.warn(str(problem))
    if json:
        pages = [_plain(risk) for risk in risks]
        out.json([Lines(ws.root, page["account"]).cited(page) for page in pages])
    elif slug:
        _print_risk(out, risks[0], Lines(ws.root, slug))
    else:
        out.records(COLUMNS, [_row(risk) for risk in risks], people=READ)
        if not risks:
            out.say("no customers")


def _print_risk(out: Output, risk: Risk, lines: Any) -> None:
    if risk.probability is None:
        out.line(f"{risk.account}: no risk: {risk.reason}", style="bold")
    else:
        out.line(
            f"{risk.account}: {_odds(risk.probability)} {risk.band} within {risk.horizon_days} days "
            f"({_odds(risk.base)} without a sign, up to {_odds(risk.high)} with every unknown one)",
            style="bold",
        )
    if risk.model is not None:
        out.line(f"own model: {_odds(risk.model)}")
    rows = [
        {
            "sign": sign.name,
            "state": sign.state,
            "value": None if sign.value is None else f"{sign.value:.4g}",
            "times": f"{sign.times:g}",
            "lead_days": sign.lead_days,
            "adds": _percent(sign.adds) if sign.state == "seen" else None,
            "as_of": sign.as_of,
            "source": lines.cite(sign.source),
            "note": sign.note,
        }
        for sign in risk.signs
    ]
    out.records(SIGNS, rows, people=PEOPLE, wrap=True)


def _row(risk: Risk) -> dict[str, Any]:
    seen = sorted((s for s in risk.signs if s.state == "seen"), key=lambda s: -s.adds)
    return {
        "account": risk.account,
        "risk": _odds(risk.probability),
        "band": risk.band,
        "model": _odds(risk.model),
        "high": _odds(risk.high),
        "known": f"{risk.coverage:.0%}",
        "signs": ", ".join(sign.name for sign in seen) or risk.reason,
    }


def _plain(risk: Risk) -> dict[str, Any]:
    return risk._asdict() | {"signs": [sign._asdict() for sign in risk.signs]}


def _odds(value: float | None) -> str:
    from crmctl.model.numbers import odds

    return "" if value is None else odds(value, 1)


def _percent(value: float | None) -> str:
    from crmctl.model.numbers import half_up

    return "" if value is None else f"{half_up(value * 100, 1)} %"


def train(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Option("--table", metavar="FILE", help="Learn from this CSV file instead.")
    ] = "",
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Its column that says who was lost.")
    ] = "",
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="COLUMN", help="A column to leave out; may be repeated."),
    ] = None,
    date: Annotated[
        str,
        typer.Option(
            "--date", metavar="COLUMN", help="Its column with each row's day of observation."
        ),
    ] = "",
    observed: Annotated[
        str,
        typer.Option("--observed", metavar="DATE", help="The day of observation of all its rows."),
    ] = "",
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Train a model of churn on your own history, and write a model card.

    What was known of each customer on past days, against who was lost after; tried on later days and on customers
    it never saw. Refuses where too few were lost. Writes models/churn.json and models/churn.md. A --table from
    outside gives models/table-NAME. Needs `pip install 'crmctl[ml]'`.

    Example: crmctl churn train
    """
    from pathlib import Path

    from crmctl.cli.parse import day
    from crmctl.insight.churn_card import card
    from crmctl.insight.churn_training import model_bytes, train_own, train_table
    from crmctl.model.errors import UsageError
    from crmctl.workspace import files
    from crmctl.workspace.changes import ChangeSet

    if bool(table) != bool(label):
        raise UsageError(
            "--table and --label belong together: the file, and its column that says who was lost"
        )
    if not table and (without or date or observed):
        raise UsageError("--without, --date and --observed belong to --table")
    if date and observed:
        raise UsageError("--date and --observed: a table has one of them")
    current = session(ctx)
    ws = current.ws
    problems: list[Problem] = []
    if table:
        when = day(observed, ws, past=True) if observed else None
        trained = train_table(
            ws, Path(table), label, without=without or (), date=date, observed=when
        )
    else:
        trained = train_own(ws, problems)

    def plan() -> ChangeSet:
        changes = ChangeSet()
        for path, new in (
            (trained.path, model_bytes(trained)),
            (trained.card, card(trained, ws.today)),
        ):
            changes.put(path, files.read(ws.root, path), new, "model trained")
        return changes

    for problem in problems:
        current.out.warn(str(problem))
    current.carry_out(
        "churn train",
        plan,
        dry_run=dry_run,
        commit=commit,
        subject="Train the model of churn",
        machine=True,
        json=json,
    )
    if json:
        current.out.json(_trained(trained))
    elif not dry_run and not current.quiet:
        _print_trained(current.out, trained)


def _trained(trained: Trained) -> dict[str, Any]:
    from crmctl.insight.churn_card import verdict

    page: dict[str, Any] = {
        name: getattr(trained, name)
        for name in ("path", "card", "source", "outcome", "split", "rows", "events", "notes")
    }
    page["trial"] = trained.trial._asdict() | {
        "interval": trained.trial.interval and trained.trial.interval._asdict(),
        "calibration": [
            {"predicted": each.predicted, **_share(each.happened)}
            for each in trained.trial.calibration
        ],
    }
    return page | {"verdict": verdict(trained.trial)}


def _print_trained(out: Output, trained: Trained) -> None:
    from crmctl.insight.churn_card import shown, verdict

    trial = trained.trial
    rows = [("rows", str(trained.rows)), ("losses", str(trained.events)), ("auc", shown(trial.auc))]
    if trial.interval:
        rows.append(
            ("auc interval", f"{shown(trial.interval.low)} to {shown(trial.interval.high)}")
        )
    rows += [
        ("lift of the top tenth", shown(trial.lift, 2)),
        ("brier", shown(trial.brier)),
        ("brier of the base rate", shown(trial.base)),
        *((f"auc of {name} alone", shown(area)) for name, area in trial.alone.items()),
        ("auc with shuffled labels", shown(trial.shuffled)),
    ]
    out.table(FIGURES, rows)
    out.say(verdict(trial))
    for note in trained.notes:
        out.say(f"left out: {note}")


def health(
    ctx: typer.Context,
    lead: Annotated[
        str, typer.Option("--lead", metavar="DAYS", help="How long ahead: 90d, 12w.")
    ] = "90d",
    json: Json = False,
) -> None:
    """Hold past health scores against who was lost.

    The score of a past day is what `crmctl score` wrote down by that day (accounts/_measures): nothing later is
    looked at. How well it told the lost from the others, by band, how many were red in time and for how long.

    Example: crmctl backtest health --lead 90d
    """
    from crmctl.cli.parse import day
    from crmctl.insight.backtest import plan_backtest
    from crmctl.model.errors import UsageError

    current = session(ctx)
    ws, out = current.ws, current.out
    days = (day(lead, ws) - ws.today).days
    if days < 1:
        raise UsageError(f"--lead {lead}: found {days} days; allowed: at least 1, such as 90d")
    problems: list[Problem] = []
    result = plan_backtest(ws, days, problems)
    for problem in problems:
        out.warn(str(problem))
    if json:
        out.json(_result(result))
    else:
        _print_result(out, result)


def _result(result: Result) -> dict[str, Any]:
    return result._asdict() | {
        "interval": result.interval and result.interval._asdict(),
        "bands": [{"status": each.status, **_share(each.happened)} for each in result.bands],
        "red_in_time": result.red_in_time and _share(result.red_in_time),
    }


def _share(share: Share) -> dict[str, Any]:
    return share._asdict() | {"interval": share.interval and share.interval._asdict()}


def _print_result(out: Output, result: Result) -> None:
    from crmctl.insight.churn_card import ends, shown

    out.line(
        f"{result.customers} customers on {len(result.days)} days, {result.observations} scores, "
        f"{result.events} of them followed by a loss within {result.lead_days} days",
        style="bold",
    )
    if result.unscored:
        out.line(
            f"{result.unscored} customers were lost who had no score {result.lead_days} days before"
        )
    if result.reason:
        out.line(result.reason)
        return
    rows = [("auc", shown(result.auc))]
    if result.interval:
        rows.append(
            ("auc interval", f"{shown(result.interval.low)} to {shown(result.interval.high)}")
        )
    rows.append(("lift of the worst tenth", shown(result.lift, 2)))
    if result.red_in_time:
        red = result.red_in_time
        what = f"{_percent(red.rate)} ({red.events} of {red.number}, {ends(red)})"
        rows.append(("lost customers that were red in time", what))
    median = "none was red" if result.lead_median is None else f"{result.lead_median:g}"
    rows.append(("median days from red to loss", median))
    out.table(FIGURES, rows)
    out.table(
        BANDS,
        [
            (
                e.status,
                str(e.happened.number),
                str(e.happened.events),
                _percent(e.happened.rate),
                ends(e.happened),
            )
            for e in result.bands
        ],
    )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    churn = group("The risk of losing customers: show (may be left out), train.", Churn)
    churn.command(DEFAULT)(show)
    churn.command("train")(train)
    app.add_typer(churn, name="churn")
    backtest = group("Hold past scores against what happened.")
    backtest.command("health")(health)
    app.add_typer(backtest, name="backtest")
