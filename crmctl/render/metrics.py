"""The forms of `crmctl metrics`: tidy rows for programs, sections and tables for people, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_revenue import annualised, interval
from crmctl.model.numbers import half_up, money

if TYPE_CHECKING:
    from crmctl.insight.metrics_binary import Interval
    from crmctl.insight.metrics_reconcile import Reconciled
    from crmctl.insight.metrics_report import Asked, Group, Line, Measured

ROWS = (
    "metric",
    "group",
    "currency",
    "value",
    "interval",
    "n",
    "top",
    "of",
    "a_year",
    "change",
    "note",
)
BY = (
    "group", "currency", "n", "note", "nrr", "grr", "logo_churn", "health", "nps", "to_value", "expansion", "accounts",
    "answers",
)  # fmt: skip
LINES = (
    "account",
    "group",
    "currency",
    "start",
    "end",
    "what",
    "moves",
    "basis",
    "odd",
    "start_source",
    "end_source",
)
READ_LINES = (
    "account", "currency", "start", "end", "what", "moves", "odd", "basis", "end_source",
)  # fmt: skip
EFFECTS = ("metric", "currency", "account", "first", "second", "top", "of", "effect")
READ_EFFECTS = ("account", "first", "second", "top", "of", "effect")
REVENUE = (
    "currency", "n", "note", "of", "nrr", "grr", "expansion", "contraction", "churned", "gross_churn", "net_churn",
)  # fmt: skip
SHARES = ("metric", "value", "interval", "top", "of", "a_year", "change", "note")
TITLES = {
    "nrr": "NRR", "grr": "GRR", "gross_churn": "gross revenue churn", "net_churn": "net revenue churn",
    "expansion": "expansion rate", "contraction": "contraction rate", "churned": "churned MRR rate",
    "logo_churn": "logo churn", "logo_retention": "logo retention",
}  # fmt: skip
CHURN = ("gross_churn", "net_churn", "logo_churn")
UNDEFINED = "not defined"
MOVED = ("start", "new", "reactivation", "expansion", "contraction", "churn", "unexplained", "end")


def percent(value: Fraction | float | None, digits: int = 1) -> str:
    """A share of 1 as percent, rounded half up; `UNDEFINED` for None."""
    if value is None:
        return UNDEFINED
    if isinstance(value, Fraction):
        return f"{half_up(Decimal(value.numerator * 100) / Decimal(value.denominator), digits)} %"
    return f"{half_up(value * 100, digits)} %"


def amount(value: Fraction | Decimal) -> str:
    """An amount of money with two decimals, or none where there are none."""
    exact = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else value
    )
    return money(exact.quantize(Decimal("0.01")))


def _ends(found: Interval | None, times: float = 100) -> str:
    return "" if found is None else f"{half_up(found.low * times)} to {half_up(found.high * times)}"


# --- rows


def rows(group: Group, asked: Asked) -> list[dict[str, Any]]:
    """Every metric of a group as a row of `ROWS`."""
    found = [
        *_figures(group, asked),
        *_movements(group),
        *_health(group),
        *_nps(group, asked),
        *_value(group),
    ]
    return [{"group": group.name, **row} for row in found]


def _figures(group: Group, asked: Asked) -> Iterable[dict[str, Any]]:
    for each in group.figures:
        figure = each.figure
        share = interval(figure)
        small = 0 < figure.n < asked.rules.small_group
        yield {
            "metric": figure.name,
            "currency": each.currency,
            "value": percent(figure.value),
            "interval": "" if share is None else _ends(share.interval),
            "n": figure.n,
            "top": amount(figure.top),
            "of": amount(figure.bottom),
            "a_year": _yearly(each, asked.period.days),
            "change": "" if each.change is None else half_up(each.change.points * 100, 1),
            "note": "few" if small else "",
        }


def _yearly(each: Measured, days: int) -> str:
    figure = each.figure
    if figure.name not in CHURN or figure.value is None:
        return ""
    a_year = annualised(float(figure.value), days)
    return "" if a_year is None else percent(a_year)


def _movements(group: Group) -> Iterable[dict[str, Any]]:
    for currency, moved in group.movements.items():
        if not any(moved):
            continue
        for name, much in zip(MOVED, moved, strict=True):
            if name != "unexplained" or much:
                note = "first known within the period" if name == "unexplained" else ""
                yield {
                    "metric": f"mrr.{name}",
                    "currency": currency,
                    "value": amount(much),
                    "note": note,
                }
        if moved.quick_ratio is not None:
            yield {
                "metric": "mrr.quick_ratio",
                "currency": currency,
                "value": half_up(moved.quick_ratio, 2),
            }
        growth = group.expansion_growth.get(currency)
        if growth is not None and growth.relative is not None:
            value = f"{half_up(growth.relative * 100, 1)} %"
            note = "expansion MRR against the period before"
            yield {
                "metric": "mrr.expansion_growth",
                "currency": currency,
                "value": value,
                "note": note,
            }


def _health(group: Group) -> Iterable[dict[str, Any]]:
    found = group.health
    if found.mean is None:
        yield {
            "metric": "health.mean",
            "value": UNDEFINED,
            "n": 0,
            "note": "no score was written down by then",
        }
        return
    note = f"{found.unscored} without a score" if found.unscored else ""
    yield {"metric": "health.mean", "value": half_up(found.mean), "n": found.number, "note": note}
    for currency, mean in found.weighted.items():
        yield {
            "metric": "health.by_arr",
            "currency": currency,
            "value": half_up(mean),
        }
    totals = {
        c: sum((b.arr.get(c, Decimal(0)) for b in found.bands), Decimal(0)) for c in found.weighted
    }
    for each in found.bands:
        shares = [
            f"{percent(float(arr / totals[currency]), 0)} of ARR in {currency}"
            for currency, arr in sorted(each.arr.items())
            if totals.get(currency)
        ]
        yield {
            "metric": f"health.{each.status}",
            "value": percent(each.number / found.number, 0),
            "n": found.number,
            "top": str(each.number),
            "of": str(found.number),
            "note": ", ".join(shares),
        }


def _nps(group: Group, asked: Asked) -> Iterable[dict[str, Any]]:
    found = group.nps
    few = 0 < found.number < asked.rules.small_survey
    kinds = f"promoters {found.promoters}, passives {found.passives}, detractors {found.detractors}"
    dropped = f"; {found.dropped} dropped" if found.dropped else ""
    yield {
        "metric": "nps",
        "value": UNDEFINED if found.score is None else half_up(found.score, 0),
        "interval": _ends(found.interval, 1),
        "n": found.number,
        "note": (f"{kinds}{dropped}{'; few' if few else ''}" if found.number else "no answers"),
    }


def _value(group: Group) -> Iterable[dict[str, Any]]:
    found = group.time_to_value
    n = {"n": found.number}
    waiting = f"{found.censored} not there yet" if found.censored else ""
    for name, days in (("median", found.median), ("p90", found.p90)):
        reason = found.reason or ("" if days is not None else "too few are there yet")
        note = "; ".join(filter(None, (reason, waiting)))
        yield {
            "metric": f"time_to_value.{name}",
            "value": UNDEFINED if days is None else f"{days:g} days",
            **n,
            "note": note,
        }
    for within in found.within:
        share = within.reached
        yield {
            "metric": f"time_to_value.within_{within.days}",
            "value": percent(share.rate),
            "interval": _ends(share.interval),
            "n": share.number,
            "top": str(share.events),
            "of": str(share.number),
        }


# --- people


def headline(asked: Asked, says: str) -> str:
    """What was computed, in a line."""
    return f"{asked.period}, method {asked.method}: {says}"


def summary(group: Group) -> list[str]:
    """How many customers there were, and of how many what is not known."""
    found = [f"{group.customers} customers at the start, {group.at_end} at the end"]
    if group.unpriced:
        found.append(
            f"the MRR at the start is not known of {_some(group.unpriced)}: in no revenue figure"
        )
    if group.unpriced_end:
        found.append(f"the MRR at the end is not known of {_some(group.unpriced_end)}")
    if group.unknown:
        found.append(f"not known whether they were customers: {_some(group.unknown)}")
    assumed = tuple(a.slug for a in group.accounts if a.history.assumed)
    if assumed:
        found.append(f"MRR taken to have been the same since the start: {_some(assumed)}")
    return found


def _some(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def sections(group: Group, asked: Asked) -> dict[str, tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """What people read, by heading: columns and rows. Revenue has a row for each currency."""
    revenue = [_revenue(group, currency, asked) for currency in group.movements]
    moved = [
        {
            "currency": currency,
            **{name: amount(much) for name, much in zip(MOVED, each, strict=True) if much},
        }
        for currency, each in group.movements.items()
        if any(each)
    ]
    logos = [row for row in _figures(group, asked) if row["metric"].startswith("logo")]
    value = list(_value(group))
    found = {
        "Revenue": (REVENUE, [row for row in revenue if row is not None]),
        "Customers": (SHARES, logos),
        "MRR, from where to where": (("currency", *MOVED), moved),
        "Health": (("metric", "currency", "value", "n", "note"), list(_health(group))),
        "Promoters": (("metric", "value", "interval", "n", "note"), list(_nps(group, asked))),
        "Time to value": (("metric", "value", "interval", "n", "note"), value),
    }
    return {
        title: (filled(columns, rows_), _titled(rows_))
        for title, (columns, rows_) in found.items()
        if rows_
    }


def _revenue(group: Group, currency: str, asked: Asked) -> dict[str, Any] | None:
    own = {m.figure.name: m.figure for m in group.figures if m.currency == currency}
    first = next(iter(own.values()), None)
    if first is None:
        return None
    few = 0 < first.n < asked.rules.small_group
    shares = {name: percent(figure.value) for name, figure in own.items()}
    head = {"currency": currency, "n": first.n, "of": amount(first.bottom)}
    return {**head, **shares, "note": "few" if few else ""}


def filled(columns: Sequence[str], found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The columns that say something."""
    return tuple(name for name in columns if any(row.get(name) not in {None, ""} for row in found))


def _titled(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"metric": _words(row["metric"])} if "metric" in row else row for row in found]


def _words(metric: str) -> str:
    start, _, name = metric.partition(".")
    if start in {"mrr", "health", "time_to_value"}:
        words = name.replace("_", " ")
        return (
            f"{words} days"
            if words.startswith("within")
            else words.replace("by arr", "weighted by ARR")
        )
    return TITLES.get(metric, metric.upper())


def pivot(group: Group, asked: Asked) -> list[dict[str, Any]]:
    """One group as rows of `BY`: what is of the group in the first, and a row for each currency."""
    logo = next((m.figure for m in group.figures if m.figure.name == "logo_churn"), None)
    value = group.time_to_value
    n = group.customers if logo is None else logo.n
    whole = {
        "group": group.name,
        "accounts": len(group.accounts),
        "logo_churn": "" if logo is None else percent(logo.value),
        "n": n,
        "nps": "" if group.nps.score is None else half_up(group.nps.score, 0),
        "answers": group.nps.number,
        "to_value": "" if value.median is None else f"{value.median:g}",
        "note": "few" if n < asked.rules.small_group else "",
    }
    found = []
    for place, currency in enumerate(group.movements or ("",)):
        own = {m.figure.name: m.figure for m in group.figures if m.currency == currency}
        shares = {name: percent(own[name].value) for name in own if name in BY}
        weighted = group.health.weighted.get(currency)
        mean = "" if weighted is None else half_up(weighted)
        found.append(
            (whole if place == 0 else {}) | {"currency": currency, "health": mean} | shares
        )
    return found


# --- accounts, reconciliation


def line_row(line: Line) -> dict[str, Any]:
    """An account behind the figures."""
    return {
        **line._asdict(),
        "start": "?" if line.start is None else amount(line.start),
        "end": "?" if line.end is None else amount(line.end),
    }


def effect_rows(found: Reconciled) -> list[dict[str, Any]]:
    """The lines between two figures, the second one last."""
    head = {"metric": found.name, "currency": found.currency}
    first = {"account": "first figure", "effect": percent(found.first.value, 2)}
    last = {"account": "second figure", "effect": percent(found.second.value, 2)}
    own = [
        {
            "account": effect.account,
            "first": effect.first or "not counted",
            "second": effect.second or "not counted",
            "top": _step(effect.top),
            "of": _step(effect.bottom),
            "effect": half_up(float(effect.effect) * 100, 2),
        }
        for effect in found.effects
    ]
    return [head | row for row in (first, *own, last)]


def _step(value: Fraction) -> str:
    return amount(value) if value else ""
