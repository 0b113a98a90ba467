"""Reading recorded conversations in tests: a machine, a network that waits in no time, and requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources.network import Network
from crmctl.sources.source import Interest, Mark, Request, Source
from crmctl.workspace.machine import Machine
from tests.servers.clock import FakeClock

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
INTEREST = Interest(
    {"hollisvane.example": "hollis-vane", "nordlicht.example": "nordlicht"},
    {"kim@gmail.com": "acme-tiles"},
    frozenset({"ours.example"}),
    frozenset({"hollis-vane", "nordlicht", "acme-tiles"}),
)


def ago(days: float, hours: float = 0) -> dt.datetime:
    """A time before `NOW`."""
    return NOW - dt.timedelta(days=days, hours=hours)


def request(mark: Mark | None = None, **more: Any) -> Request:
    """A read of the last sixty days, or what is new since a mark."""
    given: dict[str, Any] = {"since": ago(60), "now": NOW, "interest": lambda: INTEREST, **more}
    return Request(dict(mark or {}), **given)


def machine(folder: Path, system: str, settings: Mapping[str, str]) -> Machine:
    """This machine with settings of one system."""
    names = {f"CRMCTL_{system}_{name}".upper(): value for name, value in settings.items()}
    return Machine(names, folder / "credentials.yaml")


@contextmanager
def network(clock: FakeClock | None = None) -> Iterator[Network]:
    """The network of one run. ``log`` lines stand in ``told`` of the clock's place."""
    found = Network(clock=clock or FakeClock())
    try:
        yield found
    finally:
        found.close()


def read(source: Source, mark: Mark | None = None, **more: Any) -> tuple[Batch, dict[str, Any]]:
    """All of a read in one, and the last mark it gave; ``mark`` again if it gave none."""
    batch, last = Batch(source.system), dict(mark or {})
    for chunk in source.read(request(mark, **more)):
        batch.add(chunk.batch)
        batch.partial |= chunk.batch.partial
        last = last if chunk.mark is None else dict(chunk.mark)
    return batch, last


def of_kind(batch: Batch, kind: str) -> dict[str, Incoming]:
    """The records of a kind by id, the last of each."""
    return {record.id: record for record in batch.records if record.kind == kind}
