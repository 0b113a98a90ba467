"""What a page of a web site shows: its tags of interest with their lines, its title, its links.

No document is built (see `crmctl.sources.mail_html`): tags are read one after the other, in time linear in the page.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,30})(?=[\s/>])")
_ATTRIBUTE = re.compile(
    r"([a-zA-Z][\w:.-]{0,60})\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))"
)
_LONGEST_TAG = 8192  # characters of a tag that are looked at
_LONGEST_TEXT = 1000
_RAW = frozenset({"script", "style", "template", "noframes", "textarea"})
_KEPT = frozenset(
    {"a", "meta", "link", "script", "iframe", "frame", "title", "h1", "h2", "h3", "h4", "li"}
)
_SPOKEN = frozenset({"a", "title", "h1", "h2", "h3", "h4", "li"})
_QUOTE_STEPS = 20
_MOST_TAGS = 3000
_BLANKS = re.compile(r"\s+")


class Tag(NamedTuple):
    """An opening tag that matters; ``text`` is what stands in it up to the next tag, ``line`` counts from 1."""

    name: str
    attributes: Mapping[str, str]
    text: str
    line: int


def tags(html: str) -> Iterator[Tag]:
    """The tags of a page in their order; a page without end ends after `_MOST_TAGS`."""
    small = html.lower() if len(html.lower()) == len(html) else html
    starts = [0, *(m.end() for m in re.finditer("\n", html))]
    place = found = 0
    while (start := html.find("<", place)) >= 0 and found < _MOST_TAGS:
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4)
            place = end + 3 if end >= 0 else len(html)
            continue
        name = _NAME.match(html, start + 1)
        if name is None:
            place = start + 1
            continue
        end = _end(html, start)
        if end < 0:
            return
        place, tag = end + 1, name[1].lower()
        if html[start + 1] == "/":
            continue
        if tag in _KEPT:
            found += 1
            text = _text(html, small, place, tag) if tag in _SPOKEN else ""
            line = bisect_right(starts, start)
            yield Tag(tag, _attributes(html[start : min(end, start + _LONGEST_TAG)]), text, line)
        if tag in _RAW:
            close = small.find(f"</{tag}", place)
            place = close if close >= 0 else len(html)


def _end(html: str, start: int) -> int:
    """Where a tag ends, -1 if nowhere; a ``>`` between quotes does not end it."""
    first = end = html.find(">", start)
    for _ in range(_QUOTE_STEPS):
        if end < 0 or html.count('"', start, end) % 2 == 0:
            break
        end = html.find(">", end + 1, end + 4096)
    return first if end < 0 else end


def _attributes(tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        value = next((v for v in match.groups()[1:] if v is not None), "")
        found.setdefault(match[1].lower(), _plain(value))
    return found


def _text(html: str, small: str, place: int, tag: str) -> str:
    """The words in a tag, those of tags within it too, up to where it closes."""
    close = small.find(f"</{tag}", place, place + 4 * _LONGEST_TEXT)
    piece = html[place : close if close >= 0 else place + _LONGEST_TEXT]
    words, at = [], 0
    while (start := piece.find("<", at)) >= 0:
        words.append(piece[at:start])
        end = piece.find(">", start)
        at = end + 1 if end >= 0 else len(piece)
    return _plain(" ".join([*words, piece[at:]]))


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", unescape(text[:_LONGEST_TEXT])).strip()
