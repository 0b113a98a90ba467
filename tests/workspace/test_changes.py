"""Sets of changes, writing them, and the journal that survives a kill."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest

from crmctl.model.errors import ChangedOnDisk, CrmError, PartialError
from crmctl.workspace import files, gitdir, runs
from crmctl.workspace.changes import ChangeSet, FileChange, apply

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
A, B, C = "accounts/acme/profile.md", "accounts/beacon/profile.md", "accounts/cobalt/profile.md"
STATE = "accounts/_state/salesforce.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path


@pytest.fixture
def state(root: Path) -> Path:
    return gitdir.locate(root).state_dir


def new_run(seconds: int = 0, command: str = "sync") -> runs.Run:
    return runs.new_run(NOW + timedelta(seconds=seconds), random.Random(seconds), command)


def change_set(*changes: tuple[str, bytes | None, bytes | None]) -> ChangeSet:
    result = ChangeSet()
    for change in changes:
        result.put(*change)
    return result


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_changes_of_one_path_fold_into_one() -> None:
    changes = ChangeSet()
    changes.put(A, b"1", b"2", "stage")
    assert changes.current(A, b"1") == b"2"
    assert changes.current(B, b"old") == b"old"
    changes.put(A, b"2", b"3", "owner")
    changes.add(FileChange(A, b"3", b"4", "stage"))
    assert list(changes) == [FileChange(A, b"1", b"4", "stage; owner")]
    with pytest.raises(ValueError, match="pending"):
        changes.put(A, b"1", b"5")
    assert changes.get(A) is not None
    changes.put(A, b"4", b"1")
    assert not changes
    assert changes.get(A) is None
    assert changes.current(A, b"1") == b"1"


def test_what_changes_nothing_is_dropped() -> None:
    changes = change_set((A, b"same", b"same"), (B, None, None))
    assert len(changes) == 0
    assert changes.diff() == ""
    assert changes.summary() == {"created": 0, "changed": 0, "deleted": 0}


def test_order_is_by_path_with_cursors_last() -> None:
    changes = change_set((STATE, None, b"1"), (B, b"1", None), (A, b"1", b"2"))
    assert changes.paths == [A, B, STATE] == [change.path for change in changes]
    assert changes.summary() == {"created": 1, "changed": 1, "deleted": 1}


def test_the_diff_is_one_that_git_applies(root: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    old = "one\ntwo\u2028still two\nthree".encode()
    new = b"one\ntwo and more\nthree\r\n"
    changes = change_set((A, old, new), (B, None, b"new\n"), (C, b"gone", None))
    for change in changes:
        files.write(root, change.path, change.old, expected=None)
    diff = changes.diff()
    assert "--- /dev/null\n+++ b/accounts/beacon/profile.md\n" in diff
    subprocess.run(["git", "-C", str(root), "apply"], input=diff.encode(), check=True)
    assert [files.read(root, path) for path in (A, B, C)] == [new, b"new\n", None]


def test_a_path_that_leads_elsewhere_is_refused_when_it_is_planned() -> None:
    with pytest.raises(CrmError, match="rename"):
        change_set(("../outside", None, b"x"))


def test_apply_writes_all_and_journals(root: Path, state: Path) -> None:
    files.write(root, A, b"old a", expected=None)
    files.write(root, C, b"old c", expected=None)
    run = new_run()
    apply(
        root, change_set((A, b"old a", b"new a"), (B, None, b"new b"), (C, b"old c", None)), run=run
    )
    assert [files.read(root, path) for path in (A, B, C)] == [b"new a", b"new b", None]
    journal = runs.find(state, run.id)
    assert journal is not None
    assert journal.finished
    assert journal.run == run
    assert list(journal.files()) == [
        runs.JournalFile(A, digest(b"old a"), digest(b"new a"), b"old a", b"new a"),
        runs.JournalFile(B, None, digest(b"new b"), None, None),
        runs.JournalFile(C, digest(b"old c"), None, b"old c", None),
    ]
    assert runs.unfinished(state) == []


def test_a_stale_plan_writes_nothing(root: Path, state: Path) -> None:
    files.write(root, B, b"a person's", expected=None)
    with pytest.raises(ChangedOnDisk, match=B):
        apply(root, change_set((A, None, b"new"), (B, b"old", b"new")), run=new_run())
    assert files.read(root, A) is None
    assert runs.journals(state) == []


def test_nothing_to_do_leaves_no_journal(root: Path, state: Path) -> None:
    apply(root, ChangeSet(), run=new_run())
    assert runs.journals(state) == []


def test_a_failure_half_way_says_what_is_saved(root: Path, state: Path) -> None:
    (root / "accounts").mkdir()
    (root / "accounts/cobalt").write_bytes(b"a file in the way")
    changes = change_set((A, None, b"a"), (B, None, b"b"))
    run = new_run()
    write = files.write

    def fail_at_b(root: Path, rel: str, new: bytes | None, *, expected: bytes | None) -> None:
        if rel == B:
            raise CrmError(f"cannot write {B}: the disk is full")
        write(root, rel, new, expected=expected)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write", fail_at_b)
        with pytest.raises(PartialError, match=f"1 of 2 files.*{run.id}"):
            apply(root, changes, run=run)
        with pytest.raises(CrmError, match="full") as caught:
            apply(root, change_set((B, None, b"b")), run=new_run(1))
    assert type(caught.value) is CrmError
    assert files.read(root, A) == b"a"
    assert [journal.run.id for journal in runs.unfinished(state)] == [run.id, new_run(1).id]


def test_a_run_id_sorts_by_time_whatever_the_zone() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=-8)))
    run = runs.new_run(local, random.Random(1), "sync")
    assert run.id == runs.new_run(NOW, random.Random(1), "sync").id
    assert run.id.startswith("20261122T103000Z-")
    assert run.started == NOW


def test_what_the_machine_wrote_is_known_until_it_is_committed(root: Path, state: Path) -> None:
    apply(root, change_set((A, None, b"1"), (B, None, b"1")), run=new_run(1))
    apply(root, change_set((A, b"1", b"2")), run=new_run(2))
    apply(root, change_set((B, b"1", None)), run=new_run(3))
    assert runs.machine_written(state) == {A: {digest(b"2")}, B: {None}}
    worktree = gitdir.locate(root).worktree
    runs.committed(state, "worktrees/other:", [A, B], "c0ffee")
    assert runs.machine_written(state) == {A: {digest(b"2")}, B: {None}}
    runs.committed(state, worktree, [A], "c0ffee")
    assert [journal.commit for journal in runs.journals(state)] == ["", "c0ffee", ""]
    assert runs.find(state, None) == runs.find(state, new_run(3).id)
    runs.committed(state, worktree, [A, B], "badcafe")
    assert runs.machine_written(state) == {}
    assert runs.find(state, None) is None
    assert [journal.commit for journal in runs.journals(state)] == ["badcafe", "c0ffee", "badcafe"]


def test_damaged_and_old_journals_do_no_harm(root: Path, state: Path) -> None:
    for number in range(runs.KEPT + 3):
        data, last = str(number).encode(), str(number - 1).encode() if number else None
        apply(root, change_set((A, last, data)), run=new_run(number))
    assert len(runs.journals(state)) == runs.KEPT + 3, "what nobody committed is not forgotten"
    newest = runs.journals(state)[-1]
    with newest.source.open("ab") as file:
        file.write(b'{"commit": "cut sho')
    runs.committed(state, newest.worktree, [A], "c0ffee")
    assert runs.journals(state)[-1].commit == "c0ffee"
    apply(root, change_set((A, data, b"more")), run=new_run(runs.KEPT + 3))
    assert len(runs.journals(state)) == runs.KEPT
    (state / "runs/20261122T000000Z-aaaa.jsonl").write_bytes(b"\xff no journal")
    assert len(runs.journals(state)) == runs.KEPT


# Forks a process for each call that apply makes to the system, and kills it there; or kills it
# at sixty random moments.
KILLED = """
import json, os, random, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from crmctl.workspace import files, gitdir, runs
from crmctl.workspace.changes import ChangeSet, apply

root, at_calls, outcomes = Path(sys.argv[1]), sys.argv[2] == "calls", []
olds = {f"accounts/a{n}/profile.md": b"old" * 5000 if n % 3 else None for n in range(6)}
news = {path: b"new" * 7000 if n != 4 else None for n, path in enumerate(olds)}
calls = ("open", "fsync", "replace", "unlink", "mkdir", "rmdir", "fchmod", "fstat")
point = 0
while True:
    for path, old in olds.items():
        current = files.read(root, path)
        if current != old:
            files.write(root, path, old, expected=current)
    changes = ChangeSet()
    for path in olds:
        changes.put(path, olds[path], news[path])
    run = runs.new_run(datetime.now(UTC), random.Random(point), "sync")
    child = os.fork()
    if not child:
        left = [point]
        def counted(call):
            def wrapper(*args, **options):
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return call(*args, **options)
            return wrapper
        if not at_calls:
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + random.Random(point).random() / 200)
        for name in calls if at_calls else ():
            setattr(os, name, counted(getattr(os, name)))
        apply(root, changes, run=run)
        os._exit(0)
    killed = os.waitpid(child, 0)[1] != 0
    state = gitdir.locate(root).state_dir
    journal = runs.find(state, run.id)
    found = {path: files.read(root, path) for path in olds}
    whole = all(found[path] in (olds[path], news[path]) for path in olds)
    touched = {path for path in olds if found[path] != olds[path]}
    planned = set(journal.hashes()) if journal else set()
    swept = files.sweep(root)
    left_over = [path for path in root.glob("accounts/**/*.tmp")]
    outcomes.append([killed, whole, touched <= planned, len(touched), len(swept), len(left_over),
                     bool(journal and journal.finished)])
    if journal:
        runs.finish(state, run.id)
    if not killed if at_calls else point == 60:
        break
    point += 1
print(json.dumps(outcomes))
"""


def kill_again_and_again(root: Path, where: str) -> list[list[int]]:
    """Outcomes of the script above; ``where`` is ``calls`` (each in turn) or ``moments``."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), where],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    outcomes: list[list[int]] = json.loads(done.stdout)
    for killed, whole, known, _, _, left_over, finished in outcomes:
        assert whole, "a file is neither old nor new"
        assert known, "a file was written that the journal does not name"
        assert not left_over, "sweeping left a temporary file"
        assert finished or killed, "a run that ended well is not marked so"
    return outcomes


def test_a_kill_at_any_call_leaves_whole_files_and_a_journal_that_knows(root: Path) -> None:
    outcomes = kill_again_and_again(root, "calls")
    assert len(outcomes) >= 60
    # The kills did strike in the middle: every number of written files occurs, and leftovers too.
    assert {touched for _, _, _, touched, *_ in outcomes} == set(range(7))
    assert any(swept for _, _, _, _, swept, *_ in outcomes)


def test_a_kill_at_random_moments_does_too(root: Path) -> None:
    assert len(kill_again_and_again(root, "moments")) == 61


def test_what_a_persons_command_wrote_is_no_machines(root: Path, state: Path) -> None:
    apply(root, change_set((A, None, b"1"), (B, None, b"1")), run=new_run(1, "import csv"))
    apply(root, change_set((A, b"1", b"2")), run=new_run(2, "set"))
    assert runs.machine_written(state) == {B: {digest(b"1")}}
    # A machine that writes into it afterwards does not make the person's edit its own.
    apply(root, change_set((A, b"2", b"3")), run=new_run(3, "score"))
    assert runs.machine_written(state) == {B: {digest(b"1")}}
