"""What was said and noted of an account, as ``health.md`` states it: each claim with the mark of its evidence.

A mark is the claim's name and a digest of place and words. It tells, when the files have changed, whether what a page
claims can still be read where it says: a claim whose source is gone must go too. That a claim fades is no change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.evidence import Evidence
from crmctl.insight.said import Mention, Said
from crmctl.insight.signals import CHANGED_COMPANY, COMPETITOR, Signal
from crmctl.insight.text_signals import TONE, mentions_until

if TYPE_CHECKING:
    from crmctl.insight.text_signals import Heard


class Claim(NamedTuple):
    """``mark`` is that of the evidence it quotes; any of ``marks`` bears it out."""

    signal: Signal
    mark: str
    marks: frozenset[str]


def claims(
    evidence: Evidence, said: Said, heard: Heard, known: Iterable[Signal], today: dt.date
) -> list[Claim]:
    """What people said, and what records note of competitors and of people who moved on, strongest first.

    ``heard`` is what ``said`` tells as of ``today``, ``known`` are the signals of the records. What is computed from
    numbers is no claim: the score's own lines show it.
    """
    found = [*_of_texts(said, heard, today), *_of_records(evidence, known)]
    return sorted(found, key=lambda c: (-c.signal.strength, c.signal.kind, c.mark))


def standing(evidence: Evidence, said: Said, told: Iterable[Claim], today: dt.date) -> set[str]:
    """The marks of everything that still bears a claim out, also of one that has become too weak to be told."""
    groups = mentions_until(said, today.toordinal())
    found = {mark for (name, _), group in groups.items() for mark in _marks(name, group)}
    found |= {_mark(COMPETITOR, v.source, v.name) for v in evidence.vendors}
    found |= {_mark(CHANGED_COMPANY, m.source, m.now) for m in evidence.moved}
    return found.union(*(claim.marks for claim in told))


def outdated(stated: object, told: Iterable[Claim], still: set[str]) -> bool:
    """Whether a page that states these marks claims what nothing bears out any more, or leaves a claim out.

    A template of the team's own may state no marks; then they cannot have changed.
    """
    if not isinstance(stated, list):
        return False
    marks = {str(mark) for mark in stated}
    return not marks <= still or any(marks.isdisjoint(claim.marks) for claim in told)


def plain_claims(told: Iterable[Claim], today: dt.date) -> list[dict[str, Any]]:
    """For templates: each claim's signal as plain data, with its ``age`` in days (None if undated) and its ``mark``."""
    return [
        claim.signal._asdict()
        | {
            "age": None if claim.signal.as_of is None else (today - claim.signal.as_of).days,
            "mark": claim.mark,
        }
        for claim in told
    ]


def _of_texts(said: Said, heard: Heard, today: dt.date) -> Iterator[Claim]:
    borne_out: dict[str, set[str]] = {}
    for (name, _), group in mentions_until(said, today.toordinal()).items():
        marks = _marks(name, group)
        for mark in marks:
            borne_out.setdefault(mark, set()).update(marks)
    # A tone rests on all messages together: it stands as long as it is told.
    tone = {_mark(TONE, m.source, m.quote) for m in heard.sentiment.latest}
    for signal in heard.signals:
        mark = _mark(signal.name, signal.source, signal.quote)
        yield Claim(signal, mark, frozenset(tone if signal.name == TONE else borne_out[mark]))


def _of_records(evidence: Evidence, known: Iterable[Signal]) -> Iterator[Claim]:
    vendors: dict[str, set[str]] = {}
    for vendor in evidence.vendors:
        mark = _mark(COMPETITOR, vendor.source, vendor.name)
        vendors.setdefault(vendor.name.casefold(), set()).add(mark)
    for signal in known:
        mark = _mark(signal.name, signal.source, signal.quote)
        if signal.name == COMPETITOR:
            yield Claim(signal, mark, frozenset(vendors[signal.quote.casefold()]))
        elif signal.name == CHANGED_COMPANY:
            yield Claim(signal, mark, frozenset({mark}))


def _marks(name: str, group: Iterable[Mention]) -> set[str]:
    return {_mark(name, mention.source, mention.quote) for mention in group}


def _mark(name: str, source: str, quote: str) -> str:
    digest = blake2b(f"{source}\n{quote}".encode(), digest_size=4).hexdigest()
    return f"{name} {digest}"
