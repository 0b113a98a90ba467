"""Renewal readiness: the contract and its dates, what speaks for a signature, and what is still to be found out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.model.numbers import half_up
from crmctl.render.review_ebr import days_left, value
from crmctl.render.review_goals import REACHED

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.review_ground import Ground
    from crmctl.workspace.workspace import Workspace

YES, NO, UNKNOWN = "yes", "no", "not known"
ON_TRACK = (REACHED, "on schedule")
ACTIVE = "active_users"


def renewal_context(ws: Workspace, found: Ground) -> dict[str, Any]:
    """What ``templates/renewal.md.j2`` is given beside what all reviews are."""
    seen, shared = found.seen, found.shared
    deals = _deals(found, ws.config.reviews.renewal_words)
    checks = list(_checks(found, deals))
    words = {deal["name"] for deal in deals}
    return {
        "value": value(seen, shared["currency"]),
        "days_left": days_left(seen, found.today),
        "window": _window(seen, found.today, ws.config.reviews.notice_days),
        "used": next((row for row in shared["adoption"] if row["name"] == ACTIVE), None),
        "checks": checks,
        "ready": {state: sum(c["state"] == state for c in checks) for state in (YES, NO, UNKNOWN)},
        "trend": list(_trend(found, ws.config.reviews.health_quarters)),
        "renewals": deals,
        "renewal_questions": [q for q in shared["questions"] if q["deal"] in words],
        "signs": _signs(found),
    }


def _deals(found: Ground, words: Sequence[str]) -> list[dict[str, Any]]:
    """The open deals whose type says that they renew the contract."""
    return [
        deal
        for deal in found.view["opportunities"]
        if any(word.casefold() in str(deal.get("type", "")).casefold() for word in words)
    ]


def _window(seen: Seen, today: dt.date, days: int | None) -> dict[str, Any] | None:
    """The last day on which notice can be given, by the settings; None where that or the renewal is not known."""
    renewal = seen.account.profile.date("renewal")
    if renewal is None or days is None:
        return None
    last = renewal - dt.timedelta(days=days)
    return {"last": last, "days": days, "open": last >= today}


def _signs(found: Ground) -> list[dict[str, Any]]:
    """What raises the risk of losing them, the weightiest first."""
    churn = found.view["churn"]
    seen = [sign for sign in churn["signs"] if sign["state"] == "seen"] if churn else []
    seen = [sign | {"note": found.spell(sign["note"])} for sign in seen]
    return sorted(seen, key=lambda sign: (-sign["adds"], sign["name"]))


def _trend(found: Ground, quarters: int) -> Iterator[dict[str, Any]]:
    """The health at the end of the quarters before and now, each worked out from what was known by then."""
    quarter, past = found.quarter, []
    for _ in range(quarters):
        quarter = quarter.previous
        past.append(quarter)
    for each in reversed(past):
        health = found.past.at(each)["health"]
        yield {"day": each.end, "score": health["score"], "status": health["status"]}
    health = found.view["health"]
    yield {"day": found.today, "score": health["score"], "status": health["status"]}


def _checks(found: Ground, deals: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What has to hold for a renewal to be safe: ``name``, ``state``, ``text`` and ``source``."""
    seen, profile = found.seen, found.seen.account.profile
    notice, overdue = profile.date("notice_given"), profile.date("payment_overdue_since")
    yield _check(
        "No notice given",
        NO if notice and notice <= found.today else YES,
        f"given on {notice}" if notice else "none is recorded",
        seen.where("notice_given"),
    )
    yield _check(
        "No invoice overdue",
        NO if overdue and overdue <= found.today else YES,
        f"since {overdue}" if overdue else "none is recorded",
        seen.where("payment_overdue_since"),
    )
    yield _worth(seen)
    yield _goals(found)
    for role in ("decision_maker", "champion"):
        yield _role(found, role)
    yield _offered(deals)
    yield _rival(found, deals)
    yield _tickets(found)


def _check(name: str, state: str, text: str, source: str = "") -> dict[str, str]:
    return {"name": name, "state": state, "text": text, "source": source}


def _worth(seen: Seen) -> dict[str, str]:
    """Whether they gain more than they pay."""
    profile = seen.account.profile
    gain, price = profile.number("value_realised"), profile.number("arr")
    name = "They gain more than they pay"
    if gain is None or not price:
        lacking = "what they gain in a year" if gain is None else "what they pay in a year"
        return _check(name, UNKNOWN, f"{lacking} is not recorded")
    told = f"{half_up(gain / price, 1)} times the price"
    return _check(name, YES if gain > price else NO, told, seen.where("value_realised"))


def _goals(found: Ground) -> dict[str, str]:
    rows = [goal for goal in found.shared["goals"] if not goal["written"]]
    measured = [goal for goal in rows if goal["outcome"] != "not measured"]
    name = "Their goals are reached or on schedule"
    if not measured:
        return _check(name, UNKNOWN, "no goal is measured" if rows else "no goal is recorded")
    good = sum(goal["outcome"].startswith(ON_TRACK) for goal in measured)
    told = f"{good} of {len(measured)}"
    return _check(name, YES if good == len(measured) else NO, told, found.seen.where("goals"))


def _role(found: Ground, role: str) -> dict[str, str]:
    """Whether somebody has this part and talked with us within the window for conversations."""
    people = found.view["relationships"]
    words = role.replace("_", " ")
    name = f"We talk with a {words}"
    here = [p for p in people["people"] if role in p["roles"] and p["left"] is None]
    if not here:
        return _check(name, UNKNOWN, f"nobody is known as {words}")
    heard = [p for p in here if p["id"] in people["threads"]]
    best = (heard or here)[0]
    told = f"last heard on {best['last_heard']}" if best["last_heard"] else "never heard"
    return _check(name, YES if heard else NO, f"{best['name']}, {told}", best["source"])


def _offered(deals: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    name = "The renewal is open as a deal and on course"
    if not deals:
        return _check(name, NO, "no open deal is a renewal")
    warned = [f"{deal['name']} {text}" for deal in deals for text in deal["warnings"]]
    told = warned[0] if warned else f"{deals[0]['name']}: {deals[0].get('next_step')}"
    return _check(name, NO if warned else YES, told, deals[0]["path"])


def _rival(found: Ground, deals: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    name = "Nobody else is considered"
    ids = {deal["id"] for deal in deals}
    for vendor in found.view["competitors"]:
        if ids & set(vendor["open_deals"]):
            return _check(name, NO, vendor["name"], vendor["sources"][0])
    known = ", ".join(vendor["name"] for vendor in found.view["competitors"])
    told = f"{known} is known here, but in no deal of this renewal" if known else "nobody is named"
    return _check(name, UNKNOWN, told)


def _tickets(found: Ground) -> dict[str, str]:
    """Whether an escalated ticket, or one of high priority, is open."""
    name, record = "No grave ticket is open", found.shared["support"]
    if not record["ever"]:
        return _check(name, UNKNOWN, "no ticket was ever recorded")
    high = found.seen.weights.health.measuring.high_priorities
    grave = [
        ticket
        for ticket in record["tickets"]
        if ticket["state"] == "open"
        and (ticket.get("escalated") or str(ticket.get("priority", "")).casefold() in high)
    ]
    if not grave:
        return _check(name, YES, f"{record['now']['open']} open in all", record["now"]["sources"])
    return _check(name, NO, str(grave[0].get("subject", "")), grave[0]["source"])
