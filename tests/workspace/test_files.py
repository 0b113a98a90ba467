"""Files beneath the root: whole or untouched, and never through a link."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import ChangedOnDisk, CrmError
from crmctl.workspace import files

PATH = "accounts/acme/profile.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "team"
    (root / ".git").mkdir(parents=True)
    (root / ".git/HEAD").write_text("ref: refs/heads/main\n")
    return root


def tree(root: Path) -> list[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*"))
    return sorted(path for path in found if not path.startswith(".git"))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A limit on file sizes, which a full disk looks like to the writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_create_change_and_delete(root: Path) -> None:
    assert files.read(root, PATH) is None
    files.write(root, PATH, b"one", expected=None)
    assert files.read(root, PATH) == b"one"
    files.write(root, PATH, b"two", expected=b"one")
    assert (root / PATH).read_bytes() == b"two"
    assert tree(root) == ["accounts", "accounts/acme", PATH]
    files.write(root, PATH, None, expected=b"two")
    assert tree(root) == ["accounts"]


def test_a_deletion_keeps_folders_that_hold_something_else(root: Path) -> None:
    contact = "accounts/acme/contacts/ann.md"
    files.write(root, PATH, b"x", expected=None)
    files.write(root, contact, b"x", expected=None)
    files.write(root, contact, None, expected=b"x")
    assert tree(root) == ["accounts", "accounts/acme", PATH]
    files.write(root, "templates/review.md.j2", b"x", expected=None)
    files.write(root, "templates/review.md.j2", None, expected=b"x")
    assert "templates" in tree(root)


@pytest.mark.parametrize(
    ("on_disk", "expected"), [(b"a person's", b"ours"), (b"x", None), (None, b"ours"), (b"", None)]
)
@pytest.mark.parametrize("new", [b"new", None])
def test_a_file_that_changed_since_is_left_alone(
    root: Path, on_disk: bytes | None, expected: bytes | None, new: bytes | None
) -> None:
    if on_disk is not None:
        files.write(root, PATH, on_disk, expected=None)
    with pytest.raises(ChangedOnDisk, match=PATH):
        files.write(root, PATH, new, expected=expected)
    assert files.read(root, PATH) == on_disk


def test_deleting_what_is_absent_as_expected_does_nothing(root: Path) -> None:
    files.write(root, PATH, None, expected=None)
    assert tree(root) == []


def test_permissions_survive_a_change(root: Path) -> None:
    files.write(root, PATH, b"one", expected=None)
    umask = os.umask(0)
    os.umask(umask)
    assert (root / PATH).stat().st_mode & 0o777 == 0o666 & ~umask
    (root / PATH).chmod(0o640)
    files.write(root, PATH, b"two", expected=b"one")
    assert (root / PATH).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "accounts/../../x", "accounts//x", "./x", "accounts/.", "a/",
        "a\\b", "a\0b", "a\nb", "a\x1bb", "a\u202eb", "\ud800", ".git/hooks/post-commit",
        "accounts/.GIT/config", ".git", ".git /x", ".git./x", "GIT~1/config", ".g\u200cit/config",
        ".git::$INDEX_ALLOCATION/config",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(root: Path, path: str) -> None:
    before = tree(root)
    with pytest.raises(CrmError):
        files.safe_path(root, path)
    with pytest.raises(CrmError):
        files.read(root, path)
    with pytest.raises(CrmError):
        files.write(root, path, b"x", expected=None)
    assert tree(root) == before


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.md", ".git", "é"]), max_size=5))
def test_an_accepted_path_stays_beneath_the_root(parts: list[str]) -> None:
    root = Path("/team")
    try:
        path = files.safe_path(root, "/".join(parts))
    except CrmError:
        return
    assert Path(os.path.normpath(path)) == path
    assert root in path.parents


def test_links_are_followed_neither_to_read_nor_to_write(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "profile.md").write_bytes(b"secret")
    (root / "accounts/beacon").mkdir(parents=True)
    (root / "accounts/acme").symlink_to(outside)
    (root / "accounts/hooks").symlink_to("../.git")
    (root / "accounts/beacon/profile.md").symlink_to(outside / "profile.md")
    (root / "accounts/beacon/dangling.md").symlink_to(outside / "new.md")
    for path in (
        "accounts/acme/profile.md",
        "accounts/acme/contacts/ann.md",
        "accounts/beacon/profile.md",
        "accounts/beacon/dangling.md",
        "accounts/hooks/post-commit",
    ):
        with pytest.raises(CrmError, match="link"):
            files.read(root, path)
        for expected in (None, b"secret"):
            with pytest.raises(CrmError, match="link"):
                files.write(root, path, b"ours", expected=expected)
        with pytest.raises(CrmError, match="link"):
            files.write(root, path, None, expected=b"secret")
    assert sorted(path.name for path in outside.iterdir()) == ["profile.md"]
    assert (outside / "profile.md").read_bytes() == b"secret"
    assert [path.name for path in (root / ".git").iterdir()] == ["HEAD"]


def test_only_regular_files_of_bearable_size_are_read(root: Path) -> None:
    folder = root / "accounts/acme"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.md")
    (folder / "folder.md").mkdir()
    with (folder / "large.md").open("wb") as large:
        large.truncate(files.MAX_BYTES + 1)
    for name, sentence in (("pipe", "regular"), ("folder", "is a folder"), ("large", "16 MiB")):
        with pytest.raises(CrmError, match=sentence):
            files.read(root, f"accounts/acme/{name}.md")
    os.truncate(folder / "large.md", files.MAX_BYTES)
    assert len(files.read(root, "accounts/acme/large.md") or b"") == files.MAX_BYTES


def test_a_full_disk_leaves_the_old_file_and_one_sentence(root: Path) -> None:
    files.write(root, PATH, b"old", expected=None)
    before = tree(root)
    with largest_file(8192), pytest.raises(CrmError) as caught:
        files.write(root, PATH, b"x" * 100_000, expected=b"old")
    assert type(caught.value) is CrmError
    assert PATH in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files.read(root, PATH) == b"old"
    assert tree(root) == before


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.ESTALE, "try again")],
)
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_whatever_the_system_refuses_becomes_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, sentence: str
) -> None:
    files.write(root, PATH, b"old", expected=None)

    def fail(*args: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(CrmError, match=sentence) as caught:
            files.write(root, PATH, b"new", expected=b"old")
    assert PATH in str(caught.value)
    assert files.read(root, PATH) == b"old"
    assert tree(root) == ["accounts", "accounts/acme", PATH]


def test_a_long_name_is_written_if_the_file_system_takes_it(root: Path) -> None:
    longest = f"accounts/acme/{'ü' * 126}.md"
    files.write(root, longest, b"x", expected=None)
    assert files.read(root, longest) == b"x"
    with pytest.raises(CrmError, match="too long"):
        files.write(root, f"accounts/acme/{'x' * 256}", b"x", expected=None)


def test_stat_key_sees_an_edit_of_the_same_size_with_a_restored_time(root: Path) -> None:
    file = root / "x"
    assert files.stat_key(file) is None
    file.write_bytes(b"one")
    before, key = file.stat(), files.stat_key(file)
    assert files.stat_key(file) == key
    while files.stat_key(file) == key:  # the clock of a file system has its own step
        file.write_bytes(b"two")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
