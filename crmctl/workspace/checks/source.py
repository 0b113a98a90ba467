"""What the checks look at: the records of one account with the bytes they were read from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crmctl.model.errors import DamagedFile, Problem
from crmctl.model.record import PERSON, Event, Ranking, Record
from crmctl.workspace import files
from crmctl.workspace.config import Config
from crmctl.workspace.document import parse_nodes
from crmctl.workspace.records import SOURCES

KeyPath = tuple[str | int, ...]
# A check of one file that a higher room knows: (root, config, path, bytes) to problems.
FileCheck = Callable[[Path, Config, str, bytes], list[Problem]]


@dataclass(frozen=True, slots=True)
class Context:
    """What every check needs.

    ``others`` are checks by path, such as ``weights.yaml`` or ``accounts/*/episodes.jsonl``.
    """

    root: Path
    config: Config
    ranking: Ranking
    now: dt.datetime
    others: Mapping[str, FileCheck]

    @property
    def today(self) -> dt.date:
        return self.now.date()


@dataclass(frozen=True, slots=True)
class Source:
    """One record and its file."""

    record: Record
    raw: bytes

    @property
    def path(self) -> str:
        return self.record.path

    def place(self, name: str) -> KeyPath:
        """Where the file states the value that holds for a field."""
        stated_by = self.record.stated(name)[1]
        return (name,) if stated_by in (PERSON, None) else (SOURCES, str(stated_by), name)

    def problem(
        self,
        name: str,
        message: str,
        code: str,
        *,
        severity: str = "error",
        key: KeyPath | None = None,
    ) -> Problem:
        """A problem of one field, with the line that states it. ``key`` is its place if `place` does not tell."""
        where = key or (self.place(name) if name else ())
        line = line_in(self.raw, self.path, where) if where else 0
        return Problem(self.path, line, ".".join(map(str, where)) or name, message, code, severity)


@dataclass(slots=True)
class Folder:
    """One account's folder: its records by kind and id, and its synced traffic."""

    slug: str
    profile: Source | None = None
    contacts: dict[str, Source] = field(default_factory=dict)
    deals: dict[str, Source] = field(default_factory=dict)
    interactions: dict[str, Source] = field(default_factory=dict)
    tasks: dict[str, Source] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def add(self, source: Source) -> None:
        record = source.record
        match record.kind:
            case "account":
                self.profile = source
            case "contact":
                self.contacts[record.id] = source
            case "deal":
                self.deals[record.id] = source
            case "interaction":
                self.interactions[record.id] = source
            case _:
                self.tasks[record.id] = source

    def sources(self) -> Iterator[Source]:
        """Every record of the account, the profile first."""
        if self.profile is not None:
            yield self.profile
        for kind in (self.contacts, self.deals, self.interactions, self.tasks):
            yield from kind.values()


def line_in(raw: bytes, path: str, key: KeyPath) -> int:
    """The line of a file that holds a key; 0 where there is none."""
    try:
        return parse_nodes(raw, path).line_of(key)
    except DamagedFile:
        return 0


def line_on_disk(root: Path, path: str, key: KeyPath) -> int:
    """As `line_in`, for a file that has been read and let go."""
    raw = files.read(root, path)
    return 0 if raw is None else line_in(raw, path, key)
