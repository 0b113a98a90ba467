"""metrics cohorts: what is left of those who began together."""

from __future__ import annotations

from typing import Annotated

import typer

from crmctl.cli.options import Csv, Json, style
from crmctl.cli.session import session


def cohorts(
    ctx: typer.Context,
    by: Annotated[
        str,
        typer.Option("--by", metavar="FIELD", help="month or quarter of the start, or a field."),
    ] = "month",
    what: Annotated[
        str, typer.Option("--what", metavar="WHAT", help="logo, revenue, gross or health.")
    ] = "logo",
    months: Annotated[
        int, typer.Option("--months", metavar="N", help="So many months; else by weights.yaml.")
    ] = 0,
    every: Annotated[
        int, typer.Option("--every", metavar="N", help="Only every Nth month: 3 for quarters.")
    ] = 1,
    constant: Annotated[
        bool,
        typer.Option(
            "--assume-constant", help="Take the first known MRR to have held since the start."
        ),
    ] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what is left of each cohort, month by month from its start.

    Cells are percent of what the cohort began with, for health mean scores. A blank is a month that not all of the
    cohort have seen yet (of a field: nobody has); the average counts each cohort by what it began with.

    Example: crmctl metrics cohorts --by segment --what revenue
    """
    from crmctl.cli.metrics import fields_of, warn
    from crmctl.insight.metrics_book import read_book
    from crmctl.insight.metrics_cohorts import CALENDAR, PRICED, WHAT, Cohorts
    from crmctl.insight.metrics_ledger import in_currencies
    from crmctl.insight.metrics_period import Period, add_months
    from crmctl.insight.metrics_weights import metric_weights
    from crmctl.insight.weights import load_weights
    from crmctl.model.errors import UsageError
    from crmctl.render import metrics_cohorts as form

    current = session(ctx)
    ws, out = current.ws, current.out
    if what not in WHAT:
        raise UsageError(f"--what: found {what!r}; allowed: {', '.join(WHAT)}")
    if not 0 <= months <= 120 or not 1 <= every <= 120:
        raise UsageError("--months and --every: allowed: 1 to 120")
    rules = metric_weights(load_weights(ws.root).metrics)
    seen = range(0, (months or rules.cohort_months) + 1, every)
    past = Period(add_months(ws.today.replace(day=1), -seen[-1]), ws.today).month_ends()
    book = read_book(ws, rules, past, constant=constant, surveys=False)
    warn(current, book)
    if by not in CALENDAR and fields_of(book, by) != [by]:
        raise UsageError("--by: one field, or month or quarter")
    if what in PRICED and (lacking := in_currencies(book.customers, rules)[1]):
        out.warn(f"no rate for {', '.join(lacking)}: they have tables of their own")
    found = Cohorts(book.accounts, seen, ws.today, rules).tables(by, what)
    shape = style(json, csv)
    if shape == "json":
        out.json([form.document(table, currency) for currency, table in found.items()])
        return
    if shape or not out.people:
        rows = [
            {"currency": key, **row} for key, table in found.items() for row in form.rows(table)
        ]
        columns = ("currency", "cohort", "n", "began", *(str(month) for month in seen))
        out.records(columns, rows, style=shape)
        return
    for currency, table in found.items():
        title = " ".join(filter(None, (WHAT[what], currency and f"in {currency}")))
        out.line(title, style="bold")
        unknown = sum(row.unknown for row in table.rows)
        if unknown:
            out.line(f"in no cell, as nobody knows what they began with: {unknown}")
        if any(cell is not None for cell in table.average):
            out.records(form.columns(table), form.rows(table))
        elif not unknown:
            out.line("nothing is known of any of them yet")
    if not found:
        out.say("no customers")
