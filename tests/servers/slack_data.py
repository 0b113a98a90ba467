"""What happens in a Slack workspace: who is there, what is said, changed and taken back."""

from __future__ import annotations

import bisect
from typing import Any

TEAM, PARTNER = "T07CRM0001", "T09GUEST01"
BOT, BOT_USER = "B07BOT0001", "U07BOT0001"
START = 1_792_483_200  # 27 days before the time at which the tests stand
Message = dict[str, Any]
Body = dict[str, Any]


class Workspace:
    """One workspace with a clock of its own: every event there takes ``step`` seconds.

    ``said`` is the ledger: every message anybody ever posted, by (channel, ts), deleted ones included.
    """

    def __init__(self) -> None:
        self.now, self.step = START, 60
        self.users: dict[str, Body] = {}
        self.channels: dict[str, Body] = {}
        self.members: dict[str, list[str]] = {}
        self.said: dict[tuple[str, str], Message] = {}
        self.here: dict[str, dict[str, Message]] = {}
        self.tops: dict[str, list[str]] = {}
        self.threads: dict[tuple[str, str], list[str]] = {}
        self._count = 0

    def add_user(
        self, id: str, name: str, email: str = "", *, guest: bool = False, **more: Any
    ) -> str:
        """Somebody; a ``guest`` is of the other company."""
        team = PARTNER if guest else TEAM
        profile = {
            "real_name": name,
            "display_name": name.partition(" ")[0],
            "title": "",
            "team": team,
        }
        profile |= {"email": email} if email else {}
        profile |= more.pop("profile", {})
        self.users[id] = {
            "id": id,
            "team_id": team,
            "name": name.lower().replace(" ", "."),
            "deleted": False,
            "real_name": name,
            "is_bot": False,
            "is_stranger": guest,
            "updated": self.now,
            "profile": profile,
            **more,
        }
        return id

    def add_channel(self, id: str, name: str, members: list[str], **more: Any) -> str:
        """A channel that the app is in."""
        shared = any(self.users.get(member, {}).get("team_id") == PARTNER for member in members)
        self.channels[id] = {
            "id": id,
            "name": name,
            "is_channel": True,
            "is_private": False,
            "is_archived": False,
            "is_general": False,
            "is_im": False,
            "is_mpim": False,
            "is_member": True,
            "is_shared": shared,
            "is_ext_shared": shared,
            "shared_team_ids": [TEAM, PARTNER] if shared else [TEAM],
            "created": START - 86_400,
            "updated": (START - 86_400) * 1000,
            **more,
        }
        self.members[id] = [*members, BOT_USER]
        self.here.setdefault(id, {})
        self.tops.setdefault(id, [])
        return id

    def tick(self) -> str:
        """The next moment, as a ts."""
        self.now += self.step
        self._count += 100
        return f"{self.now:010d}.{self._count % 1_000_000:06d}"

    def post(
        self,
        channel: str,
        user: str,
        text: str,
        *,
        thread: str = "",
        ts: str = "",
        broadcast: bool = False,
        **more: Any,
    ) -> str:
        """Somebody writes; the ts. ``user`` "" is for apps, which say who they are in ``more``."""
        ts = ts or self.tick()
        message: Message = {"type": "message", "text": text, "ts": ts}
        if user:
            message |= {"user": user, "team": self.users.get(user, {}).get("team_id", TEAM)}
        message |= more
        if thread:
            message |= {
                "thread_ts": thread,
                "parent_user_id": self.here[channel][thread].get("user"),
            }
            if broadcast:
                message |= {"subtype": "thread_broadcast"}
            bisect.insort(self.threads.setdefault((channel, thread), []), ts)
        self.here[channel][ts] = self.said[channel, ts] = message
        if not thread or broadcast:
            bisect.insort(self.tops[channel], ts)
        if thread:
            self._recount(channel, thread)
        return ts

    def edit(self, channel: str, ts: str, text: str) -> None:
        """The author changes a message."""
        message = self.here[channel][ts]
        message |= {
            "text": text,
            "edited": {"user": message.get("user"), "ts": f"{self.now + 1:010d}.000000"},
        }
        self.now += self.step

    def delete(self, channel: str, ts: str) -> None:
        """A message goes. Where a thread hangs on it, a stone takes its place."""
        self.now += self.step
        message = self.here[channel].pop(ts)
        root = message.get("thread_ts", "")
        if root == ts and self.threads.get((channel, ts)):
            kept = (
                "ts",
                "thread_ts",
                "reply_count",
                "reply_users",
                "reply_users_count",
                "latest_reply",
            )
            self.here[channel][ts] = {
                "type": "message",
                "subtype": "tombstone",
                "user": "USLACKBOT",
                "text": "This message was deleted.",
                "hidden": True,
                **{name: message[name] for name in kept if name in message},
            }
            return
        if ts in self.tops[channel]:
            self.tops[channel].remove(ts)
        if root and root != ts:
            self.threads[channel, root].remove(ts)
            self._recount(channel, root)

    def _recount(self, channel: str, root: str) -> None:
        """The counts that the first message of a thread carries."""
        message, replies = self.here[channel].get(root), self.threads[channel, root]
        if message is None:
            return
        authors = list(dict.fromkeys(str(self.here[channel][ts].get("user")) for ts in replies))
        message |= {"thread_ts": root, "reply_count": len(replies), "reply_users": authors[:5]}
        message |= {"reply_users_count": len(authors)}
        if replies:
            message["latest_reply"] = replies[-1]
        elif message.get("subtype") == "tombstone":
            del self.here[channel][root]
            self.tops[channel].remove(root)
        else:
            for name in (
                "thread_ts",
                "reply_count",
                "reply_users",
                "reply_users_count",
                "latest_reply",
            ):
                message.pop(name, None)

    def live(self) -> None:
        """A small team, three customers, and what they talk about."""
        for id, name, mail in (
            ("U07ANA0001", "Ana Reyes", "ana@northwind-cs.example"),
            ("U07TOM0001", "Tom Adeyemi", "tom@northwind-cs.example"),
        ):
            self.add_user(id, name, mail, profile={"title": "Customer Success"})
        self.add_user(BOT_USER, "crmctl", is_bot=True)
        guests = (
            ("U09INES001", "Ines Okafor", "ines@hollisvane.example", "Head of Operations"),
            ("U09BO00001", "Bo Berg", "bo@nordlicht.example", "CTO"),
            ("U09MAYA001", "Maya Lindqvist", "maya@acmetiles.example", "Plant Manager"),
        )
        for id, name, mail, title in guests:
            self.add_user(id, name, mail, guest=True, profile={"title": title})
        self.add_channel("C07HOLLIS1", "ext-hollis-vane-freight", ["U07ANA0001", "U09INES001"])
        self.add_channel(
            "C07NORDL01", "launch-moebel", ["U07TOM0001", "U09BO00001"], is_private=True
        )
        self.add_channel("C07ACME001", "tiles-and-us", ["U07ANA0001", "U09MAYA001"])
        self.add_channel("C07GENERAL", "general", ["U07ANA0001", "U07TOM0001"], is_general=True)
        self.post("C07GENERAL", "U07TOM0001", "Lunch at noon?")
        self.post("C07HOLLIS1", "U09INES001", "", subtype="channel_join")
        root = self.post(
            "C07HOLLIS1", "U09INES001", "The import of the Rotterdam depot fails at row 12 &amp; 13"
        )
        self.post("C07HOLLIS1", "U07ANA0001", "<@U09INES001> looking at it now", thread=root)
        self.post(
            "C07HOLLIS1",
            "U07ANA0001",
            "Fixed: see <https://help.northwind-cs.example/import|the note>",
            thread=root,
        )
        self.post("C07NORDL01", "U09BO00001", "Can we move the launch to the 4th?")
        self.post(
            "C07NORDL01", "U07TOM0001", "Yes. I will tell everybody in <#C07GENERAL|general>."
        )
        self.post(
            "C07NORDL01",
            "",
            "",
            subtype="bot_message",
            bot_id="B07HOOK001",
            username="Billing",
            attachments=[
                {"id": 1, "fallback": "Invoice 1042 paid", "title": "Invoice 1042", "text": "paid"}
            ],
        )
        self.post(
            "C07ACME001",
            "U09MAYA001",
            "Renewal signed :tada:",
            files=[{"id": "F07AAA0001", "name": "contract.pdf"}],
        )
