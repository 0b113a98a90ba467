"""``.git/crmctl/outbox/<key>.json``: messages that are due, each on disk before anything says it was made.

A message's key is made of its episode and action, so the same occasion always gives the same file: a run
that was killed and starts again finds its message there. An entry stays until long after it was sent; then its key
goes into the file ``past``, so that it stays known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from crmctl.model import text
from crmctl.model.errors import CrmError, Problem
from crmctl.workspace import atomic

FOLDER = "outbox"
MAX_TEXT = 4000
_KEY_DIGITS = 20
_PAST = "past"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as clean text. ``to`` holds team ids; empty when nobody is responsible.

    An ``urgent`` one does not wait for the digest. ``target`` is the name of a place that is no person, such as a
    channel or a webhook, which this machine's own settings know.
    """

    key: str
    to: tuple[str, ...]
    subject: str
    body: str
    account: str
    workflow: str
    episode: str
    action: str
    created: str
    urgent: bool = False
    target: str = ""


def key(account: str, workflow: str, episode: str, action: str) -> str:
    """The name of the one message of an action on an occasion."""
    parts = json.dumps([account, workflow, episode, action])
    return sha256(parts.encode()).hexdigest()[:_KEY_DIGITS]


def clean(subject: str, lines: Iterable[str]) -> tuple[str, str]:
    """Subject and body without control characters, each of ``lines`` staying one line."""
    body = "\n".join(text.one_line(line, 500) for line in lines)
    return text.one_line(subject, 160), text.terminal(body, MAX_TEXT)


def write(state_dir: Path, messages: Iterable[Message]) -> list[Message]:
    """Put messages on disk, durably; those that were there already are left alone. Returns the new ones.

    The caller holds the workspace lock.
    """
    new = []
    folder = _folder(state_dir)
    for leftover in filter(lambda path: atomic.is_leftover(path.name), folder.iterdir()):
        leftover.unlink(missing_ok=True)
    past = _past(folder)
    for message in messages:
        if message.key in past or (folder / f"{message.key}.json").exists():
            continue
        data = json.dumps(asdict(message), ensure_ascii=False, indent=1) + "\n"
        _put(folder, f"{message.key}.json", data.encode())
        new.append(message)
    return new


def retire(state_dir: Path, keys: Iterable[str]) -> None:
    """Take messages that were sent long ago off the outbox; their keys stay known.

    The caller holds the workspace lock.
    """
    folder = _folder(state_dir)
    gone = set(keys)
    _put(folder, _PAST, "".join(f"{key}\n" for key in sorted(_past(folder) | gone)).encode())
    for key in gone:
        (folder / f"{key}.json").unlink(missing_ok=True)


def waiting(state_dir: Path) -> tuple[list[Message], list[Problem]]:
    """All messages in the outbox, oldest first, and the entries that cannot be read."""
    messages: list[Message] = []
    problems: list[Problem] = []
    for source in sorted((state_dir / FOLDER).glob("*.json")):
        try:
            messages.append(_message(json.loads(source.read_bytes())))
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(Problem(str(source), 0, "", f"is no message: {error}", "outbox"))
    return sorted(messages, key=lambda m: (m.created, m.account, m.workflow, m.key)), problems


def _message(data: dict[str, Any]) -> Message:
    values = {f.name: data[f.name] for f in fields(Message) if f.name in data}
    return Message(**{**values, "to": tuple(values["to"])})


def _folder(state_dir: Path) -> Path:
    folder = state_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _past(folder: Path) -> set[str]:
    try:
        return set((folder / _PAST).read_text(encoding="ascii", errors="replace").split())
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise CrmError(f"cannot read {folder / _PAST}: {error.strerror}") from error


def _put(folder: Path, name: str, data: bytes) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            atomic.replace(descriptor, name, data, mode=0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CrmError(
            f"cannot write to {folder}: {error.strerror}; nothing was changed"
        ) from error
