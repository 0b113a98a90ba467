"""A workspace: its root, its clock, its configuration, its git, its lock."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.workspace import gitdir

if TYPE_CHECKING:
    import random

    from crmctl.model.record import Ranking
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.config import Config
    from crmctl.workspace.git import Git
    from crmctl.workspace.runs import Run

MARKER = "crmctl.yaml"
NOW = "CRMCTL_NOW"


def clock() -> dt.datetime:
    """The time of this run in UTC, whole seconds; the variable CRMCTL_NOW fixes it."""
    fixed = os.environ.get(NOW)
    if not fixed:
        return dt.datetime.now(dt.UTC).replace(microsecond=0)
    try:
        now = dt.datetime.fromisoformat(fixed)
    except ValueError:
        raise UsageError(
            f"{NOW}: found {fixed!r}; allowed: a time such as 2026-03-31T09:30:00Z"
        ) from None
    return now.replace(tzinfo=dt.UTC) if now.tzinfo is None else now.astimezone(dt.UTC)


def find_root(start: Path) -> Path:
    """The nearest folder at or above ``start`` that holds a ``crmctl.yaml``."""
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / MARKER).is_file():
            return candidate
    raise ConfigError(f"{start}: no {MARKER} here or above; start a workspace with `crmctl init`")


class Workspace:
    """One workspace during one run of crmctl: everything a command needs, each made when first used."""

    def __init__(
        self, root: Path, *, now: dt.datetime | None = None, seed: int | None = None
    ) -> None:
        self.root = root
        self.now = now or clock()
        self._seed = seed

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace around ``start``, by default around the current folder."""
        return cls(find_root(start or Path.cwd()))

    @property
    def local_now(self) -> dt.datetime:
        """The time in the team's time zone: schedules and quiet hours are people's time."""
        from zoneinfo import ZoneInfo

        return self.now.astimezone(ZoneInfo(self.config.timezone))

    @property
    def today(self) -> dt.date:
        return self.now.date()

    @cached_property
    def rng(self) -> random.Random:
        import random

        return random.SystemRandom() if self._seed is None else random.Random(self._seed)

    @cached_property
    def git(self) -> Git:
        from crmctl.workspace.git import Git

        return Git(self.root)

    @property
    def state_dir(self) -> Path:
        """Where the index, the lock and the journal live: never committed, always rebuildable."""
        return gitdir.locate(self.root).state_dir

    @cached_property
    def config(self) -> Config:
        from crmctl.workspace.config import load_config

        return load_config(self.root)

    @cached_property
    def ranking(self) -> Ranking:
        return self.config.rank()

    @contextmanager
    def writing(self, command: str, *, wait: float = 10.0) -> Iterator[Run]:
        """Hold the workspace's lock for one run that writes; sweeps what a killed run left lying."""
        from crmctl.workspace.files import sweep
        from crmctl.workspace.lock import lock
        from crmctl.workspace.runs import new_run

        with lock(self.state_dir, command=command, wait=wait):
            sweep(self.root)
            yield new_run(self.now, self.rng, command)

    def apply(self, changes: ChangeSet, run: Run) -> None:
        """Write a plan; the caller holds the lock through `writing`."""
        from crmctl.workspace.changes import apply

        apply(self.root, changes, run=run)

    def uncommitted(self, paths: Iterable[str]) -> tuple[set[str], set[str]]:
        """Of the paths that differ from HEAD: those that only crmctl wrote, and those with a person's edit."""
        from hashlib import sha256

        from crmctl.workspace import files, runs

        dirty = self.git.dirty(paths)
        written = runs.machine_written(self.state_dir)
        ours = set()
        for path in dirty & written.keys():
            try:
                raw = files.read(self.root, path)
            except CrmError:
                continue
            if (None if raw is None else sha256(raw).hexdigest()) in written[path]:
                ours.add(path)
        return ours, dirty - ours

    def commit(self, paths: Iterable[str], run: Run, subject: str, body: str = "") -> str:
        """One commit of exactly ``paths``, named by its run so that `crmctl undo` finds it; "" if nothing differs."""
        from crmctl.workspace import runs

        held = list(paths)
        commit = self.git.commit(held, subject, body, {"Crmctl-Run": run.id})
        if commit:
            runs.committed(self.state_dir, gitdir.locate(self.root).worktree, held, commit)
        return commit
