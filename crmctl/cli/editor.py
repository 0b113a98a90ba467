"""Editing in the user's own editor; the draft survives whatever goes wrong."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError, CrmError, DamagedFile

if TYPE_CHECKING:
    from crmctl.cli.session import Session


def command() -> list[str]:
    """The user's editor and its options, from VISUAL or EDITOR; ``code --wait`` works."""
    for name in ("VISUAL", "EDITOR"):
        found = os.environ.get(name, "").strip()
        if found:
            return [found] if sys.platform == "win32" else shlex.split(found)
    for candidate in ("/usr/bin/editor", "/usr/bin/nano", "/usr/bin/vi"):
        if os.access(candidate, os.X_OK):
            return [candidate]
    raise ConfigError("no editor is set: set EDITOR, for example to nano")


def run_editor(path: Path) -> None:
    """Let the user edit a file and wait; CrmError if the editor fails."""
    program = command()
    try:
        code = subprocess.call([*program, str(path)])
    except OSError as error:
        raise ConfigError(f"{program[0]}: cannot be started: {error.strerror}") from None
    if code != 0:
        raise CrmError(f"{program[0]} ended with {code}; nothing was changed")


def compose(start: str, name: str) -> str:
    """Text that the user writes, beginning with ``start``. CrmError when it was left unchanged."""
    descriptor, draft = tempfile.mkstemp(prefix=f"crmctl-{name}-", suffix=".md")
    path = Path(draft)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(start)
    run_editor(path)
    text = path.read_text(encoding="utf-8")
    path.unlink()
    if text.strip() == start.strip():
        raise CrmError("nothing was written, so nothing was saved")
    return text


def edit_file(current: Session, path: str, *, dry_run: bool, commit: bool) -> None:
    """Edit a workspace file through a draft: only a valid result replaces it, and only if nobody else changed it."""
    from crmctl.workspace import files
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.records import read_record

    ws = current.ws
    old = files.read(ws.root, path)
    if old is None:
        raise CrmError(f"{path}: there is no such file")
    descriptor, name = tempfile.mkstemp(prefix=f"crmctl-{Path(path).stem}-", suffix=".md")
    draft = Path(name)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(old)
    while True:
        run_editor(draft)
        new = draft.read_bytes()
        if new == old:
            draft.unlink()
            current.out.say("unchanged")
            return
        try:
            problems = read_record(new, path, ws.ranking)[1]
        except DamagedFile as error:
            problems = error.problems
        if not problems:
            break
        for problem in problems:
            current.out.warn(str(problem))
        if not (sys.stdin.isatty() and _again()):
            raise CrmError(f"{path} was not changed; your draft is kept in {draft}")
    changes = ChangeSet()
    changes.put(path, old, new, "edited")
    try:
        current.carry_out(
            "edit", lambda: changes, dry_run=dry_run, commit=commit, subject=f"Edit {path}"
        )
    except CrmError as error:
        raise type(error)(f"{error}; your draft is kept in {draft}") from None
    draft.unlink()


def _again() -> bool:
    return input("Edit again? [Y/n] ").strip().lower() in ("", "y", "yes")
