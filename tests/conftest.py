"""A workspace of its own for every test, a fixed clock, and the command line as a function."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from crmctl.__main__ import main
from crmctl.workspace import git as git_module
from crmctl.workspace.git import Git
from crmctl.workspace.setup import plan_init

NOW = "2026-11-16T08:00:00Z"
# Enough to find what is wrong in a minute; CRMCTL_TEST_EXAMPLES asks for more of each property.
settings.register_profile(
    "suite",
    settings.get_profile("ci"),
    max_examples=int(os.environ.get("CRMCTL_TEST_EXAMPLES", "40")),
)


class Result(NamedTuple):
    """What one call of crmctl gave."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as tab-separated rows."""
        return [line.split("\t") for line in self.out.splitlines()]


Crm = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process has written the kernel keeps: only a power cut needs the sync, and it is slow."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    settings = tuple(s for s in git_module._SETTINGS if not s.startswith("core.fsync"))
    monkeypatch.setattr(git_module, "_SETTINGS", (*settings, "core.fsync=none"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that nobody's git configuration or environment matters."""
    for name in [n for n in os.environ if n.startswith(("GIT_", "CRMCTL_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text("[user]\nname = Ana Test\nemail = ana@ours.example\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    monkeypatch.setenv("CRMCTL_NOW", NOW)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return folder


@pytest.fixture
def workspace(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh workspace, committed, and the current folder."""
    root = home.parent / "customers"
    root.mkdir()
    git = Git.init(root)
    changes = plan_init(root)
    for change in changes:
        path = root / change.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.new or b"")
    (root / "accounts").mkdir()
    git.commit(changes.paths, "Start")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def crm(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Crm:
    """Runs crmctl in the workspace: ``crm("list", "--json")`` gives code, stdout and stderr."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run
