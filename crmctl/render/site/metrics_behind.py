"""Who is behind each figure of a quarter, and how other methods count the same quarter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.insight.citing import Lines, Rows
from crmctl.insight.metrics_methods import METHODS, compute
from crmctl.insight.metrics_reconcile import explain
from crmctl.insight.metrics_report import lines
from crmctl.insight.metrics_revenue import annualised, interval
from crmctl.model.numbers import half_up
from crmctl.render import metrics as form
from crmctl.render.site.metrics_data import METHOD

if TYPE_CHECKING:
    from crmctl.insight.metrics_reconcile import Reconciled
    from crmctl.insight.metrics_report import Measured
    from crmctl.insight.metrics_revenue import Figure, Part
    from crmctl.render.site.frame import Frame
    from crmctl.render.site.metrics_data import Quarter, Told

# Figures by method, then by name and currency.
Counted = dict[str, dict[tuple[str, str], "Figure"]]
COMPARED = ("nrr", "grr", "gross_churn", "net_churn", "logo_churn")
BEHIND = 60  # accounts listed behind one figure, those that move it most first
SAYS = {
    "nrr": "what those who paid at the start pay at the end, over what they paid",
    "grr": "the same, nobody counting for more than at the start",
    "expansion": "the rises of those who paid at the start, over what they paid",
    "contraction": "the falls of those who stayed",
    "churned": "what those who left had paid",
    "gross_churn": "1 − GRR",
    "net_churn": "1 − NRR; below zero, expansion outweighs loss",
    "logo_churn": "customers at the start who are none at the end",
    "logo_retention": "customers at the start who still are at the end",
}  # fmt: skip


def shown(each: Measured, quarter: Quarter) -> dict[str, Any]:
    """A figure as people read it: the value, how sure it is, what it rests on, how it moved."""
    figure, small = each.figure, quarter.asked.rules.small_group
    share = interval(figure)
    yearly = None
    if figure.name in form.CHURN and figure.value is not None:
        yearly = annualised(float(figure.value), quarter.asked.period.days)
    return {
        "value": form.percent(figure.value),
        "defined": figure.value is not None,
        "n": figure.n,
        "few": 0 < figure.n < small,
        "top": form.amount(figure.top),
        "of": form.amount(figure.bottom),
        "interval": ""
        if share is None or share.interval is None
        else f"{half_up(100 * share.interval.low)} to {half_up(100 * share.interval.high)} %",
        "a_year": None if yearly is None else form.percent(yearly),
        "change": None if each.change is None else 100 * each.change.points,
    }


def behind(each: Measured, told: Told, quarter: Quarter) -> dict[str, Any]:
    """The accounts behind a figure, those that move it most first."""
    figure = each.figure
    counted = [part for part in figure.parts if part.top or part.bottom]
    counted.sort(key=lambda part: (-_moves(part, figure), -part.bottom, part.account))
    return {
        "name": form.TITLES[figure.name],
        "says": SAYS[figure.name],
        "currency": each.currency,
        **shown(each, quarter),
        "parts": [
            {
                "slug": part.account,
                "name": told.rows[part.account]["name"],
                "rule": part.rule,
                "top": form.amount(part.top),
                "of": form.amount(part.bottom),
            }
            for part in counted[:BEHIND]
        ],
        "more": max(0, len(counted) - BEHIND),
    }


def _moves(part: Part, figure: Figure) -> float:
    """How far an account holds the figure away from nothing having happened."""
    kept = figure.name in {"nrr", "grr", "logo_retention"}
    return abs(float(part.top - part.bottom if kept else part.top))


def account_lines(told: Told, quarter: Quarter, frame: Frame) -> list[dict[str, Any]]:
    """Everybody who was a customer at some time of the quarter, each amount with its file and line."""
    rows: Rows = {}
    found = []
    for line in lines(quarter.group, quarter.asked):
        where = Lines(frame.root, line.account, rows)
        row = told.rows[line.account]
        ends = {
            name: None if amount is None else form.amount(amount)
            for name, amount in (("start", line.start), ("end", line.end))
        }
        found.append(
            {
                "slug": line.account,
                "name": row["name"],
                "owner": frame.names.get(row["owner"], row["owner"]) or "nobody",
                "currency": line.currency,
                **ends,
                "start_value": line.start,
                "end_value": line.end,
                "what": line.what,
                "moves": line.moves,
                "odd": line.odd,
                "basis": line.basis,
                "source": where.cite(line.end_source or line.start_source).removeprefix(
                    "accounts/"
                ),
            }
        )
    return found


def counted(told: Told, quarter: Quarter) -> Counted:
    """A quarter's figures by method, then by name and currency."""
    customers, period, rules = told.book.customers, quarter.asked.period, told.rules
    found = {METHOD: {(m.figure.name, m.currency): m.figure for m in quarter.group.figures}}
    for method in METHODS:
        if method not in found:
            figures = compute(method, customers, period, rules)
            found[method] = {(each.name, currency): each for currency, each in figures}
    return found


def by_method(found: Counted) -> list[dict[str, Any]]:
    """Every method's figures: rows of figures, a cell a method."""
    own = found[METHOD]
    wanted = [key for name in COMPARED for key in own if key[0] == name]
    return [
        {
            "name": form.TITLES[name],
            "currency": currency,
            "cells": [
                _compared(found[method].get((name, currency)), own[name, currency])
                for method in METHODS
            ],
        }
        for name, currency in wanted
    ]


def _compared(figure: Figure | None, own: Figure) -> dict[str, Any] | None:
    if figure is None:
        return None
    return {
        "value": form.percent(figure.value),
        "defined": figure.value is not None,
        "same": figure.value == own.value,
    }


def differences(found: Counted, told: Told) -> list[dict[str, Any]]:
    """Why each other method gives another figure than ours: account by account, as `crmctl metrics reconcile`."""
    own = found[METHOD]
    return [
        {
            "name": method,
            "says": how.says,
            "figures": [
                _effects(explain(own[key], found[method][key], key[1]), told)
                for key in own
                if key in found[method]
            ],
        }
        for method, how in METHODS.items()
        if method != METHOD
    ]


def _effects(each: Reconciled, told: Told) -> dict[str, Any]:
    rows = form.effect_rows(each)[1:-1]
    return {
        "name": form.TITLES[each.name],
        "currency": each.currency,
        "first": form.percent(each.first.value, 2),
        "second": form.percent(each.second.value, 2),
        "reason": each.reason,
        "rows": [
            row | {"name": told.rows.get(row["account"], {}).get("name", row["account"])}
            for row in rows[:BEHIND]
        ],
        "more": max(0, len(rows) - BEHIND),
    }
