"""``signals.yaml``: what words are a signal, and what makes them none (`crmctl.insight.phrases`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from crmctl.insight.phrases import (
    MARK,
    NAME,
    SEPARATOR,
    VENDOR,
    Phrases,
    RulePhrases,
    Sieve,
    any_of,
    compiled,
    fold,
    places,
    rough,
    runs,
    straight,
)
from crmctl.insight.rules_file import SIGNALS, rules_bytes
from crmctl.insight.sentences import CUSTOMER, NOTE, OURS, Sentence, customers, plain, sentences
from crmctl.workspace.config import parse_model
from crmctl.workspace.source_settings import Strict

QUOTATION, QUESTION, INSTRUCTION = "quotation", "question", "instruction"
BUILT_IN = frozenset({QUOTATION, QUESTION})
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
_LETTERS = re.compile(r"[^\W_]+")
_WORD = re.compile(r"[\w']+")
_REACH = 90  # characters before and behind a phrase in which a word can take it back


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
    phrases: RulePhrases
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
    def places(self) -> list[tuple[int, str]]:
        """Every phrase of every rule, with its rule's place."""
        return [(place, phrase) for place, rule in enumerate(self.rules) for phrase in rule.phrases]

    @cached_property
    def instructions(self) -> tuple[str, ...]:
        """The phrases that talk to a machine."""
        guard = self.guards.get(INSTRUCTION)
        return guard.anywhere if guard else ()

    @cached_property
    def sieve(self) -> Sieve:
        """Of `places`, and behind them of `instructions`."""
        return Sieve([*(phrase for _, phrase in self.places), *self.instructions])

    @cached_property
    def guarding(self) -> tuple[Sieve, dict[str, int]]:
        """A sieve of the phrases that take another back, and its bits by what ``not_if`` calls them."""
        phrases: list[str] = []
        bits: dict[str, int] = {}
        for name in {name for rule in self.rules for name in rule.not_if} - BUILT_IN:
            guard = self.guards.get(name)
            mine = (*guard.before, *guard.after, *guard.anywhere) if guard else (name,)
            bits[name] = ((1 << len(mine)) - 1) << len(phrases)
            phrases += mine
        return Sieve(phrases), bits

    @cached_property
    def naming(self) -> int:
        """The bits of the phrases with {vendor}, as `sieve` has them."""
        return sum(1 << bit for bit, (_, phrase) in enumerate(self.places) if VENDOR in phrase)

    @cached_property
    def known(self) -> dict[str, str]:
        """The vendors that every account may name, by the name to compare by."""
        return {_spaced(vendor): vendor for vendor in self.vendors if vendor.strip()}

    @cached_property
    def parts(self) -> list[str]:
        """Of each of `known` the part without which it is not named."""
        return list(map(_longest, self.known.values()))

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
    return _parsed(rules_bytes(root, SIGNALS))


@lru_cache(maxsize=4)
def _parsed(raw: bytes) -> TextRules:
    return parse_model(raw, SIGNALS, TextRules)


class Matcher:
    """The rules made ready for one account: ``vendors`` it is known to consider, ``not_vendors`` are no competitor."""

    def __init__(
        self, rules: TextRules, vendors: Sequence[str] = (), not_vendors: Sequence[str] = ()
    ) -> None:
        self.rules = rules
        self._own = {_spaced(v): v for v in vendors if v.strip()}
        self._vendors = self._own | rules.known
        self._strangers = rules.strangers | {name.casefold() for name in not_vendors}

    def hear(self, text: str, side: str) -> Iterator[tuple[Sentence, list[Match]]]:
        """The sentences of a text that fulfil a rule or are the customer's, with the rules that they fulfil.

        It ends before one that talks to a machine: whoever writes so may say anything.
        """
        unescaped = plain(text)
        possible = self._possible(runs(unescaped), unescaped)
        if not possible and not customers(text, side):
            return
        instructed = possible >> len(self.rules.places)

        def wanted(block: str) -> list[tuple[int, int]]:
            return list(self._spans(block, possible))

        for sentence in sentences(text, side, None if instructed else wanted):
            if instructed and self.instructs(sentence):
                return
            found = list(self._matches(sentence, possible)) if possible else []
            if found or sentence.side == CUSTOMER:
                yield sentence, found

    def _spans(self, text: str, possible: int) -> Iterator[tuple[int, int]]:
        text = straight(text)
        marked = self._marked(text) if possible & self.rules.naming else text
        pattern = compiled
        if text.isascii():
            text, marked, pattern = text.lower(), marked.lower(), rough
        for bit in places(possible):
            phrase = self.rules.places[bit][1]
            for match in pattern(phrase).finditer(marked if VENDOR in phrase else text):
                yield match.span()

    def matches(self, sentence: Sentence, *, every: bool = False) -> Iterator[Match]:
        """Every rule that the sentence fulfils, once for each rule and vendor, in the order of the file.

        ``every`` tries every phrase and every guard, without asking the sieves: slower, with the same result.
        """
        yield from self._matches(sentence, -1, every=every)

    def _matches(self, sentence: Sentence, among: int, *, every: bool = False) -> Iterator[Match]:
        words = runs(sentence.text)
        possible = among if every else among & self._possible(words, sentence.text)
        if not possible:
            return
        text = straight(sentence.text)
        marked = self._marked(text) if possible & self.rules.naming else text
        takes_back: set[str] | None = None
        found: set[tuple[int, str]] = set()
        for bit in places(possible & ~(-1 << len(self.rules.places))):
            place, phrase = self.rules.places[bit]
            rule = self.rules.rules[place]
            for match in compiled(phrase).finditer(marked if VENDOR in phrase else text):
                if not _speaks(rule, sentence, text, match):
                    continue
                vendor = self._vendor(match, text)
                if vendor is None or (place, vendor) in found:
                    continue
                if takes_back is None:
                    takes_back = self._may_take_back(words)
                if not any(
                    self._guarded(name, text, match)
                    for name in rule.not_if
                    if every or name in takes_back
                ):
                    found.add((place, vendor))
                    yield Match(rule, vendor, sentence)

    def _possible(self, words: set[str], text: str) -> int:
        """The bits of the phrases that can be in the text."""
        bits = self.rules.sieve.candidates(words)
        if bits & self.rules.naming and not self._may_name(text):
            bits &= ~self.rules.naming
        return bits

    def _may_take_back(self, words: set[str]) -> set[str]:
        """What of ``not_if`` can hold in a sentence of these words."""
        sieve, bits = self.rules.guarding
        possible = sieve.candidates(words)
        return {name for name, mine in bits.items() if possible & mine} | BUILT_IN

    def _may_name(self, text: str) -> bool:
        folded = fold(text)
        return any(part in folded for part in self._parts)

    @cached_property
    def _parts(self) -> list[str]:
        """Of each vendor the part without which it is not named."""
        mine = [v for name, v in self._own.items() if name not in self.rules.known]
        return [*map(_longest, mine), *self.rules.parts]

    @cached_property
    def _mentions(self) -> re.Pattern[str] | None:
        return _mentioning(tuple(sorted(self._vendors, key=lambda name: (-len(name), name))))

    def _marked(self, text: str) -> str:
        """The text with the names of vendors made unreadable, each letter in its place."""
        if self._mentions is None:
            return text
        return self._mentions.sub(lambda m: MARK * len(m.group()), text)

    def instructs(self, sentence: Sentence) -> bool:
        """Whether a sentence talks to a machine that reads it, and not to people."""
        pattern = any_of(self.rules.instructions)
        return bool(pattern and pattern.search(straight(sentence.text)))

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
            reach = match.end() + _REACH
            clause_end = _CLAUSE.search(text, match.end(), reach)
            # No word is cut into another.
            end = clause_end.start() if clause_end else _word_end(text, reach)
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


def _word_end(text: str, place: int) -> int:
    rest = _WORD.match(text, place)
    return rest.end() if rest else place


def _longest(vendor: str) -> str:
    """The longest run of letters of a name."""
    return max(_LETTERS.findall(fold(vendor)), key=len, default="")


@lru_cache(maxsize=256)
def _mentioning(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """A pattern for these names, which many accounts have in common; None for none."""
    known = "|".join(SEPARATOR.join(map(re.escape, name.split())) for name in names)
    return re.compile(rf"(?<!\w)(?:{known})(?!\w)", re.IGNORECASE) if known else None


def _spaced(name: str) -> str:
    """A name to compare by: hyphens are as good as blanks."""
    return " ".join(re.split(r"[\s/-]+", name.casefold().strip()))
