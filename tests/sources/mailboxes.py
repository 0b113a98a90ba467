"""What the tests of mailboxes behind a web interface share: a machine's settings, customers, a read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources import email_live
from crmctl.sources.network import Network
from crmctl.sources.source import Interest, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import EmailSettings
from tests.live.harness import ACCOUNTS
from tests.servers.clock import FakeClock
from tests.servers.letters import ANA, START, Letter, Person

KIM: Person = ("Kim Vane", "kim@hollisvane.example")
NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
INTEREST = Interest(
    {domain: account for account, (_, domain) in ACCOUNTS.items()},
    {},
    frozenset({"ours.example"}),
    frozenset(ACCOUNTS),
)


def machine_of(environment: Mapping[str, str], folder: Path) -> Machine:
    return Machine(environment, folder / "credentials.yaml")


def source_of(
    environment: Mapping[str, str],
    folder: Path,
    network: Network | None = None,
    **settings: Any,
) -> Source:
    """The mailbox, on a clock that waits in no time; close its ``door.network``."""
    network = network or Network(FakeClock())
    return email_live.connect(machine_of(environment, folder), EmailSettings(**settings), network)


def request(mark: Mapping[str, Any] | None = None, **more: Any) -> Request:
    since = more.pop("since", NOW - dt.timedelta(days=100))
    return Request(mark or {}, since, NOW, lambda: INTEREST, **more)


def read(source: Source, asked: Request | None = None) -> tuple[Batch, Mapping[str, Any]]:
    """All that a read gives, and the mark behind it."""
    batch = Batch("email")
    mark: Mapping[str, Any] = {}
    for chunk in source.read(asked or request()):
        batch.add(chunk.batch)
        batch.partial |= chunk.batch.partial
        mark = mark if chunk.mark is None else chunk.mark
    return batch, mark


def events(batch: Batch) -> dict[str, Incoming]:
    return {record.id: record for record in batch.records if record.kind == "event"}


def letter(id: str, sender: Person = KIM, to: Person = ANA, **more: Any) -> Letter:
    """A letter of a customer, unless it is said otherwise."""
    days = more.pop("days", 3)
    said = {"subject": "Order", "text": "Word.", "at": START + dt.timedelta(days=days), **more}
    return Letter(id, sender, (to,), **said)
