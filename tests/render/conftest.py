"""A copy of the repository's own sample workspace, and golden documents made from it."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
UPDATE = "CRMCTL_UPDATE_GOLDEN"


def _sample_workspace(root: Path) -> Workspace:
    for name in ("accounts", "templates"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("crmctl.yaml", "weights.yaml", "workflows.yaml"):
        shutil.copy(ROOT / name, root / name)
    Git.init(root)
    return Workspace(root, now=NOW, seed=7)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample workspace in a scratch git repository, on 16 November 2026; for tests that only plan."""
    return _sample_workspace(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """As `samples`, for one test that writes."""
    return _sample_workspace(tmp_path)


@pytest.fixture
def write(ws: Workspace) -> Callable[[str, str], None]:
    """Put text at a path of the workspace."""

    def put(path: str, text: str) -> None:
        target = ws.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())

    return put


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a document with tests/golden/<name>; CRMCTL_UPDATE_GOLDEN=1 writes it instead."""

    def same(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get(UPDATE):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), (
            f"{name} is missing: run again with {UPDATE}=1 and read what it wrote"
        )
        assert text == path.read_bytes().decode(), f"run again with {UPDATE}=1 and read the diff"

    return same
