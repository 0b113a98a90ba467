from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from crmctl.model.errors import ChangedOnDisk, CrmError
from crmctl.workspace import atomic, together

OLD = {f"accounts/a{n}/profile.md": b"old %d\n" % n for n in range(5)}
NEW = {path: content.replace(b"old", b"new") for path, content in OLD.items()}
FRESH = {"accounts/a0/contacts/kim.md": b"kim\n", "accounts/zebra/profile.md": b"zebra\n"}
CHANGES = sorted([(p, OLD[p], NEW[p]) for p in OLD] + [(p, None, c) for p, c in FRESH.items()])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in OLD.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}


def test_all_files_are_there_afterwards(root: Path) -> None:
    os.chmod(root / "accounts/a1/profile.md", 0o640)
    assert list(together.write(root, CHANGES)) == list(range(1, 8))
    assert contents(root) == NEW | FRESH
    assert (root / "accounts/a1/profile.md").stat().st_mode & 0o777 == 0o640


def test_one_that_changed_meanwhile_leaves_all_as_they_were(root: Path) -> None:
    (root / "accounts/a3/profile.md").write_bytes(b"somebody else\n")
    before = contents(root)
    with pytest.raises(ChangedOnDisk, match="accounts/a3"):
        list(together.write(root, CHANGES))
    assert contents(root) == before


def test_a_full_disk_leaves_all_as_they_were(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay, left = atomic.lay_beside, [4]

    def full(*arguments: object, **keywords: object) -> str:
        left[0] -= 1
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return lay(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(atomic, "lay_beside", full)
    with pytest.raises(CrmError, match="the disk is full"):
        list(together.write(root, CHANGES))
    assert contents(root) == OLD


@pytest.mark.parametrize("at", range(1, 8))
def test_broken_off_at_any_file_each_is_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    swing, left = atomic.swing, [at]

    def breaking(folder: int, temporary: str, name: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        swing(folder, temporary, name)

    monkeypatch.setattr(atomic, "swing", breaking)
    with pytest.raises(KeyboardInterrupt):
        list(together.write(root, CHANGES))
    done = [path for path, _, _ in CHANGES[: at - 1]]
    wanted = {path: new for path, _, new in CHANGES}
    assert contents(root) == OLD | {path: wanted[path] for path in done}


def test_no_link_is_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (root / "accounts/link").symlink_to(outside)
    with pytest.raises(CrmError, match="link"):
        list(together.write(root, [("accounts/link/profile.md", None, b"x")]))
    assert list(outside.iterdir()) == []
