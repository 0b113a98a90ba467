"""What every review of ours is given: the account as of a quarter, beside what held and was agreed before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmctl.insight.insight_weights import insight_weights
from crmctl.insight.insights_draft import Material
from crmctl.insight.insights_told import alike
from crmctl.model.numbers import money, odds
from crmctl.render.review_earlier import agreed, earlier
from crmctl.render.review_goals import goals
from crmctl.render.review_risks import Past, carried, gone, noted, spelled
from crmctl.render.review_support import gathered, satisfaction, support
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.quarter import Quarter
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

FACTS = {
    "stage": "Stage",
    "started": "Customer since",
    "plan": "Plan",
    "seats": "Seats",
    "arr": "Revenue a year",
    "renewal": "Renewal",
    "notice_given": "Notice given",
    "payment_overdue_since": "Payment overdue since",
    "first_value": "First value",
    "owner": "Ours",
    "next_step": "Next step",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """``shared`` is the context of all templates for ourselves; ``templates/review.md.j2`` says what is in it.

    ``view`` is the account's picture as of ``today``, ``past`` what it was at the end of earlier quarters, and
    ``spell`` puts names where a text has ids of people.
    """

    seen: Seen
    quarter: Quarter
    today: dt.date
    view: dict[str, Any]
    past: Past
    spell: Callable[[str], str]
    shared: dict[str, Any]


def ground(ws: Workspace, seen: Seen, kind: str, quarter: Quarter, today: dt.date) -> Ground:
    """Look at an account as of ``today``, which lies in ``quarter``, for a review of this type."""
    settings, currency = ws.config.reviews, ws.config.currency
    past = Past(seen)
    view = seen.picture(today)
    profile = seen.account.profile
    before = earlier(ws, seen.account.slug, kind, quarter)
    names = {person["id"]: person["name"] for person in view["relationships"]["people"]}
    talks = [t for t in view["conversations"] if quarter.start <= t["at"].date() <= today]
    used = adoption(seen, quarter, today)
    days = [t["at"].date() for t in talks] + [row["now_day"] for row in used]
    days += [i["as_of"] for f in view["health"]["factors"] for i in f["inputs"] if i["as_of"]]
    own = insight_weights(seen.weights.insights)
    spell = Material(seen.account, view, {}, own, today).spelled
    risks = carried(view["risks"], past, quarter, settings.look_back_quarters)
    events = [_cited(seen, t) for t in view["conversations"] if not t.get("deleted")]
    tickets = [event for event in events if event["type"] == "ticket"]
    record = support(tickets, quarter, today, settings.tickets)
    answers = [
        event | {"person": ", ".join(names.get(one, one) for one in event.get("with") or ())}
        for event in events
        if event["type"] == "survey"
    ]
    shared = {
        "account": seen.account.slug,
        "quarter": str(quarter),
        "next_quarter": str(quarter.next),
        "last_quarter": str(quarter.previous),
        "until": max(days, default=None),
        "currency": profile.text("currency") or currency,
        "facts": list(_facts(seen, currency)),
        "health_before": _health_before(seen.measures, quarter),
        "adoption": used,
        "before": before.source if before else "",
        "goals": goals(
            [goal | {"where": seen.where("goals")} for goal in view["goals"]], before, today
        ),
        "agreed": [_kept(row, seen, own.same_words) for row in agreed(before)],
        "churn": _odds(view["churn"]),
        "risks": spelled(risks, spell),
        "risks_gone": spelled(gone(view["risks"], past, quarter), spell),
        "risks_noted": list(noted(before)),
        "expansion": spelled(view["expansion"], spell),
        "buying": spelled(view["buying"], spell),
        "support": record
        | {
            span: record[span] | {"sources": gathered(record[span]["sources"])}
            for span in ("now", "before")
        },
        "satisfaction": satisfaction(answers, quarter, today),
        "people_names": names,
        "talks": [told(talk, names) for talk in talks[: settings.conversations]],
        "talk_count": len(talks),
        "questions": list(_questions(view)),
        "suggestions": [
            item | {name: spell(item[name]) for name in ("text", "reason")}
            for item in _suggestions(view)
        ],
    }
    return Ground(seen, quarter, today, view, past, spell, view | shared)


def _odds(churn: dict[str, Any] | None) -> dict[str, Any] | None:
    """The risk of losing them with its probability in words."""
    if churn is None or churn["probability"] is None:
        return churn
    return churn | {"odds": odds(churn["probability"])}


def _cited(seen: Seen, talk: dict[str, Any]) -> dict[str, Any]:
    line = f":{talk['line']}" if talk["line"] else ""
    return talk | {"source": seen.near(talk["path"] + line)}


def _kept(row: dict[str, Any], seen: Seen, alike_at_least: float) -> dict[str, Any]:
    """An action that was agreed, with the task that is most alike and what became of it."""
    tasks = sorted(
        seen.account.tasks.values(), key=lambda task: (-alike(row["what"], task.title), task.id)
    )
    if not tasks or alike(row["what"], tasks[0].title) < alike_at_least:
        return row | {"became": "no task says", "became_source": ""}
    task = tasks[0]
    day, due = task.date("done"), task.date("due")
    state = task.text("status")
    if state == "done" and day:
        state = f"done on {day}"
    elif state == "open" and due:
        state = f"open, due on {due}"
    return row | {"became": state, "became_source": seen.near(task.path)}


def _facts(seen: Seen, currency: str) -> Iterator[dict[str, Any]]:
    profile = seen.account.profile
    for name, label in FACTS.items():
        value = profile.get(name)
        if value is None:
            continue
        if name == "stage" and profile.get("step"):
            value = f"{value}, {profile.text('step')}".replace("_", " ")
        elif name == "arr":
            value = money(value, profile.text("currency") or currency)
        elif name == "renewal" and profile.get("auto_renew") is not None:
            value = (
                f"{value}, {'renews by itself' if profile.get('auto_renew') else 'must be signed'}"
            )
        elif name == "next_step" and profile.date("next_step_due"):
            value = f"{value}, by {profile.date('next_step_due')}"
        yield {"label": label, "value": value, "source": seen.where(name)}


def _health_before(measures: Sequence[Measure], quarter: Quarter) -> dict[str, Any] | None:
    """The last score that was measured before the quarter began."""
    past = [m for m in measures if m.measure == "health.score" and m.day < quarter.start]
    if not past:
        return None
    return {"value": past[-1].value, "day": past[-1].day, "source": paths.measures(past[-1].day)}


def adoption(seen: Seen, quarter: Quarter, today: dt.date) -> list[dict[str, Any]]:
    """Each usage measure now, against the last value before the quarter or else the first in it."""
    series: dict[str, list[Measure]] = {}
    for measure in seen.measures:
        if measure.measure.startswith("usage.") and measure.day <= today:
            series.setdefault(measure.measure, []).append(measure)
    return [_used(seen, name, values, quarter) for name, values in series.items()]


def _used(seen: Seen, name: str, values: Sequence[Measure], quarter: Quarter) -> dict[str, Any]:
    earlier_ones = [m for m in values if m.day < quarter.start]
    before, now = (earlier_ones or values)[-1 if earlier_ones else 0], values[-1]
    moved = before.value and now is not before
    return {
        "name": name.removeprefix("usage."),
        "label": name.removeprefix("usage.").replace("_", " "),
        "before": f"{before.value:f}",
        "before_day": before.day,
        "before_source": seen.lines.cite(f"{paths.measures(before.day)}#{name}"),
        "now": f"{now.value:f}",
        "now_day": now.day,
        "change": float(now.value / before.value - 1) if moved else None,
        "source": seen.lines.cite(f"{paths.measures(now.day)}#{name}"),
    }


def told(talk: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A conversation as reviews list it; ``names`` are people's by id."""
    line = f":{talk['line']}" if talk["line"] else ""
    return {
        "at": talk["at"],
        "type": talk["type"],
        "score": talk.get("score"),
        "subject": talk.get("subject"),
        "people": [names.get(person, person) for person in talk.get("with") or ()],
        "next_step": talk.get("next_step"),
        "source": talk["path"] + line,
    }


def _questions(view: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What is not known about the open deals."""
    for deal in view["opportunities"]:
        for component in deal["qualification"]["components"]:
            if component["question"]:
                yield {"deal": deal["name"], "text": component["question"]}


def _suggestions(view: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What the health score, the people we know, the deals and the usage call for."""
    for item in view["health"]["recommendations"]:
        yield {"text": item["text"], "reason": item["reason"], "source": item["source"]}
    people = view["relationships"]
    if not people["people"]:
        yield {"text": "Get to know somebody there by name", "reason": "", "source": ""}
    elif people["missing"]:
        roles = ", ".join(people["missing"]).replace("_", " ")
        yield {"text": "Find out who there is " + roles, "reason": "nobody is yet", "source": ""}
    for deal in view["opportunities"]:
        for warning in deal["warnings"]:
            yield {"text": f"{deal['name']} {warning}", "reason": "", "source": deal["path"]}
    for signal in view["expansion"]:
        yield {"text": "Talk about more", "reason": signal["text"], "source": signal["source"]}
