"""Sentences of the customer that could be evidence for a deal. They are offered to people and count for nothing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.phrases import any_of
from crmctl.insight.sentences import CUSTOMER, sentences
from crmctl.insight.text_rules import Matcher
from crmctl.insight.texts import texts
from crmctl.model.text import one_line

if TYPE_CHECKING:
    from crmctl.insight.qualification import Qualification
    from crmctl.insight.qualification_weights import QualificationWeights
    from crmctl.insight.sentences import Sentence
    from crmctl.insight.text_rules import TextRules
    from crmctl.model.record import Account, Record

_QUOTE = 240  # characters of a quote that are shown


class Offer(NamedTuple):
    """Possible evidence for a component. ``source`` as in `crmctl.insight.citing`, ``person`` as far as it is known."""

    component: str
    label: str
    quote: str
    source: str
    person: str
    day: dt.date | None


def offers(
    account: Account,
    deal: Record,
    found: Qualification,
    rules: TextRules,
    weights: QualificationWeights,
    today: dt.date,
) -> tuple[Offer, ...]:
    """What the customer's own words could prove of ``deal``, the newest first for each component not yet proven.

    Left out are words that a row cites already, those of a conversation about another deal, and what is too old.
    A text that talks to a machine is not read on.
    """
    frame = weights.frameworks[found.framework]
    wanted = {c.name: frame.components[c.name] for c in found.components if c.question}
    cited = {_plain(proof.quote) for c in found.components for proof in c.proofs if proof.quote}
    elsewhere = {r.path for r in account.interactions if r.text("deal") not in ("", deal.id)}
    vendors = [str(v) for r in (account.profile, deal) for v in r.items("competitors")]
    own = [name for c in account.contacts.values() for name in (c.title, *c.title.split())]
    matcher = Matcher(rules, vendors, [account.profile.title, *own])
    kept: dict[str, list[Offer]] = {name: [] for name in wanted}
    for text in texts(account):
        if text.path in elsewhere or text.day is None or text.day > today:
            continue
        for sentence in sentences(text.text, text.side):
            if matcher.instructs(sentence):
                break
            if sentence.side != CUSTOMER or any(_same(sentence.text, quote) for quote in cited):
                continue
            for name, part in wanted.items():
                age = (today - text.day).days
                if part.max_age_days is not None and age > part.max_age_days:
                    continue
                if not _sounds(sentence, part.phrases, set(part.signals), matcher):
                    continue
                who = sentence.person or (text.people[0] if len(text.people) == 1 else "")
                source, quote = text.place(sentence.line), one_line(sentence.text, _QUOTE)
                label = next(c.label for c in found.components if c.name == name)
                kept[name].append(Offer(name, label, quote, source, who, text.day))
    newest = {
        name: sorted(rows, key=lambda o: (o.day or dt.date.min, o.source), reverse=True)
        for name, rows in kept.items()
    }
    return tuple(o for rows in newest.values() for o in rows[: weights.offers_at_most])


def _sounds(
    sentence: Sentence, phrases: tuple[str, ...], signals: set[str], matcher: Matcher
) -> bool:
    pattern = any_of(phrases)
    if pattern is not None and pattern.search(sentence.text.replace("’", "'")):
        return True
    return bool(signals) and any(m.rule.name in signals for m in matcher.matches(sentence))


def _same(sentence: str, quote: str) -> bool:
    said = _plain(sentence)
    return said in quote or quote in said


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
