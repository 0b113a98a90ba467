"""A double of the Gmail API and of Google's token endpoint: one mailbox, its labels and its history."""

from __future__ import annotations

import base64
import bisect
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from tests.servers.base import Call, Reply, Server
from tests.servers.letters import ANA, Letter, sample

CLIENT, SECRET, REFRESH = (
    "crmctl-test.apps",
    "GOCSPX-not-a-secret-at-all",
    "1//0not-a-refresh-token",
)
HOME = "/gmail/v1/users/me"
UNITS = {"profile": 1, "labels": 1, "history": 2, "messages": 5, "message": 20, "thread": 40}


@dataclass
class Mail:
    """One message in the mailbox. ``received`` is in milliseconds since 1970."""

    id: str
    thread: str
    labels: set[str]
    raw: bytes
    headers: list[tuple[str, str]]
    message_id: str
    received: int
    history: int = 0

    @property
    def place(self) -> tuple[int, str]:
        return (self.received, self.id)


@dataclass
class Past:
    """One entry of the history."""

    id: int
    kind: str
    mail: str
    thread: str
    labels: list[str] = field(default_factory=list)


class Gmail(Server):
    """``looping`` and ``empty`` are faults that last; ``most`` is how much a page has at most.

    ``spent`` counts quota units. History ids below ``forgotten`` are unknown.
    """

    def __init__(self, address: str = ANA[1]) -> None:
        super().__init__()
        self.address = address
        self.mails: dict[str, Mail] = {}
        self.past: list[Past] = []
        self.labels = {
            "INBOX": "INBOX",
            "SENT": "SENT",
            "UNREAD": "UNREAD",
            "Label_7": "Clients/Tiles",
        }
        self.tokens: set[str] = set()
        self.refreshing = {REFRESH}
        self.forgotten = 0
        self.most = 500
        self.looping = self.empty = False
        self.spent = 0
        self._history = 987_000
        self._order: list[tuple[int, str]] = []
        self._threads: dict[str, list[str]] = {}
        self._by_message_id: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)

    @classmethod
    def sample(cls) -> Self:
        """A mailbox with letters to look at."""
        made = cls()
        for letter in sample():
            made.add(letter)
        return made

    def add(
        self, letter: Letter, labels: Iterable[str] = (), received: dt.datetime | None = None
    ) -> Mail:
        """A message arrives, or is sent."""
        number = next(self._numbers)
        id = f"18e0c0ff{number:08x}"
        parents = [own for one in letter.references for own in self._by_message_id.get(one, ())]
        thread = self.mails[parents[0]].thread if parents and parents[0] in self.mails else id
        ours = letter.sender[1] == self.address
        found = set(labels) or ({"SENT"} if ours else {"INBOX", "UNREAD"})
        at = int((received or letter.at).timestamp() * 1000) + number % 1000
        mail = Mail(id, thread, found, letter.raw, letter.headers, letter.id, at)
        self.mails[id] = mail
        bisect.insort(self._order, mail.place)
        self._threads.setdefault(thread, []).append(id)
        self._by_message_id.setdefault(letter.id, []).append(id)
        self._note("messageAdded", mail)
        return mail

    def remove(self, id: str) -> None:
        """Somebody deletes a message for good."""
        mail = self.mails.pop(id)
        del self._order[bisect.bisect_left(self._order, mail.place)]
        self._threads[mail.thread].remove(id)
        self._note("messageDeleted", mail)

    def unlabel(self, id: str, *labels: str) -> None:
        """A message loses labels, such as UNREAD when somebody reads it; the history moves on."""
        mail = self.mails[id]
        mail.labels -= set(labels)
        self._note("labelRemoved", mail, list(labels))

    def expire(self) -> None:
        """No access token counts any more."""
        self.tokens.clear()

    def handle(self, call: Call) -> Reply:
        if call.path == "/token":
            return self._token(call)
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "Invalid Credentials", "authError", "UNAUTHENTICATED")
        what, _, id = call.path.removeprefix(f"{HOME}/").partition("/")
        if not call.path.startswith(f"{HOME}/") or call.method != "GET":
            return _error(404, "Not Found", "notFound", "NOT_FOUND")
        name = {"messages": "message", "threads": "thread"}.get(what, what) if id else what
        self.spent += UNITS.get(name, 0)
        if name == "profile":
            return Reply(200, self._profile())
        if name == "labels":
            kind = {True: "system", False: "user"}
            return Reply(
                200,
                {
                    "labels": [
                        {"id": i, "name": n, "type": kind[i == n]} for i, n in self.labels.items()
                    ]
                },
            )
        if name == "messages":
            return self._list(call)
        if name == "history":
            return self._told(call)
        if name == "message" and id in self.mails:
            return self._one(call, self.mails[id])
        if name == "thread" and self._threads.get(id):
            mails = [self.mails[one] for one in self._threads[id]]
            return Reply(200, {"id": id, "messages": [self._shown(call, mail) for mail in mails]})
        return _error(404, "Requested entity was not found.", "notFound", "NOT_FOUND")

    def _token(self, call: Call) -> Reply:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return Reply(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        if form.get("grant_type") != "refresh_token":
            return Reply(400, {"error": "unsupported_grant_type"})
        if form.get("refresh_token") not in self.refreshing:
            text = "Token has been expired or revoked."
            return Reply(400, {"error": "invalid_grant", "error_description": text})
        token = f"ya29.not-a-token-{next(self._numbers)}"
        self.tokens = {token}
        scope = "https://www.googleapis.com/auth/gmail.readonly"
        return Reply(
            200, {"access_token": token, "expires_in": 3599, "scope": scope, "token_type": "Bearer"}
        )

    def _profile(self) -> dict[str, Any]:
        return {
            "emailAddress": self.address,
            "messagesTotal": len(self.mails),
            "threadsTotal": len(self._threads),
            "historyId": str(self._history),
        }

    def _list(self, call: Call) -> Reply:
        size = min(int(call.query.get("maxResults", 100)), self.most, 500)
        labels = {value for name, value in call.pairs if name == "labelIds"}
        found = list(itertools.islice(self._matching(call, labels), size + 1))
        if self.empty or not found:
            return Reply(200, {"resultSizeEstimate": 0})
        page = [{"id": mail.id, "threadId": mail.thread} for mail in found[:size]]
        body: dict[str, Any] = {"messages": page, "resultSizeEstimate": 201}
        if self.looping:
            body["nextPageToken"] = "07434231"
        elif len(found) > size:
            body["nextPageToken"] = _page_token(found[size - 1].place)
        return Reply(200, body)

    def _matching(self, call: Call, labels: set[str]) -> Iterator[Mail]:
        """What the query finds, the newest first, from where the page token says."""
        first, last, left_out, only = 0, len(self._order), {"SPAM", "TRASH"}, None
        for term in call.query.get("q", "").split():
            key, _, value = term.partition(":")
            if key == "after":
                first = bisect.bisect_left(self._order, (int(value) * 1000, ""))
            elif key == "before":
                last = bisect.bisect_left(self._order, (int(value) * 1000, ""))
            elif key == "rfc822msgid":
                only = set(self._by_message_id.get(value, ()))
            else:
                left_out.add({"-in:chats": "CHAT", "-in:drafts": "DRAFT"}[term])
        token = call.query.get("pageToken")
        if token and not self.looping:
            last = min(last, bisect.bisect_left(self._order, _place(token)))
        for _, id in reversed(self._order[first:last]):
            mail = self.mails[id]
            if (
                labels <= mail.labels
                and not left_out & mail.labels
                and (only is None or id in only)
            ):
                yield mail

    def _told(self, call: Call) -> Reply:
        start = int(call.query["startHistoryId"])
        if start < self.forgotten or start > self._history:
            return _error(404, "Requested entity was not found.", "notFound", "NOT_FOUND")
        kinds = {value for name, value in call.pairs if name == "historyTypes"}
        size = min(int(call.query.get("maxResults", 100)), self.most, 500)
        after = int(call.query.get("pageToken", start))
        begin = bisect.bisect_right(self.past, after, key=lambda past: past.id)
        some = [past for past in self.past[begin:] if not kinds or past.kind in kinds]
        body: dict[str, Any] = {"historyId": str(self._history)}
        if some:
            body["history"] = [self._entry(past) for past in some[:size]]
        if self.looping:
            body["nextPageToken"] = str(start)
        elif len(some) > size:
            body["nextPageToken"] = str(some[size - 1].id)
        return Reply(200, body)

    def _entry(self, past: Past) -> dict[str, Any]:
        message: dict[str, Any] = {"id": past.mail, "threadId": past.thread}
        entry: dict[str, Any] = {"id": str(past.id), "messages": [dict(message)]}
        mail = self.mails.get(past.mail)
        if mail is not None and mail.labels:
            message["labelIds"] = sorted(mail.labels)
        if past.kind == "labelRemoved":
            entry["labelsRemoved"] = [{"message": message, "labelIds": past.labels}]
        else:
            name = {"messageAdded": "messagesAdded", "messageDeleted": "messagesDeleted"}[past.kind]
            entry[name] = [{"message": message}]
        return entry

    def _one(self, call: Call, mail: Mail) -> Reply:
        return Reply(200, self._shown(call, mail))

    def _shown(self, call: Call, mail: Mail) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": mail.id,
            "threadId": mail.thread,
            "labelIds": sorted(mail.labels),
            "snippet": "Renewal is fine &amp; we want",
            "historyId": str(mail.history),
            "internalDate": str(mail.received),
            "sizeEstimate": len(mail.raw),
        }
        if not mail.labels:
            del shown["labelIds"]
        if call.query.get("format") == "raw":
            shown["raw"] = base64.urlsafe_b64encode(mail.raw).decode().rstrip("=")
        else:
            wanted = {value.lower() for name, value in call.pairs if name == "metadataHeaders"}
            rows = [
                {"name": "Message-Id" if name == "Message-ID" else name, "value": value}
                for name, value in mail.headers
                if name.lower() in wanted
            ]
            shown["payload"] = {"mimeType": "text/plain"} | ({"headers": rows} if rows else {})
        return shown

    def _note(self, kind: str, mail: Mail, labels: list[str] | None = None) -> None:
        self._history += 17
        mail.history = self._history
        self.past.append(Past(self._history, kind, mail.id, mail.thread, labels or []))


def rate_limited(_call: Call, _reply: Reply) -> Reply:
    """Too fast: a 403 that is no matter of rights, and says nothing of how long to wait."""
    text = "Quota exceeded for quota metric 'Queries' and limit 'Units per minute per user'"
    return _error(403, text, "rateLimitExceeded", "RESOURCE_EXHAUSTED", "usageLimits")


def forbidden(_call: Call, _reply: Reply) -> Reply:
    """A 403 that is a matter of rights."""
    text = "Request had insufficient authentication scopes."
    return _error(403, text, "insufficientPermissions", "PERMISSION_DENIED")


def spent_for_today(_call: Call, _reply: Reply) -> Reply:
    """The day's allowance is used up."""
    return _error(
        403, "Daily Limit Exceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED", "usageLimits"
    )


def _error(code: int, text: str, reason: str, status: str, domain: str = "global") -> Reply:
    one = {"message": text, "domain": domain, "reason": reason}
    return Reply(
        code, {"error": {"code": code, "message": text, "status": status, "errors": [one]}}
    )


def _page_token(place: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode()


def _place(token: str) -> tuple[int, str]:
    received, _, id = base64.urlsafe_b64decode(token).decode().partition(" ")
    return int(received), id
