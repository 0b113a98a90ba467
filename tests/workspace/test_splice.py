"""Surgical edits: over messy generated files, only the touched node changes, and exactly as asked."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmctl.model.errors import DamagedFile, EditRefused
from crmctl.workspace.document import Document, parse
from crmctl.workspace.splice import (
    Append,
    Change,
    Remove,
    Set,
    Unset,
    edit,
    new_document,
    same,
    set_body,
)
from crmctl.workspace.yamlio import normal

PATH = "accounts/acme/profile.md"

WORDS = [
    "active",
    "on hold",
    "Zoë Ångström",
    "北京 office",
    "O'Brien",
    "https://acme.example/a?b=c",
    "x - y",
]
SCALARS = [
    *WORDS,
    *(
        '"quoted: yes"',
        "'it''s'",
        '"tab\\t and \\"quotes\\""',
        '"Olá 👋"',
        "''",
        '"0015e00000123456"',
    ),
    *(
        "12",
        "-3",
        "4.50",
        "true",
        "null",
        "~",
        "2026-01-02",
        "2026-01-02T03:04:05Z",
        "NO",
        "12:30",
        "0123",
    ),
]
COMMENTS = ["# a note", "# - not: an item", "#", "# key: value # twice", "# 'quote"]

NASTY: list[Any] = [
    *(
        "",
        " ",
        "a: b",
        "# c",
        "a #b",
        "- x",
        "-",
        "? x",
        "[x",
        "{x}",
        "]",
        "&a",
        "*a",
        "!t",
        "%d",
        "@x",
        "`x",
    ),
    *(
        "|",
        ">",
        "'",
        '"',
        "\\",
        "null",
        "~",
        "NO",
        "yes",
        "on",
        "True",
        "1",
        "1.5",
        "1e3",
        "0x1F",
        "0o17",
        "0123",
    ),
    *(
        "1_000",
        "12:30:45",
        "2026-01-02",
        "2026-01-02T03:04:05Z",
        "=",
        "<<",
        "---",
        "...",
        "--- x",
        ".inf",
        ".nan",
    ),
    *(
        "0015e00000123456",
        "two\nlines",
        "two\nlines\n",
        "\n",
        "a\n\n\nb\n\n",
        "tab\there",
        "\x1b[31m",
        "\x85",
        "\u2028",
    ),
    *(
        "\ufeffbom",
        "\u202eevil",
        "👩\u200d💻",
        "a\r\nb",
        "  lead",
        "trail  ",
        "a, b",
        "a]b",
        "x" * 3000,
        "ends:",
        ",",
        "#",
    ),
    *(
        0,
        -1,
        2**63,
        -(2**63),
        1.5,
        1e16,
        1e-7,
        -0.5,
        True,
        False,
        None,
        Decimal("10.50"),
        Decimal("1E+3"),
    ),
    *(
        date(2026, 2, 28),
        datetime(2026, 2, 28, 9, 30, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    ),
    *(
        [],
        {},
        ["a"],
        ["a: b", 1, None],
        [[1], []],
        {"k": "v"},
        {"k": {"n": ["x\ny"]}},
        [{"name": "A, B", "n": 1}],
    ),
    *({"NO": 1, "a b": 2, "x: y": 3}, ["word " * 12] * 12, [{}], {"e": {}, "l": []}),
]


class Messy:
    """Writes front matter as different hands do: every style of YAML that the files may hold."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = iter(range(10_000))

    def document(self) -> bytes:
        rng = self.rng
        header = self.noise("") + self.mapping("", 0)
        if rng.random() < 0.6:
            header += self.noise("") + self.sources()
        header += self.noise("")
        body = rng.choice(["", "\n", "\n# Title\n\nText\n---\nmore", "no blank\n", "\n---\n"])
        text = f"---\n{header}---\n{body}"
        if not body and rng.random() < 0.3:
            text = text.removesuffix("\n")
        if rng.random() < 0.25:
            text = text.replace("\n", "\r\n")
        return ("\ufeff" * (rng.random() < 0.15) + text).encode()

    def noise(self, pad: str) -> str:
        lines = ["", pad + self.rng.choice(COMMENTS), pad + " " + self.rng.choice(COMMENTS)]
        return "".join(
            self.rng.choice(lines) + "\n" for _ in range(max(0, self.rng.randint(-4, 2)))
        )

    def tail(self) -> str:
        return self.rng.choice(["", "", "", " ", "  " + self.rng.choice(COMMENTS)]) + "\n"

    def key(self) -> str:
        name = f"{self.rng.choice(['name', 'tier', 'x y', 'größe', 'NO', 'id'])}{next(self.names)}"
        return self.rng.choice([name, name, name, f'"{name}"', f"'{name}'"])

    def mapping(self, pad: str, depth: int) -> str:
        return "".join(
            pad + self.entry(pad, depth) for _ in range(self.rng.randint(1, 4 if depth else 8))
        )

    def entry(self, pad: str, depth: int) -> str:
        return f"{self.key()}{self.rng.choice([':', ':', ' :'])}{self.value(pad, depth)}"

    def value(self, pad: str, depth: int) -> str:
        rng = self.rng
        kinds = [
            self.scalar,
            self.scalar,
            self.scalar,
            self.empty,
            self.flow,
            self.literal,
            self.long,
        ]
        kinds += [self.items, self.nested] if depth < 3 else []
        return rng.choice(kinds)(pad, depth)

    def scalar(self, pad: str, depth: int) -> str:
        return " " * self.rng.randint(1, 3) + self.rng.choice(SCALARS) + self.tail()

    def empty(self, pad: str, depth: int) -> str:
        return self.tail()

    def long(self, pad: str, depth: int) -> str:
        more = f"\n{pad}   "
        return (
            self.rng.choice(
                [f" plain text{more}goes on", f' "double{more}goes on"', f" 'single{more}on'"]
            )
            + self.tail()
        )

    def flow(self, pad: str, depth: int) -> str:
        return " " + self.brackets(f"{pad}  ", depth) + self.tail()

    def brackets(self, pad: str, depth: int) -> str:
        rng = self.rng
        simple = [s for s in SCALARS if not set(",[]{}:") & set(s) or s[0] in "\"'"]
        parts = [rng.choice(simple) for _ in range(rng.randint(0, 3))]
        if depth < 2 and rng.random() < 0.2:
            parts.append(self.brackets(pad + "  ", depth + 1))
        if braces := rng.random() < 0.5:
            parts = [f"{self.key()}: {part}" for part in parts]
            if rng.random() < 0.1:
                parts.append(self.key())
        if parts and rng.random() < 0.25:
            note = " # why" if rng.random() < 0.3 else ""
            inside = "".join(f"\n{pad}{part},{note}" for part in parts) + f"\n{pad}"
            inside = (
                inside if rng.random() < 0.5 else f"\n{pad}" + f",\n{pad}".join(parts) + f"\n{pad}"
            )
        else:
            space = " " * (rng.random() < 0.3)
            inside = space + ", ".join(parts) + "," * bool(parts and rng.random() < 0.1) + space
        return "{" + inside + "}" if braces else "[" + inside + "]"

    def literal(self, pad: str, depth: int) -> str:
        rng = self.rng
        inner = pad + " " * rng.choice([1, 2, 2, 4])
        lines = [
            inner + rng.choice(["text", "  # no comment", "- no: item", "---", "Ünïcode"])
            for _ in range(rng.randint(1, 3))
        ]
        lines[0] = inner + "first"
        if rng.random() < 0.3:
            lines.insert(1, "")
        blank = "\n" * rng.randint(0, 2)
        return (
            f" {rng.choice('|>')}{rng.choice(['', '', '-', '+'])}{self.tail()}"
            + "\n".join(lines)
            + "\n"
            + blank
        )

    def items(self, pad: str, depth: int) -> str:
        rng = self.rng
        inner = pad + " " * rng.choice([0, 2, 2, 4])
        text = self.tail()
        for _ in range(rng.randint(1, 4)):
            text += self.noise(inner)
            kind = rng.random()
            if kind < 0.55:
                text += f"{inner}- {rng.choice(SCALARS)}{self.tail()}"
            elif kind < 0.7:
                text += f"{inner}- {self.brackets(inner + '   ', depth)}{self.tail()}"
            elif kind < 0.9:
                text += f"{inner}- {self.mapping(inner + '  ', depth + 1).lstrip(' ')}"
            elif kind < 0.95:
                text += f"{inner}- - {rng.choice(SCALARS)}\n{inner}  - {rng.choice(SCALARS)}\n"
            else:
                text += f"{inner}-{self.tail()}"
        return text

    def nested(self, pad: str, depth: int) -> str:
        inner = pad + " " * self.rng.choice([1, 2, 2, 4])
        return self.tail() + self.noise(inner) + self.mapping(inner, depth + 1)

    def sources(self) -> str:
        text = "sources:" + self.tail()
        for system in sorted(
            self.rng.sample(["gong", "salesforce", "stripe", "zendesk"], self.rng.randint(1, 3))
        ):
            text += "\n" * self.rng.randint(0, 1) + f"  {system}:" + self.tail()
            text += (
                self.noise("    ")
                + f'    id: "{next(self.names):05}"\n' * (self.rng.random() < 0.7)
                + self.mapping("    ", 2)
            )
        return text


def messy(rng: random.Random) -> bytes:
    """A generated file that loads."""
    while True:
        raw = Messy(rng).document()
        try:
            parse(raw, PATH)
        except DamagedFile:
            continue
        return raw


def paths(data: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key path in the data."""
    pairs = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for step, value in pairs:
        yield (*at, step)
        yield from paths(value, (*at, step))


def at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


documents = st.randoms(use_true_random=False).map(messy)


def changed(data: Any, change: Change) -> Any:
    """What the data must be after a change: the meaning of the four changes, told again."""
    data = copy.deepcopy(data)
    *way, last = change.key_path
    parent = data
    if isinstance(change, Unset):
        trail = [data]
        for step in way:
            trail.append(trail[-1][step])
        del trail[-1][last]
        while len(trail) > 1 and trail[-1] == {} and isinstance(trail[-2], dict):
            trail.pop()
            del trail[-1][way[len(trail) - 1]]
        return data
    for step in way:
        if isinstance(parent, dict) and parent.get(str(step)) is None:
            parent[step] = {}
        parent = parent[step]
    if isinstance(change, Set):
        parent[last] = normal(change.value)
    elif isinstance(change, Append):
        parent[last] = [*parent[last], normal(change.value)]
    else:
        index = next(i for i, item in enumerate(parent[last]) if same(item, normal(change.value)))
        del parent[last][index]
    return data


def any_change(rng: random.Random, data: Any) -> Change:
    """A change that makes sense in the data."""
    every = list(paths(data))
    lists = [path for path in every if isinstance(at(data, path), list)]
    full = [path for path in lists if at(data, path)]
    maps = [(), *(path for path in every if isinstance(at(data, path), dict))]
    value = rng.choice(NASTY)
    kind = rng.randrange(6)
    if kind == 0 and lists:
        return Append(rng.choice(lists), value)
    if kind == 1 and full:
        path = rng.choice(full)
        return Remove(path, rng.choice(at(data, path)))
    if kind == 2:
        return Set((*rng.choice(maps), rng.choice(["new", "a new", "zz: z"])), value)
    system = rng.choice(["airtable", "gong", "mail", "zuora"])
    sources = data.get("sources")
    # An earlier change may have put something else into the place of the blocks.
    blocks = sources is None or isinstance(sources, dict)
    if kind == 3 and blocks and isinstance((sources or {}).get(system) or {}, dict):
        return Set(("sources", system, rng.choice(["id", "fresh"])), value)
    if kind == 4:
        return Unset(rng.choice(every))
    return Set(rng.choice(every), value)


def is_new(data: Any, path: tuple[str | int, ...]) -> bool:
    """Whether setting the path makes a key where nothing stood, not even an empty map or null."""
    for step in path:
        if isinstance(data, dict) and step not in data:
            return data != {}
        data = data[step]
        if data is None:
            return False
    return False


def untouched(old: Document, change: Change) -> tuple[list[bytes], list[bytes]]:
    """The lines of the file before the touched node, and those from the next node on."""
    lines = old.raw.splitlines(keepends=True)
    first = old.line_of(change.key_path)
    later = [
        line
        for path in paths(old.data)
        if path[: len(change.key_path)] != change.key_path and (line := old.line_of(path)) > first
    ]
    fence = 2 + old.header.count("\n")
    return lines[: first - 1], lines[min([*later, fence]) - 1 :]


@settings(max_examples=300)
@given(documents, st.randoms(use_true_random=False))
def test_an_edit_gives_the_old_data_with_the_change_and_leaves_the_body(
    raw: bytes, rng: random.Random
) -> None:
    old = parse(raw, PATH)
    change = any_change(rng, old.data)
    try:
        result = edit(raw, [change], path=PATH)
    except EditRefused:
        return
    new = parse(result, PATH)
    assert same(new.data, changed(old.data, change))
    assert new.body == old.body
    assert result.startswith(b"\xef\xbb\xbf") == raw.startswith(b"\xef\xbb\xbf")
    if b"\r\n" in raw.splitlines(keepends=True)[0]:
        assert result.count(b"\n") == result.count(b"\r\n")


@pytest.mark.parametrize("style", ["|", "|-", "|+", ">", ">+"])
@pytest.mark.parametrize("value", ["", "x", ["a"], "a\nb\n", {"a": 1}])
def test_block_text_gives_way_with_its_own_line_ends(style: str, value: object) -> None:
    raw = f"---\r\na: {style}\r\n first\r\n\r\nb: 1\r\n---\r\n".encode()
    result = edit(raw, [Set(("a",), value)], path=PATH)
    assert result.count(b"\n") == result.count(b"\r\n")
    assert parse(result, PATH).data == {"a": value, "b": 1}


@settings(max_examples=200)
@given(documents, st.randoms(use_true_random=False))
def test_lines_before_the_touched_node_and_from_the_next_one_on_stay(
    raw: bytes, rng: random.Random
) -> None:
    old = parse(raw, PATH)
    path = rng.choice([path for path in paths(old.data) if all(isinstance(s, str) for s in path)])
    change = Set(path, rng.choice(NASTY))
    before, after = untouched(old, change)
    result = edit(raw, [change], path=PATH).splitlines(keepends=True)
    assert result[: len(before)] == before
    assert result[len(result) - len(after) :] == after


@settings(max_examples=200)
@given(documents, st.randoms(use_true_random=False))
def test_a_scalar_for_a_scalar_of_one_line_changes_one_line(raw: bytes, rng: random.Random) -> None:
    old = parse(raw, PATH)
    lines = old.header.splitlines()
    simple = [
        path
        for path in paths(old.data)
        if isinstance(path[-1], str) and isinstance(at(old.data, path), int | float | date)
    ]
    if not simple:
        return
    path = rng.choice(simple)
    result = parse(edit(raw, [Set(path, rng.choice(WORDS))], path=PATH), PATH).header.splitlines()
    differing = [i for i, (a, b) in enumerate(zip(lines, result, strict=True)) if a != b]
    assert differing == [old.line_of(path) - 2]


@settings(max_examples=300)
@given(documents, st.randoms(use_true_random=False))
def test_what_was_set_new_only_adds_lines_and_unset_restores_every_byte(
    raw: bytes, rng: random.Random
) -> None:
    old = parse(raw, PATH)
    change = any_change(rng, old.data)
    if not isinstance(change, Set) or not is_new(old.data, change.key_path):
        change = Set(("sources", rng.choice(["airtable", "mail", "zuora"]), "id"), "x1")
    if not is_new(old.data, change.key_path):
        return
    result = edit(raw, [change], path=PATH)
    assert edit(result, [Unset(change.key_path)], path=PATH) == raw
    if len(change.key_path) == 1 or (change.key_path[0] == "sources" and len(change.key_path) == 3):
        was, now = raw.splitlines(), result.splitlines()
        head = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), len(was))
        assert was[head:] == now[len(now) - (len(was) - head) :]


@settings(max_examples=100)
@given(documents, st.randoms(use_true_random=False))
def test_many_changes_in_one_call_equal_one_after_another(raw: bytes, rng: random.Random) -> None:
    data = parse(raw, PATH).data
    changes = []
    for _ in range(rng.randint(2, 8)):
        change = any_change(rng, data)
        data = changed(data, change)
        changes.append(change)
        if not data:
            return
    try:
        result = edit(raw, changes, path=PATH)
    except EditRefused:
        return
    assert same(parse(result, PATH).data, data)


def test_nasty_values_in_messy_files_are_all_written() -> None:
    refused = 0
    for seed in range(500):
        rng = random.Random(seed)
        raw = messy(rng)
        old = parse(raw, PATH)
        for _ in range(3):
            change = any_change(rng, old.data)
            try:
                result = edit(raw, [change], path=PATH)
            except EditRefused:
                refused += 1
            else:
                assert same(parse(result, PATH).data, changed(old.data, change))
    assert refused == 0


def file(header: str, body: str = "\n# Acme\n") -> bytes:
    return f"---\n{header}---\n{body}".encode()


def edited(header: str, *changes: Change) -> str:
    return parse(edit(file(header), changes, path=PATH), PATH).header


STYLES: list[tuple[str, Change, str]] = [
    ('a: "x" # c\n', Set(("a",), "y"), 'a: "y" # c\n'),
    ("a: 'x'\n", Set(("a",), "it's"), "a: 'it''s'\n"),
    ("a: x\n", Set(("a",), "NO"), 'a: "NO"\n'),
    ("a: 'x'\n", Set(("a",), 3), "a: 3\n"),
    ("a:   # c\n", Set(("a",), 1), "a: 1   # c\n"),
    ("a: |\n  x\n\nb: 1\n", Set(("a",), "y\nz\n"), "a: |\n  y\n  z\n\nb: 1\n"),
    ("a: >-\n  x\nb: 1\n", Set(("a",), "one"), "a: one\nb: 1\n"),
    ("a: # c\n  - x\nb: 1\n", Set(("a",), "one"), "a: one # c\nb: 1\n"),
    ("a: 1 # c\n", Set(("a",), {"k": {"m": 1}}), "a: # c\n  k:\n    m: 1\n"),
    ("a:\n- x\n- y # c\n# d\n", Append(("a",), "z"), "a:\n- x\n- y # c\n- z\n# d\n"),
    ("a: [x, y] # c\n", Append(("a",), "z, w"), 'a: [x, y, "z, w"] # c\n'),
    ("a: [\n  x,\n]\n", Append(("a",), "w"), "a: [\n  x,\n  w,\n]\n"),
    ("a: []\n", Append(("a",), 1), "a: [1]\n"),
    ("b: 1\n", Append(("a",), "x"), "b: 1\na: [x]\n"),
    (
        "a:\n  - who: x\n",
        Append(("a",), {"who": "w", "m": 1}),
        "a:\n  - who: x\n  - who: w\n    m: 1\n",
    ),
    ("a:\n  - {who: x}\n", Append(("a",), {"who": "w"}), "a:\n  - {who: x}\n  - {who: w}\n"),
    ("a:\n  - x # c\n  - y\n", Remove(("a",), "x"), "a:\n  - y\n"),
    ("a:\n  - x\n", Remove(("a",), "x"), "a: []\n"),
    ("a: [x, y, z]\n", Remove(("a",), "z"), "a: [x, y]\n"),
    ("a: [x, y, z]\n", Remove(("a",), "x"), "a: [y, z]\n"),
    ("a:\n  - n: x\n    m: 1\n", Unset(("a", 0, "n")), "a:\n  - m: 1\n"),
    ("a:\n  b:\n    c: 1\nd: 2\n", Unset(("a", "b", "c")), "d: 2\n"),
    ("a: {b: 1, c}\n", Set(("a", "c"), 2), "a: {b: 1, c: 2}\n"),
    ("a: {b: }\n", Set(("a", "b"), 2), "a: {b: 2 }\n"),
    ("# only a comment\n", Set(("a",), 1), "# only a comment\na: 1\n"),
    ("", Set(("a",), 1), "a: 1\n"),
    ("m:\n  b: 1\n  c: 2 # c\n", Set(("m",), {"b": 1, "c": 3}), "m:\n  b: 1\n  c: 3 # c\n"),
]


@pytest.mark.parametrize(("before", "change", "after"), STYLES)
def test_an_edit_keeps_the_style_it_finds(before: str, change: Change, after: str) -> None:
    assert edited(before, change) == after


def test_a_new_people_key_goes_above_sources() -> None:
    header = "a: 1\n# about b\nb: 2\n  # still b\n\nsources:\n\n  gong:\n    id: x\n"
    assert edited(header, Set(("c",), "new")) == header.replace("still b\n", "still b\nc: new\n")


def test_systems_and_their_fields_go_in_alphabetical_place_id_first() -> None:
    header = edited(
        "name: Acme\n",
        Set(("sources", "stripe", "mrr"), 12.5),
        Set(("sources", "gong", "calls"), 3),
        Set(("sources", "stripe", "id"), "cus_1"),
        Set(("sources", "stripe", "currency"), "GBP"),
        Set(("sources", "stripe", "tags"), ["a", "b"]),
    )
    first = (
        "name: Acme\n\nsources:\n\n  gong:\n    calls: 3\n\n"
        "  stripe:\n    id: cus_1\n    currency: GBP\n    mrr: 12.5\n    tags: [a, b]\n"
    )
    assert header == first
    more = edited(
        header,
        Set(("sources", "stripe", "limit"), 1),
        Set(("sources", "stripe", "delinquent"), False),
        Set(("sources", "salesforce", "id"), "0015e00000123456"),
        Set(("sources", "airtable", "id"), "rec1"),
        Set(("sources", "gong", "id"), "7"),
    )
    assert more == (
        'name: Acme\n\nsources:\n\n  airtable:\n    id: rec1\n\n  gong:\n    id: "7"\n    calls: 3\n\n'
        '  salesforce:\n    id: "0015e00000123456"\n\n'
        "  stripe:\n    id: cus_1\n    currency: GBP\n    delinquent: false\n    limit: 1\n"
        "    mrr: 12.5\n    tags: [a, b]\n"
    )


def test_setting_what_is_there_and_removing_what_is_not_change_no_byte() -> None:
    raw = file("a: 1.0   # c\nb: [x]\n")
    changes: list[Change] = [
        Set(("a",), 1.0),
        Unset(("c", "d")),
        Remove(("b",), "y"),
        Remove(("z",), 1),
    ]
    assert edit(raw, changes, path=PATH) is raw


def test_one_and_true_and_text_are_different_values() -> None:
    assert edited("a: 1\n", Set(("a",), True)) == "a: true\n"
    assert edited("a: 1\n", Set(("a",), "1")) == 'a: "1"\n'
    assert edited("a: 1\n", Set(("a",), 1.0)) == "a: 1.0\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Set(("a", "b"), 1), "a is not a map"),
        (Set(("l", 5), 1), "a list of 1"),
        (Set(("l", "x"), 1), "a list of 1"),
        (Append(("a",), 1), "is not a list"),
        (Remove(("a",), 1), "is not a list"),
        (Set(("a",), "nul\0"), "U\\+0000"),
        (Set(("a",), "\ud800"), "U\\+D800"),
        (Set(("a",), 2**64), "64 bits"),
        (Set(("a",), float("nan")), "not finite"),
        (Set(("a",), Decimal("Infinity")), "not finite"),
        (Set(("a",), object()), "type object"),
        (Set(("a",), {1: 2}), "not text"),
        (Set((), 1), "name the key"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(change: Change, reason: str) -> None:
    with pytest.raises(EditRefused, match=reason) as caught:
        edit(file("a: 1\nl: [x]\n"), [change], path=PATH)
    assert str(caught.value).startswith(PATH)


def test_one_impossible_change_refuses_the_whole_edit() -> None:
    with pytest.raises(EditRefused):
        edit(file("a: 1\n"), [Set(("b",), 1), Set(("a", "b"), 1)], path=PATH)


def test_a_damaged_file_is_never_edited() -> None:
    with pytest.raises(DamagedFile):
        edit(file("a: [1\n"), [Set(("b",), 1)], path=PATH)


def test_a_new_body_leaves_the_header_and_the_line_ends() -> None:
    raw = b"\xef\xbb\xbf---\r\na:   1 # c\r\n---\r\nold"
    assert set_body(raw, "x\ny\n", path=PATH) == raw.removesuffix(b"old") + b"x\r\ny\r\n"
    assert set_body(b"---\na: 1\n---", "x\n", path=PATH) == b"---\na: 1\n---\nx\n"
    assert set_body(file("a: 1\n"), "", path=PATH) == b"---\na: 1\n---\n"


def test_a_new_document_is_canonical_and_reads_back() -> None:
    data = {
        "name": "Acme: the firm",
        "tags": ["a", "b"],
        "sources": {"stripe": {"mrr": 1.5, "id": "cus_1"}, "gong": {"id": "1"}},
        "since": date(2026, 1, 2),
    }
    assert new_document(data, "\n# Acme\n") == (
        b'---\nname: "Acme: the firm"\ntags: [a, b]\nsince: 2026-01-02\n\nsources:\n\n'
        b'  gong:\n    id: "1"\n\n  stripe:\n    id: cus_1\n    mrr: 1.5\n---\n\n# Acme\n'
    )
    with pytest.raises(EditRefused):
        new_document({"x": object()}, "")
