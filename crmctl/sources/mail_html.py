"""HTML of a message as plain text.

No document is built: parsers that build one, Python's own among them, take minutes for HTML that was broken on purpose.
The tags are read one after the other, which takes no longer than the HTML is long.
"""

from __future__ import annotations

import re
from html import unescape

from crmctl.sources.mail_text import spaced

_LONGEST = 1 << 20  # characters of HTML worth reading
_BLOCKS = frozenset(
    "address article blockquote center dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre"
    " section table tr ul".split()
)
_PARTED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "blockquote"})
_UNSHOWN = frozenset({"script", "style", "title", "head", "template", "noframes"})
_CELLS = frozenset({"td", "th"})
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_QUOTE_STEPS = 20  # places where a quoted ``>`` may hide the end of a tag
_DEEPEST = 9  # marks before a quote of quotes


def html_to_text(html: str) -> str:
    """The text of HTML, quotes marked with ``>``. Nothing is fetched, and no address of a link or picture is kept."""
    html = html[:_LONGEST]
    small = html.lower() if len(html.lower()) == len(html) else html
    page = _Page()
    place = 0
    while (start := html.find("<", place)) >= 0:
        page.say(html[place:start])
        place = start
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4)
            place = end + 3 if end >= 0 else len(html)
            continue
        end = _tag_end(html, start)
        if end < 0:
            break
        name = _NAME.match(html, start + 1)
        if name is None:
            unshown = html[start + 1] in "!?/"
            page.say("" if unshown else "<")
            place = end + 1 if unshown else start + 1
            continue
        tag, closing = name[1].lower(), html[start + 1] == "/"
        place = end + 1
        if tag in _UNSHOWN and not closing:
            end = small.find(f"</{tag}", place)
            place = end if end >= 0 else len(html)
        else:
            page.tag(tag, closing=closing)
    page.say(html[place:])
    return page.text()


def _tag_end(html: str, start: int) -> int:
    """Where a tag ends, -1 if nowhere; a ``>`` between quotes does not end it."""
    first = end = html.find(">", start)
    for _ in range(_QUOTE_STEPS):
        if end < 0:
            return first
        tag = html[start:end]
        if tag.count('"') % 2 == 0:
            return end
        end = html.find(">", end + 1, end + 4096)
    return first


class _Page:
    """Rows of text as they come up."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._row: list[str] = []
        self._depth = self._verbatim = 0

    def say(self, text: str) -> None:
        if not text:
            return
        if not self._verbatim:
            self._row.append(_BLANKS.sub(" ", unescape(text)))
            return
        *whole, last = unescape(text).split("\n")
        for row in whole:
            self._row.append(row)
            self._end(always=True)
        self._row.append(last)

    def tag(self, name: str, *, closing: bool) -> None:
        if name in _CELLS:
            self._row.append(" ")
        elif name == "br":
            self._end(always=True)
        elif name in _BLOCKS:
            self._end()
            if name in _PARTED and self._rows and self._rows[-1]:
                self._rows.append("")
            step = -1 if closing else 1
            if name == "blockquote":
                self._depth = max(0, self._depth + step)
            elif name == "pre":
                self._verbatim = max(0, self._verbatim + step)
            elif name == "li" and not closing:
                self._row.append("- ")

    def text(self) -> str:
        self._end()
        return spaced(self._rows)

    def _end(self, *, always: bool = False) -> None:
        row = _BLANKS.sub(" ", "".join(self._row)).strip()
        self._row = []
        if row or always:
            mark = ">" * min(self._depth, _DEEPEST)
            self._rows.append(f"{mark} {row}" if mark else row)
