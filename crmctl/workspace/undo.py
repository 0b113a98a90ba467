"""Take back one run: plan the changes that return its files to what they were before it.

What people or later runs changed since is kept: such a file is merged three-way, with what the run
wrote as the common ancestor. Undoing is a run like any other, and can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from crmctl.model.errors import DamagedFile, DecisionNeeded, UsageError
from crmctl.model.text import one_line
from crmctl.workspace import files, gitdir, runs
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.git import Git
from crmctl.workspace.gitformat import RUN_TRAILER

_SECOND = len("20261122T103000Z")  # the part of a run's id that is its time
_NAMED = 5  # files that a message names


class _Written(NamedTuple):
    """A file before and after the run; ``after`` is None also where it was not kept."""

    path: str
    before: bytes | None
    after: bytes | None
    after_sha256: str | None


def plan_undo(root: Path, git: Git, run_id: str | None) -> tuple[ChangeSet, str]:
    """The changes that take back a run (None: the newest), and a line that says which.

    A run is looked for in HEAD's history, then among the journals of runs that were not
    committed. UsageError if it is in neither; DecisionNeeded, naming the files, if later changes
    are in the way.
    """
    written, description = _find(root, git, run_id)
    changes = ChangeSet()
    conflicts = []
    for file in written:
        current = files.read(root, file.path)
        if current == file.before:
            continue
        target, in_the_way = _without(git, file, current)
        if in_the_way:
            conflicts.append(file.path)
        else:
            changes.put(file.path, current, target, description)
    if conflicts:
        names = ", ".join(map(one_line, conflicts[:_NAMED]))
        more = f" and {len(conflicts) - _NAMED} more" if len(conflicts) > _NAMED else ""
        raise DecisionNeeded(
            f"cannot {description}, for the same places were changed since in {names}{more}: undo "
            "the later change first, or edit these files by hand"
        )
    return changes, description


def runs_to_undo(root: Path, git: Git, limit: int = 20) -> list[dict[str, str]]:
    """The newest runs that can be taken back, newest first: ``run``, ``what`` it was, and its ``commit``, if any."""
    worktree = gitdir.locate(root).worktree
    order = {}
    found = {}
    for journal in runs.journals(git.state_dir):
        order[journal.run.id] = journal.order
        if journal.worktree == worktree and not journal.commit:
            found[journal.run.id] = {
                "run": journal.run.id,
                "what": journal.run.command,
                "commit": "",
            }
    for run in git.log_runs(limit):
        found[run.run_id] = {"run": run.run_id, "what": run.subject, "commit": run.commit[:12]}
    # An id begins with the second of its run; within it, the journal knows the order.
    newest = sorted(found, key=lambda run: (run[:_SECOND], order.get(run, 0), run), reverse=True)
    return [found[run_id] for run_id in newest[:limit]]


def _find(root: Path, git: Git, run_id: str | None) -> tuple[Iterable[_Written], str]:
    commit = next(iter(git.log_runs(1, run_id)), None)
    journal = runs.find(git.state_dir, run_id, worktree=gitdir.locate(root).worktree)
    if commit and (journal is None or _came_later(git, commit.run_id, journal)):
        return _from_commit(git, commit.commit), f"undo {commit.run_id}: {one_line(commit.subject)}"
    if journal:
        return _from_journal(journal), f"undo {journal.run.id}: {one_line(journal.run.command)}"
    if run_id is None:
        raise UsageError("there is no run to undo in this branch or in the journal")
    raise UsageError(
        f'no run "{one_line(run_id)}" is in this branch or in the journal: take an id from the '
        f"`{RUN_TRAILER}` lines of `git log`"
    )


def _came_later(git: Git, run_id: str, journal: runs.Journal) -> bool:
    """Whether a committed run followed a journalled one; a run from another machine has no journal here."""
    own = runs.find(git.state_dir, run_id)
    if own is not None:
        return own.order >= journal.order
    return run_id[:_SECOND] >= journal.run.id[:_SECOND]


def _from_commit(git: Git, commit: str) -> Iterator[_Written]:
    paths = git.changed_paths(commit)
    wanted = [(rev, path) for path in paths for rev in (f"{commit}^", commit)]
    contents = iter(git.blobs(wanted))
    for path, before, after in zip(paths, contents, contents, strict=True):
        yield _Written(path, before, after, _digest(after))


def _from_journal(journal: runs.Journal) -> Iterator[_Written]:
    for file in journal.files():
        yield _Written(file.path, file.old, file.new, file.new_sha256)


def _without(git: Git, file: _Written, current: bytes | None) -> tuple[bytes | None, bool]:
    """``current`` without what the run did to it, and whether later changes are in the way."""
    if _digest(current) == file.after_sha256:
        return file.before, False
    if file.before is None or file.after is None or current is None:
        return None, True
    merged, conflict = git.merge_file(base=file.after, ours=current, theirs=file.before)
    return merged, conflict or (_reads(file.path, current) and not _reads(file.path, merged))


def _reads(path: str, raw: bytes) -> bool:
    """Whether the front matter can be read: lines that merge well need not be YAML together."""
    from crmctl.workspace import document

    if not path.endswith(".md"):
        return True
    try:
        document.parse(raw, path)
    except DamagedFile:
        return False
    return True


def _digest(data: bytes | None) -> str | None:
    return None if data is None else sha256(data).hexdigest()
