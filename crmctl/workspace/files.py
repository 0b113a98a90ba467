"""Files beneath the workspace root: the only way to read and write them.

Every path is opened part by part from the root and no part may be a symbolic link, so neither a
name from outside nor a link from a pull request can lead out of the workspace or into ``.git``.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from crmctl.model.errors import ChangedOnDisk, CrmError
from crmctl.model.text import one_line
from crmctl.workspace import atomic, gitdir, runs
from crmctl.workspace.paths import ACCOUNTS

MAX_BYTES = 16 * 1024 * 1024

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Not blocking, so that a pipe put in a file's place cannot make a reader wait for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "the disk quota is used up; free some space and try again",
    errno.EFBIG: "the file would be larger than this account may write; raise the limit",
    errno.EACCES: "permission denied; check who owns the file and its folder",
    errno.EPERM: "not permitted; check who owns the file and its folder",
    errno.EROFS: "the file system is read-only; mount it for writing",
    errno.ELOOP: "it is a symbolic link, and crmctl follows none; put the real file there",
    errno.ENOTDIR: "a folder on the way is a link or a file; put a real folder there",
    errno.EISDIR: "it is a folder; move it away",
    errno.ENAMETOOLONG: "the name is too long for this file system; shorten it",
    errno.EMFILE: "too many files are open; raise the limit (`ulimit -n`)",
    errno.EIO: "the disk reports an error; check it before you go on",
}


def check_path(rel: str) -> str:
    """``rel`` itself if it can only mean a place beneath the root; CrmError otherwise.

    Refused: absolute paths, ``..``, ``.``, empty parts, backslashes, control and other invisible
    characters, and whatever a file system could take for ``.git``.
    """
    fault = ""
    if "\\" in rel or any(unicodedata.category(char)[0] == "C" for char in rel):
        fault = "has a backslash or an invisible character in it"
    for part in rel.split("/"):
        if part in ("", ".", ".."):
            fault = "is not a plain path beneath the workspace"
        elif part.casefold().rstrip(" .").partition(":")[0] in (".git", "git~1"):
            fault = "leads into the repository's own files"
    if fault:
        raise CrmError(f'the path "{one_line(rel)}" {fault}: rename it')
    return rel


def safe_path(root: Path, rel: str) -> Path:
    """The absolute path of ``rel`` (POSIX, relative to the workspace); see `check_path`."""
    return root / check_path(rel)


def read(root: Path, rel: str) -> bytes | None:
    """The bytes of a regular file of at most `MAX_BYTES`; None if there is no such file."""
    check_path(rel)
    with _explained("read", rel), ExitStack() as stack:
        try:
            *_, folder = _open_folders(root, PurePosixPath(rel).parent, stack)
        except FileNotFoundError:
            return None
        return _read_in(folder, rel)[0]


def read_each(
    root: Path, folder: str, names: Iterable[str]
) -> Iterator[tuple[str, bytes | CrmError]]:
    """Files of one folder, which is opened only once: each name with its bytes, or with why it has none.

    ``names`` are as the folder lists them; one that is gone meanwhile is passed over.
    """
    check_path(folder)
    with _explained("read", folder), ExitStack() as stack:
        *_, opened = _open_folders(root, PurePosixPath(folder), stack)
        for name in names:
            rel = f"{folder}/{name}"
            try:
                with _explained("read", rel):
                    found = _read_in(opened, rel)[0]
            except CrmError as error:
                yield name, error
                continue
            if found is not None:
                yield name, found


def write(root: Path, rel: str, new: bytes | None, *, expected: bytes | None) -> None:
    """Make a file hold ``new`` (None deletes it), provided that it still holds ``expected``.

    ``expected`` None means that there must be no such file. Raises ChangedOnDisk if that is not
    so, and CrmError with the cause if the system refuses; both leave the old file as it was.
    Missing folders are made; folders beneath ``accounts/`` that a deletion empties are removed.
    """
    check_path(rel)
    name = PurePosixPath(rel).name
    with _explained("write", rel), ExitStack() as stack:
        try:
            folders = _open_folders(
                root, PurePosixPath(rel).parent, stack, make=new is not None and expected is None
            )
        except FileNotFoundError:
            if new is None and expected is None:
                return
            raise _changed(rel) from None
        current, mode = _read_in(folders[-1], rel)
        if current != expected:
            raise _changed(rel)
        if new is not None:
            atomic.replace(folders[-1], name, new, mode=mode)
        elif current is not None:
            os.unlink(name, dir_fd=folders[-1])
            os.fsync(folders[-1])
            _remove_empty(folders, PurePosixPath(rel))


def sweep(root: Path) -> list[str]:
    """Remove the temporary files that killed runs left, and return their paths.

    Looks only where the journal of an unfinished run says that it meant to write. The caller
    holds the workspace lock, so no other run can own what is found.
    """
    place = gitdir.locate(root)
    folders = {
        PurePosixPath(path).parent
        for journal in runs.unfinished(place.state_dir)
        if journal.worktree == place.worktree
        for path in journal.hashes()
    }
    swept = []
    for folder in sorted(folders):
        with (
            _explained("sweep", folder.as_posix()),
            ExitStack() as stack,
            suppress(FileNotFoundError),
        ):
            *_, descriptor = _open_folders(root, folder, stack)
            for name in sorted(filter(atomic.is_leftover, os.listdir(descriptor))):
                os.unlink(name, dir_fd=descriptor)
                swept.append((folder / name).as_posix())
    return swept


def stat_key(path: Path) -> tuple[int, int, int, int] | None:
    """What tells whether a file changed: (mtime_ns, ctime_ns, size, inode); None if it is absent.

    The change time is in it because an edit of the same size with a restored modification time
    would go unseen without.
    """
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _open_folders(
    root: Path, folder: PurePosixPath, stack: ExitStack, *, make: bool = False
) -> list[int]:
    """Open descriptors of the root and of every folder down to ``folder``, outermost first."""

    def keep(descriptor: int) -> int:
        stack.callback(os.close, descriptor)
        return descriptor

    folders = [keep(os.open(root, os.O_RDONLY | os.O_DIRECTORY))]
    for part in folder.parts:
        if make:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=folders[-1])
                os.fsync(folders[-1])
        folders.append(keep(os.open(part, _FOLDER, dir_fd=folders[-1])))
    return folders


def _read_in(folder: int, rel: str) -> tuple[bytes | None, int | None]:
    """Content and permissions of the last part of ``rel`` in an open folder; None if absent."""
    try:
        descriptor = os.open(rel.rpartition("/")[2], _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None, None
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CrmError(f"{one_line(rel)} is not a regular file: move it out of the workspace")
        # One byte more than announced: a file that grows meanwhile must not be read in part.
        data = b"".join(iter(lambda: file.read(found.st_size + 1), b""))
    if max(found.st_size, len(data)) > MAX_BYTES:
        raise CrmError(
            f"{one_line(rel)} is larger than {MAX_BYTES // 1024**2} MiB: split it or move it away"
        )
    return data, stat.S_IMODE(found.st_mode)


def _remove_empty(folders: list[int], rel: PurePosixPath) -> None:
    """Remove the folders of ``rel`` that are empty now, innermost first, never ``accounts/``."""
    parts = rel.parts[:-1]
    if parts[0] != ACCOUNTS:
        return
    for depth in range(len(parts) - 1, 0, -1):
        try:
            os.rmdir(parts[depth], dir_fd=folders[depth])
        except OSError:  # not empty, or somebody stands in it: either way it stays
            return


def _changed(rel: str) -> ChangedOnDisk:
    return ChangedOnDisk(
        f"{one_line(rel)} changed since it was read, nothing was written: run again"
    )


@contextmanager
def _explained(verb: str, rel: str) -> Iterator[None]:
    """Turn what the system refuses into one sentence with the path and what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, f"{error.strerror}; mend that and try again")
        raise CrmError(f"cannot {verb} {one_line(rel)}: {advice}") from error
