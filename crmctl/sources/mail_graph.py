"""A mailbox behind Microsoft Graph: what changed in each of its folders.

What is deleted in the mailbox is not noticed: a mail that was exchanged was exchanged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from email.utils import format_datetime
from typing import NamedTuple

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Rejected, Waiting
from crmctl.model.text import one_line
from crmctl.sources.errors import SourceError
from crmctl.sources.mail_graph_api import API, DELTA, NEXT, Api
from crmctl.sources.mail_message import Message, parse, parse_headers
from crmctl.sources.mail_records import SYSTEM
from crmctl.sources.mail_web import Head, Raw, Reading, fetch, header_bytes, listed, mapped
from crmctl.sources.network import Network, Walk, checked_base, is_loopback, origin
from crmctl.sources.oauth import MICROSOFT, Login
from crmctl.sources.source import Chunk, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.paths import slug
from crmctl.workspace.source_settings import EmailSettings

_DAY = dt.timedelta(days=1)
_STANDING = ("inbox", "sentitems", "archive")  # folders that settings may name in Graph's own way
_UNREAD = ("junkemail", "deleteditems", "drafts", "outbox")  # folders of what is not ours to read
_DEEPEST = 50  # folders in each other


def connect(machine: Machine, settings: EmailSettings, network: Network) -> Source:
    """The mailbox of ``user`` at Microsoft. ConfigError if a setting of this machine is missing."""
    user = machine.need(SYSTEM, "user")["user"].strip()
    url = checked_base(SYSTEM, machine.get(SYSTEM, "url") or API)
    scheme, host, _ = origin(url)
    # National clouds have hosts of their own, and tokens that count there alone.
    resource = origin(API)[1] if is_loopback(host) else host
    scheme = "https" if is_loopback(host) else scheme
    login = Login(
        machine,
        network,
        MICROSOFT,
        delegated=f"{scheme}://{resource}/Mail.Read offline_access",
        application=f"{scheme}://{resource}/.default",
    )
    return Graph(Api(network, url, login, user), settings, user)


class _Folder(NamedTuple):
    id: str
    name: str
    messages: int


class Graph:
    """The mailbox of ``user``.

    Its mark is ``{"folders": {id: link}}``: where to ask for the next changes of each folder, without the host. A
    link holds no credential. Graph gives a new one with each answer; the old one stays in the mark as long as it
    brings no message, since it goes on to bring all that comes after it. If it expires, the folder is read anew.
    """

    system = SYSTEM

    def __init__(self, api: Api, settings: EmailSettings, user: str) -> None:
        self._api, self._settings, self._user = api, settings, user
        self._own = (user,)
        self.door = api.door
        self.state = f"{SYSTEM}-{slug(user, fallback='mailbox')}"

    def read(self, request: Request) -> Iterator[Chunk]:
        """What is new in each folder since the mark, all of it in a folder that has none."""
        folders = self._folders()
        known: Mapping[str, str] = mapped(request.mark.get("folders"))
        if known and not folders:
            raise SourceError(
                f"email: Graph gives no folder of {self._user} at all, though there were {len(known)}: see what the "
                "app may read there; if that is right, sync it with --full"
            )
        done = {folder.id: known[folder.id] for folder in folders if folder.id in known}
        reading = Reading(self, self._settings, self._own, request)
        for folder in folders:
            if folder.messages or folder.id in done:
                yield from self._folder(folder, done, reading, request)
        yield Chunk(Batch(SYSTEM, partial=not request.first), {"folders": dict(done)})

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These messages whole, in whatever folder; one without a Message-ID is looked for by its day."""
        return fetch(self, self._settings, self._own, request, wanted, self._seek)

    def check(self) -> Iterator[str]:
        """Which folders are read."""
        names = [folder.name for folder in self._folders()]
        yield f"email: Microsoft lets us read the mailbox of {self._user}"
        yield f"email: reads {len(names)} folders: {', '.join(names)}"
        if not self._api.personal:
            yield (
                "email: the app's own right covers every mailbox unless a policy in Exchange limits it to some; "
                "see that one does"
            )

    def limits(self) -> Mapping[str, str]:
        """Graph does not say what is left."""
        count = self.door.requests
        return {"requests this run": f"{count} (10,000 in 10 minutes are allowed)"} if count else {}

    def exact(self, head: Head) -> Message:
        """All headers of a received message; of one that we sent there are no others than those listed."""
        found = [(str(h.get("name")), str(h.get("value"))) for h in self._api.headers(head.ref)]
        return parse_headers(header_bytes(found), received=head.received) if found else head.message

    def whole(self, head: Head) -> Message | None:
        """A message with its text, with headers alone if it is too large, None if it is gone."""
        raw = self._api.mime(head.ref, self._settings.size_limit << 20)
        if raw is None:
            return None
        return parse(raw, received=head.received) if raw else head.message

    def thread(self, id: str) -> Iterator[Message]:
        """The messages of a conversation, as far as the list of messages tells of them."""
        for raw in self._api.messages(f"conversationId eq '{_quoted(id)}'"):
            head = _head(raw)
            if isinstance(head, Head):
                yield head.message

    def _folder(
        self, folder: _Folder, done: dict[str, str], reading: Reading, request: Request
    ) -> Iterator[Chunk]:
        """The changes of one folder, page by page; a link of which Graph knows no more is replaced once."""
        known = done.get(folder.id, "")
        first = self._api.changes(folder.id, request.since.strftime("%Y-%m-%dT%H:%M:%SZ"))
        url, news = known or first, not known
        name = one_line(folder.name, 60)
        walk = Walk(SYSTEM, f"the folder {name}")
        while True:
            page = self._api.delta(walk.step(url))
            if page is None:
                if not known:
                    raise SourceError(
                        f"email: Graph forgot where we were in the folder {name}: run again to read it anew"
                    )
                known, url, news = "", first, True
                continue
            batch = Batch(SYSTEM, partial=not request.first)
            heads = self._heads(page, request.since, batch)
            news = news or bool(heads)
            request.progress(len(heads))
            batch.add(reading.batch(heads))
            if page[NEXT]:
                done[folder.id] = url = page[NEXT]
            elif page[DELTA]:
                done[folder.id] = page[DELTA] if news else known
            else:
                raise SourceError(
                    f"email: Graph gives no way on from a page of the folder {name}: try again later"
                )
            yield Chunk(batch, {"folders": dict(done)})
            if page[DELTA] and not page[NEXT]:
                return

    def _heads(self, page: Raw, since: dt.datetime, batch: Batch) -> list[Head]:
        """The messages on a page, in the order in which they were received.

        Left out are drafts, removals, and what tells only of a change to a message that was there before. A message
        from before ``since`` may be among them all the same.
        """
        heads = []
        for raw in listed(page, "value"):
            if "@removed" in raw or raw.get("isDraft") or "receivedDateTime" not in raw:
                continue
            head = _head(raw)
            if isinstance(head, Rejected):
                batch.rejected.append(head)
            elif head.received is None or head.received >= since.replace(microsecond=0):
                heads.append(head)
        return sorted(heads, key=lambda head: (head.received or since, head.ref))

    def _seek(self, wanted: Sequence[Waiting]) -> Iterator[Head]:
        plain = [w.id for w in wanted if not w.id.startswith("sha256-")]
        conditions = [f"internetMessageId eq '<{_quoted(id)}>'" for id in plain]
        conditions += sorted({_around(w) for w in wanted if w.id.startswith("sha256-")} - {""})
        for condition in conditions:
            for raw in self._api.messages(condition):
                head = _head(raw)
                if isinstance(head, Head) and not raw.get("isDraft"):
                    yield head

    def _folders(self) -> list[_Folder]:
        """The folders to read: those that the settings name, else all but junk, trash, drafts and what lies in them."""
        if self._settings.folders:
            return self._named()
        unread = {str(found.get("id")) for name in _UNREAD if (found := self._api.folder(name))}
        return [folder for _, folder in self._tree("", "", unread)]

    def _named(self) -> list[_Folder]:
        every = dict(self._tree("", "", ()))
        chosen = []
        for name in self._settings.folders:
            folder = every.get(name.casefold())
            if folder is None and name.lower() in _STANDING:
                found = self._api.folder(name.lower())
                folder = _folder(found) if found else None
            if folder is None:
                raise ConfigError(
                    f"email: there is no folder {one_line(name, 60)!r}; correct sources.email.folders in crmctl.yaml"
                )
            chosen.append(folder)
        return list(dict.fromkeys(chosen))

    def _tree(
        self, parent: str, path: str, left_out: Collection[str], depth: int = 0
    ) -> Iterator[tuple[str, _Folder]]:
        """The folders below one, each with its path in lower case; none in a folder that is left out."""
        for raw in self._api.folders(parent):
            folder = _folder(raw)
            if folder.id in left_out or not folder.id:
                continue
            here = f"{path}/{folder.name}".strip("/").casefold()
            yield here, folder
            if raw.get("childFolderCount") and depth < _DEEPEST:
                yield from self._tree(folder.id, here, left_out, depth + 1)


def _folder(raw: Raw) -> _Folder:
    count = raw.get("totalItemCount")
    name = str(raw.get("displayName") or "")
    return _Folder(str(raw.get("id") or ""), name, count if isinstance(count, int) else 1)


def _head(raw: Raw) -> Head | Rejected:
    """What the list of messages says of one, read as if these were its headers."""
    ref = str(raw.get("id"))
    received, sent = _moment(raw.get("receivedDateTime")), _moment(raw.get("sentDateTime"))
    pairs = [
        ("Message-ID", str(raw.get("internetMessageId") or "")),
        ("From", _addresses([raw.get("from")])),
        ("To", _addresses(listed(raw, "toRecipients"))),
        ("Cc", _addresses(listed(raw, "ccRecipients"))),
        ("Subject", str(raw.get("subject") or "")),
        ("Date", format_datetime(sent) if sent else ""),
    ]
    given = header_bytes((name, value) for name, value in pairs if value)
    try:
        message = parse_headers(given, received=received)
    except ValueError as error:
        return Rejected(f"email message {ref}", str(error))
    return Head(ref, str(raw.get("conversationId") or ""), message, received)


def _addresses(people: Iterable[object]) -> str:
    """People of a message as the value of a header."""
    found = []
    for person in people:
        who = mapped(mapped(person).get("emailAddress"))
        name = str(who.get("name") or "").translate({ord(letter): None for letter in '\\"'})
        found.append(f'"{name}" <{who.get("address") or ""}>')
    return ", ".join(found)


def _moment(stated: object) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(str(stated))
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _around(waiting: Waiting) -> str:
    """The condition for what was received on the day of something that waits, and one day to each side of it."""
    try:
        day = dt.date.fromisoformat(waiting.date)
    except ValueError:
        return ""
    begin, end = day - _DAY, day + 2 * _DAY
    return f"receivedDateTime ge {begin}T00:00:00Z and receivedDateTime lt {end}T00:00:00Z"


def _quoted(text: str) -> str:
    """Text inside the quotes of a condition."""
    return text.replace("'", "''")
