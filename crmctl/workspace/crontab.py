"""The user's crontab, through the program of that name: read whole, written whole."""

from __future__ import annotations

import shutil
import subprocess

from crmctl.model.errors import ConfigError, CrmError
from crmctl.model.text import one_line

_SECONDS = 30.0


def read() -> str:
    """The user's crontab, "" without one. ConfigError on a machine without cron."""
    done = _crontab("-l")
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "surrogateescape")
    said = done.stderr.decode("utf-8", "replace")
    if "no crontab" in said.casefold():
        return ""
    raise CrmError(f"crontab -l: {one_line(said) or 'it failed'}")


def write(text: str) -> None:
    """Make it hold ``text``; "" takes it away."""
    data = text.encode("utf-8", "surrogateescape")
    done = _crontab("-", data=data) if data else _crontab("-r")
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace"))
        raise CrmError(f"crontab: {said or 'it failed'}; nothing was changed")


def _crontab(argument: str, *, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("crontab")
    if program is None:
        raise ConfigError("this machine has no crontab; try --kind systemd, github or gitlab")
    try:
        return subprocess.run(
            [program, argument], input=data, capture_output=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CrmError(f"{program} {argument}: {one_line(str(error))}") from None
