"""Whole files or none: write beside, sync, rename over, sync the folder.

A kill or a power cut at any instant leaves the old file or the new one, never a mixture, and at
most a left-over temporary file whose name `is_leftover` knows.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress

_LEFTOVER = re.compile(r"\..+\.crmctl-[0-9a-f]{12}\.tmp")
_NAME_KEPT = 48  # characters of the name in a temporary name: 4 bytes each stay below NAME_MAX


def lay_beside(folder: int, name: str, data: bytes, *, mode: int | None = None) -> str:
    """Write ``data`` to a temporary file beside ``name`` and return its name; nothing is synced yet.

    `swing` puts it into place. Raises OSError, and then nothing is left lying.
    """
    temporary = f".{name[:_NAME_KEPT]}.crmctl-{secrets.token_hex(6)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
    except BaseException:
        discard(folder, temporary)
        raise
    return temporary


def swing(folder: int, temporary: str, name: str) -> None:
    """Put a file that `lay_beside` wrote, and that is on the disk by now, into the place of ``name``."""
    os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def discard(folder: int, temporary: str) -> None:
    """Remove a temporary file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)


def replace(folder: int, name: str, data: bytes, *, mode: int | None = None) -> None:
    """Make ``name`` in the open directory ``folder`` hold exactly ``data``.

    ``mode`` is the permission to set; None leaves it to the umask. Raises OSError, and then the
    old file is untouched.
    """
    temporary = lay_beside(folder, name, data, mode=mode)
    try:
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        swing(folder, temporary, name)
    except BaseException:
        discard(folder, temporary)
        raise
    os.fsync(folder)


def is_leftover(name: str) -> bool:
    """Whether a file of this name is a temporary one that a killed `replace` left behind."""
    return _LEFTOVER.fullmatch(name) is not None
