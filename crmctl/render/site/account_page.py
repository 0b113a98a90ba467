"""One account: its page, and the row that the pages of all accounts make of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.insights import insights, plain
from crmctl.insight.insights_draft import GROUPS
from crmctl.render.account import Seen
from crmctl.render.book_row import Row, tell
from crmctl.render.map_svg import drawing
from crmctl.render.site import charts
from crmctl.render.site.environment import score, signed, words

if TYPE_CHECKING:
    from crmctl.insight.citing import Lines
    from crmctl.insight.said import Said
    from crmctl.model.record import Account
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.measures import Measure

TALKS = 60  # conversations on a page; the rest is only counted
CHARTS = 4  # of usage, the rest as a line of text
# What comes first among the measures of usage, as far as there is any.
_FIRST = ("usage.active_users", "usage.weekly_active", "usage.sessions", "usage.features_used")
_TOLD = ("risks", "chances", "promises", "changed", "questions")


def account_page(
    account: Account,
    rows: Sequence[Measure],
    frame: Frame,
    lines: Lines,
    said: Said | None = None,
) -> tuple[Row, dict[str, Any]]:
    """The account's row as plain JSON, and what the template ``account.html`` is given.

    ``rows`` are all its measures, oldest first; ``said`` is what its texts say, where that is remembered.
    """
    seen = Seen(account, rows, frame.weights, frame.rules, lines, said)
    made = tell(seen, frame)
    picture, view, people = made.picture, made.view, made.people
    # With the answers to surveys, the page of metrics need not read the accounts again.
    row = made.row | {"answers": [list(each) for each in seen.evidence(frame.today).answers]}
    scores, risk = made.scores, made.risk
    told = insights(account, picture, rows, frame.weights)
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
