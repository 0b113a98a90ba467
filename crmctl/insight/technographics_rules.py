"""``technologies.yaml``: which technologies there are, by what one knows them, and what words claim their use.

A pattern on a header, an address, a cookie or a DNS record is the whole value; ``*`` in it stands for any characters,
and case does not matter. A phrase is one of ``signals.yaml`` (`crmctl.insight.text_rules`) around ``{technology}``.
Both are matched in time linear in the text: no expression of anybody's is ever run.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from crmctl.insight.phrases import Phrases, any_of
from crmctl.insight.rules_file import rules_bytes
from crmctl.insight.text_rules import Guard
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict

TECHNOLOGIES = "technologies.yaml"
TECHNOLOGY = "{technology}"
MARK, OTHER = "xtechnologyx", "xotherx"  # stand for the technology looked at, and for others
_STARS = 4  # of one pattern
_LITERAL = 3  # characters that a pattern must hold
_LONGEST = 2000  # characters of a value that are looked at


def _pattern(text: str) -> str:
    if text.count("*") > _STARS:
        raise ValueError(f"a pattern has at most {_STARS} stars: {text!r}")
    if len(text.replace("*", "")) < _LITERAL:
        raise ValueError(f"a pattern needs {_LITERAL} characters beside its stars: {text!r}")
    return text


def _header(text: str) -> str:
    return text if text == "*" else _pattern(text)


def _marked(value: object) -> object:
    """Phrases with the technology's place marked by a word that no text has."""
    if not isinstance(value, list):
        return value
    for phrase in value:
        if isinstance(phrase, str) and phrase.split().count(TECHNOLOGY) != 1:
            raise ValueError(f"a phrase holds {TECHNOLOGY} once, as a word: {phrase!r}")
    return [p.replace(TECHNOLOGY, MARK) if isinstance(p, str) else p for p in value]


Short = Annotated[str, Field(min_length=1, max_length=80)]
Pattern = Annotated[str, Field(max_length=200), AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False, max_length=20)]
HeaderPattern = Annotated[str, Field(max_length=200), AfterValidator(_header)]
Claiming = Annotated[Phrases, BeforeValidator(_marked)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(gt=0, le=1)]
Status = Literal["gone", "planned", "leaving", "uses"]


class Technology(Strict):
    """One technology. ``homonym``: its name is also a common word, so it counts only as written here."""

    name: Short
    category: Key
    implies: Annotated[tuple[Short, ...], Field(strict=False, max_length=5)] = ()
    words: Annotated[tuple[Short, ...], Field(strict=False, max_length=10)] = ()
    homonym: bool = False
    headers: Annotated[dict[str, HeaderPattern], Field(max_length=10, default_factory=dict)]
    cookies: Patterns = ()
    script: Patterns = ()
    link: Patterns = ()
    frame: Patterns = ()
    generator: Patterns = ()
    mx: Patterns = ()
    txt: Patterns = ()
    cname: Patterns = ()


class Weight(Strict):
    """What one piece of evidence of today is worth; it halves each ``half_life_days``, without them never."""

    strength: Share
    half_life_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class Claim(Strict):
    """What words say about a technology. ``sentence`` are phrases that say it of every technology in their sentence.

    ``advert``: only in a job advert or page that somebody pasted.
    """

    status: Status
    strength: Share
    half_life_days: Annotated[int, Field(ge=1, le=3650)]
    phrases: Claiming = ()
    sentence: Phrases = ()
    not_if: Annotated[tuple[Key, ...], Field(strict=False)] = ()
    advert: bool = False

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
        return any_of(self.phrases), any_of(self.sentence)


class Worth(Strict):
    """How much each kind of evidence beside texts weighs, and what an implied technology keeps of it."""

    profile: Weight
    system: Weight
    header: Weight
    cookie: Weight
    html: Weight
    dns: Weight
    implied: Share


class TechnologyRules(Strict):
    """The whole of ``technologies.yaml``."""

    floor: Annotated[float, Field(ge=0, le=1)]
    worth: Worth
    guards: dict[Key, Guard]
    claims: Annotated[list[Claim], Field(min_length=1, max_length=50)]
    technologies: Annotated[list[Technology], Field(min_length=1, max_length=2000)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [technology.name.casefold() for technology in self.technologies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two technologies are called {', '.join(twice)}")
        known = set(names)
        for technology in self.technologies:
            wrong = [name for name in technology.implies if name.casefold() not in known]
            if wrong:
                raise ValueError(f"{technology.name} implies {wrong[0]}, which is not listed")
        for claim in self.claims:
            for name in claim.not_if:
                if name not in self.guards and name != "question":
                    guards = ", ".join(sorted({*self.guards, "question"}))
                    raise ValueError(f"{name} is no guard; known: {guards}")
        return self

    @cached_property
    def by_name(self) -> dict[str, Technology]:
        """Technologies by name and by every other word for them, case folded."""
        found = {w.casefold(): t for t in self.technologies for w in t.words}
        return found | {t.name.casefold(): t for t in self.technologies}


def load_technologies(root: Path) -> TechnologyRules:
    """The workspace's ``technologies.yaml``, else the one that comes with crmctl; `ConfigError` says what is wrong."""
    return _parsed(rules_bytes(root, TECHNOLOGIES))


@lru_cache(maxsize=4)
def _parsed(raw: bytes) -> TechnologyRules:
    return parse_model(raw, TECHNOLOGIES, TechnologyRules)


def fits(pattern: str, value: str) -> bool:
    """Whether a value is what a pattern says; one look for each part between its stars, none twice."""
    value = value[:_LONGEST].casefold()
    first, *others = pattern.casefold().split("*")
    if not others:
        return value == first
    *middle, last = others
    if not value.startswith(first):
        return False
    place = len(first)
    for part in middle:
        found = value.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(value) - len(last) >= place and value.endswith(last)
