"""The account review of a quarter: ``reviews/<yyyy>-q<n>-account-review.md``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import UsageError
from crmctl.model.numbers import money
from crmctl.render.account import Seen, merged, read
from crmctl.render.quarter import Quarter
from crmctl.workspace import paths, templates

if TYPE_CHECKING:
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

TALKS = 12
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


def plan_review(
    ws: Workspace, slug: str, *, quarter: str | None = None
) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan the review of one account and quarter (such as ``2026-q4``, by default the present one).

    Gives the plan, the document as it will be, and the sections that a person edited and that would
    now read differently. A past quarter is seen as its last day saw it, the profile apart, which
    keeps no history. UsageError for a quarter that has not begun.
    """
    chosen = Quarter.parse(quarter) if quarter else Quarter.of(ws.today)
    if chosen.start > ws.today:
        raise UsageError(f"{chosen} begins on {chosen.start}; review a quarter that has begun")
    context = review_context(read(ws, slug), chosen, min(ws.today, chosen.end), ws.config.currency)
    rendered = templates.render(ws.root, "review", context)
    path = paths.review(slug, f"{chosen.slug}-account-review")
    return merged(ws, path, rendered, f"review of {chosen}")


def review_context(seen: Seen, quarter: Quarter, today: dt.date, currency: str) -> dict[str, Any]:
    """What ``templates/review.md.j2`` is given; ``currency`` is that of amounts that state none."""
    view = seen.picture(today)
    profile = seen.account.profile
    names = {person["id"]: person["name"] for person in view["relationships"]["people"]}
    talks = [t for t in view["conversations"] if quarter.start <= t["at"].date() <= today]
    adoption = list(_adoption(seen, quarter, today))
    goals = [goal | {"where": seen.where("goals")} for goal in view["goals"]]
    days = [t["at"].date() for t in talks] + [row["now_day"] for row in adoption]
    days += [i["as_of"] for f in view["health"]["factors"] for i in f["inputs"] if i["as_of"]]
    return view | {
        "account": seen.account.slug,
        "quarter": str(quarter),
        "next_quarter": str(quarter.next),
        "until": max(days, default=None),
        "currency": profile.text("currency") or currency,
        "facts": list(_facts(seen, currency)),
        "health_before": _health_before(seen.measures, quarter),
        "adoption": adoption,
        "goals": goals,
        "people_names": names,
        "talks": [_talk(talk, names) for talk in talks[:TALKS]],
        "talk_count": len(talks),
        "questions": list(_questions(view)),
        "suggestions": list(_suggestions(view)),
    }


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


def _adoption(seen: Seen, quarter: Quarter, today: dt.date) -> Iterator[dict[str, Any]]:
    """Each usage measure now, against the last value before the quarter or else the first in it."""
    series: dict[str, list[Measure]] = {}
    for measure in seen.measures:
        if measure.measure.startswith("usage.") and measure.day <= today:
            series.setdefault(measure.measure, []).append(measure)
    for name, values in series.items():
        earlier = [m for m in values if m.day < quarter.start]
        before, now = (earlier or values)[-1 if earlier else 0], values[-1]
        source = f"{paths.measures(now.day)}#{name}"
        yield {
            "label": name.removeprefix("usage.").replace("_", " "),
            "before": f"{before.value:f}",
            "before_day": before.day,
            "now": f"{now.value:f}",
            "now_day": now.day,
            "change": float(now.value / before.value - 1)
            if before.value and now is not before
            else None,
            "source": seen.lines.cite(source),
        }


def _talk(talk: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
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
