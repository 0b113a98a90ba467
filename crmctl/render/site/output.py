"""The folder that holds a site: ours or nobody's, written file by file, and only what changed.

A manifest says what we wrote. A folder that holds anything and has no manifest is not ours, and nothing is written
there; a page that is no longer wanted is removed only while it is still what we wrote.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError, UsageError
from crmctl.workspace import atomic, paths

MANIFEST = ".crmctl-site.json"
IGNORE = ".gitignore"
FORMAT = 1
# Folders of the workspace that hold people's files.
_TAKEN = frozenset({paths.ACCOUNTS, "templates", ".github"})
PAGE = re.compile(r"(?:(?:accounts|owners)/)?[a-z0-9][a-z0-9-]*\.(?:html|css|js)")


@dataclass(slots=True)
class Written:
    """What one build did, as paths below the folder."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    same: int = 0

    def note(self, path: str, what: str) -> None:
        """Count a page as `put` said it."""
        if what == "same":
            self.same += 1
        else:
            (self.new if what == "new" else self.changed).append(path)


class Folder:
    """A folder for a site, checked before anything is written; UsageError if it is somebody else's.

    With ``dry`` nothing is written, and everything is said as if it were.
    """

    def __init__(self, out: Path, root: Path, *, dry: bool = False) -> None:
        self.dry = dry
        self.path = out if out.is_absolute() else Path.cwd() / out
        inside = _allowed(self.path, root)
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise UsageError(f"{out}: {error.strerror}; choose a folder with --out") from None
        if self.path.is_symlink():
            raise UsageError(f"{out} is a link; choose the folder itself with --out")
        if names and MANIFEST not in names and set(names) != {IGNORE}:
            raise UsageError(
                f"{out} holds files that are not a site of ours; choose an empty or a new folder with --out"
            )
        self.manifest = self._read() if MANIFEST in names else {}
        if dry:
            return
        try:
            # It holds people's data: nobody else on this machine needs to read it.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("accounts", "owners"):
                (self.path / name).mkdir(exist_ok=True)
            if inside and IGNORE not in names:
                self._write(IGNORE, b"# A site is made from the files; it is not committed.\n*\n")
            if MANIFEST not in names:
                # From now on it is ours, also if this build is broken off.
                self.finish({"pages": {}})
        except OSError as error:
            raise _unwritten(out, error) from None

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self.path / MANIFEST).read_bytes())
            if found["format"] != FORMAT:
                return {"pages": found.get("pages", {})}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return dict(found)

    @property
    def pages(self) -> dict[str, str]:
        """What the manifest says of our pages: the digest of each, by its path."""
        found = self.manifest.get("pages")
        rows = found.items() if isinstance(found, dict) else ()
        return {path: str(mark) for path, mark in rows if PAGE.fullmatch(path)}

    def put(self, path: str, data: bytes, known: str) -> tuple[str, str]:
        """Write a page unless it is there already as ``known`` says; what was done, and the digest."""
        found = digest(data)
        there = os.path.lexists(self.path / path)
        if there and found == known and self.stands(path, len(data)):
            return "same", found
        self._write(path, data)
        return ("changed" if there else "new"), found

    def stands(self, path: str, size: int | None = None) -> bool:
        """Whether a plain file is there, of that size."""
        try:
            st = os.lstat(self.path / path)
        except OSError:
            return False
        return os.path.isfile(self.path / path) and (size is None or st.st_size == size)

    def remove(self, path: str, known: str) -> bool:
        """Remove a page that is still what we wrote."""
        target = self.path / path
        with suppress(OSError):
            if not target.is_symlink() and digest(target.read_bytes()) == known:
                if not self.dry:
                    target.unlink()
                return True
        return False

    def finish(self, manifest: dict[str, Any]) -> None:
        """Keep what was written, for the next time."""
        text = json.dumps({"format": FORMAT, **manifest}, ensure_ascii=False, sort_keys=True)
        self._write(MANIFEST, text.encode())

    def _write(self, path: str, data: bytes) -> None:
        """A whole file or none. It can be made again, so it is not forced to the disk."""
        if self.dry:
            return
        folder, name = os.path.split(path)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        try:
            place = os.open(self.path / folder, flags)
            try:
                atomic.swing(place, atomic.lay_beside(place, name, data), name)
            finally:
                os.close(place)
        except OSError as error:
            raise _unwritten(self.path / path, error) from None


def _unwritten(path: Path, error: OSError) -> CrmError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    advice = "make room" if full else "choose another folder with --out"
    return CrmError(f"{path}: cannot be written: {error.strerror}; {advice}, and build again")


def digest(data: bytes) -> str:
    """Of a page."""
    return blake2b(data, digest_size=16).hexdigest()


def _allowed(out: Path, root: Path) -> bool:
    """Whether the folder lies inside the workspace; UsageError where people's files are, or git's."""
    real, home = Path(os.path.realpath(out)), Path(os.path.realpath(root))
    if real == home or real in home.parents:
        raise UsageError(f"{out} holds the workspace itself; choose another folder with --out")
    if home not in real.parents:
        return False
    first, *rest = real.relative_to(home).parts
    if first in _TAKEN or (first == ".git" and rest[:1] != ["crmctl"]):
        raise UsageError(
            f"{out} is where the workspace keeps its files; choose another folder with --out"
        )
    return True
