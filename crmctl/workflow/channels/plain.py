"""A file of this machine, and the terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crmctl.workflow.channels.base import Asked, Outcome, Parcel, Shown, cannot_ask


class FileChannel:
    """A file that gets one line of JSON a letter. It can be asked: it holds what arrived."""

    kind = "file"

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()

    def close(self) -> None:
        """Nothing is held open."""

    def shown(self, parcel: Parcel) -> Shown:
        return Shown(f"file {self._path}", [], parcel.sheet.text, _line(parcel))

    def send(self, parcel: Parcel) -> Outcome:
        raw = json.dumps(_line(parcel), ensure_ascii=False).encode() + b"\n"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o600)
            try:
                size = os.lseek(descriptor, 0, os.SEEK_END)
                # A line that a killed run broke off must not swallow this one.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                os.write(descriptor, b"\n" * torn + raw)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            return Outcome("later", f"{self._path}: {error.strerror}", down=True)
        return Outcome("sent", f"written to {self._path}")

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:
        try:
            with self._path.open("rb") as file:
                there = any(_key(raw) == parcel.key for raw in file)
        except FileNotFoundError:
            return "absent", ""
        except OSError as error:
            return "later", f"{self._path}: {error.strerror}"
        return ("there" if there else "absent"), ""


class TerminalChannel:
    """Whoever runs `crmctl deliver` reads it."""

    kind = "terminal"

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo

    def close(self) -> None:
        """Nothing is held open."""

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:  # noqa: ARG002  it has no memory
        return cannot_ask("a terminal")

    def shown(self, parcel: Parcel) -> Shown:
        return Shown("the terminal", [], parcel.sheet.text, {"text": parcel.sheet.text})

    def send(self, parcel: Parcel) -> Outcome:
        for line in [parcel.sheet.subject, "", *parcel.sheet.text.splitlines(), ""]:
            self._echo(line)
        return Outcome("sent", "printed")


def _line(parcel: Parcel) -> dict[str, Any]:
    return {
        "key": parcel.key,
        "made": parcel.made,
        "subject": parcel.sheet.subject,
        "text": parcel.sheet.text,
        "messages": list(parcel.sheet.entries),
    }


def _key(raw: bytes) -> str:
    try:
        found = json.loads(raw)
    except ValueError:
        return ""
    return str(found.get("key", "")) if isinstance(found, dict) else ""
