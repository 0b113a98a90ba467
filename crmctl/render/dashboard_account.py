"""One account on one screen, as a document for programs and as lines for people. Only its own folder is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.insight_weights import insight_weights
from crmctl.insight.insights import insights, plain
from crmctl.insight.insights_changed import changed
from crmctl.insight.insights_draft import Material, sentence
from crmctl.model.numbers import money, odds
from crmctl.render import book, dashboard_json
from crmctl.render.book_row import tell
from crmctl.render.dashboard import (
    NONE,
    STYLES,
    Cell,
    Line,
    Room,
    Section,
    foretold,
    listed,
    moved,
    percent,
    screen,
    spark,
    whole,
    words,
    worth,
)
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.dashboard_json import Flat
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.workspace import Workspace

_HELD = {"nobody": "nobody yet", "known": "no thread", "thread": "thread"}
_OTHERS = 2  # measures of usage beside the main one


def document(ws: Workspace, seen: Seen, frame: Frame, since: dt.date | None) -> dict[str, Any]:
    """All of it. Changes are told since the last committed review, else as far back as `crmctl insights` looks."""
    told = tell(seen, frame)
    row, picture = told.row, told.picture
    start, why = (since, "as asked") if since else _reviewed(ws, seen.account.slug)
    if start is None:
        days = insight_weights(frame.weights.insights).since_days
        start, why = frame.today - dt.timedelta(days), f"the last {days} days"
    used, own = row["usage"], picture["profile"]
    rules = insight_weights(frame.weights.insights)
    found = Material(seen.account, picture, told.series, rules, frame.today, start)
    return {
        "dashboard": "account",
        "account": row["slug"],
        "name": row["name"],
        "day": frame.today,
        **{name: row[name] for name in ("owner", "stage", "step", "segment", "currency")},
        "arr": None if row["arr"] is None else float(row["arr"]),
        "renewal": row["renewal"],
        "next_step": row["next"],
        "notice_given": own.get("notice_given"),
        "health": {
            **{name: row[name] for name in ("score", "status", "coverage", "trend")},
            "history": row["scores"],
            "reasons": _reasons(found),
            "outlook": dashboard_json.outlook(book.score_outlook(row, frame)),
        },
        "people": [
            {"role": one["role"], "state": one["state"], "names": one["names"]}
            for one in told.people["coverage"]
        ],
        "gaps": row["gaps"],
        "deals": [_deal(deal) for deal in picture["opportunities"]],
        "usage": {
            "measure": used["measure"] if used else None,
            "points": used["points"] if used else [],
            "outlook": dashboard_json.outlook(book.usage_outlook(row, frame)),
            "others": [
                {"measure": name, **points[-1]}
                for name, points in sorted(picture["usage"].items())
                if points and name != (used or {}).get("measure")
            ],
        },
        "since": {"day": start, "why": why},
        "changed": _changed(found, seen),
        "risk": row["risk"],
        "mitigation": row["mitigation"],
        "risks": _risks(seen, picture, frame),
        "tasks": [
            {
                "title": str(task.get("title") or task["id"]),
                "due": task.get("due"),
                "owner": task.get("owner"),
                "source": seen.near(task["path"]),
            }
            for task in picture["tasks"]
        ],
        "timeline": [_talk(seen, talk) for talk in picture["conversations"]],
    }


def lines(told: Mapping[str, Any], frame: Frame, limit: int, place: Room) -> Iterator[Line]:
    """The screen; ``limit`` rows of a list, 0 for all."""
    dot, today = f" {place.marks.dot} ", frame.today
    stage = " / ".join(words(told[name]) for name in ("stage", "step") if told[name])
    renewal = f"renews {told['renewal']} ({_in(told['renewal'], today)})" if told["renewal"] else ""
    paid = worth({"arr": told["arr"], "currency": told["currency"]})
    owner = frame.names.get(told["owner"], told["owner"]) or "nobody's"
    head = [
        ("Account", dot.join(filter(None, (stage, owner)))),
        ("Contract", dot.join(filter(None, (f"ARR {paid}", renewal)))),
        *_health(told["health"], place),
    ]
    if told["risk"] is not None and told["risk"]["share"] is not None:
        found = told["risk"]
        plan = told["mitigation"]
        done = "no plan" if plan["state"] == "none" else plan["state"]
        by = f" by {plan['due']}" if plan["due"] else ""
        who = f", {plan['who']}{by}" if plan["who"] or by else ""
        head.append(("Loss risk", f"{odds(found['share'])} {found['band']}{dot}{done}{who}"))
    if told["next_step"]["state"] != "there":
        step = told["next_step"]
        due = f" since {step['due']}" if step["due"] else ""
        head.append(("Next step", f"{step['state']}{due} {step['text']}".rstrip()))
    elif told["next_step"]["text"]:
        step = told["next_step"]
        due = f" by {step['due']}" if step["due"] else ""
        head.append(("Next step", f"{step['text']}{due}"))
    few = min(limit, 3)
    since = told["since"]
    parts = [
        listed(
            "Why",
            [[Cell(r["text"]), Cell(r["source"])] for r in told["health"]["reasons"]],
            few,
            "nothing costs points",
        ),
        Section("People by role", [_role(one) for one in told["people"]], "nobody is recorded"),
        listed("Deals", [_deal_cells(deal, today) for deal in told["deals"]], few, "no open deal"),
        Section(
            "Usage",
            list(_usage(told["usage"], place)),
            "nothing is measured",
            [foretold(told["usage"]["outlook"])],
        ),
        listed(
            f"Changed since {since['day']} ({since['why']})",
            [[Cell(one["text"]), Cell(one["source"])] for one in told["changed"]],
            few,
            "nothing",
        ),
        listed(
            "Risks", [[Cell(r["text"]), Cell(r["source"])] for r in told["risks"]], few, "none seen"
        ),
        listed("Tasks", [_task(task, today) for task in told["tasks"]], few, "none open"),
        listed(
            "Timeline", [_talk_cells(t) for t in told["timeline"]], limit, "no conversation yet"
        ),
    ]
    yield from screen(f"{told['name']} on {today}", head, parts, place)


def rows(told: Mapping[str, Any]) -> Iterator[Flat]:
    """The document, row by row."""
    base: Flat = {"account": told["account"], "currency": None}

    def row(section: str, **values: Any) -> Flat:
        return {"section": section, **base, **values}

    health, used = told["health"], told["usage"]
    for name in ("stage", "step", "owner", "renewal"):
        yield row("account", what=f"{name}: {told[name] or ''}")
    yield row("arr", currency=told["currency"], value=told["arr"])
    yield row("health", value=health["score"], what=health["status"])
    for day, value in health["history"]:
        yield row("history", when=day, value=value)
    for one in dashboard_json.outlook_rows("health", health["outlook"]):
        yield {**base, **one}
    for one in health["reasons"]:
        yield row("reason", value=one["points"], what=one["text"], source=one["source"])
    for one in told["people"]:
        yield row("people", what=f"{one['role']}: {', '.join(one['names']) or one['state']}")
    for one in told["deals"]:
        what = f"{one['name']}: {one['stage']}"
        money_of = {"value": one["amount"], "currency": one["currency"]}
        yield row("deal", when=one["close"], what=what, source=one["source"], **money_of)
    for day, value in used["points"]:
        yield row("usage", when=day, value=value, what=used["measure"])
    for one in dashboard_json.outlook_rows("usage", used["outlook"]):
        yield {**base, **one}
    for name in ("changed", "risks"):
        for one in told[name]:
            yield row(name, what=one["text"], source=one["source"])
    for one in told["tasks"]:
        yield row("task", when=one["due"], what=one["title"], source=one["source"])
    for one in told["timeline"]:
        what = f"{one['type']}: {one['subject']}"
        yield row("timeline", when=one["at"], what=what, source=one["source"])


def _reviewed(ws: Workspace, slug: str) -> tuple[dt.date | None, str]:
    """The day on which the latest review was committed."""
    folder = f"{paths.ACCOUNTS}/{slug}/reviews"
    line = ("--max-count=1", "--format=%cI", "--end-of-options", "HEAD", "--", folder)
    code, out, _ = ws.git.attempt("log", *line)
    if code or not out.strip():
        return None, ""
    return dt.datetime.fromisoformat(out.decode().strip()).astimezone(
        dt.UTC
    ).date(), "the last review"


def _changed(found: Material, seen: Seen) -> list[dict[str, Any]]:
    """What changed since the material's day, the latest first."""
    told = []
    for draft in changed(found):
        source = draft.cites[0].source if draft.cites else ""
        told.append({"text": sentence(draft.text), "source": _near(seen, source), "day": draft.day})
    told.sort(key=lambda one: one["day"] or dt.date.min, reverse=True)
    return told


def _near(seen: Seen, source: str) -> str:
    return _short(seen.near(seen.lines.cite(source)))


def _short(source: str) -> str:
    """A source without the folder of all accounts in front: measures lie beside the account."""
    return source.removeprefix(f"{paths.ACCOUNTS}/")


def _risks(seen: Seen, picture: Mapping[str, Any], frame: Frame) -> list[dict[str, Any]]:
    """What `crmctl insights` says of risks, the weightiest first."""
    found = insights(seen.account, picture, seen.measures, frame.weights)
    told = [plain(one) for one in found if one.group == "risks"]
    return [
        {
            "text": one["text"],
            "source": _near(seen, one["citations"][0]["source"]) if one["citations"] else "",
        }
        for one in told
    ]


def _reasons(found: Material) -> list[dict[str, Any]]:
    """Gates that are shut, then what costs most points; why there is no score."""
    health = found.seen["health"]
    told = [{"text": health["reason"], "source": "", "points": None}] if health["reason"] else []
    told += [
        {"text": g["reason"], "source": _short(g["source"]), "points": None}
        for g in health["gates"]
    ]
    told += [
        {"text": tip["reason"], "source": _short(tip["source"]), "points": tip["points"]}
        for tip in health["recommendations"]
    ]
    # One fact may shut a gate and cost points too.
    once = {one["text"]: one for one in reversed(told)}
    return [one | {"text": found.spelled(one["text"])} for one in reversed(once.values())]


def _health(health: Mapping[str, Any], place: Room) -> Iterator[tuple[str, str]]:
    dot = f" {place.marks.dot} "
    if health["score"] is None:
        yield "Health", "no score"
    else:
        sure = f"{percent(health['coverage'])} of it known"
        values = [value for _, value in health["history"]]
        gone = ""
        if health["trend"]:
            direction, points, days = health["trend"]
            gone = f"{direction} {points:+.0f} in {days} d"
        score = f"{whole(health['score'])} {words(health['status'])}"
        yield (
            "Health",
            dot.join(
                filter(None, (score, sure, gone, spark(values, place.marks, place.width // 4)))
            ),
        )
    yield "Forecast", foretold(health["outlook"])


def _usage(used: Mapping[str, Any], place: Room) -> Iterator[Sequence[Cell]]:
    points = used["points"]
    if points:
        values = [value for _, value in points]
        change = values[-1] - values[0]
        yield [
            Cell(words(used["measure"].removeprefix("usage."))),
            Cell(f"{values[-1]:g}", right=True),
            Cell(spark(values, place.marks, place.width // 4)),
            moved(change, place.marks) if change else Cell(""),
            Cell(""),
        ]
    for one in used["others"][:_OTHERS]:
        name = words(one["measure"].removeprefix("usage."))
        blank = Cell("")
        yield [
            Cell(name),
            Cell(f"{one['value']:g}", right=True),
            blank,
            blank,
            Cell(f"on {one['day']}"),
        ]


def _role(one: Mapping[str, Any]) -> list[Cell]:
    state = _HELD.get(one["state"], one["state"])
    tone = {"nobody": STYLES["bad"], "known": STYLES["warn"], "thread": STYLES["good"]}
    names = ", ".join(one["names"])
    return [Cell(words(one["role"])), Cell(state, tone.get(one["state"], "")), Cell(names)]


def _deal(deal: Mapping[str, Any]) -> dict[str, Any]:
    amount = deal.get("amount")
    return {
        "name": str(deal.get("name") or deal["id"]),
        "stage": deal.get("stage"),
        "amount": None if amount is None else float(amount),
        "currency": deal.get("currency"),
        "close": deal.get("close"),
        "next_step": deal.get("next_step"),
        "warnings": deal["warnings"],
        "source": str(deal["path"]),
    }


def _deal_cells(deal: Mapping[str, Any], today: dt.date) -> list[Cell]:
    close = deal["close"]
    late = close is not None and close < today
    amount = (
        NONE if deal["amount"] is None else money(round(deal["amount"]), deal["currency"] or "")
    )
    return [
        Cell(deal["name"]),
        Cell(words(deal["stage"])),
        Cell(amount, right=True),
        Cell(f"{close}{' late' if late else ''}" if close else "no date", "yellow" if late else ""),
        Cell("; ".join(deal["warnings"][:2])),
    ]


def _task(task: Mapping[str, Any], today: dt.date) -> list[Cell]:
    due = task["due"]
    late = due is not None and due < today
    return [
        Cell(f"{due}{' late' if late else ''}" if due else "no date", "yellow" if late else ""),
        Cell(str(task["owner"] or "nobody")),
        Cell(task["title"]),
    ]


def _talk(seen: Seen, talk: Mapping[str, Any]) -> dict[str, Any]:
    where = f"{talk['path']}:{talk['line']}" if talk["line"] else str(talk["path"])
    return {
        "at": talk["at"],
        "type": str(talk.get("type") or ""),
        "subject": str(
            talk.get("subject") or talk.get("outcome") or talk.get("text") or "no subject"
        ),
        "source": seen.near(where),
    }


def _talk_cells(talk: Mapping[str, Any]) -> list[Cell]:
    return [Cell(f"{talk['at']:%Y-%m-%d}"), Cell(talk["type"]), Cell(talk["subject"])]


def _in(day: str, today: dt.date) -> str:
    days = (dt.date.fromisoformat(day) - today).days
    return f"in {days} d" if days >= 0 else f"{-days} d ago"
