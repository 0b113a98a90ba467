"""A mailbox read by IMAP: new mail alone, the headers of all of it first, whole messages only where a customer is on.

What is deleted in the mailbox is not noticed: a mail that was exchanged was exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmctl.model.incoming import Batch, Rejected, Waiting
from crmctl.sources import mail_imap_wire as wire
from crmctl.sources import mail_records
from crmctl.sources.errors import SourceError
from crmctl.sources.mail_imap_mailbox import AT_ONCE, Found, Mailbox, News, batches
from crmctl.sources.mail_imap_session import Refused, Session
from crmctl.sources.mail_message import Message
from crmctl.sources.mail_selection import Doubles, Selection, Verdict
from crmctl.sources.source import Chunk, Interest, Mark, Request
from crmctl.workspace.paths import slug
from crmctl.workspace.source_settings import EmailSettings

SYSTEM = mail_records.SYSTEM
_HOW = {"tls": "TLS", "starttls": "STARTTLS", "none": "no encryption, on this machine"}


class Imap:
    """The mailbox of ``user`` behind an IMAP server."""

    system = SYSTEM

    def __init__(self, session: Session, settings: EmailSettings, user: str) -> None:
        self._session, self._user = session, user
        self._mailbox = Mailbox(session, settings.folders)
        self._mapping = _Mapping(settings, (user,) if "@" in user else ())
        self.state = f"{SYSTEM}-{slug(user, fallback='mailbox')}"

    def read(self, request: Request) -> Iterator[Chunk]:
        """New mail since the mark, folder by folder.

        The mark is ``{"folders": {name: {"uidvalidity", "last_uid", "modseq"}}}``, with ``since`` in place of
        ``modseq`` where the first read of a folder broke off.
        """
        with self._session:
            yield from self._read(request)

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """Messages by their ids, in whatever folder they lie; one without a Message-ID is looked for by its day."""
        batch = Batch(SYSTEM, partial=True)
        missing = {waiting.id: waiting for waiting in wanted if waiting.kind == "event"}
        interest = request.interest()
        with self._session as session:
            for folder in self._mailbox.folders(session.folders()):
                if not missing:
                    break
                try:
                    session.examine(folder)
                except Refused:
                    continue
                for message in self._mailbox.waiting(dict(missing)):
                    if missing.pop(message.id, None) is not None:
                        account = request.claims.get(f"event:{message.id}", "")
                        batch.add(self._mapping.records(message, interest, account, folder.name))
        return batch

    def check(self) -> Iterator[str]:
        """Who we are, which folders are read, what is missing."""
        with self._session as session:
            every = session.folders()
            chosen = self._mailbox.folders(every)
            server = session.server
            yield f"email: logged in at {server.host} port {server.port} as {self._user}, with {_HOW[server.security]}"
            yield f"email: reads {len(chosen)} of {len(every)} folders: {', '.join(f.name for f in chosen)}"
            yield from self._mailbox.missing(every)
            if not self._mapping.settings.folders and not any(
                f.flags & {"\\sent", "\\all"} for f in every
            ):
                yield "email: no folder is marked as sent mail; see that the folders above hold what you send"
            if not self._mapping.own:
                yield f"email: {self._user} is no address; mail from you is known by our_domains in crmctl.yaml"

    def limits(self) -> Mapping[str, str]:
        mailbox = self._mailbox
        return {
            "messages looked at": str(mailbox.looked_at),
            "messages read whole": str(mailbox.read_whole),
        }

    def _read(self, request: Request) -> Iterator[Chunk]:
        mailbox, known = self._mailbox, request.mark.get("folders") or {}
        every = self._session.folders()
        notes = list(mailbox.missing(every))
        folders = mailbox.folders(every)
        done = {folder.name: dict(known[folder.name]) for folder in folders if folder.name in known}
        able, news = self._news(folders, done, request, notes)
        if not able:
            raise SourceError(
                f"email: none of the folders to read can be read in the mailbox of {self._user}: "
                "see `crmctl auth email`"
            )
        reading = _Reading(mailbox, self._mapping, request, request.interest())
        for found in (one for new in news for one in new.found):
            reading.take_in(found)
        if not request.first:
            reading.look_back(able, news)
        for new in news:
            name = new.folder.name
            if self._session.examine(new.folder).uidvalidity != new.opened.uidvalidity:
                raise SourceError(
                    f"email: folder {name} was made anew while it was read: run again"
                )
            for some in batches(new.found, AT_ONCE):
                batch = reading.records(some, name)
                done[name] = new.mark_at(some[-1].uid)
                if batch.records or batch.rejected:
                    yield Chunk(batch, _mark(done))
            done[name] = new.mark
        yield Chunk(Batch(SYSTEM, partial=not request.first, notes=notes), _mark(done))

    def _news(
        self,
        folders: Iterable[wire.Folder],
        done: Mapping[str, Mapping[str, Any]],
        request: Request,
        notes: list[str],
    ) -> tuple[list[wire.Folder], list[News]]:
        """The folders that can be read, and what is new in them. One that cannot costs the others nothing."""
        able, news = [], []
        for folder in folders:
            try:
                new = self._mailbox.news(
                    folder, done.get(folder.name), request.since, request.progress
                )
            except Refused as error:
                notes.append(str(error))
                continue
            able.append(folder)
            if new is not None:
                news.append(new)
        return able, news


@dataclass(frozen=True, slots=True)
class _Mapping:
    """How messages become records; ``own`` are the addresses of whose mailbox it is."""

    settings: EmailSettings
    own: tuple[str, ...]

    def records(self, message: Message, interest: Interest, account: str, origin: str) -> Batch:
        return mail_records.to_records(
            message, interest, self.settings, own=self.own, account=account, origin=origin
        )


class _Reading:
    """One read: what it knows of threads and of what it has met."""

    def __init__(
        self, mailbox: Mailbox, mapping: _Mapping, request: Request, interest: Interest
    ) -> None:
        self._mailbox, self._mapping, self._request = mailbox, mapping, request
        self._interest = interest
        self._selection = Selection(interest, mapping.own, request.claims)
        self._doubles = Doubles(interest, mapping.own, request)

    def take_in(self, found: Found) -> None:
        if found.message is not None:
            self._selection.add(found.message, found.thread)

    def look_back(self, folders: Iterable[wire.Folder], news: Sequence[News]) -> None:
        """Take in the ancestors of what would otherwise seem to concern no customer: earlier reads met them.

        Never more than a read that does not break off knows: where one goes on, nothing before its beginning.
        """
        for since in {new.since for new in news}:
            found = (one for new in news if new.since == since for one in new.found)
            missing = self._selection.loose(one.message for one in found if one.message is not None)
            for folder in folders if missing else ():
                self._mailbox.session.examine(folder)
                for ancestor in list(self._mailbox.with_ids(missing, since)):
                    self.take_in(ancestor)
                    missing.discard(ancestor.message.id if ancestor.message else "")

    def records(self, some: Sequence[Found], folder: str) -> Batch:
        """The records of some messages of the open folder, in their order."""
        batch = Batch(SYSTEM, partial=not self._request.first)
        chosen: list[tuple[Found, Message, Verdict]] = []
        for found in some:
            if found.reason:
                batch.rejected.append(Rejected(f"{folder} {found.uid}", found.reason))
            if found.message is None:
                continue
            verdict = self._selection.verdict(found.message)
            if (verdict.whole or verdict.waits) and self._first(
                found.message, verdict, made_up=False
            ):
                chosen.append((found, found.message, verdict))
        wanted = [
            found for found, message, verdict in chosen if self._worth(found, message, verdict)
        ]
        whole = dict(self._mailbox.whole(wanted))
        gone = {found.uid for found in wanted} - whole.keys()
        for found, head, verdict in chosen:
            message, origin = whole.get(found.uid, head), f"{folder} {found.uid}"
            if isinstance(message, str):
                batch.rejected.append(Rejected(origin, message))
            elif found.uid not in gone and self._first(message, verdict, made_up=True):
                batch.add(self._mapping.records(message, self._interest, verdict.account, origin))
        return batch

    def _first(self, message: Message, verdict: Verdict, *, made_up: bool) -> bool:
        """Whether this message is met for the first time; one without an id is known only when it is read whole."""
        return message.made_up != made_up or self._doubles.first(message, verdict.account)

    def _worth(self, found: Found, message: Message, verdict: Verdict) -> bool:
        """Whether to read a message whole: a customer's, unless it is huge; and what is named by its contents."""
        small = found.size <= self._mapping.settings.size_limit << 20
        return small and (verdict.whole or message.made_up)


def _mark(done: Mapping[str, Mapping[str, Any]]) -> Mark:
    return {"folders": {name: dict(done[name]) for name in sorted(done)}}
