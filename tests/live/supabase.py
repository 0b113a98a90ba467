"""Supabase for the contract tests: a product's database behind the double of its Data API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from tests.live.harness import Harness
from tests.servers import postgres, product
from tests.servers.base import Call
from tests.servers.postgrest import SECRET, Postgrest

_LATER = """
(SELECT max(at) + interval '1 minute' FROM (SELECT updated_at FROM subscriptions UNION SELECT updated_at
 FROM support_tickets UNION SELECT updated_at FROM nps_answers UNION SELECT updated_at FROM usage_daily) t (at))
"""


class SupabaseHarness(Harness):
    """Keys are never renewed, so none runs out in the middle."""

    system: ClassVar[str] = "supabase"
    can: ClassVar[frozenset[str]] = frozenset({"change", "delete", "loop", "empty"})

    def __init__(self) -> None:
        self.double = Postgrest()

    def __enter__(self) -> Self:
        if why := postgres.missing():
            pytest.skip(why)
        self.double.__enter__()
        product.make(self.double)
        return self

    def __exit__(self, *_error: object) -> None:
        self.double.__exit__(None, None, None)

    @property
    def server(self) -> Postgrest:
        return self.double

    def environment(self) -> dict[str, str]:
        return {"CRMCTL_SUPABASE_URL": self.double.api, "CRMCTL_SUPABASE_KEY": SECRET}

    def settings(self) -> dict[str, Any]:
        return product.SETTINGS

    def fill(self, count: int) -> None:
        product.fill(self.double, count)
        # Less than what is asked for, and several pages of everything.
        self.double.cap = max(10, count // 20)

    def expected(self) -> int:
        counted = self.double.run(
            "SELECT (SELECT count(DISTINCT domain) FROM subscriptions) + (SELECT count(*) FROM support_tickets)"
            " + (SELECT count(*) FROM nps_answers) + (SELECT count(*) FROM usage_daily)"
        )
        return int(counted[0][0])

    def found(self, workspace: Path) -> int:
        lines = [
            str(json.loads(line)["id"])
            for file in workspace.glob("accounts/*/interactions/*.jsonl")
            for line in file.read_text("utf-8").splitlines()
        ]
        profiles = [
            file
            for file in workspace.glob("accounts/*/profile.md")
            if "\n  supabase:\n" in file.read_text("utf-8")
        ]
        measured = [
            line
            for file in workspace.glob("accounts/_measures/*.csv")
            for line in file.read_text("utf-8").splitlines()
            if line.endswith(",supabase")
        ]
        told = [id for id in lines if id.startswith("supabase:")]
        assert len(told) == len(set(told))
        return len(told) + len(profiles) + len(measured)

    def add_one(self) -> None:
        self.double.run(
            "INSERT INTO support_tickets (domain, subject, status, created_at, updated_at)"
            f" VALUES ('acmetiles.example', 'How do we add a site?', 'open', {_LATER}, {_LATER})"
        )

    def change_one(self) -> str:
        text = "waits for the carrier"
        self._change("status = %s", text)
        return text

    def delete_one(self) -> None:
        self._change("deleted_at = now()")

    def loop(self) -> None:
        self.double.deaf = True

    def go_empty(self) -> None:
        # Somebody gave the job a key that policies apply to.
        self.double.roles[SECRET] = "authenticated"

    def say(self, text: str) -> None:
        # The database takes no half of a character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        self.double.run(
            "INSERT INTO support_tickets (domain, requester, subject, status, priority, category, assignee, number,"
            f" created_at, updated_at) SELECT 'hollisvane.example', t, t, t, t, t, t, t, {_LATER}, {_LATER}"
            " FROM (VALUES (%s)) v (t)",
            text,
        )
        self.double.run(
            "INSERT INTO nps_answers (id, email, score, comment, answered_at, updated_at)"
            f" SELECT md5(t)::uuid, 'rosa.vale@hollisvane.example', 3, t, '2026-11-01', {_LATER}"
            " FROM (VALUES (%s)) v (t)",
            text,
        )
        self.double.run(
            f"UPDATE subscriptions SET plan = %s, updated_at = {_LATER} WHERE domain = 'hollisvane.example'",
            text,
        )

    def move_between_pages(self) -> None:
        """A ticket of the first page changes when the second one is asked for."""
        pages = 0

        def before(call: Call) -> None:
            nonlocal pages
            pages += call.path.endswith("/support_tickets")
            if pages == 3:  # the first was that of tickets without a time of change
                pages += 1
                self._change("status = 'moved'")

        self.double.before = before

    def _change(self, change: str, *values: Any) -> None:
        self.double.run(
            f"UPDATE support_tickets SET {change}, updated_at = {_LATER}"
            " WHERE id = (SELECT min(id) FROM support_tickets WHERE deleted_at IS NULL)",
            *values,
        )


HARNESS = SupabaseHarness
