"""The part ``qualification:`` of ``weights.yaml``: frameworks, what evidence supports, and the gates between stages."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from crmctl.insight.curves import NOISE
from crmctl.insight.phrases import Phrases
from crmctl.insight.scales import Weight
from crmctl.workspace.source_settings import Strict

HIGHEST = 3  # of a level, by the schema of a deal
Level = Annotated[int, Field(ge=0, le=HIGHEST)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Points = Annotated[int, Field(ge=0)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Words = Annotated[tuple[str, ...], Field(strict=False)]
_FULL = 100  # what the weights of a framework add up to


class EvidenceLevels(Strict):
    """The highest level that each kind of evidence supports; docs/qualification.md tells the kinds."""

    nothing: Level
    gone: Level
    stale: Level
    note: Level
    said: Level
    several: Level
    document: Level
    shown: Level


class ComponentWeights(Strict):
    """One thing to know of a deal. ``ask`` are roles, the best first; ``max_age_days`` None: it never gets old.

    ``signals`` (rules of ``signals.yaml``) and ``phrases`` find what could be evidence; it is offered, never counted.
    """

    label: str = ""
    question: str = ""
    ask: Words = ()
    max_age_days: Annotated[int, Field(ge=1)] | None = None
    weight: Weight | None = None
    signals: Words = ()
    phrases: Phrases = ()


class Gate(Strict):
    """What it takes to leave a stage: ``least`` points, the ``proven`` components at the highest level.

    A component of ``red`` that is hardly known (``red_at_most``) makes a deal in this stage or later a high risk.
    """

    least: Points
    proven: Words = ()
    red: Words = ()


class Framework(Strict):
    """A set of components. ``verdict``: names by their least points. ``gates``: by the stage that they close."""

    label: str = ""
    components: Annotated[dict[Key, ComponentWeights], Field(min_length=1)]
    verdict: Annotated[dict[str, Points], Field(default_factory=dict)]
    gates: Annotated[dict[str, Gate], Field(default_factory=dict)]

    @property
    def most(self) -> int:
        """The points of a deal of which everything is proven."""
        return HIGHEST * len(self.components)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for stage, gate in self.gates.items():
            for name in (*gate.proven, *gate.red):
                if name not in self.components:
                    raise ValueError(f"gates.{stage}: {name} is no component of this framework")
        return self


class Stage(Strict):
    """``words`` are what CRMs call it; ``from_probability`` (percent) places a stage that none of the words names."""

    words: Words = ()
    from_probability: Annotated[int, Field(ge=0, le=100)] | None = None


class Choice(Strict):
    """A rule for which framework a deal gets: all that it names must hold. ``at_least`` is by currency.

    A deal's ``types`` and an account's ``segments`` hold when one of the words is in them.
    """

    framework: str
    types: Words = ()
    segments: Words = ()
    at_least: Annotated[dict[Currency, Annotated[float, Field(ge=0)]], Field(default_factory=dict)]


class QualificationWeights(Strict):
    """How deals are qualified; levels run from 0 (known not to be there) to 3 (proven)."""

    frameworks: Annotated[dict[Key, Framework], Field(min_length=1)]
    default: str
    choose: Annotated[list[Choice], Field(default_factory=list)]
    evidence: EvidenceLevels
    several_people: Annotated[int, Field(ge=2)]
    red_at_most: Level
    offers_at_most: Annotated[int, Field(ge=0)]
    stages: Annotated[dict[Key, Stage], Field(default_factory=dict)]

    @model_validator(mode="before")
    @classmethod
    def _of_one_framework(cls, data: Any) -> Any:
        """The older form, which knew one framework and believed every word of evidence; past commits have it."""
        if not isinstance(data, dict) or not data.keys() >= {"components", "verdict"}:
            return data
        rest = {key: value for key, value in data.items() if key not in _OLDER}
        names = data["components"]
        parts = {name: {} for name in names} if isinstance(names, list) else names
        believed = dict.fromkeys(EvidenceLevels.model_fields, HIGHEST) | {"gone": 0}
        return rest | {
            "frameworks": {"bant": {"components": parts, "verdict": data["verdict"]}},
            "default": "bant",
            "evidence": believed | {"nothing": data.get("without_evidence")},
            "several_people": 2,
            "red_at_most": 0,
            "offers_at_most": 0,
        }

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name in (self.default, *(rule.framework for rule in self.choose)):
            if name not in self.frameworks:
                known = ", ".join(self.frameworks)
                raise ValueError(f"{name} is no framework; there are: {known}")
        for name, framework in self.frameworks.items():
            for stage in framework.gates:
                if stage not in self.stages:
                    raise ValueError(f"frameworks.{name}.gates: {stage} is none of the stages")
        return self


_OLDER = frozenset({"components", "verdict", "without_evidence"})


def lint_qualification(weights: QualificationWeights) -> Iterator[tuple[str, str]]:
    """Field and finding: what is allowed but probably not meant."""
    for name, framework in weights.frameworks.items():
        yield from _lint_framework(f"qualification.frameworks.{name}", framework, weights)
    owners: dict[str, str] = {}
    for stage, known in weights.stages.items():
        for word in known.words:
            other = owners.setdefault(word.casefold(), stage)
            if other != stage:
                yield (
                    f"qualification.stages.{stage}.words",
                    f"{word!r} stands for {other} already",
                )
    starts = [s.from_probability for s in weights.stages.values() if s.from_probability is not None]
    if starts != sorted(set(starts)):
        yield "qualification.stages", "from_probability does not rise from stage to stage"
    kinds = weights.evidence
    if kinds.gone > 0:
        yield "qualification.evidence.gone", "a claim outlives its source"
    if kinds.note > kinds.said:
        yield "qualification.evidence.note", "our own note counts for more than the customer's word"


def _lint_framework(
    field: str, framework: Framework, weights: QualificationWeights
) -> Iterator[tuple[str, str]]:
    shares = [part.weight for part in framework.components.values()]
    given = [share for share in shares if share is not None]
    if given and len(given) < len(shares):
        yield f"{field}.components", "some components have a weight and some have none"
    elif given and abs(fsum(given) - _FULL) > NOISE:
        yield f"{field}.components", f"the weights add up to {fsum(given):g}, not {_FULL}"
    if framework.verdict and min(framework.verdict.values()) > 0:
        yield f"{field}.verdict", "no verdict starts at 0"
    for verdict, least in framework.verdict.items():
        if least > framework.most:
            yield f"{field}.verdict.{verdict}", f"no deal gets more than {framework.most} points"
    before = 0
    for stage in weights.stages:
        gate = framework.gates.get(stage)
        if gate is None:
            continue
        where = f"{field}.gates.{stage}"
        if gate.least > framework.most:
            yield where, f"no deal gets more than {framework.most} points, so none passes"
        if gate.least < before:
            yield where, f"asks for fewer points than the gate before it ({before})"
        before = max(before, gate.least)
