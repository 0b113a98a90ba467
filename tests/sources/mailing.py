"""What the tests of mail share: letters, a mailbox on a real Dovecot, somebody who reads it again and again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources import email_live
from crmctl.sources.mail_imap import Imap
from crmctl.sources.network import Network
from crmctl.sources.source import Interest, Request
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import EmailSettings
from tests.servers.clock import FakeClock
from tests.servers.dovecot import PASSWORD, Mailbox, shared

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
SINCE = dt.datetime(2025, 11, 16, 8, tzinfo=dt.UTC)
INTEREST = Interest(
    domains={"acme.example": "acme", "borg.example": "borg"},
    emails={"bo.berg@freemail.example": "acme"},
    ours=frozenset({"ours.example"}),
    accounts=frozenset({"acme", "borg"}),
)


def mail(
    number: int,
    sender: str = "Bo Berg <bo@acme.example>",
    to: str = "ana@ours.example",
    *,
    subject: str = "Renewal",
    body: str = "We renew.",
    extra: str = "",
    id: str | None = None,
) -> bytes:
    named = f"<m{number}@acme.example>" if id is None else id
    ids = f"Message-ID: {named}\r\n" if named else ""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{ids}{extra}"
        f"Date: Tue, 03 Mar 2026 09:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC) + dt.timedelta(days=number)


@pytest.fixture
def box() -> Mailbox:
    """An empty mailbox."""
    return shared().mailbox()


class Reader:
    """Reads one mailbox again and again, each time from the mark of the time before."""

    def __init__(self, box: Mailbox, tmp_path: Path, **machine: str) -> None:
        self.box, self.file = box, tmp_path / "credentials.yaml"
        self.given = {
            "host": "127.0.0.1",
            "port": str(box.server.port),
            "security": "none",
            "user": box.user,
            "password": PASSWORD,
        } | machine
        self.mark: Mapping[str, Any] = {}
        self.settings = EmailSettings()
        self.clock = FakeClock()
        self.log: list[str] = []
        self.stored: dict[str, set[str]] = {}
        self.interest = INTEREST
        self.networks: list[Network] = []

    def close(self) -> None:
        for network in self.networks:
            network.close()

    def machine(self) -> Machine:
        given = {
            f"CRMCTL_EMAIL_{name.upper()}": value for name, value in self.given.items() if value
        }
        return Machine(given, self.file)

    def source(self, budget: float = 3600.0) -> Imap:
        network = Network(clock=self.clock, budget=budget, log=self.log.append)
        self.networks.append(network)
        made = email_live.connect(self.machine(), self.settings, network)
        assert isinstance(made, Imap)
        return made

    def request(self, **changes: Any) -> Request:
        defaults: dict[str, Any] = {
            "mark": self.mark,
            "since": SINCE,
            "now": NOW,
            "interest": lambda: self.interest,
            "stored": lambda account, _beginning: self.stored.get(account, set()),
        }
        return Request(**(defaults | changes))

    def read(self, **changes: Any) -> Batch:
        batch = Batch("email")
        for chunk in self.source().read(self.request(**changes)):
            batch.add(chunk.batch)
            if chunk.mark is not None:
                self.mark = chunk.mark
        return batch


@pytest.fixture
def reader(box: Mailbox, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(box, tmp_path)
    yield made
    made.close()


def events(batch: Batch) -> list[Incoming]:
    return [record for record in batch.records if record.kind == "event"]


def known(batch: Batch) -> list[str]:
    return [event.id for event in events(batch) if "subject" in event.fields]
