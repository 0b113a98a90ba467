"""Marks that an unfinished merge left in a file."""

from __future__ import annotations

from crmctl.model.errors import Problem

_MARKS = (b"<<<<<<< ", b"||||||| ", b">>>>>>> ")


def problems(path: str, raw: bytes) -> list[Problem]:
    """One problem at each conflict's first mark; a file with any is not worth another look."""
    if not any(mark in raw for mark in _MARKS):
        return []
    marked = [(n, line) for n, line in enumerate(raw.split(b"\n"), 1) if line.startswith(_MARKS)]
    opening = [n for n, line in marked if line.startswith(_MARKS[0])] or [n for n, _ in marked]
    message = "holds the marks of a merge conflict; settle it and remove them"
    return [Problem(path, line, "", message, "conflict") for line in opening]
