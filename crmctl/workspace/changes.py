"""What a command that writes is about to do: built first, shown, then applied.

A command builds a `ChangeSet` from what it read, ``--dry-run`` prints its diff, and `apply` writes
exactly that: there is no second way to write, so the preview cannot lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from crmctl.model.errors import CrmError, PartialError
from crmctl.workspace import files, gitdir, runs, together
from crmctl.workspace.paths import ACCOUNTS

_CURSORS = f"{ACCOUNTS}/_state/"
_EPISODES = "/episodes.jsonl"
MANY = 50  # files from which on syncing the whole disk is cheaper than syncing each of them


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after, in bytes; None where there is no file."""

    path: str
    old: bytes | None
    new: bytes | None
    reason: str = ""


class ChangeSet:
    """Changes to files, at most one for each path, in the order of writing.

    That is the order of their paths, but with the episodes of workflows behind the work that they
    record, and the cursors of sources behind everything else: neither may be ahead of what it
    stands for.
    """

    def __init__(self) -> None:
        self._changes: dict[str, FileChange] = {}

    def add(self, change: FileChange) -> None:
        """Add a change on top of what is already pending for its path.

        Two changes that cancel out leave nothing. Raises ValueError if ``change.old`` is not what
        the pending change would leave: the caller computed it from something else.
        """
        pending = self._changes.get(files.check_path(change.path))
        if pending is not None:
            if change.old != pending.new:
                raise ValueError(f"a change of {change.path} ignores the one already pending")
            reasons = dict.fromkeys([*pending.reason.split("; "), change.reason])
            reason = "; ".join(filter(None, reasons))
            change = FileChange(change.path, pending.old, change.new, reason)
        if change.old == change.new:
            self._changes.pop(change.path, None)
        else:
            self._changes[change.path] = change

    def put(self, path: str, old: bytes | None, new: bytes | None, reason: str = "") -> None:
        """`add` without building the `FileChange`."""
        self.add(FileChange(path, old, new, reason))

    def get(self, path: str) -> FileChange | None:
        """The pending change of a path."""
        return self._changes.get(path)

    def current(self, path: str, old: bytes | None) -> bytes | None:
        """What the next change of ``path`` starts from: the pending bytes if any, else ``old``."""
        pending = self._changes.get(path)
        return old if pending is None else pending.new

    @property
    def paths(self) -> list[str]:
        """The paths, in the order of writing."""
        return sorted(
            self._changes, key=lambda p: (p.startswith(_CURSORS), p.endswith(_EPISODES), p)
        )

    def __iter__(self) -> Iterator[FileChange]:
        return (self._changes[path] for path in self.paths)

    def __len__(self) -> int:
        return len(self._changes)

    def summary(self) -> dict[str, int]:
        """How many files are ``created``, ``changed`` and ``deleted``."""
        counts = {"created": 0, "changed": 0, "deleted": 0}
        for change in self._changes.values():
            kind = (
                "created" if change.old is None else "deleted" if change.new is None else "changed"
            )
            counts[kind] += 1
        return counts

    def diff(self, context: int = 3) -> str:
        """All changes as one unified diff, as raw text: clean it at the door where it goes out."""
        return "".join(line for change in self for line in _diff(change, context))


def apply(root: Path, changes: ChangeSet, *, run: runs.Run) -> None:
    """Write ``changes``: first the journal of ``run``, then each file, whole or not at all.

    The caller holds the workspace lock. ChangedOnDisk, with nothing written, if a file is no
    longer what the changes were computed from; PartialError if a later file could not be
    written; another CrmError if the first could not.
    """
    if not changes:
        return
    with files.Reading(root) as reading:
        for change in changes:
            if reading.read(change.path) != change.old:
                raise files.changed(change.path)
    place = gitdir.locate(root)
    runs.begin(place.state_dir, run, place.worktree, ((c.path, c.old, c.new) for c in changes))
    done = 0
    try:
        for done in _written(root, changes):  # noqa: B007  counted for the message
            pass
    except CrmError as error:
        if not done:
            raise
        raise PartialError(
            f"{error} ({done} of {len(changes)} files were written; run again, or take them "
            f"back with `crmctl undo {run.id}`)"
        ) from error
    runs.finish(place.state_dir, run.id)


def _written(root: Path, changes: ChangeSet) -> Iterator[int]:
    """Write the changes in their order; yields after each file how many there are.

    Many new or changed files are written together, what stands behind them one by one.
    """
    done = 0
    at_once = [
        (c.path, c.old, c.new) for c in changes if c.new is not None and not _stands_behind(c.path)
    ]
    if len(at_once) < MANY:
        at_once = []
    for done in together.write(root, at_once) if at_once else ():
        yield done
    written = {path for path, _, _ in at_once}
    for change in changes:
        if change.path not in written:
            files.write(root, change.path, change.new, expected=change.old)
            done += 1
            yield done


def _stands_behind(path: str) -> bool:
    return path.startswith(_CURSORS) or path.endswith(_EPISODES)


def _diff(change: FileChange, context: int) -> Iterator[str]:
    lines = unified_diff(
        _lines(change.old),
        _lines(change.new),
        "/dev/null" if change.old is None else f"a/{change.path}",
        "/dev/null" if change.new is None else f"b/{change.path}",
        n=context,
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str]:
    # Not `splitlines`, which also splits at characters that are no line ends to git or an editor.
    text = (data or b"").decode("utf-8", "backslashreplace")
    pieces = text.split("\n")
    return [f"{piece}\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
