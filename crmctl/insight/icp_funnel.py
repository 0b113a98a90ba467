"""How many deals went on from each stage of the sales process to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crmctl.insight.metrics_binary import Share, wilson

WON = "won"


class Conversion(NamedTuple):
    """Of the deals that reached ``stage`` and have left it, those that reached ``to``.

    ``waiting`` are the open deals that stand in the stage: they have not decided yet and do not count.
    """

    stage: str
    to: str
    went_on: Share
    waiting: int


class Funnel(NamedTuple):
    """The stages in order; ``overall`` are the won of all decided deals that count here.

    ``unplaced`` are deals of which no file says how far they came.
    """

    conversions: tuple[Conversion, ...]
    overall: Share
    unplaced: int


def funnel(deals: Iterable[Mapping[str, Any]], stages: Sequence[str]) -> Funnel:
    """The conversions of deals as the index has them: ``stage``, ``status``, ``stage_history``.

    A deal that skipped a stage has reached it; a won one has reached all.
    """
    order = {stage.casefold(): place for place, stage in enumerate(stages)}
    reached, waiting = [0] * (len(stages) + 1), [0] * len(stages)
    decided = unplaced = 0
    for deal in deals:
        status = deal.get("status") or "open"
        passed = [deal.get("stage"), *(row.get("stage") for row in deal.get("stage_history") or ())]
        places = [order[s] for name in passed if (s := str(name or "").casefold()) in order]
        if status != WON and not places:
            unplaced += 1
            continue
        furthest = len(stages) if status == WON else max(places)
        for place in range(furthest + 1):
            reached[place] += 1
        if status == "open":
            waiting[furthest] += 1
        else:
            decided += 1
    names = [*stages, WON]
    conversions = tuple(
        Conversion(
            stage,
            names[place + 1],
            wilson(reached[place + 1], reached[place] - waiting[place]),
            waiting[place],
        )
        for place, stage in enumerate(stages)
    )
    return Funnel(conversions, wilson(reached[-1], decided), unplaced)
