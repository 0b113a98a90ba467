"""What IMAP looks like on the wire: names, sets, dates and answers, as pure functions over what `imaplib` gives."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# In English whatever the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LISTED = re.compile(rb'\(([^)]*)\) (?:"((?:\\.|[^"\\])*)"|NIL) ?(.*)', re.DOTALL | re.IGNORECASE)
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-?")
_NUMBER = re.compile(rb"\d+")
_STATED = re.compile(rb"([A-Z]+) (\d+)", re.IGNORECASE)
_START = re.compile(rb"\d+ \(")
_INTERNAL = re.compile(
    r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)
_UID = re.compile(rb"[ (]UID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"[ (]RFC822\.SIZE (\d+)", re.IGNORECASE)
_DATE = re.compile(rb'[ (]INTERNALDATE "([^"]*)"', re.IGNORECASE)
_FLAGS = re.compile(rb"[ (](?:FLAGS|X-GM-LABELS) \(([^)]*)\)", re.IGNORECASE)
_THREAD = re.compile(rb"[ (]X-GM-THRID (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folder:
    """One mailbox: ``raw`` is its name as commands hold it, ``name`` as people read it, ``flags`` in lower case."""

    raw: str
    name: str
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a FETCH told of one message. ``data`` is None where its literal is missing; ``thread`` is Gmail's."""

    uid: int
    data: bytes | None
    at: dt.datetime | None
    size: int
    draft: bool
    thread: str


def folders(data: Sequence[Any]) -> Iterator[Folder]:
    """The answers to LIST; a name that cannot be sent back is left out."""
    for item in data:
        told, literal = item if isinstance(item, tuple) else (item, None)
        found = _LISTED.match(told) if isinstance(told, bytes) else None
        if found is None:
            continue
        name = literal if literal is not None else _unquoted(found[3].strip())
        if name and name.isascii() and not re.search(rb"[\x00-\x1f\x7f]", name):
            raw = name.decode("ascii")
            flags = frozenset(flag.decode("ascii", "replace").lower() for flag in found[1].split())
            yield Folder(raw, from_utf7(raw), flags)


def _unquoted(name: bytes) -> bytes:
    if len(name) >= 2 and name[:1] == name[-1:] == b'"':
        return re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name


def quoted(text: str) -> str:
    """Text as a quoted string; `imaplib` does not quote."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def from_utf7(raw: str) -> str:
    """A mailbox name out of modified UTF-7; one that breaks its rules is given as it is."""

    def letters(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        data = match[1].replace(",", "/")
        return base64.b64decode(data + "=" * (-len(data) % 4), validate=True).decode("utf-16-be")

    try:
        return _SHIFTED.sub(letters, raw)
    except (binascii.Error, UnicodeDecodeError):
        return raw


def search_date(day: dt.date) -> str:
    """A date as SEARCH wants it."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def internal_date(text: str) -> dt.datetime | None:
    """An INTERNALDATE in UTC, None if it is none."""
    found = _INTERNAL.fullmatch(text)
    if found is None or found[2].title() not in _MONTHS:
        return None
    zone = dt.timedelta(hours=int(found[8]), minutes=int(found[9])) * (-1 if found[7] == "-" else 1)
    try:
        stated = dt.datetime(
            int(found[3]),
            _MONTHS.index(found[2].title()) + 1,
            int(found[1]),
            int(found[4]),
            int(found[5]),
            min(int(found[6]), 59),
            tzinfo=dt.timezone(zone),
        )
        return stated.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def numbers(data: Sequence[Any]) -> list[int]:
    """The numbers that SEARCH found, ascending; what else stands there, such as ``(MODSEQ 8)``, is none."""
    found: set[int] = set()
    for item in data:
        if isinstance(item, bytes):
            found.update(map(int, _NUMBER.findall(item.partition(b"(")[0])))
    return sorted(found)


def stated(data: Sequence[Any]) -> dict[str, int]:
    """The numbers of a STATUS answer by name in upper case."""
    last = data[-1] if data else b""
    text = last[-1] if isinstance(last, tuple) else last
    inner = text.rpartition(b"(")[2] if isinstance(text, bytes) else b""
    return {name.decode().upper(): int(value) for name, value in _STATED.findall(inner)}


def uid_set(uids: Iterable[int]) -> str:
    """A set of UIDs as commands hold it, runs as ranges."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)


def fetched(data: Sequence[Any]) -> dict[int, Fetched]:
    """The answers to FETCH by UID.

    `imaplib` gives a flat list: what stands before a literal with the literal, and what follows it as the next
    element. News of other messages may stand between.
    """
    found: dict[int, Fetched] = {}
    told, literal = b"", None
    for item in data:
        if isinstance(item, tuple):
            if told and _START.match(item[0]):
                _take(found, told, literal)
                told, literal = b"", None
            told += b" " + item[0]
            literal = item[1] if literal is None else literal
        elif isinstance(item, bytes):
            if told and not _START.match(item):
                _take(found, told + b" " + item, literal)
                told, literal = b"", None
            else:
                _take(found, b" " + item, None)
    if told:
        _take(found, told, literal)
    return found


def _take(found: dict[int, Fetched], told: bytes, literal: bytes | None) -> None:
    uid = _UID.search(told)
    if uid is None:
        return
    number = int(uid[1])
    before = found.get(number)
    if before is not None and literal is None:
        return
    date, size, thread = _DATE.search(told), _SIZE.search(told), _THREAD.search(told)
    flags = b" ".join(_FLAGS.findall(told)).lower()
    found[number] = Fetched(
        number,
        literal,
        internal_date(date[1].decode("ascii", "replace")) if date else None,
        int(size[1]) if size else 0,
        b"\\draft" in flags,
        thread[1].decode() if thread else "",
    )
