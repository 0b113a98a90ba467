"""One change of a header as patches of its text: which characters go, which come instead.

Each function yields the ways to make a change, best first; splice.py takes the first whose result
it can prove. A way may therefore be hopeful: what it gets wrong is never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.errors import EditRefused
from crmctl.workspace import yamldump as dump
from crmctl.workspace.splice_sources import SOURCES, block, field, rank, sources_lines
from crmctl.workspace.splice_spans import (
    below,
    colon,
    column,
    dash,
    elements,
    end_of,
    leads_line,
    line_after,
    line_start,
    lines_of,
)
from crmctl.workspace.splice_steps import KeyPath
from crmctl.workspace.yamlio import Items, Node, Pairs, Scalar


@dataclass(frozen=True, slots=True)
class Patch:
    """``text[start:end]`` becomes ``new``; of patches at one place the lowest ``order`` comes first."""

    start: int
    end: int
    new: str
    order: tuple[Any, ...] = (0,)


Way = list[Patch]


@dataclass(frozen=True, slots=True)
class Place:
    """A node, the key or the list it stands under, and whether brackets are around it."""

    node: Node
    parent: Items | Pairs | None
    key: Scalar | None
    in_flow: bool


def locate(root: Node | None, key_path: KeyPath) -> Place | None:
    """The node at ``key_path``, or None."""
    if root is None:
        return None
    place = Place(root, None, None, False)
    for step in key_path:
        node = place.node
        if isinstance(node, Scalar):
            return None
        in_flow = place.in_flow or node.flow
        if isinstance(node, Pairs):
            pair = next((pair for pair in node.items if pair[0].value == step), None)
            if pair is None:
                return None
            place = Place(pair[1], node, pair[0], in_flow)
        elif isinstance(step, int) and 0 <= step < len(node.items):
            place = Place(node.items[step], node, None, in_flow)
        else:
            return None
    return place


def insert(text: str, root: Node | None, key_path: KeyPath, value: Any) -> Iterator[Way]:
    """Ways to add a key to the map that holds it."""
    if root is None:
        yield [_line(len(text), key_path, entry(key_path, value, 0, first=True))]
        return
    place = locate(root, key_path[:-1])
    if place is None or not isinstance(place.node, Pairs):
        return
    node = place.node
    if not node.items and place.key and not place.in_flow:
        yield from replace(text, root, key_path[:-1], {key_path[-1]: value})
    if node.flow:
        yield from _insert_flow(
            text, node, f"{dump.dump_key(key_path[-1], flow=True)}: {dump.dump_flow(value)}"
        )
        return
    keys = [key for key, _ in node.items]
    indent = column(text, keys[0].start)
    before = _predecessor(node, key_path)
    if before is not None:
        at = below(text, end_of(text, node.items[before][1]), indent)
        lines = entry(key_path, value, indent, first=False)
        yield [_line(at, key_path, lines)]
        if lines.startswith("\n"):  # a block scalar above may take the blank line for its own
            yield [_line(at, key_path, lines.removeprefix("\n"))]
        return
    lines = entry(key_path, value, indent, first=True)
    if place.key is None:
        yield [_line(line_start(text, keys[0].start), key_path, lines)]
        return
    at = line_after(text, colon(text, place.key))
    if len(key_path) == 2:  # a first block is parted from `sources:` and from the block after it
        bare = not text[at : line_after(text, at)].strip()
        lines = (
            entry(key_path, value, indent, first=False) if bare else lines.removeprefix("\n") + "\n"
        )
    yield [_line(at, key_path, lines)]


def entry(key_path: KeyPath, value: Any, indent: int, *, first: bool) -> str:
    """The lines of a new key; ``first``: nothing stands above it, so it needs no blank line."""
    name, pad = key_path[-1], " " * indent
    if not isinstance(name, str):
        raise EditRefused(f"the key {name!r} is not text")
    if key_path[0] != SOURCES:
        return f"{pad}{dump.dump_entry(name, value, indent=indent)}\n"
    if len(key_path) == 1 and isinstance(value, Mapping) and value:
        return (
            ("" if first else "\n")
            + f"{pad}{SOURCES}:\n"
            + sources_lines(value, key_path, indent + 2)
        )
    return block(name, value, indent) if len(key_path) == 2 else f"{pad}{field(name, value)}\n"


def _predecessor(node: Pairs, key_path: KeyPath) -> int | None:
    """The index of the key after which a new one goes; None to go first."""
    names = [key.value for key, _ in node.items]
    after = len(names)
    if len(key_path) == 1 and key_path[0] != SOURCES and SOURCES in names:
        after = names.index(SOURCES)
    elif key_path[0] == SOURCES and len(key_path) in (2, 3):
        mine = rank(key_path)
        after = next(
            (i for i, name in enumerate(names) if rank((*key_path[:-1], name)) > mine), after
        )
    return after - 1 if after else None


def _line(at: int, key_path: KeyPath, lines: str) -> Patch:
    """Whole new lines; at one place the deeper come first, and blocks and fields in their order."""
    order = rank(key_path) if key_path[0] == SOURCES and len(key_path) in (2, 3) else ()
    return Patch(at, at, lines, (1, -len(key_path), *order))


def append(text: str, root: Node | None, key_path: KeyPath, value: Any) -> Iterator[Way]:
    """Ways to add an item to the end of a list, in the list's own style."""
    place = locate(root, key_path)
    if place is None or not isinstance(place.node, Items):
        return
    node = place.node
    if node.flow:
        yield from _insert_flow(text, node, dump.dump_flow(value))
        return
    indent = column(text, node.start)
    at = below(text, end_of(text, node), indent)
    pad = " " * indent
    last = node.items[-1]
    if isinstance(value, Mapping) and value and isinstance(last, Pairs) and not last.flow:
        entries = [dump.dump_entry(key, item, indent=indent + 2) for key, item in value.items()]
        yield [_line(at, key_path, f"{pad}- " + f"\n{pad}  ".join(entries) + "\n")]
    yield [_line(at, key_path, f"{pad}- {dump.dump_item(value)}\n")]


def _insert_flow(text: str, node: Items | Pairs, element: str) -> Iterator[Way]:
    spans = elements(text, node)
    if not spans:
        yield [Patch(node.start + 1, node.start + 1, element)]
        return
    start, end = spans[-1]
    separator = ", "
    if leads_line(text, start):
        separator = ",\n" + " " * column(text, start)
    yield [Patch(end, end, separator + element)]
    yield [Patch(end, end, ", " + element)]


def remove(text: str, root: Node | None, key_path: KeyPath) -> Iterator[Way]:
    """Ways to take out a key with its value, or a list item."""
    place = locate(root, key_path)
    if place is None or place.parent is None:
        return
    parent = place.parent
    if len(parent.items) == 1 and len(key_path) > 1 and not parent.flow:
        yield from replace(text, root, key_path[:-1], {} if isinstance(parent, Pairs) else [])
        return
    if isinstance(parent, Pairs):
        index = next(i for i, pair in enumerate(parent.items) if pair[0] is place.key)
    else:
        index = int(key_path[-1])
    if parent.flow:
        yield from _remove_flow(text, parent, index)
        return
    nearby = range(index, min(index + 2, len(parent.items)))
    if isinstance(parent, Items):
        starts = [dash(text, parent, i) for i in nearby]
    else:
        starts = [parent.items[i][0].start for i in nearby]
    end = end_of(text, place.node)
    if (
        leads_line(text, starts[0])
        or text[line_start(text, starts[0]) : starts[0]].strip(" ") == "?"
    ):
        first, after = lines_of(text, starts[0], max(end, starts[0]))
        yield [Patch(*_with_blank(text, first, after, key_path), "")]
        yield [Patch(first, after, "")]
        # A block scalar above would take the blank lines below for its own.
        following = len(text) - len(text[after:].lstrip(" \r\n"))
        yield [Patch(first, line_start(text, following), "")]
    elif len(starts) == 2 and not text[line_after(text, end) : starts[1]].strip():
        yield [Patch(starts[0], starts[1], "")]
    else:
        yield [Patch(starts[0], end, "")]


def _with_blank(text: str, first: int, after: int, key_path: KeyPath) -> tuple[int, int]:
    """The lines of a system's block, or of all of them, with the one blank line that came with them."""
    if key_path[0] != SOURCES or len(key_path) > 2 or not first:
        return first, after
    above = line_start(text, first - 1)
    if not text[above:first].strip():
        return above, after
    following = line_after(text, after)
    if (
        len(key_path) == 2
        and text[above:first].startswith(SOURCES)
        and not text[after:following].strip()
    ):
        return first, following
    return first, after


def _remove_flow(text: str, node: Items | Pairs, index: int) -> Iterator[Way]:
    spans = elements(text, node)
    start, end = spans[index]
    if len(spans) == 1:
        yield [Patch(start, end, "")]
        yield [Patch(start, node.end - 1, "")]
        return
    if index < len(spans) - 1:
        following = spans[index + 1][0]
        if leads_line(text, start) and leads_line(text, following):
            yield [Patch(line_start(text, start), line_start(text, following), "")]
        if "#" not in text[end:following]:
            yield [Patch(start, following, "")]
    else:
        previous = spans[-2][1]
        if "#" not in text[previous:start]:
            yield [Patch(previous, end, "")]
        if leads_line(text, start):
            yield [Patch(*lines_of(text, start, end), "")]


def replace(text: str, root: Node | None, key_path: KeyPath, value: Any) -> Iterator[Way]:
    """Ways to put a value in the place of another, in its style where that can hold it."""
    place = locate(root, key_path)
    if place is None or place.parent is None:
        return
    node = place.node
    end = end_of(text, node)
    if place.in_flow or place.key is None:  # brackets around it, or an item of a block list
        for new in _inline(node, value, place.in_flow):
            yield [_fill(text, place, new) if node.start == end else Patch(node.start, end, new)]
        return
    indent = column(text, place.key.start)
    at = colon(text, place.key)
    is_block = not isinstance(node, Scalar) and not node.flow
    for new in _values(text, node, key_path, value, indent):
        if is_block:
            gone = Patch(
                *lines_of(text, node.start, end), new[1:] + "\n" if new.startswith("\n") else ""
            )
            yield [gone] if new.startswith("\n") else [Patch(at, at, " " + new), gone]
        elif new.startswith("\n"):
            yield [Patch(at, end, ""), _line(line_after(text, end), key_path, new[1:] + "\n")]
        else:
            yield [_fill(text, place, new) if node.start == end else Patch(node.start, end, new)]


def _fill(text: str, place: Place, new: str) -> Patch:
    """A value where there was none: after the colon or the dash, or after a lone key in braces."""
    at, lead = place.node.start, " "
    if place.key is not None:
        after = text.find(":", place.key.end, at) + 1
        at, lead = (after, " ") if after else (place.key.end, ": ")
    return Patch(at, at, lead + new)


def _values(text: str, node: Node, key_path: KeyPath, value: Any, indent: int) -> Iterator[str]:
    """What may stand after the colon, best first; with a newline in front when it takes lines of its own."""
    if key_path[0] == SOURCES and isinstance(value, Mapping) and value and len(key_path) < 3:
        lines = sources_lines(value, key_path, indent + 2)
        yield "\n" + lines.removesuffix("\n")
    elif key_path[0] == SOURCES:
        yield from _inline(node, value, False)
    elif isinstance(node, Scalar):
        if (
            node.style in ("|", ">")
            and isinstance(value, str)
            and (lines := literal(value, indent + 2))
        ):
            yield lines
        if isinstance(value, Mapping | list):
            yield dump.dump_value(value, indent=indent)
        yield from _inline(node, value, False)
    elif isinstance(value, list) and value and isinstance(node, Items) and not node.flow:
        pad = " " * column(text, node.start)
        yield "".join(f"\n{pad}- {dump.dump_item(item)}" for item in value)
    elif isinstance(value, Mapping | list) and not node.flow:
        yield dump.dump_value(value, indent=indent)
    yield from _inline(node, value, False)


def _inline(node: Node, value: Any, in_flow: bool) -> Iterator[str]:
    """The value on one line: quoted as it was, then as a new one, then in double quotes."""
    if isinstance(value, str):
        style = node.style if isinstance(node, Scalar) else ""
        if style == '"':
            yield dump.quoted(value)
        elif style == "'" and value.isprintable():
            yield "'" + value.replace("'", "''") + "'"
        yield dump.dump_scalar(value, flow=in_flow)
        yield dump.quoted(value)
    else:
        yield dump.dump_flow(value) if in_flow else dump.dump_item(value)


def literal(value: str, indent: int) -> str:
    """A literal block (``|`` and its lines) that holds the text exactly; nothing where none can."""
    lines = value.removesuffix("\n").split("\n")
    if (
        "\n" not in value
        or not lines[0].strip()
        or not lines[-1].strip()
        or lines[0].startswith(" ")
    ):
        return ""
    if not all(line.isprintable() and (line.strip() or not line) for line in lines):
        return ""
    pad = "\n" + " " * indent
    return ("|" if value.endswith("\n") else "|-") + "".join(
        pad + line if line else "\n" for line in lines
    )
