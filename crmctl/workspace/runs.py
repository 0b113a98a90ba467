"""The journal of runs: what each run that writes meant to do, kept beside the repository.

A journal is one file ``runs/<run-id>.jsonl`` in the state folder: a line about the run, a line for
each file (its hashes before and after, and what is needed to take the change back), and, appended
later, one line when everything was written and one when it was committed. It is written before
the first file is touched, so after a kill it says what may have been written.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.workspace import atomic
from crmctl.workspace.paths import short_id

KEPT = 50
_UNCOMMITTED = 500  # journals of work that no commit holds yet
MACHINE = frozenset(
    {"import", "nightly", "run", "score", "sync"}
)  # commands that no person aims at one file
_TAIL = 4096  # bytes at the end of a journal that hold its two closing lines


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a command that writes; ``id`` sorts by time and names it for ever."""

    id: str
    command: str
    started: datetime


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One planned change; hashes are hex SHA-256, None where there is no file.

    ``old`` is the content before. ``new`` is kept only where both exist: a three-way merge needs
    it, and a first import of everything must not be stored twice.
    """

    path: str
    old_sha256: str | None
    new_sha256: str | None
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True)
class Journal:
    """What one run meant to write. ``commit`` is "" until a commit of ours held all its files.

    ``order`` says which of two runs on this machine came later; their ids tell only the second.
    """

    run: Run
    order: int
    worktree: str
    finished: bool
    commit: str
    source: Path

    def files(self) -> Iterator[JournalFile]:
        """The planned changes, in the order of writing."""
        for line in _file_lines(self.source):
            yield JournalFile(
                line["path"],
                line["old"],
                line["new"],
                _unpack(line.get("old_content")),
                _unpack(line.get("new_content")),
            )

    def hashes(self) -> dict[str, str | None]:
        """The SHA-256 of what the run wrote, by path; None for a file it deleted."""
        return {line["path"]: line["new"] for line in _file_lines(self.source)}


def new_run(now: datetime, rng: random.Random, command: str) -> Run:
    """A run that starts ``now`` (aware); its id reads like ``20261122T103000Z-k3f9``."""
    now = now.astimezone(UTC)
    return Run(f"{now:%Y%m%dT%H%M%SZ}-{short_id(rng)}", command, now)


def begin(
    state_dir: Path,
    run: Run,
    worktree: str,
    changes: Iterable[tuple[str, bytes | None, bytes | None]],
) -> None:
    """Write the journal of ``run``: (path, old, new) of every file it is about to touch."""
    head = {
        "run": run.id,
        "command": run.command,
        "started": run.started.isoformat(),
        "worktree": worktree,
        "order": time.time_ns(),
    }
    lines = [json.dumps(head), *(_file_line(*change) for change in changes)]
    folder = _folder(state_dir)
    name = f"{run.id}.jsonl"
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            atomic.replace(
                descriptor, name, "".join(f"{line}\n" for line in lines).encode(), mode=0o600
            )
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CrmError(
            f"cannot write the journal {folder / name}: {error.strerror}; nothing was changed"
        ) from error
    _prune(folder)


def finish(state_dir: Path, run_id: str) -> None:
    """Note that every file of the run was written, or that its interruption was dealt with."""
    _append(_folder(state_dir) / f"{run_id}.jsonl", {"finished": True})


def committed(state_dir: Path, worktree: str, paths: Iterable[str], commit: str) -> None:
    """Note that ``commit`` holds ``paths``, on each run that wrote nothing beyond them."""
    held = set(paths)
    for journal in journals(state_dir):
        if not journal.commit and journal.worktree == worktree and held >= journal.hashes().keys():
            _append(journal.source, {"commit": commit})


def journals(state_dir: Path) -> list[Journal]:
    """All journals, oldest first; one that cannot be read is passed over."""
    found = []
    for source in sorted(_folder(state_dir).glob("*.jsonl")):
        try:
            found.append(_read_head(source))
        except (ValueError, KeyError, OSError):
            continue
    return sorted(found, key=lambda journal: (journal.order, journal.run.id))


def unfinished(state_dir: Path) -> list[Journal]:
    """The runs that were killed or failed before their last file, oldest first."""
    return [journal for journal in journals(state_dir) if not journal.finished]


def machine_written(state_dir: Path) -> dict[str, set[str | None]]:
    """What uncommitted runs of a machine wrote, or meant to: SHA-256s by path, None for a deleted file.

    A later commit may hold such a file if its bytes match one of them: nobody edited it since. A run that was
    killed may not have come to a file, which then still is what an earlier one wrote. A file that a person's
    command, such as `set`, wrote and nobody committed is the person's until it is.
    """
    written: dict[str, set[str | None]] = {}
    persons: set[str] = set()
    for journal in journals(state_dir):
        if journal.commit:
            continue
        hashes = journal.hashes()
        if journal.run.command.partition(" ")[0] in MACHINE:
            for path, digest in hashes.items():
                before = set() if journal.finished else written.get(path, set())
                written[path] = {*before, digest}
        else:
            persons.update(hashes)
    return {path: digests for path, digests in written.items() if path not in persons}


def find(state_dir: Path, run_id: str | None, *, worktree: str | None = None) -> Journal | None:
    """The journal of a run, or for None of the newest run that no commit of ours holds."""
    for journal in reversed(journals(state_dir)):
        here = worktree in (None, journal.worktree)
        if here and (journal.run.id == run_id if run_id else not journal.commit):
            return journal
    return None


def _folder(state_dir: Path) -> Path:
    folder = state_dir / "runs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _read_head(source: Path) -> Journal:
    with source.open("rb") as file:
        head = json.loads(file.readline())
        file.seek(max(file.tell(), source.stat().st_size - _TAIL))
        marks: dict[str, str] = {}
        for line in file.read().splitlines():
            if line.startswith((b'{"finished"', b'{"commit"')) and line.endswith(b"}"):
                marks.update(json.loads(line))
    run = Run(head["run"], head["command"], datetime.fromisoformat(head["started"]))
    commit = str(marks.get("commit", ""))
    return Journal(run, head["order"], head["worktree"], "finished" in marks, commit, source)


def _file_lines(source: Path) -> Iterator[dict[str, Any]]:
    for line in source.read_bytes().splitlines():
        if line.startswith(b'{"path"'):
            yield json.loads(line)


def _append(source: Path, mark: dict[str, object]) -> None:
    with source.open("ab") as file:
        # On a line of its own, even behind one that a kill cut short.
        file.write(b"\n" + json.dumps(mark).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _prune(folder: Path) -> None:
    """Keep the newest journals, and older ones as long as nobody committed what they tell of."""
    every = sorted(folder.glob("*.jsonl"))
    for source in every[:-KEPT]:
        with suppress(ValueError, KeyError, OSError):
            if not _read_head(source).commit and source in every[-_UNCOMMITTED:]:
                continue
        source.unlink(missing_ok=True)


def _file_line(path: str, old: bytes | None, new: bytes | None) -> str:
    line = {"path": path, "old": _digest(old), "new": _digest(new)}
    if old is not None:
        line["old_content"] = _pack(old)
        if new is not None:
            line["new_content"] = _pack(new)
    return json.dumps(line)


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def _unpack(text: str | None) -> bytes | None:
    return None if text is None else zlib.decompress(base64.b64decode(text))


def _digest(data: bytes | None) -> str | None:
    return None if data is None else sha256(data).hexdigest()
