"""What is remembered of the nights on this machine, beside the repository: never committed, and light to read."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError
from crmctl.workspace import atomic, gitdir

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

DONE, PARTLY, FAILED, BUSY, SKIPPED = "done", "partly", "failed", "busy", "skipped"


@dataclass(slots=True)
class Result:
    """How a step went. ``seconds`` it took; ``day`` is what it was done for, as ISO text."""

    step: str
    state: str
    day: str
    seconds: float
    text: str
    counts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    commit: str = ""


@dataclass(slots=True)
class Night:
    """One local day's calls together: of a step that was done twice the later result.

    ``finished`` is empty while it runs, and stays so when it was killed.
    """

    day: str
    started: str
    finished: str = ""
    results: dict[str, Result] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "started": self.started,
            "finished": self.finished or None,
            "steps": [asdict(result) for result in self.results.values()],
        }


class Memory:
    """What is remembered of this working tree in ``.git/crmctl/night/``: by step the day it was done for,
    and the last night.

    A file that cannot be read is as if it were not there: nothing is done twice for that but what may be.
    """

    def __init__(self, ws: Workspace) -> None:
        self.folder = ws.state_dir / "night"
        self._place = gitdir.locate(ws.root).worktree
        self._all = self._read()
        here = self._all.get(self._place)
        kept: Mapping[str, Any] = here if isinstance(here, dict) else {}
        self.marks = _marks(kept.get("marks"))
        self.last = _night(kept.get("last"))

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "memory.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def save(self) -> None:
        """Durably; the caller holds the night's lock."""
        marks = {name: day.isoformat() for name, day in sorted(self.marks.items())}
        last = self.last.as_json() if self.last else None
        self._all[self._place] = {"marks": marks, "last": last}
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            data = json.dumps(self._all, ensure_ascii=False, indent=1).encode()
            atomic.replace(descriptor, "memory.json", data + b"\n", mode=0o600)
        except OSError as error:
            raise CrmError(f"cannot write to {self.folder}: {error.strerror}") from error
        finally:
            os.close(descriptor)


def _marks(kept: object) -> dict[str, dt.date]:
    marks = {}
    for name, day in kept.items() if isinstance(kept, dict) else ():
        try:
            marks[str(name)] = dt.date.fromisoformat(day)
        except (TypeError, ValueError):
            continue
    return marks


def _night(kept: object) -> Night | None:
    try:
        if not isinstance(kept, dict):
            return None
        results = [Result(**row) for row in kept["steps"]]
        return Night(
            str(kept["day"]), str(kept["started"]), str(kept["finished"] or ""),
            {result.step: result for result in results},
        )  # fmt: skip
    except (KeyError, TypeError):
        return None
