"""The part ``health:`` of ``weights.yaml``: factors, inputs and their curves, measuring, gates."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import Direction, curve_problem
from crmctl.insight.scales import Curve, Days, Scale, Score, Share, Weight
from crmctl.model.schema import ROLES
from crmctl.workspace.source_settings import Strict

INPUTS = frozenset(
    """active_share usage_growth breadth usage_age
    open_tickets ticket_rate severe_share days_to_close reopened_share
    active_contacts roles_covered champion days_since_contact balance sentiment
    goal_pace survey_mean days_to_value renewal_outlook""".split()
)


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


def lint_gates(health: HealthWeights) -> Iterator[tuple[str, str]]:
    """Field and finding for each gate that changes nothing."""
    top = max(health.status.bands.values())
    gates = health.gates
    for name, gate in (
        ("champion_left", gates.champion_left),
        ("notice_given", gates.notice_given),
        ("payment_overdue", gates.payment_overdue),
    ):
        if gate.cap >= top:
            yield f"health.gates.{name}", "its cap lies in the best band, so it changes no status"
