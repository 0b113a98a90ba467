"""metrics: retention, churn, health, promoters and time to value of a period; why methods differ; cohorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from crmctl.cli.options import Csv, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.cli.session import Session
    from crmctl.insight.metrics_book import Book
    from crmctl.insight.metrics_period import Period
    from crmctl.insight.metrics_report import Asked, Group

DEFAULT = "show"
Of = Annotated[
    str,
    typer.Option(
        "--period",
        metavar="PERIOD",
        help="2026, 2026Q3, 2026-09 or FROM..TO; else the last quarter.",
    ),
]
Constant = Annotated[
    bool,
    typer.Option(
        "--assume-constant", help="Take the first known MRR to have held since the start."
    ),
]


class Metrics(TyperGroup):
    """`crmctl metrics` is `crmctl metrics show`."""

    default = DEFAULT

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def show(
    ctx: typer.Context,
    period: Of = "",
    by: Annotated[
        str,
        typer.Option("--by", metavar="FIELDS", help="By segment, owner, stage, plan or any field."),
    ] = "",
    method: Annotated[
        str,
        typer.Option("--method", metavar="METHOD", help="snapshot, movement, chartmogul, stripe …"),
    ] = "snapshot",
    accounts: Annotated[
        bool, typer.Option("--accounts", help="The accounts behind the figures.")
    ] = False,
    constant: Constant = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show retention, churn, expansion, NPS and more of a period.

    What nobody knows is left out and said; a share of nothing is "not defined". Amounts of several currencies are
    summed only at the rates of weights.yaml (metrics). --accounts lists who is behind the figures, with file and line.
    `show` may be left out.

    Example: crmctl metrics show --period 2026Q3 --by segment
    """
    from crmctl.insight.metrics_methods import METHODS
    from crmctl.insight.metrics_report import groups
    from crmctl.render import metrics as form
    from crmctl.render import metrics_json as document

    current = session(ctx)
    _known(method)
    shape = style(json, csv)
    asked, book = _asked(current, period, method, constant=constant)
    fields = fields_of(book, by)
    found = groups(book, fields, asked)
    if accounts and shape != "json":
        _lines(current, found, asked, shape)
        return
    out = current.out
    if shape == "json":
        pages = [
            document.group(group, asked, _cited(current, group, asked) if accounts else None)
            for group in found
        ]
        out.json({**document.head(asked), "groups": pages})
    elif shape or not out.people:
        rows = [row for group in found for row in form.rows(group, asked)]
        out.records(form.ROWS, rows, style=shape)
    elif not book.accounts:
        out.say("no customers")
    elif fields:
        out.line(form.headline(asked, METHODS[method].says), style="bold")
        out.records(form.BY, [row for group in found for row in form.pivot(group, asked)])
    else:
        _print(current, found[0], asked, METHODS[method].says)


def _known(*methods: str) -> None:
    from crmctl.insight.metrics_methods import METHODS
    from crmctl.model.errors import UsageError

    for name in methods:
        if name not in METHODS:
            raise UsageError(f"found {name!r}; allowed methods: {', '.join(METHODS)}")


def _asked(
    current: Session, text: str, method: str, *, constant: bool, revenue_only: bool = False
) -> tuple[Asked, Book]:
    """What to compute and of whom; with ``revenue_only`` neither answers nor health scores are read."""
    from crmctl.insight.metrics_book import read_book
    from crmctl.insight.metrics_ledger import in_currencies
    from crmctl.insight.metrics_period import Period
    from crmctl.insight.metrics_report import Asked, score_at
    from crmctl.insight.metrics_weights import metric_weights
    from crmctl.insight.weights import load_weights

    weights = load_weights(current.ws.root)
    rules = metric_weights(weights.metrics)
    period = Period.parse(text, current.ws.today)
    days = _days(period)
    book = read_book(current.ws, rules, days, constant=constant, surveys=not revenue_only)
    _, lacking = in_currencies(book.customers, rules)
    if lacking:
        current.out.warn(f"no rate for {', '.join(lacking)}: they have figures of their own")
    warn(current, book)
    scores = score_at(period.closing) if revenue_only else _scores(current, book, period)
    return Asked(method, period, rules, weights.health, scores), book


def _days(period: Period) -> list[int]:
    """The days on which the MRR must be known, in git where not measured."""
    return sorted({period.before.opening, *period.before.month_ends(), *period.month_ends()})


def warn(current: Session, book: Book) -> None:
    """Say what could not be read, and what is measured of no account."""
    for problem in book.problems:
        current.out.warn(
            f"{problem}; `crmctl check` says more" if isinstance(problem, str) else str(problem)
        )
    if book.strays:
        current.out.warn(
            f"measured, but no account: {', '.join(book.strays)}; their MRR is in no figure"
        )


def _scores(current: Session, book: Book, period: Period) -> Any:
    """The scores written down by the end of the period; if there are none and it ends today, those of today."""
    from crmctl.insight.metrics_report import live_scores, score_at
    from crmctl.insight.scoring import plan_scores

    written = any(
        rows and rows[0][0] <= period.closing for rows in (a.scores for a in book.accounts)
    )
    if written or period.last < current.ws.today:
        return score_at(period.closing)
    plan = plan_scores(current.ws, [a.slug for a in book.accounts], pages=False)
    return live_scores({glance.account: glance.score for glance in plan.results.glances()})


def fields_of(book: Book, by: str) -> list[str]:
    """The names in ``--by``; UsageError for one that is no field."""
    from crmctl.model.errors import UsageError
    from crmctl.model.schema import FIELDS

    names = [name for part in by.split(",") if (name := part.strip())]
    known = {*FIELDS["account"], *(name for account in book.accounts for name in account.profile)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--by: {name!r} is no field of an account, such as segment, owner, stage, plan"
            )
    return names


def _print(current: Session, group: Group, asked: Asked, says: str) -> None:
    from crmctl.render import metrics as form

    out = current.out
    out.line(form.headline(asked, says), style="bold")
    for sentence in form.summary(group):
        out.line(sentence)
    for title, (columns, rows) in form.sections(group, asked).items():
        out.line()
        out.line(title, style="bold")
        out.records(columns, rows)


def _cited(current: Session, group: Group, asked: Asked) -> list[dict[str, Any]]:
    from crmctl.insight.citing import Lines, Rows
    from crmctl.insight.metrics_report import lines

    rows: Rows = {}
    found = []
    for line in lines(group, asked):
        where = Lines(current.ws.root, line.account, rows)
        cited = {name: where.cite(getattr(line, name)) for name in ("start_source", "end_source")}
        found.append(line._asdict() | cited)
    return found


def _lines(current: Session, found: Sequence[Group], asked: Asked, shape: str) -> None:
    from crmctl.insight.metrics_report import Line
    from crmctl.render import metrics as form

    rows = [form.line_row(Line(**row)) for group in found for row in _cited(current, group, asked)]
    out = current.out
    if out.people and not shape:
        for row in rows:
            for name in ("start_source", "end_source"):
                row[name] = row[name].removeprefix("accounts/")
    people = form.filled(form.READ_LINES, rows)
    out.records(form.LINES, rows, style=shape, people=people, wrap=True)
    if not rows and not shape:
        out.say("no customers")


def reconcile(
    ctx: typer.Context,
    first: Annotated[
        str, typer.Argument(metavar="METHOD", help="snapshot, movement, chartmogul …")
    ],
    second: Annotated[str, typer.Argument(metavar="METHOD", help="Another one.")],
    period: Of = "",
    constant: Constant = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show why two methods differ: which accounts, by which rules.

    Each line is what one account adds to the difference, in points of percent, and how each method sees it. Methods:
    snapshot, movement, chartmogul, chartmogul-daily, stripe, baremetrics, growslash.

    Example: crmctl metrics reconcile snapshot movement --period 2026Q3
    """
    from crmctl.insight.metrics_reconcile import reconcile as compare
    from crmctl.insight.metrics_reconcile import shared
    from crmctl.render import metrics as form
    from crmctl.render import metrics_json as document

    current = session(ctx)
    _known(first, second)
    shared(first, second)
    asked, book = _asked(current, period, first, constant=constant, revenue_only=True)
    found = compare(first, second, book.customers, asked.period, asked.rules)
    out, shape = current.out, style(json, csv)
    if shape == "json":
        out.json(
            {
                **document.head(asked),
                "method": [first, second],
                "figures": [document.reconciled(each) for each in found],
            }
        )
        return
    if shape or not out.people:
        out.records(
            form.EFFECTS, [row for each in found for row in form.effect_rows(each)], style=shape
        )
        return
    out.line(f"{asked.period}: {first}, then {second}", style="bold")
    for each in found:
        title = " ".join(filter(None, (form.TITLES[each.name], each.currency)))
        if each.reason:
            out.line(f"{title}: {each.reason}")
        elif not each.effects:
            out.line(f"{title}: both {form.percent(each.first.value)}")
        else:
            out.line()
            out.line(
                f"{title}: {form.percent(each.first.value, 2)}, then {form.percent(each.second.value, 2)}"
            )
            out.records(form.READ_EFFECTS, form.effect_rows(each)[1:-1])


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group
    from crmctl.cli.metrics_cohorts import cohorts

    metrics = group(
        "Retention, churn, health, promoters, time to value: show (may be left out).", Metrics
    )
    metrics.command(DEFAULT)(show)
    metrics.command("reconcile")(reconcile)
    metrics.command("cohorts")(cohorts)
    app.add_typer(metrics, name="metrics")
