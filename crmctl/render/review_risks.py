"""Risks of a quarter beside those of the quarters before it: carried over since when, and gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.health import GATES
from crmctl.render.quarter import Quarter

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.review_earlier import Earlier


class Past:
    """An account's picture at the end of past quarters, each made once."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._known: dict[Quarter, dict[str, Any]] = {}

    def at(self, quarter: Quarter) -> dict[str, Any]:
        """The picture as the last day of a quarter saw it."""
        if quarter not in self._known:
            self._known[quarter] = self._seen.picture(quarter.end)
        return self._known[quarter]


def carried(
    found: Sequence[dict[str, Any]], past: Past, quarter: Quarter, look_back: int
) -> list[dict[str, Any]]:
    """Risks with ``since``: the first quarter in a row in which each held, empty for one that is new in ``quarter``."""
    since: dict[str, Quarter] = {}
    followed = {_key(risk) for risk in found}
    before = quarter
    for _ in range(look_back):
        before = before.previous
        followed &= {_key(risk) for risk in past.at(before)["risks"]}
        if not followed:
            break
        since |= dict.fromkeys(followed, before)
    told = []
    for risk in found:
        began = min(filter(None, (since.get(_key(risk)), _began(risk))), default=quarter)
        told.append(risk | {"since": began.slug if began < quarter else ""})
    return told


def _began(risk: dict[str, Any]) -> Quarter | None:
    """When a gate says that it began; the health of then may have been so low that it changed nothing."""
    day = risk["as_of"]
    return Quarter.of(day) if risk["name"] in GATES and isinstance(day, dt.date) else None


def gone(found: Sequence[dict[str, Any]], past: Past, quarter: Quarter) -> list[dict[str, Any]]:
    """The risks that held at the end of the quarter before and hold no more."""
    still = {_key(risk) for risk in found}
    return [risk for risk in past.at(quarter.previous)["risks"] if _key(risk) not in still]


def noted(before: Earlier | None) -> Iterator[dict[str, str]]:
    """The risks that people wrote into the review before, as Markdown: ``text`` and ``source``."""
    if before is not None:
        for words, line in before.noted_after("risks"):
            yield {"text": words, "source": before.at(line)}


def _key(risk: dict[str, Any]) -> str:
    """What makes two risks of different days the same: the name, and whom it is about where there may be several."""
    path = str(risk["source"]).partition(":")[0]
    return f"{risk['name']} {path}" if path.startswith("contacts/") else str(risk["name"])


def spelled(rows: Sequence[dict[str, Any]], spell: Callable[[str], str]) -> list[dict[str, Any]]:
    """Risks or chances with people's names instead of their ids."""
    return [row | {"text": spell(row["text"])} for row in rows]
