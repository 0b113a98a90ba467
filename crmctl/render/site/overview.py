"""The pages about many accounts: a book, its history, and its risk. All are made of the accounts' rows alone.

Amounts of different currencies are never added up: each has its own line.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import fsum
from statistics import median
from typing import TYPE_CHECKING, Any

from crmctl.insight.curves import band
from crmctl.insight.trend import STABLE
from crmctl.render.site import charts
from crmctl.render.site.environment import money, percent, score, words

if TYPE_CHECKING:
    from crmctl.render.site.account_page import Row
    from crmctl.render.site.frame import Frame

SHOWN = 12  # rows of a list that is a summary; the table below it has every account
POINTS = 60  # days on the axis of the past
DOTS = 400  # points that a scatter can hold and still be read
MONTHS = 12
NO_STATUS = "no score"


def portfolio(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """A book: ARR by status, movers, renewals ahead, revenue at risk, gaps, missing next steps, every account."""
    customers = [row for row in rows if row["customer"]]
    soon = frame.today + dt.timedelta(frame.churn.horizon_days)
    ahead = [r for r in customers if r["renewal"] and r["renewal"] >= frame.today.isoformat()]
    ahead.sort(key=lambda row: (row["renewal"], row["slug"]))
    near = [row for row in ahead if row["renewal"] <= soon.isoformat()]
    movers = [r for r in customers if r["trend"] and r["trend"][0] != STABLE]
    movers.sort(key=lambda row: (-abs(row["trend"][1]), row["slug"]))
    endangered = sorted((row for row in customers if at_risk(row, frame)), key=_worst)
    gaps = sorted((r for r in customers if r["gaps"]), key=lambda r: (-len(r["gaps"]), r["slug"]))
    open_deals = [row for row in rows if row["steps"]]
    wanting: list[dict[str, Any]] = [
        {"row": row, "what": step["what"], "step": step}
        for row in (*customers, *(r for r in open_deals if not r["customer"]))
        for step in ({"what": "", **row["next"]}, *row["steps"])
        if step["state"] != "there" and (step["what"] or row["customer"])
    ]
    wanting.sort(
        key=lambda one: (one["step"]["state"], one["step"]["due"] or "", one["row"]["slug"])
    )
    return {
        "customers": customers,
        "totals": totals(customers),
        "endangered_totals": totals(endangered),
        "mean": _mean(customers),
        "statuses": statuses(customers, frame),
        "status_chart": _status_chart(customers, frame),
        "movers": movers[:SHOWN],
        "movers_more": max(0, len(movers) - SHOWN),
        "judged": any(row["trend"] for row in customers),
        "renewals": ahead[:SHOWN],
        "renewals_more": max(0, len(ahead) - SHOWN),
        "near": near,
        "near_totals": totals(near),
        "renewal_charts": _renewal_charts(ahead, frame),
        "endangered": endangered[:SHOWN],
        "endangered_more": max(0, len(endangered) - SHOWN),
        "gaps": gaps[:SHOWN],
        "gaps_more": max(0, len(gaps) - SHOWN),
        "wanting": wanting[:SHOWN],
        "wanting_more": max(0, len(wanting) - SHOWN),
        "rows": [row | {"spark": _spark(row)} for row in rows],
        "stages": sorted({row["stage"] for row in rows if row["stage"]}),
        "listed_statuses": [*frame.status_tones, NO_STATUS],
    }


def risk_page(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """Who may be lost and what that would cost: risk against ARR, what drives it, every customer."""
    judged = [row for row in rows if row["risk"] is not None]
    known = [row for row in judged if row["risk"]["share"] is not None]
    known.sort(key=lambda row: (-row["risk"]["share"], row["slug"]))
    drivers: dict[str, dict[str, Any]] = {}
    for row in judged:
        for sign in row["risk"]["drivers"]:
            found = drivers.setdefault(sign["name"], {"name": sign["name"], "rows": [], "adds": []})
            found["rows"].append(row)
            found["adds"].append(sign["adds"])
    listed = sorted(drivers.values(), key=lambda d: (-fsum(d["adds"]), d["name"]))
    most = max((fsum(d["adds"]) for d in listed), default=0.0)
    return {
        "known": known,
        "unknown": [row for row in judged if row["risk"]["share"] is None],
        "bands": [
            {
                "name": name,
                "tone": frame.risk_tone(name),
                "count": sum(row["risk"]["band"] == name for row in known),
                "totals": totals(row for row in known if row["risk"]["band"] == name),
            }
            for name in frame.risk_tones
        ],
        "expected": [
            (currency, money(round(total), currency)) for currency, total in _expected(known)
        ],
        "scatters": _scatters(known, frame),
        "drivers": [
            d
            | {
                "adds": fsum(d["adds"]),
                "share": fsum(d["adds"]) / most if most else 0.0,
                "totals": totals(d["rows"]),
            }
            for d in listed
        ],
        "modelled": frame.model is not None,
    }


def trend_page(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """The health of today's customers over time: a score holds from the day it was written down until the next."""
    customers = [row for row in rows if row["customer"]]
    held = [
        ([dt.date.fromisoformat(d) for d, _ in row["scores"]], [v for _, v in row["scores"]])
        for row in customers
    ]
    days = _spread(sorted({day for places, _ in held for day in places}))
    history: list[dict[str, Any]] = []
    steps, boundary = frame.weights.health.status.steps, frame.weights.health.status.boundary
    for day in days:
        values = [_held(places, scores, day) for places, scores in held]
        known = [value for value in values if value is not None]
        counts = Counter(band(value, steps, boundary) for value in known)
        history.append(
            {
                "day": day,
                "known": len(known),
                "mean": fsum(known) / len(known) if known else None,
                "median": median(known) if known else None,
                "counts": {name: counts[name] for name in frame.status_tones},
            }
        )
    enough = sum(point["known"] > 0 for point in history) > 1
    moved = [row for row in customers if row["trend"]]
    moved.sort(key=lambda row: (row["trend"][1], row["slug"]))
    return {
        "history": history,
        "enough": enough,
        "customers": len(customers),
        "mean_chart": _mean_chart(history, frame) if enough else "",
        "status_chart": _counts_chart(history, frame) if enough else "",
        "falling": [row for row in moved if row["trend"][1] < 0 and row["trend"][0] != STABLE][
            :SHOWN
        ],
        "rising": [row for row in moved[::-1] if row["trend"][1] > 0 and row["trend"][0] != STABLE][
            :SHOWN
        ],
        "sparks": {row["slug"]: _spark(row) for row in moved},
    }


def at_risk(row: Row, frame: Frame) -> bool:
    """Whether a customer's revenue is at risk: health in the lower half of the bands, or risk in the worst."""
    bad_risk = row["risk"] is not None and frame.risk_tone(row["risk"]["band"]) == "bad"
    return bad_risk or frame.status_tone(row["status"]) in {"warn", "bad"}


def totals(rows: Iterable[Row]) -> list[tuple[str, str, int]]:
    """(currency, amount, accounts) of the ARR that is known, the largest first."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    count: Counter[str] = Counter()
    for row in rows:
        if row["arr"] is not None:
            found[row["currency"]] += Decimal(row["arr"])
            count[row["currency"]] += 1
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(currency, money(total, currency), count[currency]) for currency, total in ordered]


def statuses(customers: Sequence[Row], frame: Frame) -> list[dict[str, Any]]:
    """Each status with its accounts and their ARR; the last are those without a score."""
    found = []
    for name in (*frame.status_tones, None):
        there = [row for row in customers if row["status"] == name]
        if there or name is not None:
            tone = frame.status_tone(name)
            share = len(there) / len(customers) if customers else 0.0
            found.append({"name": name or NO_STATUS, "tone": tone, "count": len(there), "share": share,
                          "totals": totals(there)})  # fmt: skip
    return found


def _worst(row: Row) -> tuple[float, float, str]:
    share = (row["risk"] or {}).get("share")
    return (-(share or 0.0), row["score"] if row["score"] is not None else 101.0, row["slug"])


def _mean(rows: Sequence[Row]) -> float | None:
    known = [row["score"] for row in rows if row["score"] is not None]
    return fsum(known) / len(known) if known else None


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


def _renewal_charts(ahead: Sequence[Row], frame: Frame) -> list[dict[str, Any]]:
    """ARR that renews in each of the months ahead, safe or at risk, a chart a currency."""
    first = frame.today.replace(day=1)
    months = [_later(first, n) for n in range(MONTHS)]
    keys = [f"{month:%Y-%m}" for month in months]
    found = []
    for currency in _currencies(ahead):
        there = [
            r
            for r in ahead
            if r["currency"] == currency and r["arr"] is not None and r["renewal"][:7] in keys
        ]
        if not there:
            continue
        series: dict[str, list[float | None]] = {"healthy": [], "at risk": []}
        for key in keys:
            due = [row for row in there if row["renewal"][:7] == key]
            for name, wanted in (("healthy", False), ("at risk", True)):
                total = fsum(float(row["arr"]) for row in due if at_risk(row, frame) is wanted)
                series[name].append(total or None)
        told = ", ".join(
            f"{month:%B %Y} {money(round(total), currency)}"
            for month, total in zip(
                months, map(_sum, zip(*series.values(), strict=True)), strict=True
            )
            if total
        )
        label = f"ARR that renews, by month, in {currency}: {told}"
        names = [f"{m:%b} ’{m:%y}" if m.month == 1 or m == first else f"{m:%b}" for m in months]
        chart = charts.bars(
            label, names, series, ("good", "bad"), stacked=True, width=560, height=130
        )
        found.append({"currency": currency, "chart": chart})
    return found


def _sum(values: Iterable[float | None]) -> float:
    return fsum(value or 0.0 for value in values)


def _later(month: dt.date, count: int) -> dt.date:
    years, place = divmod(month.month - 1 + count, 12)
    return month.replace(year=month.year + years, month=place + 1)


def _expected(known: Sequence[Row]) -> list[tuple[str, float]]:
    """ARR times the chance of its loss, added up a currency."""
    found: dict[str, float] = defaultdict(float)
    for row in known:
        if row["arr"] is not None:
            found[row["currency"]] += float(row["arr"]) * row["risk"]["share"]
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


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


def _spread(days: Sequence[dt.date]) -> list[dt.date]:
    """At most so many of the days, spread evenly, the last among them."""
    if len(days) <= POINTS:
        return list(days)
    step = (len(days) - 1) / (POINTS - 1)
    return [days[round(n * step)] for n in range(POINTS)]


def _held(days: Sequence[dt.date], scores: Sequence[float | None], day: dt.date) -> float | None:
    place = bisect_right(days, day)
    return scores[place - 1] if place else None


def _mean_chart(history: Sequence[Mapping[str, Any]], frame: Frame) -> Any:
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
    return charts.line(
        label, points, low=0, high=100, marks=marks, width=charts.WIDE, height=charts.HIGH
    )


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
