"""YAML text for values, deterministic and one style: what it writes, YAML 1.1 and 1.2 readers agree on.

Text is bare only where it starts with a letter and no reader could take it for anything else;
everything else (``0015e00000123456``, ``1e3``, ``NO``, ``2026-01-02`` as text) is double-quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from crmctl.model.errors import EditRefused

_BARE = re.compile(r"[^\W\d_](?:[^:#]|:(?! |$)|(?<! )#)*")
_BARE_IN_FLOW = re.compile(r"[^\W\d_][^:#,\[\]{}]*")
_RESERVED = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump_scalar(value: object, *, flow: bool = False) -> str:
    """One line that readers take for this very value; ``flow``: to stand inside [] or {}.

    A naive time is UTC. Raises EditRefused for what has no scalar form.
    """
    if isinstance(value, str):
        return _bare(value, flow) or quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.isoformat().removesuffix("+00:00") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise EditRefused(f"a value of type {type(value).__name__} cannot be written as YAML; use text")


def dump_flow(value: object) -> str:
    """Any value on one line: ``[a, b]``, ``{name: x, role: y}`` or a scalar fit to stand in them."""
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{dump_key(k, flow=True)}: {dump_flow(v)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return "[" + ", ".join(map(dump_flow, value)) + "]"
    return dump_scalar(value, flow=True)


def dump_value(value: object, *, indent: int = 0, width: int = 100) -> str:
    """What stands after ``key:`` of a line indented by ``indent``; no final newline.

    Scalars and short lists of scalars stay on the line. Longer lists, lists of maps (one flow map
    an item) and maps start with a newline, two columns deeper than the key.
    """
    if isinstance(value, str):
        return dump_scalar(value)
    pad = "\n" + " " * (indent + 2)
    if isinstance(value, Mapping) and value:
        return "".join(
            pad + dump_entry(key, item, indent=indent + 2, width=width)
            for key, item in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        line = dump_flow(value)
        nested = any(isinstance(item, Mapping) for item in value)
        if not nested and len(line) + indent <= width:
            return line
        return "".join(f"{pad}- {dump_item(item)}" for item in value)
    return "{}" if isinstance(value, Mapping) else dump_scalar(value)


def dump_item(value: object) -> str:
    """What stands after ``- ``: a scalar, or a flow collection."""
    return dump_flow(value) if isinstance(value, (Mapping, list, tuple)) else dump_scalar(value)


def dump_entry(key: object, value: object, *, indent: int = 0, width: int = 100) -> str:
    """``key: value``, its first line not indented and without a final newline."""
    text = dump_value(value, indent=indent, width=width)
    return f"{dump_key(key)}:{text}" if text.startswith("\n") else f"{dump_key(key)}: {text}"


def dump_key(key: object, *, flow: bool = False) -> str:
    """A key; keys are text."""
    if not isinstance(key, str):
        raise EditRefused(f"the key {key!r} is not text")
    return dump_scalar(key, flow=flow)


def dump_mapping(mapping: Mapping[str, object]) -> str:
    """A block mapping, one key a line in the given order, with a final newline; {} for none."""
    return "".join(dump_entry(key, value) + "\n" for key, value in mapping.items()) or "{}\n"


def quoted(text: str) -> str:
    """The text in double quotes on one line, with everything unprintable escaped."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return (
        '"'
        + "".join(
            char if char.isprintable() and char not in _ESCAPES else _escape(char) for char in text
        )
        + '"'
    )


def _escape(char: str) -> str:
    code = ord(char)
    if not code or 0xD800 <= code < 0xE000:
        raise EditRefused(f"text with the character U+{code:04X} cannot be written; remove it")
    if char in _ESCAPES:
        return _ESCAPES[char]
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _bare(text: str, flow: bool) -> str:
    """The text itself where it may stand without quotes, else nothing."""
    form = _BARE_IN_FLOW if flow else _BARE
    fits = form.fullmatch(text) and text.isprintable() and text[-1] != " "
    return str.__str__(text) if fits and text.lower() not in _RESERVED else ""


def _number(value: float | Decimal) -> str:
    if isinstance(value, int):
        text = str(int(value)) if abs(value) < 2**64 else ""
        whole = True
    else:
        finite = value.is_finite() if isinstance(value, Decimal) else abs(value) < float("inf")
        text = (
            ""
            if not finite
            else format(value, "f")
            if isinstance(value, Decimal)
            else repr(float(value))
        )
        whole = "." not in text and "e" not in text
    if (
        not text
        or (whole and not -(2**63) <= int(text) < 2**64)
        or abs(float(text)) == float("inf")
    ):
        raise EditRefused(
            "a number that is not finite, or of more than 64 bits, cannot be written as a number"
        )
    return text if whole or "." in text else text.replace("e", ".0e")
