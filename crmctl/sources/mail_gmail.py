"""A mailbox behind the Gmail API: what its history says was added, or all of it, a week at a time.

What is deleted in the mailbox is not noticed: a mail that was exchanged was exchanged.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Rejected, Waiting
from crmctl.model.text import one_line
from crmctl.sources.errors import SourceError
from crmctl.sources.mail_gmail_api import API, Api
from crmctl.sources.mail_message import Message, parse, parse_headers
from crmctl.sources.mail_records import SYSTEM
from crmctl.sources.mail_web import WIDTH, Head, Raw, Reading, fetch, header_bytes, listed, mapped
from crmctl.sources.network import Network
from crmctl.sources.oauth import GOOGLE, Login
from crmctl.sources.source import Chunk, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.paths import slug
from crmctl.workspace.source_settings import EmailSettings

_DAY, _WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
_EARLY = dt.datetime.min.replace(tzinfo=dt.UTC)
_CHUNK = 200  # messages
_CAP = 64 << 20  # bytes of one answer
_UNREAD = frozenset({"DRAFT", "SPAM", "TRASH", "CHAT"})  # labels of what is not ours to read
_RESCUED = frozenset({"SPAM", "TRASH"})
_ALL = "-in:chats -in:drafts"


def connect(machine: Machine, settings: EmailSettings, network: Network) -> Source:
    """The mailbox of ``user`` at Google. ConfigError if a setting of this machine is missing."""
    user = machine.need(SYSTEM, "user")["user"].strip()
    login = Login(machine, network, GOOGLE)
    return Gmail(Api(network, machine.get(SYSTEM, "url") or API, login), settings, user)


class Gmail:
    """The mailbox of ``user``.

    Its mark is ``{"history": id}``; while a full read is not finished also ``read``, the day up to which it came.
    The id stays as it is as long as no message is added, though Google's own moves with each label: what comes after
    an older id holds all that comes after a newer one. If nothing is added until Google forgets the older one, the
    mailbox is read anew, which in so quiet a mailbox is soon done.
    """

    system = SYSTEM

    def __init__(self, api: Api, settings: EmailSettings, user: str) -> None:
        self._api, self._settings, self._user = api, settings, user
        self.door = api.door
        self.state = f"{SYSTEM}-{slug(user, fallback='mailbox')}"

    def read(self, request: Request) -> Iterator[Chunk]:
        """What was added since the mark; everything where there is none, or Google forgot what came after it."""
        reading = Reading(self, self._settings, self._own, request)
        history, begin = str(request.mark.get("history") or ""), _day(request.mark.get("read"))
        if history:
            pages = self._api.history(history)
            if pages is None:
                history, begin = "", None
            else:
                ids = list(dict.fromkeys(id for page in pages for id in _added(page)))
                for batch in self._batches(ids, reading, request):
                    yield Chunk(batch)
                history = str(pages[-1].get("historyId") or history) if ids else history
                yield Chunk(Batch(SYSTEM, partial=True), _mark(history, begin))
                if begin is None:
                    return
        if not history:
            # From before anything is listed: what arrives meanwhile is in the history that follows.
            history = str(self._profile.get("historyId") or "")
            if not history:
                raise SourceError(
                    "email: Google names no historyId of the mailbox: try again later"
                )
        yield from self._everything(history, begin or request.since, reading, request)

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These messages whole; one without a Message-ID is looked for by its day."""
        return fetch(self, self._settings, self._own, request, wanted, self._seek)

    def check(self) -> Iterator[str]:
        """Whose mailbox the token is for, and what of it is read."""
        address = str(self._profile.get("emailAddress") or "")
        yield f"email: Google lets us read the mailbox of {address}"
        if address.casefold() != self._user.casefold():
            yield f"email: `user` says {self._user}; see that the token is for the right mailbox"
        labels = f"the labels {', '.join(self._settings.folders)}" if self._labels else "all mail"
        yield f"email: reads {labels} without drafts, spam and trash"

    def limits(self) -> Mapping[str, str]:
        """Google does not say what is left."""
        spent = self._api.spent
        return {"quota units this run": str(spent)} if spent else {}

    def exact(self, head: Head) -> Message:
        """All headers that count come with the first request already."""
        return head.message

    def whole(self, head: Head) -> Message | None:
        """A message with its text, with headers alone if it is too large, None if it is gone."""
        limit = self._settings.size_limit << 20
        if head.size > limit:
            return head.message
        raw = self._api.raw(head.ref, max(_CAP, 2 * limit))
        if raw is None:
            return None
        text = str(raw.get("raw") or "").rstrip("=")
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("came in an encoding that cannot be read") from None
        return parse(data, received=_moment(raw.get("internalDate")))

    def thread(self, id: str) -> Iterator[Message]:
        """The headers of the messages of a thread, those that cannot be read left out."""
        for raw in self._api.thread(id):
            head = _head(raw)
            if isinstance(head, Head) and self._read(raw):
                yield head.message

    def _everything(
        self, history: str, begin: dt.datetime, reading: Reading, request: Request
    ) -> Iterator[Chunk]:
        """All that was received from ``begin`` on, the oldest first."""
        while begin <= request.now:
            midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
            end = midnight + _WEEK
            ids = self._window(begin, end if end <= request.now else None)
            for batch in self._batches(ids, reading, request):
                yield Chunk(batch)
            begin = end
            yield Chunk(
                Batch(SYSTEM, partial=not request.first),
                _mark(history, end if end <= request.now else None),
            )

    def _window(self, begin: dt.datetime, end: dt.datetime | None) -> list[str]:
        """The ids of what was received in a span of time, whatever comes after ``begin`` if it has no end."""
        query = f"after:{int(begin.timestamp()) - 1} {_ALL}"
        if end is not None:
            query += f" before:{int(end.timestamp())}"
        return self._found(query)

    def _found(self, query: str) -> list[str]:
        ids = (id for label in self._labels or [""] for id in self._api.messages(query, label))
        return list(dict.fromkeys(ids))

    def _batches(self, ids: Sequence[str], reading: Reading, request: Request) -> Iterator[Batch]:
        """The records of these messages, in the order in which they were received."""
        batch = Batch(SYSTEM, partial=not request.first)
        heads = sorted(
            self._heads(ids, batch), key=lambda head: (head.message.at or _EARLY, head.ref)
        )
        request.progress(len(heads))
        yield batch
        rest = iter(heads)
        while some := list(islice(rest, _CHUNK)):
            yield reading.batch(some)

    def _heads(self, ids: Iterable[str], batch: Batch) -> list[Head]:
        """The headers of these messages; what is gone, or not ours to read, is left out."""
        heads = []
        for raw in self.door.map(self._api.headers, ids, WIDTH):
            if raw is None or not self._read(raw):
                continue
            head = _head(raw)
            if isinstance(head, Rejected):
                batch.rejected.append(head)
            else:
                heads.append(head)
        return heads

    def _read(self, raw: Raw) -> bool:
        labels = set(map(str, raw.get("labelIds") or ()))
        wanted = not self._labels or not labels.isdisjoint(self._labels)
        return wanted and labels.isdisjoint(_UNREAD)

    def _seek(self, wanted: Sequence[Waiting]) -> list[Head]:
        queries = {
            _around(w) if w.id.startswith("sha256-") else f"rfc822msgid:{w.id}": None
            for w in wanted
        }
        found = (id for ids in self.door.map(self._api.messages, queries, WIDTH) for id in ids)
        return self._heads(dict.fromkeys(found), Batch(SYSTEM))

    @cached_property
    def _profile(self) -> Raw:
        return self._api.profile()

    @property
    def _own(self) -> tuple[str, ...]:
        return (self._user, str(self._profile.get("emailAddress") or ""))

    @cached_property
    def _labels(self) -> list[str]:
        """The ids of the labels to read, none for all. ConfigError if there is no such label."""
        if not self._settings.folders:
            return []
        ids = {
            str(label.get("name")).casefold(): str(label.get("id")) for label in self._api.labels()
        }
        for name in self._settings.folders:
            if name.casefold() not in ids:
                raise ConfigError(
                    f"email: there is no label {one_line(name, 60)!r}; correct sources.email.folders in crmctl.yaml"
                )
        return [ids[name.casefold()] for name in self._settings.folders]


def _head(raw: Raw) -> Head | Rejected:
    """What the headers of a message say."""
    found = listed(raw.get("payload"), "headers")
    head = [(str(one.get("name")), str(one.get("value"))) for one in found]
    ref, at = str(raw.get("id")), _moment(raw.get("internalDate"))
    size = raw["sizeEstimate"] if isinstance(raw.get("sizeEstimate"), int) else 0
    try:
        message = parse_headers(header_bytes(head), received=at, size=size)
    except ValueError as error:
        return Rejected(f"email message {ref}", str(error))
    return Head(ref, str(raw.get("threadId") or ""), message, at, size)


def _added(page: Raw) -> Iterator[str]:
    """The ids of what a page of the history says was added, or taken out of spam or trash."""
    for record in listed(page, "history"):
        for one in listed(record, "messagesAdded"):
            message = mapped(one.get("message"))
            if _UNREAD.isdisjoint(map(str, message.get("labelIds") or ())) and message.get("id"):
                yield str(message["id"])
        for one in listed(record, "labelsRemoved"):
            message = mapped(one.get("message"))
            if not _RESCUED.isdisjoint(map(str, one.get("labelIds") or ())) and message.get("id"):
                yield str(message["id"])


def _moment(stated: object) -> dt.datetime | None:
    """The time of an ``internalDate``, which is milliseconds since 1970 as text."""
    try:
        return dt.datetime.fromtimestamp(int(str(stated)) // 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _around(waiting: Waiting) -> str:
    """A query for what was received on the day of something that waits, and one day to each side of it."""
    try:
        day = dt.datetime.combine(dt.date.fromisoformat(waiting.date), dt.time(), dt.UTC)
    except ValueError:
        return "rfc822msgid:none"
    begin, end = int((day - _DAY).timestamp()), int((day + 2 * _DAY).timestamp())
    return f"after:{begin} before:{end} {_ALL}"


def _day(stated: object) -> dt.datetime | None:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(str(stated)), dt.time(), dt.UTC)
    except ValueError:
        return None


def _mark(history: str, read: dt.datetime | None) -> dict[str, Any]:
    return {"history": history} | ({"read": read.date().isoformat()} if read else {})
