"""`crmctl metrics` as JSON, with full precision: shares are of 1, amounts as they are, None is what is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_revenue import annualised, expected_life, interval, monthly
from crmctl.render.metrics import CHURN

if TYPE_CHECKING:
    from crmctl.insight.metrics_binary import Interval
    from crmctl.insight.metrics_reconcile import Reconciled
    from crmctl.insight.metrics_report import Asked, Group, Measured


def head(asked: Asked) -> dict[str, Any]:
    """What was asked for: the period, the method, the rates if any."""
    period = asked.period
    return {
        "period": {"first": period.first, "last": period.last, "days": period.days},
        "method": asked.method,
        "currency": asked.rules.currency if asked.rules.rates else None,
        "rates": dict(asked.rules.rates),
    }


def group(found: Group, asked: Asked, lines: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """A group with full precision: shares are of 1, amounts as they are."""
    page: dict[str, Any] = {
        "group": found.name,
        "accounts": len(found.accounts),
        "customers_start": found.customers,
        "customers_end": found.at_end,
        "mrr_not_known": list(found.unpriced),
        "mrr_not_known_at_the_end": list(found.unpriced_end),
        "not_known_whether_customer": list(found.unknown),
        "small": any(0 < m.figure.n < asked.rules.small_group for m in found.figures),
        "figures": [_figure(each, asked, parts=lines is not None) for each in found.figures],
        "mrr": {
            currency: {**moved._asdict(), "quick_ratio": moved.quick_ratio}
            for currency, moved in found.movements.items()
        },
        "health": found.health._asdict()
        | {"bands": [band._asdict() for band in found.health.bands]},
        "nps": found.nps._asdict() | {"interval": _plain(found.nps.interval)},
        "time_to_value": found.time_to_value._asdict()
        | {
            "within": [
                {
                    "days": w.days,
                    "reached": w.reached.events,
                    "n": w.reached.number,
                    "share": w.reached.rate,
                }
                for w in found.time_to_value.within
            ]
        },
    }
    return page if lines is None else page | {"lines": list(lines)}


def _figure(each: Measured, asked: Asked, *, parts: bool) -> dict[str, Any]:
    figure, days = each.figure, asked.period.days
    value = None if figure.value is None else float(figure.value)
    share = interval(figure)
    found: dict[str, Any] = {
        "name": figure.name,
        "currency": each.currency or None,
        "value": value,
        "top": float(figure.top),
        "bottom": float(figure.bottom),
        "n": figure.n,
        "interval": _plain(share.interval) if share else None,
        "change": None if each.change is None else each.change._asdict(),
    }
    if figure.name in CHURN:
        per_month = None if value is None else monthly(value, days)
        found["annualised"] = None if value is None else annualised(value, days)
        found["monthly"] = per_month
        found["expected_life_months"] = None if per_month is None else expected_life(per_month)
    if parts:
        found["parts"] = [
            {"account": p.account, "rule": p.rule, "top": float(p.top), "bottom": float(p.bottom)}
            for p in figure.parts
        ]
    return found


def _plain(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else found._asdict()


def reconciled(found: Reconciled) -> dict[str, Any]:
    """Two figures and what lies between them."""
    return {
        "metric": found.name,
        "currency": found.currency or None,
        "first": None if found.first.value is None else float(found.first.value),
        "second": None if found.second.value is None else float(found.second.value),
        "reason": found.reason,
        "effects": [
            effect._asdict()
            | {
                "top": float(effect.top),
                "bottom": float(effect.bottom),
                "effect": float(effect.effect),
            }
            for effect in found.effects
        ],
    }
