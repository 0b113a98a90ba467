"""Surgical edits of front matter: only the characters of the touched value change.

The header is composed, each change becomes patches of its text, and the result is loaded and
compared with the old data plus the changes. Comments, key order, quotes, blank lines, the body,
line ends, a BOM and a missing final newline survive to the byte; what cannot be proved is
EditRefused, and nothing of it remains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmctl.model.errors import DamagedFile, EditRefused
from crmctl.workspace import document
from crmctl.workspace import splice_plan as plan
from crmctl.workspace.document import Document
from crmctl.workspace.splice_plan import Patch
from crmctl.workspace.splice_sources import SOURCES
from crmctl.workspace.splice_steps import (
    Append,
    Change,
    KeyPath,
    Remove,
    Set,
    Unset,
    apply,
    dotted,
    find,
    holds,
    same,
    steps_of,
)
from crmctl.workspace.yamldump import dump_entry
from crmctl.workspace.yamlio import Node, compose, construct, normal

__all__ = ["Append", "Change", "Remove", "Set", "Unset", "edit", "new_document", "same", "set_body"]


def edit(raw: bytes, changes: Sequence[Change], *, path: str) -> bytes:
    """The file's bytes with the changes made in order; the same bytes when they change nothing.

    Raises DamagedFile when the file cannot be read, EditRefused when a change cannot be made.
    """
    old = document.parse_nodes(raw, path)
    expected = construct(old.nodes) or {}
    steps: list[Change] = []
    for change in changes:
        try:
            for step in steps_of(expected, change):
                apply(expected, step)
                steps.append(step)
        except EditRefused as error:
            raise EditRefused(f"{path}: {dotted(change.key_path)}: {error}") from None
    if not steps or same(expected, old.data):
        return raw
    for header in _attempts(old, steps, expected):
        new = _with_header(old, header)
        if _proved(new, expected, old):
            return new
    raise EditRefused(
        f"{path}: {dotted(steps[0].key_path)}: no safe way to edit this header; change it by hand"
    )


def set_body(raw: bytes, body: str, *, path: str) -> bytes:
    """The file with another body: the header's bytes and the line ends stay."""
    old = document.parse(raw, path)
    head = raw[: len(raw) - len(old.body.encode())]
    newline = _newline(raw)
    if body and not head.endswith(b"\n"):
        head += newline.encode()
    return head + body.replace("\r\n", "\n").replace("\n", newline).encode()


def new_document(data: Mapping[str, Any], body: str) -> bytes:
    """The bytes of a new file: people's keys in the given order, then the systems' blocks."""
    people = "".join(dump_entry(key, value) + "\n" for key, value in data.items() if key != SOURCES)
    systems = ""
    if SOURCES in data:
        systems = plan.entry((SOURCES,), data[SOURCES], 0, first=not people)
    raw = f"---\n{people}{systems}---\n{body}".encode()
    new = document.parse(raw, "new file")
    if not same(new.data, normal(data)) or new.body != body:
        raise EditRefused("the data of a new file cannot be written as front matter")
    return raw


def _attempts(old: Document, steps: Sequence[Change], expected: Any) -> Iterator[str]:
    """Headers with all steps made, the cheapest first; each has yet to be proved."""
    if (header := _at_once(old, steps, expected)) is not None:
        yield header
    if (header := _one_by_one(old, steps)) is not None:
        yield header


def _at_once(old: Document, steps: Sequence[Change], expected: Any) -> str | None:
    """All patches from one reading of the header; None where they meet and must go one by one."""
    patches: list[Patch] = []
    made: set[KeyPath] = set()
    for step in steps:
        path = step.key_path
        if any(path[:depth] in made for depth in range(1, len(path) + 1)):
            continue
        if isinstance(step, Set):
            made.add(path)
            if not holds(find(expected, path[:-1]), path[-1]):
                return None
            way = next(_ways(old.header, old.nodes, Set(path, find(expected, path))), None)
        else:
            way = next(_ways(old.header, old.nodes, step), None)
        if way is None:
            return None
        patches += way
    return _patched(old.header, patches, _newline(old.raw))


def _one_by_one(old: Document, steps: Sequence[Change]) -> str | None:
    """Each step on the result of the one before, trying every way that it could be made."""
    text, root = old.header, old.nodes
    data = construct(root) or {}
    for step in steps:
        apply(data, step)
        for way in _ways(text, root, step):
            new = _patched(text, way, _newline(old.raw))
            try:
                nodes = compose(new) if new is not None else None
            except DamagedFile:
                continue
            if new is not None and same(construct(nodes) or {}, data):
                text, root = new, nodes
                break
        else:
            return None
    return text


def _ways(text: str, root: Node | None, step: Change) -> Iterator[plan.Way]:
    if isinstance(step, Append):
        return plan.append(text, root, step.key_path, step.value)
    if isinstance(step, Set):
        way = plan.insert if plan.locate(root, step.key_path) is None else plan.replace
        return way(text, root, step.key_path, step.value)
    return plan.remove(text, root, step.key_path)


def _patched(text: str, patches: Sequence[Patch], newline: str) -> str | None:
    """The text with all patches made; None where two of them want the same characters."""
    parts, at = [], 0
    for patch in sorted(patches, key=lambda patch: (patch.start, patch.end, patch.order)):
        if patch.start < at:
            return None
        parts += [text[at : patch.start], patch.new.replace("\n", newline)]
        at = patch.end
    return "".join(parts) + text[at:]


def _newline(raw: bytes) -> str:
    return "\r\n" if raw[: raw.find(b"\n") + 1].endswith(b"\r\n") else "\n"


def _with_header(old: Document, header: str) -> bytes:
    start = old.raw.index(b"\n") + 1
    return old.raw[:start] + header.encode() + old.raw[start + len(old.header.encode()) :]


def _proved(new: bytes, expected: Any, old: Document) -> bool:
    try:
        result = document.parse(new, old.path)
    except DamagedFile:
        return False
    return same(result.data, expected) and result.body == old.body
