"""The part ``icp:`` of ``weights.yaml``: criteria of the ideal customer, what rules one out, tiers, engagement."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import fsum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import NOISE, Direction, curve_problem
from crmctl.insight.scales import (
    Curve,
    Days,
    Scale,
    Score,
    Share,
    Weight,
    account_field,
    lint_scale,
)
from crmctl.workspace.source_settings import Strict

ENGAGEMENT = ("recency", "frequency", "people", "two_way", "replies", "meetings")
# These say that somebody bought, so a criterion on one of them foretells nothing.
OUTCOMES = frozenset(
    """stage step stage_since icp_fit icp_tier plan seats mrr arr started renewal auto_renew notice_given
    payment_overdue_since first_value""".split()
)
Words = Annotated[list[str], Field(min_length=1)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]
Need = Literal["any", "all", "share"]


class OfField(Strict):
    """Something read from a field of the profile; ``own`` for a key that is the team's and in no schema."""

    field: str
    own: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.own:
            account_field(self.field)
        return self


class Criterion(OfField):
    """One criterion of the ideal customer: points by a curve, by value, or by words that are found.

    ``values`` compares text without regard to case, a name of ``groups`` stands for its members, and a list counts
    with its best item. ``words`` looks for whole words in text or lists: ``points`` if any or all are found, or the
    share of the way from ``otherwise`` to them. ``rates`` is what one of each currency is worth in the curve's.
    ``ask`` is what to find out when the field is unknown.
    """

    weight: Weight
    better: Direction | None = None
    curve: Curve | None = None
    rates: dict[str, Annotated[float, Field(gt=0)]] | None = None
    values: dict[str, Score] | None = None
    words: Words | None = None
    need: Need | None = None
    points: Score | None = None
    otherwise: Score | None = None
    ask: str = ""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        forms = [f for f in ("curve", "values", "words") if getattr(self, f) is not None]
        if len(forms) != 1:
            raise ValueError("needs either a curve, values or words")
        form = forms[0]
        allowed = {
            "curve": {"better", "rates"},
            "values": {"otherwise"},
            "words": {"need", "points", "otherwise"},
        }
        for name in ("better", "rates", "need", "points", "otherwise"):
            if getattr(self, name) is not None and name not in allowed[form]:
                raise ValueError(f"{name} says nothing beside {form}")
        if self.curve is None:
            if self.otherwise is None:
                raise ValueError(f"{form} need `otherwise`: the points of any other value")
            if self.words is not None and (self.points is None or self.need is None):
                raise ValueError("words need `need` (any, all or share) and `points`")
            return self
        if self.better is None:
            raise ValueError("a curve needs `better`: higher, lower or middle")
        problem = curve_problem(self.curve, self.better)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def heights(self) -> list[float]:
        """All points that some value can have."""
        if self.curve is not None:
            return [height for _, height in self.curve]
        return [*(self.values or {}).values(), *filter_none(self.points, self.otherwise)]


def filter_none(*numbers: float | None) -> list[float]:
    """Those that there are."""
    return [number for number in numbers if number is not None]


class Disqualifier(OfField):
    """What rules an account out, whatever else fits: one of these values, none of the allowed, or a number."""

    values: Words | None = None
    allowed: Words | None = None
    at_most: float | None = None
    at_least: float | None = None
    reason: str

    @model_validator(mode="after")
    def _sound(self) -> Self:
        forms = (self.values, self.allowed, self.at_most, self.at_least)
        if sum(form is not None for form in forms) != 1:
            raise ValueError("needs one of values, allowed, at_most and at_least")
        return self


class EngagementInput(Strict):
    """One thing that engagement is made of."""

    weight: Weight
    better: Direction
    curve: Curve

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problem = curve_problem(self.curve, self.better)
        if problem:
            raise ValueError(problem)
        return self


class EngagementWeights(Strict):
    """How keen they are: over ``window_days`` of conversations, apart from how well they fit."""

    window_days: Days
    least_messages: Number
    coverage_floor: Share
    levels: Scale
    inputs: Annotated[dict[str, EngagementInput], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.inputs:
            if name not in ENGAGEMENT:
                raise ValueError(f"{name} is no input; allowed: {', '.join(ENGAGEMENT)}")
        if not fsum(i.weight for i in self.inputs.values()):
            raise ValueError("all inputs weigh nothing")
        return self


class Calibration(Strict):
    """Which deals the fit is held against, and when there are too few."""

    deal_words: Words
    untyped: bool
    least_won: Number
    least_lost: Number
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    # Added to each count of the frequencies, so that what never happened is not impossible.
    smoothing: Annotated[float, Field(gt=0, le=10)]
    # They are learnt from the earlier deals, and tried on this share: the latest.
    test_share: Annotated[float, Field(gt=0, lt=1)]
    # A suggestion takes each value for so many deals more that ended at the overall rate.
    shrink: Annotated[float, Field(ge=0, le=1000)]
    least_deals: Number
    round_to: Annotated[int, Field(ge=1, le=50)]


class IcpWeights(Strict):
    """The numbers of the fit with the ideal customer. ``groups`` are names for several values."""

    coverage_floor: Share
    tiers: Scale
    groups: Annotated[dict[str, Words], Field(default_factory=dict)]
    criteria: Annotated[dict[str, Criterion], Field(min_length=1)]
    disqualifiers: list[Disqualifier]
    engagement: EngagementWeights | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not fsum(c.weight for c in self.criteria.values()):
            raise ValueError("all criteria weigh nothing")
        return self

    def members(self, name: str) -> list[str]:
        """The values that a name stands for, in lower case: those of the group, or the name itself."""
        return [value.casefold() for value in self.groups.get(name, [name])]


def lint_icp(icp: IcpWeights) -> Iterator[tuple[str, str]]:
    """(field, text) of what is allowed but probably not meant."""
    yield from _sum("icp.criteria", icp.criteria.values())
    yield from lint_scale("icp.tiers", icp.tiers)
    used: set[str] = set()
    for name, criterion in icp.criteria.items():
        where = f"icp.criteria.{name}"
        used |= set(criterion.values or ())
        if criterion.field in OUTCOMES and not criterion.own:
            yield where, f"{criterion.field} is known of those who bought: it foretells nothing"
        if len(set(criterion.heights)) == 1:
            yield where, "every value has the same points, so it makes no difference"
        members = [member for value in criterion.values or () for member in icp.members(value)]
        for twice in sorted({m for m in members if members.count(m) > 1}):
            yield where, f"{twice} stands there twice, also by a group; the first counts"
    total = fsum(c.weight for c in icp.criteria.values())
    best = fsum(c.weight * max(c.heights) for c in icp.criteria.values()) / total
    for tier, start in icp.tiers.bands.items():
        if start > best + NOISE:
            yield "icp.tiers", f"no company can reach {tier}: the best fit there is, is {best:g}"
    for rule in icp.disqualifiers:
        used |= {*(rule.values or ()), *(rule.allowed or ())}
    for group in sorted(icp.groups.keys() - used):
        yield f"icp.groups.{group}", "no criterion or disqualifier names this group"
    if icp.engagement is not None:
        yield from _sum("icp.engagement.inputs", icp.engagement.inputs.values())
        yield from lint_scale("icp.engagement.levels", icp.engagement.levels)


def _sum(
    field: str, parts: Collection[Criterion] | Collection[EngagementInput]
) -> Iterator[tuple[str, str]]:
    total = fsum(each.weight for each in parts)
    if abs(total - 100) > NOISE:
        yield field, f"the weights add up to {total:g}, not 100"
