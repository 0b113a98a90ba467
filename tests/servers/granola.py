"""Granola as far as crmctl knows it: the public API, read by one key."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, Self

from tests.servers.base import Call, Reply, Server
from tests.servers.clock import FakeClock

TOKEN = "grn_fixture_0123456789abcdef"
_LARGE = 20_000  # characters of a transcript that does not come with its note
Json = dict[str, Any]


class _No(Exception):
    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Granola(Server):
    """``notes`` hold everything, by id; those in ``processing`` are not listed and not given.

    ``refusal`` is the shape of a refusal: ``code``, ``error`` or ``text``. ``ending`` is how the last page ends:
    ``null`` or ``absent``. ``most`` cuts every page, ``cut_off`` forgets the cursor of the first one, ``looping`` names
    each page as its own next. ``limited`` answers 25 requests in five seconds and 5 a second; with ``told``, a refusal
    says how long to wait. It needs the client's clock. ``touched`` is called with each note's id before it is given.
    """

    def __init__(self, seed: int = 1, *, clock: FakeClock | None = None) -> None:
        super().__init__(seed)
        self.clock = clock or FakeClock()
        self.notes: dict[str, Json] = {}
        self.folders: dict[str, Json] = {}
        self.processing: set[str] = set()
        self.token = TOKEN
        self.refusal, self.ending = "code", "null"
        self.most = 1000
        self.cut_off = self.looping = self.empty = self.limited = self.closed = False
        self.told = True
        self.touched: Callable[[str], None] = lambda _id: None
        self._tokens, self._filled = 25.0, self.clock.monotonic()
        self._number = 0

    @classmethod
    def sample(cls) -> Self:
        """A few meetings with three customers."""
        granola = cls()
        folder = granola.add_folder("Hollis & Vane")
        granola.add_note(
            dt.datetime(2026, 11, 5, 14, tzinfo=dt.UTC),
            ("Ana Reyes", "ana@ours.example"),
            [("Ines Okafor", "ines.okafor@hollisvane.example")],
            title="Hollis & Vane weekly",
            summary="### Pricing\n\n- Per-vehicle model preferred\n\n### Next steps\n\n- Ana sends the quote",
            said=[
                ("me", "Shall we start with prices?"),
                ("Ines Okafor", "Yes, per vehicle if possible."),
            ],
            folders=[folder],
        )
        granola.add_note(
            dt.datetime(2026, 11, 11, 10, tzinfo=dt.UTC),
            ("Tom Adeyemi", "tom@ours.example"),
            [("Jonas Falk", "jonas@nordlicht.example")],
            title="Nordlicht Möbel: training",
            summary="### Training\n\n- Two shifts, both on Tuesday\n\n### Action items\n\n- Tom books the rooms",
        )
        granola.add_note(
            dt.datetime(2026, 11, 12, 16, tzinfo=dt.UTC),
            ("Tom Adeyemi", "tom@ours.example"),
            title="On the way to Acme Tiles",
            summary="### Thoughts\n\n- Their export stopped again",
            invited=False,
        )
        return granola

    def add_folder(self, name: str, parent: str = "") -> str:
        """A folder; gives the id."""
        id = f"fol_{len(self.folders):014d}"
        self.folders[id] = {
            "id": id,
            "object": "folder",
            "name": name,
            "parent_folder_id": parent or None,
        }
        return id

    def add_note(
        self,
        at: dt.datetime,
        owner: tuple[str | None, str],
        guests: list[tuple[str | None, str]] | None = None,
        *,
        title: str | None = "Meeting",
        summary: str = "### Notes\n\n- Something was said",
        said: list[tuple[str, str]] | None = None,
        folders: list[str] | None = None,
        updated: dt.datetime | None = None,
        invited: bool = True,
        **more: Any,
    ) -> str:
        """A note of a meeting; gives the id. ``said`` is who ("me", or a name) says what."""
        self._number += 1
        number = self._number
        id = f"not_{number:06d}AbCd{number % 10_000:04d}"
        people = [owner, *(guests or [])]
        self.notes[id] = {
            "id": id,
            "object": "note",
            "title": title,
            "owner": {"name": owner[0], "email": owner[1]},
            "created_at": _z(at),
            "updated_at": _z(updated or at + dt.timedelta(minutes=50)),
            "web_url": f"https://notes.granola.example/d/{number:08d}",
            "calendar_event": {
                "event_title": title,
                "invitees": [{"email": email} for _, email in people],
                "organiser": owner[1],
                "calendar_event_id": f"event{number}",
                "scheduled_start_time": _z(at),
                "scheduled_end_time": _z(at + dt.timedelta(minutes=45)),
            }
            if invited
            else None,
            "attendees": [{"name": name, "email": email} for name, email in people]
            if invited
            else [],
            "folder_membership": [self.folders[folder] for folder in folders or []],
            "summary_text": summary.replace("#", "").strip(),
            "summary_markdown": summary,
            "private_notes_text": "the owner's own thoughts" if number % 2 else None,
            "private_notes_markdown": None,
            **({"new_member_of_late": {"deep": [1, 2.5]}} if number % 3 == 0 else {}),
            "transcript": [
                {
                    "speaker": {"source": "microphone", "attribution": "me"}
                    if who == "me"
                    else {"source": "speaker", "attribution": "them", "name": who},
                    "text": text,
                    "start_time": _z(at + dt.timedelta(seconds=place * 5)),
                    "end_time": _z(at + dt.timedelta(seconds=place * 5 + 4)),
                }
                for place, (who, text) in enumerate(said or [])
            ],
            **more,
        }
        return id

    def change(self, id: str, updated: dt.datetime, **fields: Any) -> None:
        """A note is changed, which moves its stamp."""
        self.notes[id] |= {**fields, "updated_at": _z(updated)}

    def handle(self, call: Call) -> Reply:
        try:
            self._bucket()
            return _json(200, self._answer_to(call))
        except _No as no:
            if self.refusal == "text":
                return Reply(
                    no.status, no.message or no.code, {"Content-Type": "text/plain", **no.headers}
                )
            body = (
                {"error": no.message or no.code}
                if self.refusal == "error"
                else {"code": no.code, "message": no.message}
            )
            return _json(no.status, body, no.headers)

    def _answer_to(self, call: Call) -> Json:
        stated = call.headers.get("authorization", "")
        if not stated.startswith("Bearer grn_") or stated != f"Bearer {self.token}":
            raise _No(401, "UNAUTHORIZED", "Unauthorized")
        if self.closed:
            raise _No(403, "FORBIDDEN", "API access is disabled for this workspace")
        parts = call.path.split("/")[1:]
        if call.method != "GET" or parts[0] != "v1":
            raise _No(404, "NOT_FOUND", "Not found")
        match parts[1:]:
            case ["notes"]:
                return self._list(call.query)
            case ["folders"]:
                rows = sorted(self.folders.values(), key=lambda one: str(one["name"]))
                return self._page("folders", rows, call.query, 30, 10)
            case ["notes", id]:
                return self._detail(id, call.query.get("include", ""))
            case ["notes", id, "transcript"]:
                return self._page("transcript", self._note(id)["transcript"], call.query, 100, 50)
        raise _No(404, "NOT_FOUND", "Not found")

    def _list(self, query: Mapping[str, str]) -> Json:
        found = (
            [] if self.empty else [n for id, n in self.notes.items() if id not in self.processing]
        )
        if "updated_after" in query:
            after = query["updated_after"]
            found = [n for n in found if _excluded(after) < _second(str(n["updated_at"]))]
        if "created_after" in query:
            found = [
                n
                for n in found
                if _excluded(query["created_after"]) < _second(str(n["created_at"]))
            ]
        if "created_before" in query:
            found = [
                n
                for n in found
                if _second(str(n["created_at"])) < _excluded(query["created_before"])
            ]
        if "folder_id" in query:
            within = self._below(query["folder_id"])
            found = [n for n in found if any(f["id"] in within for f in n["folder_membership"])]
        found.sort(key=lambda n: (str(n["updated_at"]), str(n["id"])), reverse=True)
        shown = ("id", "object", "title", "owner", "created_at", "updated_at")
        return self._page(
            "notes", [{name: n[name] for name in shown} for n in found], query, 30, 10
        )

    def _below(self, folder: str) -> set[str]:
        """A folder and those in it."""
        found = {folder}
        while (
            more := {id for id, one in self.folders.items() if one["parent_folder_id"] in found}
            - found
        ):
            found |= more
        return found

    def _note(self, id: str) -> Json:
        if len(id) != 18 or not id.startswith("not_"):
            raise _No(400, "BAD_REQUEST", "Malformed note id")
        self.touched(id)
        if id not in self.notes or id in self.processing:
            raise _No(404, "NOT_FOUND", "Note not found")
        return self.notes[id]

    def _detail(self, id: str, include: str) -> Json:
        note = self._note(id)
        if include != "transcript":
            return note | {"transcript": None}
        if len(json.dumps(note["transcript"])) > _LARGE:
            raise _No(413, "TRANSCRIPT_TOO_LARGE", "Use the transcript endpoint")
        return note

    def _page(
        self, name: str, rows: list[Json], query: Mapping[str, str], most: int, usual: int
    ) -> Json:
        asked = query.get("page_size", str(usual))
        if not asked.isdigit() or not 1 <= int(asked) <= most:
            raise _No(400, "BAD_REQUEST", f"page_size must be between 1 and {most}")
        size = min(int(asked), self.most)
        start = _place(query["cursor"]) if "cursor" in query else 0
        following = start if self.looping else start + size
        page: Json = {name: rows[start : start + size]}
        if not rows or (following >= len(rows) and not self.looping):
            return page | {"hasMore": False} | ({"cursor": None} if self.ending == "null" else {})
        if self.cut_off and name == "notes":
            return page | {"hasMore": True}
        return page | {
            "hasMore": True,
            "cursor": base64.b64encode(b"place %d" % following).decode(),
        }

    def _bucket(self) -> None:
        if not self.limited:
            return
        now = self.clock.monotonic()
        self._tokens = min(25.0, self._tokens + (now - self._filled) * 5)
        self._filled = now
        if self._tokens < 1:
            raise _No(
                429, "RATE_LIMITED", "Slow down", **({"Retry_After": "1"} if self.told else {})
            )
        self._tokens -= 1


def _json(status: int, body: Json, headers: dict[str, str] | None = None) -> Reply:
    return Reply(
        status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )


def _place(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("place "))
    except ValueError:
        raise _No(400, "BAD_REQUEST", "Invalid cursor") from None


def _excluded(text: str) -> dt.datetime:
    """The last second that a filter leaves out: all of the named one, or all of the named day."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise _No(400, "BAD_REQUEST", "Invalid date") from None
    found = found.replace(tzinfo=found.tzinfo or dt.UTC)
    return found + dt.timedelta(days=1, seconds=-1) if len(text) == 10 else found


def _second(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(microsecond=0)


def _z(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
