"""Is it easy to work with us: from the tickets of the account."""

from __future__ import annotations

import datetime as dt
from statistics import median
from typing import TYPE_CHECKING

from crmctl.insight.evidence import UNDATED, Evidence, Ticket
from crmctl.insight.inputs.fact import Fact, Facts, count, unknown

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring


NAMES = (
    "open_tickets",
    "ticket_rate",
    "ticket_load",
    "severe_share",
    "hours_to_answer",
    "days_to_close",
    "reopened_share",
)
DAYS_A_MONTH = 365 / 12


def support(evidence: Evidence, now: int, how: Measuring, growth: Fact) -> Facts:
    """An account that never had a ticket is unknown to support; one that went quiet while its usage fell
    has not become content. Of a ticket without a date it is known only whether it is open.
    """
    tickets = sorted((t for t in evidence.tickets if t.day <= now), key=lambda t: (t.day, t.source))
    if not tickets:
        return dict.fromkeys(NAMES, unknown("no ticket was ever recorded"))
    recent = [t for t in tickets if t.day > now - how.support_days]
    still = [t for t in tickets if _is_open(t, now, how)]
    falling = growth.value is not None and growth.value <= how.falling_usage
    if falling and not recent and not still:
        return dict.fromkeys(
            NAMES, unknown("no ticket while usage falls: silence is no satisfaction")
        )
    severe = [t for t in recent if t.escalated or t.priority.casefold() in how.high_priorities]
    rated = [t for t in recent if t.escalated is not None or t.priority]
    counted = [t for t in recent if t.reopened is not None]
    return {
        "open_tickets": _fact(len(still), still or tickets, f"{len(still)} open"),
        "ticket_rate": _rate(tickets, recent, how),
        "ticket_load": _load(evidence, _rate(tickets, recent, how)),
        "severe_share": _share(severe, rated, how),
        "hours_to_answer": _hours_to_answer(recent, how),
        "days_to_close": _days_to_close(tickets, now, how),
        "reopened_share": _share([t for t in counted if t.reopened], counted, how),
    }


def _is_open(ticket: Ticket, now: int, how: Measuring) -> bool:
    if ticket.closed is not None:
        return ticket.closed > now
    if ticket.open is not None:
        return ticket.open
    return ticket.status.casefold() not in how.closed_words


def _fact(value: float, tickets: list[Ticket], note: str) -> Fact:
    last = tickets[-1]
    date = None if last.day == UNDATED else dt.date.fromordinal(last.day)
    return Fact(value, date, last.source, note)


def _rate(tickets: list[Ticket], recent: list[Ticket], how: Measuring) -> Fact:
    if tickets[-1].day == UNDATED:
        return unknown("no ticket has a date")
    note = f"{len(recent)} in {how.support_days} days"
    return _fact(len(recent) / how.support_days * DAYS_A_MONTH, tickets, note)


def _load(evidence: Evidence, rate: Fact) -> Fact:
    """The rate for each hundred seats: the same number of tickets is much for ten users and little for a thousand."""
    if rate.value is None:
        return rate
    if not evidence.seats:
        return unknown("the number of seats is not known")
    note = f"{rate.note}, {evidence.seats} seats"
    return rate._replace(value=rate.value * 100 / evidence.seats, note=note)


def _hours_to_answer(recent: list[Ticket], how: Measuring) -> Fact:
    answered = [(t.answered, t) for t in recent if t.answered is not None]
    if not answered:
        return unknown(
            f"of no ticket of the last {how.support_days} days is our first answer known"
        )
    note = f"{len(answered)} of {count(len(recent), 'ticket')}"
    return _fact(median(hours for hours, _ in answered), [t for _, t in answered], note)


def _share(part: list[Ticket], whole: list[Ticket], how: Measuring) -> Fact:
    if not whole:
        return unknown(f"no ticket of the last {how.support_days} days says")
    return _fact(
        len(part) / len(whole), part or whole, f"{len(part)} of {count(len(whole), 'ticket')}"
    )


def _days_to_close(tickets: list[Ticket], now: int, how: Measuring) -> Fact:
    since = now - how.support_days
    ended = [
        (t.closed, t)
        for t in tickets
        if t.day != UNDATED and t.closed is not None and since < t.closed <= now
    ]
    if not ended:
        return unknown(f"no ticket was closed in {how.support_days} days")
    days = median(max(0, closed - t.day) for closed, t in ended)
    return _fact(days, [t for _, t in ended], f"{len(ended)} closed in {how.support_days} days")
