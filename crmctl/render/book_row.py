"""One account as the pages and dashboards about many accounts see it: a row of plain JSON.

The site and the terminal are both made of these rows, so their numbers are the same.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.churn import CUSTOMERS, Risk, assess
from crmctl.insight.churn_history import features
from crmctl.insight.trend import Trend, trend, written
from crmctl.model.errors import CrmError
from crmctl.model.lifecycle import STEPS
from crmctl.model.numbers import half_up
from crmctl.render.map_document import people_of
from crmctl.render.map_view import View, view_of
from crmctl.workspace import files, paths
from crmctl.workspace.document import parse
from crmctl.workspace.index import stat_key

if TYPE_CHECKING:
    from pathlib import Path

    from crmctl.insight.inputs.fact import Series
    from crmctl.render.account import Seen
    from crmctl.render.site.frame import Frame

Row = dict[str, Any]
Scores = list[tuple[int, float | None]]
USED = 60  # points of usage in a row: more than a year of weeks
PLAN = "intervention-plan"  # what the action create_intervention_plan calls its documents
NO_PLAN, OVERDUE, UNDER_WAY, DONE = "none", "overdue", "under way", "done"


class Told(NamedTuple):
    """One account read for its row and its page: the row, and what it was made of."""

    row: Row
    picture: dict[str, Any]
    series: Series
    view: View
    people: dict[str, Any]
    scores: Scores
    risk: Risk | None


def tell(seen: Seen, frame: Frame) -> Told:
    """The account as of the frame's day."""
    picture = seen.picture(frame.today)
    series = seen.series
    view = view_of(seen, frame.today, frame.team)
    people = people_of(view)
    scores = scores_of(series, picture["health"]["score"], frame)
    risk = _risk(seen, series, frame)
    row = _row(seen, picture, people, risk, scores, frame)
    row["usage"] = _usage(series, frame)
    row["mitigation"] = _mitigation(seen, frame) if row["customer"] else None
    return Told(row, picture, series, view, people, scores, risk)


def beside(root: Path, slug: str) -> list[tuple[str, Any]]:
    """The state of the files that a row rests on and a score does not: tasks and plans."""
    found: list[tuple[str, Any]] = []
    for folder in ("tasks", "plans"):
        try:
            entries = list(os.scandir(f"{root}/{paths.ACCOUNTS}/{slug}/{folder}"))
        except OSError:
            continue
        found += [(f"{folder}/{entry.name}", stat_key(entry.path)) for entry in entries]
    return sorted(found)


def _risk(seen: Seen, series: Series, frame: Frame) -> Risk | None:
    """The churn risk of a customer; None for those who cannot be lost."""
    if seen.account.profile.text("stage") not in CUSTOMERS:
        return None
    evidence = seen.evidence(frame.today)
    risk = assess(evidence, seen.facts(frame.today), frame.today, frame.churn)
    if frame.model is not None:
        known = features(evidence, series, frame.today, frame.weights.health.measuring)
        share = frame.model.probability({name: f.value for name, f in known.items()})
        risk = risk._replace(model=share)
    return risk


def scores_of(series: Series, now: float | None, frame: Frame) -> Scores:
    """The scores that were written down before today, then today's."""
    today = frame.today.toordinal()
    points, shares = (
        [item for item in series.get(name, ()) if item[0] < today]
        for name in ("health.score", "health.coverage")
    )
    before = written(points, shares, frame.weights.health.coverage_floor)
    return [*before, (today, None if now is None else float(half_up(round(now, 9))))]


def trend_now(scores: Sequence[tuple[int, float | None]], frame: Frame) -> Trend | None:
    """Which way a score goes; None while too little is written down."""
    rules = frame.weights.health.trend
    return None if rules is None else trend(scores, frame.today, rules)


def _row(
    seen: Seen,
    picture: Mapping[str, Any],
    people: Mapping[str, Any],
    risk: Risk | None,
    scores: Scores,
    frame: Frame,
) -> Row:
    profile, health = seen.account.profile, picture["health"]
    arr = profile.number("arr")
    moving = trend_now(scores, frame)
    talks = [talk["at"].date() for talk in picture["conversations"]]
    last = max((talk for talk in talks if talk <= frame.today), default=None)
    drivers = sorted(
        (s for s in (risk.signs if risk else ()) if s.state == "seen"), key=lambda s: -s.adds
    )
    return {
        "slug": seen.account.slug,
        "name": profile.title,
        "owner": profile.text("owner"),
        "stage": profile.text("stage"),
        "step": profile.text("step"),
        "segment": profile.text("segment"),
        "industry": profile.text("industry"),
        "customer": profile.text("stage") in CUSTOMERS,
        "arr": None if arr is None else str(arr),
        "currency": profile.text("currency") or frame.currency,
        "renewal": _iso(profile.date("renewal")),
        "auto": profile.get("auto_renew"),
        "score": health["score"],
        "status": health["status"],
        "coverage": health["coverage"],
        "why": _why(health),
        "trend": None if moving is None else list(moving),
        "scores": [[dt.date.fromordinal(place).isoformat(), value] for place, value in scores],
        "risk": None
        if risk is None
        else {
            "share": risk.probability,
            "band": risk.band,
            "high": risk.high,
            "model": risk.model,
            "reason": risk.reason,
            "drivers": [
                {
                    "name": s.name,
                    "note": s.note,
                    "adds": s.adds,
                    "source": seen.near(seen.lines.cite(s.source)),
                }
                for s in drivers
            ],
        },
        "next": _next(profile.text("next_step"), profile.date("next_step_due"), frame.today),
        "steps": [
            {
                "what": str(deal.get("name") or deal["id"]),
                **_next(deal.get("next_step"), deal.get("next_step_due"), frame.today),
            }
            for deal in picture["opportunities"]
        ],
        "gaps": people["gaps"],
        "last": _iso(last),
    }


def _usage(series: Series, frame: Frame) -> dict[str, Any] | None:
    """The measure that shows an account's activity, and its latest points."""
    today = frame.today.toordinal()
    for name in frame.weights.health.measuring.usage_measures:
        points = [(place, value) for place, value in series.get(name, ()) if place <= today]
        if points:
            told = [[dt.date.fromordinal(p).isoformat(), value] for p, value in points[-USED:]]
            return {"measure": name, "points": told}
    return None


def _mitigation(seen: Seen, frame: Frame) -> dict[str, Any]:
    """Whether somebody does something about a loss: the latest intervention plan, and tasks of it or of a recovery.

    What was due longer ago than the horizon of a risk is history.
    """
    since = frame.today - dt.timedelta(frame.churn.horizon_days)
    plan = next((p for p in _plans(seen) if p["day"] >= since), None)
    flows = {plan["workflow"]} - {""} if plan else set()
    steps = set(STEPS["churn_risk"])
    tasks = [
        task
        for task in seen.account.tasks.values()
        if (task.text("workflow") in flows or task.text("step") in steps)
        and (task.date("due") or frame.today) >= since
    ]
    waiting = [t for t in tasks if t.text("status") in {"", "open"}]
    waiting.sort(key=lambda task: (task.date("due") or dt.date.max, task.id))
    done = sum(task.text("status") == "done" for task in tasks)
    found: dict[str, Any] = {"state": NO_PLAN, "what": "", "who": "", "due": None, "source": ""}
    counts = {"open": len(waiting), "done": done, "plan": plan["source"] if plan else ""}
    if waiting:
        first, due = waiting[0], waiting[0].date("due")
        late = due is not None and due < frame.today
        found |= {"state": OVERDUE if late else UNDER_WAY, "what": first.title, "due": _iso(due)}
        found |= {"who": first.text("owner"), "source": seen.near(first.path)}
    elif plan:
        late = plan["review"] is not None and plan["review"] < frame.today
        state = OVERDUE if late else DONE if done else UNDER_WAY
        found |= {"state": state, "what": plan["title"], "due": _iso(plan["review"])}
        found |= {"who": plan["owner"], "source": plan["source"]}
    elif done:
        last = max((t for t in tasks if t.text("status") == "done"), key=lambda t: t.id)
        found |= {"state": DONE, "what": last.title, "due": _iso(last.date("due"))}
        found |= {"who": last.text("owner"), "source": seen.near(last.path)}
    return found | counts


def _plans(seen: Seen) -> Iterator[dict[str, Any]]:
    """The account's intervention plans, the latest first. One that cannot be read is for `check` to name."""
    root, slug = seen.lines.root, seen.account.slug
    names = [name for name, _ in beside(root, slug) if name.startswith("plans/") and PLAN in name]
    for name in sorted(names, reverse=True):
        path = f"{paths.ACCOUNTS}/{slug}/{name}"
        try:
            data = parse(files.read(root, path) or b"", path).data
        except CrmError:
            continue
        created, review = data.get("created"), data.get("review")
        if isinstance(created, dt.date):
            yield {
                "day": created,
                "review": review if isinstance(review, dt.date) else None,
                "owner": str(data.get("owner") or ""),
                "workflow": str(data.get("workflow") or ""),
                "title": str(data.get("title") or "Intervention plan"),
                "source": name,
            }


def _next(text: Any, due: dt.date | None, today: dt.date) -> dict[str, Any]:
    """A next step: there, overdue, or missing."""
    state = "missing" if not text else "overdue" if due is not None and due < today else "there"
    return {"text": str(text or ""), "due": _iso(due), "state": state}


def _why(health: Mapping[str, Any]) -> str:
    """What most decides the score, in one line."""
    gates = "; ".join(gate["reason"] for gate in health["gates"])
    if gates or health["reason"]:
        return gates or str(health["reason"])
    tips = health["recommendations"]
    return str(tips[0]["reason"]) if tips else ""


def _iso(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()
