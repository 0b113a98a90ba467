"""The part ``insights`` of ``weights.yaml``: what is told first, how far back, and what counts as the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from crmctl.insight.weights_file import WEIGHTS
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict
from crmctl.workspace.templates import shipped

KINDS = (
    "gate", "risk", "behind", "competitor", "overdue", "due_soon", "promise", "chance", "changed", "deal", "fact",
    "question", "advice", "standing", "background",
)  # fmt: skip


class InsightWeights(Strict):
    """How the sentences of `crmctl insights` are ranked. Points are relative to each other."""

    points: dict[str, Annotated[float, Field(ge=0)]]
    since_days: Annotated[int, Field(ge=1)]
    longest_days: Annotated[int, Field(ge=1)]
    least_change: Annotated[float, Field(gt=0)]
    half_life_days: Annotated[float, Field(gt=0)]
    renewal_days: Annotated[int, Field(ge=1)]
    renewal: Annotated[float, Field(ge=0)]
    deal: Annotated[float, Field(ge=0)]
    next_days: Annotated[int, Field(ge=0)]
    on_schedule: Annotated[float, Field(gt=0)]
    same_words: Annotated[float, Field(gt=0, le=100)]
    same_day_words: Annotated[float, Field(gt=0, le=100)]
    ask_below: Annotated[int, Field(ge=0, le=3)]
    ask_most: Annotated[int, Field(ge=0)]

    @field_validator("points")
    @classmethod
    def _all_kinds(cls, value: dict[str, float]) -> dict[str, float]:
        odd = sorted(set(value) ^ set(KINDS))
        if odd:
            raise ValueError(f"must have exactly {', '.join(KINDS)}; differs in {', '.join(odd)}")
        return value


class _Shipped(Strict, extra="ignore"):
    insights: InsightWeights


def insight_weights(stated: InsightWeights | None) -> InsightWeights:
    """The workspace's own, else those that crmctl ships: a ``weights.yaml`` of before has none."""
    if stated is not None:
        return stated
    return parse_model(shipped(WEIGHTS) or b"", WEIGHTS, _Shipped).insights
