"""Documents an account has one of: relationship map, onboarding, and a review of each deal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmctl.insight.evidence import TALK, WRITTEN
from crmctl.insight.qualification import qualify
from crmctl.model.errors import UsageError
from crmctl.render.account import Seen, merged, read
from crmctl.render.stakeholders import coverage, gaps, lines, mermaid
from crmctl.workspace import paths, templates

if TYPE_CHECKING:
    from crmctl.insight.qualification_weights import QualificationWeights
    from crmctl.model.record import Record
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

KINDS = ("relationship-map", "onboarding", "deal-review")
WEEKS = {"before": 0, "w1": 7, "w2": 14, "w4": 28, "w8": 56, "w12": 84}
QUESTIONS = {
    "metrics": "Which number will change, by how much, and who measures it?",
    "economic_buyer": "Who can say yes when everybody else has said no, and have we met?",
    "decision_criteria": "What will they compare us by, and who wrote it down?",
    "decision_process": "Which steps, whose votes and which dates lie before the decision?",
    "paper_process": "Which papers does it take from the decision to the signature, and how long?",
    "identify_pain": "What hurts, whom, and what happens if they do nothing?",
    "champion": "Who sells it when we are not in the room, and what do they gain by it?",
    "competition": "Whom else do they look at, doing nothing included, and what speaks for them?",
}


def plan_document(
    ws: Workspace, slug: str, kind: str, *, deal: str = ""
) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan one of `KINDS`: the plan, the document as it will be, and sections that a person must settle.

    ``deal`` names the deal of a deal review. UsageError for an unknown kind or deal.
    """
    seen = read(ws, slug)
    if kind == "relationship-map":
        path, context = paths.document(slug, kind), map_context(seen, ws.today)
    elif kind == "onboarding":
        path, context = paths.document(slug, kind), onboarding_context(seen, ws.today)
    elif kind == "deal-review":
        path = paths.review(slug, f"deal-{_deal(seen, deal).id}")
        context = deal_context(seen, _deal(seen, deal), ws.today, ws.config.currency)
    else:
        raise UsageError(f"{kind!r} is no document; there are: {', '.join(KINDS)}")
    return merged(ws, path, templates.render(ws.root, kind, context), kind.replace("-", " "))


def _deal(seen: Seen, deal: str) -> Record:
    found = seen.account.deals.get(deal)
    if found is None:
        known = ", ".join(seen.account.deals) or "none"
        raise UsageError(f"{deal!r} is no deal of {seen.account.slug}; there are: {known}")
    return found


def map_context(seen: Seen, today: dt.date) -> dict[str, Any]:
    """What ``templates/relationship-map.md.j2`` is given."""
    view = seen.picture(today)
    window = seen.weights.health.measuring.conversation_days
    since = today - dt.timedelta(days=window)
    recent = [t for t in view["conversations"] if since < t["at"].date() <= today and _heard(t)]
    people = [
        person | {"talks": sum(person["id"] in (talk.get("with") or ()) for talk in recent)}
        for person in view["relationships"]["people"]
    ]
    return {
        "name": view["name"],
        "account": seen.account.slug,
        "people": people,
        "coverage": coverage(people, seen.weights.health.measuring.buying_roles),
        "gaps": list(gaps(view["relationships"])),
        "lines": lines(people),
        "graph": mermaid(people, view["relationships"]["silent"]),
        "window": window,
    }


def _heard(talk: dict[str, Any]) -> bool:
    """Whether they took part: not in a survey or ticket, nor in mail and chat that only we wrote."""
    return talk["type"] in TALK and not (talk["type"] in WRITTEN and talk.get("direction") == "out")


def onboarding_context(seen: Seen, today: dt.date) -> dict[str, Any]:
    """What ``templates/onboarding.md.j2`` is given; weeks count from the start of the subscription."""
    profile = seen.account.profile
    here = [person for person in seen.account.contacts.values() if person.date("left") is None]
    names = {
        role: next((p.title for p in here if role in p.items("roles")), None)
        for role in ("champion", "decision_maker")
    }
    start = profile.date("started") or today
    goal = dict.fromkeys(("name", "unit", "baseline", "target", "current", "due"))
    return {
        "name": profile.title,
        "account": seen.account.slug,
        "owner": profile.get("owner"),
        **names,
        "started": profile.date("started"),
        "plan": profile.get("plan"),
        "seats": profile.get("seats"),
        "weeks": {name: start + dt.timedelta(days=days) for name, days in WEEKS.items()},
        "goals": [goal | dict(row) for row in profile.items("goals")],
    }


def deal_context(seen: Seen, deal: Record, today: dt.date, currency: str) -> dict[str, Any]:
    """What ``templates/deal-review.md.j2`` is given; ``currency`` is that of an amount that states none."""
    view = seen.picture(today)
    known = {person["id"]: person for person in view["relationships"]["people"]}
    weights = seen.weights.qualification
    bant = _qualified(deal, weights)
    meddpicc = _qualified(deal, weights.model_copy(update={"components": list(QUESTIONS)}))
    asked = [*bant["components"], *meddpicc["components"]]
    return {
        "account": seen.account.slug,
        "account_name": view["name"],
        "deal": deal.id,
        **{
            name: deal.get(name)
            for name in ("name", "stage", "amount", "probability", "close", "opened", "type")
        },
        **{name: deal.get(name) for name in ("owner", "next_step", "next_step_due")},
        "status": deal.text("status") or "open",
        "currency": deal.text("currency") or currency,
        "source": seen.near(deal.path),
        "competitors": deal.items("competitors"),
        "bant": bant,
        "meddpicc": meddpicc,
        "questions": list(dict.fromkeys(row["question"] for row in asked if row["question"])),
        "history": list(_history(deal)),
        "people": [_taking_part(row, known) for row in deal.items("people")],
        "risks": list(_risks(deal, view, known, seen.near(deal.path))),
    }


def _qualified(deal: Record, weights: QualificationWeights) -> dict[str, Any]:
    found = qualify(deal, weights)
    rows = [
        {
            "label": part.name.replace("_", " ").capitalize(),
            "level": part.level,
            "evidence": part.evidence,
            "question": part.question and QUESTIONS.get(part.name, part.question),
        }
        for part in found.components
    ]
    return {
        "components": rows,
        "points": found.points,
        "most": found.most,
        "verdict": found.verdict,
    }


def _history(deal: Record) -> Iterator[dict[str, Any]]:
    """The stages passed, each with the days until the next."""
    passed = deal.items("stage_history")
    for place, row in enumerate(passed):
        after = passed[place + 1]["at"] if place + 1 < len(passed) else None
        days = (after - row["at"]).days if after else None
        yield {"stage": row["stage"], "at": row["at"], "days": days}


def _taking_part(row: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    person = known.get(row["person"], {})
    shown = {name: person.get(name) for name in ("title", "influence", "sentiment", "last_heard")}
    return {"name": person.get("name", row["person"]), "role": row.get("role"), **shown}


def _risks(
    deal: Record, view: dict[str, Any], known: dict[str, dict[str, Any]], source: str
) -> Iterator[dict[str, str]]:
    """What in the files speaks against this deal."""
    for found in view["opportunities"]:
        if found["id"] == deal.id:
            for warning in found["warnings"]:
                yield {"text": f"It {warning}", "source": source}
    taking_part = [known[row["person"]] for row in deal.items("people") if row["person"] in known]
    for person in taking_part:
        if person["left"] is not None:
            yield {"text": f"{person['name']} left on {person['left']}", "source": person["source"]}
        elif person["sentiment"] == "negative":
            yield {"text": f"{person['name']} is against us", "source": person["source"]}
        elif person["last_heard"] is None:
            yield {"text": f"{person['name']} has never talked with us", "source": person["source"]}
    for vendor in view["competitors"]:
        if deal.id in vendor["open_deals"]:
            yield {"text": f"{vendor['name']} is in the running", "source": source}
