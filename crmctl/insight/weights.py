"""``weights.yaml``: every number that a score, a tier or a signal depends on. The code holds none of its own."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from crmctl.insight.churn_weights import ChurnWeights, check_signs, lint_churn
from crmctl.insight.curves import NOISE, Band, Boundary, Direction, curve_problem
from crmctl.insight.evidence import KEPT_DAYS
from crmctl.insight.weights_file import WEIGHTS, read_bytes
from crmctl.model.errors import Problem
from crmctl.model.schema import FIELDS, ROLES
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict

INPUTS = frozenset(
    """active_share usage_growth breadth usage_age
    open_tickets ticket_rate severe_share days_to_close reopened_share
    active_contacts roles_covered champion days_since_contact balance sentiment
    goal_pace survey_mean days_to_value renewal_outlook""".split()
)

Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=KEPT_DAYS)]


def _pairs(value: object) -> object:
    """YAML knows lists only."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


Curve = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_pairs)]


class Scale(Strict):
    """Named bands and whether a score that equals a band's start belongs to it."""

    boundary: Boundary
    bands: Annotated[dict[str, Score], Field(min_length=1)]

    @property
    def steps(self) -> list[Band]:
        return [Band(name, start) for name, start in self.bands.items()]


class Input(Strict):
    """One measured input: its weight among its siblings, and how its values become points."""

    weight: Weight
    better: Direction
    curve: Curve
    max_age_days: Days | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problem = curve_problem(self.curve, self.better)
        if problem:
            raise ValueError(problem)
        return self


class Factor(Strict):
    """One factor of health."""

    weight: Weight
    inputs: Annotated[dict[str, Input], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(self.inputs.keys() - INPUTS)
        if unknown:
            known = ", ".join(sorted(INPUTS))
            raise ValueError(f"{', '.join(unknown)} is no input; allowed: {known}")
        if not fsum(i.weight for i in self.inputs.values()):
            raise ValueError("all inputs weigh nothing")
        return self


class Measuring(Strict):
    """How inputs are measured: windows in days, and what words and roles count."""

    usage_measures: Annotated[list[str], Field(min_length=1)]
    trend_days: Days
    support_days: Days
    conversation_days: Days
    survey_days: Days
    renewal_days: Days
    falling_usage: float
    high_priorities: list[str]
    closed_words: list[str]
    renewal_words: list[str]
    buying_roles: Annotated[list[str], Field(min_length=1)]
    champion_silent_days: Days
    balance_messages: Annotated[int, Field(ge=1)]
    goal_earliest: Share

    @model_validator(mode="after")
    def _roles(self) -> Self:
        unknown = [role for role in self.buying_roles if role not in ROLES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no role; allowed: {', '.join(ROLES)}")
        return self


class Cap(Strict):
    """A gate: what it lets through at most."""

    cap: Score


class LateCap(Cap):
    """A gate that closes only after some days."""

    after_days: Annotated[int, Field(ge=0)]


class Gates(Strict):
    """What overrules the average."""

    champion_left: Cap
    notice_given: Cap
    payment_overdue: LateCap


class Advice(Strict):
    """Which recommendations are worth a line."""

    at_least_points: Score
    at_most: Annotated[int, Field(ge=0)]


class HealthWeights(Strict):
    """The numbers of the health score."""

    coverage_floor: Share
    rewrite_step: Annotated[float, Field(gt=0, le=100)]
    status: Scale
    factors: Annotated[dict[str, Factor], Field(min_length=1)]
    measuring: Measuring
    gates: Gates
    recommendations: Advice

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [name for factor in self.factors.values() for name in factor.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands in two factors")
        if not fsum(f.weight for f in self.factors.values()):
            raise ValueError("all factors weigh nothing")
        return self


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
        _known_field(self.field)
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
        _known_field(self.field)
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


class QualificationWeights(Strict):
    """How a deal's qualification is judged; levels run from 0 to 3."""

    components: Annotated[list[str], Field(min_length=1)]
    without_evidence: Annotated[int, Field(ge=0, le=3)]
    verdict: dict[str, Annotated[int, Field(ge=0)]]


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


def _known_field(name: str) -> None:
    if name not in FIELDS["account"]:
        raise ValueError(f"{name} is no field of an account")


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
    yield from _lint_gates(health)
    if weights.churn is not None:
        used = {name for factor in health.factors.values() for name in factor.inputs}
        yield from lint_churn(weights.churn, used, set(health.status.bands))


def _lint_gates(health: HealthWeights) -> Iterator[tuple[str, str]]:
    top = max(health.status.bands.values())
    gates = health.gates
    for name, gate in (
        ("champion_left", gates.champion_left),
        ("notice_given", gates.notice_given),
        ("payment_overdue", gates.payment_overdue),
    ):
        if gate.cap >= top:
            yield f"health.gates.{name}", "its cap lies in the best band, so it changes no status"
