"""``signals.yaml``: what words are a signal, and what makes them none. Phrases become bounded patterns.

A phrase is words; ``*`` alone stands for up to three words, at a word's start or end for any letters, ``a|b`` for
either word, ``{vendor}`` for a known vendor and ``{name}`` for a capitalised name. Matching is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from crmctl.insight.sentences import CUSTOMER, NOTE, OURS, Sentence
from crmctl.model.errors import ConfigError
from crmctl.workspace import files
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict
from crmctl.workspace.templates import shipped

SIGNALS = "signals.yaml"
QUOTATION, QUESTION, INSTRUCTION = "quotation", "question", "instruction"
BUILT_IN = frozenset({QUOTATION, QUESTION})
VENDOR, NAME = "{vendor}", "{name}"
_WORDS = 14  # of one phrase
_GAPS = 2  # of one phrase: what keeps its pattern's time bounded
_GAP = r"(?:[\s/-]{1,3}[\w'&.%$€£]{1,30}){0,3}?"
_SEPARATOR = r"[\s/-]{1,3}"
_LETTERS = r"[\w']{0,24}"
_TOKEN = re.compile(r"[\w'*&.+%-]+(?:\|[\w'*&.+%-]+)*|\{vendor\}|\{name\}")
_NAMED = r"(?P<name>[A-ZÀ-Þ][\w&]{1,30}(?:[ -][A-ZÀ-Þ][\w&]{1,30}){0,2})"
_FIRST = re.compile(r"[\w']+")
_QUOTES = re.compile(
    r"\"[^\"]{1,900}\"|[“„][^“”„]{1,900}[“”]|«[^«»]{1,900}»|(?<!\w)'[^']{1,900}'(?!\w)"
)
_CLAUSE = re.compile(
    r"[;:—–]|,\s+(?=(?:and|so|we|i|they|he|she|it|und|wir|ich|sie|y|et|nous|on|je)\b)"
    r"|\b(?:but|however|although|aber|sondern|pero|sino|mais|maar|men)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|we|us|our|my|me|i'm|we're|we'll|i'll|wir|uns|ich|nous|nosotros)\b", re.IGNORECASE
)
_MARK = "\ue000"  # stands for each letter of a known vendor's name while phrases are looked for
_APOSTROPHES = str.maketrans(f"’‘`´{_MARK}", "'''' ")
_REACH = 90  # characters before and behind a phrase in which a word can take it back


def _phrase(text: str) -> str:
    words = text.split()
    if not words or len(words) > _WORDS:
        raise ValueError(f"a phrase has 1 to {_WORDS} words, found {len(words)}")
    if words.count("*") > _GAPS or "*" in (words[0], words[-1]):
        raise ValueError(f"`*` stands between words, at most {_GAPS} times a phrase: {text!r}")
    wrong = [word for word in words if word != "*" and not _TOKEN.fullmatch(word)]
    if wrong:
        raise ValueError(
            f"{wrong[0]!r} is no word; allowed: letters, digits, ' * | {VENDOR} {NAME}"
        )
    if sum(word in {VENDOR, NAME} for word in words) > 1:
        raise ValueError(f"a phrase names one vendor at most: {text!r}")
    return text


def _words_only(text: str) -> str:
    if VENDOR in text or NAME in text:
        raise ValueError(f"only a rule's own phrases may hold {VENDOR} or {NAME}: {text!r}")
    return text


def _anchored(text: str) -> str:
    if not _anchors(text) and VENDOR not in text:
        raise ValueError(f"one word must begin with three letters or digits: {text!r}")
    return text


Phrase = Annotated[str, Field(max_length=300), AfterValidator(_phrase)]
Phrases = Annotated[tuple[Annotated[Phrase, AfterValidator(_words_only)], ...], Field(strict=False)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Kind = Literal["buying", "competitor", "risk", "expansion"]


class Guard(Strict):
    """Words that take a phrase back: in front of it or behind it in its clause, or anywhere in its sentence.

    ``unless`` are phrases that only look as if they did: "can't wait to".
    """

    before: Phrases = ()
    after: Phrases = ()
    anywhere: Phrases = ()
    unless: Phrases = ()

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str] | None, ...]:
        return tuple(any_of(p) for p in (self.before, self.after, self.anywhere, self.unless))


class Rule(Strict):
    """One signal. ``strength`` is what one mention of today weighs, 0 to 1; it halves each ``half_life_days``.

    ``not_if`` names guards, or gives phrases that anywhere in the sentence make it no signal. ``who``: customer are
    their own words and what our notes tell of them, ours are ours, any are all.
    """

    name: Key
    kind: Kind
    who: Literal["customer", "ours", "any"]
    phrases: Annotated[
        tuple[Annotated[Phrase, AfterValidator(_anchored)], ...],
        Field(min_length=1, strict=False),
    ]
    not_if: Phrases = ()
    strength: Annotated[float, Field(gt=0, le=1)]
    half_life_days: Annotated[int, Field(ge=1, le=3650)]
    play: Key

    @model_validator(mode="after")
    def _vendor(self) -> Self:
        bare = [p for p in self.phrases if not {VENDOR, NAME} & set(p.split())]
        if self.kind == "competitor" and bare:
            raise ValueError(f"a competitor's phrase needs {VENDOR} or {NAME}: {bare[0]!r}")
        return self


class Tone(Strict):
    """How the mood of a message is read. ``words`` are valences from -4 to 4, ``neutral`` phrases without any."""

    half_life_days: Annotated[int, Field(ge=1, le=3650)]
    at_least_messages: Annotated[int, Field(ge=1)]
    negative_below: Annotated[float, Field(ge=-1, le=1)]
    play: Key
    words: dict[str, Annotated[float, Field(ge=-4, le=4)]]
    neutral: Phrases


class TextRules(Strict):
    """The whole of ``signals.yaml``."""

    floor: Annotated[float, Field(ge=0, le=1)]
    vendors: list[str]
    no_names: list[str]
    sentiment: Tone
    guards: dict[Key, Guard]
    rules: Annotated[list[Rule], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules are called {', '.join(twice)}")
        known = self.guards.keys() | BUILT_IN
        for rule in self.rules:
            # One plain word is a guard's name; a phrase has two words or a sign.
            wrong = [n for n in rule.not_if if n.isidentifier() and n not in known]
            if wrong:
                guards = ", ".join(sorted(known))
                raise ValueError(f"rule {rule.name}: {wrong[0]} is no guard; known: {guards}")
        return self

    @cached_property
    def by_anchor(self) -> dict[str, list[tuple[int, str]]]:
        """The phrases without {vendor}, by the first letters of a word they need."""
        found: dict[str, list[tuple[int, str]]] = {}
        for place, rule in enumerate(self.rules):
            for phrase in rule.phrases:
                for anchor in () if VENDOR in phrase else _anchors(phrase):
                    found.setdefault(anchor, []).append((place, phrase))
        return found

    @cached_property
    def of_vendors(self) -> list[tuple[int, str]]:
        """The phrases with {vendor}."""
        return [
            (place, phrase)
            for place, rule in enumerate(self.rules)
            for phrase in rule.phrases
            if VENDOR in phrase
        ]

    @cached_property
    def strangers(self) -> frozenset[str]:
        """Capitalised words that are no vendor."""
        return frozenset(name.casefold() for name in self.no_names)


class Match(NamedTuple):
    """A rule that a sentence fulfils; ``vendor`` as written, empty where the phrase has none."""

    rule: Rule
    vendor: str
    sentence: Sentence


def load_rules(root: Path) -> TextRules:
    """The workspace's ``signals.yaml``, else the one that comes with crmctl; `ConfigError` lists what is wrong."""
    raw = files.read(root, SIGNALS)
    if raw is None:
        raw = shipped(SIGNALS)
    if raw is None:
        raise ConfigError(f"{SIGNALS}: there is no such file; put one at the workspace's root")
    return _parsed(raw)


@lru_cache(maxsize=4)
def _parsed(raw: bytes) -> TextRules:
    return parse_model(raw, SIGNALS, TextRules)


class Matcher:
    """The rules made ready for one account: ``vendors`` it is known to consider, ``not_vendors`` are no competitor."""

    def __init__(
        self, rules: TextRules, vendors: Sequence[str] = (), not_vendors: Sequence[str] = ()
    ) -> None:
        self.rules = rules
        self._vendors = {_spaced(v): v for v in (*vendors, *rules.vendors) if v.strip()}
        self._strangers = rules.strangers | {name.casefold() for name in not_vendors}
        names = sorted(self._vendors, key=lambda name: (-len(name), name))
        known = "|".join(_SEPARATOR.join(map(re.escape, name.split())) for name in names)
        self._mentions = re.compile(rf"(?<!\w)(?:{known})(?!\w)", re.IGNORECASE) if known else None

    def matches(self, sentence: Sentence) -> Iterator[Match]:
        """Every rule that the sentence fulfils, once for each rule and vendor, in the order of the file."""
        text = sentence.text.translate(_APOSTROPHES)
        marked = self._marked(text)
        plain = self.rules.by_anchor
        anchors = {word.group().casefold()[:3] for word in _FIRST.finditer(text)}
        candidates = {(*c, text) for anchor in anchors & plain.keys() for c in plain[anchor]}
        if marked != text:
            candidates |= {(*c, marked) for c in self.rules.of_vendors}
        found: set[tuple[int, str]] = set()
        for place, phrase, read in sorted(candidates):
            rule = self.rules.rules[place]
            for match in _compiled(phrase).finditer(read):
                if not _speaks(rule, sentence, text, match):
                    continue
                vendor = self._vendor(match, text)
                if vendor is None or (place, vendor) in found:
                    continue
                if not any(self._guarded(name, text, match) for name in rule.not_if):
                    found.add((place, vendor))
                    yield Match(rule, vendor, sentence)

    def _marked(self, text: str) -> str:
        """The text with the names of vendors made unreadable, each letter in its place."""
        if self._mentions is None:
            return text
        return self._mentions.sub(lambda m: _MARK * len(m.group()), text)

    def instructs(self, sentence: Sentence) -> bool:
        """Whether a sentence talks to a machine that reads it, and not to people."""
        guard = self.rules.guards.get(INSTRUCTION)
        pattern = guard.patterns[2] if guard else None
        return bool(pattern and pattern.search(sentence.text.translate(_APOSTROPHES)))

    def _vendor(self, match: re.Match[str], text: str) -> str | None:
        groups = match.groupdict()
        if groups.get("name"):
            name = groups["name"]
            words = name.casefold().split()
            # Of a known vendor the rules for {vendor} tell already.
            known = any(_spaced(name).startswith(v) for v in self._vendors)
            return (
                None if known or self._strangers.intersection((name.casefold(), *words)) else name
            )
        if groups.get("vendor"):
            said = _spaced(text[match.start("vendor") : match.end("vendor")])
            return None if said in self._strangers else self._vendors.get(said)
        return ""

    def _guarded(self, name: str, text: str, match: re.Match[str]) -> bool:
        guard = self.rules.guards.get(name)
        if name == QUESTION and text.rstrip("\"'”’ )").endswith("?"):
            return True
        if name == QUOTATION and any(
            q.start() <= match.start() and match.end() <= q.end() for q in _QUOTES.finditer(text)
        ):
            return True
        if guard is None:
            pattern = None if name in BUILT_IN else any_of((name,))
            return bool(pattern and pattern.search(text))
        before, after, anywhere, unless = guard.patterns
        if unless:
            # As many characters as there were, so that places stay what they are.
            text = unless.sub(lambda m: "_" * len(m.group()), text)
        if before and before.search(text, _clause(text, match), match.end()):
            return True
        if after:
            clause_end = _CLAUSE.search(text, match.end(), match.end() + _REACH)
            end = clause_end.start() if clause_end else match.end() + _REACH
            if after.search(text, match.end(), end):
                return True
        return bool(anywhere and anywhere.search(text))


def _speaks(rule: Rule, sentence: Sentence, text: str, match: re.Match[str]) -> bool:
    """Whether the right side says it. Our notes tell what the customer said, but "we" in them are ourselves."""
    if rule.who == "any":
        return True
    if sentence.side == NOTE and rule.who == "customer":
        return not _FIRST_PERSON.search(text, _clause(text, match), match.end())
    return sentence.side == (CUSTOMER if rule.who == "customer" else OURS)


def _clause(text: str, match: re.Match[str]) -> int:
    """Where the part of the sentence begins in which a phrase stands."""
    start = max(match.start() - _REACH, 0)
    for clause in _CLAUSE.finditer(text, start, match.start()):
        start = clause.end()
    return start


def _anchors(phrase: str) -> set[str]:
    """The first three letters of a word without which the phrase cannot match: of the longest such word."""
    found: list[set[str]] = []
    size = 0
    for token in phrase.split():
        words = [word.casefold() for word in token.split("|")]
        shortest = min(len(word.split("*")[0]) for word in words)
        if token not in {"*", VENDOR, NAME} and shortest >= 3 and shortest > size:
            size = shortest
            found = [{word[:3] for word in words}]
    return found[0] if found and all(a.isalnum() for a in found[0]) else set()


def _spaced(name: str) -> str:
    """A name to compare by: hyphens are as good as blanks."""
    return " ".join(re.split(r"[\s/-]+", name.casefold().strip()))


def _word(word: str) -> str:
    return _LETTERS.join(re.escape(part).replace(r"\-", _SEPARATOR) for part in word.split("*"))


@lru_cache(maxsize=8192)
def _compiled(phrase: str) -> re.Pattern[str]:
    """The pattern of a phrase. A vendor's name is `_MARK` as often as it has letters."""
    parts: list[str] = []
    for token in phrase.split():
        if token == "*":  # noqa: S105 - a wildcard, no password
            parts.append(_GAP)
            continue
        if parts:
            parts.append(_SEPARATOR)
        if token == NAME:
            parts.append(_NAMED)
        elif token == VENDOR:
            parts.append(f"(?P<vendor>{_MARK}{{1,80}})(?:'s?)?")
        else:
            parts.append(f"(?i:{'|'.join(_word(w) for w in token.split('|'))})")
    return re.compile(rf"(?<![\w']){''.join(parts)}(?![\w])")


@lru_cache(maxsize=512)
def any_of(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    """One pattern for guards' phrases, which name no vendor."""
    return re.compile("|".join(_compiled(p).pattern for p in phrases)) if phrases else None
