"""What a product and its back office tell of customers, row by row: usage, tickets, subscriptions, survey answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from crmctl.model.identity import normal_email
from crmctl.model.incoming import Incoming, Measurement
from crmctl.sources import values
from crmctl.sources.csv_kinds import INTERVALS
from crmctl.sources.rows import Cells, RowError, Stated, digest

_CENT = Decimal("0.01")
_CLOSED = frozenset({"cancelled", "canceled", "closed", "complete", "done", "resolved", "solved"})


def _usage(cells: Cells) -> list[Stated]:
    name = re.sub(r"[^a-z0-9]+", "_", cells.need("metric").lower().removeprefix("usage."))
    name = name.strip("_")
    if not name:
        raise RowError(f'metric: found "{cells.text("metric")[:60]}"; allowed: letters and digits')
    return [measurement(cells, f"usage.{name}", cells.need("value"))]


def _ticket(cells: Cells) -> list[Stated]:
    fields = cells.of("event")
    if "open" not in fields:
        if "closed_at" in fields:
            fields["open"] = False
        elif "status" in fields:
            fields["open"] = cells.text("status").lower() not in _CLOSED
    about = (cells.text("at"), cells.text("subject"))
    return [_event(cells, "ticket", fields, cells.text("number") or digest(*_who(cells), *about))]


def _survey(cells: Cells) -> list[Stated]:
    cells.need("score")
    return [_event(cells, "survey", cells.of("event"), digest(*_who(cells), cells.text("at")))]


def _subscription(cells: Cells) -> list[Stated]:
    account = cells.account()
    fields = cells.of("account")
    if account.domain:
        fields["domains"] = [account.domain]
    monthly = _monthly(cells)
    if monthly is not None:
        fields.setdefault("mrr", monthly)
        fields.setdefault("arr", values.plain(monthly * 12))
    day = cells.values.get("date")
    record = cells.record("account", account.id, fields, account=account, at=day)
    return [record, measurement(cells, "mrr", monthly)] if day and monthly is not None else [record]


def measurement(cells: Cells, measure: str, value: Decimal) -> Measurement:
    """One number of the row's account on its day; RowError if it has no account or no day."""
    return Measurement(
        cells.account(), cells.need("date"), measure, value, cells.system, cells.origin
    )


def _monthly(cells: Cells) -> Decimal | None:
    """The recurring revenue of a month; an amount without an interval is for a year."""
    for name, months in (("mrr", 1), ("arr", 12)):
        if name in cells.values:
            return _share(cells.values[name], months)
    if "amount" in cells.values:
        return _share(cells.values["amount"], INTERVALS[cells.text("interval") or "year"])
    return None


def _share(amount: Decimal, months: int) -> Decimal:
    share = (amount / months).quantize(_CENT, "ROUND_HALF_UP")
    return amount if months == 1 else values.plain(share)


def _event(cells: Cells, type: str, fields: Mapping[str, Any], key: str) -> Incoming:
    """A line of traffic; its type is part of its id, as each type comes from a list of its own."""
    return cells.record(
        "event",
        f"{type}-{cells.text('id') or key}",
        {**fields, "type": type},
        account=cells.account_or_person(),
        people=cells.people("contact"),
        at=cells.values.get("at"),
    )


def _who(cells: Cells) -> tuple[str, str]:
    contact = cells.text("contact")
    return cells.text("account"), normal_email(contact) or contact


MAPPERS: dict[str, Callable[[Cells], list[Stated]]] = {
    "usage": _usage,
    "tickets": _ticket,
    "subscriptions": _subscription,
    "surveys": _survey,
}
