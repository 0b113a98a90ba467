"""Header values as they were meant: encoded words, addresses, message ids, dates. All in time linear in the value.

The standard library's own reading of addresses differs between versions of Python, fails on some input and takes
many seconds for some, so addresses are read here.
"""

from __future__ import annotations

import binascii
import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from crmctl.model.identity import normal_email
from crmctl.sources.mail_charset import decoded

_LONGEST = 1 << 20  # characters of one header worth reading: some twenty thousand addresses
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]*|\r")
_BLANK = re.compile(r"\s+")
_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?\s]*)\?=")
_Q_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_ID = re.compile(r"<\s?([^<>\s]+)\s?>")
_QUOTED_PAIR = re.compile(r"\\(.)")


class Address(NamedTuple):
    """One mailbox: ``email`` as it was written but for a domain in lower case, ``name`` "" if none was given."""

    name: str
    email: str


def raw_bytes(value: str) -> bytes:
    """A header value as the ``compat32`` policy of `email` keeps it, as the bytes that were sent."""
    return value[:_LONGEST].encode("utf-8", "surrogateescape")


def unfolded(value: str) -> str:
    """A header value on one line, encoded words as they are; bytes outside of ASCII are decoded."""
    text = _FOLD.sub(" ", value[:_LONGEST]).strip()
    return text if text.isascii() else decoded(raw_bytes(text))


def words(text: str) -> str:
    """An unfolded value with its encoded words decoded, also where one letter was cut in two by them."""
    if "=?" not in text:
        return text
    pieces: list[str] = []
    held: list[bytes] = []
    charset, end = "", 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        same = match[1].lower() == charset
        if between.strip() or not held or not same:
            pieces.append(decoded(b"".join(held), charset))
            held = []
        if between.strip() or end == 0:
            pieces.append(between)
        held.append(_word(match[2], match[3]))
        charset, end = match[1].lower(), match.end()
    pieces += [decoded(b"".join(held), charset), text[end:]]
    return "".join(pieces)


def _word(encoding: str, data: str) -> bytes:
    raw = data.encode("utf-8", "replace")
    if encoding in "bB":
        try:
            return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
        except binascii.Error:
            return raw
    return _Q_HEX.sub(lambda m: bytes([int(m[1], 16)]), raw.replace(b"_", b" "))


def line(value: str) -> str:
    """A header value for people: unfolded, decoded, one line."""
    return _BLANK.sub(" ", words(unfolded(value))).strip()


def addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes of an unfolded address header, each once, groups expanded; what is no address is left out.

    Where an address is given in angle brackets that one counts, whatever the name before it looks like.
    """
    found: dict[str, Address] = {}
    for chunk in _chunks(value):
        address = _address(chunk)
        if address is not None:
            found.setdefault(address.email, address)
    return tuple(found.values())


class _Chunk(NamedTuple):
    outside: str
    angle: str
    comment: str


def _chunks(value: str) -> list[_Chunk]:
    """The value cut at commas and semicolons that stand outside of quotes, comments and brackets."""
    chunks: list[_Chunk] = []
    parts: dict[str, list[str]] = {"outside": [], "angle": [], "comment": []}

    def close() -> None:
        chunks.append(_Chunk(*("".join(part) for part in parts.values())))
        for part in parts.values():
            part.clear()

    depth, quoted, into, position = 0, False, "outside", 0
    while position < len(value):
        letter = value[position]
        position += 1
        if letter == "\\" and (quoted or depth) and position < len(value):
            parts["comment" if depth else into].append(value[position])
            position += 1
        elif depth:
            depth += (letter == "(") - (letter == ")")
            if depth:
                parts["comment"].append(letter)
        elif letter == '"':
            quoted = not quoted
        elif quoted:
            parts[into].append(letter)
        elif letter == "(":
            depth = 1
        elif letter == "<":
            into = "angle"
        elif letter == ">":
            into = "outside"
        elif letter in ",;":
            into = "outside"
            close()
        elif letter == ":" and into == "outside" and "@" not in "".join(parts["outside"][-64:]):
            parts["outside"].clear()  # the name of a group
        else:
            parts[into].append(letter)
    close()
    return chunks


def _address(chunk: _Chunk) -> Address | None:
    spoken = chunk.outside.strip()
    stated = chunk.angle.strip() or spoken.rpartition(" ")[2]
    stated = stated.removeprefix("mailto:").rpartition(":")[2] if ":" in stated else stated
    local, at, domain = stated.rpartition("@")
    if not at or normal_email(stated) is None:
        return None
    name = spoken if chunk.angle else chunk.comment
    name = _BLANK.sub(" ", words(_QUOTED_PAIR.sub(r"\1", name))).strip(" '\"")
    return Address("" if "@" in name else name, f"{local}@{domain.lower()}")


def ids(value: str) -> tuple[str, ...]:
    """The message ids in a header value without their brackets, each once, prose and comments between them ignored."""
    return tuple(dict.fromkeys(_ID.findall(value[:_LONGEST])))


def own_id(value: str) -> str:
    """A message's own id without brackets, "" if there is none; one without brackets is taken as it is."""
    found = _ID.search(value[:_LONGEST])
    bare = value.strip()
    return found[1] if found else bare if len(bare.split()) == 1 else ""


def moment(value: str) -> dt.datetime | None:
    """A date header as a time in UTC, None if it is none; without a known zone it is taken as UTC."""
    try:
        found = parsedate_to_datetime(_FOLD.sub(" ", value[:200]).strip())
        aware = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found
        return aware.astimezone(dt.UTC).replace(microsecond=0)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
