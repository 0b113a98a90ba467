"""A mailbox for the contract tests, whichever web interface it is behind."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.gmail import Gmail
from tests.servers.graph import Graph
from tests.servers.letters import ANA, START, Letter, customers, others

_LATER = START + dt.timedelta(days=65)


Double = TypeVar("Double", Gmail, Graph)


class Webmail(Harness, Generic[Double]):
    """Mail does not change once it was sent, and what is deleted in the mailbox was exchanged all the same."""

    system: ClassVar[str] = "email"
    can: ClassVar[frozenset[str]] = frozenset({"expire", "loop", "empty"})

    def __init__(self, double: Double) -> None:
        self.double: Double = double
        self._exchanged = 0

    def __enter__(self) -> Self:
        self.double.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.double.__exit__(None, None, None)

    @property
    def server(self) -> Double:
        return self.double

    def add(self, letter: Letter) -> None:
        """Put a letter into the mailbox."""
        self.double.add(letter)

    def expire(self) -> None:
        self.double.expire()

    def loop(self) -> None:
        self.double.looping = True

    def go_empty(self) -> None:
        self.double.empty = True

    def fill(self, count: int) -> None:
        for letter in customers(count):
            self.add(letter)
        for letter in others():
            self.add(letter)
        self._exchanged += count

    def expected(self) -> int:
        return self._exchanged

    def found(self, workspace: Path) -> int:
        lines = [
            str(json.loads(line)["id"])
            for file in workspace.glob("accounts/*/interactions/*.jsonl")
            for line in file.read_text("utf-8").splitlines()
        ]
        return sum(id.startswith("email:") for id in lines)

    def add_one(self) -> None:
        self._say("Kim of Acme", "One more thing", "It is about tiles.")

    def say(self, text: str) -> None:
        self._say(text, text, text, (("X-Mailer", "x"), ("Content-Language", "en")))

    def _say(
        self, name: str, subject: str, text: str, more: tuple[tuple[str, str], ...] = ()
    ) -> None:
        number = self._exchanged = self._exchanged + 1
        _, domain = list(ACCOUNTS.values())[2]
        self.add(
            Letter(
                f"late.{number}@{domain}",
                (name, f"kim@{domain}"),
                (ANA,),
                subject,
                text,
                _LATER + dt.timedelta(minutes=number),
                more=more,
            )
        )
