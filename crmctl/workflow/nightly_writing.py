"""How a step of the night writes: its plan under the lock, in one commit, with what a killed night left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crmctl.workflow.nightly import Did
from crmctl.workspace import gitdir, runs

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.runs import Run
    from crmctl.workspace.workspace import Workspace

COMMAND = "nightly"


def write(
    ws: Workspace,
    name: str,
    plan: Callable[[], ChangeSet],
    subject: str,
    *,
    commit: bool,
    apply: Callable[[ChangeSet, Run], None] | None = None,
) -> Did:
    """Write what ``plan`` says, asked under the lock, and commit it: files and a count of them, as a `Did`.

    A file with a person's edit is written but left out of the commit, and named among the errors. ``apply`` stands in
    for `Workspace.apply`.
    """
    if commit:
        ws.git.refuse_if_busy()
    theirs: set[str] = set()
    did = Did("")
    with ws.writing(f"{COMMAND} {name}") as run:
        changes = plan()
        left = _left(ws) if commit else set()
        ours, theirs = ws.uncommitted({*changes.paths, *left}) if commit else (set(), set())
        (apply or ws.apply)(changes, run)
        if commit and (changes or ours):
            mine = {*changes.paths} - theirs
            did.commit = ws.commit(mine | (ours & left), run, subject)
    did.counts = {word: number for word, number in changes.summary().items() if number}
    did.text = counted(did.counts)
    did.errors = [
        f"not committed: {path} has an edit of yours; look at it and commit it yourself"
        for path in sorted(theirs.intersection(changes.paths))
    ]
    return did


def counted(counts: dict[str, int]) -> str:
    """``3 created, 1 changed``; ``nothing new`` without any."""
    return ", ".join(f"{number} {word}" for word, number in counts.items()) or "nothing new"


def _left(ws: Workspace) -> set[str]:
    """What earlier nights wrote here and no commit holds."""
    here = gitdir.locate(ws.root).worktree
    return {
        path
        for journal in runs.journals(ws.state_dir)
        if not journal.commit
        and journal.worktree == here
        and journal.run.command.partition(" ")[0] == COMMAND
        for path in journal.hashes()
    }
