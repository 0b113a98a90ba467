"""Taking back one run, with what others changed since kept."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmctl.model.errors import DecisionNeeded, UsageError
from crmctl.workspace import files, gitdir, runs
from crmctl.workspace.changes import ChangeSet, apply
from crmctl.workspace.git import Git
from crmctl.workspace.undo import plan_undo

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
A, B, C = "accounts/acme/profile.md", "accounts/beacon/profile.md", "accounts/cobalt/profile.md"
PROFILE = b"---\nname: Acme\n# theirs\nindustry: rail\ntier: two\n\nstage: live\n---\nProse.\n"


class Team:
    """A workspace in which runs and people write."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git = Git(root)
        self.clock = 0

    def write(self, texts: Mapping[str, bytes | None]) -> runs.Run:
        """Write files as one run, without a commit."""
        self.clock += 1
        run = runs.new_run(NOW + timedelta(hours=self.clock), random.Random(self.clock), "set")
        changes = ChangeSet()
        for path, new in texts.items():
            changes.put(path, files.read(self.root, path), new)
        apply(self.root, changes, run=run)
        return run

    def commit(self, texts: Mapping[str, bytes | None]) -> str:
        """Write and commit files as one run; its id."""
        run = self.write(texts)
        commit = self.git.commit(texts, "crmctl set", trailers={"Crmctl-Run": run.id})
        runs.committed(self.git.state_dir, gitdir.locate(self.root).worktree, list(texts), commit)
        return run.id

    def edit(self, path: str, old: bytes, new: bytes) -> None:
        """A person's edit, with an editor."""
        file = self.root / path
        assert file.read_bytes().count(old) == 1
        file.write_bytes(file.read_bytes().replace(old, new))

    def undo(self, run_id: str | None = None) -> dict[str, bytes | None]:
        changes, _ = plan_undo(self.root, self.git, run_id)
        return {change.path: change.new for change in changes}


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\nname = Rep\nemail = rep@acme.example\n")
    root = tmp_path / "team"
    root.mkdir()
    Git.init(root)
    return Team(root)


def forget_journals(team: Team) -> None:
    """As on another machine, where only the history is known."""
    for journal in runs.journals(team.git.state_dir):
        journal.source.unlink()


def test_a_committed_run_is_taken_back_from_the_history_alone(team: Team) -> None:
    team.commit({A: PROFILE, B: b"b\n"})
    changed = PROFILE.replace(b"two", b"one")
    run_id = team.commit({A: changed, B: None, C: b"new\n"})
    forget_journals(team)
    assert team.undo(run_id) == {A: PROFILE, B: b"b\n", C: None}
    assert team.undo() == team.undo(run_id)
    changes, description = plan_undo(team.root, team.git, run_id)
    assert description == f"undo {run_id}: crmctl set"
    apply(team.root, changes, run=runs.new_run(NOW, random.Random(0), "undo"))
    assert files.read(team.root, A) == PROFILE
    assert files.read(team.root, C) is None
    assert team.undo(run_id) == {}


def test_the_first_commit_is_taken_back(team: Team) -> None:
    run_id = team.commit({A: PROFILE})
    assert team.undo(run_id) == {A: None}


def test_a_run_that_was_not_committed_is_taken_back_from_its_journal(team: Team) -> None:
    team.commit({A: PROFILE, B: b"b\n"})
    run = team.write({A: PROFILE.replace(b"two", b"one"), B: None, C: b"new\n"})
    assert team.undo(run.id) == {A: PROFILE, B: b"b\n", C: None}
    assert team.undo() == team.undo(run.id)


def test_an_interrupted_run_is_taken_back_as_far_as_it_came(team: Team) -> None:
    team.commit({A: PROFILE})
    place = gitdir.locate(team.root)
    run = runs.new_run(NOW + timedelta(days=1), random.Random(9), "sync")
    runs.begin(place.state_dir, run, place.worktree, [(A, PROFILE, b"new\n"), (B, None, b"b\n")])
    files.write(team.root, A, b"new\n", expected=PROFILE)
    assert team.undo() == {A: PROFILE}


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_later_edit_elsewhere_in_the_file_is_kept(team: Team, is_committed: bool) -> None:
    team.commit({A: PROFILE})
    changed = PROFILE.replace(b"two", b"one")
    run_id = team.commit({A: changed}) if is_committed else team.write({A: changed}).id
    team.edit(A, b"name: Acme", b"name: Acme Rail")
    team.edit(A, b"Prose.", b"Better prose.")
    kept = (team.root / A).read_bytes().replace(b"one", b"two")
    assert team.undo(run_id) == {A: kept}


def test_the_newest_run_counts_whether_committed_or_not(team: Team) -> None:
    team.commit({A: b"1\n"})
    team.write({B: b"1\n"})
    team.commit({A: b"2\n"})
    assert team.undo() == {A: b"1\n"}
    team.write({C: b"1\n"})
    assert team.undo() == {C: None}


@pytest.mark.parametrize(
    "later",
    [PROFILE.replace(b"two", b"three"), None],
    ids=["the same line", "deleted"],
)
def test_a_later_change_of_the_same_place_is_for_a_person(team: Team, later: bytes | None) -> None:
    team.commit({A: PROFILE, B: b"b\n"})
    run_id = team.commit({A: PROFILE.replace(b"two", b"one"), B: b"c\n"})
    team.commit({A: later})
    with pytest.raises(DecisionNeeded, match=A) as caught:
        team.undo(run_id)
    assert B not in str(caught.value)


def test_a_created_file_that_was_edited_since_is_not_deleted(team: Team) -> None:
    team.commit({A: PROFILE})
    run_id = team.commit({B: PROFILE})
    team.edit(B, b"Prose.", b"A person's notes.")
    with pytest.raises(DecisionNeeded, match=B):
        team.undo(run_id)


def test_lines_that_merge_into_unreadable_yaml_are_for_a_person(team: Team) -> None:
    team.commit({A: PROFILE})
    run_id = team.commit({A: PROFILE.replace(b"name: Acme\n", b"")})
    team.edit(A, b"stage: live", b"stage: live\nname: Acme Rail")
    with pytest.raises(DecisionNeeded, match=A):
        team.undo(run_id)


def test_an_unknown_run_is_named(team: Team) -> None:
    with pytest.raises(UsageError, match="no run to undo"):
        team.undo()
    team.commit({A: PROFILE})
    with pytest.raises(UsageError, match=r'"nope\\x1b"'):
        team.undo("nope\x1b")


def test_a_run_of_another_working_tree_is_not_undone_here(team: Team, tmp_path: Path) -> None:
    team.commit({A: PROFILE})
    linked = tmp_path / "linked"
    subprocess.run(
        ["git", "-C", str(team.root), "worktree", "add", "-q", "-b", "side", str(linked)],
        check=True,
    )
    run = team.write({A: b"not committed\n"})
    other = Team(linked)
    with pytest.raises(UsageError, match=run.id):
        other.undo(run.id)
    assert other.undo() == {A: None}
