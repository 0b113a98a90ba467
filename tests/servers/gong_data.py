"""What a company has in Gong: users, calls and what was said on them, with the odd spellings that Gong has."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]
WORKSPACE = "5200347719820041163"
_OFFSETS = (dt.timedelta(0), dt.timedelta(hours=-8), dt.timedelta(hours=2), dt.timedelta(0))
_FRACTIONS = (0, 0, 41977, 120000)  # microseconds


def moment(text: str) -> dt.datetime:
    """A time as Gong or a client writes it."""
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def written(time: dt.datetime, number: int) -> str:
    """A time in one of Gong's spellings: with Z or an offset, sometimes with a fraction of a second."""
    offset = _OFFSETS[number % 4]
    local = time.astimezone(dt.timezone(offset)).replace(microsecond=_FRACTIONS[number % 4])
    return local.isoformat().replace("+00:00", "Z") if not offset else local.isoformat()


class Company:
    """``talks`` hold everything; what of it a request gets to see is the server's business."""

    def __init__(self) -> None:
        self.users: dict[str, Json] = {}
        self.talks: dict[str, Json] = {}
        self.transcripts: dict[str, list[Json]] = {}
        self.not_ready: set[str] = set()
        self._index: list[tuple[float, str]] = []
        self._number = 0

    def add_user(self, name: str, email: str, title: str = "Account Executive") -> str:
        """One of us; gives the id."""
        id = str(4417023985512760900 + len(self.users))
        first, _, last = name.partition(" ")
        self.users[id] = {
            "id": id,
            "emailAddress": email,
            "created": "2023-01-09T04:12:00-08:00",
            "active": True,
            "emailAliases": [],
            "trustedEmailAddress": None,
            "firstName": first,
            "lastName": last,
            "title": title,
            "managerId": None,
        }
        return id

    def add_call(
        self,
        started: dt.datetime,
        user: str,
        guests: Sequence[tuple[str, str]] = (),
        *,
        title: str = "Call",
        minutes: int = 30,
        direction: str = "Conference",
        crm: Sequence[tuple[str, str]] = (),
        said: Sequence[tuple[int, str]] = (),
        content: Json | None = None,
        ready: bool = True,
        **about: Any,
    ) -> str:
        """A call of a user with guests (name, address); gives the id.

        ``crm`` are its objects (type, id), ``said`` who says what: 0 the user, 1 the first guest, and so on.
        """
        self._number += 1
        number = self._number
        # 19 digits and 20, beyond what a double and a signed 64-bit number hold.
        id = str((7391840226115904417, 17391840226115904417)[number % 2] + number * 1009)
        owner = self.users[user]
        people = [
            self._party(
                number, 0, f"{owner['firstName']} {owner['lastName']}", owner["emailAddress"], user
            )
        ]
        for place, (name, email) in enumerate(guests, 1):
            people.append(self._party(number, place, name, email, ""))
        self.talks[id] = {
            "metaData": {
                "id": id,
                "url": f"https://app.gong.io/call?id={id}",
                "title": title,
                "scheduled": written(started - dt.timedelta(minutes=1), number),
                "started": written(started, number),
                "duration": minutes * 60 - 7,
                "primaryUserId": user,
                "direction": direction,
                "system": "Zoom",
                "scope": "External" if guests else "Internal",
                "media": "Video" if direction == "Conference" else "Audio",
                "language": "eng",
                "workspaceId": WORKSPACE,
                "isPrivate": False,
                **({"calendarEventId": None} if number % 3 else {}),
                **({"newMemberOfLate": {"deep": [1, 2.5]}} if number % 5 == 0 else {}),
                **about,
            },
            "context": [
                {
                    "system": "Salesforce",
                    "objects": [
                        {
                            "objectType": type,
                            "objectId": thing,
                            "timing": "Now",
                            "fields": [
                                {"name": "Name", "value": "x"},
                                {"name": "Amount", "value": 48000.0},
                            ],
                        }
                        for type, thing in crm
                    ],
                }
            ]
            if crm
            else [],
            "parties": people,
            "content": {"brief": None, "keyPoints": None} if content is None else content,
            "interaction": {
                "speakers": [],
                "interactionStats": [],
                "video": [],
                "questions": {"companyCount": 1},
            },
            "collaboration": {"publicComments": []},
        }
        self.transcripts[id] = [
            {
                "speakerId": people[who]["speakerId"] if who < len(people) else "1",
                "topic": None if place % 2 else "Pricing",
                "sentences": [
                    {"start": place * 4000 + 500, "end": place * 4000 + 3900, "text": text}
                ],
            }
            for place, (who, text) in enumerate(said)
        ]
        if not ready:
            self.not_ready.add(id)
        self._index = []
        return id

    def change(self, id: str, **about: Any) -> None:
        """Change what a call is about: ``title``, ``started`` and the like."""
        self.talks[id]["metaData"].update(about)
        self._index = []

    def remove(self, id: str) -> None:
        """The call is gone, and nothing says so."""
        del self.talks[id]
        self._index = []

    def started(self, begin: str | None, end: str | None) -> list[str]:
        """The calls that started in a stretch of time, the newest first; the end does not belong to it."""
        if not self._index:
            starts = (
                (moment(c["metaData"]["started"]).timestamp(), id) for id, c in self.talks.items()
            )
            self._index = sorted(starts)
        low = bisect_left(self._index, (moment(begin).timestamp(), "")) if begin else 0
        high = bisect_left(self._index, (moment(end).timestamp(), "")) if end else len(self._index)
        return [id for _, id in reversed(self._index[low:high])]

    def scheduled(self, begin: dt.datetime, end: dt.datetime | None) -> list[str]:
        """As the plain list has them: a conference counts when it was to begin."""
        found = []
        for id, one in self.talks.items():
            about = one["metaData"]
            time = moment(about["scheduled" if about["direction"] == "Conference" else "started"])
            if begin <= time and (end is None or time < end):
                found.append(id)
        return found

    @staticmethod
    def _party(number: int, place: int, name: str, email: str, user: str) -> Json:
        return {
            "id": str(6620185540031170000 + number * 10 + place),
            "emailAddress": email or None,
            "name": name or None,
            "title": None if user else "Head of Operations",
            "userId": user or None,
            "speakerId": str(8055213349017720000 + number * 10 + place),
            "affiliation": "Internal" if user else ("External" if place % 2 else "Unknown"),
            "phoneNumber": None,
            "methods": ["Invitee", "Attendee"],
            "context": [],
        }


def selected(call: Json, selector: Json | None) -> Json:
    """What a request gets to see of a call: nothing but the plain facts, unless it asks for more."""
    selector = selector or {}
    exposed = selector.get("exposedFields") or {}
    shown: Json = {"metaData": call["metaData"]}
    kind = selector.get("context", "None")
    if kind != "None":
        shown["context"] = _context(call["context"], kind)
    if exposed.get("parties"):
        shown["parties"] = [
            {name: value for name, value in party.items() if name != "context"}
            | ({"context": _context(party["context"], kind)} if kind != "None" else {})
            for party in call["parties"]
        ]
    for block in ("content", "interaction", "collaboration"):
        flags = exposed.get(block) or {}
        wanted = {name for name, on in flags.items() if on}
        if "personInteractionStats" in wanted:
            wanted.add("interactionStats")
        found = {name: value for name, value in call[block].items() if name in wanted}
        if flags and found:
            shown[block] = found
    return shown


def _context(contexts: Iterable[Json], kind: str) -> list[Json]:
    if kind == "Extended":
        return list(contexts)
    return [
        {
            "system": one["system"],
            "objects": [
                {n: v for n, v in thing.items() if n != "fields"} for thing in one["objects"]
            ],
        }
        for one in contexts
    ]
