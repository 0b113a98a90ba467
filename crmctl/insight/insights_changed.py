"""Where an account stands, and what changed there lately."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmctl.insight.evidence import TALK
from crmctl.insight.insights_draft import Cite, Draft, Material, counted, money, percent, together
from crmctl.insight.provenance import field_source
from crmctl.model.numbers import odds
from crmctl.workspace import measures

_SHOWN = 3  # sources of a score or a mood that are cited: the weightiest
_PARTS = "health."
_SCORE = "health.score"


def beginning(found: Material) -> dt.date:
    """Since when changes are told: the last conversation, within the bounds of ``weights.yaml``."""
    talks = [talk["at"].date() for talk in found.seen["conversations"] if talk.get("type") in TALK]
    last = max((day for day in talks if day <= found.today), default=found.today)
    weights = found.weights
    latest = found.today - dt.timedelta(days=weights.since_days)
    return max(min(last, latest), found.today - dt.timedelta(days=weights.longest_days))


def standing(found: Material) -> Iterator[Draft]:
    """The health, the contract, the fit and the mood, each in a sentence."""
    yield _health(found)
    yield from _churn(found)
    yield from _contract(found)
    fit, mood = found.seen["icp"], found.seen["sentiment"]
    if fit["tier"] is not None:
        cites = [Cite(c["source"]) for c in fit["criteria"] if c["source"]]
        score = "" if fit["score"] is None else f" ({fit['score']:.0f} of 100)"
        reason = f": {fit['reason']}" if fit["reason"] else ""
        yield Draft(
            "standing", "background", "fit", f"Fit: tier {fit['tier']}{score}{reason}", cites
        )
    if mood and mood["value"] is not None:
        said = mood["latest"][:_SHOWN]
        cites = [Cite(m["source"], m["day"], m["quote"]) for m in said]
        many = counted(mood["messages"], "message")
        text = f"Their own words read {mood['value']:+.2f} on a scale from -1 to 1, over {many}"
        yield Draft("standing", "fact", "mood", text, cites)


def _health(found: Material) -> Draft:
    health = found.seen["health"]
    inputs = [part for factor in health["factors"] for part in factor["inputs"] if part["source"]]
    inputs.sort(key=lambda part: (-part["weight_effective"], part["name"]))
    cites = [Cite(part["source"], part["as_of"]) for part in inputs[:_SHOWN]]
    known = f"{percent(health['coverage'])} of what decides it is known"
    if health["score"] is None:
        text = f"There is no health score: {health['reason'] or known}"
    else:
        text = (
            f"Health is {health['score']:.0f} ({str(health['status']).replace('_', ' ')}); {known}"
        )
    return Draft("standing", "standing", "health", text, cites)


def _churn(found: Material) -> Iterator[Draft]:
    """The risk of losing them, where signs raise it; the strongest signs are its evidence."""
    risk = found.seen["churn"]
    if risk is None or risk["probability"] is None:
        return
    acting = sorted((s for s in risk["signs"] if s["adds"] > 0), key=lambda s: -s["adds"])[:_SHOWN]
    if not acting:
        return
    signs = together([str(sign["name"]).replace("_", " ") for sign in acting])
    text = (
        f"A loss within {risk['horizon_days']} days is put at {odds(risk['probability'])}"
        f" ({risk['band']}), without any sign at {percent(risk['base'])}: {signs}"
    )
    cites = [Cite(sign["source"], sign["as_of"]) for sign in acting]
    yield Draft("standing", "standing", "churn", text, cites)


def _contract(found: Material) -> Iterator[Draft]:
    profile = found.account.profile
    arr, renewal = profile.number("arr"), profile.date("renewal")
    parts: list[str] = []
    cites: list[Cite] = []
    if arr is not None:
        parts.append(f"pay {money(arr, profile.text('currency'))} a year")
        cites.append(Cite(field_source(profile, "arr")))
    if renewal is not None:
        left = (renewal - found.today).days
        when = f"in {counted(left, 'day')}" if left >= 0 else f"{counted(-left, 'day')} ago"
        auto = {True: ", automatically", False: ", not automatically"}.get(
            profile.get("auto_renew"), ""
        )
        parts.append(
            f"renew on {renewal}, {when}{auto}"
            if left >= 0
            else f"were to renew on {renewal}, {when}"
        )
        cites.append(Cite(field_source(profile, "renewal")))
    if parts:
        yield Draft("standing", "standing", "contract", f"They {' and '.join(parts)}", cites)


def changed(found: Material) -> Iterator[Draft]:
    """Measures, talks, answers, tickets, stages and deals that moved since `beginning`."""
    yield from _measures(found)
    yield from _talks(found)
    yield from _answers(found)
    yield from _tickets(found)
    yield from _stages(found)


def _measures(found: Material) -> Iterator[Draft]:
    since, now = found.since.toordinal(), found.today.toordinal()
    for name, days in sorted(found.series.items()):
        past = [row for row in days if row[0] <= now]
        if (name.startswith(_PARTS) and name != _SCORE) or len(past) < 2 or past[-1][0] < since:
            continue
        before = next((row for row in reversed(past) if row[0] <= since), past[0])
        if before == past[-1]:
            continue
        (first, old), (last, new) = before, past[-1]
        if abs(new - old) < found.weights.least_change * abs(old) or old == new:
            continue
        label = "the health score" if name == _SCORE else name.rpartition(".")[2].replace("_", " ")
        share = f" ({100 * (new - old) / abs(old):+.0f} %)" if old else ""
        start, end = dt.date.fromordinal(first), dt.date.fromordinal(last)
        text = f"{label} went from {old:,.10g} to {new:,.10g}{share} between {start} and {end}"
        cites = [Cite(f"{measures.file_of(day)}#{name}", day) for day in (end, start)]
        yield Draft("changed", "changed", f"measure:{name}", text, cites, day=end)


def _talks(found: Material) -> Iterator[Draft]:
    talks = [
        t for t in found.seen["conversations"] if t.get("type") in TALK and _day(t) <= found.today
    ]
    if not talks:
        return
    spoken = next(
        (t for t in talks if t["type"] in {"call", "meeting"} and _day(t) >= found.since), None
    )
    if spoken is not None:
        who = found.names(spoken.get("with") or [])
        about = spoken.get("outcome") or spoken.get("subject") or ""
        text = f"the last {spoken['type']} was on {_day(spoken)}"
        text += (f" with {who}" if who else "") + (f": {about}" if about else "")
        yield Draft("changed", "changed", "last_talk", text, [_cite(spoken)], day=_day(spoken))
    new = [t for t in talks if _day(t) > found.since and t is not spoken]
    if new:
        by_type: dict[str, int] = {}
        for talk in new:
            by_type[talk["type"]] = by_type.get(talk["type"], 0) + 1
        kinds = {"email": "mail", "chat": "chat message"}
        counts = together([counted(n, kinds.get(t, t)) for t, n in sorted(by_type.items())])
        also = "also " if spoken else ""
        text = f"{also}{counts} since {found.since}, the latest on {_day(new[0])}"
        cites = [_cite(talk) for talk in new[:_SHOWN]]
        yield Draft("changed", "fact", "traffic", text, cites, day=_day(new[0]))


def _answers(found: Material) -> Iterator[Draft]:
    people: dict[str, list[Mapping[str, Any]]] = {}
    for event in found.seen["conversations"]:
        if (
            event.get("type") == "survey"
            and event.get("score") is not None
            and _day(event) <= found.today
        ):
            people.setdefault(str((event.get("with") or [""])[0]), []).append(event)
    oldest = found.today - dt.timedelta(days=found.weights.longest_days)
    for person, given in sorted(people.items()):
        newest = given[0]
        if _day(newest) < oldest:
            continue
        who = found.name(person) if person else "somebody"
        text = f"{who} gave {newest['score']} of 10 in the survey of {_day(newest)}"
        cites = [_cite(newest)]
        if len(given) > 1:
            text += f", after {given[1]['score']} on {_day(given[1])}"
            cites.append(_cite(given[1]))
        if newest.get("text"):
            text += f': "{newest["text"]}"'
        yield Draft("changed", "changed", f"survey:{person}", text, cites, day=_day(newest))


def _tickets(found: Material) -> Iterator[Draft]:
    tickets = [
        t for t in found.seen["conversations"] if t.get("type") == "ticket" and not t.get("deleted")
    ]
    for ticket in tickets:
        if ticket.get("open") and ticket.get("escalated"):
            text = f'an escalated ticket is open since {_day(ticket)}: "{ticket.get("subject") or ticket["id"]}"'
            yield Draft("risks", "risk", f"ticket:{ticket['id']}", text, [_cite(ticket)])
    opened = [t for t in tickets if found.since < _day(t) <= found.today]
    closed = [t for t in tickets if isinstance(t.get("closed_at"), dt.datetime)]
    closed = [t for t in closed if found.since < t["closed_at"].date() <= found.today]
    if opened or closed:
        parts = [f"{counted(len(opened), 'ticket')} opened", f"{len(closed)} closed"]
        cites = [_cite(ticket) for ticket in (opened or closed)[:_SHOWN]]
        text = f"{' and '.join(parts)} since {found.since}"
        yield Draft("changed", "fact", "tickets", text, cites, day=cites[0].as_of)


def _stages(found: Material) -> Iterator[Draft]:
    profile = found.account.profile
    for row in _recent(found, profile.items("stage_history")):
        to = str(row.get("step") or row.get("stage")).replace("_", " ")
        why = f": {row['reason']}" if row.get("reason") else ""
        cites = [Cite(field_source(profile, "stage_history"), row["at"])]
        yield Draft(
            "changed",
            "changed",
            f"stage:{to}",
            f"they moved to {to} on {row['at']}{why}",
            cites,
            day=row["at"],
        )
    for deal in found.account.deals.values():
        for row in _recent(found, deal.items("stage_history"))[-1:]:
            stage = str(row["stage"]).replace("_", " ")
            text = f"the deal {deal.title} moved to {stage} on {row['at']}"
            cites = [Cite(field_source(deal, "stage_history"), row["at"])]
            yield Draft("changed", "changed", f"deal:{deal.id}", text, cites, day=row["at"])
    for decided in found.seen["decided"]:
        close = decided.get("close")
        if isinstance(close, dt.date) and found.since <= close <= found.today:
            title = decided.get("name") or decided["id"]
            why = f": {decided['lost_reason']}" if decided.get("lost_reason") else ""
            text = f"the deal {title} was {decided['status']} on {close}{why}"
            cites = [Cite(f"{decided['path']}#status", close)]
            yield Draft("changed", "changed", f"decided:{decided['id']}", text, cites, day=close)


def _recent(found: Material, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    days = [row for row in rows if isinstance(row.get("at"), dt.date)]
    return [row for row in days if found.since <= row["at"] <= found.today]


def _day(item: Mapping[str, Any]) -> dt.date:
    at: dt.datetime = item["at"]
    return at.date()


def _cite(item: Mapping[str, Any]) -> Cite:
    line = f":{item['line']}" if item["line"] else ""
    return Cite(f"{item['path']}{line}", _day(item))
