"""What the texts of one account say, condensed and free of today's date, so that it can be kept like evidence.

Reading texts is dearer than reading all other records together: it is done once for each state of the files and of
``signals.yaml``. What a mention weighs on some day is for `crmctl.insight.text_signals` to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

# The latest messages' moods that are remembered: with any half-life in use, older ones weigh next to nothing.
KEPT_MOODS = 60


class Mention(NamedTuple):
    """A sentence that fulfils a rule of ``signals.yaml``. ``day`` is an ordinal, None if undated; ``vendor`` is empty
    where the rule names none.
    """

    rule: str
    kind: str
    vendor: str
    day: int | None
    source: str
    quote: str


class Feeling(NamedTuple):
    """The mood of one message of theirs, -1 to 1, with the sentence that says most; ``person`` is empty if unknown."""

    value: float
    day: int
    person: str
    source: str
    quote: str


@dataclass(slots=True)
class Said:
    """One account's. ``moods`` are newest first, those of days to come before all."""

    mentions: list[Mention] = field(default_factory=list)
    moods: list[Feeling] = field(default_factory=list)

    def as_json(self) -> list[Any]:
        """Plain lists for `json`."""
        return [self.mentions, self.moods]

    @classmethod
    def from_json(cls, data: list[Any]) -> Said:
        """`as_json`, taken back."""
        mentions, moods = data
        return cls([Mention._make(row) for row in mentions], [Feeling._make(row) for row in moods])


def kept(moods: list[Feeling], now: int) -> list[Feeling]:
    """The latest `KEPT_MOODS` as of ``now``, and all of later days, so that the same are kept on any day after."""
    ordered = sorted(moods, key=lambda m: (m.day, m.source), reverse=True)
    ahead = sum(mood.day > now for mood in ordered)
    return ordered[: ahead + KEPT_MOODS]
