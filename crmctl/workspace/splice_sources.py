"""How systems' blocks look beneath ``sources``: one field a line, each block after a blank line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmctl.workspace import yamldump as dump
from crmctl.workspace.splice_steps import KeyPath

SOURCES = "sources"


def rank(key_path: KeyPath) -> tuple[bool, str]:
    """The place of a key among its siblings under ``sources``: by the alphabet, but a block's ``id`` first."""
    return (len(key_path) != 3 or key_path[-1] != "id", str(key_path[-1]))


def sources_lines(value: Mapping[str, Any], path: KeyPath, indent: int) -> str:
    """The lines of ``sources`` (path of one) or of one system's block (of two), blocks after a blank line."""
    names = sorted(value, key=lambda name: rank((*path, name)))
    if len(path) == 2:
        return "".join(f"{' ' * indent}{field(name, value[name])}\n" for name in names)
    return "".join(block(name, value[name], indent) for name in names)


def block(name: str, value: Any, indent: int) -> str:
    """One system's block with the blank line before it."""
    pad = " " * indent
    if not isinstance(value, Mapping) or not value:
        return f"\n{pad}{field(name, value)}\n"
    return f"\n{pad}{dump.dump_key(name)}:\n" + sources_lines(value, (SOURCES, name), indent + 2)


def field(name: str, value: Any) -> str:
    """One field of a system's block, on one line whatever it holds."""
    return f"{dump.dump_key(name)}: {dump.dump_item(value)}"
