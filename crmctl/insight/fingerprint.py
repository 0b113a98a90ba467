"""Whether anything in an account's folder changed, told from the files' stat keys, or else from their bytes.

The keys of every file of a workspace are asked for each time it is scored, so that does as little as it can a file.
Where they differ, the bytes tell whether anything but the time has changed: after a checkout, a copy or a restore.
"""

from __future__ import annotations

import marshal
import os
import stat
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

from crmctl.workspace import processes

FOLDERS = ("contacts", "deals", "interactions")
MANY = 2_000  # accounts from which on further processes are worth their start
PART = 250  # accounts that one process looks at before it hands over


# The names of the files in each of `FOLDERS` that is there, sorted.
Names = dict[str, list[str]]


class Fingerprint(NamedTuple):
    """``digest`` covers the files that a score depends on, ``health`` the health file.

    ``newest`` is the latest ctime in nanoseconds: what was read at that very moment may be older
    than it looks, and must be read again. ``names`` are the files it covers but for the profile.
    """

    digest: str
    health: str
    newest: int
    names: Names


def fingerprint(accounts: str, slug: str) -> Fingerprint:
    """Of one account's folder; ``accounts`` is the path of the folder of all accounts."""
    base = f"{accounts}/{slug}"
    profile = _key(f"{base}/profile.md")
    seen: list[object] = [profile]
    newest = 0 if profile is None else profile[1]
    names: Names = {}
    for folder in FOLDERS:
        try:
            entries = os.scandir(f"{base}/{folder}")
        except OSError:
            continue
        keys = []
        with entries:
            for entry in entries:
                st = entry.stat(follow_symlinks=False)
                keys.append((entry.name, st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino))
        keys.sort()
        newest = max(newest, max((key[2] for key in keys), default=0))
        seen += (folder, keys)
        names[folder] = [key[0] for key in keys]
    # Version 2 of the format depends on the values alone, and is five times as fast as text.
    digest = blake2b(marshal.dumps(seen, 2), digest_size=16).hexdigest()
    return Fingerprint(digest, repr(_key(f"{base}/health.md")), newest, names)


def fingerprints(accounts: str, slugs: Sequence[str]) -> dict[str, Fingerprint]:
    """Of each of these folders; of very many on all processors, as the system needs its time for every file."""
    parts = processes.parts(slugs, PART)
    work = partial(_each, accounts)
    found = processes.spread(lambda: nullcontext(work), parts, apart=len(slugs) >= MANY)
    return dict(zip(slugs, chain.from_iterable(found), strict=True))


def _each(accounts: str, slugs: Sequence[str]) -> list[Fingerprint]:
    return [fingerprint(accounts, slug) for slug in slugs]


_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CHUNK = 64 * 1024


def contents(accounts: str, slug: str, names: Names) -> str | None:
    """A digest of the bytes of the files that a `Fingerprint` covers.

    None where one of them is no regular file or cannot be read: then nothing can be told.
    """
    base = f"{accounts}/{slug}"
    seen = blake2b(digest_size=16)
    try:
        seen.update(_bytes(f"{base}/profile.md", None))
        for folder, listed in names.items():
            opened = os.open(f"{base}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                for name in listed:
                    data = _bytes(name, opened)
                    # With its length, so that no two lists of files look alike.
                    seen.update(os.fsencode(f"\0{folder}/{name}\0{len(data)}\0"))
                    seen.update(data)
            finally:
                os.close(opened)
    except OSError:
        return None
    return seen.hexdigest()


def page(accounts: str, slug: str) -> str:
    """A digest of the bytes of the health file; empty without one."""
    try:
        return blake2b(_bytes(f"{accounts}/{slug}/health.md", None), digest_size=16).hexdigest()
    except OSError:
        return ""


def _bytes(path: str, folder: int | None) -> bytes:
    """The whole of a regular file; OSError if it is none."""
    opened = os.open(path, _FILE, dir_fd=folder)
    try:
        data = os.read(opened, _CHUNK)
        if len(data) in (0, _CHUNK):
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise OSError(path)
            while more := os.read(opened, _CHUNK):
                data += more
    finally:
        os.close(opened)
    return data


def _key(path: str) -> tuple[int, int, int, int] | None:
    try:
        st = os.lstat(path)
    except OSError:
        return None
    return st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino
