"""Gong as far as crmctl knows it: API v2 of one company."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from tests.servers.base import Call, Reply, Server
from tests.servers.clock import FakeClock
from tests.servers.gong_data import WORKSPACE, Company, Json, moment, selected

KEY, SECRET = "FIXTUREACCESSKEY", "fixture-access-key-secret-77"
CLIENT, CLIENT_SECRET = "fixture-client", "fixture-client-secret-55"
NO_CALLS = "No calls found corresponding to the provided filters"
_CUSTOMER = "/customer/company-17"
_SIGNING = b"only the server knows"
_LIFE = 600  # seconds that a page mark is good for
_SCOPES = {
    "/v2/calls": "api:calls:read:basic",
    "/v2/calls/extensive": "api:calls:read:extensive",
    "/v2/calls/transcript": "api:calls:read:transcript",
    "/v2/users": "api:users:read",
}


class _No(Exception):
    def __init__(self, status: int, *errors: str, **headers: str) -> None:
        self.status, self.errors = status, list(errors)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Gong(Company, Server):
    """``page`` is the size of a page, ``scopes`` what we may, ``trusted`` whether our address may.

    With ``oauth`` keys are refused, and tokens are good below the customer's own address alone. With ``limited``, three
    requests a second and ``daily`` in all are answered; it needs the client's clock. ``long_ranges`` allows a plain
    list over more than 90 days.
    """

    def __init__(
        self, seed: int = 1, *, oauth: bool = False, clock: FakeClock | None = None
    ) -> None:
        Server.__init__(self, seed)
        Company.__init__(self)
        self.oauth = oauth
        self.clock = clock or FakeClock()
        self.page = 100
        self.scopes = set(_SCOPES.values())
        self.trusted = True
        self.looping = self.empty = self.limited = self.long_ranges = False
        self.json_login = False
        self.daily = 10_000
        self.refresh_token, self.token = "fixture-refresh-0", ""
        self.base = ""
        self._tokens, self._filled = 3.0, self.clock.monotonic()
        self._life = self._requests = self._granted = 0

    @classmethod
    def sample(cls) -> Self:
        """A small team, three customers, and what they talked about."""
        gong = cls()
        ana = gong.add_user("Ana Reyes", "ana@ours.example")
        tom = gong.add_user("Tom Adeyemi", "tom@ours.example", "Customer Success Manager")
        gong.add_call(
            dt.datetime(2026, 11, 3, 14, tzinfo=dt.UTC),
            ana,
            [("Ines Okafor", "ines.okafor@hollisvane.example")],
            title="Hollis & Vane: quarterly review",
            minutes=43,
            said=[(0, "Shall we begin with prices?"), (1, "We would rather pay per vehicle.")],
            content={
                "brief": "Ines went through the telemetry results and asked for prices per vehicle.",
                "keyPoints": [{"text": "The CFO holds the budget"}],
                "highlights": [
                    {
                        "title": "Next steps",
                        "items": [{"text": "Ana sends a revised quote by Thursday"}],
                    }
                ],
                "topics": [{"name": "Pricing", "duration": 412}],
                "trackers": [
                    {
                        "name": "Competitors",
                        "count": 2,
                        "phrases": [{"phrase": "Roadwise", "count": 2}],
                    }
                ],
                "callOutcome": {
                    "id": "MEETING_BOOKED",
                    "category": "Answered",
                    "name": "Meeting booked",
                },
            },
        )
        gong.add_call(
            dt.datetime(2026, 11, 10, 9, 30, tzinfo=dt.UTC),
            tom,
            [("Jonas Falk", "jonas@nordlicht.example"), ("Kim Berg", "kim@nordlicht.example")],
            title="Nordlicht: roll-out in the second warehouse",
            minutes=28,
            said=[
                (1, "The scanners arrive on Monday."),
                (0, "Then we train both shifts on Tuesday."),
            ],
            content={
                "brief": "The second warehouse goes live next week.",
                "highlights": [
                    {"title": "Next steps", "items": [{"text": "Tom books two trainings"}]}
                ],
            },
        )
        gong.add_call(
            dt.datetime(2026, 11, 12, 16, 5, tzinfo=dt.UTC),
            tom,
            [("Lena Ortiz", "lena@acmetiles.example")],
            title="Acme Tiles calls back",
            minutes=6,
            direction="Inbound",
            said=[(1, "Our export stopped yesterday."), (0, "I will look into it today.")],
        )
        return gong

    def kill_cursors(self) -> None:
        """No page mark given so far is good any more."""
        self._life += 1

    def handle(self, call: Call) -> Reply:
        try:
            self._bucket()
            return self._reply(200, self._answer_to(call))
        except _No as no:
            return self._reply(no.status, {"errors": no.errors}, no.headers)

    def _reply(self, status: int, body: Json, headers: dict[str, str] | None = None) -> Reply:
        self._requests += 1
        raw = json.dumps({"requestId": f"fixture{self._requests}", **body}).encode()
        return Reply(
            status, raw, {"Content-Type": "application/json;charset=UTF-8", **(headers or {})}
        )

    def _answer_to(self, call: Call) -> Json:
        if call.path == "/oauth2/generate-customer-token":
            return self._grant(call)
        path = self._admit(call)
        if path in _SCOPES and _SCOPES[path] not in self.scopes:
            raise _No(403, f"Missing scope {_SCOPES[path]}")
        routes: dict[tuple[str, str], Callable[[Call], Json]] = {
            ("GET", "/v2/calls"): self._plain_list,
            ("POST", "/v2/calls/extensive"): self._extensive,
            ("POST", "/v2/calls/transcript"): self._transcript,
            ("GET", "/v2/users"): self._users,
            ("POST", "/v2/users/extensive"): self._users_extensive,
            ("GET", "/v2/workspaces"): self._workspaces,
        }
        route = routes.get((call.method, path))
        if route:
            return route(call)
        folder, _, id = path.rpartition("/")
        if call.method == "GET" and folder == "/v2/calls" and id in self.talks:
            return {"call": self.talks[id]["metaData"]}
        if call.method == "GET" and folder == "/v2/users" and id in self.users:
            return {"user": self.users[id]}
        raise _No(404, "The resource does not exist")

    def _admit(self, call: Call) -> str:
        """The path below the address that the credentials are good for."""
        stated = call.headers.get("authorization", "")
        if not self.trusted:
            raise _No(403, "IP address is not in the trusted list")
        if self.oauth:
            if (
                not call.path.startswith(_CUSTOMER)
                or not self.token
                or stated != f"Bearer {self.token}"
            ):
                raise _No(401, "Invalid or expired token")
            return call.path.removeprefix(_CUSTOMER)
        if stated != _basic(KEY, SECRET):
            raise _No(401, "Access key or secret is invalid")
        return call.path

    def _grant(self, call: Call) -> Json:
        if call.headers.get("authorization") != _basic(CLIENT, CLIENT_SECRET):
            raise _No(401, "invalid_client")
        is_json = "json" in call.headers.get("content-type", "")
        if is_json != self.json_login:
            raise _No(400, "Unsupported parameters")
        given = call.json if is_json else call.form
        if (
            given.get("grant_type") != "refresh_token"
            or given.get("refresh_token") != self.refresh_token
        ):
            raise _No(400, "invalid_grant")
        self._granted += 1
        self.refresh_token = f"fixture-refresh-{self._granted}"
        self.token = f"fixture-token-{self._granted}"
        return {
            "access_token": self.token,
            "refresh_token": self.refresh_token,
            "token_type": "bearer",
            "expires_in": 86400,
            "scope": " ".join(sorted(self.scopes)),
            "api_base_url_for_customer": self.base or f"{self.url}{_CUSTOMER}",
        }

    def _plain_list(self, call: Call) -> Json:
        query = call.query
        if "fromDateTime" not in query:
            raise _No(400, "fromDateTime is required")
        begin = _time(query["fromDateTime"])
        end = _time(query["toDateTime"]) if "toDateTime" in query else None
        if end and end - begin > dt.timedelta(days=90) and not self.long_ranges:
            raise _No(400, "The range may not be longer than 90 days")
        ids = [] if self.empty else self.scheduled(begin, end)
        key = [query.get(n) for n in ("fromDateTime", "toDateTime", "workspaceId")]
        some, records = self._paged(ids, key, query.get("cursor"), NO_CALLS)
        return {"records": records, "calls": [self.talks[id]["metaData"] for id in some]}

    def _extensive(self, call: Call) -> Json:
        asked = _object(call)
        ids = self._matching(asked)
        key = [asked.get("filter"), asked.get("contentSelector")]
        some, records = self._paged(ids, key, asked.get("cursor"), NO_CALLS)
        selector = asked.get("contentSelector")
        return {"records": records, "calls": [selected(self.talks[id], selector) for id in some]}

    def _transcript(self, call: Call) -> Json:
        asked = _object(call)
        ids = [id for id in self._matching(asked) if id not in self.not_ready]
        some, records = self._paged(ids, asked.get("filter"), asked.get("cursor"), NO_CALLS)
        rows = [{"callId": id, "transcript": self.transcripts[id]} for id in some]
        return {"records": records, "callTranscripts": rows}

    def _matching(self, asked: Json) -> list[str]:
        """The calls that fit all of a filter, by the time at which they started."""
        wanted = asked.get("filter")
        if not isinstance(wanted, dict):
            raise _No(400, "filter is required")
        if self.empty:
            return []
        begin, end = wanted.get("fromDateTime"), wanted.get("toDateTime")
        for time in filter(None, (begin, end)):
            _time(time)
        ids: Sequence[str] | None = wanted.get("callIds")
        if ids is not None and not (begin or end):
            found = [id for id in dict.fromkeys(ids) if id in self.talks]
        else:
            found = self.started(begin, end)
            found = [id for id in found if id in set(ids)] if ids is not None else found
        users, workspace = wanted.get("primaryUserIds"), wanted.get("workspaceId")
        about = {id: self.talks[id]["metaData"] for id in found}
        return [
            id
            for id in found
            if (not users or about[id]["primaryUserId"] in users)
            and (not workspace or about[id]["workspaceId"] == workspace)
        ]

    def _users(self, call: Call) -> Json:
        some, records = self._paged(
            list(self.users), None, call.query.get("cursor"), "No users found"
        )
        return {"records": records, "users": [self.users[id] for id in some]}

    def _users_extensive(self, call: Call) -> Json:
        asked = _object(call)
        wanted = (asked.get("filter") or {}).get("userIds")
        ids = [id for id in self.users if not wanted or id in wanted]
        some, records = self._paged(ids, wanted, asked.get("cursor"), "No users found")
        return {"records": records, "users": [self.users[id] for id in some]}

    def _workspaces(self, _call: Call) -> Json:
        return {"workspaces": [{"id": WORKSPACE, "name": "Main", "description": None}]}

    def _paged(
        self, ids: list[str], key: Any, cursor: str | None, none: str
    ) -> tuple[list[str], Json]:
        """One page. A mark freezes the number of the page, the filter and the time until which it is good."""
        if not ids:
            raise _No(404, none)
        sign = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        number = self._page_number(cursor, sign) if cursor else 0
        some = ids[number * self.page : (number + 1) * self.page]
        if not some:
            raise _No(404, none)
        records: Json = {
            "totalRecords": len(ids),
            "currentPageSize": len(some),
            "currentPageNumber": number,
        }
        following = number if self.looping else number + 1
        if self.looping or following * self.page < len(ids):
            self._life += self.looping
            records["cursor"] = self._cursor(following, len(ids), sign)
        return some, records

    def _cursor(self, number: int, total: int, sign: str) -> str:
        body = {
            "pageSize": self.page,
            "total": total,
            "pageNumber": number,
            "exp": int(self.clock.time()) + _LIFE,
            "userId": 4417023985512760931,
            "filter": sign,
            "life": self._life,
        }
        text = f"{_encoded({'alg': 'HS256'})}.{_encoded(body)}"
        return f"{text}.{_base64(hmac.digest(_SIGNING, text.encode(), 'sha256'))}"

    def _page_number(self, cursor: str, sign: str) -> int:
        text, _, signature = cursor.rpartition(".")
        if signature != _base64(hmac.digest(_SIGNING, text.encode(), "sha256")):
            raise _No(400, "Invalid cursor")
        raw = text.partition(".")[2]
        body = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
        if body["exp"] < self.clock.time() or (body["life"] != self._life and not self.looping):
            raise _No(400, "Cursor has expired")
        if body["filter"] != sign:
            raise _No(400, "Cursor does not match the filter")
        return int(body["pageNumber"])

    def _bucket(self) -> None:
        if not self.limited:
            return
        self.daily -= 1
        if self.daily < 0:
            raise _No(429, "Daily limit reached", Retry_After="36000")
        now = self.clock.monotonic()
        self._tokens = min(3.0, self._tokens + (now - self._filled) * 3)
        self._filled = now
        if self._tokens < 1:
            raise _No(429, "Rate limit reached", Retry_After="1")
        self._tokens -= 1


def _object(call: Call) -> Json:
    try:
        found = call.json
    except ValueError:
        raise _No(400, "The body is no JSON") from None
    if not isinstance(found, dict):
        raise _No(400, "The body is no object")
    return found


def _time(text: str) -> dt.datetime:
    try:
        return moment(text)
    except ValueError:
        raise _No(400, f"Not a date: {text}") from None


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _encoded(value: Json) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
