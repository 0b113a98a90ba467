"""Text as sentences, each with its line and whose words it is.

What a mail quotes is left out, headings too. In a note of ours the words between quotation marks are the customer's,
the rest is ours about them; in a transcript (`crmctl.sources.conversation_text.spoken`) each turn names its side.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

CUSTOMER, OURS, NOTE = "customer", "ours", "note"
SIDES = {"external": CUSTOMER, "internal": OURS, "unknown": NOTE}
LONGEST = 1000  # characters of a sentence that are looked at
_MOST_LINES = 20_000
_SPOKEN = re.compile(
    r"\*\*(?P<name>[^*\n]{1,200})\*\* \((?P<side>external|internal|unknown)(?:, [0-9:]{1,10})?\): ?"
)
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?")
_NAMED = re.compile(r"(?P<name>[A-ZÀ-Þ][\w.'’ -]{0,40}):\s*\Z")
_WE = re.compile(r"(?:we|us|our side|wir|nous|nosotros)\s*:", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_QUOTED = re.compile(r"\"([^\"]{2,2000})\"|[“„]([^“”„]{2,2000})[“”]|«([^«»]{2,2000})»")
_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]{0,3}(?:\s+|\Z)|[。！？]")
_SHORT = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|no|nr|vs|etc|approx|e\.g|i\.e|z\.b|bzw|ca|inc|ltd|co|fig|[a-z])\.\s*\Z",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """``line`` counts from 1 in the text given, ``side`` is one of the constants.

    ``person`` is the speaker's name as written, empty where nobody is named.
    """

    text: str
    line: int
    side: str
    person: str


class _Block(NamedTuple):
    text: str
    starts: list[int]  # where in ``text`` each of its lines begins
    line: int
    side: str
    person: str

    def line_at(self, place: int) -> int:
        return self.line + bisect_right(self.starts, place) - 1


def sentences(text: str, side: str) -> Iterator[Sentence]:
    """The sentences of a text whose words are ``side``'s unless a line says otherwise, in order."""
    for block in _blocks(text, side):
        if block.side != NOTE:
            yield from _split(block, 0, len(block.text), block.side, block.person)
            continue
        done, said = 0, ""
        for match in _QUOTED.finditer(block.text):
            before = block.text[max(done, match.start() - 60) : match.start()]
            named = _NAMED.search(before)
            said = named["name"].rsplit(". ", 1)[-1] if named else said
            yield from _split(block, done, match.start(), NOTE, "")
            start, end = match.span(match.lastindex or 0)
            yield from _split(block, start, end, CUSTOMER, said)
            done = match.end()
        yield from _split(block, done, len(block.text), NOTE, "")


def _blocks(text: str, side: str) -> Iterator[_Block]:
    """Paragraphs, list items and turns; lines that people wrapped are put together again."""
    held: list[str] = []
    first, whose, who = 0, side, ""
    for number, row in enumerate([*text.split("\n", _MOST_LINES)[:_MOST_LINES], ""], 1):
        line = row.replace("\u00a0", " ").rstrip()
        bare = line.lstrip()
        item, turn = _ITEM.match(line), _SPOKEN.match(bare)
        closes = not bare or bare[0] in ">#" or bare.startswith("<!--")
        if held and (closes or item or turn):
            yield _block(held, first, whose, who)
            held = []
        if closes:
            continue
        if not held:
            first, whose, who = number, side, ""
            if turn:
                whose, who, bare = SIDES[turn["side"]], _plain(turn["name"]), bare[turn.end() :]
            elif item:
                bare = line[item.end() :]
                if side == NOTE and _WE.match(bare):
                    whose = OURS
        held.append(bare)


def _block(rows: list[str], line: int, side: str, person: str) -> _Block:
    starts, parts, size = [], [], 0
    for row in rows:
        starts.append(size)
        parts.append(_plain(row))
        size += len(parts[-1]) + 1
    return _Block(" ".join(parts), starts, line, side, person)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _split(block: _Block, start: int, end: int, side: str, person: str) -> Iterator[Sentence]:
    begin = start
    for match in _END.finditer(block.text, start, end):
        if _SHORT.search(block.text[max(begin, match.end() - 12) : match.end()]):
            continue
        if match.end() - begin < LONGEST and _inside_quotes(block.text, begin, match.end(), end):
            continue
        yield from _one(block, begin, match.end(), side, person)
        begin = match.end()
    yield from _one(block, begin, end, side, person)


def _inside_quotes(text: str, begin: int, place: int, end: int) -> bool:
    """Whether quotation marks are open at ``place`` that close soon."""
    closes = text.find('"', place, min(place + LONGEST, end))
    return closes >= 0 and text.count('"', begin, place) % 2 == 1


def _one(block: _Block, start: int, end: int, side: str, person: str) -> Iterator[Sentence]:
    piece = block.text[start:end]
    text = piece.strip()[:LONGEST]
    if any(sign.isalnum() for sign in text):
        place = start + len(piece) - len(piece.lstrip())
        yield Sentence(text, block.line_at(place), side, person)
