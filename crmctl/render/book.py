"""The figures about many accounts: a book, its history, and its risk, from the accounts' rows alone.

The site and the terminal show what is found here, so that their numbers agree. Amounts of different currencies are
never added up: each has its own line.
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
from crmctl.insight.forecast import COUNTS, SCORES, outlook
from crmctl.insight.forecast_breaks import weights_changed
from crmctl.insight.forecast_weights import forecast_weights
from crmctl.insight.trend import STABLE
from crmctl.model.numbers import money
from crmctl.render.book_row import DONE, NO_PLAN, OVERDUE, UNDER_WAY, Row

if TYPE_CHECKING:
    from crmctl.insight.forecast import Bounds, Outlook, Points
    from crmctl.render.site.frame import Frame

MONTHS = 12
POINTS = 60  # days on the axis of the past
NO_STATUS = "no score"
PLANS = (NO_PLAN, OVERDUE, UNDER_WAY, DONE)
Held = tuple[list[dt.date], list[float | None]]


def portfolio(rows: Sequence[Row], frame: Frame, since: dt.date | None = None) -> dict[str, Any]:
    """A book: ARR by status, movers, renewals ahead, revenue at risk, gaps, missing next steps.

    Movers are those who rise or fall by the rules of ``weights.yaml``; with ``since``, those whose score differs from
    the one that held then by more than the noise. Lists are whole, what weighs most first.
    """
    customers = [row for row in rows if row["customer"]]
    soon = frame.today + dt.timedelta(frame.churn.horizon_days)
    ahead = [r for r in customers if r["renewal"] and r["renewal"] >= frame.today.isoformat()]
    ahead.sort(key=lambda row: (row["renewal"], row["slug"]))
    near = [row for row in ahead if row["renewal"] <= soon.isoformat()]
    endangered = sorted((row for row in customers if at_risk(row, frame)), key=_worst)
    gaps = sorted((r for r in customers if r["gaps"]), key=lambda r: (-len(r["gaps"]), r["slug"]))
    wanting: list[dict[str, Any]] = [
        {"row": row, "what": step["what"], "step": step}
        for row in (*customers, *(r for r in rows if r["steps"] and not r["customer"]))
        for step in ({"what": "", **row["next"]}, *row["steps"])
        if step["state"] != "there" and (step["what"] or row["customer"])
    ]
    wanting.sort(
        key=lambda one: (one["step"]["state"], one["step"]["due"] or "", one["row"]["slug"])
    )
    return {
        "customers": customers,
        "totals": totals(customers),
        "mean": _mean(row["score"] for row in customers),
        "statuses": statuses(customers, frame),
        "movers": movers(customers, frame, since),
        "judged": any(row["trend"] for row in customers),
        "renewals": ahead,
        "near": near,
        "near_totals": totals(near),
        "months": _months(ahead, frame),
        "endangered": endangered,
        "endangered_totals": totals(endangered),
        "gaps": gaps,
        "wanting": wanting,
    }


def movers(customers: Sequence[Row], frame: Frame, since: dt.date | None) -> list[dict[str, Any]]:
    """Who moved: ``row``, ``direction``, ``points`` and ``days``; the largest move first."""
    found = []
    rules = frame.weights.health.trend
    for row in customers:
        if since is None:
            if row["trend"] and row["trend"][0] != STABLE:
                direction, points, days = row["trend"]
                found.append({"row": row, "direction": direction, "points": points, "days": days})
            continue
        places, scores = held_of(row)
        before, now = _held(places, scores, since), _held(places, scores, frame.today)
        if before is not None and now is not None and rules and abs(now - before) > rules.noise:
            direction = "rising" if now > before else "falling"
            days = (frame.today - since).days
            found.append({"row": row, "direction": direction, "points": now - before, "days": days})
    found.sort(key=lambda one: (-abs(one["points"]), one["row"]["slug"]))
    return found


def risk(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """Who may be lost and what that would cost: risk against ARR, what drives it, and what is done about it.

    ``expected`` is (currency, ARR times the chance of its loss); ``plans`` counts those at risk by the state of what
    is done about it.
    """
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
    endangered = [row for row in known if at_risk(row, frame)]
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
        "expected": expected(known),
        "drivers": [
            d
            | {
                "adds": fsum(d["adds"]),
                "share": fsum(d["adds"]) / most if most else 0.0,
                "totals": totals(d["rows"]),
            }
            for d in listed
        ],
        "plans": [
            {
                "state": state,
                "count": len(there),
                "rows": there,
                "totals": totals(there),
            }
            for state in PLANS
            for there in [[r for r in endangered if r["mitigation"]["state"] == state]]
        ],
        "modelled": frame.model is not None,
    }


def trend(rows: Sequence[Row], frame: Frame) -> dict[str, Any]:
    """The health of today's customers over time: a score holds from the day it was written down until the next.

    ``history`` is on at most `POINTS` days. Its ``weighted`` counts each customer by today's ARR, a currency at a time.
    ``outlooks`` are of each series by name.
    """
    customers = [row for row in rows if row["customer"]]
    held = [held_of(row) for row in customers]
    every = sorted({day for places, _ in held for day in places})
    currencies = [currency for currency, _, _ in totals(customers)]
    scale = frame.weights.health.status
    history: list[dict[str, Any]] = []
    shown, told = (
        _spread(every),
        _thinned(every, forecast_weights(frame.weights.forecast).step_days),
    )
    for day in sorted({*shown, *told}):
        values = [_held(places, scores, day) for places, scores in held]
        known = [value for value in values if value is not None]
        counts = Counter(band(value, scale.steps, scale.boundary) for value in known)
        history.append(
            {
                "day": day,
                "known": len(known),
                "mean": fsum(known) / len(known) if known else None,
                "median": median(known) if known else None,
                "weighted": _weighted(customers, values, currencies),
                "counts": {name: counts[name] for name in frame.status_tones},
            }
        )
    moved = [row for row in customers if row["trend"]]
    moved.sort(key=lambda row: (row["trend"][1], row["slug"]))
    changed = breaks(frame) | _members_changed(history, frame)
    series: dict[str, list[tuple[int, float | None]]] = {
        "mean": [(point["day"].toordinal(), point["mean"]) for point in history]
    }
    for currency in currencies:
        series[f"weighted {currency}"] = [
            (point["day"].toordinal(), point["weighted"][currency]) for point in history
        ]
    used = usage(customers)
    return {
        "history": [point for point in history if point["day"] in shown],
        "enough": sum(point["known"] > 0 for point in history) > 1,
        "customers": len(customers),
        "currencies": currencies,
        "falling": [r for r in moved if r["trend"][1] < 0 and r["trend"][0] != STABLE],
        "rising": [r for r in moved[::-1] if r["trend"][1] > 0 and r["trend"][0] != STABLE],
        "usage": used,
        "outlooks": {
            name: _outlook(points, frame, SCORES, changed) for name, points in series.items()
        }
        | {f"usage {one['measure']}": _used_outlook(one, frame) for one in used},
    }


def usage(customers: Sequence[Row]) -> list[dict[str, Any]]:
    """The use of all who are measured alike and at all times, added up by day; those who came later are left out.

    Each has ``measure``, ``points`` (day, sum), ``accounts`` in the sum and ``later``, those left out of it.
    """
    found: dict[str, list[Held]] = defaultdict(list)
    for row in customers:
        if row["usage"]:
            points = row["usage"]["points"]
            days = [dt.date.fromisoformat(day) for day, _ in points]
            found[row["usage"]["measure"]].append((days, [value for _, value in points]))
    told = []
    for name, held in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        # From the day on which most of them are measured.
        start = median(places[0].toordinal() for places, _ in held)
        whole = [one for one in held if one[0][0].toordinal() <= start]
        first = max(places[0] for places, _ in whole)
        days = sorted({day for places, _ in whole for day in places if day >= first})
        points = [(day, fsum(_held(p, v, day) or 0.0 for p, v in whole)) for day in days]
        told.append(
            {
                "measure": name,
                "points": points,
                "accounts": len(whole),
                "later": len(held) - len(whole),
            }
        )
    return told


def at_risk(row: Row, frame: Frame) -> bool:
    """Whether a customer's revenue is at risk: health in the lower half of the bands, or risk in the worst."""
    bad_risk = row["risk"] is not None and frame.risk_tone(row["risk"]["band"]) == "bad"
    return bad_risk or frame.status_tone(row["status"]) in {"warn", "bad"}


def totals(rows: Iterable[Row]) -> list[tuple[str, str, int]]:
    """(currency, amount, accounts) of the ARR that is known, the largest first."""
    return [(currency, money(total, currency), number) for currency, total, number in amounts(rows)]


def amounts(rows: Iterable[Row]) -> list[tuple[str, Decimal, int]]:
    """As `totals`, the amounts as numbers."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    count: Counter[str] = Counter()
    for row in rows:
        if row["arr"] is not None:
            found[row["currency"]] += Decimal(row["arr"])
            count[row["currency"]] += 1
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(currency, total, count[currency]) for currency, total in ordered]


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


def expected(known: Sequence[Row]) -> list[tuple[str, float]]:
    """ARR times the chance of its loss, added up a currency."""
    found: dict[str, float] = defaultdict(float)
    for row in known:
        loss = expected_loss(row)
        if loss is not None:
            found[row["currency"]] += loss
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def expected_loss(row: Row) -> float | None:
    """ARR times the chance of its loss; None where either is not known."""
    if row["arr"] is None or row["risk"] is None or row["risk"]["share"] is None:
        return None
    return float(row["arr"]) * float(row["risk"]["share"])


def held_of(row: Row) -> Held:
    """The days on which an account's score was written down, and the scores."""
    return [dt.date.fromisoformat(d) for d, _ in row["scores"]], [v for _, v in row["scores"]]


def breaks(frame: Frame) -> dict[dt.date, str]:
    """The days on which the weights of the scores changed, as far back as a forecast looks."""
    rules = forecast_weights(frame.weights.forecast)
    longest = max(rules.periods, default=0) + rules.ahead
    days = max(rules.least_span_days, 2 * longest * rules.step_days)
    return weights_changed(frame.root, frame.today, frame.today - dt.timedelta(days))


def score_outlook(row: Row, frame: Frame) -> Outlook:
    """Where the score of one account is likely to go."""
    points = [(dt.date.fromisoformat(day).toordinal(), value) for day, value in row["scores"]]
    return _outlook(points, frame, SCORES, breaks(frame))


def usage_outlook(row: Row, frame: Frame) -> Outlook:
    """Where the use of one account is likely to go."""
    points = row["usage"]["points"] if row["usage"] else []
    days = [(dt.date.fromisoformat(day).toordinal(), value) for day, value in points]
    return _outlook(days, frame, COUNTS, {})


def _used_outlook(one: Mapping[str, Any], frame: Frame) -> Outlook:
    points = [(day.toordinal(), value) for day, value in one["points"]]
    return _outlook(points, frame, COUNTS, {})


def _outlook(
    points: Points, frame: Frame, bounds: Bounds, changed: Mapping[dt.date, str]
) -> Outlook:
    rules = forecast_weights(frame.weights.forecast)
    return outlook(points, frame.today, rules, bounds, changed)


def _members_changed(history: Sequence[Mapping[str, Any]], frame: Frame) -> dict[dt.date, str]:
    """The last day up to which the mean was of others: of many fewer or more customers than now."""
    share = forecast_weights(frame.weights.forecast).members_changed
    now = history[-1]["known"] if history else 0
    for point in reversed(history):
        if abs(point["known"] - now) > share * now:
            return {point["day"]: f"{point['known']} customers had a score and now {now} have"}
    return {}


def _weighted(
    customers: Sequence[Row], values: Sequence[float | None], currencies: Sequence[str]
) -> dict[str, float | None]:
    sums = {currency: [0.0, 0.0] for currency in currencies}
    for row, value in zip(customers, values, strict=True):
        if row["arr"] is not None and value is not None:
            found = sums[row["currency"]]
            found[0] += float(row["arr"]) * value
            found[1] += float(row["arr"])
    return {name: top / bottom if bottom else None for name, (top, bottom) in sums.items()}


def _months(ahead: Sequence[Row], frame: Frame) -> dict[str, list[dict[str, Any]]]:
    """For each currency the ARR that renews in each of the months ahead, safe or at risk."""
    first = frame.today.replace(day=1)
    found = {}
    for currency, _, _ in amounts(ahead):
        there = [r for r in ahead if r["currency"] == currency and r["arr"] is not None]
        months = []
        for month in (_later(first, n) for n in range(MONTHS)):
            due = [row for row in there if row["renewal"][:7] == f"{month:%Y-%m}"]
            safe, bad = (
                fsum(float(row["arr"]) for row in due if at_risk(row, frame) is wanted)
                for wanted in (False, True)
            )
            months.append({"month": month, "healthy": safe, "at_risk": bad})
        if any(one["healthy"] or one["at_risk"] for one in months):
            found[currency] = months
    return found


def _later(month: dt.date, count: int) -> dt.date:
    years, place = divmod(month.month - 1 + count, 12)
    return month.replace(year=month.year + years, month=place + 1)


def _worst(row: Row) -> tuple[float, float, str]:
    share = (row["risk"] or {}).get("share")
    return (-(share or 0.0), row["score"] if row["score"] is not None else 101.0, row["slug"])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _spread(days: Sequence[dt.date]) -> list[dt.date]:
    """At most so many of the days, spread evenly, the last among them."""
    if len(days) <= POINTS:
        return list(days)
    step = (len(days) - 1) / (POINTS - 1)
    return [days[round(n * step)] for n in range(POINTS)]


def _thinned(days: Sequence[dt.date], step: int) -> list[dt.date]:
    """The last of the days in each step back from the last of all."""
    return list({(days[-1] - day).days // step: day for day in days}.values()) if days else []


def _held(days: Sequence[dt.date], scores: Sequence[float | None], day: dt.date) -> float | None:
    place = bisect_right(days, day)
    return scores[place - 1] if place else None
