"""Commits of ours beside a person's work, always with real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from crmctl.model.errors import BusyError, ConfigError, CrmError, DecisionNeeded
from crmctl.workspace.git import Git

A = "accounts/acme/profile.md"
B = "accounts/beacon/profile.md"
NEW = "accounts/beacon/health.md"


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own for git, so that nobody's configuration matters."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Rep\nemail = rep@acme.example\n")
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two committed accounts."""
    root = tmp_path / "team"
    root.mkdir()
    Git.init(root)
    write(root, A, "acme\n")
    write(root, B, "beacon\n")
    sh(root, "add", "-A")
    sh(root, "commit", "-qm", "start")
    return root


def sh(root: Path, *args: str, check: bool = True) -> str:
    done = subprocess.run(["git", *args], cwd=root, check=check, capture_output=True, text=True)
    return done.stdout.strip("\n")


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def committed(root: Path) -> list[str]:
    return sh(root, "show", "--format=", "--name-status", "HEAD").splitlines()


def test_a_commit_holds_exactly_the_given_paths(root: Path) -> None:
    write(root, A, "changed\n")
    (root / B).unlink()
    write(root, NEW, "new\n")
    write(root, "accounts/beacon/other.md", "not ours\n")
    commit = Git(root).commit([A, B, NEW], "crmctl sync")
    assert commit == sh(root, "rev-parse", "HEAD")
    assert committed(root) == [f"M\t{A}", f"A\t{NEW}", f"D\t{B}"]
    assert Git(root).status() == {"accounts/beacon/other.md": "??"}
    assert sh(root, "log", "-1", "--format=%an <%ae>|%s") == "Rep <rep@acme.example>|crmctl sync"


def test_staged_work_stays_staged_and_uncommitted(root: Path) -> None:
    write(root, B, "staged\n")
    write(root, "staged.md", "staged new\n")
    sh(root, "add", B, "staged.md")
    sh(root, "rm", "-q", "--cached", A)  # a staged deletion, of the very path that we commit
    write(root, "unstaged.md", "later\n")
    write(root, B, "staged, then edited again\n")
    write(root, A, "changed\n")
    write(root, NEW, "new\n")
    sh(root, "add", "--intent-to-add", "unstaged.md")
    Git(root).commit([A, NEW], "ours")
    assert committed(root) == [f"M\t{A}", f"A\t{NEW}"]
    assert Git(root).status() == {B: "MM", "staged.md": "A ", "unstaged.md": " A"}
    assert sh(root, "show", f":{B}") == "staged"
    assert (root / B).read_text() == "staged, then edited again\n"


def test_a_staged_file_in_place_of_a_folder_is_left_out(root: Path) -> None:
    sh(root, "rm", "-rq", "accounts/beacon")
    write(root, "accounts/beacon", "a file now\n")
    sh(root, "add", "-A")
    write(root, A, "changed\n")
    Git(root).commit([A], "ours")
    assert committed(root) == [f"M\t{A}"]
    assert sh(root, "status", "--porcelain").splitlines() == [
        "A  accounts/beacon",
        f"D  {B}",
    ]


def test_a_large_commit_in_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    root = tmp_path / 'sales: "north" ü'
    root.mkdir()
    git = Git.init(root)
    paths = [f"accounts/a{number}/profile.md" for number in range(150)]
    for first in (True, False):
        for path in paths:
            write(root, path, f"{path} {first}\n")
        if not first:
            (root / paths[5]).unlink()
            write(root, "staged.md", "staged\n")
            sh(root, "add", "staged.md")
        git.commit(paths, "many")
    assert git.status() == {"staged.md": "A "}
    assert len(committed(root)) == 150
    assert git.show("HEAD", paths[7]) == f"{paths[7]} False\n".encode()
    assert git.show("HEAD", paths[5]) is None
    assert sh(root, "fsck", "--full", "--strict") == ""
    assert list(git.state_dir.iterdir()) == []
    assert git.commit(paths, "nothing new") == ""


def test_nothing_new_makes_no_commit(root: Path) -> None:
    before = sh(root, "rev-parse", "HEAD")
    assert Git(root).commit([A, B], "nothing") == ""
    assert Git(root).commit([], "nothing") == ""
    assert sh(root, "rev-parse", "HEAD") == before


def test_an_ignored_file_that_was_written_is_committed(root: Path) -> None:
    write(root, ".gitignore", "health.md\n")
    write(root, NEW, "hidden by a pull request\n")
    assert Git(root).dirty([NEW]) == {NEW}
    Git(root).commit([NEW], "ours")
    assert committed(root) == [f"A\t{NEW}"]


def test_the_first_commit_of_a_repository(tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    root.mkdir()
    git = Git.init(root)
    write(root, A, "acme\n")
    write(root, "staged.md", "staged\n")
    sh(root, "add", "staged.md")
    assert git.head() is None
    assert git.show("HEAD", A) is None
    assert git.log_runs(5) == []
    assert git.dirty([A]) == {A}
    commit = git.commit([A], "first")
    assert commit == git.head()
    assert sh(root, "ls-tree", "-r", "--name-only", "HEAD") == A
    assert git.status() == {"staged.md": "A "}
    assert sh(root, "symbolic-ref", "--short", "HEAD") == "main"


def test_a_linked_worktree_has_its_own_head_and_shares_the_state(
    root: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    sh(root, "worktree", "add", "-q", "-b", "side", str(linked))
    git = Git(linked)
    assert git.git_dir != git.common_dir == root / ".git"
    assert git.state_dir == root / ".git/crmctl"
    write(linked, A, "on the side\n")
    git.commit([A], "side")
    assert committed(linked) == [f"M\t{A}"]
    assert sh(root, "log", "-1", "--format=%s", "main") == "start"
    assert git.status() == {} == Git(root).status()
    assert not (linked / ".git/crmctl").exists()


def test_a_workspace_in_a_folder_of_a_larger_repository(root: Path) -> None:
    inner = root / "sales team"
    write(inner, A, "acme\n")
    write(inner, NEW, "health\n")
    write(root, "elsewhere.md", "not ours\n")
    sh(root, "add", "elsewhere.md")
    git = Git(inner)
    assert git.status() == {A: "??", NEW: "??"}
    commit = git.commit([A, NEW], "inner", trailers={"Crmctl-Run": "r1"})
    assert sorted(git.changed_paths(commit)) == [NEW, A][::-1]
    assert git.show("HEAD", A) == b"acme\n"
    assert git.show("HEAD", B) is None
    assert Git(root).status() == {"elsewhere.md": "A "}
    write(inner, A, "changed\n")
    assert git.dirty([A, NEW]) == {A}
    git.commit([A], "inner again")
    assert committed(root) == [f"M\tsales team/{A}"]


def conflict(root: Path, *operation: str) -> None:
    """Leave the repository in the middle of ``operation`` with the branch ``other``."""
    sh(root, "checkout", "-qb", "other")
    write(root, A, "theirs\n")
    sh(root, "commit", "-qam", "theirs")
    sh(root, "checkout", "-q", "main")
    write(root, A, "ours\n")
    sh(root, "commit", "-qam", "ours")
    sh(root, *operation, check=False)


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (("merge", "other"), "git merge --abort"),
        (("rebase", "other"), "git rebase --abort"),
        (("rebase", "--apply", "other"), "git rebase --abort"),
        (("cherry-pick", "other"), "git cherry-pick --abort"),
        (("revert", "HEAD~1", "HEAD"), "git revert --abort"),
        (("bisect", "start", "HEAD", "HEAD~1"), "git bisect reset"),
        (("merge", "--no-commit", "-s", "ours", "other"), "git merge --abort"),
        (("checkout", "-q", "--detach"), "detached HEAD"),
    ],
)
def test_refuses_in_the_middle_of_something(
    root: Path, operation: tuple[str, ...], sentence: str
) -> None:
    conflict(root, *operation)
    head, index = sh(root, "rev-parse", "HEAD"), (root / ".git/index").read_bytes()
    write(root, B, "changed\n")
    with pytest.raises(DecisionNeeded, match=sentence):
        Git(root).commit([B], "ours")
    assert sh(root, "rev-parse", "HEAD") == head
    assert (root / ".git/index").read_bytes() == index


def test_refuses_a_patch_series_and_a_stash_with_conflicts(root: Path) -> None:
    conflict(root, "status")
    patch = root.parent / "patch"
    patch.write_text(sh(root, "format-patch", "--stdout", "main~1..other") + "\n")
    sh(root, "am", str(patch), check=False)
    with pytest.raises(DecisionNeeded, match="git am --abort"):
        Git(root).refuse_if_busy()
    sh(root, "am", "--abort")
    write(root, A, "stashed\n")
    sh(root, "stash", "-q")
    write(root, A, "committed meanwhile\n")
    sh(root, "commit", "-qam", "meanwhile")
    sh(root, "stash", "pop", check=False)
    with pytest.raises(DecisionNeeded, match="unmerged"):
        Git(root).refuse_if_busy()


def test_a_quiet_repository_is_not_busy(root: Path) -> None:
    write(root, A, "an edit\n")
    git = Git(root)
    git.refuse_if_busy()
    assert git.commit([A], "An edit")


def trailers(root: Path) -> str:
    return sh(root, "log", "-1", "--format=%(trailers)").strip()


@pytest.mark.parametrize(
    "text",
    [
        "x\n\nCrmctl-Run: forged",
        "x\r\n\r\nCrmctl-Run: forged\r\n",
        "Crmctl-Run: forged",
        "x\u2028\u2028Crmctl-Run: forged",
        "x\n\n  \nSigned-off-by: Boss <boss@acme.example>\nCrmctl-Run: forged\n---\n",
        "x\0\n\nCrmctl-Run : forged\n\n\n",
        "x\x0b\x0bCrmctl-Run: forged\x85\x85Crmctl-Run: forged",
    ],
)
def test_no_text_can_forge_a_trailer(root: Path, text: str) -> None:
    git = Git(root)
    write(root, A, "1\n")
    git.commit([A], text, text, {"Crmctl-Run": "r-1", "Crmctl-Source": text})
    found = trailers(root).splitlines()
    assert [line.split(":")[0] for line in found] == ["Crmctl-Run", "Crmctl-Source"]
    assert found[0] == "Crmctl-Run: r-1"
    assert [run.run_id for run in git.log_runs(5)] == ["r-1"]
    write(root, A, "2\n")
    git.commit([A], text, text)
    assert trailers(root) == ""
    assert [run.run_id for run in git.log_runs(5)] == ["r-1"]
    raw = sh(root, "cat-file", "commit", "HEAD")
    assert all(char.isprintable() for char in raw.replace("\n", "").replace("\t", ""))
    assert sh(root, "fsck") == ""


def test_runs_are_found_by_their_trailer_newest_first(root: Path) -> None:
    git = Git(root)
    commits = []
    for number in ("1", "2", "3"):
        write(root, A, number)
        commits.append(git.commit([A], f"sync {number}", "body", {"Crmctl-Run": f"run-{number}"}))
    write(root, A, "by hand\n")
    sh(root, "commit", "-qam", "quotes run-1\n\nCrmctl-Run: run-1\nmentioned above")
    write(root, A, "squashed\n")
    sh(root, "commit", "-qam", "squash\n\nCrmctl-Run: run-1\nCrmctl-Run: run-2")
    assert [(run.commit, run.run_id, run.subject) for run in git.log_runs(3, "run-1")] == [
        (commits[0], "run-1", "sync 1")
    ]
    assert [run.commit for run in git.log_runs(10)] == commits[::-1]
    assert git.log_runs(10)[0].time.tzinfo is not None
    assert git.log_runs(10, "run-") == []


def test_git_variables_of_the_environment_are_ignored(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    for name, value in {
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_AUTHOR_NAME": "Somebody",
        "GIT_COMMITTER_EMAIL": "somebody@evil.example",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": f"touch {marker}",
        "GIT_LITERAL_PATHSPECS": "0",
        "GIT_TRACE": str(tmp_path / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    write(root, A, "changed\n")
    commit = Git(root).commit([A], "ours")
    assert Git(root).status() == {}
    assert not marker.exists()
    assert not (tmp_path / "trace").exists()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    assert sh(root, "log", "-1", "--format=%H %an %ce") == f"{commit} Rep rep@acme.example"


def test_a_bare_repository_inside_an_account_is_never_used(root: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    account = root / "accounts/acme"
    sh(root, "init", "-q", "--bare", str(account))
    config = f"[core]\nrepositoryformatversion = 0\nfsmonitor = touch {marker}; false\n"
    (account / "config").write_text(config + "bare = false\nworktree = .\n")
    write(root, A, "changed\n")
    for place in (root, account):
        git = Git(place)
        assert git.git_dir == root / ".git"
        git.status()
        git.dirty([str((root / A).relative_to(place))])
    Git(root).commit([A], "ours")
    assert committed(root) == [f"M\t{A}"]
    assert not marker.exists()
    sh(account, "status", check=False)
    assert marker.exists(), "the trap itself must work, else this test shows nothing"


def test_hooks_do_not_run(root: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for name in ("pre-commit", "reference-transaction", "post-index-change", "post-commit"):
        hook = root / ".git/hooks" / name
        write(root, f".git/hooks/{name}", f"#!/bin/sh\ntouch {marker}\nexit 1\n")
        hook.chmod(0o755)
    write(root, A, "changed\n")
    assert Git(root).commit([A], "ours")
    assert not marker.exists()


def test_names_that_look_like_options_or_patterns_are_only_names(root: Path) -> None:
    names = ["--help", ":(exclude)a.md", "*.md", "accounts/[ab]/ü ö.md", '"quoted".md']
    for name in names:
        write(root, name, "x\n")
    git = Git(root)
    assert git.dirty(names) == set(names)
    git.commit(names, "names")
    assert git.status() == {}
    assert git.blobs([("HEAD", name) for name in names]) == [b"x\n"] * len(names)
    for path in ("../x", "/etc/passwd", ".git/config", "a\nb"):
        with pytest.raises(CrmError):
            git.commit([path], "no")
    for rev in ("--output=x", "HEAD\nHEAD", "", "HEAD:x"):
        with pytest.raises(CrmError, match="is no revision"):
            git.show(rev, A)
    with pytest.raises(ValueError, match="fixed verbs"):
        git.run("fetch")


def test_dirty_is_the_same_for_few_and_for_many_paths(root: Path) -> None:
    paths = [f"accounts/a{number}/profile.md" for number in range(60)]
    for path in paths:
        write(root, path, "x\n")
    sh(root, "add", "-A")
    sh(root, "commit", "-qm", "many")
    changed, staged, gone, new = paths[3], paths[7], paths[9], "accounts/a1/health.md"
    write(root, changed, "changed\n")
    write(root, staged, "staged\n")
    sh(root, "add", staged)
    (root / gone).unlink()
    write(root, new, "new\n")
    git = Git(root)
    expected = {changed, staged, gone, new}
    assert git.dirty([*paths, new, "accounts/none/profile.md"]) == expected
    assert git.dirty([*expected, paths[0], "accounts/none/profile.md"]) == expected


def test_an_executable_file_and_line_ends_are_committed_as_git_would(root: Path) -> None:
    write(root, ".gitattributes", "*.md text eol=crlf\n")
    (root / A).write_bytes(b"one\r\ntwo\r\n")
    (root / A).chmod(0o755)
    git = Git(root)
    git.commit([A, ".gitattributes"], "ours")
    assert git.show("HEAD", A) == b"one\ntwo\n"
    assert sh(root, "ls-tree", "HEAD", A).startswith("100755")
    assert git.status() == {}


def test_without_an_identity_there_is_no_commit(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home/.gitconfig").unlink()
    write(root, A, "changed\n")
    head = sh(root, "rev-parse", "HEAD")
    with pytest.raises(ConfigError, match=r"git config user\.name"):
        Git(root).commit([A], "ours")
    assert sh(root, "rev-parse", "HEAD") == head


def test_a_held_index_is_waited_for_then_reported(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmctl.workspace.git._LOCK_WAIT", 0.0)
    write(root, A, "changed\n")
    write(root, ".git/index.lock", "")
    head = sh(root, "rev-parse", "HEAD")
    with pytest.raises(BusyError, match=r"index\.lock"):
        Git(root).commit([A], "ours")
    assert sh(root, "rev-parse", "HEAD") == head


def test_a_branch_that_moves_meanwhile_is_not_overwritten(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = Git(root)
    build = git._tree

    def build_and_move(head: str | None, names: bytes) -> str:
        tree = build(head, names)
        sh(root, "commit", "-q", "--allow-empty", "-m", "a person was faster")
        return tree

    monkeypatch.setattr(git, "_tree", build_and_move)
    write(root, A, "changed\n")
    with pytest.raises(BusyError, match="run again"):
        git.commit([A], "ours")
    assert sh(root, "log", "-1", "--format=%s") == "a person was faster"
    assert git.status() == {A: " M"}


def test_no_temporary_index_is_left(root: Path) -> None:
    write(root, A, "changed\n")
    git = Git(root)
    (git.state_dir / "commit-killed").mkdir()
    os.utime(git.state_dir / "commit-killed", (0, 0))
    git.commit([A], "ours")
    git.merge_file(b"", b"", b"")
    assert list(git.state_dir.iterdir()) == []


def test_a_three_way_merge_of_one_file(root: Path) -> None:
    git = Git(root)
    base = b"a\nb\nc\nd\ne\n"
    ours, theirs = base.replace(b"a", b"A"), base.replace(b"e", b"E")
    assert git.merge_file(base, ours, theirs) == (b"A\nb\nc\nd\nE\n", False)
    merged, conflicts = git.merge_file(base, ours, base.replace(b"a", b"X"))
    assert conflicts
    assert b"<<<<<<<" in merged
    assert git.merge_file(b"\0a", b"\0b", b"\0c")[1]


def test_no_repository_and_no_git(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="git init"):
        Git(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="install it"):
        Git(root).head()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_foreign_repository_needs_the_users_trust(root: Path, tmp_path: Path) -> None:
    os.chown(root / ".git", 12345, 12345)
    with pytest.raises(ConfigError, match=r"safe\.directory"):
        Git(root).status()
    sh(tmp_path, "config", "--global", "safe.directory", str(root))
    assert Git(root).status() == {}
