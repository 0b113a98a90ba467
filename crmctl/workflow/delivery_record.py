"""``.git/crmctl/outbox/letters/<key>.json``: what is to be sent, what was tried, what was sent.

A letter is one sending to one recipient: an urgent message, or a digest of several. It is on disk before the first
attempt, says ``sending`` before each one, and what came of it behind. So whatever a kill leaves behind is known to the
next run: ``sending`` means that it may have arrived.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from crmctl.model.errors import CrmError, Problem
from crmctl.workflow import outbox
from crmctl.workspace import atomic

FOLDER = "letters"
MAX_ATTEMPTS = 12
_KEPT = 6  # attempts that are told of
_FIRST, _LONGEST = 300, 12 * 3600  # seconds between two attempts
Standing = Literal["waiting", "sending", "sent", "failed"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One sending. ``to`` is a member's id, ``target`` the name of a target; one of them is "".

    ``day`` is the local day of a digest. ``since`` is when it may have gone out first, in seconds since 1970, 0 when
    it surely did not; ``at`` and ``next`` are times as ISO text. ``repeat``: sent again though it may have arrived.
    """

    key: str
    to: str
    target: str
    day: str
    messages: tuple[str, ...]
    made: str
    way: str = ""
    state: Standing = "waiting"
    attempts: int = 0
    since: float = 0.0
    at: str = ""
    next: str = ""
    repeat: bool = False
    said: tuple[str, ...] = ()

    @property
    def urgent(self) -> bool:
        """Whether it is no digest."""
        return not self.day

    @property
    def standing(self) -> str:
        """Its state for people: ``unsure`` when it may have arrived."""
        return "unsure" if self.since and self.state in {"waiting", "sending"} else self.state

    def tried(self, state: Standing, text: str, *, since: float = 0.0, next: str = "") -> Letter:
        """The letter behind an attempt, of which ``text`` tells."""
        said = (*self.said, f"{minute(self.at)} {text}")[-_KEPT:]
        return replace(self, state=state, said=said, since=since, next=next)


def minute(time: str) -> str:
    """A time as it is told: UTC to the minute."""
    return f"{time[:16]}Z"


def pause(attempts: int, asked: float | None) -> float:
    """Seconds until the next attempt: doubling, and never less than the server asked for."""
    return max(min(_FIRST * 2.0 ** max(0, attempts - 1), _LONGEST), asked or 0.0)


class Letters:
    """The letters of a workspace on disk. The caller holds `delivery.alone`, or only reads."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / outbox.FOLDER / FOLDER
        self.problems: list[Problem] = []
        self.known: dict[str, Letter] = {}
        for source in sorted(self.folder.glob("*.json")):
            try:
                letter = _letter(json.loads(source.read_bytes()))
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.problems.append(
                    Problem(str(source), 0, "", f"is no letter: {error}", "outbox")
                )
            else:
                self.known[letter.key] = letter

    def put(self, letter: Letter) -> None:
        """A letter's new state, on the disk when this returns."""
        raw = (json.dumps(asdict(letter), ensure_ascii=False, indent=1) + "\n").encode()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                atomic.replace(descriptor, f"{letter.key}.json", raw, mode=0o600)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise CrmError(f"cannot write to {self.folder}: {error.strerror}") from error
        self.known[letter.key] = letter

    def sweep(self) -> None:
        """Remove what killed writes left lying."""
        if self.folder.is_dir():
            for path in list(self.folder.iterdir()):
                if atomic.is_leftover(path.name):
                    path.unlink(missing_ok=True)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget letters."""
        for key in keys:
            with suppress(FileNotFoundError):
                (self.folder / f"{key}.json").unlink()
            self.known.pop(key, None)

    def covered(self) -> set[tuple[str, str, str]]:
        """What has a letter: message, member, target."""
        return {
            (message, letter.to, letter.target)
            for letter in self.known.values()
            for message in letter.messages
        }


def _letter(data: Mapping[str, Any]) -> Letter:
    values = {f.name: data[f.name] for f in fields(Letter) if f.name in data}
    lists = {name: tuple(map(str, values.get(name, ()))) for name in ("messages", "said")}
    return Letter(**{**values, **lists})
