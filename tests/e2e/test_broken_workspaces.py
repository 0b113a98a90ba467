"""Workspaces in a bad state: the right exit code, one sentence, and everything that can still work works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Crm, Result
from tests.e2e.conftest import Load, contents, git, sentence

ACME, GLOBEX = "accounts/acme-freight/profile.md", "accounts/globex/profile.md"


@pytest.fixture
def two(crm: Crm, workspace: Path) -> Path:
    """Two accounts, committed."""
    assert crm("new", "Acme Freight", "--no-tasks", "--commit").code == 0
    assert crm("new", "Globex", "--no-tasks", "--commit").code == 0
    return workspace


def refused(done: Result, code: int, *words: str) -> None:
    assert done.code == code, done
    assert sentence(done.err), done.err
    for word in words:
        assert word in done.err


# --- git


def test_without_an_identity_a_commit_is_refused_and_nothing_else(
    crm: Crm, two: Path, home: Path
) -> None:
    (home / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    assert crm("set", "acme", "city=Leeds").code == 0
    refused(crm("set", "acme", "city=York", "--commit"), 4, "git config", "user.")
    assert crm("list").code == 0


def conflicting(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "other")
    (root / ACME).write_text((root / ACME).read_text() + "\nTheirs.\n")
    git(root, "commit", "--quiet", "-am", "Theirs")
    git(root, "checkout", "--quiet", "-")
    (root / ACME).write_text((root / ACME).read_text() + "\nOurs.\n")
    git(root, "commit", "--quiet", "-am", "Ours")
    subprocess.run(["git", "merge", "other"], cwd=root, capture_output=True, check=False)


def test_in_a_merge_commits_are_refused_and_reading_goes_on(
    crm: Crm, two: Path, exports: Load
) -> None:
    conflicting(two)
    before = contents(two)
    path = str(exports("csv-a"))
    for command in (
        ["import", "salesforce", path, "--commit"], ["set", "globex", "city=Leeds", "--commit"],
        ["score", "--commit"], ["run", "--commit"], ["log", "globex", "Call", "--commit"],
    ):  # fmt: skip
        refused(crm(*command), 5, "merge")
    assert contents(two) == before
    listed = crm("list")
    assert "globex" in listed.out
    assert crm("show", "globex").code == 0
    # The file that git left with markers is damaged, and named.
    assert crm("check", ACME).code == 1


def test_a_detached_head_can_be_read_and_committed_to(crm: Crm, two: Path) -> None:
    git(two, "checkout", "--quiet", "--detach")
    assert crm("list").code == 0
    done = crm("set", "acme", "city=Leeds", "--commit")
    assert done.code in {0, 5}, done
    assert "Traceback" not in done.err


def test_outside_a_repository_it_says_so(crm: Crm, two: Path) -> None:
    shutil.rmtree(two / ".git")
    for command in (
        ["list"],
        ["show", "acme"],
        ["set", "acme", "city=Leeds"],
        ["score"],
        ["run"],
        ["undo"],
    ):
        done = crm(*command)
        assert done.code in {0, 4}, command
        if done.code:
            refused(done, 4, "git")


def test_outside_a_workspace_it_says_so(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["list"], ["show", "acme"], ["score"], ["run"], ["check"], ["undo"]):
        refused(crm(*command), 4, "crmctl init")
    found = crm("doctor")
    assert found.code == 1
    assert "crmctl init" in found.out


# --- files


Damage = Callable[[Path], object]


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folded(path: Path) -> None:
    path.unlink()
    path.mkdir()


def linked(path: Path) -> None:
    outside = path.parents[3] / "outside.md"
    outside.write_text("---\nname: Outside\n---\n")
    path.unlink()
    path.symlink_to(outside)


DAMAGES: dict[str, Damage] = {
    "yaml": lambda path: path.write_text("---\nname: [unclosed\n---\n"),
    "unclosed": lambda path: path.write_text("---\nname: Acme\n"),
    "no header": lambda path: path.write_text("Acme\n"),
    "empty": lambda path: path.write_bytes(b""),
    "list": lambda path: path.write_text("---\n- a\n- b\n---\n"),
    "large": lambda path: path.write_text("---\nname: Acme\nnotes: " + "x" * 2_000_000 + "\n---\n"),
    "huge": lambda path: path.write_bytes(b"---\nname: Acme\n---\n" + b"x" * 17_000_000),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 64),
    "latin": lambda path: path.write_bytes("---\nname: Müller\n---\n".encode("latin-1")),
    "nul": lambda path: path.write_bytes(b"---\nname: a\0b\n---\n"),
    "deep": lambda path: path.write_text("---\nname: " + "[" * 50_000 + "\n---\n"),
    "alias": lambda path: path.write_text("---\nname: &a Acme\ncity: *a\n---\n"),
    "pipe": piped,
    "folder": folded,
    "link": linked,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_profile_hides_no_other(crm: Crm, two: Path, damage: str) -> None:
    DAMAGES[damage](two / ACME)
    listed = crm("list")
    assert "globex" in listed.out
    assert "acme-freight" in listed.out + listed.err
    assert "Traceback" not in listed.err
    scored = crm("score")
    assert scored.code == 3
    assert scored.err.endswith("acme-freight\n")
    assert "globex" in scored.out
    assert "Traceback" not in scored.err
    assert "Outside" not in listed.out + scored.out
    assert crm("show", "globex").code == 0
    assert crm("log", "globex", "Call").code == 0
    assert crm("run").code == 3
    assert crm("search", "globex").code == 0
    for command in (
        ["show", "acme-freight"],
        ["set", "acme-freight", "city=Leeds"],
        ["review", "acme-freight"],
        ["score", "acme-freight"],
    ):
        refused(crm(*command), 1, ACME)
    findings = json.loads(crm("check", "--format", "json").out)
    assert ACME in {finding["path"] for finding in findings if finding["severity"] == "error"}


def test_an_account_that_is_a_link_is_not_followed(crm: Crm, two: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.move(two / "accounts/acme-freight", outside)
    (two / "accounts/acme-freight").symlink_to(outside)
    before = contents(outside)
    for command in (
        ["set", "acme-freight", "city=Leeds"], ["log", "acme-freight", "Call"], ["score"], ["run"],
        ["review", "acme-freight"], ["contact", "add", "acme-freight", "Ines"], ["deal", "add", "acme-freight", "X"],
        ["task", "add", "acme-freight", "X"], ["show", "acme-freight"], ["onboarding", "acme-freight"],
    ):  # fmt: skip
        done = crm(*command)
        assert "Traceback" not in done.err
        assert done.code in {0, 1, 2, 3}, (command, done)
        assert command[0] in {"score", "run"} or done.code != 0, (command, done)
    assert contents(outside) == before
    assert "globex" in crm("list").out
    assert crm("check").code == 1


@pytest.mark.parametrize(
    "text",
    ["company: [unclosed\n", "- a\n- b\n", "colour: red\n", "team: 5\n", "\0", "a: &a 1\nb: *a\n"],
)
def test_damaged_settings_are_named_and_nothing_is_written(crm: Crm, two: Path, text: str) -> None:
    (two / "crmctl.yaml").write_text(text)
    before = contents(two)
    for command in (
        ["set", "acme", "city=Leeds"],
        ["score"],
        ["run"],
        ["new", "Third"],
        ["dupes"],
        ["conflicts"],
    ):
        refused(crm(*command), 4, "crmctl.yaml")
    assert crm("check").code == 1
    assert crm("doctor").code == 1
    assert contents(two) == before


@pytest.mark.parametrize(
    ("name", "command"), [("weights.yaml", "score"), ("workflows.yaml", "run")]
)
@pytest.mark.parametrize("text", ["x: [unclosed\n", "- a\n", "colour: red\n"])
def test_damaged_weights_and_workflows_are_named(
    crm: Crm, two: Path, name: str, command: str, text: str
) -> None:
    (two / name).write_text(text)
    before = contents(two)
    refused(crm(command), 4, name)
    assert contents(two) == before
    assert crm("list").code == 0
    assert crm("set", "acme", "city=Leeds").code == 0


def test_a_template_that_fails_is_named(crm: Crm, two: Path) -> None:
    (two / "templates/profile.md.j2").write_text("---\nname: {{ nothing.of.it }}\n---\n")
    done = crm("new", "Third")
    assert done.code in {1, 4}
    assert sentence(done.err)
    assert "templates/profile.md.j2" in done.err
    assert not (two / "accounts/third").exists()


@pytest.fixture
def read_only(two: Path) -> Iterator[Path]:
    """A workspace that cannot be written, on a file system mounted so where permissions do not hold us."""
    if os.geteuid() == 0:
        for options in (["--bind"], ["-o", "remount,bind,ro"]):
            places = [str(two), str(two)] if options == ["--bind"] else [str(two)]
            if subprocess.run(
                ["mount", *options, *places], capture_output=True, check=False
            ).returncode:
                pytest.skip("file systems cannot be mounted here")
        os.chdir(two)
        yield two
        os.chdir("/")
        subprocess.run(["umount", "--lazy", str(two)], check=True)
        return
    folders = [two, *(path for path in two.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    yield two
    for folder in folders:
        folder.chmod(0o700)


def test_a_read_only_workspace_can_be_read(crm: Crm, read_only: Path, exports: Load) -> None:
    path = str(exports("csv-a"))
    for command in (
        ["show", "acme-freight"],
        ["timeline", "acme-freight"],
        ["list"],
        ["score", "--explain"],
    ):
        assert crm(*command).code == 0, command
    for command in (
        ["set", "acme", "city=Leeds"], ["log", "acme", "Call"], ["score"], ["run"], ["new", "Third"],
        ["import", "salesforce", path], ["review", "acme"], ["undo"],
    ):  # fmt: skip
        refused(crm(*command), 1)


# --- quiet


def test_quiet_prints_nothing_on_success(crm: Crm, two: Path, exports: Load) -> None:
    path = str(exports("csv-a"))
    for command in (
        ["import", "salesforce", path], ["import", "salesforce", path], ["score"], ["score"], ["run"], ["run"],
        ["set", "acme", "city=Leeds"], ["unset", "acme", "city"], ["log", "acme", "Call"], ["new", "Third"],
        ["contact", "add", "acme", "Ines Okafor"], ["deal", "add", "acme", "Fleet"], ["task", "add", "acme", "Send"],
        ["deal", "stage", "acme", "fleet", "proposal"], ["task", "done", "acme", "send"],
        ["stage", "acme", "opportunity"],
        ["merge", "globex", "third"], ["undo"], ["schema"], ["import", "salesforce", path, "--commit"],
        ["score", "--commit"], ["run", "--commit"],
    ):  # fmt: skip
        for quiet in (crm("-q", *command), crm(*command, "--quiet")):
            if quiet.code == 0:
                assert (quiet.out, quiet.err) == ("", ""), command
            else:
                assert sentence(quiet.err), (command, quiet)
