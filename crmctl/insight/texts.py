"""The texts of an account, read by the rules of ``signals.yaml``: who said what, where, in which mood.

Texts are conversations, mail and chat as far as they are kept, answers to surveys, and what people wrote into the
profile. They are data: nothing in them is followed, and what talks to a machine is not read on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crmctl.insight.citing import BODY
from crmctl.insight.said import Feeling, Mention, Said, kept
from crmctl.insight.sentences import CUSTOMER, NOTE, OURS, Sentence
from crmctl.insight.sentiment import of_message
from crmctl.insight.text_rules import Matcher, TextRules
from crmctl.model.record import Account, Event, Record
from crmctl.model.text import one_line
from crmctl.sources.mail_text import new_text

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


def condense(account: Account, rules: TextRules, today: dt.date) -> Said:
    """Every mention that the rules find, in the order of the files, and the moods that count from ``today`` on."""
    found = Said()
    matcher: Matcher | None = None
    people: dict[str, str] = {}
    moods: list[Feeling] = []
    for text in texts(account):
        if matcher is None:
            matcher = Matcher(rules, _known_vendors(account), _own_names(account))
            people = _by_name(account)
        day = None if text.day is None else text.day.toordinal()
        theirs: list[Sentence] = []
        for sentence, matches in matcher.hear(text.text, text.side):
            if sentence.side == CUSTOMER:
                theirs.append(sentence)
            for match in matches:
                quote, source = one_line(match.sentence.text, _QUOTE), text.place(sentence.line)
                rule = match.rule
                found.mentions.append(
                    Mention(rule.name, rule.kind, match.vendor, day, source, quote)
                )
        moods += _moods(text, theirs, people, rules)
    found.moods = kept(moods, today.toordinal())
    return found


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


def _moods(
    text: Text, theirs: list[Sentence], people: dict[str, str], rules: TextRules
) -> Iterator[Feeling]:
    if text.day is None:
        return
    spoken: dict[str, list[Sentence]] = {}
    for sentence in theirs:
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
        where = text.place(line)
        yield Feeling(value, text.day.toordinal(), who, where, one_line(quote, _QUOTE))
