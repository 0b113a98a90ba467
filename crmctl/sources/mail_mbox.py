"""An mbox file, message by message and never in memory as a whole: such files reach tens of gigabytes.

The standard library's reader takes every line that begins with ``From `` for the start of a message. Here such a line
must stand at the beginning of the file or below a blank line, bear a date, and have a header below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

HEAD = 256 << 10  # bytes at the beginning of a message that are enough for its headers
_LINE = 64 << 10  # longer lines are taken in pieces
_START = re.compile(rb"From \S.*\b\d{1,2}:\d{2}(?::\d{2})?\b.*\b(?:19|20)\d{2}\s*$")
_HEADER = re.compile(rb"[!-9;-~]{1,80}:|>From ")
_QUOTED = re.compile(rb"(?m)^>(>*From )")


class Piece(NamedTuple):
    """One message: where it lies in the file, its ``From`` line included, and its first bytes up to `HEAD`."""

    start: int
    end: int
    head: bytes


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """The messages of an mbox from the beginning on; none if it does not begin like one."""
    start, head, size = -1, bytearray(), 0
    pending: tuple[int, bytes] | None = None
    fresh = below_blank = True
    place = 0

    def take(line: bytes) -> None:
        nonlocal size
        size += len(line)
        if len(head) < HEAD:
            head.extend(line)

    while line := file.readline(_LINE):
        at, place = place, place + len(line)
        if at == 0:
            bare = line.removeprefix(b"\xef\xbb\xbf")
            at, line = len(line) - len(bare), bare
        if pending is not None:
            begun, first = pending
            pending = None
            if _HEADER.match(line):
                if start >= 0:
                    yield Piece(start, begun, bytes(head))
                start = begun
                head.clear()
            take(first)
        if fresh and below_blank and line.startswith(b"From ") and _START.match(line):
            pending = (at, line)
        else:
            take(line)
        below_blank = fresh and not line.strip(b"\r\n")
        fresh = line.endswith(b"\n")
        if start < 0 and pending is None:
            return
    if pending is not None:
        take(pending[1])
    if start >= 0:
        yield Piece(start, place, bytes(head))


def message(file: BinaryIO, piece: Piece, limit: int) -> bytes:
    """One message without its ``From`` line, lines that were quoted as they were; at most ``limit`` bytes are read."""
    file.seek(piece.start)
    raw = file.read(min(piece.end - piece.start, limit))
    return unquoted(raw)


def unquoted(raw: bytes) -> bytes:
    """A message as it was before it was put into an mbox."""
    return _QUOTED.sub(rb"\1", raw.partition(b"\n")[2])
