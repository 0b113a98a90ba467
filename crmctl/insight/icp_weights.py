"""The part ``icp:`` of ``weights.yaml``: criteria of the ideal customer, what rules one out, and tiers."""

from __future__ import annotations

from math import fsum
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import Direction, curve_problem
from crmctl.insight.scales import Curve, Scale, Score, Share, Weight, account_field
from crmctl.workspace.source_settings import Strict


class Criterion(Strict):
    """One criterion of the ideal customer: an account field, and points by curve or by value.

    ``values`` compares text without regard to case; a list counts with its best item.
    """

    field: str
    weight: Weight
    better: Direction | None = None
    curve: Curve | None = None
    values: dict[str, Score] | None = None
    otherwise: Score | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        account_field(self.field)
        if (self.curve is None) == (self.values is None):
            raise ValueError("needs either a curve or values")
        if self.curve is None:
            if self.otherwise is None:
                raise ValueError("values need `otherwise`: the points of any other value")
            return self
        if self.better is None:
            raise ValueError("a curve needs `better`: higher, lower or middle")
        problem = curve_problem(self.curve, self.better)
        if problem:
            raise ValueError(problem)
        return self


class Disqualifier(Strict):
    """A value that rules an account out, whatever else fits."""

    field: str
    values: Annotated[list[str], Field(min_length=1)]
    reason: str

    @model_validator(mode="after")
    def _sound(self) -> Self:
        account_field(self.field)
        return self


class IcpWeights(Strict):
    """The numbers of the fit with the ideal customer."""

    coverage_floor: Share
    tiers: Scale
    criteria: Annotated[dict[str, Criterion], Field(min_length=1)]
    disqualifiers: list[Disqualifier]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not fsum(c.weight for c in self.criteria.values()):
            raise ValueError("all criteria weigh nothing")
        return self
