"""The part ``relationships:`` of ``weights.yaml``: strength, power and support of a contact, silence, and routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import fsum
from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import NOISE, Band, curve_problem
from crmctl.insight.evidence import TALK
from crmctl.insight.scales import Curve, Days, Score, Share, Weight
from crmctl.model.schema import ROLES, SENIORITY, SENTIMENT
from crmctl.workspace.source_settings import Strict

Signed = Annotated[float, Field(ge=-100, le=100)]
Number = Annotated[int, Field(ge=1, le=1000)]
PARTS = ("recency", "frequency", "two_way", "depth", "seniority")
LEVELS = ("high", "middle", "low")
STANCES = ("for", "open", "against")
TIES = ("reports", "together", "boss", "department")


class Curved(Strict):
    """Points from 0 to 100 by a curve."""

    weight: Weight
    curve: Curve


class Falling(Curved):
    """The less the better."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if problem := curve_problem(self.curve, "lower"):
            raise ValueError(problem)
        return self


class Rising(Curved):
    """The more the better."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if problem := curve_problem(self.curve, "higher"):
            raise ValueError(problem)
        return self


class Frequency(Rising):
    """Days on which they talked with us, each worth half after a half-life."""

    half_life_days: Days


class TwoWay(Rising):
    """Messages of the quieter side for each of the other's; fewer than ``at_least`` say nothing."""

    at_least: Number


class Depth(Strict):
    """The best of their conversations: what its channel is worth, half after a half-life."""

    weight: Weight
    half_life_days: Days
    points: dict[str, Score]

    @model_validator(mode="after")
    def _known(self) -> Self:
        _named(self.points, TALK)
        return self


class BySeniority(Strict):
    """Points for a level."""

    weight: Weight
    points: dict[str, Score]

    @model_validator(mode="after")
    def _known(self) -> Self:
        _named(self.points, SENIORITY)
        return self


class ByRole(Strict):
    """Points for a role; of several the one that is furthest from 0."""

    weight: Weight
    points: dict[str, Signed]

    @model_validator(mode="after")
    def _known(self) -> Self:
        _named(self.points, ROLES)
        return self


class ByAttitude(Strict):
    """Points for the attitude that people noted."""

    weight: Weight
    points: dict[str, Signed]

    @model_validator(mode="after")
    def _known(self) -> Self:
        _named(self.points, SENTIMENT)
        return self


class Words(Strict):
    """The mood of their own words, where the newest are not older than this."""

    weight: Weight
    max_age_days: Days


class Survey(Strict):
    """Their latest answer to "would you recommend us?", 0 to 10, by a curve from -100 to 100."""

    weight: Weight
    max_age_days: Days
    curve: Curve

    @model_validator(mode="after")
    def _sound(self) -> Self:
        lifted = [(x, (y + 100) / 2) for x, y in self.curve]
        if problem := curve_problem(lifted, "higher"):
            raise ValueError(problem)
        return self


class Strength(Strict):
    """How well we know a person: parts of 100."""

    recency: Falling
    frequency: Frequency
    two_way: TwoWay
    depth: Depth
    seniority: BySeniority


class Power(Strict):
    """Their say in what is decided, 0 to 100."""

    influence: Rising
    seniority: BySeniority
    role: ByRole
    bands: dict[str, Score]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _every(self.bands, LEVELS)
        return self

    @property
    def steps(self) -> list[Band]:
        return [Band(name, start) for name, start in self.bands.items()]


class Support(Strict):
    """Whether they are for us, -100 to 100."""

    noted: ByAttitude
    words: Words
    survey: Survey
    role: ByRole
    bands: dict[str, Signed]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _every(self.bands, STANCES)
        return self

    @property
    def steps(self) -> list[Band]:
        return [Band(name, start) for name, start in self.bands.items()]


class Silence(Strict):
    """When a person counts as silent: ``times`` their own rhythm, where ``gaps`` show one, else a fixed time."""

    times: Annotated[float, Field(ge=1, le=100)]
    gaps: Number
    at_least_days: Days
    otherwise_days: Days
    champion_days: Days


class Routes(Strict):
    """What is left of an acquaintance when it is passed on, by what ties the two of theirs; at most ``hops``."""

    reports: Share
    together: Share
    boss: Share
    department: Share
    hops: Annotated[int, Field(ge=1, le=3)]
    largest_group: Annotated[int, Field(ge=2, le=100)]


class RelationshipWeights(Strict):
    """All numbers of the relationship map. Whose strength is above ``thread_above`` is a thread."""

    window_days: Days
    thread_above: Score
    strength: Strength
    power: Power
    support: Support
    silence: Silence
    routes: Routes


def _named(given: Mapping[str, object], known: tuple[str, ...] | frozenset[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"found {', '.join(unknown)}; allowed: {', '.join(sorted(known))}")


def _every(given: Mapping[str, float], names: tuple[str, ...]) -> None:
    """ValueError unless every band is there, the best first."""
    if set(given) != set(names):
        raise ValueError(f"needs {', '.join(names)}, and no other band")
    if sorted(given.values(), reverse=True) != [given[name] for name in names]:
        raise ValueError(f"the bands must fall from {names[0]} to {names[-1]}")


def lint_relationships(how: RelationshipWeights) -> Iterator[tuple[str, str]]:
    """(field, text) of what is probably not meant."""
    power, support = how.power, how.support
    sums = {
        "strength": [getattr(how.strength, name).weight for name in PARTS],
        "power": [power.influence.weight, power.seniority.weight, power.role.weight],
        "support": [p.weight for p in (support.noted, support.words, support.survey, support.role)],
    }
    for name, weights in sums.items():
        total = fsum(weights)
        if abs(total - 100) > NOISE:
            yield f"relationships.{name}", f"the weights add up to {total:g}, not 100"
    for name, bands in (("power", power.bands), ("support", support.bands)):
        if len(set(bands.values())) < len(bands):
            yield (
                f"relationships.{name}.bands",
                "two bands start at the same score, so one is never reached",
            )
