"""Whether anything in an account's folder changed, told from the files' stat keys alone.

This runs over every file of a workspace each time it is scored, so it does as little as it can a file.
"""

from __future__ import annotations

import marshal
import os
from hashlib import blake2b
from typing import NamedTuple

FOLDERS = ("contacts", "deals", "interactions")


class Fingerprint(NamedTuple):
    """``digest`` covers the files that a score depends on, ``health`` the health file.

    ``newest`` is the latest ctime in nanoseconds: what was read at that very moment may be older
    than it looks, and must be read again.
    """

    digest: str
    health: str
    newest: int


def fingerprint(accounts: str, slug: str) -> Fingerprint:
    """Of one account's folder; ``accounts`` is the path of the folder of all accounts."""
    base = f"{accounts}/{slug}"
    profile = _key(f"{base}/profile.md")
    seen: list[object] = [profile]
    newest = 0 if profile is None else profile[1]
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
    # Version 2 of the format depends on the values alone, and is five times as fast as text.
    digest = blake2b(marshal.dumps(seen, 2), digest_size=16).hexdigest()
    return Fingerprint(digest, repr(_key(f"{base}/health.md")), newest)


def _key(path: str) -> tuple[int, int, int, int] | None:
    try:
        st = os.lstat(path)
    except OSError:
        return None
    return st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino
