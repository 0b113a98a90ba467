"""Reading the double of Slack as the engine does: mark and records go from one read into the next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Incoming
from crmctl.sources.network import Network
from crmctl.sources.slack_live import Slack as Source
from crmctl.sources.slack_live import connect
from crmctl.sources.source import Interest, Mark, Request
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SlackSettings
from tests.servers.clock import FakeClock
from tests.servers.slack import TOKEN, Slack

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
INTEREST = Interest(
    {
        "hollisvane.example": "hollis-vane-freight",
        "nordlicht.example": "nordlicht",
        "acmetiles.example": "acme-tiles",
    },
    {"kim@gmail.com": "nordlicht"},
    frozenset({"northwind-cs.example"}),
    frozenset({"hollis-vane-freight", "nordlicht", "acme-tiles"}),
)
ANA, INES, BO, MAYA = "U07ANA0001", "U09INES001", "U09BO00001", "U09MAYA001"
HOLLIS, NORDLICHT, ACME = "C07HOLLIS1", "C07NORDL01", "C07ACME001"


@dataclass
class Reads:
    """One workspace in Slack and what was read of it. ``held`` are the records by account and id."""

    slack: Slack
    settings: SlackSettings = field(
        default_factory=lambda: SlackSettings(channels={NORDLICHT: "nordlicht"})
    )
    now: dt.datetime = NOW
    mark: Mark = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    interest: Interest = INTEREST
    held: dict[str, dict[str, Incoming]] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    budget: float = 3600.0
    log: list[str] = field(default_factory=list)
    pool: Network = field(default_factory=Network)
    source: Source | None = None
    error: CrmError | None = None

    def connected(self) -> Source:
        # One pool of connections serves all reads: what it costs to open one says nothing about Slack.
        network = Network(self.clock, self.budget, self.log.append, _client=self.pool.client)
        environment = {"CRMCTL_SLACK_TOKEN": TOKEN, "CRMCTL_SLACK_URL": self.slack.url}
        machine = Machine(environment, Path("/nowhere/credentials.yaml"))
        self.source = connect(machine, self.settings, network)
        return self.source

    def request(self, *, full: bool = False) -> Request:
        return Request(
            {} if full else self.mark,
            self.now - dt.timedelta(days=365),
            self.now,
            lambda: self.interest,
            self.claims,
            self._stored,
            full,
        )

    def read(self, *, full: bool = False) -> Batch:
        """One read; an error is kept in ``error``, with all that came before it."""
        source = self.connected()
        batch, self.error = Batch("slack"), None
        try:
            for chunk in source.read(self.request(full=full)):
                batch.add(chunk.batch)
                batch.partial |= chunk.batch.partial
                if chunk.mark is not None:
                    self.mark = chunk.mark
        except CrmError as error:
            self.error = error
        self.take(batch)
        return batch

    def take(self, batch: Batch) -> None:
        for record in batch.records:
            if record.kind == "event":
                account = self.held.setdefault(record.account.slug, {})
                if not record.deleted or record.id in account:
                    account[record.id] = record

    def texts(self, account: str) -> list[str]:
        """What is held of an account and not deleted, in the order of the ids."""
        records = self.held.get(account, {})
        return [
            str(records[id].fields["text"]) for id in sorted(records) if not records[id].deleted
        ]

    def deleted(self) -> set[str]:
        return {id for records in self.held.values() for id, one in records.items() if one.deleted}

    def _stored(self, account: str, beginning: str) -> Collection[str]:
        records = self.held.get(account, {})
        return {id for id, one in records.items() if id.startswith(beginning) and not one.deleted}


@contextmanager
def sampled(**settings: Any) -> Iterator[Reads]:
    """The sample workspace behind its double."""
    with Slack.sample() as slack:
        reads = Reads(slack, SlackSettings(**({"channels": {NORDLICHT: "nordlicht"}} | settings)))
        try:
            yield reads
        finally:
            reads.pool.close()


def events(batch: Batch) -> list[Incoming]:
    return [record for record in batch.records if record.kind == "event"]


def talk(reads: Reads, count: int) -> None:
    """So many messages in one channel, with a thread and an edit now and then."""
    for number in range(count):
        ts = reads.slack.post(ACME, MAYA, f"word {number}")
        if number % 9 == 4:
            reads.slack.post(ACME, ANA, f"re {number}", thread=ts)
            reads.slack.edit(ACME, ts, f"better word {number}")
