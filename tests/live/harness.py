"""What the contract tests need to know of a system: its double, its data, and how to make something happen there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from tests.servers.base import Server

ACCOUNTS = {
    "hollis-vane-freight": ("Hollis & Vane Freight", "hollisvane.example"),
    "nordlicht-mobel": ("Nordlicht Möbel", "nordlicht.example"),
    "acme-tiles": ("Acme Tiles", "acmetiles.example"),
}
"""Folder, name and domain of the accounts that each test starts with."""
HOSTILE = "\x1b]52;c;aGk=\x07 [/] {{ 7*7 }} <script>x</script> =cmd|' /C' \u202e # a: &b *c \ud83d\ude00 ---"


class Harness:
    """One system behind its double. Every answer of the double carries the faults that `server` is told of.

    Override all of it; where a system has no such thing, `can` says so and the contract test skips it.
    """

    system: ClassVar[str]
    can: ClassVar[frozenset[str]] = frozenset({"change", "delete", "expire", "loop", "empty"})

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_error: object) -> None:
        raise NotImplementedError

    @property
    def server(self) -> Server:
        """The double; its ``faults``, ``share`` and ``calls`` are what the tests play with."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The CRMCTL_ variables that lead to the double."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The part ``sources: <system>:`` of crmctl.yaml, {} for what it is by default."""
        return {}

    def prepare(self, workspace: Path) -> None:
        """Further files of the workspace, before the first sync."""

    def fill(self, count: int) -> None:
        """Put ``count`` records into the system, spread over `ACCOUNTS`, the same ones each time."""
        raise NotImplementedError

    def expected(self) -> int:
        """How many records of the system must be in the workspace now, by the double's own ledger."""
        raise NotImplementedError

    def found(self, workspace: Path) -> int:
        """How many of them are there: contacts, deals, interactions, tasks with this system's id, lines of traffic."""
        raise NotImplementedError

    def add_one(self) -> None:
        """A new record appears in the system."""
        raise NotImplementedError

    def change_one(self) -> str:
        """One field of one record changes; a text that the changed line holds afterwards."""
        raise NotImplementedError

    def delete_one(self) -> None:
        """A record is deleted in the system, in the way the system tells of it."""
        raise NotImplementedError

    def expire(self) -> None:
        """The access token is worth nothing from now on; a renewed one is."""
        raise NotImplementedError

    def loop(self) -> None:
        """From now on every page names itself as the next one."""
        raise NotImplementedError

    def go_empty(self) -> None:
        """From now on the system answers as if it held nothing, as when a right was taken away."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A new record that has ``text`` in each of its text fields."""
        raise NotImplementedError

    def move_between_pages(self) -> None:
        """Arrange that the next read meets a record that changes after its page was given."""
        raise NotImplementedError
