"""The pages about many accounts: a book, its history, and its risk, with their charts.

What they show is found by `crmctl.render.book`, for the terminal as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import TYPE_CHECKING, Any

from crmctl.render import book
from crmctl.render.book import NO_STATUS, totals
from crmctl.render.site import charts
from crmctl.render.site.charts_forecast import fan
from crmctl.render.site.environment import money, percent, score, words

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.insight.forecast import Outlook
    from crmctl.render.book_row import Row
    from crmctl.render.site.frame import Frame

SHOWN = 12  # rows of a list that is a summary; the table below it has every account
DOTS = 400  # points that a scatter can hold and still be read
_LISTS = ("movers", "renewals", "endangered", "gaps", "wanting")


def portfolio(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """A book: ARR by status, movers, renewals ahead, revenue at risk, gaps, missing next steps, every account."""
    found = book.portfolio(rows, frame)
    lists = {name: found[name][:SHOWN] for name in _LISTS}
    more = {f"{name}_more": max(0, len(found[name]) - SHOWN) for name in _LISTS}
    return {
        **found,
        **lists,
        **more,
        "movers": [one["row"] for one in lists["movers"]],
        "status_chart": _status_chart(found["customers"], frame),
        "renewal_charts": _renewal_charts(found["months"], frame.today),
        "rows": [row | {"spark": _spark(row)} for row in rows],
        "stages": sorted({row["stage"] for row in rows if row["stage"]}),
        "listed_statuses": [*frame.status_tones, NO_STATUS],
    }


def risk_page(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """Who may be lost and what that would cost: risk against ARR, what drives it, every customer."""
    found = book.risk(rows, frame)
    return {
        **found,
        "expected": [
            (currency, money(round(total), currency)) for currency, total in found["expected"]
        ],
        "scatters": _scatters(found["known"], frame),
    }


def trend_page(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """The health of today's customers over time, and where it is likely to go."""
    found = book.trend(rows, frame)
    history, moved = found["history"], [row for row in rows if row["customer"] and row["trend"]]
    mean = found["outlooks"]["mean"]
    return {
        **found,
        "outlook": mean,
        "usage_charts": _usage_charts(found),
        "mean_chart": _mean_chart(history, mean, frame) if found["enough"] else "",
        "status_chart": _counts_chart(history, frame) if found["enough"] else "",
        "falling": found["falling"][:SHOWN],
        "rising": found["rising"][:SHOWN],
        "sparks": {row["slug"]: _spark(row) for row in moved},
    }


def _currencies(rows: Iterable[Row]) -> list[str]:
    return [currency for currency, _, _ in totals(rows)]


def _status_chart(customers: Sequence[Row], frame: Frame) -> Any:
    """How each currency's ARR is spread over the statuses, in percent: a bar a currency."""
    there = [row for row in customers if row["arr"] is not None]
    names = [*frame.status_tones, *([None] if any(row["status"] is None for row in there) else [])]
    found: dict[str, dict[str | None, float]] = {}
    for row in there:
        sums = found.setdefault(row["currency"], defaultdict(float))
        sums[row["status"]] += float(row["arr"])
    # Bars are drawn from the bottom up.
    currencies = [c for c in _currencies(there) if fsum(found[c].values()) > 0][::-1]
    if not currencies:
        return ""
    shares = {
        c: {n: 100 * found[c].get(n, 0.0) / fsum(found[c].values()) for n in names}
        for c in currencies
    }
    told = "; ".join(
        f"{c}: "
        + ", ".join(f"{words(n or NO_STATUS)} {score(v)} %" for n, v in shares[c].items() if v)
        for c in reversed(currencies)
    )
    series = {
        words(name or NO_STATUS): [shares[c][name] or None for c in currencies] for name in names
    }
    tones = [frame.status_tone(name) for name in names]
    return charts.shares(
        f"ARR by status, in percent of each currency. {told}", currencies, series, tones
    )


def _renewal_charts(
    months: Mapping[str, Sequence[Mapping[str, Any]]], today: dt.date
) -> list[dict[str, Any]]:
    """ARR that renews in each of the months ahead, safe or at risk, a chart a currency."""
    found = []
    for currency, each in months.items():
        series: dict[str, list[float | None]] = {
            "healthy": [one["healthy"] or None for one in each],
            "at risk": [one["at_risk"] or None for one in each],
        }
        told = ", ".join(
            f"{one['month']:%B %Y} {money(round(total), currency)}"
            for one in each
            if (total := one["healthy"] + one["at_risk"])
        )
        label = f"ARR that renews, by month, in {currency}: {told}"
        names = [
            f"{m:%b} ’{m:%y}" if m.month == 1 or m == today.replace(day=1) else f"{m:%b}"
            for m in (one["month"] for one in each)
        ]
        chart = charts.bars(
            label, names, series, ("good", "bad"), stacked=True, width=560, height=130
        )
        found.append({"currency": currency, "chart": chart})
    return found


def _scatters(known: Sequence[Row], frame: Frame) -> list[dict[str, Any]]:
    found = []
    top = max(0.1, min(1.0, 1.15 * max((row["risk"]["share"] for row in known), default=0.0)))
    for currency in _currencies(known):
        there = [row for row in known if row["currency"] == currency and row["arr"] is not None]
        there.sort(key=lambda row: -float(row["arr"]) * row["risk"]["share"])
        dots = [
            charts.Dot(
                float(row["arr"]),
                row["risk"]["share"],
                f"{row['name']}, {money(row['arr'], currency)}",
                f"accounts/{row['slug']}.html",
                frame.risk_tone(row["risk"]["band"]),
            )
            for row in there[:DOTS]
        ]
        most = ", ".join(f"{row['name']} {percent(row['risk']['share'])}" for row in there[:3])
        label = f"Risk of a loss against ARR in {currency}, {len(dots)} customers; most at stake: {most}"
        found.append(
            {
                "currency": currency,
                "chart": charts.scatter(label, dots, top),
                "more": max(0, len(there) - DOTS),
            }
        )
    return found


def _mean_chart(history: Sequence[Mapping[str, Any]], seen: Outlook, frame: Frame) -> Any:
    points = {
        name: [(point["day"], point[key]) for point in history]
        for name, key in (("Mean", "mean"), ("Median", "median"))
    }
    known = [point for point in history if point["mean"] is not None]
    label = (
        f"Mean and median health, mean {score(known[0]['mean'])} on {known[0]['day']} and "
        f"{score(known[-1]['mean'])} on {known[-1]['day']}"
    )
    marks = sorted({0.0, 100.0, *frame.weights.health.status.bands.values()})
    return fan(label, points, seen.forecast, marks=marks)


def _usage_charts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is used, each measure with where it is likely to go; of one point there is no line to draw."""
    told = []
    for one in found["usage"]:
        if len(one["points"]) < 2:
            continue
        seen = found["outlooks"][f"usage {one['measure']}"]
        name = one["measure"].removeprefix("usage.")
        (first, start), (last, end) = one["points"][0], one["points"][-1]
        label = f"{words(name)}, {charts.short(start)} on {first} and {charts.short(end)} on {last}"
        chart = fan(label, {words(name): one["points"]}, seen.forecast)
        told.append({**one, "name": name, "outlook": seen, "chart": chart})
    return told


def _counts_chart(history: Sequence[Mapping[str, Any]], frame: Frame) -> Any:
    few = history[:: max(1, len(history) // 24)]
    if few[-1] is not history[-1]:
        few = [*few, history[-1]]
    every = max(1, len(few) // 6)
    names = [f"{p['day'].day} {p['day']:%b}" if n % every == 0 else "" for n, p in enumerate(few)]
    worst_first = [*frame.status_tones][::-1]
    series = {words(name): [p["counts"][name] or None for p in few] for name in worst_first}
    tones = [frame.status_tone(name) for name in worst_first]
    last = ", ".join(f"{words(name)} {history[-1]['counts'][name]}" for name in frame.status_tones)
    return charts.bars(f"Customers by status over time; now {last}", names, series, tones, stacked=True,
                       height=charts.HIGH)  # fmt: skip


def _spark(row: Row) -> Any:
    values = [value for _, value in row["scores"] if value is not None][-24:]
    return charts.sparkline(
        f"health from {score(values[0])} to {score(values[-1])}" if values else "", values, 0, 100
    )
