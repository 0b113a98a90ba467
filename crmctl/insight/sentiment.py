"""How the customer sounds: the polarity of each message's own new words, and of people and account over time.

Polarity is VADER's, -1 to 1, with the words of business mail set right by ``signals.yaml``. VADER knows English: what
is written in another language has no polarity here, which is not the same as a neutral one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from math import fsum
from string import punctuation
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crmctl.insight.phrases import Sieve, any_of, runs

if TYPE_CHECKING:
    from crmctl.insight.text_rules import Tone

# Words that only this language has, of those that stand in nearly every sentence.
_ENGLISH = frozenset(
    """the and is are was were be been have has had we you they it this that these of to for with not our your my
    their from by as at will would can could should do does did there what which who when how if but so i'm we're
    it's i us them he she""".split()
)
_OTHER = frozenset(
    """der die das und ist sind nicht wir ihr sie ich ein eine einen mit für auf zu den dem von es im le la les et
    est nous vous pas une des du que pour dans el los las y no es con por para una nos se het een en van wij niet
    zijn voor op det er og ikke vi til av som har è il che non per""".split()
)
_WORD = re.compile(r"[\w']{1,40}")
_CURLY = str.maketrans("’‘", "''")


class Analyzer(Protocol):
    """What is used of VADER, which comes without types."""

    lexicon: dict[str, float]

    def polarity_scores(self, text: str) -> dict[str, float]: ...


class Mood(NamedTuple):
    """One message's. ``value`` is -1 to 1; ``quote`` the sentence that says most; ``person`` empty if unknown."""

    value: float
    day: dt.date
    person: str
    source: str
    quote: str


class Sentiment(NamedTuple):
    """An account's: means over messages, -1 to 1, where a message counts half after a half-life.

    ``latest`` are the moods it rests on, newest first.
    """

    value: float | None
    people: dict[str, float]
    messages: int
    latest: tuple[Mood, ...]


def polarity(text: str, tone: Tone) -> float | None:
    """A sentence's, -1 to 1; None when it is not English as far as can be seen."""
    plain = text.translate(_CURLY)
    words = [word.casefold() for word in _WORD.findall(plain)]
    english = sum(word in _ENGLISH for word in words)
    if english < sum(word in _OTHER and word not in _ENGLISH for word in words):
        return None
    analyzer, neutral, sieve = _reader(tone)
    known = not analyzer.lexicon.keys().isdisjoint(word.strip("'") for word in words)
    if not english and not known:
        return None
    if neutral and sieve.candidates(runs(plain)):
        plain = neutral.sub("that", plain)
    if plain.isascii() and not _felt(plain, analyzer):
        return 0.0
    return float(analyzer.polarity_scores(plain)["compound"])


def _felt(text: str, analyzer: Analyzer) -> bool:
    """Whether a word or sign has a feeling at all; else nothing around it has. (Emoji are not ASCII.)"""
    said = set(text.lower().split())
    return not (
        analyzer.lexicon.keys().isdisjoint(said)
        and analyzer.lexicon.keys().isdisjoint(word.strip(punctuation) for word in said)
    )


def of_message(texts: Iterable[str], tone: Tone) -> tuple[float, str] | None:
    """The mean of what a message's sentences feel, and the sentence that feels most; None without any English.

    Sentences without feeling dilute no other: "Please find it attached" behind a complaint is no comfort.
    """
    felt = [(value, text) for text in texts if (value := polarity(text, tone)) is not None]
    if not felt:
        return None
    strong = [(value, text) for value, text in felt if value] or felt[:1]
    mean = fsum(value for value, _ in strong) / len(strong)
    return mean, max(strong, key=lambda pair: abs(pair[0]))[1]


def aggregate(moods: Sequence[Mood], today: dt.date, tone: Tone) -> Sentiment:
    """Means for the account and for each person; ``value`` is None below the least number of messages."""
    now = [mood for mood in moods if mood.day <= today]
    ordered = tuple(sorted(now, key=lambda m: (m.day, m.source), reverse=True))
    people: dict[str, list[Mood]] = {}
    for mood in ordered:
        if mood.person:
            people.setdefault(mood.person, []).append(mood)
    enough = len(ordered) >= tone.at_least_messages
    return Sentiment(
        _mean(ordered, tone) if enough else None,
        {person: _mean(said, tone) for person, said in sorted(people.items())},
        len(ordered),
        ordered,
    )


def _mean(moods: Sequence[Mood], tone: Tone) -> float:
    # Ages count from the newest, which alone gives the same mean without numbers that vanish.
    newest = max(mood.day for mood in moods)
    weights = [0.5 ** ((newest - mood.day).days / tone.half_life_days) for mood in moods]
    return fsum(w * m.value for w, m in zip(weights, moods, strict=True)) / fsum(weights)


# Tones are few and large: looked up by identity, which holds as long as the entry does.
_readers: dict[int, tuple[Tone, Analyzer, re.Pattern[str] | None, Sieve]] = {}


def _reader(tone: Tone) -> tuple[Analyzer, re.Pattern[str] | None, Sieve]:
    held = _readers.get(id(tone))
    if held is None or held[0] is not tone:
        _readers.clear()
        analyzer = _vader()
        analyzer.lexicon = {**analyzer.lexicon, **tone.words}
        for word, valence in tone.words.items():
            if not valence:
                del analyzer.lexicon[word]
        held = (tone, analyzer, any_of(tone.neutral), Sieve(tone.neutral))
        _readers[id(tone)] = held
    return held[1:]


def _vader() -> Analyzer:
    from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]
        SentimentIntensityAnalyzer,
    )

    found: Analyzer = SentimentIntensityAnalyzer()
    return found
