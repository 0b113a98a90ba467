"""The executive business review: value, strategic fit, who knows whom at the top, and the outlook."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from crmctl.model.numbers import half_up, money
from crmctl.render.map_view import view_of
from crmctl.render.review_goals import REACHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmctl.render.account import Seen
    from crmctl.render.review_ground import Ground
    from crmctl.workspace.workspace import Workspace

STATES = {
    "leader": "yes, with a leader of ours",
    "met": "yes, with no leader of ours",
    "unmet": "no",
    "unknown": "not known",
}


def ebr_context(ws: Workspace, found: Ground) -> dict[str, Any]:
    """What ``templates/ebr.md.j2`` is given beside what all reviews are."""
    goals = found.shared["goals"]
    return {
        "value": value(found.seen, found.shared["currency"]),
        "first_value": _first_value(found.seen),
        "reached": sum(goal["outcome"] == REACHED for goal in goals),
        "judged": sum(goal["outcome"] != "not measured" for goal in goals),
        "news": list(_news(found.seen)),
        "executives": list(_executives(ws, found)),
        "days_left": days_left(found.seen, found.today),
    }


def value(seen: Seen, currency: str) -> dict[str, Any]:
    """What they gain and what they pay in a year, and the one over the other; None for what nobody states.

    ``gain``, ``price`` and ``seat`` (the price of one seat) come with currency, ``ratio`` with one decimal.
    """
    profile = seen.account.profile
    gain, price, seats = (profile.number(name) for name in ("value_realised", "arr", "seats"))
    return {
        "gain": None if gain is None else money(gain, currency),
        "gain_source": seen.where("value_realised"),
        "price": None if price is None else money(price, currency),
        "price_source": seen.where("arr"),
        "ratio": half_up(gain / price, 1) if gain is not None and price else None,
        "seat": money(half_up(price / seats, 2), currency) if price is not None and seats else None,
        "seats_source": seen.where("seats"),
    }


def days_left(seen: Seen, today: dt.date) -> int | None:
    """Days until the renewal, negative when it is past; None when its day is not known."""
    renewal = seen.account.profile.date("renewal")
    return None if renewal is None else (renewal - today).days


def _first_value(seen: Seen) -> dict[str, Any] | None:
    """When they first got what they bought, and how many days after the start."""
    profile = seen.account.profile
    reached, started = profile.date("first_value"), profile.date("started")
    if reached is None:
        return None
    days = (reached - started).days if started is not None else None
    return {"day": reached, "days": days, "source": seen.where("first_value")}


def _news(seen: Seen) -> Iterator[dict[str, str]]:
    """What is known of their plans, each with its line."""
    profile = seen.account.profile
    _, by = profile.stated("business_intelligence")
    field = "business_intelligence" if by == "person" else f"sources.{by}.business_intelligence"
    for place, text in enumerate(profile.items("business_intelligence")):
        source = seen.lines.cite(f"{profile.path}#{field}.{place}")
        yield {"text": str(text), "source": seen.near(source)}


def _executives(ws: Workspace, found: Ground) -> Iterator[dict[str, Any]]:
    """Their executives, and whether one of us heard them of late."""
    view = view_of(found.seen, found.today, ws.config.team)
    for one in view.map.executives:
        person = view.people[one.id]
        yield {
            "name": one.name,
            "title": person.title,
            "roles": list(person.roles),
            "sentiment": person.sentiment,
            "state": STATES[one.state],
            "ours": [view.ours.get(id, id) for id in one.ours],
            "last_heard": one.last_heard,
            "source": view.cite(one.source),
        }
