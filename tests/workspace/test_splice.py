"""Surgical edits: over messy generated files, only the touched node changes, and exactly as asked."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmctl.model.errors import DamagedFile, EditRefused
from crmctl.workspace.document import Document, parse
from crmctl.workspace.splice import Append, Change, Remove, Set, Unset, edit, new_document, same, set_body
from crmctl.workspace.yamlio import normal

PATH = "accounts/acme/profile.md"

WORDS = ["active", "on hold", "Zoë Ångström", "北京 office", "O'Brien", "https://acme.example/a?b=c", "x - y"]
SCALARS = [
    *WORDS,
    *('"quoted: yes"', "'it''s'", '"tab\\t and \\"quotes\\""', '"Olá 👋"', "''", '"0015e00000123456"'),
    *("12", "-3", "4.50", "true", "null", "~", "2026-01-02", "2026-01-02T03:04:05Z", "NO", "12:30", "0123"),
]
COMMENTS = ["# a note", "# - not: an item", "#", "# key: value # twice", "# 'quote"]

NASTY: list[Any] = [
    *("", " ", "a: b", "# c", "a #b", "- x", "-", "? x", "[x", "{x}", "]", "&a", "*a", "!t", "%d", "@x", "`x"),
    *("|", ">", "'", '"', "\\", "null", "~", "NO", "yes", "on", "True", "1", "1.5", "1e3", "0x1F", "0o17", "0123"),
    *("1_000", "12:30:45", "2026-01-02", "2026-01-02T03:04:05Z", "=", "<<", "---", "...", "--- x", ".inf", ".nan"),
    *("0015e00000123456", "two\nlines", "two\nlines\n", "\n", "a\n\n\nb\n\n", "tab\there", "\x1b[31m", "\x85", "\u2028"),
    *("\ufeffbom", "\u202eevil", "👩\u200d💻", "a\r\nb", "  lead", "trail  ", "a, b", "a]b", "x" * 3000, "ends:", ",", "#"),
    *(0, -1, 2**63, -(2**63), 1.5, 1e16, 1e-7, -0.5, True, False, None, Decimal("10.50"), Decimal("1E+3")),
    *(date(2026, 2, 28), datetime(2026, 2, 28, 9, 30, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
    *([], {}, ["a"], ["a: b", 1, None], [[1], []], {"k": "v"}, {"k": {"n": ["x\ny"]}}, [{"name": "A, B", "n": 1}]),
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
        return "".join(self.rng.choice(lines) + "\n" for _ in range(max(0, self.rng.randint(-4, 2))))

    def tail(self) -> str:
        return self.rng.choice(["", "", "", " ", "  " + self.rng.choice(COMMENTS)]) + "\n"

    def key(self) -> str:
        name = f"{self.rng.choice(['name', 'tier', 'x y', 'größe', 'NO', 'id'])}{next(self.names)}"
        return self.rng.choice([name, name, name, f'"{name}"', f"'{name}'"])

    def mapping(self, pad: str, depth: int) -> str:
        return "".join(pad + self.entry(pad, depth) for _ in range(self.rng.randint(1, 4 if depth else 8)))

    def entry(self, pad: str, depth: int) -> str:
        return f"{self.key()}{self.rng.choice([':', ':', ' :'])}{self.value(pad, depth)}"

    def value(self, pad: str, depth: int) -> str:
        rng = self.rng
        kinds = [self.scalar, self.scalar, self.scalar, self.empty, self.flow, self.literal, self.long]
        kinds += [self.items, self.nested] if depth < 3 else []
        return rng.choice(kinds)(pad, depth)

    def scalar(self, pad: str, depth: int) -> str:
        return " " * self.rng.randint(1, 3) + self.rng.choice(SCALARS) + self.tail()

    def empty(self, pad: str, depth: int) -> str:
        return self.tail()

    def long(self, pad: str, depth: int) -> str:
        more = f"\n{pad}   "
        return self.rng.choice([f" plain text{more}goes on", f' "double{more}goes on"', f" 'single{more}on'"]) + self.tail()

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
            inside = inside if rng.random() < 0.5 else f"\n{pad}" + f",\n{pad}".join(parts) + f"\n{pad}"
        else:
            space = " " * (rng.random() < 0.3)
            inside = space + ", ".join(parts) + "," * bool(parts and rng.random() < 0.1) + space
        return "{" + inside + "}" if braces else "[" + inside + "]"

    def literal(self, pad: str, depth: int) -> str:
        rng = self.rng
        inner = pad + " " * rng.choice([1, 2, 2, 4])
        lines = [inner + rng.choice(["text", "  # no comment", "- no: item", "---", "Ünïcode"]) for _ in range(rng.randint(1, 3))]
        lines[0] = inner + "first"
        if rng.random() < 0.3:
            lines.insert(1, "")
        blank = "\n" * rng.randint(0, 2)
        return f" {rng.choice('|>')}{rng.choice(['', '', '-', '+'])}{self.tail()}" + "\n".join(lines) + "\n" + blank

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
        for system in sorted(self.rng.sample(["gong", "salesforce", "stripe", "zendesk"], self.rng.randint(1, 3))):
            text += "\n" * self.rng.randint(0, 1) + f"  {system}:" + self.tail()
            text += self.noise("    ") + f'    id: "{next(self.names):05}"\n' * (self.rng.random() < 0.7) + self.mapping("    ", 2)
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
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in pairs:
        yield (*at, step)
        yield from paths(value, (*at, step))


def at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


documents = st.randoms(use_true_random=False).map(messy)
