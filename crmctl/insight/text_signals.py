"""What an account's texts say: signals by the rules of ``signals.yaml``, and the customer's mood.

Texts are conversations, mail and chat as far as they are kept, answers to surveys, and what people wrote into the
profile. They are data: nothing in them is followed, and what talks to a machine is not read on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.citing import BODY
from crmctl.insight.sentences import CUSTOMER, NOTE, OURS, Sentence, sentences
from crmctl.insight.sentiment import Mood, Sentiment, aggregate, of_message
from crmctl.insight.signals import Quote, Signal
from crmctl.insight.text_rules import Match, Matcher, Rule, TextRules
from crmctl.model.record import Account, Event, Record
from crmctl.model.text import one_line
from crmctl.sources.mail_text import new_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTE = 240  # characters of a quote that are shown
_BY_DIRECTION = {"in": CUSTOMER, "out": OURS}
_WRITTEN = frozenset({"email", "chat"})
_READ = frozenset({"email", "chat", "note", "survey", "call", "meeting"})


class Text(NamedTuple):
    """One text. ``place`` gives the source of one of its lines; ``people`` are ids, ``day`` None if undated."""

    text: str
    side: str
    day: dt.date | None
    people: tuple[str, ...]
    path: str
    line: int | None

    def place(self, line: int) -> str:
        return f"{self.path}:{self.line}" if self.line else f"{self.path}#{BODY}{line}"


class Heard(NamedTuple):
    """All that the texts say. ``vendors`` are quotes by the name of who is named as a competitor, newest first."""

    signals: tuple[Signal, ...]
    vendors: dict[str, tuple[Quote, ...]]
    sentiment: Sentiment


class _Mention(NamedTuple):
    match: Match
    day: dt.date | None
    source: str


def texts(account: Account) -> Iterator[Text]:
    """Everything of an account that somebody wrote or said, and whose words it is."""
    for record in account.interactions:
        if not record.deleted and record.body.strip():
            at = record.time("at")
            written = record.text("type") in _WRITTEN
            side = _BY_DIRECTION.get(record.text("direction"), NOTE) if written else NOTE
            yield Text(
                record.body,
                side,
                None if at is None else at.date(),
                _people(record.items("with")),
                record.path,
                None,
            )
    yield from filter(None, map(_traffic, account.events))
    for record in (account.profile, *account.deals.values()):
        if record.body.strip() and not record.deleted:
            yield Text(record.body, NOTE, None, (), record.path, None)


def heard(account: Account, rules: TextRules, today: dt.date) -> Heard:
    """Signals that the texts of an account give as of ``today``, strongest first within their kind, and the mood.

    Several mentions of one thing make one signal, which quotes the newest; each weighs less the older it is, undated
    ones as if one half-life had passed. What is weaker than the rules' ``floor`` is not told.
    """
    matcher = Matcher(rules, _known_vendors(account), _own_names(account))
    mentions: dict[tuple[str, str], list[_Mention]] = {}
    moods: list[Mood] = []
    people = _by_name(account)
    for text in texts(account):
        if text.day is not None and text.day > today:
            continue
        said = list(_read(text, matcher))
        for sentence in said:
            for match in matcher.matches(sentence):
                mention = _Mention(match, text.day, text.place(sentence.line))
                key = (match.rule.name, match.vendor.casefold())
                mentions.setdefault(key, []).append(mention)
        moods += _moods(text, said, people, rules)
    found = [_signal(group, today) for group in mentions.values()]
    order = {
        kind: place for place, kind in enumerate(("risk", "buying", "expansion", "competitor"))
    }
    told = sorted(
        (s for s in found if s.strength >= rules.floor),
        key=lambda s: (order[s.kind], -s.strength, s.name, s.text),
    )
    mood = aggregate(moods, today, rules.sentiment)
    vendors: dict[str, tuple[Quote, ...]] = {}
    for group in mentions.values():
        name = group[0].match.vendor
        if name and _strength(group, today) >= rules.floor:
            said_of = tuple(
                Quote(one_line(m.match.sentence.text, _QUOTE), m.source)
                for m in _newest_first(group)
            )
            vendors[name] = vendors.get(name, ()) + said_of
    return Heard((*_tone(mood, rules), *told), vendors, mood)


def _traffic(event: Event) -> Text | None:
    data = event.data
    words = str(data.get("text") or "")
    if data.get("deleted") or event.type not in _READ or not words:
        return None
    # Without a direction, an answer to a survey is theirs, and a note is ours about them.
    side = CUSTOMER if event.type == "survey" else NOTE
    side = _BY_DIRECTION.get(str(data.get("direction") or ""), side)
    day = None if event.at is None else event.at.date()
    fresh = new_text(words) if event.type == "email" else words
    return Text(fresh, side, day, _people(data.get("with") or ()), event.path, event.line)


def _people(ids: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, ids))


def _known_vendors(account: Account) -> list[str]:
    records: tuple[Record, ...] = (account.profile, *account.deals.values())
    return [str(name) for record in records for name in record.items("competitors")]


def _own_names(account: Account) -> list[str]:
    """Names that stand for the customer or its people, and so for no vendor."""
    names = [account.profile.title, *account.profile.title.split()[:1]]
    for contact in account.contacts.values():
        names += [contact.title, *contact.title.split()]
    return names


def _by_name(account: Account) -> dict[str, str]:
    """Contacts by full name and, where only one has it, by each part of it."""
    found: dict[str, set[str]] = {}
    for contact in account.contacts.values():
        for name in {contact.title, *contact.title.split()}:
            found.setdefault(name.casefold(), set()).add(contact.id)
    return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}


def _read(text: Text, matcher: Matcher) -> Iterator[Sentence]:
    """The sentences of a text up to one that talks to a machine: whoever writes so may say anything."""
    for sentence in sentences(text.text, text.side):
        if matcher.instructs(sentence):
            return
        yield sentence


def _moods(
    text: Text, said: list[Sentence], people: dict[str, str], rules: TextRules
) -> Iterator[Mood]:
    if text.day is None:
        return
    spoken: dict[str, list[Sentence]] = {}
    for sentence in said:
        if sentence.side == CUSTOMER:
            spoken.setdefault(sentence.person, []).append(sentence)
    for name, own in spoken.items():
        found = of_message((s.text for s in own), rules.sentiment)
        if found is None:
            continue
        value, quote = found
        who = people.get(name.casefold(), "") if name else ""
        if not name and text.side == CUSTOMER and len(text.people) == 1:
            who = text.people[0]
        line = next(s.line for s in own if s.text == quote)
        yield Mood(value, text.day, who, text.place(line), one_line(quote, _QUOTE))


def _newest_first(group: Sequence[_Mention]) -> list[_Mention]:
    return sorted(group, key=lambda m: (m.day or dt.date.min, m.source), reverse=True)


def _strength(group: Sequence[_Mention], today: dt.date) -> float:
    """Mentions on different days bear each other out; those of one day count once."""
    rule = group[0].match.rule
    days = {mention.day for mention in group}
    return 1 - prod(1 - rule.strength * _decay(rule, day, today) for day in days)


def _decay(rule: Rule, day: dt.date | None, today: dt.date) -> float:
    lives = 1.0 if day is None else (today - day).days / rule.half_life_days
    return float(0.5**lives)


def _signal(group: Sequence[_Mention], today: dt.date) -> Signal:
    newest = _newest_first(group)[0]
    rule, vendor, sentence = newest.match
    quote = one_line(sentence.text, _QUOTE)
    label = rule.name.replace("_", " ")
    more = f", and {len(group) - 1} more" if len(group) > 1 else ""
    about = f"{vendor}: {label}" if vendor else label
    return Signal(
        rule.kind,
        rule.name,
        f'{about}: "{quote.strip(chr(34))}"{more}',
        newest.day,
        newest.source,
        rule.play,
        quote,
        _strength(group, today),
    )


def _tone(mood: Sentiment, rules: TextRules) -> Iterator[Signal]:
    tone = rules.sentiment
    if mood.value is None or mood.value >= tone.negative_below:
        return
    worst = min(mood.latest, key=lambda m: (m.value, -m.day.toordinal(), m.source))
    text = f'their tone is negative in {mood.messages} messages: "{worst.quote}"'
    yield Signal(
        "risk", "negative_tone", text, worst.day, worst.source, tone.play, worst.quote, -mood.value
    )
