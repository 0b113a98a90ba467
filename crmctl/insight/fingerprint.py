"""Whether anything in an account's folder changed, told from the files' stat keys alone.

This runs over every file of a workspace each time it is scored, so it does as little as it can a file.
"""

from __future__ import annotations

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
    keys: list[str] = []
    newest = 0
    for folder in FOLDERS:
        try:
            entries = os.scandir(f"{base}/{folder}")
        except OSError:
            continue
        with entries:
            for entry in entries:
                st = entry.stat(follow_symlinks=False)
                newest = max(newest, st.st_ctime_ns)
                keys.append(
                    f"{folder}/{entry.name}/{st.st_mtime_ns}/{st.st_ctime_ns}/{st.st_size}/{st.st_ino}"
                )
    profile, changed = _key(f"{base}/profile.md")
    keys.append(profile)
    keys.sort()
    text = "\n".join(keys).encode("utf-8", "surrogateescape")
    digest = blake2b(text, digest_size=16).hexdigest()
    return Fingerprint(digest, _key(f"{base}/health.md")[0], max(newest, changed))


def _key(path: str) -> tuple[str, int]:
    try:
        st = os.lstat(path)
    except OSError:
        return "", 0
    return f"{st.st_mtime_ns}/{st.st_ctime_ns}/{st.st_size}/{st.st_ino}", st.st_ctime_ns
