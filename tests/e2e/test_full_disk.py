"""No room left: one sentence, every file whole, and the next run completes the work."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import Load, contents, process, sentence, shown

LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))"


def whole(root: Path, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    for path, data in contents(root, "accounts").items():
        assert data in (old.get(path), new.get(path)), path


def target(crm: Crm, workspace: Path, path: Path) -> dict[str, bytes]:
    """What the accounts are after the import, which is then taken back."""
    assert crm("import", "salesforce", str(path)).code == 0
    found = contents(workspace, "accounts")
    subprocess.run(["git", "clean", "-fdq", "accounts"], cwd=workspace, check=True)
    return found


@pytest.mark.parametrize("limit", [16, 200, 700, 1500])
def test_a_limit_on_file_sizes_leaves_whole_files(
    crm: Crm, workspace: Path, exports: Load, limit: int
) -> None:
    path = exports("csv-a")
    new = target(crm, workspace, path)
    before = contents(workspace, "accounts")

    started = process(workspace, "import", "salesforce", str(path), code=LIMIT.format(limit))
    out, err = started.communicate(timeout=60)

    assert started.returncode in {1, 3}, (out, err)
    assert sentence(err), err
    whole(workspace, before, new)
    assert crm("import", "salesforce", str(path)).code == 0
    assert contents(workspace, "accounts") == new
    assert not list((workspace / "accounts").rglob(".*"))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, where the system lets us have one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("file systems cannot be mounted here")
    yield place
    os.chdir("/")
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("free", [0, 4, 20, 40])
def test_a_full_disk_leaves_whole_files(
    crm: Crm, home: Path, small: Path, exports: Load, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    path = exports("csv-a")
    monkeypatch.chdir(small)
    assert crm("init", ".").code == 0
    before = contents(small, "accounts")
    (small / "rest").write_bytes(b"")
    with (small / "rest").open("wb", buffering=0) as rest:
        left = os.statvfs(small)
        rest.write(bytes(max(0, left.f_bavail * left.f_bsize - free * 1024)))

    full = crm("import", "salesforce", str(path))

    assert full.code in {1, 3}, full
    assert sentence(full.err), full.err
    after = contents(small, "accounts")
    (small / "rest").unlink()
    assert crm("import", "salesforce", str(path)).code == 0
    new = contents(small, "accounts")
    for name, data in after.items():
        if not name.endswith(".tmp"):
            assert data in (before.get(name), new.get(name)), name
    assert shown(crm, "import", "salesforce", str(path))["files"] == []
    assert len(shown(crm, "list")) == 4
    assert not list((small / "accounts").rglob(".*"))
