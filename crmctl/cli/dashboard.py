"""dashboard: an account, a book, cohorts, a history and a risk, each on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from crmctl.cli.options import Account, Csv, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crmctl.cli.session import Session
    from crmctl.render.book_row import Row
    from crmctl.render.dashboard import Line
    from crmctl.render.site.frame import Frame

DEFAULT = "portfolio"
SHOWN, FEW = 5, 3  # rows of a list on a terminal of so many lines, and on a lower one
TALL = 45
Owner = Annotated[
    str,
    typer.Option("--owner", "-o", metavar="OWNER", help="Only the accounts of one of us."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, help="Rows of a list; 0 is all."),
]
Since = Annotated[
    str, typer.Option("--since", metavar="DATE", help="What changed since then: a date, 30d.")
]


class Dashboard(TyperGroup):
    """`crmctl dashboard` is `crmctl dashboard portfolio`."""

    default = DEFAULT

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def portfolio(
    ctx: typer.Context,
    owner: Owner = "",
    since: Since = "",
    limit: Limit = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show a book: ARR by status, movers, renewals, risk, gaps, next steps.

    Each currency has its own sum. Movers are those whom the rules of weights.yaml (health.trend) call rising or
    falling, with --since those whose score has moved since then. A pipe gets all rows. `portfolio` may be left out.

    Example: crmctl dashboard portfolio --owner mira
    """
    from crmctl.cli.parse import day
    from crmctl.render import book, dashboard_book, dashboard_json

    current = session(ctx)
    start = day(since, current.ws, past=True) if since else None
    rows, frame = _rows(current, owner)
    found = book.portfolio(rows, frame, start)
    _show(
        current,
        dashboard_json.portfolio(found, frame, owner),
        dashboard_json.portfolio_rows,
        lambda *how: dashboard_book.portfolio(found, frame, _whose(frame, owner), *how),
        style(json, csv),
        limit,
    )


def risk(
    ctx: typer.Context,
    owner: Owner = "",
    limit: Limit = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show who may be lost, what that costs, and what is done about it.

    The chance of a loss is that of `crmctl churn`; the expected loss is ARR times that chance. What is done are the
    latest intervention plan in plans/ and tasks of it, or of a step of the stage churn_risk.

    Example: crmctl dashboard risk --owner mira
    """
    from crmctl.render import book, dashboard_book, dashboard_json

    current = session(ctx)
    rows, frame = _rows(current, owner)
    found = book.risk(rows, frame)
    _show(
        current,
        dashboard_json.risk(found, frame, owner),
        dashboard_json.risk_rows,
        lambda *how: dashboard_book.risk(found, frame, _whose(frame, owner), *how),
        style(json, csv),
        limit,
    )


def trend(
    ctx: typer.Context,
    owner: Owner = "",
    limit: Limit = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show the health of a book over time, and where it is likely to go.

    The mean, the mean by ARR, customers by status and usage, each with its pattern and a forecast with an interval,
    or the reason why there is none. What a forecast takes stands in weights.yaml (forecast).

    Example: crmctl dashboard trend --owner mira
    """
    from crmctl.render import book, dashboard_book, dashboard_json

    current = session(ctx)
    rows, frame = _rows(current, owner)
    found = book.trend(rows, frame)
    _show(
        current,
        dashboard_json.trend(found, frame, owner),
        dashboard_json.trend_rows,
        lambda *how: dashboard_book.trend(found, frame, _whose(frame, owner), *how),
        style(json, csv),
        limit,
    )


def cohort(
    ctx: typer.Context,
    by: Annotated[
        str,
        typer.Option("--by", metavar="FIELD", help="month or quarter of the start, or a field."),
    ] = "quarter",
    owner: Owner = "",
    every: Annotated[
        int, typer.Option("--every", metavar="N", min=1, max=120, help="Only every Nth month.")
    ] = 3,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what is left of those who began together, on one screen.

    Customers and MRR in percent of what each cohort began with, its mean health, and the days it took to the first
    value. `crmctl metrics cohorts` has one of these tables with all months.

    Example: crmctl dashboard cohort --by segment
    """
    from crmctl.cli.metrics import fields_of, warn
    from crmctl.insight.metrics_book import read_book
    from crmctl.insight.metrics_cohorts import CALENDAR
    from crmctl.insight.metrics_period import Period, add_months
    from crmctl.insight.metrics_weights import metric_weights
    from crmctl.insight.weights import load_weights
    from crmctl.model.errors import UsageError
    from crmctl.render import dashboard_cohort
    from crmctl.render.dashboard import room

    current = session(ctx)
    ws, out = current.ws, current.out
    rules = metric_weights(load_weights(ws.root).metrics)
    months = range(0, rules.cohort_months + 1, every)
    past = Period(add_months(ws.today.replace(day=1), -months[-1]), ws.today).month_ends()
    book = read_book(ws, rules, past, surveys=False)
    warn(current, book)
    if by not in CALENDAR and fields_of(book, by) != [by]:
        raise UsageError("--by: one field, or month or quarter")
    own = [account for account in book.accounts if not owner or account.trait("owner") == owner]
    found = dashboard_cohort.cohorts(own, by, months, ws.today, rules)
    shape = style(json, csv)
    if shape == "json":
        out.json(dashboard_cohort.document(found, ws.today))
    elif shape or not out.people:
        out.records(dashboard_cohort.columns(months), dashboard_cohort.rows(found), style=shape)
    else:
        out.drawing(dashboard_cohort.lines(found, ws.today, room()))


def account(
    ctx: typer.Context,
    account: Account,
    since: Since = "",
    limit: Limit = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show one account on one screen.

    Health with its trend and reasons, people by role, deals, usage, what changed since the last review (or --since),
    risks, tasks and the latest conversations.

    Example: crmctl dashboard account acme
    """
    from crmctl.cli.parse import day
    from crmctl.render import dashboard_account
    from crmctl.render.account import read
    from crmctl.render.site.frame import frame
    from crmctl.workspace import resolve

    current = session(ctx)
    start = day(since, current.ws, past=True) if since else None
    shared = frame(current.ws)
    seen = read(current.ws, resolve.account(current.ws, account))
    told = dashboard_account.document(current.ws, seen, shared, start)
    _show(
        current,
        told,
        dashboard_account.rows,
        lambda *how: dashboard_account.lines(told, shared, *how),
        style(json, csv),
        limit,
    )


def _rows(current: Session, owner: str) -> tuple[list[Row], Frame]:
    """The rows of a book, with what could not be read said."""
    from crmctl.cli.progress import reading
    from crmctl.render.book_read import read_book
    from crmctl.render.site.frame import frame

    shared = frame(current.ws)
    with reading(("accounts",), shown=not current.quiet) as tick:
        found = read_book(current.ws, shared, owner, lambda: tick("accounts", 1))
    for problem in dict.fromkeys(found.problems):
        current.out.warn(str(problem))
    return found.rows, shared


def _whose(frame: Frame, owner: str) -> str:
    return f"The book of {frame.names.get(owner, owner)}" if owner else "All accounts"


def _show(
    current: Session,
    told: Mapping[str, Any],
    flat: Callable[[Any], Iterable[dict[str, Any]]],
    drawn: Callable[..., Iterable[Line]],
    shape: str,
    limit: int | None,
) -> None:
    """A document as JSON, its rows as CSV or for a pipe, or the screen for people."""
    from crmctl.render.dashboard import room
    from crmctl.render.dashboard_json import COLUMNS, cells

    out = current.out
    if shape == "json":
        out.json(told)
    elif shape or not out.people:
        out.records(COLUMNS, cells(flat(told)), style=shape)
    else:
        place = room()
        few = SHOWN if place.height >= TALL else FEW
        out.drawing(drawn(few if limit is None else limit, place))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    screens = group("Dashboards: portfolio (may be left out), account, risk …", Dashboard)
    screens.command(DEFAULT)(portfolio)
    screens.command("account")(account)
    screens.command("risk")(risk)
    screens.command("trend")(trend)
    screens.command("cohort")(cohort)
    app.add_typer(screens, name="dashboard")
