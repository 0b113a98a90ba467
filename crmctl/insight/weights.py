"""``weights.yaml``: every number that a score, a tier or a signal depends on. The code holds none of its own."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.churn_weights import ChurnWeights, check_signs, lint_churn
from crmctl.insight.curves import NOISE
from crmctl.insight.health_weights import INPUTS, HealthWeights, lint_gates
from crmctl.insight.icp_weights import IcpWeights
from crmctl.insight.qualification_weights import QualificationWeights
from crmctl.insight.scales import Days, Score
from crmctl.insight.weights_file import WEIGHTS, read_bytes
from crmctl.model.errors import Problem
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict


class SignalWeights(Strict):
    """From where on a fact is a risk or a chance."""

    renewal_days: Annotated[int, Field(ge=1)]
    renewal_score_below: Score
    usage_fall: float
    silent_days: Days
    threads_at_least: Annotated[int, Field(ge=1)]
    expansion_growth: float
    expansion_seats: Annotated[float, Field(gt=0)]


class Weights(Strict):
    """The whole of ``weights.yaml``."""

    health: HealthWeights
    icp: IcpWeights
    qualification: QualificationWeights
    signals: SignalWeights
    churn: ChurnWeights | None = None

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if self.churn is not None:
            check_signs(self.churn, INPUTS)
        return self


def load_weights(root: Path) -> Weights:
    """The workspace's weights; `ConfigError` lists everything that is wrong with them."""
    return parse_model(read_bytes(root), WEIGHTS, Weights)


def lint(weights: Weights) -> list[Problem]:
    """What is allowed but probably not meant: weights that do not add up, bands nothing reaches."""
    return [
        Problem(WEIGHTS, 0, field, text, "weights", "warning") for field, text in _lint(weights)
    ]


def _lint(weights: Weights) -> Iterator[tuple[str, str]]:
    health = weights.health
    sums = {
        "health.factors": [f.weight for f in health.factors.values()],
        **{
            f"health.factors.{name}.inputs": [i.weight for i in factor.inputs.values()]
            for name, factor in health.factors.items()
        },
        "icp.criteria": [c.weight for c in weights.icp.criteria.values()],
    }
    for field, parts in sums.items():
        total = fsum(parts)
        if abs(total - 100) > NOISE:
            yield field, f"the weights add up to {total:g}, not 100"
    for field, scale in (("health.status", health.status), ("icp.tiers", weights.icp.tiers)):
        starts = sorted(scale.bands.values())
        if starts[0] > 0:
            yield f"{field}.bands", "no band starts at 0"
        if len(set(starts)) < len(starts):
            yield f"{field}.bands", "two bands start at the same score, so one is never reached"
        if scale.boundary == "exclusive" and starts[-1] == 100:
            yield f"{field}.bands", "no score is above 100, so the highest band is never reached"
    for name in health.factors:
        if not health.factors[name].weight:
            yield f"health.factors.{name}", "weighs nothing"
    yield from lint_gates(health)
    if weights.churn is not None:
        used = {name for factor in health.factors.values() for name in factor.inputs}
        yield from lint_churn(weights.churn, used, set(health.status.bands))
