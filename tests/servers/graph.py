"""A double of Microsoft Graph's mail and of Microsoft's token endpoint: one mailbox with its folders."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote

from tests.servers.base import Call, Fault, Reply, Server, status
from tests.servers.letters import ANA, Letter, Person, sample, sound

TENANT, CLIENT, SECRET = (
    "ours.example",
    "5f1c0000-0000-4000-8000-00000000c0de",
    "q8~not-a-secret-at-all",
)
REFRESH = "0.not-a-refresh-token"
_HOME = "/v1.0/users/"
_STANDING = {
    "inbox": "Posteingang",
    "sentitems": "Gesendete Elemente",
    "drafts": "Entwürfe",
    "junkemail": "Junk-E-Mail",
    "deleteditems": "Gelöschte Elemente",
    "archive": "Archiv",
}
_DEFAULT_PAGE = 10
_NEVER = "9999-12-31T00:00:00Z"


@dataclass
class Folder:
    """A mail folder; ``log`` is what happened in it: when, created/updated/deleted, a message's id, what changed."""

    id: str
    name: str
    parent: str = ""
    log: list[tuple[int, str, str, dict[str, Any]]] = field(default_factory=list)
    held: dict[str, None] = field(default_factory=dict)


@dataclass
class Item:
    """A message in a folder."""

    id: str
    folder: str
    letter: Letter
    conversation: str
    received: str
    draft: bool
    read: bool = False


class Graph(Server):
    """``looping`` and ``empty`` are faults that last; links with a number below ``forgotten`` have expired.

    ``fresh_links``: a delta link is another one each time, as at Microsoft, though it stands for the same.
    """

    def __init__(self, address: str = ANA[1]) -> None:
        super().__init__()
        self.address = address
        self.items: dict[str, Item] = {}
        self.folders: dict[str, Folder] = {}
        self.standing = {name: self.folder(shown).id for name, shown in _STANDING.items()}
        self.tokens: set[str] = set()
        self.refresh = REFRESH
        self.forgotten = 0
        self.expired_code = "SyncStateNotFound"
        self.expired_status = 410
        self.looping = self.empty = False
        self.fresh_links = True
        self.elsewhere = ""
        self.page = 1000
        self._at = 0
        self._numbers = itertools.count(1)
        self._snapshots: dict[tuple[str, int, str], list[str]] = {}
        self._conversations: dict[str, list[str]] = {}
        self._by_message_id: dict[str, list[str]] = {}

    @classmethod
    def sample(cls) -> Self:
        """A mailbox with letters to look at."""
        made = cls()
        for letter in sample():
            made.add(letter)
        return made

    def folder(self, name: str, parent: str = "") -> Folder:
        """A new folder."""
        made = Folder(f"AAMkAGI2THV/{len(self.folders):02}+AAA=", name, parent)
        self.folders[made.id] = made
        return made

    def add(self, letter: Letter, folder: str = "", *, draft: bool = False) -> Item:
        """A message arrives, is sent, or lies in the folder of that id."""
        number = next(self._numbers)
        where = (
            folder or self.standing["sentitems" if letter.sender[1] == self.address else "inbox"]
        )
        parents = [own for one in letter.references for own in self._by_message_id.get(one, ())]
        conversation = self.items[parents[0]].conversation if parents else f"AAQk/{number}+yEto="
        at = letter.at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        item = Item(f"AAkALg/{number:06}+gAA=", where, letter, conversation, at, draft)
        self.items[item.id] = item
        self._conversations.setdefault(conversation, []).append(item.id)
        self._by_message_id.setdefault(letter.id, []).append(item.id)
        self._happened(where, "created", item.id)
        return item

    def move(self, id: str, folder: str) -> None:
        """Somebody puts a message into another folder."""
        item = self.items[id]
        self._happened(item.folder, "deleted", id)
        item.folder = folder
        self._happened(folder, "created", id)

    def read(self, id: str) -> None:
        """Somebody reads a message."""
        self.items[id].read = True
        self._happened(self.items[id].folder, "updated", id, {"isRead": True})

    def remove(self, id: str) -> None:
        """Somebody deletes a message for good."""
        item = self.items.pop(id)
        self._conversations[item.conversation].remove(id)
        self._by_message_id[item.letter.id].remove(id)
        self._happened(item.folder, "deleted", id)

    def expire(self) -> None:
        """No access token counts any more."""
        self.tokens.clear()

    def forget(self) -> None:
        """All links that were given so far expire."""
        self._at += 1
        self.forgotten = self._at

    def handle(self, call: Call) -> Reply:
        if call.path.endswith("/oauth2/v2.0/token"):
            return self._token(call)
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            text = "Lifetime validation failed, the token is expired."
            return _error(401, "InvalidAuthenticationToken", text)
        parts = [unquote(part) for part in call.path.removeprefix(_HOME).split("/")]
        if not call.path.startswith(_HOME) or call.method != "GET":
            return _error(400, "BadRequest", "Resource not found for the segment.")
        if parts[0].casefold() != self.address:
            return _error(
                404,
                "MailboxNotEnabledForRESTAPI",
                "REST API is not yet supported for this mailbox.",
            )
        match parts[1:]:
            case ["mailFolders"]:
                return self._folders(call, "")
            case ["mailFolders", id, "childFolders"]:
                return self._folders(call, self.standing.get(id, id))
            case ["mailFolders", id]:
                return self._folder(self.standing.get(id, id))
            case ["mailFolders", id, "messages", "delta"]:
                return self._delta(call, self.standing.get(id, id))
            case ["messages"]:
                return self._filtered(call)
            case ["messages", id] if id in self.items:
                return Reply(200, self._selected(call, self.items[id]))
            case ["messages", id, "$value"] if id in self.items:
                return Reply(200, self.items[id].letter.raw, {"Content-Type": "text/plain"})
        return _error(404, "ErrorItemNotFound", "The specified object was not found in the store.")

    def _token(self, call: Call) -> Reply:
        form = call.form
        if call.path != f"/{TENANT}/oauth2/v2.0/token":
            text = "AADSTS90002: Tenant not found."
            return Reply(400, {"error": "invalid_request", "error_description": text})
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            text = "AADSTS7000222: The provided client secret keys are expired."
            return Reply(401, {"error": "invalid_client", "error_description": text})
        token = f"eyJ0.not-a-token-{next(self._numbers)}"
        given: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3599, "access_token": token}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self.refresh:
                text = "AADSTS700082: The refresh token has expired due to inactivity."
                return Reply(400, {"error": "invalid_grant", "error_description": text})
            self.refresh = given["refresh_token"] = f"0.not-a-refresh-token-{next(self._numbers)}"
        elif form.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type"})
        elif form.get("scope") != "https://graph.microsoft.com/.default":
            text = "AADSTS1002012: The provided value for scope is not valid."
            return Reply(400, {"error": "invalid_scope", "error_description": text})
        self.tokens = {token}
        return Reply(200, given)

    def _folder(self, id: str) -> Reply:
        folder = self.folders.get(id)
        if folder is None:
            text = "The specified folder could not be found in the store."
            return _error(404, "ErrorItemNotFound", text)
        return Reply(200, self._shown(folder))

    def _folders(self, call: Call, parent: str) -> Reply:
        found = [folder for folder in self.folders.values() if folder.parent == parent]
        first, size = int(call.query.get("$skip", 0)), int(call.query.get("$top", _DEFAULT_PAGE))
        body: dict[str, Any] = {"value": [self._shown(f) for f in found[first : first + size]]}
        if len(found) > first + size:
            body["@odata.nextLink"] = f"{self.url}{call.path}?$top={size}&$skip={first + size}"
        return Reply(200, body)

    def _shown(self, folder: Folder) -> dict[str, Any]:
        children = sum(other.parent == folder.id for other in self.folders.values())
        return {
            "id": folder.id,
            "displayName": folder.name,
            "childFolderCount": children,
            "totalItemCount": len(folder.held),
        }

    def _delta(self, call: Call, id: str) -> Reply:
        """All that a folder holds, or what happened in it since a link was given.

        A token is made of a letter, when it was given, and what it goes on with: ``a`` the pages of all, ``d`` from
        a delta link on, ``c`` the pages of changes.
        """
        if id not in self.folders:
            return self._folder(id)
        folder = self.folders[id]
        token = call.query.get("$deltatoken") or call.query.get("$skiptoken") or ""
        kind, given, *rest = (
            token.split("/") if token else ("a", str(self._at), "", _since(call), "0")
        )
        if int(given) < self.forgotten:
            text = "The sync state generation is not found; resync required."
            return _error(self.expired_status, self.expired_code, text)
        match = re.search(r"maxpagesize=(\d+)", call.headers.get("prefer", ""))
        size = min(int(match[1]) if match else _DEFAULT_PAGE, self.page)
        if kind == "a":
            seen, since, first = rest[0] or str(self._at), rest[1], int(rest[2])
            all = self._all(folder, int(seen), since)
            ids = [id for id in all[first : first + size] if id in self.items]
            page = [self._row(call, self.items[id]) for id in ids] if not self.empty else []
            more = "" if len(all) <= first + size else f"a/{self._at}/{seen}/{since}/{first + size}"
            return self._paged(folder, page, more, seen)
        after, until, first = (
            (rest[0], rest[1], int(rest[2])) if kind == "c" else (rest[0], str(self._at), 0)
        )
        rows = list(self._changed(call, folder, int(after), int(until)))
        more = "" if len(rows) <= first + size else f"c/{self._at}/{after}/{until}/{first + size}"
        return self._paged(folder, rows[first : first + size], more, until)

    def _all(self, folder: Folder, seen: int, since: str) -> list[str]:
        """What a folder held when its first page was asked for, the newest first."""
        key = (folder.id, seen, since)
        if key not in self._snapshots:
            there = {
                id for number, kind, id, _ in folder.log if kind == "created" and number <= seen
            }
            items = [self.items[id] for id in folder.held if id in there]
            some = [(item.received, item.id) for item in items if item.received >= since]
            self._snapshots[key] = [id for _, id in sorted(some, reverse=True)]
        return self._snapshots[key]

    def _changed(
        self, call: Call, folder: Folder, after: int, until: int
    ) -> Iterator[dict[str, Any]]:
        """What happened in a folder between two moments, each message once, as it is now."""
        happened: dict[str, tuple[set[str], dict[str, Any]]] = {}
        for number, kind, id, changed in folder.log:
            if after < number <= until:
                kinds, all_changed = happened.setdefault(id, (set(), {}))
                kinds.add(kind)
                all_changed.update(changed)
        for id, (kinds, changed) in happened.items():
            if id not in folder.held:
                yield {"id": self._id(call, id), "@removed": {"reason": "deleted"}}
            elif "created" in kinds:
                yield self._row(call, self.items[id])
            else:
                yield {"@odata.etag": 'W/"CQAB"', "id": self._id(call, id), **changed}

    def _paged(self, folder: Folder, rows: list[dict[str, Any]], more: str, upto: str) -> Reply:
        """A page, with the link to the next one or, on the last one, to what will happen."""
        path = f"{_HOME}{self.address}/mailFolders/{quote(folder.id, safe='')}/messages/delta"
        if self.looping:
            more = f"a/{self._at}//{_NEVER}/0"
        nonce = f"/+{next(self._numbers)}=" if self.fresh_links else ""
        name, token = ("$skiptoken", more) if more else ("$deltatoken", f"d/{upto}/{upto}{nonce}")
        link = f"{self.elsewhere or self.url}{path}?{name}={quote(token, safe='')}"
        return Reply(200, {"value": rows, f"@odata.{'nextLink' if more else 'deltaLink'}": link})

    def _filtered(self, call: Call) -> Reply:
        condition = call.query.get("$filter", "")
        match = re.fullmatch(r"(internetMessageId|conversationId) eq '(.*)'", condition)
        between = re.fullmatch(
            r"receivedDateTime ge (\S+) and receivedDateTime lt (\S+)", condition
        )
        if match:
            value = match[2].replace("''", "'")
            by_id = match[1] == "internetMessageId"
            ids = (
                self._by_message_id.get(value[1:-1], [])
                if by_id
                else self._conversations.get(value, [])
            )
            found = [self.items[id] for id in ids]
        elif between:
            found = [i for i in self.items.values() if between[1] <= i.received < between[2]]
        else:
            return _error(400, "BadRequest", "Invalid filter clause")
        return Reply(200, {"value": [self._row(call, item) for item in found]})

    def _selected(self, call: Call, item: Item) -> dict[str, Any]:
        row = self._row(call, item)
        if "internetMessageHeaders" in call.query.get("$select", "") and not item.draft:
            if item.letter.sender[1] == self.address:
                return {"id": row["id"]}
            rows = [{"name": name, "value": value} for name, value in item.letter.headers]
            return {"id": row["id"], "internetMessageHeaders": rows}
        return row

    def _row(self, call: Call, item: Item) -> dict[str, Any]:
        letter = item.letter
        row = {
            "@odata.etag": 'W/"CQAA"',
            "id": self._id(call, item.id),
            "internetMessageId": f"<{letter.id}>" if letter.id else None,
            "conversationId": item.conversation,
            "subject": sound(letter.subject),
            "isDraft": item.draft,
            "receivedDateTime": item.received,
            "sentDateTime": item.received,
            "from": _person(letter.sender),
            "toRecipients": [_person(person) for person in letter.to],
            "ccRecipients": [_person(person) for person in letter.cc],
        }
        return {name: value for name, value in row.items() if value is not None}

    def _id(self, call: Call, id: str) -> str:
        """The id of a message; one that changes with its folder unless the request wants one that does not."""
        if 'IdType="ImmutableId"' in call.headers.get("prefer", "") or id not in self.items:
            return id
        return f"{id}{self.items[id].folder}"

    def _happened(
        self, folder: str, kind: str, id: str, changed: dict[str, Any] | None = None
    ) -> None:
        self._at += 1
        self.folders[folder].log.append((self._at, kind, id, changed or {}))
        if kind == "deleted":
            del self.folders[folder].held[id]
        elif kind == "created":
            self.folders[folder].held[id] = None


def too_many(after: str = "10") -> Fault:
    """More than four requests at once for one mailbox."""
    text = "Application is over its MailboxConcurrency limit."
    return status(
        429, {"error": {"code": "ApplicationThrottled", "message": text}}, Retry_After=after
    )


def denied(_call: Call, _reply: Reply) -> Reply:
    """A policy does not let the app read this mailbox."""
    return _error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def _error(code: int, name: str, text: str) -> Reply:
    inner = {"date": "2026-03-03T09:00:00", "request-id": "r-1", "client-request-id": "c-1"}
    return Reply(code, {"error": {"code": name, "message": text, "innerError": inner}})


def _person(person: Person) -> dict[str, Any]:
    return {"emailAddress": {"name": sound(person[0]), "address": person[1]}}


def _since(call: Call) -> str:
    return call.query.get("$filter", "").rpartition(" ")[2]
