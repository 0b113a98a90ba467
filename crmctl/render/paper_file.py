"""Where a page or a PDF may lie, and how it gets there: whole or not at all, for this person alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, UsageError
from crmctl.render.paper import GENERATOR
from crmctl.workspace import atomic, paths

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

STDOUT = "-"
_LOOKED_AT = 256 * 1024  # bytes at each end of a file in which our mark would stand
_BEGINS = {".html": b"<!doctype html>", ".pdf": b"%PDF-"}
_MARKS = (f'name="generator" content="{GENERATOR}"'.encode(), GENERATOR.encode())


def place(ws: Workspace, given: str, ending: str) -> Path:
    """The file that is meant, checked before any work is done.

    UsageError for another ending than ``ending`` (``.html`` or ``.pdf``), for a place among the accounts, whose files
    are records, and for a file there already that crmctl did not make.
    """
    path = Path(given).expanduser()
    if path.suffix.lower() != ending:
        raise UsageError(f"{given}: choose a name that ends in {ending}")
    folder = path.parent.resolve()
    if not folder.is_dir():
        raise UsageError(f"{given}: there is no folder {folder}")
    found = folder / path.name
    if found.is_relative_to((ws.root / paths.ACCOUNTS).resolve()):
        raise UsageError(
            f"{given} lies among the accounts, whose files are records; name another place"
        )
    if os.path.lexists(found) and not _ours(found, ending):
        raise UsageError(f"{given} is there and not made by crmctl; name another file or remove it")
    return found


def _ours(path: Path, ending: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
            file.seek(max(0, path.stat().st_size - _LOOKED_AT))
            tail = file.read()
    except OSError:
        return False
    mark = _MARKS[ending == ".pdf"]
    return head.startswith(_BEGINS[ending]) and (mark in head or mark in tail)


def write(path: Path, data: bytes) -> None:
    """Put a file there. CrmError says why it cannot be."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # It names people: nobody else on this machine needs to read it.
            atomic.replace(folder, path.name, data, mode=0o600)
        finally:
            os.close(folder)
    except OSError as error:
        raise CrmError(f"{path}: cannot be written: {error.strerror}") from None
