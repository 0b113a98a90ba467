"""One account: its page, and the row that the pages of all accounts make of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.churn import CUSTOMERS, Risk, assess
from crmctl.insight.churn_history import features
from crmctl.insight.citing import Lines
from crmctl.insight.evidence import gather
from crmctl.insight.facts import by_measure, measured
from crmctl.insight.insights import insights, plain
from crmctl.insight.insights_draft import GROUPS
from crmctl.insight.trend import Trend, trend, written
from crmctl.render.account import Seen
from crmctl.render.map_document import map_context
from crmctl.render.map_svg import drawing
from crmctl.render.map_view import view_of
from crmctl.render.site import charts
from crmctl.render.site.environment import score, signed, words

if TYPE_CHECKING:
    from crmctl.insight.inputs.fact import Series
    from crmctl.model.record import Account
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.measures import Measure

Row = dict[str, Any]
TALKS = 60  # conversations on a page; the rest is only counted
CHARTS = 4  # of usage, the rest as a line of text
# What comes first among the measures of usage, as far as there is any.
_FIRST = ("usage.active_users", "usage.weekly_active", "usage.sessions", "usage.features_used")
_TOLD = ("risks", "chances", "promises", "changed", "questions")


def account_page(
    account: Account, rows: Sequence[Measure], frame: Frame
) -> tuple[Row, dict[str, Any]]:
    """The account's row as plain JSON, and what the template ``account.html`` is given.

    ``rows`` are all its measures, oldest first.
    """
    seen = Seen(account, rows, frame.weights, frame.rules, Lines(frame.root, account.slug))
    picture = seen.picture(frame.today)
    series = by_measure(rows)
    view = view_of(seen, frame.today, frame.team)
    people = map_context(view)
    told = insights(account, picture, rows, frame.weights)
    scores = _scores(series, picture["health"]["score"], frame)
    moving = trend_now(scores, frame)
    risk = _risk(account, series, frame)
    row = _row(account, picture, people, risk, scores, moving, frame)
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in _TOLD}
    for insight in told:
        if insight.group in groups:
            groups[insight.group].append(_near(seen, plain(insight)))
    health = picture["health"]
    page = {
        "row": row,
        "frame": frame,
        "profile": picture["profile"],
        "health": health,
        "reasons": _reasons(health),
        "health_chart": _health_chart(scores, frame),
        "groups": [(GROUPS[name], name, groups[name]) for name in _TOLD if groups[name]],
        "risk": risk,
        "signs": [sign for sign in risk.signs if sign.state == "seen"] if risk else [],
        "near": lambda source: seen.near(seen.lines.cite(source)),
        "map": charts.relationship_map(drawing(view)) if view.here else "",
        "people": people,
        "deals": picture["opportunities"],
        "decided": picture["decided"],
        "usage": _usage(picture["usage"]),
        "goals": picture["goals"],
        "tasks": picture["tasks"],
        "talks": [_talk(talk, people) for talk in picture["conversations"][:TALKS]],
        "talks_more": max(0, len(picture["conversations"]) - TALKS),
    }
    return row, page


def _near(seen: Seen, insight: dict[str, Any]) -> dict[str, Any]:
    """An insight whose places have their line, and not the account's own folder."""
    places = [
        {**c, "source": seen.near(seen.lines.cite(c["source"]))} for c in insight["citations"]
    ]
    return insight | {"citations": places}


def _risk(account: Account, series: Series, frame: Frame) -> Risk | None:
    """The churn risk of a customer; None for those who cannot be lost."""
    if account.profile.text("stage") not in CUSTOMERS:
        return None
    evidence = gather(account, frame.today)
    facts = measured(evidence, series, frame.today, frame.weights)
    risk = assess(evidence, facts, frame.today, frame.churn)
    if frame.model is not None:
        known = features(evidence, series, frame.today, frame.weights.health.measuring)
        share = frame.model.probability({name: f.value for name, f in known.items()})
        risk = risk._replace(model=share)
    return risk


def _scores(series: Series, now: float | None, frame: Frame) -> list[tuple[int, float | None]]:
    """The scores that were written down before today, then today's."""
    today = frame.today.toordinal()
    points, shares = (
        [item for item in series.get(name, ()) if item[0] < today]
        for name in ("health.score", "health.coverage")
    )
    before = written(points, shares, frame.weights.health.coverage_floor)
    return [*before, (today, None if now is None else float(score(now)))]


def trend_now(scores: Sequence[tuple[int, float | None]], frame: Frame) -> Trend | None:
    """Which way a score goes; None while too little is written down."""
    rules = frame.weights.health.trend
    return None if rules is None else trend(scores, frame.today, rules)


def _row(
    account: Account,
    picture: Mapping[str, Any],
    people: Mapping[str, Any],
    risk: Risk | None,
    scores: Sequence[tuple[int, float | None]],
    moving: Trend | None,
    frame: Frame,
) -> Row:
    profile, health = account.profile, picture["health"]
    owner = profile.text("owner")
    arr = profile.number("arr")
    talks = [talk["at"].date() for talk in picture["conversations"]]
    last = max((talk for talk in talks if talk <= frame.today), default=None)
    drivers = sorted(
        (s for s in (risk.signs if risk else ()) if s.state == "seen"), key=lambda s: -s.adds
    )
    lines = Lines(frame.root, account.slug)
    prefix = f"accounts/{account.slug}/"
    return {
        "slug": account.slug,
        "name": profile.title,
        "owner": owner,
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
                    "source": lines.cite(s.source).removeprefix(prefix),
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


def _reasons(health: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The factors with their inputs, what costs most points first within each."""
    found = []
    for factor in health["factors"]:
        inputs = sorted(
            factor["inputs"],
            key=lambda one: (
                one["points"] is None,
                -(one["weight_effective"] * (100 - (one["normalised"] or 0))),
            ),
        )
        found.append(factor | {"inputs": inputs})
    return found


def _health_chart(scores: Sequence[tuple[int, float | None]], frame: Frame) -> Any:
    known = [(dt.date.fromordinal(place), value) for place, value in scores]
    values = [(day_, value) for day_, value in known if value is not None]
    if len(values) < 2:
        return ""
    marks = sorted({0.0, 100.0, *frame.weights.health.status.bands.values()})
    label = (
        f"Health score from {score(values[0][1])} on {values[0][0]} to {score(values[-1][1])} on "
        f"{values[-1][0]}; lowest {score(min(v for _, v in values))}, highest {score(max(v for _, v in values))}"
    )
    return charts.line(
        label, {"Health": known}, low=0, high=100, marks=marks, height=180, width=560
    )


def _usage(usage: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Charts of what was measured often enough, and the latest value of all else."""
    order = [*(name for name in _FIRST if name in usage), *(n for n in usage if n not in _FIRST)]
    drawn: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for name in order:
        rows, title = usage[name], words(name.removeprefix("usage."))
        latest = rows[-1]
        if len(rows) < 3 or len(drawn) == CHARTS:
            others.append(
                {"title": title, "value": charts.short(latest["value"]), "day": latest["day"]}
            )
            continue
        values = [row["value"] for row in rows]
        label = (
            f"{title}: {charts.short(values[0])} on {rows[0]['day']}, {charts.short(values[-1])} on "
            f"{latest['day']}; between {charts.short(min(values))} and {charts.short(max(values))}"
        )
        chart = charts.line(label, {title: [(row["day"], row["value"]) for row in rows]})
        change = values[-1] - values[0]
        drawn.append(
            {
                "title": title,
                "value": charts.short(values[-1]),
                "day": latest["day"],
                "chart": chart,
                "change": f"{signed(change)} since {rows[0]['day']}",
            }
        )
    return {"charts": drawn, "others": others}


def _talk(talk: Mapping[str, Any], people: Mapping[str, Any]) -> dict[str, Any]:
    names = {person["id"]: person["name"] for person in people["people"]}
    where = f"{talk['path']}:{talk['line']}" if talk["line"] else str(talk["path"])
    return {
        "at": talk["at"],
        "type": str(talk.get("type") or ""),
        "direction": {"in": "from them", "out": "from us"}.get(str(talk.get("direction")), ""),
        "subject": str(
            talk.get("subject") or talk.get("outcome") or talk.get("text") or "no subject"
        ),
        "with": [names.get(str(id), str(id)) for id in talk.get("with") or ()],
        "score": talk.get("score"),
        "where": where,
    }
