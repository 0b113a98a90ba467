"""A workspace of its own for every test, a fixed clock, and the command line as a function."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from hypothesis import settings

from crmctl.__main__ import main
from crmctl.cli.app import build
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

# Folders in memory are made and removed at once. The default stays where memory is short or holds no programs.
MEMORY = Path("/dev/shm")
if (
    "PYTEST_DEBUG_TEMPROOT" not in os.environ
    and MEMORY.is_dir()
    and shutil.disk_usage(MEMORY).free > 4_000_000_000
    and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
):
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
    os.environ["TMPDIR"] = str(MEMORY)


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
    monkeypatch.setattr(os, "sync", lambda: None)
    settings = tuple(s for s in git_module._SETTINGS if not s.startswith("core.fsync"))
    monkeypatch.setattr(git_module, "_SETTINGS", (*settings, "core.fsync=none"))


@cache
def _commands() -> Any:
    return typer.main.get_command(build())


@pytest.fixture(autouse=True)
def commands_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands with all options, which `test_startup` shows to be what each call makes of its own.

    To make them anew for each call takes longer than most commands take to run.
    """
    commands = _commands()
    monkeypatch.setattr(typer.main, "get_command", lambda app: commands)


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


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first fresh workspace is kept for all others to be copied from."""
    return tmp_path_factory.mktemp("beginning") / "customers"


@pytest.fixture
def workspace(home: Path, beginning: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh workspace, committed, and the current folder."""
    root = home.parent / "customers"
    if beginning.exists():
        shutil.copytree(beginning, root)
        # Copies are new files to git until it has looked at them.
        Git(root).status()
    else:
        root.mkdir()
        git = Git.init(root)
        changes = plan_init(root)
        for change in changes:
            path = root / change.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.new or b"")
        (root / "accounts").mkdir()
        git.commit(changes.paths, "Start")
        shutil.copytree(root, beginning)
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
