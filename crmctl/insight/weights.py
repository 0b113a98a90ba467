"""``weights.yaml``: every number that a score, a tier or a signal depends on. The code holds none of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.churn_weights import ChurnWeights, check_signs, lint_churn
from crmctl.insight.forecast_weights import ForecastWeights
from crmctl.insight.health_lint import lint_health
from crmctl.insight.health_weights import INPUTS, HealthWeights
from crmctl.insight.icp_weights import IcpWeights, lint_icp
from crmctl.insight.insight_weights import InsightWeights
from crmctl.insight.metrics_weights import MetricWeights
from crmctl.insight.qualification_weights import QualificationWeights, lint_qualification
from crmctl.insight.relationship_weights import RelationshipWeights, lint_relationships
from crmctl.insight.rhythm import RhythmWeights
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
    insights: InsightWeights | None = None
    relationships: RelationshipWeights | None = None
    rhythm: RhythmWeights | None = None
    metrics: MetricWeights | None = None
    forecast: ForecastWeights | None = None

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if self.churn is not None:
            check_signs(self.churn, INPUTS)
        return self


def load_weights(root: Path) -> Weights:
    """The workspace's weights; `ConfigError` lists everything that is wrong with them."""
    return _parsed(read_bytes(root))


@lru_cache(maxsize=4)
def _parsed(raw: bytes) -> Weights:
    return parse_model(raw, WEIGHTS, Weights)


def lint(weights: Weights) -> list[Problem]:
    """What is allowed but probably not meant: weights that do not add up, bands nothing reaches."""
    return [
        Problem(WEIGHTS, 0, field, text, "weights", "warning") for field, text in _lint(weights)
    ]


def _lint(weights: Weights) -> Iterator[tuple[str, str]]:
    health = weights.health
    yield from lint_health(health)
    yield from lint_icp(weights.icp)
    yield from lint_qualification(weights.qualification)
    if weights.churn is not None:
        used = {name for factor in health.factors.values() for name in factor.inputs}
        yield from lint_churn(weights.churn, used, set(health.status.bands))
    if weights.relationships is not None:
        yield from lint_relationships(weights.relationships)
