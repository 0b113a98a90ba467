"""One live system at a time behind its double, in a workspace whose accounts fit."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from crmctl.workspace import yamldump
from crmctl.workspace.git import Git
from tests.conftest import Crm, Result
from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Server
from tests.servers.clock import FakeClock

HTTP = ("salesforce", "supabase", "gong", "granola", "slack", "gmail", "graph")
SYSTEMS = (*HTTP, "email", "linkedin")


@dataclass
class Live:
    """A system, the workspace it is read into, and the clock that waits for nothing."""

    harness: Harness
    root: Path
    crm: Crm
    clocks: list[FakeClock] = field(default_factory=list)

    @property
    def server(self) -> Server:
        return self.harness.server

    @property
    def slept(self) -> list[float]:
        return [seconds for clock in self.clocks for seconds in clock.slept]

    def sync(self, *arguments: str, code: int = 0) -> Result:
        result = self.crm("sync", self.harness.system, *arguments)
        assert result.code == code, (result.out, result.err)
        return result

    def filled(self, count: int = 40) -> None:
        self.harness.fill(count)
        self.sync("--commit")
        assert self.harness.found(self.root) == self.harness.expected()

    def files(self) -> dict[str, str]:
        """Every file below ``accounts/`` with the digest of its bytes, states included."""
        return {
            file.relative_to(self.root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted((self.root / "accounts").rglob("*"))
            if file.is_file()
        }

    def data(self) -> dict[str, str]:
        """As `files`, without how far the sources were read."""
        return {path: digest for path, digest in self.files().items() if "/_state/" not in path}

    def states(self) -> dict[str, str]:
        return {path: digest for path, digest in self.files().items() if "/_state/" in path}

    def dirty(self) -> dict[str, str]:
        return Git(self.root).status()

    def reset(self) -> None:
        """The working tree as HEAD has it."""
        git = Git(self.root)
        for path in git.status():
            kept = git.show("HEAD", path)
            if kept is None:
                (self.root / path).unlink()
            else:
                (self.root / path).write_bytes(kept)

    def head(self) -> str | None:
        return Git(self.root).head()

    def changed_lines(self) -> list[str]:
        """The lines that differ from HEAD, added and removed, but for states and the systems' own stamps."""
        out = Git(self.root).run("diff-index", "-p", "-U0", "HEAD").decode()
        lines: list[str] = []
        path = ""
        for line in out.splitlines():
            if line.startswith("+++ "):
                path = line[6:]
            elif line[:1] in "+-" and not line.startswith("---") and "/_state/" not in path:
                lines.append(line)
        return [line for line in lines if " modified:" not in line and " digest:" not in line]


def settings_into(root: Path, settings: dict[str, dict[str, Any]]) -> None:
    """Put the systems' settings into crmctl.yaml."""
    file = root / "crmctl.yaml"
    text = file.read_text("utf-8").replace("our_domains: []", "our_domains: [ours.example]")
    more = yamldump.dump_mapping({"sources": settings}) if settings else ""
    file.write_text(text + more, "utf-8")


def make_accounts(root: Path, crm: Crm) -> None:
    for name, domain in ACCOUNTS.values():
        made = crm("new", name, "--domain", domain, "--no-tasks")
        assert made.code == 0, made.err
    Git(root).commit(Git(root).status(), "Accounts")


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> list[FakeClock]:
    """The clocks of all runs, each of which waits in no time."""
    made: list[FakeClock] = []

    def make() -> FakeClock:
        made.append(FakeClock())
        return made[-1]

    monkeypatch.setattr("crmctl.sources.network.RealClock", make)
    return made


Open = Callable[[str], Live]


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a workspace with the accounts is kept once one was made: each test begins with a copy."""
    return tmp_path_factory.mktemp("settled") / "customers"


@pytest.fixture
def open_live(
    workspace: Path,
    settled: Path,
    crm: Crm,
    clocks: list[FakeClock],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Open]:
    """Connects the workspace to the double of a system."""
    entered: list[Harness] = []

    def start(system: str) -> Live:
        harness: Harness = import_module(f"tests.live.{system}").HARNESS()
        if not entered:
            if not settled.exists():
                make_accounts(workspace, crm)
                shutil.copytree(workspace, settled)
            shutil.copytree(settled, workspace, dirs_exist_ok=True)
            settings = harness.settings()
            settings_into(workspace, {harness.system: settings} if settings else {})
        harness.__enter__()
        entered.append(harness)
        harness.prepare(workspace)
        for name, value in harness.environment().items():
            monkeypatch.setenv(name, value)
        git = Git(workspace)
        if git.status():
            git.commit(git.status(), f"Prepare {system}")
        return Live(harness, workspace, crm, clocks)

    yield start
    for harness in entered:
        harness.__exit__(None, None, None)
