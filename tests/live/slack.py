"""Slack for the contract tests: three channels, each of which finds its account in another way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Call
from tests.servers.slack import TOKEN, Slack

_CHANNELS = dict(zip(ACCOUNTS, ("C07HOLLIS1", "C07NORDL01", "C07ACME001"), strict=True))
_NAMES = ("ext-hollis-vane-freight", "launch-moebel", "tiles-and-us")
_OURS = ("U07ANA0001", "U07TOM0001")


class SlackHarness(Harness):
    """An app's token is never renewed by itself, so nothing here runs out."""

    system: ClassVar[str] = "slack"
    can: ClassVar[frozenset[str]] = frozenset({"change", "delete", "loop", "empty"})

    def __init__(self) -> None:
        self.slack = Slack()
        self._guests: dict[str, str] = {}
        self._plain: list[tuple[str, str]] = []  # messages without a thread
        self._changed = 0

    def __enter__(self) -> Self:
        self.slack.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.slack.__exit__(None, None, None)

    @property
    def server(self) -> Slack:
        return self.slack

    def environment(self) -> dict[str, str]:
        return {"CRMCTL_SLACK_TOKEN": TOKEN, "CRMCTL_SLACK_URL": self.slack.url}

    def settings(self) -> dict[str, Any]:
        return {"channels": {"C07NORDL01": "nordlicht-mobel"}}

    def fill(self, count: int) -> None:
        slack = self.slack
        slack.step = max(1, min(3600, 2_000_000 // max(count, 1)))
        for id, name in zip(_OURS, ("Ana Reyes", "Tom Adeyemi"), strict=True):
            slack.add_user(id, name, f"{name.split()[0].lower()}@northwind-cs.example")
        for number, (account, (company, domain)) in enumerate(ACCOUNTS.items()):
            guest = slack.add_user(
                f"U09GUEST{number:02}", f"Kim {company}", f"kim@{domain}", guest=True
            )
            self._guests[account] = guest
            slack.add_channel(_CHANNELS[account], _NAMES[number], [*_OURS, guest])
        slack.add_channel("C07GENERAL", "general", list(_OURS), is_general=True)
        slack.post("C07GENERAL", _OURS[0], "not for customers' files")
        thread = max(count // 20, 7)
        for number in range(count):
            account = list(ACCOUNTS)[number % 3]
            channel = _CHANNELS[account]
            author = self._guests[account] if number % 2 else _OURS[number % 4 // 2]
            ts = slack.post(channel, author, f"Word {number} &amp; more")
            if number % thread == 3:
                slack.post(channel, _OURS[0], f"An answer to {number}", thread=ts)
            else:
                self._plain.append((channel, ts))
        slack.step = 60

    def expected(self) -> int:
        said = [
            message for (channel, _), message in self.slack.said.items() if channel != "C07GENERAL"
        ]
        people = {message.get("user") for message in said} & {
            user["id"] for user in self.slack.users.values() if user["is_stranger"]
        }
        return len(said) + len(people)

    def found(self, workspace: Path) -> int:
        lines = [
            str(json.loads(line)["id"])
            for file in workspace.glob("accounts/*/interactions/*.jsonl")
            for line in file.read_text().splitlines()
        ]
        contacts = [
            file
            for file in workspace.glob("accounts/*/contacts/*.md")
            if "\n  slack:\n" in file.read_text()
        ]
        return sum(id.startswith("slack:") for id in lines) + len(contacts)

    def add_one(self) -> None:
        self._plain.append(
            ("C07ACME001", self.slack.post("C07ACME001", _OURS[0], "One more thing"))
        )

    def change_one(self) -> str:
        self._changed += 1
        text = f"what was meant, number {self._changed}"
        self.slack.edit(*self._plain[-1], text)
        return text

    def delete_one(self) -> None:
        self.slack.delete(*self._plain.pop())

    def loop(self) -> None:
        self.slack.looping = True

    def go_empty(self) -> None:
        self.slack.empty = True

    def say(self, text: str) -> None:
        self._changed += 1
        guest = self.slack.add_user(
            f"U09HOSTILE{self._changed}",
            text,
            f"h{self._changed}@nordlicht.example",
            guest=True,
            profile={"real_name": text, "display_name": text, "title": text},
        )
        self.slack.channels["C07NORDL01"]["name"] = text
        files = [{"id": "F07AAA0001", "name": text, "title": text}]
        self.slack.post("C07NORDL01", guest, text, files=files)
        self.slack.post(
            "C07NORDL01",
            "",
            text,
            subtype="bot_message",
            bot_id="B07HOOK001",
            username=text,
            attachments=[{"fallback": text, "title": text, "text": text}],
        )

    def move_between_pages(self) -> None:
        """The newest message, which is on the first page, is edited when the second one is asked for."""
        self.slack.most = 4
        channel, ts = self._plain[-1]
        calls = 0

        def before(call: Call) -> None:
            nonlocal calls
            if call.path.endswith("conversations.history") and call.query.get("channel") == channel:
                calls += 1
                if calls == 2:
                    self.slack.edit(channel, ts, "said better while it was read")

        self.slack.before = before


HARNESS = SlackHarness
