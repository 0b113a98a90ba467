"""Files beneath the workspace root: the only way to read and write them.

Every path is opened part by part from the root and no part may be a symbolic link, so neither a
name from outside nor a link from a pull request can lead out of the workspace or into ``.git``.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from crmctl.model.errors import ChangedOnDisk, CrmError
from crmctl.model.text import one_line
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

MAX_BYTES = 16 * 1024 * 1024
_CHUNK = 1024 * 1024

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


# What nearly every path is, and it holds nothing that would have to be refused.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?")


def check_path(rel: str) -> str:
    """``rel`` itself if it can only mean a place beneath the root; CrmError otherwise.

    Refused: absolute paths, ``..``, ``.``, empty parts, backslashes, control and other invisible
    characters, and whatever a file system could take for ``.git``.
    """
    if _PLAIN.fullmatch(rel):
        return rel
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
    with Reading(root) as reading:
        return reading.read(rel)


class Folders:
    """Open folders beneath ``root``, within a ``with``; ``make`` makes those that are missing. No link is followed.

    The folders on the way to a file stay open until a file lies elsewhere, so that taking files in the order of
    their paths opens each folder once.
    """

    def __init__(self, root: Path, *, make: bool = False) -> None:
        self._root, self._make = root, make
        self._parts: list[str] = []
        self._open: list[int] = []  # the root, and one for each of the parts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(0)

    def of(self, rel: str) -> tuple[int, str]:
        """The open folder of a file and the file's name in it. OSError if the folder cannot be opened."""
        *parts, name = check_path(rel).split("/")
        if parts != self._parts or not self._open:
            self._enter(parts)
        return self._open[-1], name

    def _enter(self, parts: list[str]) -> None:
        if not self._open:
            self._open.append(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY))
        same = 0
        while same < min(len(parts), len(self._parts)) and parts[same] == self._parts[same]:
            same += 1
        self._leave(same + 1)
        for part in parts[same:]:
            if self._make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=self._open[-1])
            self._open.append(os.open(part, _FOLDER, dir_fd=self._open[-1]))
            self._parts.append(part)

    def _leave(self, depth: int) -> None:
        while len(self._open) > depth:
            os.close(self._open.pop())
        del self._parts[max(depth - 1, 0) :]


class Reading(Folders):
    """Reads many files beneath the root, within a ``with``; cheapest in the order of their paths."""

    def read(self, rel: str) -> bytes | None:
        """As the function `read`."""
        try:
            folder, name = self.of(rel)
            return _content(folder, name, rel)[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused("read", rel, error) from error


def read_each(
    root: Path, folder: str, names: Iterable[str]
) -> Iterator[tuple[str, bytes | CrmError]]:
    """Files of one folder, which is opened only once: each name with its bytes, or with why it has none.

    ``names`` are as the folder lists them; one that is gone meanwhile is passed over.
    """
    with Reading(root) as reading:
        for name in names:
            try:
                found = reading.read(f"{folder}/{name}")
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
    from crmctl.workspace import atomic

    check_path(rel)
    name = PurePosixPath(rel).name
    with explained("write", rel), ExitStack() as stack:
        try:
            folders = _open_folders(
                root, PurePosixPath(rel).parent, stack, make=new is not None and expected is None
            )
        except FileNotFoundError:
            if new is None and expected is None:
                return
            raise changed(rel) from None
        current, mode = found_in(folders[-1], name, rel)
        if current != expected:
            raise changed(rel)
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
    from crmctl.workspace import atomic, gitdir, runs

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
            explained("sweep", folder.as_posix()),
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


def found_in(folder: int, name: str, rel: str) -> tuple[bytes | None, int | None]:
    """As `_content`; None and None if there is no such file."""
    try:
        return _content(folder, name, rel)
    except FileNotFoundError:
        return None, None


def _content(folder: int, name: str, rel: str) -> tuple[bytes, int]:
    """Content and permissions of the file ``name`` in an open folder; ``rel`` is for messages."""
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(found.st_mode):
            raise CrmError(f"{one_line(rel)} is not a regular file: move it out of the workspace")
        # One byte more than announced, so that one read shows most files to be complete.
        data = os.read(descriptor, min(found.st_size, MAX_BYTES) + 1)
        while len(data) != found.st_size and len(data) <= MAX_BYTES:
            more = os.read(descriptor, _CHUNK)
            if not more:
                break
            data += more
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
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


def changed(rel: str) -> ChangedOnDisk:
    """The error that says that a file is not what was read."""
    return ChangedOnDisk(
        f"{one_line(rel)} changed since it was read, nothing was written: run again"
    )


@contextmanager
def explained(verb: str, rel: str) -> Iterator[None]:
    """Turn what the system refuses into one sentence with the path and what to do."""
    try:
        yield
    except OSError as error:
        raise _refused(verb, rel, error) from error


def _refused(verb: str, rel: str, error: OSError) -> CrmError:
    advice = _ADVICE.get(error.errno or 0, f"{error.strerror}; mend that and try again")
    return CrmError(f"cannot {verb} {one_line(rel)}: {advice}")
