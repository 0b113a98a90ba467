"""E-mail for the contract tests: a real Dovecot, letters with three customers, and much that is nobody's business.

A mail never changes, a mailbox tells of no deletion, and faults of HTTP do not apply: what happens when a connection
breaks off in the middle is tested in tests/sources/test_imap.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Server
from tests.servers.dovecot import PASSWORD, Mailbox, shared

_NEWEST = dt.datetime(2026, 11, 15, 16, tzinfo=dt.UTC)
_SPREAD = dt.timedelta(days=200)
Letter = tuple[bytes, dt.datetime | None]
_NAMES = ("Ines Okafor", "Jonas Falk", "Lena Ortiz", "Kim Berg")
_SUBJECTS = (
    "Seats for the new team",
    "Renewal in spring",
    "Export to the warehouse",
    "Training in May",
)


class EmailHarness(Harness):
    """One mailbox of its own on a Dovecot that serves all tests of a session."""

    system: ClassVar[str] = "email"
    can: ClassVar[frozenset[str]] = frozenset({"empty"})

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._people: set[str] = set()
        self._later = 0

    def __enter__(self) -> Self:
        self.box: Mailbox = shared().mailbox()
        return self

    def __exit__(self, *_error: object) -> None: ...

    @property
    def server(self) -> Server:
        return self.box.server.tokens

    def environment(self) -> dict[str, str]:
        server = self.box.server
        return {
            "CRMCTL_EMAIL_HOST": "127.0.0.1",
            "CRMCTL_EMAIL_PORT": str(server.tls_port),
            "CRMCTL_EMAIL_CA_FILE": server.ca_file,
            "CRMCTL_EMAIL_USER": self.box.user,
            "CRMCTL_EMAIL_PASSWORD": PASSWORD,
        }

    def settings(self) -> dict[str, Any]:
        return {"contacts": True}

    def fill(self, count: int) -> None:
        inbox: list[Letter] = []
        sent: list[Letter] = []
        for number in range(count):
            at = _NEWEST - _SPREAD * number / max(count, 1)
            (sent if number % 3 == 1 else inbox).append((self._letter(number), at))
        inbox += [(raw, _NEWEST) for raw in _nobodys_business()]
        self.box.add_all(inbox)
        self.box.add_all(sent, "Sent")

    def expected(self) -> int:
        return len(self._known) + len(self._people)

    def found(self, workspace: Path) -> int:
        lines = (
            line
            for file in workspace.glob("accounts/*/interactions/*.jsonl")
            for line in file.read_text("utf-8").splitlines()
        )
        contacts = workspace.glob("accounts/*/contacts/*.md")
        return sum('"email:' in line for line in lines) + sum(
            "\n  email:\n" in file.read_text("utf-8") for file in contacts
        )

    def add_one(self) -> None:
        self._later += 1
        at = _NEWEST + dt.timedelta(minutes=self._later)
        self.box.add(self._letter(9000 + self._later), at=at)

    def go_empty(self) -> None:
        self.box.clear()

    def say(self, text: str) -> None:
        self._later += 1
        id = f"hostile{self._later}@hollisvane.example"
        said = text.encode("utf-8", "surrogatepass")
        raw = (
            b"From: %b <h%d@hollisvane.example>\r\nTo: %b <ana@ours.example>\r\nSubject: %b\r\n"
            % (
                said.replace(b"<", b"(").replace(b">", b")"),
                self._later,
                said,
                said,
            )
        )
        raw += b"Message-ID: <%b>\r\nReferences: <%b> %b\r\n" % (id.encode(), said.split()[1], said)
        raw += (
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n%b\r\n'
            % said
        )
        raw += b'--b\r\nContent-Disposition: attachment; filename="%b"\r\n\r\n%b\r\n--b--\r\n' % (
            said,
            said,
        )
        self._known.add(id)
        self._people.add(f"h{self._later}@hollisvane.example")
        self.box.add(raw, at=_NEWEST + dt.timedelta(minutes=self._later))

    def _letter(self, number: int) -> bytes:
        account, (_, domain) = list(ACCOUNTS.items())[number % len(ACCOUNTS)]
        name = _NAMES[number % len(_NAMES)]
        first, last = name.lower().split()
        address = f"{first}.{last}@{domain}"
        id = f"m{number}@{domain}"
        self._known.add(id)
        self._people.add(f"{first}.{last}@{domain}")
        sender, to = f"{name} <{address}>", f"Ana <{self.box.user}>"
        if number % 3 == 1:
            sender, to = to, sender
        before = f"References: <m{number - 3}@{domain}>\r\n" if number % 6 > 2 else ""
        subject = f"{_SUBJECTS[number % len(_SUBJECTS)]}, {number}"
        return (
            f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n{before}"
            f"Date: Tue, 03 Mar 2026 09:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            f"Dear colleague,\r\n\r\nthis is letter {number} about {account}.\r\n\r\nBest regards,\r\n{name}\r\n"
        ).encode()


def _nobodys_business() -> Iterator[bytes]:
    """What a mailbox also holds: strangers, newsletters, robots, talk among ourselves."""
    letters = (
        ("someone@unknown.example", "ana@ours.example", ""),
        ("a.friend@gmail.com", "ana@ours.example", ""),
        ("tom@ours.example", "ana@ours.example", ""),
        ("news@hollisvane.example", "ana@ours.example", "List-Id: <news.hollisvane.example>\r\n"),
        ("noreply@nordlicht.example", "ana@ours.example", ""),
        ("lena@acmetiles.example", "ana@ours.example", "Auto-Submitted: auto-replied\r\n"),
    )
    for number, (sender, to, more) in enumerate(letters):
        yield (
            f"From: {sender}\r\nTo: {to}\r\nSubject: Private\r\nMessage-ID: <n{number}@x.example>\r\n{more}"
            "\r\nPrivate\r\n"
        ).encode()


HARNESS = EmailHarness
