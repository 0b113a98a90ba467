"""Cohorts on one screen: retention by logo and by revenue, health, and time to value.

The tables are those of `crmctl metrics cohorts`, one after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.metrics_cohorts import HEALTH, LOGO, REVENUE, WHAT, Cohorts, cohort
from crmctl.insight.metrics_time_to_value import time_to_value
from crmctl.model.numbers import half_up
from crmctl.render import metrics_cohorts as form
from crmctl.render.dashboard import NONE, Cell, Line, Room, Section, screen

if TYPE_CHECKING:
    from crmctl.insight.metrics_book import Account
    from crmctl.insight.metrics_cohorts import Table
    from crmctl.insight.metrics_time_to_value import TimeToValue
    from crmctl.insight.metrics_weights import MetricWeights

SHOWN = (LOGO, REVENUE, HEALTH)


class Screen(NamedTuple):
    """The tables by what they show and by currency (empty where there is none), and time to value by cohort."""

    by: str
    tables: dict[tuple[str, str], Table]
    values: dict[str, TimeToValue]


def cohorts(
    accounts: Sequence[Account],
    by: str,
    months: Sequence[int],
    today: dt.date,
    rules: MetricWeights,
) -> Screen:
    """The cohorts of ``by``: month or quarter of the start, or a field."""
    followed = Cohorts(accounts, months, today, rules)
    found = {
        (what, currency): table
        for what in SHOWN
        for currency, table in followed.tables(by, what).items()
    }
    waits: dict[str, list[Any]] = {}
    for account in accounts:
        wait = account.wait(today.toordinal())
        if wait is not None:
            waits.setdefault(cohort(account, by), []).append(wait)
    values = {name: time_to_value(waits[name], rules.value_days) for name in sorted(waits)}
    return Screen(by, found, values)


def document(found: Screen, today: dt.date) -> dict[str, Any]:
    """All of it with full precision."""
    return {
        "dashboard": "cohort",
        "by": found.by,
        "day": today,
        "tables": [form.document(table, currency) for (_, currency), table in found.tables.items()],
        "time_to_value": [{"cohort": name, **_value(one)} for name, one in found.values.items()],
    }


def columns(months: Sequence[int]) -> tuple[str, ...]:
    """Of `rows`."""
    return ("what", "currency", "cohort", "n", "began", *map(str, months))


def rows(found: Screen) -> Iterator[dict[str, Any]]:
    """Every cohort of every table; time to value has its median below ``began``."""
    for (what, currency), table in found.tables.items():
        for row in form.rows(table):
            yield {"what": what, "currency": currency, **row}
    for name, one in found.values.items():
        median = "" if one.median is None else half_up(one.median)
        yield {"what": "days to value", "cohort": name, "n": one.number, "began": median}


def lines(found: Screen, today: dt.date, place: Room) -> Iterator[Line]:
    """The screen. A blank is a month that not all of a cohort have seen; ``?`` is not known."""
    parts = []
    for (what, currency), table in found.tables.items():
        title = " ".join(filter(None, (WHAT[what], currency and f"in {currency}")))
        names = form.columns(table)
        head = [Cell(name, "bold", right=place > 0) for place, name in enumerate(names)]
        body = [
            [Cell(str(row[name]), right=name != names[0]) for name in names]
            for row in form.rows(table)
        ]
        known = any(cell is not None for cell in table.average)
        parts.append(Section(title, [head, *body] if known else [], "nothing is known of it yet"))
    names = ("cohort", "n", "there", "median", "p90")
    head = [Cell(name, "bold", right=place > 0) for place, name in enumerate(names)]
    value = [
        [
            Cell(name),
            Cell(str(one.number), right=True),
            Cell(str(one.reached), right=True),
            Cell(_days(one.median), right=True),
            Cell(_days(one.p90), right=True),
            Cell(one.reason),
        ]
        for name, one in found.values.items()
    ]
    rest = [[*head, Cell("")], *value] if value else []
    parts.append(
        Section("Days to value, who is not there yet counted as longer", rest, "nobody has a start")
    )
    title = f"Cohorts by {found.by} {place.marks.dot} {today}"
    yield from screen(
        title, [], parts if found.tables else [Section("", [], "no customers yet")], place
    )


def _days(value: float | None) -> str:
    return NONE if value is None else half_up(value)


def _value(one: TimeToValue) -> Mapping[str, Any]:
    return {
        "accounts": one.number,
        "reached": one.reached,
        "median": one.median,
        "p90": one.p90,
        "reason": one.reason or None,
    }
