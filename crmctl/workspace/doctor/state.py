"""What lies in ``.git/crmctl``: who writes, what was interrupted, and what killed runs left lying."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import BusyError, CrmError
from crmctl.workspace import atomic, files, gitdir, runs
from crmctl.workspace.doctor.finding import Finding, State
from crmctl.workspace.lock import lock

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

_SCRATCH = ("commit-*", "merge-*", "doctor-*")
_SHOWN = 3


def permissions(state_dir: Path) -> Finding:
    """Whether nobody else can read the journals, which hold the content of files."""
    found = os.stat(state_dir)
    if found.st_uid != os.geteuid():
        advice = f"{state_dir} belongs to another user; give it to the one who runs crmctl"
        return Finding("state folder", State.WRONG, advice)
    if stat.S_IMODE(found.st_mode) & 0o077:
        detail = f"{state_dir} is open to other users; `chmod 700` it"
        return Finding("state folder", State.WRONG, detail, partial(os.chmod, state_dir, 0o700))
    return Finding("state folder", State.OK, str(state_dir))


def writer(state_dir: Path) -> Finding:
    """Who holds the workspace lock."""
    try:
        with lock(state_dir, command="doctor", wait=0):
            return Finding("lock", State.OK, "free")
    except BusyError as error:
        return Finding("lock", State.ADVICE, str(error))


def unfinished(ws: Workspace) -> Iterator[Finding]:
    """Each run that was interrupted, and what became of the files it meant to write."""
    state_dir = ws.state_dir
    here = gitdir.locate(ws.root).worktree
    journals = [j for j in runs.unfinished(state_dir) if j.worktree == here]
    for journal in journals:
        yield _interrupted(ws.root, state_dir, journal)
    if not journals:
        yield Finding("runs", State.OK, "all came to their end")


def leftovers(root: Path, state_dir: Path, temporary: list[str]) -> Finding:
    """Temporary files of runs that were killed; nobody holds the lock, so they are nobody's."""
    beside = sorted(p for p in state_dir.rglob(".*") if atomic.is_leftover(p.name))
    beside += sorted(folder for pattern in _SCRATCH for folder in state_dir.glob(pattern))
    number = len(temporary) + len(beside)
    if not number:
        return Finding("temporary files", State.OK, "none are left over")
    names = [*temporary, *map(str, beside)]
    detail = (
        f"{_some(names)} left over by runs that were killed; `crmctl doctor --fix` removes them"
    )
    return Finding("temporary files", State.WRONG, detail, partial(_sweep, root, temporary, beside))


def _interrupted(root: Path, state_dir: Path, journal: runs.Journal) -> Finding:
    written, waiting = [], []
    for file in journal.files():
        try:
            raw = files.read(root, file.path)
        except CrmError:
            continue
        digest = None if raw is None else sha256(raw).hexdigest()
        if digest == file.new_sha256:
            written.append(file.path)
        elif digest == file.old_sha256:
            waiting.append(file.path)
    run = journal.run
    what = f"{run.id} (`crmctl {run.command}`) was interrupted"
    if written and waiting:
        detail = (
            f"{what}: it wrote {_some(written)}, and not {_some(waiting)}; run it again, or take it "
            f"back with `crmctl undo {run.id}`"
        )
        return Finding("runs", State.WRONG, detail)
    outcome = "nothing of it is missing" if not waiting else "it wrote nothing"
    detail = f"{what}, but {outcome}; `crmctl doctor --fix` closes its journal"
    return Finding("runs", State.ADVICE, detail, partial(runs.finish, state_dir, run.id))


def _sweep(root: Path, temporary: list[str], beside: list[Path]) -> None:
    for path in temporary:
        files.write(root, path, None, expected=files.read(root, path))
    for place in beside:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
