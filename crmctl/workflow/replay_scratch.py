"""A workspace to think in: files in a folder of its own, which nobody else sees and which is gone afterwards.

Workflows are planned in it by the very code of a real run, on any day. It has no history and nothing is sent from it.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crmctl.insight.weights_file import WEIGHTS
from crmctl.model.errors import CrmError
from crmctl.workspace import files, paths, templates
from crmctl.workspace.config import CONFIG
from crmctl.workspace.workspace import Workspace

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet

PREFIX = "thinking-"
# What a commit holds of rules beside the workflows themselves.
SETTINGS = (CONFIG, WEIGHTS, "signals.yaml", "technologies.yaml")
_LEFT_OVER = 6 * 3600.0  # seconds after which a folder is of a run that was killed
_LAST_MOMENT = dt.time(23, 59, 59)


class Scratch:
    """One such workspace. ``seed`` makes what is drawn by lot the same each time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        git = root / ".git"
        git.mkdir()
        (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
        self._ws: Workspace | None = None

    def write(self, path: str, raw: bytes | None) -> None:
        """Make a file hold these bytes, or take it away; as fast as can be, for nobody relies on it."""
        target = files.safe_path(self.root, path)
        if path == CONFIG:
            self._ws = None
        if raw is None:
            with suppress(FileNotFoundError):
                target.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)

    def borrow(self, root: Path, *, settings: bool = False) -> None:
        """Take over the templates of the workspace at ``root`` as they are now, and with ``settings`` those."""
        folder = root / templates.FOLDER
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        for path in (
            *(f"{templates.FOLDER}/{name}" for name in names),
            *(SETTINGS if settings else ()),
        ):
            with suppress(CrmError):
                self.write(path, files.read(root, path))

    def apply(self, changes: ChangeSet) -> None:
        """What a run would have written."""
        for change in changes:
            self.write(change.path, change.new)

    def tidy(self, account: str) -> None:
        """Take an account's folder away if no file is left in it."""
        folder = self.root / paths.ACCOUNTS / account
        if not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)

    def on(self, day: dt.date) -> Workspace:
        """The workspace at the last moment that belongs to a day both in UTC and in the team's time zone."""
        if self._ws is None:
            self._ws = Workspace(
                self.root, seed=0, now=dt.datetime.combine(day, _LAST_MOMENT, dt.UTC)
            )
        ends = [
            dt.datetime.combine(day, _LAST_MOMENT, zone)
            for zone in (dt.UTC, ZoneInfo(self._ws.config.timezone))
        ]
        self._ws.now = min(ends).astimezone(dt.UTC)
        return self._ws


@contextmanager
def scratch(place: Path | None = None) -> Iterator[Scratch]:
    """A new one beneath ``place``, by default where the machine keeps temporary files; readable by nobody else."""
    if place is not None:
        for left in place.glob(f"{PREFIX}*"):
            if left.stat().st_mtime < time.time() - _LEFT_OVER:
                shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=PREFIX, dir=place, ignore_cleanup_errors=True) as folder:
        yield Scratch(Path(folder).resolve())
