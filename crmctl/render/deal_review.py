"""What a deal review says: one deal by every framework, what to ask whom, and what speaks against it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmctl.insight.qualification import qualify
from crmctl.insight.qualification_evidence import Sources
from crmctl.insight.qualification_offers import offers
from crmctl.model.numbers import half_up

if TYPE_CHECKING:
    from crmctl.insight.qualification import Component, Qualification
    from crmctl.insight.qualification_gates import Passage
    from crmctl.model.record import Record
    from crmctl.render.account import Seen


def deal_context(
    seen: Seen, deal: Record, today: dt.date, currency: str, framework: str = ""
) -> dict[str, Any]:
    """What ``templates/deal-review.md.j2`` is given; ``currency`` is that of an amount that states none.

    ``framework`` decides which gates and questions count, by default the one that the deal gets by the weights.
    """
    view = seen.picture(today)
    known = {person["id"]: person for person in view["relationships"]["people"]}
    weights, sources = seen.weights.qualification, Sources(seen.account, seen.lines.root)
    found = qualify(deal, sources, weights, today, framework)
    others = [
        found if name == found.framework else qualify(deal, sources, weights, today, name)
        for name in weights.frameworks
    ]
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
        "frameworks": [_framework(seen, each, each is found) for each in others],
        "questions": [
            {
                "label": gap.label,
                "question": gap.question,
                "needed_for": gap.needed_for.replace("_", " "),
                "ask": [{"name": person.name, "role": person.role} for person in gap.ask],
                "roles": list(gap.roles),
            }
            for gap in found.gaps
        ],
        "offers": [
            offer._asdict() | {"source": seen.near(seen.lines.cite(offer.source))}
            for offer in offers(seen.account, deal, found, seen.rules, weights, today)
        ],
        "history": list(_history(deal)),
        "people": [_taking_part(row, known) for row in deal.items("people")],
        "risks": list(_risks(deal, view, known, seen.near(deal.path))),
    }


def _framework(seen: Seen, found: Qualification, applies: bool) -> dict[str, Any]:
    return {
        "section": found.framework.replace("_", "-"),
        "label": found.label,
        "applies": applies,
        "components": [_component(seen, part) for part in found.components],
        "points": found.points,
        "most": found.most,
        "weighted": None if found.weighted is None else str(half_up(found.weighted, 0)),
        "verdict": found.verdict,
        "gate": _gate(found, found.gate) if found.gate else None,
        "missed": [_gate(found, passage) for passage in found.missed],
    }


def _gate(found: Qualification, passage: Passage) -> dict[str, Any]:
    labels = {part.name: part.label for part in found.components}
    lacking = [labels[name] for name in passage.lacking]
    stage = passage.stage.replace("_", " ")
    return passage._asdict() | {"stage": stage, "lacking": lacking}


def _component(seen: Seen, part: Component) -> dict[str, Any]:
    source = seen.near(seen.lines.cite(part.source)) if part.source else ""
    return {
        "label": part.label,
        "level": part.level,
        "stated": part.stated,
        "kind": part.kind,
        "evidence": part.evidence,
        "source": source,
        "problems": [seen.near(text) for text in part.problems],
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
