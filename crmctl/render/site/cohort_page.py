"""The page of cohorts: what is left of those who began together, by month, quarter, segment and plan.

The tables are those of `crmctl metrics cohorts`; how soon each cohort reached its first value stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_cohorts import (
    CALENDAR,
    HEALTH,
    LOGO,
    PRICED,
    REVENUE,
    Cohorts,
    cohort,
)
from crmctl.insight.metrics_time_to_value import time_to_value
from crmctl.model.numbers import half_up
from crmctl.render import metrics as metrics_form
from crmctl.render import metrics_cohorts as form
from crmctl.render.site import charts

if TYPE_CHECKING:
    from crmctl.insight.metrics_cohorts import Cell, Table
    from crmctl.insight.metrics_time_to_value import Wait
    from crmctl.render.site.frame import Frame
    from crmctl.render.site.metrics_data import Told

BY = {
    "quarter": "quarter of the start",
    "month": "month of the start",
    "segment": "segment",
    "plan": "plan",
}
WHAT = {
    LOGO: "customers kept",
    REVENUE: "revenue kept",
    HEALTH: "health",
}
DRAWN = 3  # points from which on a line is worth drawing
VALUE = "time to value"
# From which percent on a cell has which shade; what grew has one of its own.
SHADES = ((110, "more2"), (100.5, "more1"), (95, "heat6"), (85, "heat5"), (70, "heat4"), (55, "heat3"), (40, "heat2"),
          (20, "heat1"), (0, "heat0"))  # fmt: skip


def cohort_page(told: Told, frame: Frame) -> dict[str, Any]:
    """What the template ``cohorts.html`` is given."""
    accounts = told.book.accounts
    followed = Cohorts(accounts, told.months, told.today, told.rules)
    views = []
    months: dict[str, dict[str, Table]] = {}
    for by, of in BY.items():
        for what, title in WHAT.items():
            found = followed.tables(by, what)
            if by == "month":
                months[what] = found
            views.append(
                {
                    "by": by,
                    "of": of,
                    "what": what,
                    "title": title,
                    "tables": [_table(t, currency, frame) for currency, t in found.items()],
                    "whole": by in CALENDAR,
                }
            )
        views.append(
            {"by": by, "of": of, "what": "value", "title": VALUE, "rows": _value(told, by)}
        )
    return {
        "there": bool(accounts),
        "views": views,
        "bys": BY,
        "whats": {**WHAT, "value": VALUE},
        "accounts": len(accounts),
        "charts": _charts(months, told),
    }


def _table(table: Table, currency: str, frame: Frame) -> dict[str, Any]:
    """A triangle: a row a cohort, a cell a month, the average last."""
    names = form.columns(table)[3:]
    rows = [
        {
            "cohort": row.cohort,
            "n": row.accounts - row.unknown,
            "unknown": row.unknown,
            "began": metrics_form.amount(row.began) if table.what in PRICED else None,
            "cells": _cells(row.cells, table.what, len(names), frame),
        }
        for row in table.rows
    ]
    return {
        "currency": currency,
        "priced": table.what in PRICED,
        "months": names,
        "rows": rows,
        "average": _cells(table.average, table.what, len(names), frame),
        "n": sum(row["n"] for row in rows),
        "unknown": sum(row["unknown"] for row in rows),
    }


def _cells(
    cells: Sequence[Cell | None], what: str, count: int, frame: Frame
) -> list[dict[str, str]]:
    return [_cell(each, what, frame) for each in cells[:count]]


def _cell(cell: Cell | None, what: str, frame: Frame) -> dict[str, str]:
    """Text and shade of a cell; without text it is of a month that is still to come."""
    if cell is None:
        return {"text": "", "shade": "later", "n": ""}
    if cell.value is None:
        return {"text": "?", "shade": "unknown", "n": ""}
    value = cell.value if what == HEALTH else 100 * cell.value
    shade = next(name for start, name in SHADES if value >= start)
    if what == HEALTH:
        shade = f"tone-{frame.health_tone(value)}"
    return {"text": half_up(value), "shade": shade, "n": str(cell.n)}


def _value(told: Told, by: str) -> list[dict[str, Any]]:
    """Each cohort's time to value as of today."""
    waits: dict[str, list[Wait]] = {}
    for account in told.book.accounts:
        if (wait := account.wait(told.today.toordinal())) is not None:
            waits.setdefault(cohort(account, by), []).append(wait)
    rows = []
    for name in sorted(waits):
        found = time_to_value(waits[name], told.rules.value_days)
        rows.append(
            {
                "cohort": name,
                "n": found.number,
                "reached": found.reached,
                "median": found.median,
                "p90": found.p90,
                "within": [
                    {
                        "share": metrics_form.percent(w.reached.rate, 0),
                        "n": w.reached.number,
                        "events": w.reached.events,
                    }
                    for w in found.within
                ],
                "days": [w.days for w in found.within],
            }
        )
    return rows


def _charts(found_by: Mapping[str, Mapping[str, Table]], told: Told) -> list[dict[str, Any]]:
    """The average of the cohorts by month, by months from the start: customers, and revenue a currency."""
    found = []
    for what in (LOGO, REVENUE):
        for currency, table in found_by[what].items():
            points = [
                (float(month), 100 * cell.value)
                for month, cell in zip(table.months, table.average, strict=True)
                if cell is not None and cell.value is not None
            ]
            if len(points) < DRAWN:
                continue
            name = "customers" if what == LOGO else f"revenue in {currency}"
            said = ", ".join(f"month {month:g} {half_up(value)} %" for month, value in points[::3])
            top = max(100.0, *(value for _, value in points))
            marks = [0.0, 25.0, 50.0, 75.0, 100.0, *(([top - top % 25 + 25]) if top > 100 else ())]
            ticks = {float(m): str(m) for m in told.months if m % 3 == 0}
            chart = charts.curve(
                f"{name.capitalize()} kept by months from the start, average of the cohorts: {said}",
                {name: points},
                ticks,
                marks,
                width=charts.NARROW,
            )
            found.append(
                {
                    "name": name,
                    "chart": chart,
                    "last": half_up(points[-1][1]),
                    "month": f"{points[-1][0]:g}",
                }
            )
    return found
