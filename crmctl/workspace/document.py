"""A Markdown file with front matter: split by crmctl's own rules, exact to the byte.

The first line is ``---`` and nothing else; the header runs to the next line that is ``---`` and
nothing else. A BOM and CRLF line ends are read, and stay in ``raw`` for the writer to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from crmctl.model.errors import DamagedFile, Problem
from crmctl.workspace import yamlio

BOM = "\ufeff"
HEADER_LINE = 2


@dataclass(frozen=True)
class Document:
    """One parsed file: ``header`` and ``body`` are text as it stands, without fences and BOM."""

    path: str
    raw: bytes
    header: str
    body: str
    data: dict[str, Any]
    header_line: int = HEADER_LINE

    @cached_property
    def nodes(self) -> yamlio.Node | None:
        """The header's YAML nodes, with offsets into ``header``."""
        return yamlio.compose(self.header, path=self.path, first_line=self.header_line)

    def line_of(self, key_path: tuple[str | int, ...]) -> int:
        """The line, from 1, of the key or list item at ``key_path``; 0 where there is none."""
        start = yamlio.start_of(self.nodes, key_path)
        return 0 if start is None else self.header_line + self.header.count("\n", 0, start)


def parse(raw: bytes, path: str, *, fast: bool = False) -> Document:
    """Split and read a file; DamagedFile (code ``front-matter`` or ``yaml``) says what is wrong and where.

    ``fast`` reads plain headers with the fast parser; the result is the same.
    """
    header, body = split(raw, path)
    load = yamlio.load_fast if fast else yamlio.load
    return _document(path, raw, header, body, load(header, path=path, first_line=HEADER_LINE))


def parse_nodes(raw: bytes, path: str) -> Document:
    """As parse(), for a caller that needs ``nodes`` anyway: reads the header once."""
    header, body = split(raw, path)
    nodes = yamlio.compose(header, path=path, first_line=HEADER_LINE)
    document = _document(path, raw, header, body, yamlio.construct(nodes))
    vars(document)["nodes"] = nodes
    return document


def split(raw: bytes, path: str) -> tuple[str, str]:
    """Header and body text, both without the fences; DamagedFile where there is no front matter."""
    if 0 in raw:
        _refuse(path, raw.count(b"\n", 0, raw.index(0)) + 1, "holds a NUL character; remove it")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _refuse(path, line, "is not UTF-8 text; save it as UTF-8")
    text = text.removeprefix(BOM)
    fence = "---\r\n" if text.startswith("---\r\n") else "---\n"
    if not text.startswith(fence):
        _refuse(path, 1, "has no front matter; the first line must be exactly ---")
    start = len(fence)
    close = _closing(text, start - 1)
    if close is None:
        _refuse(path, 1, "has an unclosed front matter; end it with a line that is exactly ---")
    return text[start : close[0]], text[close[1] :]


def _closing(text: str, at: int) -> tuple[int, int] | None:
    """Start and end of the first line that is exactly ``---``, searched from the line end ``at``."""
    while (at := text.find("\n---", at)) >= 0:
        end = text.find("\n", at + 4) + 1 or len(text)
        if text[at + 4 : end] in ("", "\n", "\r\n", "\r"):
            return at + 1, end
        at += 4
    return None


def _document(path: str, raw: bytes, header: str, body: str, data: object) -> Document:
    if data is None:
        data = {}
    if not isinstance(data, dict):
        _refuse(path, HEADER_LINE, "the front matter must be a map of keys and values")
    return Document(path, raw, header, body, data)


def _refuse(path: str, line: int, message: str) -> NoReturn:
    raise DamagedFile([Problem(path, line, "", message, code="front-matter")])
