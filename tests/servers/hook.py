"""Somebody's webhook, which drops repeats by their key, and one that does not."""

from __future__ import annotations

from typing import Any

from tests.servers.base import Call, Reply, Server


class Hook(Server):
    """``posts`` is every body that came, ``taken`` those with a key that was new."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.posts: list[Call] = []
        self.taken: dict[str, Any] = {}

    def handle(self, call: Call) -> Reply:
        self.posts.append(call)
        self.taken.setdefault(call.headers.get("idempotency-key", ""), call.json)
        return Reply(200, {"ok": True})
