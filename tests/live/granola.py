"""Granola for the contract tests: notes of meetings with three customers, and some that are nobody's business."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.granola import TOKEN, Granola

_NEWEST = dt.datetime(2026, 11, 15, 16, tzinfo=dt.UTC)
_SPREAD = dt.timedelta(days=200)  # the notes of a full system
_GUESTS = ("Ines Okafor", "Jonas Falk", "Lena Ortiz", "Kim Berg")
_OURS = ("Ana Reyes", "ana@ours.example")


class GranolaHarness(Harness):
    """A key does not run out, and nothing tells of a deletion."""

    system: ClassVar[str] = "granola"
    can: ClassVar[frozenset[str]] = frozenset({"change", "loop", "empty"})

    def __init__(self) -> None:
        self.granola = Granola()
        self._folder = self.granola.add_folder("Tiles")
        self._customers: dict[str, int] = {}  # the tasks of each note
        self._people: set[str] = set()
        self._later = 0

    def __enter__(self) -> Self:
        self.granola.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.granola.__exit__(None, None, None)

    @property
    def server(self) -> Granola:
        return self.granola

    def environment(self) -> dict[str, str]:
        return {"CRMCTL_GRANOLA_TOKEN": TOKEN, "CRMCTL_GRANOLA_URL": f"{self.granola.url}/v1"}

    def settings(self) -> dict[str, Any]:
        return {"transcripts": True, "folders": {self._folder: "acme-tiles"}}

    def fill(self, count: int) -> None:
        for number in range(count):
            self._add(number, _NEWEST - _SPREAD * number / max(count, 1))
        self.granola.add_note(_NEWEST, _OURS, [("A Stranger", "someone@unknown.example")])
        self.granola.add_note(
            _NEWEST, _OURS, [("Tom Adeyemi", "tom@ours.example")], title="Among ourselves"
        )
        id = self.granola.add_note(
            _NEWEST, _OURS, title=None, invited=False, folders=[self._folder]
        )
        self._customers[id] = 0

    def expected(self) -> int:
        return len(self._customers) + sum(self._customers.values()) + len(self._people)

    def found(self, workspace: Path) -> int:
        files = [
            file
            for folder in ("contacts", "interactions", "tasks")
            for file in workspace.glob(f"accounts/*/{folder}/*.md")
        ]
        return sum(f"\n  {self.system}:\n" in file.read_text("utf-8") for file in files)

    def add_one(self) -> None:
        self._later += 1
        self._add(9000 + self._later, self._now())

    def change_one(self) -> str:
        self._later += 1
        title = f"A better title, number {self._later}"
        self.granola.change(next(iter(self._customers)), self._now(), title=title)
        return title

    def loop(self) -> None:
        self.granola.looping = True

    def go_empty(self) -> None:
        self.granola.empty = True

    def say(self, text: str) -> None:
        self._later += 1
        address = f"h{self._later}@hollisvane.example"
        id = self.granola.add_note(
            self._now() - dt.timedelta(hours=1),
            (text, "ana@ours.example"),
            [(text, address)],
            title=text,
            summary=f"{text}\n# {text}\n- {text}\n### Next steps\n- {text}",
            said=[("me", text), (text, text)],
            updated=self._now(),
            web_url=text,
            folder_membership=[{"id": text, "object": "folder", "name": text}],
        )
        self._people.add(address)
        self._customers[id] = 1

    def move_between_pages(self) -> None:
        """Pages are small, and a note that was given is changed while another is read."""
        self.granola.most = 4
        touched = 0

        def before(_id: str) -> None:
            nonlocal touched
            touched += 1
            if touched == 5:
                self.change_one()

        self.granola.touched = before

    def _now(self) -> dt.datetime:
        return _NEWEST + dt.timedelta(hours=2, minutes=self._later)

    def _add(self, number: int, at: dt.datetime) -> None:
        domain = list(ACCOUNTS.values())[number % 3][1]
        name = _GUESTS[number % 4]
        address = f"{name.split()[0].lower()}@{domain}"
        steps = f"\n\n### Next steps\n\n- Ana sends paper {number}" if number % 4 == 0 else ""
        id = self.granola.add_note(
            at.replace(microsecond=0),
            _OURS,
            [(name if number % 5 else None, address)],
            title=f"Talk {number}",
            summary=f"### What came of it\n\n- Number {number} & **more**{steps}",
            said=[("me", f"How is number {number}?"), (name, "It works <b>well</b>.")],
        )
        self._people.add(address)
        self._customers[id] = 1 if steps else 0


HARNESS = GranolaHarness
