"""The part ``health:`` of ``weights.yaml``: factors, inputs and their curves, measuring, gates, scorecards, trend."""

from __future__ import annotations

from math import fsum
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from crmctl.insight.curves import Direction, curve_problem
from crmctl.insight.scales import Curve, Days, Scale, Score, Share, Weight
from crmctl.insight.scorecards import CHANGEABLE, Scorecard, merged
from crmctl.model.schema import ROLES, SENIORITY
from crmctl.workspace.source_settings import Strict

INPUTS = frozenset(
    """active_share usage_growth usage_baseline breadth weekly_share usage_age
    open_tickets ticket_rate ticket_load severe_share hours_to_answer days_to_close reopened_share
    active_contacts roles_covered champion executive days_since_contact balance reply_hours sentiment
    goal_pace survey_mean days_to_value renewal_outlook value_ratio""".split()
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
    baseline_days: Days
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
    executive_levels: Annotated[list[str], Field(min_length=1)]
    balance_messages: Annotated[int, Field(ge=1)]
    reply_messages: Annotated[int, Field(ge=1)]
    goal_earliest: Share

    @model_validator(mode="after")
    def _roles(self) -> Self:
        unknown = [role for role in self.buying_roles if role not in ROLES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no role; allowed: {', '.join(ROLES)}")
        levels = [level for level in self.executive_levels if level not in SENIORITY]
        if levels:
            raise ValueError(f"{', '.join(levels)} is no level; allowed: {', '.join(SENIORITY)}")
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


class Trust(Strict):
    """What a word of confidence takes: at least so much coverage, at most so wide a range."""

    coverage: Share
    range: Score


class Confidence(Strict):
    """How sure a score is; what reaches neither is of low confidence."""

    high: Trust
    medium: Trust


class TrendWeights(Strict):
    """When a score is said to rise or fall. Points are whole points, as they are written down."""

    window_days: Days
    noise: Score
    move: Score
    sharp: Annotated[float, Field(gt=0, le=100)]
    sharp_days: Days
    confidence: Confidence

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.move < self.noise:
            raise ValueError("a move cannot be less than the noise")
        return self


class HealthWeights(Strict):
    """The numbers of the health score.

    ``card`` is the scorecard by which they differ from the base, empty for the base itself; ``no_score`` says why
    those whom the card means have no score.
    """

    coverage_floor: Share
    rewrite_step: Annotated[float, Field(gt=0, le=100)]
    status: Scale
    factors: Annotated[dict[str, Factor], Field(min_length=1)]
    measuring: Measuring
    gates: Gates
    recommendations: Advice
    scorecards: dict[str, Scorecard] = Field(default_factory=dict)
    trend: TrendWeights | None = None
    # `check` names the inputs that no customer has from so many of them on; None: never.
    unfilled_from: Annotated[int, Field(ge=1)] | None = None

    _card: str = PrivateAttr("")
    _no_score: str = PrivateAttr("")
    # What each card changes, merged into the base.
    _merged: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @property
    def card(self) -> str:
        return self._card

    @property
    def no_score(self) -> str:
        return self._no_score

    def by_card(self, name: str) -> HealthWeights:
        """The numbers of one scorecard; the base for no name."""
        if not name:
            return self
        found = self.model_copy(update=self._merged[name])
        found._card = name  # noqa: SLF001
        found._no_score = self.scorecards[name].no_score or ""  # noqa: SLF001
        return found

    @model_validator(mode="after")
    def _cards(self) -> Self:
        plain = self.model_dump(exclude={"scorecards"})
        for name, card in self.scorecards.items():
            try:
                whole = type(self).model_validate(merged(plain, card.patch))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(("scorecards", name, *map(str, first["loc"])))
                text = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"{where}: {text}") from None
            self._merged[name] = {n: getattr(whole, n) for n in CHANGEABLE if n in card.patch}
        return self

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [name for factor in self.factors.values() for name in factor.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands in two factors")
        if not fsum(f.weight for f in self.factors.values()):
            raise ValueError("all factors weigh nothing")
        return self
