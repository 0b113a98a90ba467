"""Gong for the contract tests: calls with guests of three customers, and some that are nobody's business."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Call
from tests.servers.gong import CLIENT, CLIENT_SECRET, KEY, SECRET, Gong

_NEWEST = dt.datetime(2026, 11, 15, 16, tzinfo=dt.UTC)
_SPREAD = dt.timedelta(days=200)  # the calls of a full system
_GUESTS = ("Ines Okafor", "Jonas Falk", "Lena Ortiz", "Kim Berg")


class GongHarness(Harness):
    """With an access key, which does not run out. Gong tells of no deletion."""

    system: ClassVar[str] = "gong"
    can: ClassVar[frozenset[str]] = frozenset({"change", "loop", "empty"})
    oauth: ClassVar[bool] = False

    def __init__(self) -> None:
        self.gong = Gong(oauth=self.oauth)
        self._users: list[str] = []
        self._customers: set[str] = set()
        self._people: set[str] = set()
        self._tasks = self._later = 0

    def __enter__(self) -> Self:
        self.gong.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.gong.__exit__(None, None, None)

    @property
    def server(self) -> Gong:
        return self.gong

    def environment(self) -> dict[str, str]:
        found = {"CRMCTL_GONG_URL": self.gong.url}
        return found | {"CRMCTL_GONG_ACCESS_KEY": KEY, "CRMCTL_GONG_ACCESS_KEY_SECRET": SECRET}

    def fill(self, count: int) -> None:
        self._users = [
            self.gong.add_user("Ana Reyes", "ana@ours.example"),
            self.gong.add_user("Tom Adeyemi", "tom@ours.example"),
        ]
        for number in range(count):
            self._add(number, _NEWEST - _SPREAD * number / max(count, 1))
        self.gong.add_call(
            _NEWEST,
            self._users[0],
            [("A Stranger", "someone@unknown.example")],
            title="Not a customer",
        )
        self.gong.add_call(_NEWEST, self._users[0], title="Among ourselves")

    def expected(self) -> int:
        return len(self._customers & self.gong.talks.keys()) + len(self._people) + self._tasks

    def found(self, workspace: Path) -> int:
        files = [
            file
            for folder in ("contacts", "interactions", "tasks")
            for file in workspace.glob(f"accounts/*/{folder}/*.md")
        ]
        return sum(f"\n  {self.system}:\n" in file.read_text("utf-8") for file in files)

    def add_one(self) -> None:
        self._later += 1
        self._add(9000 + self._later, _NEWEST + dt.timedelta(minutes=self._later))

    def change_one(self) -> str:
        self._later += 1
        title = f"A better title, number {self._later}"
        self.gong.change(self._newest(), title=title)
        return title

    def expire(self) -> None:
        self.gong.token = ""

    def loop(self) -> None:
        self.gong.looping = True

    def go_empty(self) -> None:
        self.gong.empty = True

    def say(self, text: str) -> None:
        self._later += 1
        address = f"h{self._later}@hollisvane.example"
        self._people.add(address)
        self._tasks += 1
        content = {
            "brief": text,
            "keyPoints": [{"text": text}],
            "highlights": [
                {"title": text, "items": [{"text": text}]},
                {"title": "Next steps", "items": [{"text": text}]},
            ],
            "topics": [{"name": text, "duration": 60}],
            "trackers": [{"name": text, "count": 1, "phrases": [{"phrase": text, "count": 1}]}],
            "callOutcome": {"id": text, "category": text, "name": text},
        }
        id = self.gong.add_call(
            _NEWEST + dt.timedelta(minutes=self._later),
            self._users[0],
            [(text, address)],
            title=text,
            said=[(0, text), (1, text), (9, text)],
            content=content,
            url=text,
            system=text,
            direction="Conference",
        )
        for party in self.gong.talks[id]["parties"]:
            party |= {"name": text, "title": text}
        self._customers.add(id)

    def move_between_pages(self) -> None:
        """Pages are small, and the newest call, which stands on the first, is changed when the second is asked for."""
        self.gong.page = 3
        asked = 0

        def before(call: Call) -> None:
            nonlocal asked
            if call.path.endswith("/extensive") and b'"cursor"' in call.body:
                asked += 1
                if asked == 1:
                    self.change_one()

        self.gong.before = before

    def _newest(self) -> str:
        known = self._customers
        return next(id for id in self.gong.started(None, None) if id in known)

    def _add(self, number: int, started: dt.datetime) -> None:
        domain = list(ACCOUNTS.values())[number % 3][1]
        name = _GUESTS[number % 4]
        address = f"{name.split()[0].lower()}@{domain}"
        content: dict[str, Any] = {"brief": f"Talk {number} & what came of it."}
        if number % 4 == 0:
            step = {"text": f"Ana sends paper {number}"}
            content["highlights"] = [{"title": "Next steps", "items": [step]}]
            self._tasks += 1
        id = self.gong.add_call(
            started,
            self._users[number % 2],
            [(name, address)],
            title=f"Talk {number}",
            minutes=5 + number % 50,
            direction=("Conference", "Inbound", "Outbound")[number % 3],
            said=[(0, f"How is number {number}?"), (1, "It works <b>well</b>.")],
            content=content,
        )
        self._customers.add(id)
        self._people.add(address)


class GongOAuthHarness(GongHarness):
    """With a customer's consent: the access token runs out, the refresh token is good for one use."""

    can: ClassVar[frozenset[str]] = GongHarness.can | {"expire"}
    oauth: ClassVar[bool] = True

    def environment(self) -> dict[str, str]:
        return {
            "CRMCTL_GONG_URL": self.gong.url,
            "CRMCTL_GONG_LOGIN_URL": self.gong.url,
            "CRMCTL_GONG_CLIENT_ID": CLIENT,
            "CRMCTL_GONG_CLIENT_SECRET": CLIENT_SECRET,
            "CRMCTL_GONG_REFRESH_TOKEN": "fixture-refresh-0",
        }


HARNESS = GongHarness
