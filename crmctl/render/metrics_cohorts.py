"""Cohort tables: for people and programs, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_cohorts import PRICED
from crmctl.model.numbers import half_up
from crmctl.render.metrics import amount

if TYPE_CHECKING:
    from crmctl.insight.metrics_cohorts import Cell, Table


def columns(table: Table) -> tuple[str, ...]:
    """The columns of a cohort table: as many months as any cohort has."""
    seen = [place for place, cell in enumerate(table.average) if cell is not None]
    return (
        "cohort",
        "n",
        "began",
        *(str(month) for month in table.months[: max(seen, default=-1) + 1]),
    )


def rows(table: Table) -> list[dict[str, Any]]:
    """A row for each cohort, then the average; a blank where a cohort is not old enough."""
    found: list[dict[str, Any]] = []
    total = 0
    for row in table.rows:
        total += row.accounts - row.unknown
        began = amount(row.began) if table.what in PRICED else str(row.accounts)
        cells = _cells(table, row.cells)
        found.append(
            {"cohort": row.cohort, "n": row.accounts - row.unknown, "began": began, **cells}
        )
    return [
        *found,
        {"cohort": "average", "n": total, "began": "", **_cells(table, table.average)},
    ]


def _cells(table: Table, cells: tuple[Cell | None, ...]) -> dict[str, str]:
    return {
        str(month): _cell(cell, table.what) for month, cell in zip(table.months, cells, strict=True)
    }


def _cell(cell: Cell | None, what: str) -> str:
    if cell is None:
        return ""
    if cell.value is None:
        return "?"
    return half_up(cell.value if what == "health" else cell.value * 100)


def document(table: Table, currency: str) -> dict[str, Any]:
    """A cohort table with full precision; None where a cohort is not old enough."""

    def cell(found: Cell | None) -> dict[str, Any] | None:
        return (
            None
            if found is None
            else {"value": found.value, "weight": float(found.weight), "n": found.n}
        )

    return {
        "what": table.what,
        "months": list(table.months),
        "currency": currency or None,
        "cohorts": [
            {
                "cohort": row.cohort,
                "accounts": row.accounts,
                "unknown": row.unknown,
                "began": float(row.began),
                "cells": [cell(each) for each in row.cells],
            }
            for row in table.rows
        ],
        "average": [cell(each) for each in table.average],
    }
