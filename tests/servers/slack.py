"""Slack as far as crmctl knows it: the Web API of one workspace, and its incoming webhooks."""

from __future__ import annotations

import base64
import bisect
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self

from tests.servers.base import Call, Reply, Server
from tests.servers.slack_data import BOT, BOT_USER, TEAM, Body, Workspace

TOKEN = "xoxb-2048-fixture-4096"
SCOPES = frozenset(
    """channels:read groups:read im:read mpim:read channels:history groups:history im:history
mpim:history users:read users:read.email team:read channels:join chat:write im:write""".split()
)


class _No(Exception):
    def __init__(self, error: str, **more: str) -> None:
        self.body = {"ok": False, "error": error, **more}


class Slack(Workspace, Server):
    """``most`` cuts every page, ``throttled`` those of history as Slack does it to apps that are sold elsewhere.

    ``blank_first`` begins each history with an empty page that has a cursor; ``posted`` and ``hooked`` are alerts.
    """

    def __init__(self, seed: int = 1) -> None:
        Server.__init__(self, seed)
        Workspace.__init__(self)
        self.token, self.expired = TOKEN, False
        self.scopes = set(SCOPES)
        self.bot = True
        self.team = TEAM
        self.most = 1000
        self.throttled = self.blank_first = self.looping = self.empty = self.limited = False
        self.posted: list[Body] = []
        self.hooked: list[Body] = []
        self.hook_answer = (200, "ok")
        self._blocked: dict[str, list[str]] = {}
        self._life = 0

    @classmethod
    def sample(cls) -> Self:
        """A small team, three customers, and what they talk about."""
        slack = cls()
        slack.live()
        return slack

    def block(self, method: str, *waits: str) -> None:
        """The next calls of one method meet a 429 each, with these waits."""
        self._blocked.setdefault(method, []).extend(waits)

    def kill_cursors(self) -> None:
        """No cursor given so far is good any more."""
        self._life += 1

    def asked(self) -> Counter[str]:
        """How often each method was called."""
        return Counter(call.path.rpartition("/")[2] for call in self.calls)

    def handle(self, call: Call) -> Reply:
        if call.path.startswith("/services/"):
            self.hooked.append(call.json)
            return Reply(self.hook_answer[0], self.hook_answer[1], {"Content-Type": "text/html"})
        folder, _, method = call.path.rpartition("/")
        if folder != "/api":
            return Reply(404, "no such page")
        waits = self._blocked.get(method)
        if waits:
            return _json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": waits.pop(0)})
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.scopes))}
        try:
            return _json(self._answered(method, call), 200, headers)
        except _No as no:
            return _json(no.body, 200, headers)

    def _answered(self, method: str, call: Call) -> Body:
        given = call.headers.get("authorization", "")
        if not given:
            raise _No("not_authed")
        if given != f"Bearer {self.token}":
            raise _No("invalid_auth")
        if self.expired:
            raise _No("token_expired")
        arguments = dict(call.query)
        if call.method == "POST" and call.headers.get("content-type", "").startswith(
            "application/x-www"
        ):
            arguments |= call.form
        elif call.method == "POST" and call.body:
            arguments |= {name: str(value) for name, value in call.json.items()}
        methods: dict[str, Callable[[dict[str, str]], Body]] = {
            "auth.test": self._auth_test,
            "team.info": self._team_info,
            "users.conversations": self._users_conversations,
            "conversations.list": self._conversations_list,
            "conversations.info": self._conversations_info,
            "conversations.members": self._conversations_members,
            "conversations.join": self._conversations_join,
            "conversations.open": self._conversations_open,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "users.list": self._users_list,
            "users.info": self._users_info,
            "users.lookupByEmail": self._users_lookup,
            "chat.postMessage": self._post_message,
        }
        if method not in methods:
            raise _No("unknown_method")
        return {"ok": True, **methods[method](arguments)}

    def _need(self, scope: str) -> None:
        if scope not in self.scopes:
            raise _No("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _auth_test(self, _arguments: Mapping[str, str]) -> Body:
        found = {
            "url": "https://northwind-cs.slack.com/",
            "team": "Northwind CS",
            "team_id": self.team,
        }
        if self.bot:
            return {**found, "user": "crmctl", "user_id": BOT_USER, "bot_id": BOT}
        return {**found, "user": "ana", "user_id": "U07ANA0001"}

    def _team_info(self, _arguments: Mapping[str, str]) -> Body:
        self._need("team:read")
        return {"team": {"id": self.team, "name": "Northwind CS", "domain": "northwind-cs"}}

    def _users_conversations(self, arguments: Mapping[str, str]) -> Body:
        return self._channels_page("users.conversations", arguments, mine=True)

    def _conversations_list(self, arguments: Mapping[str, str]) -> Body:
        return self._channels_page("conversations.list", arguments, mine=False)

    def _channels_page(self, method: str, arguments: Mapping[str, str], *, mine: bool) -> Body:
        types = set(arguments.get("types", "public_channel").split(","))
        archived = arguments.get("exclude_archived") != "true"

        def kind(channel: Body) -> str:
            if channel["is_im"] or channel["is_mpim"]:
                return "im" if channel["is_im"] else "mpim"
            return "private_channel" if channel["is_private"] else "public_channel"

        for one in types & {"public_channel", "private_channel"}:
            self._need("channels:read" if one == "public_channel" else "groups:read")
        rows = [] if self.empty else [self.channels[id] for id in sorted(self.channels)]
        # Slack filters behind the cut, so that pages come out nearly empty.
        page, more = self._cut(method, arguments, rows)
        found = [
            channel
            for channel in page
            if kind(channel) in types
            and (archived or not channel["is_archived"])
            and (channel["is_member"] or (not mine and not channel["is_private"]))
        ]
        return {"channels": found, **more}

    def _conversations_info(self, arguments: Mapping[str, str]) -> Body:
        self._need("channels:read")
        return {"channel": self._channel(arguments)}

    def _conversations_members(self, arguments: Mapping[str, str]) -> Body:
        self._need("channels:read")
        rows = self.members[self._channel(arguments)["id"]]
        page, more = self._cut("conversations.members", arguments, rows)
        return {"members": page, **more}

    def _conversations_join(self, arguments: Mapping[str, str]) -> Body:
        self._need("channels:join")
        channel = self._channel(arguments)
        if channel["is_private"]:
            raise _No("method_not_supported_for_channel_type")
        if channel["is_archived"]:
            raise _No("is_archived")
        already = {"warning": "already_in_channel"} if channel["is_member"] else {}
        channel["is_member"] = True
        return {"channel": channel, **already}

    def _conversations_open(self, arguments: Mapping[str, str]) -> Body:
        """The direct messages with one person: the same channel each time."""
        self._need("im:write")
        user = arguments.get("users", "")
        if user not in self.users:
            raise _No("user_not_found")
        id = f"D{user[1:]}"
        if id not in self.channels:
            more = {"is_channel": False, "is_im": True, "is_private": True, "user": user}
            self.add_channel(id, "", [user], **more)
        return {"channel": {"id": id}}

    def _channel(self, arguments: Mapping[str, str]) -> Body:
        channel = self.channels.get(arguments.get("channel", ""))
        if channel is None or (channel["is_private"] and not channel["is_member"]):
            raise _No("channel_not_found")
        return channel

    def _readable(self, arguments: Mapping[str, str]) -> str:
        channel = self._channel(arguments)
        kind = "groups" if channel["is_private"] else "channels"
        self._need("im:history" if channel["is_im"] else f"{kind}:history")
        if self.bot and not channel["is_member"]:
            raise _No("not_in_channel")
        return str(channel["id"])

    def _bounds(self, arguments: Mapping[str, str]) -> Callable[[str], bool]:
        oldest, latest = arguments.get("oldest", ""), arguments.get("latest", "")
        for name, bound in (("oldest", oldest), ("latest", latest)):
            if bound and not bound.replace(".", "", 1).isdecimal():
                raise _No(f"invalid_ts_{name}")
        if arguments.get("inclusive") == "true":
            return lambda ts: (not oldest or ts >= oldest) and (not latest or ts <= latest)
        return lambda ts: (not oldest or ts > oldest) and (not latest or ts < latest)

    def _history(self, arguments: Mapping[str, str]) -> Body:
        id = self._readable(arguments)
        inside, tops = self._bounds(arguments), self.tops[id]
        low = bisect.bisect_left(tops, arguments.get("oldest", ""))
        high = bisect.bisect_right(tops, arguments.get("latest") or "9")
        rows = [] if self.empty else [ts for ts in reversed(tops[low:high]) if inside(ts)]
        arguments = {"limit": "100", **arguments}
        page, more = self._cut("conversations.history", arguments, rows, blank=self.blank_first)
        messages = [self.here[id][ts] for ts in page]
        if arguments.get("include_all_metadata") != "true":
            messages = [{k: v for k, v in m.items() if k != "metadata"} for m in messages]
        limited = {"is_limited": True} if self.limited else {}
        return {
            "messages": messages,
            "has_more": bool(more["response_metadata"]["next_cursor"]),
            "pin_count": 0,
            **limited,
            **more,
        }

    def _replies(self, arguments: Mapping[str, str]) -> Body:
        id, root = self._readable(arguments), arguments.get("ts", "")
        message = self.here[id].get(root)
        if message is None:
            raise _No("thread_not_found")
        replies = self.threads.get((id, root), [])
        if not replies:
            return {"messages": [message], "has_more": False}
        inside = self._bounds(arguments)
        rows = [ts for ts in replies if inside(ts)]
        first = [] if arguments.get("cursor") else [message]
        page, more = self._cut(
            "conversations.replies", {"limit": "1000", **arguments}, rows, taken=len(first)
        )
        messages = first + [self.here[id][ts] for ts in page]
        return {
            "messages": messages,
            "has_more": bool(more["response_metadata"]["next_cursor"]),
            **more,
        }

    def _users_list(self, arguments: Mapping[str, str]) -> Body:
        self._need("users:read")
        if "limit" not in arguments and len(self.users) > 500:
            raise _No("limit_required")
        rows = [self._user(self.users[id]) for id in sorted(self.users)]
        page, more = self._cut("users.list", arguments, rows)
        return {"members": page, "cache_ts": self.now, **more}

    def _users_info(self, arguments: Mapping[str, str]) -> Body:
        self._need("users:read")
        user = self.users.get(arguments.get("user", ""))
        if user is None:
            raise _No("user_not_found")
        return {"user": self._user(user)}

    def _users_lookup(self, arguments: Mapping[str, str]) -> Body:
        self._need("users:read.email")
        for user in self.users.values():
            if user["profile"].get("email") == arguments.get("email") and not user["deleted"]:
                return {"user": user}
        raise _No("users_not_found")

    def _user(self, user: Body) -> Body:
        if "users:read.email" in self.scopes:
            return user
        return {**user, "profile": {k: v for k, v in user["profile"].items() if k != "email"}}

    def _post_message(self, arguments: Mapping[str, str]) -> Body:
        self._need("chat:write")
        channel = self._channel(arguments)
        if not arguments.get("text"):
            raise _No("no_text")
        self.posted.append(dict(arguments))
        bot: Body = {"subtype": "bot_message", "bot_id": BOT, "app_id": "A07CRM0001"}
        blocks = json.loads(arguments.get("blocks", "[]"))
        if len(blocks) > 50 or len(arguments.get("blocks", "")) > 40_000:
            raise _No("invalid_blocks")
        if arguments.get("metadata"):
            metadata = json.loads(arguments["metadata"])
            if set(metadata) != {"event_type", "event_payload"}:
                raise _No("metadata_must_be_sent_as_json")
            bot |= {"metadata": metadata}
        ts = self.post(channel["id"], "", arguments["text"], **bot)
        return {"channel": channel["id"], "ts": ts, "message": self.here[channel["id"]][ts]}

    def _cut(
        self,
        method: str,
        arguments: Mapping[str, str],
        rows: list[Any],
        *,
        taken: int = 0,
        blank: bool = False,
    ) -> tuple[list[Any], Body]:
        """A page of ``rows`` and the cursor behind it: good for these arguments only, and not for long."""
        limit = int(arguments.get("limit", "1000"))
        if not 0 < limit <= 1000:
            raise _No("invalid_limit")
        if self.throttled and method in {"conversations.history", "conversations.replies"}:
            limit = min(limit, 15)
        limit = max(1, min(limit, self.most) - taken)
        fixed = sorted((k, v) for k, v in arguments.items() if k not in {"cursor", "limit"})
        start, cursor = 0, arguments.get("cursor")
        if self.looping:
            return rows[:limit], {"response_metadata": {"next_cursor": "bG9vcA=="}}
        if cursor:
            try:
                place, life, stated = json.loads(base64.b64decode(cursor))
            except ValueError:
                raise _No("invalid_cursor") from None
            if life != self._life or stated != [method, *map(list, fixed)]:
                raise _No("invalid_cursor")
            # A row's own name, where it has one: rows that come and go shift no page.
            start = (
                next((n for n, row in enumerate(rows) if row == place), len(rows))
                if isinstance(place, str)
                else place
            )
        elif blank and rows:
            limit = 0
        end = start + limit
        following = ""
        if end < len(rows):
            place = rows[end] if isinstance(rows[end], str) else end
            following = base64.b64encode(
                json.dumps([place, self._life, [method, *fixed]]).encode()
            ).decode()
        return rows[start:end], {"response_metadata": {"next_cursor": following}}


def _json(body: Body, status: int, headers: dict[str, str]) -> Reply:
    """As Slack writes it: ASCII, with slashes escaped."""
    raw = json.dumps(body).replace("/", "\\/").encode()
    return Reply(status, raw, {"Content-Type": "application/json; charset=utf-8", **headers})
