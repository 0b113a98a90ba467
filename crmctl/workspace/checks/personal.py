"""Personal data outside contact files, where a person could not be exported or erased by deleting one file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from crmctl.model.errors import Problem
from crmctl.model.identity import is_shared_mailbox
from crmctl.workspace.checks.source import Context, KeyPath, Source
from crmctl.workspace.records import SOURCES

_ADDRESS = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b")
_IN_URL = re.compile(r"://\S*\Z")
# Each starts with a sign or a digit, which are rare in a text, and looks back from there.
_INTERNATIONAL = re.compile(r"\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?!\d)")
_AMERICAN = re.compile(r"\d(?<![\w.-]\d)\d{2}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])")
_NATIONAL = re.compile(r"0(?<!\d0)\d(?:[ ./()-]{0,2}\d){5,13}(?!\d)")
_LABEL = re.compile(
    r"\b(?:tel|telephone|telefon|phone|mobile?|cell|fon|handy|dial)\b[.:]{0,2}\s*\(?\Z",
    re.IGNORECASE,
)
_LABEL_LENGTH = 16
# Identifiers look like addresses and numbers: a mail's id has an @ in it.
_IDENTIFIERS = frozenset({"id", "aliases", "modified", "website", "number"})


def in_record(source: Source, text: str, context: Context) -> Iterator[Problem]:
    """Addresses and numbers in the values and the body of a record that is no contact; ``text`` is its whole file."""
    if not _suspicious(text):
        return
    record = source.record
    skipped = _IDENTIFIERS | ({"phone"} if record.kind == "account" else set())
    blocks = [
        ((), record.own),
        *(((SOURCES, name), block) for name, block in record.systems.items()),
    ]
    for above, values in blocks:
        for key, value in _values(values, above, skipped):
            for what in _found(value, context):
                yield source.problem("", what, "personal", severity="warning", key=key)
    first = text.count("\n") - record.body.count("\n") + 1
    yield from _in_lines(record.body, source.path, context, first)


def in_document(text: str, path: str, context: Context) -> Iterator[Problem]:
    """Addresses and numbers in a rendered document."""
    if _suspicious(text):
        yield from _in_lines(text, path, context, 1)


def _in_lines(text: str, path: str, context: Context, first: int) -> Iterator[Problem]:
    for line, content in enumerate(text.split("\n"), first):
        for what in _found(content, context):
            yield Problem(path, line, "", what, "personal", "warning")


def _suspicious(text: str) -> bool:
    """Whether a file can hold anything at all: nearly none can."""
    return "@" in text or next(_numbers(text), None) is not None


def _numbers(text: str) -> Iterator[str]:
    for pattern in (_INTERNATIONAL, _AMERICAN):
        yield from (match[0] for match in pattern.finditer(text))
    for match in _NATIONAL.finditer(text):
        # Dates and ids look like national numbers, so these count behind a word that says so.
        if _LABEL.search(text[max(0, match.start() - _LABEL_LENGTH) : match.start()]):
            yield match[0]


def _values(
    values: dict[str, Any], above: KeyPath, skipped: Collection[str]
) -> Iterator[tuple[KeyPath, str]]:
    for name, value in values.items():
        if name not in skipped:
            yield from _texts(value, (*above, name))


def _texts(value: Any, key: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, (*key, place))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, (*key, name))


def _found(text: str, context: Context) -> Iterator[str]:
    advice = "name the person by id and keep it in contacts/"
    if "@" in text:
        for match in _ADDRESS.finditer(text):
            in_url = _IN_URL.search(text, 0, match.start())
            if not in_url and not _ours(match[0].lower(), context):
                local, _, domain = match[0].partition("@")
                yield f"found the e-mail address {local[0]}…@{domain}; {advice}"
    for number in _numbers(text):
        yield f"found the phone number {number[:3].strip()}…{number[-2:]}; {advice}"


def _ours(address: str, context: Context) -> bool:
    domain = address.rpartition("@")[2]
    if is_shared_mailbox(address) or domain in context.config.our_domains:
        return True
    return any(address == member.email.lower() for member in context.config.team)
