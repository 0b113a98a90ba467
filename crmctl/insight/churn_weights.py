"""The part ``churn:`` of ``weights.yaml``: what counts as a loss, its signs, and when there is too little history."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import Band
from crmctl.model.lifecycle import ALL_STEPS
from crmctl.model.schema import FIELDS
from crmctl.workspace.source_settings import Strict

EVENTS = ("champion_left", "notice_given", "payment_overdue", "renewal")
"""Signs with a date of their own; all others are states that hold today."""
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[int, Field(ge=1, le=3650)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]
Names = Annotated[list[str], Field(min_length=1)]


class Indicator(Strict):
    """One sign: an input of health, or an event, from where on it is one, and what it does to the hazard."""

    sign: str
    at_most: float | None = None
    at_least: float | None = None
    times: Annotated[float, Field(gt=1, le=10_000)]
    lead_days: Days
    group: str

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("needs either at_most or at_least")
        if self.sign in EVENTS and self.at_least is None and self.sign != "renewal":
            raise ValueError(f"{self.sign} counts days since it happened: use at_least")
        return self

    def shows(self, value: float) -> bool:
        """Whether a value is a sign."""
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is not None and value >= self.at_least


class Lost(Strict):
    """What in the files says that a customer was lost, and when."""

    fields: Names
    deal_words: list[str]
    steps: list[str]

    @model_validator(mode="after")
    def _known(self) -> Self:
        dates = [name for name, field in FIELDS["account"].items() if field.kind == "date"]
        unknown = [name for name in self.fields if name not in dates]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no date; allowed: {', '.join(dates)}")
        unknown = [step for step in self.steps if step not in ALL_STEPS]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no step; allowed: {', '.join(ALL_STEPS)}")
        return self


class Training(Strict):
    """When a model may be trained, and how it is tried."""

    least_events: Number
    least_rows: Number
    every_days: Days
    folds: Annotated[int, Field(ge=2, le=50)]
    shuffles: Annotated[int, Field(ge=1, le=100)]
    test_share: Rate
    penalty: Annotated[float, Field(gt=0)]
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    leak_auc: Annotated[float, Field(gt=0.5, le=1)]
    leak_words: list[str]
    missing_words: list[str]
    most_values: Number


class Backtest(Strict):
    """How past scores are held against what happened."""

    every_days: Days
    least_lost: Number
    red: Names
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]


class ChurnWeights(Strict):
    """The numbers of the churn risk. ``base_rate`` is the share lost in a year where no sign is seen."""

    horizon_days: Days
    base_rate: Rate
    coverage_floor: Share
    bands: Annotated[dict[str, Share], Field(min_length=1)]
    indicators: Annotated[dict[str, Indicator], Field(min_length=1)]
    lost: Lost
    training: Training
    backtest: Backtest

    @property
    def daily_hazard(self) -> float:
        """The chance of a loss a day, which over 365 days makes the base rate."""
        return -log(1 - self.base_rate) / 365

    @property
    def steps(self) -> list[Band]:
        return [Band(name, start) for name, start in self.bands.items()]


def check_signs(churn: ChurnWeights, inputs: frozenset[str]) -> None:
    """ValueError where an indicator names what nobody measures."""
    known = inputs | set(EVENTS)
    for name, indicator in churn.indicators.items():
        if indicator.sign not in known:
            allowed = ", ".join(sorted(known))
            raise ValueError(f"{name}: {indicator.sign} is no sign; allowed: {allowed}")


def lint_churn(
    churn: ChurnWeights, used: set[str], statuses: set[str]
) -> Iterator[tuple[str, str]]:
    """(field, text) of what is probably not meant; ``used`` inputs are measured under these weights."""
    starts = sorted(churn.bands.values())
    if starts[0] > 0:
        yield "churn.bands", "no band starts at 0"
    if len(set(starts)) < len(starts):
        yield "churn.bands", "two bands start at the same risk, so one is never reached"
    for name, indicator in churn.indicators.items():
        if indicator.sign not in used | set(EVENTS):
            yield f"churn.indicators.{name}", f"no factor of health has the input {indicator.sign}"
    for name in sorted(set(churn.backtest.red) - statuses):
        yield "churn.backtest.red", f"{name} is no status of health"
