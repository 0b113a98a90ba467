"""Where a machine or a forge is told to call `crmctl nightly`: what stands there, and what is to."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl import __version__
from crmctl.model.errors import CrmError, UsageError
from crmctl.workflow import nightly_texts as texts
from crmctl.workspace import crontab, files, gitdir
from crmctl.workspace.machine import Machine, variable

if TYPE_CHECKING:
    from crmctl.workflow.nightly_texts import Clock
    from crmctl.workspace.workspace import Workspace

KINDS = ("crontab", "systemd", "github", "gitlab")
CRONTAB = "crontab"
_DIGESTS = "-digests"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file, or the crontab, before and after. ``base`` is the folder beneath which it is written."""

    base: Path | None
    name: str
    old: str | None
    new: str | None

    @property
    def place(self) -> str:
        return CRONTAB if self.base is None else str(self.base / self.name)

    def diff(self) -> str:
        old, new = ((text or "").splitlines(keepends=True) for text in (self.old, self.new))
        before = "/dev/null" if self.old is None else self.place
        after = "/dev/null" if self.new is None else self.place
        return "".join(unified_diff(old, new, before, after))

    def write(self) -> None:
        """Put it there. CrmError if it is no longer what was read."""
        if self.base is None:
            if crontab.read() != (self.old or ""):
                raise CrmError("the crontab changed meanwhile; nothing was written, try again")
            crontab.write(self.new or "")
            return
        if self.new is not None:
            self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self.base, self.name, _bytes(self.new), expected=_bytes(self.old))
        if self.new is None:
            self._tidy(self.base)

    def _tidy(self, base: Path) -> None:
        """Take away what enabling a timer left, and the folders that are empty now."""
        path = base / self.name
        enabled = path.parent / "timers.target.wants" / path.name
        if enabled.is_symlink():
            enabled.unlink()
        with suppress(OSError):
            for folder in (enabled.parent, *path.parents):
                if folder == base:
                    break
                if folder.is_dir():
                    folder.rmdir()


def pieces(ws: Workspace, kind: str, at: Clock) -> list[Piece]:
    """What `install` writes. UsageError for an unknown kind; CrmError where a file of somebody else's is in the way."""
    root = str(ws.root.resolve())
    if kind == CRONTAB:
        old = crontab.read()
        block = texts.cron_block(program(), root, at)
        return [Piece(None, CRONTAB, old, texts.with_block(old, block, root))]
    return [_piece(base, name, new) for base, name, new in _files(ws, kind, at, root)]


def removed(ws: Workspace, kind: str) -> list[Piece]:
    """What `remove` takes away: of what is not there, nothing."""
    root = str(ws.root.resolve())
    if kind == CRONTAB:
        old = crontab.read()
        return [Piece(None, CRONTAB, old, texts.with_block(old, "", root))]
    found = [_piece(base, name, None) for base, name in _places(ws, kind, root)]
    return [piece for piece in found if piece.old is not None]


def pending(found: Sequence[Piece]) -> list[Piece]:
    """Those that would change something."""
    return [piece for piece in found if piece.old != piece.new]


def is_installed(found: Sequence[Piece], ws: Workspace) -> bool:
    """Whether something of ours is in place, whatever its time of day."""
    begin, _ = texts.fences(str(ws.root.resolve()))
    return all(
        piece.old is not None and (piece.base is not None or begin in piece.old.splitlines())
        for piece in found
    )


def after(kind: str, ws: Workspace, *, gone: bool = False) -> str:
    """What a person still has to do, "" for nothing."""
    name = texts.unit_name(str(ws.root.resolve()))
    timers = f"{name}.timer {name}{_DIGESTS}.timer"
    match kind:
        case "systemd" if gone:
            return f"now: systemctl --user stop {timers}; systemctl --user daemon-reload"
        case "systemd":
            return f"now: systemctl --user daemon-reload && systemctl --user enable --now {timers}"
        case "github" | "gitlab":
            return "commit the file and push it" + (
                "" if gone else "; it says what the project needs"
            )
    return ""


def program() -> list[str]:
    """How this very crmctl is called, from anywhere."""
    beside = Path(sys.executable).parent / "crmctl"
    if os.access(beside, os.X_OK):
        return [str(beside)]
    found = shutil.which("crmctl")
    return [found] if found and Path(found).is_absolute() else [sys.executable, "-m", "crmctl"]


def _places(ws: Workspace, kind: str, root: str) -> list[tuple[Path, str]]:
    """The files of a kind: the folder beneath which each is written, and its path in there."""
    name = texts.unit_name(root)
    match kind:
        case "systemd":
            home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").resolve()
            return [
                (home, f"systemd/user/{name}{part}.{ending}")
                for part in ("", _DIGESTS)
                for ending in ("service", "timer")
            ]
        case "github":
            return [(gitdir.locate(ws.root).top, ".github/workflows/crmctl-nightly.yml")]
        case "gitlab":
            return [(gitdir.locate(ws.root).top, ".gitlab/crmctl-nightly.yml")]
    raise UsageError(f"--kind: found {kind!r}; allowed: {', '.join(KINDS)}")


def _files(ws: Workspace, kind: str, at: Clock, root: str) -> list[tuple[Path, str, str]]:
    places = _places(ws, kind, root)
    if kind == "systemd":
        made = [
            text
            for step in ("", texts.DIGESTS)
            for text in (texts.service(program(), root, step), texts.timer(root, at, step))
        ]
    else:
        prefix, secrets = gitdir.locate(ws.root).prefix, _secrets()
        made = [
            texts.github(prefix, at, __version__, secrets)
            if kind == "github"
            else texts.gitlab(prefix, __version__, secrets)
        ]
    return [(base, name, text) for (base, name), text in zip(places, made, strict=True)]


def _secrets() -> list[str]:
    """The variables that hold the settings of the systems which are set up here; their names only."""
    from crmctl.sources.registry import SYSTEMS
    from crmctl.workflow.channels.machine import SYSTEMS as WAYS

    machine = Machine()
    every = {system: what.settings for system, what in SYSTEMS.items()} | WAYS
    return [
        variable(system, setting.name)
        for system, settings in every.items()
        if machine.has(system)
        for setting in settings
        if setting.needed or machine.get(system, setting.name)
    ]


def _piece(base: Path, name: str, new: str | None) -> Piece:
    raw = files.read(base, name) if base.is_dir() else None
    old = None if raw is None else raw.decode("utf-8", "surrogateescape")
    if old is not None and texts.WRITTEN not in old.partition("\n")[0]:
        raise CrmError(f"{base / name}: is not of `crmctl schedule`, so it is left alone")
    return Piece(base, name, old, new)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
