"""Goals agreed last time and what became of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmctl.model.numbers import half_up
from crmctl.render.review_earlier import same_name

if TYPE_CHECKING:
    from crmctl.render.review_earlier import Earlier, Row

DROPPED, REACHED = "dropped", "reached"
UNRECORDED = "not measured: it was agreed, but not taken among the goals"
_OUTCOME = "outcome"  # the column that only tables made by crmctl have


def goals(
    rows: Sequence[Mapping[str, Any]], before: Earlier | None, today: dt.date
) -> list[dict[str, Any]]:
    """The goals of the profile, each with its ``outcome``, then those of the review before that are gone from it.

    ``rows`` are the profile's, with ``pace`` (see `crmctl.insight.inputs.outcomes.pace`). Each comes back with
    ``outcome``, ``agreed`` (target and date as agreed then, Markdown, empty where they were not), ``agreed_source``
    and ``written``: the name as it stood in the earlier review, only for a goal that is gone.
    """
    then = {row.get("goal"): row for row in before.rows("Goal")} if before else {}
    recorded = (
        {row.get("goal") for row in before.rows("Goal") if _OUTCOME in row.cells} if before else ()
    )
    found = []
    for goal in rows:
        name = str(goal.get("name", ""))
        row = next((each for cell, each in then.items() if same_name(name, cell)), None)
        found.append(dict(goal) | {"outcome": outcome(goal, today), "written": ""})
        found[-1] |= _agreed(row, before)
    names = [str(goal.get("name", "")) for goal in rows]
    gone = [
        row
        for cell, row in then.items()
        if not any(same_name(name, cell) for name in names)
        and not row.get(_OUTCOME).startswith((DROPPED, REACHED))
    ]
    blank = dict.fromkeys(("name", "unit", "baseline", "target", "current", "due", "source"))
    for row in gone:
        name = row.get("goal")
        became = f"{DROPPED}: no longer among the goals" if name in recorded else UNRECORDED
        found.append(
            blank | {"outcome": became, "written": name, "where": ""} | _agreed(row, before)
        )
    return found


def _agreed(row: Row | None, before: Earlier | None) -> dict[str, str]:
    if row is None or before is None:
        return {"agreed": "", "agreed_source": ""}
    due = f" by {row.get('due')}" if row.get("due") else ""
    told = f"{row.get('target')}{due}".strip() or "without a target"
    return {"agreed": told, "agreed_source": before.at(row.line)}


def outcome(goal: Mapping[str, Any], today: dt.date) -> str:
    """What became of one goal, in words. What nobody measured is neither reached nor missed."""
    current, target, baseline = (
        _number(goal.get(name)) for name in ("current", "target", "baseline")
    )
    due, pace = goal.get("due"), goal.get("pace")
    if current is None or target is None:
        return "not measured"
    if baseline is None:
        return REACHED if current == target else "not judged: where it began is not known"
    if target == baseline != current:
        return "not judged: the target is where it began"
    if current >= target if target >= baseline else current <= target:
        return REACHED
    way = (current - baseline) / (target - baseline)
    share = f"{half_up(max(way, Decimal(0)) * 100)} % of the way"
    if isinstance(due, dt.date) and due <= today:
        return f"missed: {share}"
    if pace is None:
        return f"under way: {share}"
    return f"on schedule: {share}" if pace >= 1 else f"behind schedule: {share}"


def _number(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, (int, Decimal)) else None
