"""What belongs to no account: nothing of it is stored but its system, kind, id and date, to be read again later."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from crmctl.model.incoming import Incoming
from crmctl.workspace import atomic

FILE = "unmatched.json"


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """One record without an account. ``date`` is ISO or "". ``origin`` is for this run's report and never kept."""

    system: str
    kind: str
    id: str
    date: str = ""
    origin: str = field(default="", compare=False)

    @classmethod
    def of(cls, record: Incoming) -> Waiting:
        day = record.at.date() if isinstance(record.at, dt.datetime) else record.at
        return cls(
            record.system, record.kind, record.id, day.isoformat() if day else "", record.origin
        )


def load(state_dir: Path) -> list[Waiting]:
    """All that wait, sorted; none if the list is missing or cannot be read: the next full read makes it anew."""
    try:
        rows = json.loads((state_dir / FILE).read_bytes())
        return sorted(Waiting(row["system"], row["kind"], row["id"], row["date"]) for row in rows)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def update(
    state_dir: Path, waiting: Iterable[Waiting], placed: Collection[tuple[str, str, str]]
) -> None:
    """Add ``waiting``, take out the (system, kind, id) that found a place; no write when nothing changes."""
    before = load(state_dir)
    kept = {(w.system, w.kind, w.id): w for w in (*before, *waiting)}
    after = [kept[key] for key in sorted(kept) if key not in placed]
    if after == before:
        return
    rows = [{name: value for name, value in asdict(w).items() if name != "origin"} for w in after]
    descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        atomic.replace(descriptor, FILE, (json.dumps(rows, indent=1) + "\n").encode(), mode=0o600)
    finally:
        os.close(descriptor)
