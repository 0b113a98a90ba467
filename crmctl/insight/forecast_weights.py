"""The part ``forecast`` of ``weights.yaml``: how a history is carried on, and what it takes to do so."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crmctl.insight.weights_file import WEIGHTS
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict
from crmctl.workspace.templates import shipped

Open = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=1000)]


class ForecastWeights(Strict):
    """The numbers of `crmctl.insight.forecast`. ``periods`` are in steps of ``step_days``, longest last."""

    step_days: Annotated[int, Field(ge=1, le=92)]
    least_points: Annotated[int, Field(ge=3, le=1000)]
    least_span_days: Annotated[int, Field(ge=1, le=3650)]
    gap_days: Annotated[int, Field(ge=1, le=3650)]
    warm_up: Count
    least_errors: Count
    ahead: Count
    ahead_share: Open
    interval: Open
    level: Annotated[float, Field(gt=0, le=1)]
    slope: Annotated[float, Field(ge=0, lt=1)]
    damping: Open
    periods: list[Annotated[int, Field(ge=2, le=520)]]
    seasonal_ratio: Open
    moved_ratio: Annotated[float, Field(gt=0, le=10)]
    members_changed: Open


class _Shipped(Strict, extra="ignore"):
    forecast: ForecastWeights


def forecast_weights(stated: ForecastWeights | None) -> ForecastWeights:
    """The workspace's own, else those that crmctl ships: a ``weights.yaml`` of before has none."""
    if stated is not None:
        return stated
    return parse_model(shipped(WEIGHTS) or b"", WEIGHTS, _Shipped).forecast
