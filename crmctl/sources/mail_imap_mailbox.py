"""What is in a mailbox: which folders, what is new in one, headers and whole messages by number or by id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from crmctl.model.incoming import Waiting
from crmctl.sources import mail_imap_wire as wire
from crmctl.sources.mail_imap_session import Opened, Session
from crmctl.sources.mail_message import HEADERS, MADE_UP, Message, is_plain, parse, parse_headers

_SKIPPED = frozenset({"\\junk", "\\trash", "\\drafts", "\\all"})
_WINDOW = 50_000  # messages that one SEARCH looks at: its answer is one line, and a line has an end
AT_ONCE = 200  # messages whose headers are asked for in one command
_BODIES_AT_ONCE = 50
_BYTES_AT_ONCE = 8 << 20
_IDS_AT_ONCE = 10  # in one SEARCH: lines of commands have an end too
_HEAD = f"BODY.PEEK[HEADER.FIELDS ({' '.join(HEADERS).upper()})]"
_DAY = dt.timedelta(days=1)
T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """One message: what its headers say, or the ``reason`` why they cannot be read.

    Drafts, what no person wrote, and what came before the time that was asked for have neither. ``thread`` is Gmail's
    name of its thread.
    """

    uid: int
    size: int
    at: dt.datetime | None
    message: Message | None = None
    reason: str = ""
    thread: str = ""


@dataclass(slots=True)
class News:
    """A folder with new mail. ``mark`` is what its mark becomes once all of that is done.

    ``since`` is how far back a read goes that has the folder's beginning still before it, None on all later ones.
    """

    folder: wire.Folder
    opened: Opened
    mark: dict[str, Any]
    since: dt.datetime | None
    found: list[Found]

    def mark_at(self, uid: int) -> dict[str, Any]:
        """The folder's mark when everything up to this message is done."""
        mark: dict[str, Any] = {"uidvalidity": self.opened.uidvalidity, "last_uid": uid}
        return mark | ({"since": self.since.isoformat()} if self.since is not None else {})


class Mailbox:
    """What can be asked of a mailbox. ``only`` are the folders to read, all that make sense if there are none."""

    def __init__(self, session: Session, only: Collection[str]) -> None:
        self.session = session
        self._only = {name.casefold(): name for name in only}
        self.looked_at = self.read_whole = 0

    def folders(self, every: Iterable[wire.Folder]) -> list[wire.Folder]:
        """Of all folders those to read: the ones that were named, else all but junk, trash and drafts.

        Where labels look like folders, as at Gmail, each message is in the one folder that holds all of them.
        """
        every = list(every)
        if self._only:
            return [folder for folder in every if folder.name.casefold() in self._only]
        everything = [folder for folder in every if "\\all" in folder.flags]
        if everything and "X-GM-EXT-1" in self.session.capabilities:
            return everything
        return [folder for folder in every if not folder.flags & _SKIPPED]

    def missing(self, every: Iterable[wire.Folder]) -> Iterator[str]:
        """A sentence for each folder that was named and is not there."""
        names = {folder.name.casefold() for folder in every}
        for key, name in self._only.items():
            if key not in names:
                yield f"email: there is no folder {name!r}; correct sources.email.folders in crmctl.yaml"

    def news(
        self,
        folder: wire.Folder,
        known: Mapping[str, Any] | None,
        since: dt.datetime,
        progress: Callable[[int], None],
    ) -> News | None:
        """What is new in a folder; None if nothing can be.

        ``known`` is the folder's mark. It stays as it is while there is no new mail, whatever else changes there.
        Without one, or if the folder's numbers are new (UIDVALIDITY), everything from ``since`` on is news; a read
        that broke off in such a folder goes on as it began.
        """
        told = self.session.status(folder)
        modseq = told.get("HIGHESTMODSEQ", 0)
        same = known is not None and told.get("UIDVALIDITY") == known["uidvalidity"]
        if known is not None and same and "since" not in known:
            if told.get("UIDNEXT") == known["last_uid"] + 1:
                return None
            if modseq and modseq == known.get("modseq"):
                return None
        opened = self.session.examine(folder)
        limit: dt.datetime | None = since
        last = 0
        if known is not None and opened.uidvalidity == known["uidvalidity"]:
            last = known["last_uid"]
            limit = dt.datetime.fromisoformat(known["since"]) if "since" in known else None
        found: list[Found] = []
        for uids in batches(self._uids(opened, last, limit), AT_ONCE):
            found += self.heads(uids, limit)
            progress(len(uids))
        if limit is None and not found:
            return None
        newest = max([last, opened.uidnext - 1, *(one.uid for one in found[-1:])])
        mark = {"uidvalidity": opened.uidvalidity, "last_uid": newest}
        mark |= {"modseq": opened.modseq} if opened.modseq else {}
        return News(folder, opened, mark, limit, found)

    def _uids(self, opened: Opened, last: int, since: dt.datetime | None) -> list[int]:
        """UIDs above ``last``. What ``n:*`` finds always has the newest message in it, so that is looked at again.

        SINCE goes by the calendar of the server, so it is asked a day earlier. The highest numbers are searched first:
        a message that moves down meanwhile, because others vanish, is met twice rather than never.
        """
        after = f" SINCE {wire.search_date((since - _DAY).date())}" if since is not None else ""
        found: set[int] = set()
        top = "*"
        for first in range((max(opened.exists, 1) - 1) // _WINDOW * _WINDOW + 1, 0, -_WINDOW):
            if opened.exists:
                found.update(self.session.search(f"{first}:{top} UID {last + 1}:*{after}"))
            top = str(first - 1)
        return sorted(uid for uid in found if uid > last)

    def heads(self, uids: Sequence[int], since: dt.datetime | None = None) -> Iterator[Found]:
        """The headers of these messages of the open folder, in the order of their numbers."""
        gmail = " X-GM-THRID X-GM-LABELS" if "X-GM-EXT-1" in self.session.capabilities else ""
        found = self.session.fetch(uids, f"(UID FLAGS INTERNALDATE RFC822.SIZE{gmail} {_HEAD})")
        self.looked_at += len(found)
        for uid in sorted(found):
            one = found[uid]
            new = Found(uid, one.size, one.at, thread=one.thread)
            early = since is not None and one.at is not None and one.at < since
            if one.data is not None and not one.draft and not early:
                try:
                    message = parse_headers(one.data, received=one.at, size=one.size)
                except ValueError as error:
                    new.reason = str(error)
                else:
                    new.message = message if message.kind in {"", "list"} else None
            yield new

    def whole(self, wanted: Sequence[Found]) -> Iterator[tuple[int, Message | str]]:
        """These messages of the open folder by UID, or why one cannot be read; one that is gone is left out."""
        for some in _by_size(wanted):
            found = self.session.fetch([one.uid for one in some], "(UID BODY.PEEK[])")
            for one in some:
                data = found[one.uid].data if one.uid in found else None
                if data is None:
                    continue
                self.read_whole += 1
                try:
                    yield one.uid, parse(data, received=one.at)
                except ValueError as error:
                    yield one.uid, str(error)

    def with_ids(self, ids: Collection[str], since: dt.datetime | None = None) -> Iterator[Found]:
        """The headers of the messages of the open folder that have one of these Message-IDs, from ``since`` on."""
        for some in batches(sorted(filter(is_plain, ids)), _IDS_AT_ONCE):
            keys = [f"HEADER MESSAGE-ID {wire.quoted(id)}" for id in some]
            # OR takes two keys, no more.
            uids = self.session.search("OR " * (len(keys) - 1) + " ".join(keys))
            for found in self._heads_of(uids, since):
                # SEARCH finds parts of ids too.
                if found.message is not None and found.message.id in ids:
                    yield found

    def waiting(self, wanted: Mapping[str, Waiting]) -> Iterator[Message]:
        """Those of the wanted messages that lie in the open folder, whole; those without an id are sought by day."""
        found = list(self.with_ids({id for id in wanted if not id.startswith(MADE_UP)}))
        for day in sorted(
            {w.date for id, w in wanted.items() if id.startswith(MADE_UP) and w.date}
        ):
            at = dt.date.fromisoformat(day[:10])
            span = f"SINCE {wire.search_date(at - _DAY)} BEFORE {wire.search_date(at + 2 * _DAY)}"
            heads = self._heads_of(self.session.search(span))
            found += [one for one in heads if one.message is not None and one.message.made_up]
        for _, message in self.whole(found):
            if isinstance(message, Message) and message.id in wanted:
                yield message

    def _heads_of(self, uids: Sequence[int], since: dt.datetime | None = None) -> Iterator[Found]:
        for some in batches(uids, AT_ONCE):
            yield from self.heads(some, since)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _by_size(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Messages in lists that fit into memory together."""
    some: list[Found] = []
    held = 0
    for one in found:
        if some and (len(some) >= _BODIES_AT_ONCE or held + one.size > _BYTES_AT_ONCE):
            yield some
            some, held = [], 0
        some.append(one)
        held += one.size
    if some:
        yield some
