"""What overrules the average: facts that say whether a gate is shut, and since when."""

from __future__ import annotations

import datetime as dt

from crmctl.insight.evidence import Evidence
from crmctl.insight.inputs.fact import Fact, Facts, unknown


def gates(evidence: Evidence, now: int) -> Facts:
    """By gate: days since it shut, None while nothing says that it did."""
    return {
        "champion_left": _champion_left(evidence, now),
        "notice_given": _since(evidence, "notice_given", now, "notice was given on"),
        "payment_overdue": _since(
            evidence, "payment_overdue_since", now, "payment is overdue since"
        ),
    }


def _champion_left(evidence: Evidence, now: int) -> Fact:
    champions = [p for p in evidence.people if "champion" in p.roles]
    gone = [(p.left, p) for p in champions if p.left is not None and p.left <= now]
    if not gone or len(gone) < len(champions):
        return unknown("no champion has left without a successor")
    left, person = max(gone, key=lambda pair: (pair[0], pair[1].id))
    since = dt.date.fromordinal(left)
    text = f"champion {person.id} left on {since} and has no successor"
    return Fact(now - left, since, f"{person.source}#left", text)


def _since(evidence: Evidence, name: str, now: int, what: str) -> Fact:
    day = evidence.dates.get(name)
    if day is None or day > now:
        return unknown(f"nothing says that {what.rsplit(' ', 1)[0]}")
    since = dt.date.fromordinal(day)
    return Fact(now - day, since, evidence.where[name], f"{what} {since}")
