"""YAML in, through one door: guarded, by the core schema; writing is re-exported from yamldump.

Reading goes through the parser's events, so anchors, tags, depth and size are refused before
anything is built. ``NO``, ``on``, ``12:30``, ``0123``, ``1_000`` and ``+49151`` stay text; ``true``,
``null``, decimal integers, decimals with a dot, ISO dates and ISO times mean what they say. Keys
are text, always.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from crmctl.model.errors import DamagedFile, Problem
from crmctl.workspace.yamldump import dump_key, dump_mapping, dump_scalar, dump_value

__all__ = [
    "Lines",
    "compose",
    "dump_mapping",
    "dump_scalar",
    "dump_value",
    "line_of",
    "load",
    "load_fast",
    "normal",
]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TYPED_START = frozenset("-+.0123456789~tTfFnN")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+(?:[eE][-+]?[0-9]+)?)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?:[Tt]| +)"
    r"([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?) *([Zz]|[-+][0-9]{2}(?::?[0-9]{2})?)?)?"
)


@dataclass(slots=True)
class Scalar:
    """A value of one word or text; ``style`` is its quote, ``|`` or ``>``, or empty when bare."""

    start: int
    end: int
    value: Any
    style: str


@dataclass(slots=True)
class Items:
    """A list; ``flow`` when written in brackets."""

    start: int
    end: int
    items: list[Node]
    flow: bool


@dataclass(slots=True)
class Pairs:
    """A map; ``flow`` when written in braces. The value of a key is its text."""

    start: int
    end: int
    items: list[tuple[Scalar, Node]]
    flow: bool


Node = (
    Scalar | Items | Pairs
)  # start and end are character offsets; see splice.py on trusting ``end``


def load(text: str, *, path: str = "<text>", first_line: int = 1) -> object:
    """One YAML document as plain data; anything else raises DamagedFile naming the line.

    ``first_line`` is the line of the file on which ``text`` starts. Empty text is None.
    """
    return construct(compose(text, path=path, first_line=first_line))


def load_fast(text: str, *, path: str = "<text>", first_line: int = 1) -> object:
    """The same result as load() for every text, several times faster for plain ones."""
    from crmctl.workspace import yamlfast

    try:
        return yamlfast.load_plain(text)
    except yamlfast.NotPlain:
        return load(text, path=path, first_line=first_line)


def compose(text: str, *, path: str = "<text>", first_line: int = 1) -> Node | None:
    """The guarded nodes of one document, None when it is empty; raises DamagedFile."""
    return _Composer(text.removeprefix("\ufeff"), path, first_line).document()


def construct(node: Node | None) -> Any:
    """The data of a node that compose() returned."""
    if isinstance(node, Pairs):
        return {key.value: construct(value) for key, value in node.items}
    if isinstance(node, Items):
        return [construct(item) for item in node.items]
    return None if node is None else node.value


def line_of(text: str, key_path: Sequence[str | int], *, first_line: int = 1) -> int:
    """The line of the key or list item at ``key_path``; 0 where there is none or ``text`` is damaged."""
    return Lines(text, first_line=first_line).of(key_path)


class Lines:
    """The lines of keys in one text, which is read once however many are asked for."""

    def __init__(self, text: str, *, first_line: int = 1) -> None:
        self._text = text.removeprefix("\ufeff")
        self._first = first_line
        try:
            self.root = compose(text)
        except DamagedFile:
            self.root = None

    def of(self, key_path: Sequence[str | int]) -> int:
        """As `line_of`."""
        start = start_of(self.root, key_path)
        return 0 if start is None else self._first + self._text.count("\n", 0, start)


def start_of(node: Node | None, key_path: Sequence[str | int]) -> int | None:
    """Where the key or list item at ``key_path`` starts beneath ``node``; None where there is none."""
    start = node.start if node else None
    for step in key_path:
        if isinstance(node, Pairs):
            pair = next(((key, value) for key, value in node.items if key.value == step), None)
            if pair is None:
                return None
            start, node = pair[0].start, pair[1]
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
            start = node.start
        else:
            return None
    return start


def normal(value: Any) -> Any:
    """The value as load() returns it once dumped; EditRefused for what YAML cannot hold."""
    if isinstance(value, str):
        if not value.isprintable():
            dump_scalar(value)
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {dump_key(key) and str.__str__(key): normal(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [normal(item) for item in value]
    return resolve(dump_scalar(value))


def resolve(text: str) -> Any:
    """The core-schema value of bare text; ValueError says what is wrong with it."""
    if text and text[0] not in _TYPED_START:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if number := _NUMBER.fullmatch(text):
        if number[1]:
            return _float(text)
        if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
            raise ValueError("a number of more than 64 bits; quote it to keep it as text")
        return int(text)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number; quote it to keep it as text")
    return _time(text, match) if (match := _TIME.fullmatch(text)) else text


def _float(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError(f"{text[:20]} is not a finite number; quote it to keep it as text")
    return number


def _time(text: str, match: re.Match[str]) -> date:
    day, time, zone = match.groups()
    try:
        if time is None:
            return date.fromisoformat(day)
        return datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:40]} is not a date that exists; quote it to keep it as text"
        ) from None


class _Composer:
    """Builds nodes from parser events and refuses what crmctl's files may not hold."""

    def __init__(self, text: str, path: str, first_line: int) -> None:
        self.text = text
        self.path = path
        self.first_line = first_line
        self.nodes = 0

    def document(self) -> Node | None:
        import yaml

        text = self.text
        if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            self.refuse(0, f"larger than {MAX_BYTES // 1024} KB; split it")
        if "\0" in text:
            self.refuse(text.index("\0"), "holds a NUL character; remove it")
        loader: Any = None
        try:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
            self.next: Callable[[], Any] = loader.get_event
            self.next()  # the stream starts
            if isinstance(self.next(), yaml.StreamEndEvent):
                return None
            node = self.node(self.next(), 1)
            self.next()  # the document ends
            after = self.next()
            if not isinstance(after, yaml.StreamEndEvent):
                self.refuse(after.start_mark.index, "holds more than one YAML document; keep one")
            return node
        except DamagedFile:
            raise
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.refuse(
                mark.index if mark else 0, f"not valid YAML: {error.problem or error.context}"
            )
        except Exception as error:  # noqa: BLE001 - hostile text makes the parsers raise anything
            self.refuse(
                getattr(error, "position", 0), f"not valid YAML: {getattr(error, 'reason', error)}"
            )
        finally:
            if loader is not None:
                loader.dispose()

    def node(self, event: Any, depth: int) -> Node:
        import yaml

        start: int = event.start_mark.index
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.refuse(start, f"holds more than {MAX_NODES:,} values; split it")
        if depth > MAX_DEPTH:
            self.refuse(start, f"nested deeper than {MAX_DEPTH} levels; flatten it")
        if event.anchor is not None:
            self.refuse(
                start,
                "anchors and aliases (& and *) are not allowed; write the value out or quote it",
            )
        if event.tag is not None:
            self.refuse(start, "tags (!) are not allowed; quote the text if it starts with '!'")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        flow = bool(event.flow_style)
        if isinstance(event, yaml.SequenceStartEvent):
            items = [self.node(item, depth + 1) for item in self.inside(yaml.SequenceEndEvent)]
            return Items(start, self.end, items, flow)
        seen: set[str] = set()
        pairs = [
            (self.key(key, seen), self.node(self.next(), depth + 1))
            for key in self.inside(yaml.MappingEndEvent)
        ]
        return Pairs(start, self.end, pairs, flow)

    def inside(self, last: type[Any]) -> Iterator[Any]:
        """The events up to one of type ``last``, whose end is then in ``self.end``."""
        while not isinstance(event := self.next(), last):
            yield event
        self.end: int = event.end_mark.index

    def scalar(self, event: Any) -> Scalar:
        text, style = event.value, event.style or ""
        if "\0" in text:
            self.refuse(event.start_mark.index, "holds a NUL character; remove it")
        try:
            value = text if style else resolve(text)
        except ValueError as error:
            self.refuse(event.start_mark.index, str(error))
        return Scalar(event.start_mark.index, event.end_mark.index, value, style)

    def key(self, event: Any, seen: set[str]) -> Scalar:
        import yaml

        start, end = event.start_mark.index, event.end_mark.index
        self.nodes += 1
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(start, "a key must be text, not a list, a map or an alias")
        if event.anchor is not None or event.tag is not None:
            self.refuse(
                start,
                "anchors (&) and tags (!) are not allowed; quote the key if it starts with them",
            )
        text, style = event.value, event.style or ""
        if text == "<<" and not style:
            self.refuse(start, "merge keys (<<) are not allowed; write the values out")
        if "\0" in text:
            self.refuse(start, "holds a NUL character; remove it")
        if text in seen:
            self.refuse(start, f"the key {text!r} appears twice; remove one")
        seen.add(text)
        return Scalar(start, end, text, style)

    def refuse(self, index: int, message: str) -> NoReturn:
        line = self.first_line + self.text.count("\n", 0, index)
        raise DamagedFile([Problem(self.path, line, "", message, code="yaml")]) from None
