"""The support record of a quarter: tickets, first answers, resolution, and what surveys said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from crmctl.model.numbers import half_up

if TYPE_CHECKING:
    from crmctl.render.quarter import Quarter

Ticket = Mapping[str, Any]
"""``at``, ``first_response_at``, ``closed_at`` and ``open``, as far as they are known."""
_HOUR, _DAY = 3600, 86400


def support(
    tickets: Sequence[Ticket], quarter: Quarter, today: dt.date, listed: int
) -> dict[str, Any]:
    """The record of a quarter up to ``today``.

    ``now`` and ``before`` are `_numbers`, ``tickets`` the latest, ``more`` how many are left off.
    """
    shown = [t for t in tickets if _touched(t, quarter.start, today)]
    shown.sort(key=lambda t: t["at"], reverse=True)
    return {
        "now": _numbers(tickets, quarter.start, today),
        "before": _numbers(tickets, quarter.previous.start, quarter.previous.end),
        "tickets": [dict(t) | {"state": _state(t, today)} for t in shown[:listed]],
        "more": max(0, len(shown) - listed),
        "ever": any(t["at"].date() <= today for t in tickets),
    }


def _numbers(tickets: Iterable[Ticket], first: dt.date, last: dt.date) -> dict[str, Any]:
    """``opened``, ``closed``, ``open`` at the end; medians: ``answer`` (hours, of ``answered``), ``resolution`` (days).

    A median of nothing is None. Time is counted around the clock. ``tickets`` come latest first.
    """
    known = [t for t in tickets if t["at"].date() <= last]
    opened = [t for t in known if first <= t["at"].date()]
    closed = [t for t in known if t.get("closed_at") and first <= t["closed_at"].date() <= last]
    hours = [_span(t, "first_response_at", _HOUR) for t in opened if t.get("first_response_at")]
    days = [_span(t, "closed_at", _DAY) for t in closed]
    return {
        "opened": len(opened),
        "closed": len(closed),
        "open": sum(_state(t, last) == "open" for t in known),
        "answer": half_up(median(hours), 1) if hours else None,
        "answered": len(hours),
        "resolution": half_up(median(days), 1) if days else None,
        "sources": [t["source"] for t in reversed(opened) if t.get("source")],
    }


def _span(ticket: Ticket, name: str, unit: int) -> float:
    return max(0.0, float((ticket[name] - ticket["at"]).total_seconds()) / unit)


def _touched(ticket: Ticket, first: dt.date, last: dt.date) -> bool:
    """Whether a ticket came or was closed in a span of days, or is still open at its end."""
    if ticket["at"].date() > last:
        return False
    closed = ticket.get("closed_at")
    return (
        ticket["at"].date() >= first
        or (closed is not None and first <= closed.date())
        or _state(ticket, last) == "open"
    )


def _state(ticket: Ticket, today: dt.date) -> str:
    """``open``, ``closed``, or empty when the system does not say."""
    closed, still = ticket.get("closed_at"), ticket.get("open")
    if closed is not None:
        return "open" if closed.date() > today else "closed"
    return "" if still is None else "open" if still else "closed"


def satisfaction(
    answers: Sequence[Mapping[str, Any]], quarter: Quarter, today: dt.date
) -> dict[str, Any]:
    """What surveys of the quarter said.

    ``mean`` (0 to 10) of ``count`` answers, those of the quarter ``before``, and the ``answers``.
    """
    scored = [a for a in answers if a.get("score") is not None]
    now = [a for a in scored if quarter.start <= a["at"].date() <= today]
    before = [a for a in scored if quarter.previous.start <= a["at"].date() <= quarter.previous.end]
    return {
        "mean": half_up(fmean(a["score"] for a in now), 1) if now else None,
        "count": len(now),
        "before": half_up(fmean(a["score"] for a in before), 1) if before else None,
        "before_count": len(before),
        "answers": now,
    }


def gathered(sources: Sequence[str], most: int = 5) -> str:
    """Sources on one line: ``interactions/2026.jsonl:3, 5 and 2 more``."""
    words: list[str] = []
    last = ""
    for source in sources[:most]:
        path, _, line = source.rpartition(":")
        words.append(line if path and path == last else source)
        last = path
    more = len(sources) - most
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")
