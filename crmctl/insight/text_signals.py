"""What an account's texts say as of a day: signals by the rules of ``signals.yaml``, and the customer's mood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.said import KEPT_MOODS, Mention, Said
from crmctl.insight.sentiment import Mood, Sentiment, aggregate
from crmctl.insight.signals import KINDS, Quote, Signal
from crmctl.insight.texts import Text, condense, texts

if TYPE_CHECKING:
    from crmctl.insight.text_rules import Rule, TextRules
    from crmctl.model.record import Account

__all__ = ["NOTHING", "TONE", "Heard", "Text", "heard", "mentions_until", "texts", "told"]

TONE = "negative_tone"


class Heard(NamedTuple):
    """All that the texts say. ``vendors`` are quotes by the name of who is named as a competitor, newest first."""

    signals: tuple[Signal, ...]
    vendors: dict[str, tuple[Quote, ...]]
    sentiment: Sentiment


NOTHING = Heard((), {}, Sentiment(None, {}, 0, ()))


def heard(account: Account, rules: TextRules, today: dt.date) -> Heard:
    """`told`, of an account's texts as they are."""
    return told(condense(account, rules, today), rules, today)


def told(said: Said, rules: TextRules, today: dt.date) -> Heard:
    """Signals that the texts of an account give as of ``today``, strongest first within their kind, and the mood.

    Several mentions of one thing make one signal, which quotes the newest; each weighs less the older it is, undated
    ones as if one half-life had passed. What is weaker than the rules' ``floor`` is not told. ``rules`` are those that
    the texts were read by.
    """
    by_name = {rule.name: rule for rule in rules.rules}
    now = today.toordinal()
    groups = mentions_until(said, now)
    found: list[Signal] = []
    vendors: dict[str, tuple[Quote, ...]] = {}
    for (name, _), group in groups.items():
        strength = _strength(by_name[name], group, now)
        if strength < rules.floor:
            continue
        newest = _newest_first(group)
        found.append(_signal(by_name[name], newest, strength))
        vendor = group[0].vendor
        if vendor:
            quotes = tuple(Quote(m.quote, m.source) for m in newest)
            vendors[vendor] = vendors.get(vendor, ()) + quotes
    found.sort(key=lambda s: (KINDS.index(s.kind), -s.strength, s.name, s.text))
    mood = aggregate(_moods_until(said, now), today, rules.sentiment)
    return Heard((*_tone(mood, rules), *found), vendors, mood)


def mentions_until(said: Said, now: int) -> dict[tuple[str, str], list[Mention]]:
    """What was said up to a day, by rule and vendor (without regard to case), in the order of the files."""
    groups: dict[tuple[str, str], list[Mention]] = {}
    for mention in said.mentions:
        if mention.day is None or mention.day <= now:
            groups.setdefault((mention.rule, mention.vendor.casefold()), []).append(mention)
    return groups


def _moods_until(said: Said, now: int) -> list[Mood]:
    known = [m for m in said.moods if m.day <= now][:KEPT_MOODS]
    return [Mood(m.value, dt.date.fromordinal(m.day), m.person, m.source, m.quote) for m in known]


def _newest_first(group: Sequence[Mention]) -> list[Mention]:
    return sorted(group, key=lambda m: (m.day or 0, m.source), reverse=True)


def _strength(rule: Rule, group: Sequence[Mention], now: int) -> float:
    """Mentions on different days bear each other out; those of one day count once."""
    days = {mention.day for mention in group}
    return 1 - prod(1 - rule.strength * _decay(rule, day, now) for day in days)


def _decay(rule: Rule, day: int | None, now: int) -> float:
    lives = 1.0 if day is None else (now - day) / rule.half_life_days
    return float(0.5**lives)


def _signal(rule: Rule, newest_first: Sequence[Mention], strength: float) -> Signal:
    newest = newest_first[0]
    label = rule.name.replace("_", " ")
    more = f", and {len(newest_first) - 1} more" if len(newest_first) > 1 else ""
    about = f"{newest.vendor}: {label}" if newest.vendor else label
    return Signal(
        rule.kind,
        rule.name,
        f'{about}: "{newest.quote.strip(chr(34))}"{more}',
        None if newest.day is None else dt.date.fromordinal(newest.day),
        newest.source,
        rule.play,
        newest.quote,
        strength,
        rule.half_life_days,
    )


def _tone(mood: Sentiment, rules: TextRules) -> Iterator[Signal]:
    tone = rules.sentiment
    if mood.value is None or mood.value >= tone.negative_below:
        return
    worst = min(mood.latest, key=lambda m: (m.value, -m.day.toordinal(), m.source))
    text = f'their tone is negative in {mood.messages} messages: "{worst.quote}"'
    yield Signal(
        "risk",
        TONE,
        text,
        worst.day,
        worst.source,
        tone.play,
        worst.quote,
        -mood.value,
        tone.half_life_days,
    )
