"""The page of key metrics: quarter by quarter, and for the last whole quarter who is behind each figure.

Amounts of different currencies are added up only where ``weights.yaml`` states rates; else each has its own figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_methods import METHODS
from crmctl.insight.metrics_time_to_value import survival
from crmctl.model.numbers import half_up
from crmctl.render import metrics as form
from crmctl.render.site import charts
from crmctl.render.site.metrics_behind import (
    BEHIND,
    SAYS,
    account_lines,
    behind,
    by_method,
    counted,
    differences,
    shown,
)
from crmctl.render.site.metrics_data import METHOD, Quarter, Told

if TYPE_CHECKING:
    from crmctl.insight.metrics_report import Group, Measured
    from crmctl.insight.metrics_time_to_value import Wait
    from crmctl.render.site.frame import Frame

ROWS = ("nrr", "grr", "expansion", "gross_churn", "net_churn")
ENDS = frozenset({"start", "end"})
SIGNS = {"contraction": "−", "churn": "−"}  # the others are told by their own sign
AXIS = 4  # parts of the axis of days


def metrics_page(told: Told, frame: Frame) -> dict[str, Any]:
    """What the template ``metrics.html`` is given."""
    whole, now = told.whole, told.now
    figures = counted(told, whole)
    currencies = list(now.group.movements)
    return {
        "says": METHODS[METHOD].says,
        "method": METHOD,
        "whole": whole.name,
        "whole_period": str(whole.asked.period),
        "now": now.name,
        "there": bool(told.book.accounts),
        "quarters": [quarter.name for quarter in told.quarters],
        "headline": _headline(whole),
        "chosen": frame.currency if frame.currency in currencies else "".join(currencies[:1]),
        "blocks": [_block(told, currency) for currency in currencies],
        "customers": _customers(told),
        "moved": [_moved(whole.group, currency) for currency in whole.group.movements],
        "notes": form.summary(whole.group),
        "health": _health(now, frame),
        "nps": [_nps(quarter) for quarter in told.quarters],
        "value": _value(told),
        "behind": [behind(each, told, whole) for each in whole.group.figures],
        "lines": account_lines(told, whole, frame),
        "methods": by_method(figures),
        "differs": differences(figures, told),
        "strays": list(told.book.strays),
    }


def _headline(quarter: Quarter) -> dict[str, Any]:
    """NRR and GRR by currency, and logo churn, of one quarter."""
    found: dict[str, Any] = {"nrr": [], "grr": [], "expansion": []}
    for each in quarter.group.figures:
        name = each.figure.name
        if name in found:
            found[name].append({"currency": each.currency, **shown(each, quarter)})
        elif name == "logo_churn":
            found["logo"] = shown(each, quarter)
    return found


def _of(group: Group, name: str, currency: str) -> Measured | None:
    return next(
        (m for m in group.figures if m.figure.name == name and m.currency == currency), None
    )


def _block(told: Told, currency: str) -> dict[str, Any]:
    """One currency's revenue, a column a quarter, with its chart."""
    rows = []
    for name in ROWS:
        cells = [
            None if (m := _of(q.group, name, currency)) is None else shown(m, q)
            for q in told.quarters
        ]
        rows.append({"name": form.TITLES[name], "says": SAYS[name], "cells": cells})
    based = [_of(q.group, "nrr", currency) for q in told.quarters]
    return {
        "currency": currency,
        "rows": rows,
        "base": [None if m is None else form.amount(m.figure.bottom) for m in based],
        "n": [None if m is None else m.figure.n for m in based],
        "chart": _retention_chart(told, currency),
    }


def _retention_chart(told: Told, currency: str) -> Any:
    """NRR and GRR of the quarters that are over: one that is not would look too good. Nothing of fewer than two."""
    series: dict[str, list[tuple[float, float | None]]] = {}
    for name in ("nrr", "grr"):
        points: list[tuple[float, float | None]] = []
        for place, quarter in enumerate(told.quarters[:-1]):
            found = _of(quarter.group, name, currency)
            value = None if found is None else found.figure.value
            points.append((place, None if value is None else 100 * float(value)))
        series[form.TITLES[name]] = points
    known = [value for points in series.values() for _, value in points if value is not None]
    if len([value for _, value in series[form.TITLES["nrr"]] if value is not None]) < 2:
        return ""
    ticks = {float(place): _tick(q.name) for place, q in enumerate(told.quarters[:-1])}
    words = "; ".join(
        f"{name} " + ", ".join(
            f"{told.quarters[round(place)].name} {half_up(value)} %"
            for place, value in points
            if value is not None
        )
        for name, points in series.items()
    )  # fmt: skip
    label = f"Net and gross revenue retention by quarter in {currency}: {words}"
    return charts.curve(label, series, ticks, _scale(known), dots=True, height=charts.LOW + 40)


def _tick(name: str) -> str:
    return f"Q{name[-1]} ’{name[2:4]}"


def _scale(values: Sequence[float]) -> list[float]:
    """Marks of an axis in percent around 100, on which all values find room."""
    low = min(80, 10 * floor(min(values) / 10))
    high = max(120, 10 * ceil(max(values) / 10))
    step = next(step for step in (10, 20, 50, 100, 500, 10**9) if (high - low) / step <= 4)
    start = low // step * step
    return [float(start + step * n) for n in range(ceil((high - start) / step) + 1)]


def _customers(told: Told) -> list[dict[str, Any]]:
    """What is counted of customers, whatever they pay in: rows of cells, a cell a quarter."""
    quarters = told.quarters

    def figures(name: str) -> list[dict[str, Any] | None]:
        return [None if (m := _of(q.group, name, "")) is None else shown(m, q) for q in quarters]

    def plain(values: Iterable[Any]) -> list[dict[str, Any]]:
        return [{"value": value, "defined": value is not None} for value in values]

    return [
        {"name": "customers at the start", "cells": plain(q.group.customers for q in quarters)},
        {"name": "customers at the end", "cells": plain(q.group.at_end for q in quarters)},
        {"name": form.TITLES["logo_churn"], "says": SAYS["logo_churn"], "cells": figures("logo_churn")},
        {"name": "mean health at the end", "cells": plain(_whole(q.group.health.mean) for q in quarters)},
        {"name": "NPS", "cells": plain(_whole(q.group.nps.score) for q in quarters)},
        {"name": "answers", "cells": plain(q.group.nps.number for q in quarters)},
    ]  # fmt: skip


def _whole(value: float | None) -> str | None:
    return None if value is None else half_up(value).replace("-", "−")


def _moved(group: Group, currency: str) -> dict[str, Any]:
    """From the MRR at the start to that at the end, in steps (name, amount, sign); both ends have no sign."""
    moved = group.movements[currency]
    ratio = moved.quick_ratio
    steps = [
        (name, form.amount(abs(much)), SIGNS.get(name, "") or ("+" if much > 0 else "−"))
        for name, much in zip(form.MOVED, moved, strict=True)
        if much and name not in ENDS
    ]
    return {
        "currency": currency,
        "steps": [
            ("start", form.amount(moved.start), ""),
            *steps,
            ("end", form.amount(moved.end), ""),
        ],
        "ratio": None if ratio is None else half_up(ratio, 1),
    }


def _health(quarter: Quarter, frame: Frame) -> dict[str, Any]:
    """How customers, and their ARR by currency, are spread over the bands of health."""
    found = quarter.group.health
    totals = {c: sum(float(b.arr.get(c, 0)) for b in found.bands) for c in found.weighted}
    bands: list[dict[str, Any]] = []
    for each in found.bands:
        shares = {
            c: float(each.arr.get(c, 0)) / total for c, total in totals.items() if total
        }  # fmt: skip
        bands.append(
            {
                "name": each.status,
                "tone": frame.status_tone(each.status),
                "number": each.number,
                "share": form.percent(each.number / found.number, 0) if found.number else None,
                "arr": {c: form.percent(share, 0) for c, share in shares.items()},
                "shares": shares,
            }
        )
    chart: Any = ""
    if found.number:
        names = ["customers", *(c for c, total in totals.items() if total)][::-1]
        series = {
            str(b["name"]).replace("_", " "): [
                100 * (b["number"] / found.number if n == "customers" else b["shares"].get(n, 0))
                or None
                for n in names
            ]
            for b in bands
        }
        told = "; ".join(
            f"{str(b['name']).replace('_', ' ')} {b['share']} of customers"
            + "".join(f", {share} of ARR in {c}" for c, share in b["arr"].items())
            for b in bands
        )
        chart = charts.shares(
            f"Customers, and their ARR, by health: {told}",
            names,
            series,
            [b["tone"] for b in bands],
        )
    return {
        "number": found.number,
        "unscored": found.unscored,
        "mean": found.mean,
        "weighted": found.weighted,
        "bands": bands,
        "currencies": list(totals),
        "chart": chart,
    }


def _nps(quarter: Quarter) -> dict[str, Any]:
    """A quarter's promoters with the interval, drawn."""
    found = quarter.group.nps
    shown = {
        "quarter": quarter.name,
        "n": found.number,
        "promoters": found.promoters,
        "passives": found.passives,
        "detractors": found.detractors,
        "dropped": found.dropped,
        "few": 0 < found.number < quarter.asked.rules.small_survey,
        "score": _whole(found.score),
        "interval": "",
        "chart": "",
    }
    if found.score is None or found.interval is None:
        return shown
    low, high = (half_up(end).replace("-", "−") for end in found.interval)
    label = f"NPS {shown['score']} in {quarter.name}, 95 percent interval {low} to {high}"
    return shown | {
        "interval": f"{low} to {high}",
        "chart": charts.reach(
            label, found.interval.low, found.score, found.interval.high, (-100, 100)
        ),
    }


def _value(told: Told) -> dict[str, Any]:
    """Time to the first value as of today: the quantiles, and the curve of those who are there."""
    found = told.now.group.time_to_value
    closing = told.now.asked.period.closing
    waits = [w for a in told.book.accounts if (w := a.wait(closing)) is not None]
    return {
        "number": found.number,
        "reached": found.reached,
        "censored": found.censored,
        "median": found.median,
        "p90": found.p90,
        "reason": found.reason,
        "within": [
            {
                "days": w.days,
                "share": form.percent(w.reached.rate),
                "events": w.reached.events,
                "n": w.reached.number,
                "interval": ""
                if w.reached.interval is None
                else f"{half_up(100 * w.reached.interval.low)} to {half_up(100 * w.reached.interval.high)} %",
            }
            for w in found.within
        ],
        "chart": _value_chart(waits) if found.reached and found.median is not None else "",
        "waiting": [
            {"slug": w.account, "name": told.rows[w.account]["name"], "days": w.days}
            for w in sorted(waits, key=lambda w: (-w.days, w.account))
            if not w.reached and told.rows[w.account]["customer"]
        ][:BEHIND],
    }


def _value_chart(waits: Sequence[Wait]) -> Any:
    """The share that is there after so many days: 1 less Kaplan and Meier's curve, as steps."""
    points: list[tuple[float, float | None]] = [(0.0, 0.0)]
    there = 0.0
    for day, left in survival(waits):
        points += [(day, there), (day, 100 * (1 - left))]
        there = 100 * (1 - left)
    last = max(1, *(w.days for w in waits))
    points.append((float(last), there))
    size = next(s for n in range(9) for s in (10**n, 2 * 10**n, 5 * 10**n) if last / s <= AXIS)
    ticks = {float(n * size): f"{n * size}" for n in range(ceil(last / size) + 1)}
    said = ", ".join(f"{half_up(share or 0)} % by day {day:g}" for day, share in points[2::2])
    label = f"Share of customers that reached their first value, by days from the start: {said}"
    return charts.curve(
        label, {"there": points}, ticks, [0.0, 25.0, 50.0, 75.0, 100.0], height=charts.LOW + 30
    )
