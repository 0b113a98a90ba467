"""One writer at a time in a repository, across its working trees.

The lock is the operating system's, so it ends with the process that holds it, however that ends.
Who holds it stands in a file beside, for the message only.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from crmctl.model.errors import BusyError, CrmError
from crmctl.model.text import one_line


@contextmanager
def lock(state_dir: Path, *, command: str, wait: float = 10.0) -> Iterator[None]:
    """Hold the workspace lock; ``wait`` is in seconds.

    BusyError names the holder if it is still held after that time. Not reentrant: a process that
    holds the lock and asks again waits for itself.
    """
    from filelock import FileLock, Timeout

    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = FileLock(state_dir / "lock", timeout=wait, mode=0o600)
    holder = state_dir / "lock.holder"
    try:
        held.acquire()
    except Timeout:
        raise BusyError(f"the workspace is busy: {_describe(holder)}; try again later") from None
    except OSError as error:
        raise CrmError(f"cannot lock {state_dir / 'lock'}: {error.strerror}") from error
    try:
        with suppress(OSError):
            holder.write_text(_who(command), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        held.release()


def _who(command: str) -> str:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": since}
    return json.dumps(who)


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
        text = "`{command}` (process {pid} on {host}) holds it since {since}".format(**who)
    except (OSError, ValueError, KeyError, TypeError):
        return "another process holds it"
    return one_line(text)
