"""Text as sentences, each with its line and whose words it is.

What a mail quotes is left out, headings too. In a note of ours the words between quotation marks are the customer's,
the rest is ours about them; in a transcript (`crmctl.sources.conversation_text.spoken`) each turn names its side.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
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
_OPENING = '"“„«'  # what a quotation begins with
_SAYS = re.compile(r"[^\W_]")  # a letter or a digit
_CUT_WORD = re.compile(r"[\w'’]+\Z")
_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]{0,3}(?:\s+|\Z)|[。！？]")
_ABBREVIATED = 7  # letters before the dot, and what stands before them
_SHORT = re.compile(
    r"(?<![^\s(])(?:mr|mrs|ms|dr|prof|st|no|nr|vs|etc|approx|e\.g|i\.e|z\.b|bzw|ca|inc|ltd|co|fig|[a-z])\.\s+\Z",
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


# The parts of a paragraph that matter, by start and end.
Wanted = Callable[[str], list[tuple[int, int]]]


class _Block(NamedTuple):
    text: str
    starts: list[int]  # where in ``text`` each of its lines begins
    line: int
    side: str
    person: str
    spans: list[tuple[int, int]] | None = None

    def line_at(self, place: int) -> int:
        return self.line + bisect_right(self.starts, place) - 1


def sentences(text: str, side: str, wanted: Wanted | None = None) -> Iterator[Sentence]:
    """The sentences of a text whose words are ``side``'s unless a line says otherwise, in order.

    ``wanted`` says which parts of a paragraph matter, by start and end: of what is not the customer's only the
    sentences are given that have to do with one of them.
    """
    for block in _blocks(text, side):
        spans = None if wanted is None else wanted(block.text)
        if spans is not None and not spans and not customers(block.text, block.side):
            continue
        block = block._replace(spans=spans)  # noqa: PLW2901 - the same paragraph
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
                whose, who, bare = SIDES[turn["side"]], plain(turn["name"]), bare[turn.end() :]
            elif item:
                bare = line[item.end() :]
                if side == NOTE and _WE.match(bare):
                    whose = OURS
        held.append(bare)


def _block(rows: list[str], line: int, side: str, person: str) -> _Block:
    starts, parts, size = [], [], 0
    for row in rows:
        starts.append(size)
        parts.append(plain(row))
        size += len(parts[-1]) + 1
    return _Block(" ".join(parts), starts, line, side, person)


def plain(text: str) -> str:
    """Markdown without its backslashes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def customers(text: str, side: str) -> bool:
    """Whether words of the customer's can be in a text: never wrongly no."""
    return (
        side == CUSTOMER or "**" in text or (side == NOTE and any(map(text.__contains__, _OPENING)))
    )


def _split(block: _Block, start: int, end: int, side: str, person: str) -> Iterator[Sentence]:
    text, begin = block.text, start
    spans = None if side == CUSTOMER else block.spans
    if spans is not None:
        spans = [span for span in spans if span[0] < end and span[1] > start]
        if not spans:
            return
    quotes = '"' in text
    for match in _END.finditer(text, start, end):
        place = match.end()
        if _SHORT.search(text, max(begin, match.start() - _ABBREVIATED), place):
            continue
        if quotes and place - begin < LONGEST and _inside_quotes(text, begin, place, end):
            continue
        if spans is None or any(a < place and b > begin for a, b in spans):
            sentence = _one(block, begin, place, side, person)
            if sentence is not None:
                yield sentence
        begin = place
    if begin == end:
        return
    sentence = _one(block, begin, end, side, person)
    if sentence is not None:
        yield sentence


def _inside_quotes(text: str, begin: int, place: int, end: int) -> bool:
    """Whether quotation marks are open at ``place`` that close soon."""
    closes = text.find('"', place, min(place + LONGEST, end))
    return closes >= 0 and text.count('"', begin, place) % 2 == 1


def _one(block: _Block, start: int, end: int, side: str, person: str) -> Sentence | None:
    piece = block.text[start:end]
    text = piece.strip()
    if len(text) > LONGEST:
        # No word is cut into another.
        text = _CUT_WORD.sub("", text[: LONGEST + 1])[:LONGEST]
    if not _SAYS.search(text):
        return None
    place = start + len(piece) - len(piece.lstrip())
    line = block.line if len(block.starts) == 1 else block.line_at(place)
    return Sentence(text, line, side, person)
