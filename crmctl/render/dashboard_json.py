"""Dashboards for programs: documents with every number, and rows of one shape for pipes and CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.render.book import amounts, at_risk, expected_loss

if TYPE_CHECKING:
    from crmctl.insight.forecast import Outlook
    from crmctl.render.book_row import Row
    from crmctl.render.site.frame import Frame

COLUMNS = ("section", "account", "currency", "value", "when", "what", "source")
Flat = dict[str, Any]


def portfolio(found: Mapping[str, Any], frame: Frame, owner: str) -> dict[str, Any]:
    """A book as a document; amounts by currency."""
    customers = found["customers"]
    return {
        "dashboard": "portfolio",
        "owner": owner or None,
        "day": frame.today,
        "customers": len(customers),
        "arr": _sums(customers),
        "mean_health": found["mean"],
        "at_risk": {"customers": len(found["endangered"]), "arr": _sums(found["endangered"])},
        "renewing": {
            "days": frame.churn.horizon_days,
            "customers": len(found["near"]),
            "arr": _sums(found["near"]),
        },
        "statuses": [
            {
                "status": one["name"],
                "customers": one["count"],
                "arr": _sums(r for r in customers if (r["status"] or "no score") == one["name"]),
            }
            for one in found["statuses"]
        ],
        "movers": [
            _named(one["row"])
            | {"direction": one["direction"], "points": one["points"], "days": one["days"]}
            for one in found["movers"]
        ],
        "renewals": [
            _named(row)
            | _money(row)
            | {"renewal": row["renewal"], "status": row["status"], "at_risk": at_risk(row, frame)}
            for row in found["renewals"]
        ],
        "endangered": [
            _named(row)
            | _money(row)
            | {"score": row["score"], "status": row["status"], "risk": _share(row)}
            | {"why": row["why"]}
            for row in found["endangered"]
        ],
        "gaps": [_named(row) | {"gaps": row["gaps"]} for row in found["gaps"]],
        "next_steps": [
            _named(one["row"])
            | {"deal": one["what"] or None, "state": one["step"]["state"]}
            | {"due": one["step"]["due"], "text": one["step"]["text"]}
            for one in found["wanting"]
        ],
    }


def portfolio_rows(told: Mapping[str, Any]) -> Iterator[Flat]:
    """The document of a book, row by row."""
    yield from _by_currency("arr", told["arr"], f"{told['customers']} customers")
    for name in ("at_risk", "renewing"):
        yield from _by_currency(name, told[name]["arr"], f"{told[name]['customers']} customers")
    yield {"section": "mean_health", "value": told["mean_health"]}
    for one in told["statuses"]:
        yield {"section": "status", "what": one["status"], "value": one["customers"]}
        yield from _by_currency("status_arr", one["arr"], one["status"])
    for one in told["movers"]:
        what = f"{one['direction']} within {one['days']} days"
        yield _flat("mover", one, value=one["points"], what=what)
    for one in told["renewals"]:
        yield _flat("renewal", one, value=one["arr"], when=one["renewal"], what=one["status"])
    for one in told["endangered"]:
        yield _flat("endangered", one, value=one["arr"], what=one["why"])
    for one in told["gaps"]:
        for gap in one["gaps"]:
            yield _flat("gap", one, what=gap)
    for one in told["next_steps"]:
        what = ": ".join(filter(None, (one["state"], one["deal"], one["text"])))
        yield _flat("next_step", one, when=one["due"], what=what)


def risk(found: Mapping[str, Any], frame: Frame, owner: str) -> dict[str, Any]:
    """The risk of a book as a document; ``loss`` is ARR times the chance of its loss."""
    return {
        "dashboard": "risk",
        "owner": owner or None,
        "day": frame.today,
        "horizon_days": frame.churn.horizon_days,
        "expected_loss": dict(found["expected"]),
        "bands": [
            {
                "band": one["name"],
                "customers": one["count"],
                "arr": _sums(r for r in found["known"] if r["risk"]["band"] == one["name"]),
            }
            for one in found["bands"]
        ],
        "customers": [
            _named(row)
            | _money(row)
            | {"risk": row["risk"]["share"], "band": row["risk"]["band"]}
            | {"high": row["risk"]["high"], "model": row["risk"]["model"]}
            | {"loss": expected_loss(row), "at_risk": at_risk(row, frame)}
            | {"drivers": row["risk"]["drivers"], "mitigation": row["mitigation"]}
            for row in found["known"]
        ],
        "unknown": [_named(row) | {"reason": row["risk"]["reason"]} for row in found["unknown"]],
        "drivers": [
            {
                "name": one["name"],
                "adds": one["adds"],
                "customers": len(one["rows"]),
                "arr": _sums(one["rows"]),
            }
            for one in found["drivers"]
        ],
        "plans": [
            {"state": one["state"], "customers": one["count"], "arr": _sums(one["rows"])}
            for one in found["plans"]
        ],
    }


def risk_rows(told: Mapping[str, Any]) -> Iterator[Flat]:
    """The document of a risk, row by row."""
    yield from _by_currency("expected_loss", told["expected_loss"], "")
    for one in told["bands"]:
        yield {"section": "band", "value": one["customers"], "what": one["band"]}
        yield from _by_currency("band_arr", one["arr"], one["band"])
    for one in told["customers"]:
        yield _flat("risk", one, value=one["risk"], what=one["band"])
        yield _flat("loss", one, value=one["loss"])
        plan = one["mitigation"]
        said = ", ".join(filter(None, (plan["state"], plan["who"], plan["what"])))
        yield _flat("mitigation", one, when=plan["due"], what=said, source=plan["source"])
        for sign in one["drivers"]:
            what = f"{sign['name']}: {sign['note']}"
            yield _flat("driver", one, value=sign["adds"], what=what, source=sign["source"])
    for one in told["unknown"]:
        yield _flat("unknown", one, what=one["reason"])


def trend(found: Mapping[str, Any], frame: Frame, owner: str) -> dict[str, Any]:
    """The history of a book and its forecasts as a document."""
    return {
        "dashboard": "trend",
        "owner": owner or None,
        "day": frame.today,
        "customers": found["customers"],
        "history": found["history"],
        "usage": [
            one | {"points": [{"day": day, "value": value} for day, value in one["points"]]}
            for one in found["usage"]
        ],
        "outlooks": {name: outlook(seen) for name, seen in found["outlooks"].items()},
        "falling": [_named(row) | _moved(row) for row in found["falling"]],
        "rising": [_named(row) | _moved(row) for row in found["rising"]],
    }


def trend_rows(told: Mapping[str, Any]) -> Iterator[Flat]:
    """The document of a history, row by row."""
    for point in told["history"]:
        day = point["day"]
        for name in ("known", "mean", "median"):
            yield {"section": "history", "when": day, "what": name, "value": point[name]}
        for currency, value in point["weighted"].items():
            row = {"section": "history", "when": day, "what": "mean by ARR", "value": value}
            yield row | {"currency": currency}
        for name, count in point["counts"].items():
            yield {"section": "history", "when": day, "what": name, "value": count}
    for one in told["usage"]:
        for point in one["points"]:
            row = {"section": "usage", "when": point["day"], "value": point["value"]}
            yield row | {"what": one["measure"]}
    for name, seen in told["outlooks"].items():
        yield from outlook_rows(name, seen)
    for name in ("falling", "rising"):
        for one in told[name]:
            yield _flat(name, one, value=one["points"], what=one["direction"])


def outlook(seen: Outlook) -> dict[str, Any]:
    """A pattern and a forecast as a document: ``forecast`` is null where there is none, and ``reason`` says why."""
    made = seen.forecast
    return {
        "pattern": seen.pattern or None,
        "moved": seen.moved,
        "noise": seen.noise,
        "reason": seen.reason or None,
        "forecast": None
        if made is None
        else made._asdict() | {"steps": [step._asdict() for step in made.steps]},
    }


def outlook_rows(name: str, seen: Mapping[str, Any]) -> Iterator[Flat]:
    """A forecast, row by row; why there is none."""
    if seen["reason"]:
        yield {"section": "forecast", "what": f"{name}: {seen['reason']}"}
        return
    yield {"section": "pattern", "what": f"{name}: {seen['pattern']}", "value": seen["moved"]}
    for step in seen["forecast"]["steps"]:
        for end in ("low", "value", "high"):
            row = {"section": "forecast", "when": step["day"], "value": step[end]}
            yield row | {"what": f"{name}: {end}"}


def _named(row: Row) -> dict[str, Any]:
    return {"account": row["slug"], "name": row["name"], "owner": row["owner"]}


def _money(row: Row) -> dict[str, Any]:
    return {"arr": None if row["arr"] is None else float(row["arr"]), "currency": row["currency"]}


def _moved(row: Row) -> dict[str, Any]:
    direction, points, days = row["trend"]
    return {"direction": direction, "points": points, "days": days}


def _share(row: Row) -> float | None:
    return None if row["risk"] is None else row["risk"]["share"]


def _sums(rows: Iterable[Row]) -> dict[str, float]:
    return {currency: float(total) for currency, total, _ in amounts(rows)}


def _by_currency(section: str, found: Mapping[str, float], what: str) -> Iterator[Flat]:
    for currency, value in found.items():
        yield {"section": section, "currency": currency, "value": value, "what": what}


def _flat(section: str, one: Mapping[str, Any], **values: Any) -> Flat:
    return {
        "section": section,
        "account": one["account"],
        "currency": one.get("currency"),
        **values,
    }


def cells(rows: Iterable[Flat]) -> Sequence[Flat]:
    """The rows as a table prints them: numbers without the noise of floating point."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{round(value, 6):.6f}".rstrip("0").rstrip(".")
    return value.isoformat() if isinstance(value, dt.date) else value
