"""Insights on a terminal, as rows, and as JSON; and the context of an account for one kind of reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.context import Pack, aged, pack
from crmctl.insight.insights_draft import GROUPS
from crmctl.model.text import one_line
from crmctl.privacy.pseudonyms import for_model

if TYPE_CHECKING:
    from crmctl.insight.insights_read import Read
    from crmctl.privacy.pseudonyms import Pseudonyms
    from crmctl.workspace.workspace import Workspace

COLUMNS = ("id", "group", "age", "text", "advice", "points", "sources")
MODEL, INTERNAL = "model", "internal"
AUDIENCES = (MODEL, INTERNAL)


def grouped(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Insights in the order of their groups, within a group as they come."""
    order = list(GROUPS)
    return sorted(items, key=lambda item: order.index(item["group"]))


def rows(items: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One row of text cells an insight."""
    return [
        {
            "id": item["id"],
            "group": item["group"],
            "age": "" if item["age"] is None else str(item["age"]),
            "text": item["text"],
            "advice": item["advice"],
            "points": f"{item['points']:.1f}" if item["points"] else "",
            "sources": ", ".join(cite["source"] for cite in item["citations"]),
        }
        for item in grouped(items)
    ]


def sections(items: Iterable[Mapping[str, Any]], home: str) -> dict[str, list[tuple[str, ...]]]:
    """Headings with (id, sentence) beneath, places below ``home`` without it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for item in grouped(items):
        points = f"{item['points'] or 0:.0f}"
        points = "" if points == "0" else f" ({points} points of health at stake)"
        advice = (f" → {item['advice']}" if item["advice"] else "") + points
        places = ", ".join(cite["source"].removeprefix(home) for cite in item["citations"])
        age = f", {aged(item['age'])}" if item["age"] is not None else ""
        line = one_line(f"{item['text']}{advice}  [{places}{age}]", 1500)
        found.setdefault(GROUPS[item["group"]], []).append((item["id"], line))
    return found


def document(
    ws: Workspace, read: Read, items: Sequence[Mapping[str, Any]], model: str = ""
) -> dict[str, Any]:
    """The JSON of a call: who wrote the sentences (``rules``, or a model's name), and the sentences."""
    return {
        "account": read.account.slug,
        "name": read.account.profile.title,
        "as_of": ws.today,
        "by": model or "rules",
        "insights": list(items),
    }


def pseudonyms(ws: Workspace, read: Read) -> Pseudonyms:
    """The pseudonyms under which a language model may read of an account."""
    return for_model(read.account, ws.today, ws.config.our_domains)


def context(ws: Workspace, read: Read, most: int, names: Pseudonyms | None) -> Pack:
    """The pack of an account, under pseudonyms if there are any."""
    home = f"accounts/{read.account.slug}/"
    shown = str if names is None else names.text
    return pack(read.account.profile.title, home, ws.today, read.items, most, shown)
