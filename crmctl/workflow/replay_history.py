"""The past of a workspace, day by day: what was checked out at the end of each, laid into a folder.

Of each day the commit counts that was checked out at its end (UTC), on the branch's own line as in
`crmctl.insight.past.head_on`. Commits of a run of workflows at the end of a day are left out: what such a run wrote is
its answer, and the question is what it saw.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.model.errors import CrmError, UsageError
from crmctl.workflow.replay_scratch import SETTINGS
from crmctl.workspace import document, files, gitformat, paths, splice
from crmctl.workspace.splice_sources import SOURCES

if TYPE_CHECKING:
    from crmctl.workflow.replay_scratch import Scratch
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.git import Git

EPISODES = "/episodes.jsonl"
STATE = paths.state("workflows")
_MEASURES = f"{paths.ACCOUNTS}/_measures/"
_MANY = 1000  # files that are read from git at once
_LAST = dt.time(23, 59, 59, tzinfo=dt.UTC)


class Logged(NamedTuple):
    """A commit, when it was made (UTC), and the run of crmctl that made it, "" for people."""

    id: str
    time: dt.datetime
    run: str


def line(git: Git) -> list[Logged]:
    """The commits on the branch's own line, the newest first; UsageError when there is none."""
    form = f"--format=%H%x09%cI%x09%(trailers:key={gitformat.RUN_TRAILER},valueonly,separator=%x2C)"
    output = git.run("log", "--first-parent", form, "--end-of-options", "HEAD", check=False)
    found = []
    for row in output.decode("utf-8", "replace").splitlines():
        name, when, run = row.split("\t")
        found.append(Logged(name, dt.datetime.fromisoformat(when).astimezone(dt.UTC), run))
    if not found:
        raise UsageError("there is no commit yet, so no past to look at: commit first")
    return found


class Line:
    """The branch's own line, asked for one day after the other."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self.commits = line(git)

    @property
    def begins(self) -> dt.date:
        """The day of the earliest commit."""
        return min(commit.time for commit in self.commits).date()

    def ended(self, day: dt.date) -> str | None:
        """The commit that was checked out at the end of a day; None before the first."""
        place = self._place(day)
        return None if place is None else self.commits[place].id

    def seen(self, day: dt.date) -> str | None:
        """As `ended`, before a run of workflows of that day that nothing came after."""
        place = self._place(day)
        if place is None:
            return None
        while place + 1 < len(self.commits) and self._is_run(self.commits[place], day):
            place += 1
        return self.commits[place].id

    def _place(self, day: dt.date) -> int | None:
        end = dt.datetime.combine(day, _LAST)
        return next((n for n, each in enumerate(self.commits) if each.time <= end), None)

    def _is_run(self, commit: Logged, day: dt.date) -> bool:
        if not commit.run or commit.time.date() != day:
            return False
        changed = self.git.changed_paths(commit.id)
        return any(path.endswith(EPISODES) or path == STATE for path in changed)


class Checkout:
    """Lays one commit after the other into a `Scratch`, under what workflows would have written there.

    Of the past it takes the accounts and the settings; the workflows, their templates and what they did are not the
    past's but those of the replay. With ``account``, of the other accounts the profiles alone.
    """

    def __init__(self, git: Git, scratch: Scratch, account: str | None = None) -> None:
        self.git = git
        self.scratch = scratch
        self.account = account
        self.commit: str | None = None
        self.problems: list[str] = []
        # What workflows would have written over the past: the past's bytes below it, and theirs.
        self._made: dict[str, tuple[bytes | None, bytes | None]] = {}
        # Measures of days to come.
        self._ahead: dict[str, bytes] = {}

    def to(self, commit: str, day: dt.date) -> None:
        """Lay down what a commit holds, of the measures those up to ``day``."""
        if commit != self.commit:
            entries = [e for e in _differing(self.git, self.commit, commit) if self._wanted(e[0])]
            for start in range(0, len(entries), _MANY):
                self._take(entries[start : start + _MANY], day)
            for path in [p for p, blob in entries if not blob and p.endswith("/profile.md")]:
                self._leave(path.split("/")[1])
            self.commit = commit
        for path in [p for p in self._ahead if _day(p) <= day.isoformat()]:
            self.scratch.write(path, self._ahead.pop(path))

    def keep(self, changes: ChangeSet) -> None:
        """What a run would have written stays, until the past has something else in its place."""
        for change in changes:
            before = self._made.get(change.path, (change.old, None))[0]
            self._made[change.path] = (before, change.new)
        self.scratch.apply(changes)

    def _wanted(self, path: str) -> bool:
        if path.endswith(EPISODES) or path == STATE:
            return False
        parts = path.split("/")
        if self.account is None or len(parts) < 3 or parts[1].startswith("_"):
            return True
        return parts[1] == self.account or parts[2:] == ["profile.md"]

    def _take(self, entries: Sequence[tuple[str, str]], day: dt.date) -> None:
        here = [blob for _, blob in entries if blob]
        blobs = dict(zip(here, _read(self.git, here), strict=True))
        for path, blob in entries:
            try:
                files.check_path(path)
            except CrmError as error:
                self.problems.append(str(error))
                continue
            self._put(path, blobs[blob] if blob else None, day)

    def _put(self, path: str, raw: bytes | None, day: dt.date) -> None:
        self._ahead.pop(path, None)
        if path.startswith(_MEASURES) and raw is not None and _day(path) > day.isoformat():
            self._ahead[path] = raw
            return
        before, made = self._made.pop(path, (None, None))
        if raw is not None and before is not None and made is not None and raw != made:
            merged = carried(before, made, raw, path)
            if merged != raw:
                self._made[path] = (raw, merged)
                raw = merged
        self.scratch.write(path, raw)

    def _leave(self, account: str) -> None:
        """Of an account that is no more, nothing stays that workflows would have made."""
        start = f"{paths.ACCOUNTS}/{account}/"
        for path in [path for path in self._made if path.startswith(start)]:
            before, _ = self._made.pop(path)
            self.scratch.write(path, before)
        self.scratch.tidy(account)


def carried(before: bytes, made: bytes, new: bytes, path: str) -> bytes:
    """A record's new bytes with the values that ``made`` gave it over ``before``, where the new ones are as before."""
    try:
        old, ours, theirs = (_values(raw, path) for raw in (before, made, new))
        edits: list[splice.Change] = []
        for key in sorted(old.keys() | ours.keys()):
            if ours.get(key) == old.get(key) or theirs.get(key) != old.get(key):
                continue
            edits.append(splice.Set(key, ours[key]) if key in ours else splice.Unset(key))
        return splice.edit(new, edits, path=path)
    except CrmError:
        return new


def _values(raw: bytes, path: str) -> dict[tuple[str, ...], Any]:
    """Every value of a record by its place, each system's apart."""
    data = document.parse(raw, path, fast=True).data
    found: dict[tuple[str, ...], Any] = {(key,): each for key, each in data.items()}
    for system, block in (found.pop((SOURCES,), None) or {}).items():
        found |= {(SOURCES, system, key): each for key, each in (block or {}).items()}
    return found


def files_of(git: Git, commit: str, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Of what a commit holds of the accounts, the files whose names end with one of ``wanted``."""
    entries = [
        (path, blob)
        for path, blob in _differing(git, None, commit)
        if path.endswith(tuple(wanted)) and blob
    ]
    raws = _read(git, [blob for _, blob in entries])
    yield from ((path, raw) for (path, _), raw in zip(entries, raws, strict=True))


def _differing(git: Git, before: str | None, after: str) -> Iterator[tuple[str, str]]:
    """(path, blob id) of the regular files that two commits hold differently, "" for one that is gone."""
    old = before or hashlib.new("sha1" if len(after) == 40 else "sha256", b"tree 0\0").hexdigest()
    output = git.run(
        "diff-tree", "-r", "-z", "--no-renames", "--relative", old, after, "--", paths.ACCOUNTS, *SETTINGS
    )  # fmt: skip
    parts = iter(output.split(b"\0"))
    for head in parts:
        if not head:
            return
        _, mode, _, blob, _ = head.decode("ascii").split(" ")
        path = os.fsdecode(next(parts))
        yield path, blob if mode.startswith("100") else ""


def _read(git: Git, blobs: Sequence[str]) -> list[bytes]:
    output = git.run("cat-file", "--batch", input="".join(f"{b}\n" for b in blobs).encode("ascii"))
    return [raw or b"" for raw in gitformat.batch(output)]


def _day(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".csv")
