"""Phrases of ``signals.yaml``: their grammar, their bounded patterns, and a sieve that says which can be in a text.

A phrase is words; ``*`` alone stands for up to three words, at a word's start or end for any letters, ``a|b`` for
either word, ``{vendor}`` for a known vendor and ``{name}`` for a capitalised name. Matching is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

VENDOR, NAME = "{vendor}", "{name}"
MARK = "\ue000"  # stands for each letter of a known vendor's name while phrases are looked for
SEPARATOR = r"[\s/-]{1,3}"
_WORDS = 14  # of one phrase
_GAPS = 2  # of one phrase: what keeps its pattern's time bounded
_GAP = r"(?:[\s/-]{1,3}[\w'&.%$€£]{1,30}){0,3}?"
_LETTERS = r"[\w']{0,24}"
_TOKEN = re.compile(r"[\w'*&.+%-]+(?:\|[\w'*&.+%-]+)*|\{vendor\}|\{name\}")
_NAMED = r"(?P<name>[A-ZÀ-Þ][\w&]{1,30}(?:[ -][A-ZÀ-Þ][\w&]{1,30}){0,2})"
_NAMED_ROUGHLY = r"[a-z][\w&]{1,30}(?:[ -][a-z][\w&]{1,30}){0,2}"
_RUN = re.compile(r"[\w']+")
_LITERAL = re.compile(r"[\w'*]+")
_APOSTROPHES = str.maketrans(f"’‘`´{MARK}", "'''' ")
_TO_RUNS = bytes(
    ord("'")
    if sign == "`"
    else ord(sign)
    if sign.isascii() and (sign.isalnum() or sign in "_'")
    else ord(" ")
    for sign in map(chr, range(256))
)
_MOST_WORDS = 200_000  # remembered by a sieve


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
    """One word says enough for the phrase to be worth looking for: three letters of it are fixed."""
    tokens = [token.split("|") for token in text.split() if token not in {"*", VENDOR, NAME}]
    if VENDOR not in text and not any(
        all(word.split("*")[0][:3].isalnum() and len(word.split("*")[0]) >= 3 for word in words)
        for words in tokens
    ):
        raise ValueError(f"one word must begin with three letters or digits: {text!r}")
    return text


Phrase = Annotated[str, Field(max_length=300), AfterValidator(_phrase)]
Phrases = Annotated[tuple[Annotated[Phrase, AfterValidator(_words_only)], ...], Field(strict=False)]
RulePhrases = Annotated[
    tuple[Annotated[Phrase, AfterValidator(_anchored)], ...], Field(min_length=1, strict=False)
]


def _word(word: str) -> str:
    return _LETTERS.join(re.escape(part).replace(r"\-", SEPARATOR) for part in word.split("*"))


@lru_cache(maxsize=8192)
def compiled(phrase: str) -> re.Pattern[str]:
    """The pattern of a phrase. A vendor's name is `MARK` as often as it has letters."""
    return re.compile(rf"(?<![\w']){_pattern(phrase, _NAMED, '(?i:')}(?![\w])")


@lru_cache(maxsize=8192)
def rough(phrase: str) -> re.Pattern[str]:
    """A pattern for ASCII in lower case, which matches wherever `compiled` does, and may begin within a word.

    What begins with letters and cares for no case is looked for many times faster.
    """
    return re.compile(rf"{_pattern(phrase.lower(), _NAMED_ROUGHLY, '(?:')}(?![\w])")


def _pattern(phrase: str, named: str, group: str) -> str:
    parts: list[str] = []
    for token in phrase.split():
        if token == "*":  # noqa: S105 - a wildcard, no password
            parts.append(_GAP)
            continue
        if parts:
            parts.append(SEPARATOR)
        if token == NAME:
            parts.append(named)
        elif token == VENDOR:
            parts.append(f"(?P<vendor>{MARK}{{1,80}})(?:'s?)?")
        else:
            parts.append(f"{group}{'|'.join(_word(w) for w in token.split('|'))})")
    return "".join(parts)


@lru_cache(maxsize=512)
def any_of(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    """One pattern for guards' phrases, which name no vendor."""
    return re.compile("|".join(compiled(p).pattern for p in phrases)) if phrases else None


def straight(text: str) -> str:
    """The text with straight apostrophes, and without the sign that stands for a vendor."""
    return text.translate(_APOSTROPHES)


def fold(text: str) -> str:
    """Without regard to case, at least as coarsely as patterns are."""
    if text.isascii():
        return text.lower()
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


def runs(text: str) -> set[str]:
    """The words of a text, each once, as written but for apostrophes: what a word of a phrase must be or begin."""
    if text.isascii():
        return set(text.encode().translate(_TO_RUNS).decode().split())
    return set(_RUN.findall(straight(text)))


class _Slot(NamedTuple):
    """One word of a phrase: what a word of a text must be, begin with or end with."""

    whole: set[str]
    starts: set[str]
    ends: set[str]


class Sieve:
    """Which of many phrases a text can hold, by its words alone: never too few, and mostly none.

    Each word of a phrase is one bit, and each word of a text is looked up once for the bits that it may stand for.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._size = len(phrases)
        self._all = (1 << self._size) - 1
        self._whole: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        slots = [list(_slots(phrase)) for phrase in phrases]
        self._depth = max(map(len, slots), default=0)
        self._given = 0  # the bits of words that phrases do not have
        for place, mine in enumerate(slots):
            for depth in range(self._depth):
                bit = 1 << (depth * self._size + place)
                if depth >= len(mine):
                    self._given |= bit
                    continue
                slot = mine[depth]
                for table, words in (
                    (self._whole, slot.whole),
                    (self._starts, slot.starts),
                    (self._ends, slot.ends),
                ):
                    for word in words:
                        table[word] = table.get(word, 0) | bit
        self._start_sizes = sorted({len(word) for word in self._starts})
        self._end_sizes = sorted({len(word) for word in self._ends})
        self._bits: dict[str, int] = {}
        self._idle: set[str] = set()

    def candidates(self, words: set[str]) -> int:
        """The phrases that can be in a text of these words: a number whose bits are their places."""
        bits = self._given
        for word in words - self._idle:
            known = self._bits.get(word)
            bits |= self._learn(word) if known is None else known
        found = self._all
        for _ in range(self._depth):
            found &= bits
            if not found:
                return 0
            bits >>= self._size
        return found

    def _learn(self, word: str) -> int:
        if len(self._bits) + len(self._idle) > _MOST_WORDS:
            self._bits.clear()
            self._idle.clear()
        bits = 0
        folded = fold(word)
        for size in self._start_sizes:
            bits |= self._starts.get(folded[:size], 0)
        # A phrase may end before an apostrophe: "the vendor's".
        for end in (*(i for i, sign in enumerate(folded) if sign == "'"), len(folded)):
            bits |= self._whole.get(folded[:end], 0)
            for size in self._end_sizes:
                bits |= self._ends.get(folded[max(end - size, 0) : end], 0)
        if bits:
            self._bits[word] = bits
        else:
            self._idle.add(word)
        return bits


def places(bits: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _slots(phrase: str) -> Iterator[_Slot]:
    """The words of a phrase by which it is sifted."""
    for token in phrase.split():
        slot = None if token in {"*", VENDOR, NAME} else _slot(token.split("|"))
        if slot is not None:
            yield slot


def _slot(words: Iterable[str]) -> _Slot | None:
    slot = _Slot(set(), set(), set())
    for word in words:
        # Up to a hyphen or another sign, where the word of the text ends too.
        literal = _LITERAL.match(word)
        first, *more = fold(literal.group()).split("*") if literal else ("", "")
        if more and first:
            slot.starts.add(first)
        elif more and more[-1]:
            slot.ends.add(more[-1])
        elif first:
            slot.whole.add(first)
        else:
            return None
    return slot
