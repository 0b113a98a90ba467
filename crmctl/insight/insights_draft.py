"""What sentences about an account are made of, before they are merged, ranked and numbered."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.model.text import one_line

if TYPE_CHECKING:
    from crmctl.insight.insight_weights import InsightWeights
    from crmctl.model.record import Account

GROUPS = {
    "standing": "Where it stands",
    "changed": "What changed",
    "risks": "Risks",
    "chances": "Chances",
    "people": "People",
    "deals": "Deals",
    "promises": "Promises and next steps",
    "questions": "Open questions",
    "background": "Background",
}
"""The groups in the order in which they are told, with their headings."""
_LONGEST = 400  # characters of one sentence
_ID = re.compile(r"[\w-]+")  # what the id of a contact is, between what can be in none
_END = re.compile(r"[.!?…][\"'”)\]]*\Z")


class Cite(NamedTuple):
    """Where something stands. ``source`` is ``path:line`` or ``path#field``; ``quote`` are the words there, if any."""

    source: str
    as_of: dt.date | None = None
    quote: str = ""


@dataclass(slots=True)
class Draft:
    """One fact. Drafts of one group with the same ``key`` are the same fact.

    ``strength`` is 0 to 1; ``bonus`` are points on top of those of its ``kind``, ``points`` those of the health score
    at stake. ``day`` is set where a fact loses weight with time. ``advice`` is what to do about it,
    ``due`` when a promise is to be kept.
    """

    group: str
    kind: str
    key: str
    text: str
    cites: list[Cite]
    strength: float = 1.0
    bonus: float = 0.0
    points: float | None = None
    day: dt.date | None = None
    advice: str = ""
    action: str = ""
    due: dt.date | None = None


@dataclass(slots=True)
class Material:
    """What sentences are made from: the account, its picture (`crmctl.insight.picture`), measures, numbers, today."""

    account: Account
    seen: Mapping[str, Any]
    series: Mapping[str, Sequence[tuple[int, float]]]
    weights: InsightWeights
    today: dt.date
    since: dt.date = field(default=dt.date.min)

    def name(self, id: str) -> str:
        """A contact's name, the id where there is no such contact."""
        record = self.account.contacts.get(str(id))
        return str(id) if record is None else one_line(record.title, 80)

    def names(self, ids: Sequence[str]) -> str:
        return together([self.name(id) for id in ids])

    def spelled(self, text: str) -> str:
        """A text of ours in which contacts stand by id, with their names instead."""
        there = self.account.contacts
        return _ID.sub(lambda found: self.name(found[0]) if found[0] in there else found[0], text)


def together(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def sentence(text: str) -> str:
    """A clean sentence: one line, a capital at the start, a full stop at the end."""
    line = one_line(text, _LONGEST)
    line = line[:1].upper() + line[1:]
    return line if _END.search(line) else f"{line}."


def money(amount: Any, currency: str) -> str:
    """``96,000 EUR``."""
    return f"{amount:,.0f} {currency}".rstrip()


def counted(number: int, word: str) -> str:
    """``1 mail``, ``3 mails``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """``84 %`` of 0.84."""
    return f"{100 * share:.0f} %"
