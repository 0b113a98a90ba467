"""Scorecards: which numbers of the health score hold for which accounts.

The part ``scorecards:`` of ``health:`` names cards. Each says ``when`` it applies and what differs from the base; the
first that applies to an account counts, else the base does. What differs is merged into the base as RFC 7396
merges JSON: maps key by key, anything else is replaced, and ``null`` takes a key out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from crmctl.model.lifecycle import ALL_STEPS, STAGES, STEPS
from crmctl.workspace.source_settings import Strict

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence

# What a card may change of the base.
CHANGEABLE = ("coverage_floor", "status", "factors", "gates")


def _listed(value: object) -> object:
    """One word may stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _among(allowed: tuple[str, ...]) -> AfterValidator:
    def known(values: list[str]) -> list[str]:
        unknown = [value for value in values if value not in allowed]
        if unknown:
            raise ValueError(f"found {', '.join(unknown)}; allowed: {', '.join(allowed)}")
        return values

    return AfterValidator(known)


def _ends(value: object) -> object:
    """YAML knows lists only."""
    return tuple(value) if isinstance(value, list) else value


Months = Annotated[float, Field(ge=0, le=1200)]
Words = Annotated[list[str], Field(min_length=1), BeforeValidator(_listed)]


class When(Strict):
    """To which accounts a card applies: all conditions that it states must hold, any word of a list will do.

    ``tenure_months`` is from how many completed months since the start on, and below how many; null has no end.
    Segments and plans are compared without regard to capitals.
    """

    segment: Words | None = None
    stage: Annotated[Words, _among(STAGES)] | None = None
    step: Annotated[Words, _among(ALL_STEPS)] | None = None
    plan: Words | None = None
    tenure_months: Annotated[tuple[Months, Months | None], BeforeValidator(_ends)] | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.tenure_months is None and not any(self._words()):
            raise ValueError("states no condition; the base is what holds for all others")
        if self.tenure_months is not None:
            start, end = self.tenure_months
            if end is not None and end <= start:
                raise ValueError("tenure_months must rise")
        return self

    def holds(self, traits: Mapping[str, str], tenure: int | None) -> bool:
        """Whether an account with these traits, and so many completed months, is meant."""
        for name, words in self._words():
            if traits.get(name, "").casefold() not in words:
                return False
        if self.tenure_months is None:
            return True
        start, end = self.tenure_months
        return tenure is not None and start <= tenure and (end is None or tenure < end)

    def _words(self) -> Iterator[tuple[str, list[str]]]:
        for name in ("segment", "stage", "step", "plan"):
            words = getattr(self, name)
            if words is not None:
                yield name, [word.casefold() for word in words]

    def impossible(self) -> bool:
        """Whether no account can be meant: no step of the list belongs to a stage of the other."""
        if self.stage is None or self.step is None:
            return False
        return not any(step in STEPS[stage] for stage in self.stage for step in self.step)

    def within(self, other: When) -> bool:
        """Whether whoever this means, the other means as well."""
        own = dict(self._words())
        for name, words in other._words():
            if name not in own or not set(own[name]) <= set(words):
                return False
        if other.tenure_months is None:
            return True
        if self.tenure_months is None:
            return False
        (start, end), (first, last) = self.tenure_months, other.tenure_months
        return first <= start and (last is None or (end is not None and end <= last))


class Scorecard(Strict):
    """One card. ``no_score`` says why those whom it means have no score at all."""

    when: When
    no_score: str | None = None
    coverage_floor: float | None = None
    status: dict[str, Any] | None = None
    factors: dict[str, Any] | None = None
    gates: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if self.no_score is not None and self.patch:
            raise ValueError("gives no score, so there is nothing that could differ from the base")
        if self.no_score is None and not self.patch:
            raise ValueError("changes nothing: state what differs from the base, or no_score")
        return self

    @property
    def patch(self) -> dict[str, Any]:
        """What differs from the base."""
        found = {name: getattr(self, name) for name in CHANGEABLE}
        return {name: value for name, value in found.items() if value is not None}


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def chosen(cards: Mapping[str, Scorecard], evidence: Evidence, day: dt.date) -> str:
    """The name of the first card that applies to an account on a day; empty for the base."""
    tenure = months(evidence.dates.get("started"), day)
    return next(
        (name for name, card in cards.items() if card.when.holds(evidence.traits, tenure)), ""
    )


def months(started: int | None, day: dt.date) -> int | None:
    """Completed months from an ordinal day to ``day``; None before it or when nobody knows it.

    A month is completed on the same day of a later month, or on the first of the next where there is none.
    """
    if started is None or started > day.toordinal():
        return None
    start = dt.date.fromordinal(started)
    return (day.year - start.year) * 12 + day.month - start.month - (day.day < start.day)


def lint_cards(cards: Mapping[str, Scorecard]) -> Iterator[tuple[str, str]]:
    """Name and finding for each card that never applies."""
    seen: dict[str, When] = {}
    for name, card in cards.items():
        before = next((other for other, when in seen.items() if card.when.within(when)), "")
        if card.when.impossible():
            yield name, "never applies: none of its steps belongs to its stages"
        elif before:
            yield name, f"never applies: {before} comes first and means the same accounts"
        seen[name] = card.when
