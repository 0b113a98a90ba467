"""The part ``metrics`` of ``weights.yaml``: currencies, windows and limits of the revenue and customer metrics."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.weights_file import WEIGHTS
from crmctl.model.lifecycle import ALL_STEPS
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict
from crmctl.workspace.templates import shipped

Days = Annotated[int, Field(ge=1, le=3650)]
Rate = Annotated[float, Field(gt=0)]


class Annual(Strict):
    """Which accounts pay by the year: those whose ``field`` has one of the ``values``."""

    field: Annotated[str, Field(min_length=1)]
    values: list[str]


class Spike(Strict):
    """When a month is an outlier: against the mean of the two months before, and undone in the next."""

    times: Annotated[float, Field(gt=1)]
    rise: Annotated[float, Field(ge=0)]
    falls: Annotated[float, Field(gt=0, le=1)]


class MetricWeights(Strict):
    """How `crmctl metrics` reads and counts. ``rates`` is what one of each currency is worth in ``currency``."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    rates: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], Rate] = Field(default_factory=dict)
    carry_back_days: Annotated[int, Field(ge=0, le=366)]
    ended: list[str]
    lost_steps: list[str]
    window_days: Days
    annual_window_days: Days
    annual: Annual
    delinquent_days: Days
    spike: Spike
    value_days: Annotated[list[Days], Field(min_length=1)]
    small_group: Annotated[int, Field(ge=1)]
    small_survey: Annotated[int, Field(ge=1)]
    cohort_months: Annotated[int, Field(ge=1, le=120)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.rates and self.currency is None:
            raise ValueError("rates need `currency`: what they turn amounts into")
        if self.currency is not None and self.rates.get(self.currency, 1) != 1:
            raise ValueError(f"one {self.currency} is worth 1 in {self.currency}")
        unknown = [step for step in self.lost_steps if step not in ALL_STEPS]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no step; allowed: {', '.join(ALL_STEPS)}")
        return self

    def rate(self, currency: str) -> Decimal | None:
        """What one ``currency`` is worth in the common one; None where nobody states it."""
        if not self.rates:
            return None
        stated = 1 if currency == self.currency else self.rates.get(currency)
        return None if stated is None else Decimal(repr(stated))


class _Shipped(Strict, extra="ignore"):
    metrics: MetricWeights


def metric_weights(stated: MetricWeights | None) -> MetricWeights:
    """The workspace's own, else those that crmctl ships: a ``weights.yaml`` of before has none."""
    if stated is not None:
        return stated
    return parse_model(shipped(WEIGHTS) or b"", WEIGHTS, _Shipped).metrics
