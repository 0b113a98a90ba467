"""Granola, read live: the notes of meetings with customers.

A list of notes holds no more than ids and times, so each note that changed costs a request. Nothing tells of a
deletion, and 404 is also the answer for a note that is being processed or was unshared: it never deletes anything.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

from crmctl.model.incoming import Batch, Link, Rejected, Waiting
from crmctl.sources.clock import Pace
from crmctl.sources.conversation_json import part, parts, stamp, text, when
from crmctl.sources.conversations import concerns, contacts, interaction, tasks, waiting
from crmctl.sources.errors import SourceError, StatusError
from crmctl.sources.granola_notes import SYSTEM, Note, Raw, note
from crmctl.sources.http import Answer, Door, explained
from crmctl.sources.network import Network, Walk
from crmctl.sources.source import Chunk, Interest, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import GranolaSettings

_API = "https://public-api.granola.ai/v1"
_NOTE = re.compile(r"not_[A-Za-z0-9]{14}\Z")
_FOLDER = re.compile(r"fol_[A-Za-z0-9]{14}\Z")
_NOTES, _TURNS = 30, 100  # the most that one page may have
_OVERLAP = dt.timedelta(seconds=300)  # how late a note may appear with an earlier stamp
_RATE, _BURST = 4, 5  # at most 25 requests in any five seconds, which is what Granola allows
_CHUNK = 50
_AT_ONCE = 4


class _Row(NamedTuple):
    """A line of the list: when the note changed, and which it is."""

    changed: dt.datetime
    id: str

    @property
    def key(self) -> str:
        """The note as it was at that time."""
        return f"{self.id} {self.changed.isoformat()}"


class _Read(NamedTuple):
    """What became of one row: a note, or what is wrong with it, or neither if it is gone."""

    row: _Row
    note: Note | None = None
    wrong: str = ""


class _Broken(Exception):
    """A transcript that does not come whole."""


def connect(machine: Machine, settings: GranolaSettings, network: Network) -> Source:
    """Granola as this machine is set up for it. ConfigError if the token is missing."""
    token = machine.need(SYSTEM, "token")["token"]
    network.hide(token)
    door = Door(
        network,
        SYSTEM,
        machine.get(SYSTEM, "url") or _API,
        headers=lambda: {"Authorization": f"Bearer {token}"},
        explain=_explained,
        paces={"": Pace(_RATE, _BURST)},
    )
    return Granola(door, settings, sha256(token.encode()).hexdigest()[:8])


class Granola:
    """Each key sees other notes, so each has a state of its own: how far one was read says nothing of another."""

    system = SYSTEM

    def __init__(self, door: Door, settings: GranolaSettings, key: str) -> None:
        self._door, self._settings = door, settings
        self.state = f"{SYSTEM}-{key}"

    def read(self, request: Request) -> Iterator[Chunk]:
        """The notes that changed since the mark and those of folders mapped since, in the order of their changes."""
        seen = when(request.mark.get("seen"))
        settled = {str(key) for key in request.mark.get("settled") or ()}
        before = [str(id) for id in request.mark.get("folders") or ()]
        mapped = self._mapped(request.claims)
        batch = Batch(SYSTEM, partial=not request.first)
        rows, whole = self._news(seen, request, batch)
        news = {row for row in rows if row.key not in settled}
        for folder in mapped if seen else ():
            if folder not in before:
                more, complete = self._rows({"folder_id": folder}, batch)
                news |= set(more)
                whole &= complete
        if not whole:
            batch.partial = True
            batch.notes.append(
                f"granola broke its list off after {len(news)} notes; what came is kept, and the next run lists it anew"
            )
        reads = self._reads(sorted(news), request)
        left = len(news)
        yield Chunk(batch)
        while some := list(islice(reads, _CHUNK)):
            batch = Batch(SYSTEM, partial=not request.first)
            for one in some:
                self._tell(one, request.interest(), batch)
                if one.row.changed <= request.now:
                    seen = max(seen or one.row.changed, one.row.changed)
                if one.note is not None or one.wrong:
                    settled.add(one.row.key)
            left -= len(some)
            request.progress(len(some))
            # A folder counts as read when all of it is.
            yield Chunk(batch, _mark(seen, settled, before if left else mapped) if whole else None)
        if not news and whole:
            yield Chunk(Batch(SYSTEM), _mark(seen, settled, mapped))

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These notes whole, and all notes of these folders."""
        batch = Batch(SYSTEM, partial=True)
        ids = {one.id for one in wanted if one.kind == "interaction" and _NOTE.match(one.id)}
        for one in wanted:
            if one.kind == "folder" and _FOLDER.match(one.id):
                ids |= {row.id for row in self._rows({"folder_id": one.id}, batch)[0]}
        for read in self._reads([_Row(request.now, id) for id in sorted(ids)], request):
            self._tell(read, request.interest(), batch)
        return batch

    def check(self) -> Iterator[str]:
        """What the key sees; a key may well see only a part of the company's meetings."""
        notes = parts(part(self._door.get("notes", {"page_size": _NOTES})).get("notes"))
        owners = sorted({text(part(one.get("owner")).get("email")) for one in notes} - {""})
        yield (
            f"granola accepts our key; of the newest {len(notes)} notes it sees, the owners are: "
            + (", ".join(owners) or "nobody")
        )
        for page in self._pages("folders", {"page_size": _NOTES}):
            for one in parts(page.get("folders")):
                mapped = self._settings.folders.get(text(one.get("id")))
                yield f"folder {text(one.get('id'))} ({text(one.get('name'))}): {mapped or 'no account'}"

    def limits(self) -> Mapping[str, str]:
        """Granola limits the pace alone."""
        return {"requests this run": str(self._door.requests)} if self._door.requests else {}

    def _news(
        self, seen: dt.datetime | None, request: Request, batch: Batch
    ) -> tuple[list[_Row], bool]:
        """As `_rows`, what changed since the newest note that was seen and shortly before it."""
        after = stamp(seen - _OVERLAP if seen else request.since)
        rows, whole = self._rows({"updated_after": after}, batch)
        if seen and not rows and not self._any():
            raise SourceError(
                f"granola lists no note at all any more, though there was one of {stamp(seen)}: see what our key may "
                "read there; if that is right, sync with --full"
            )
        return rows, whole

    def _rows(self, wanted: Mapping[str, Any], batch: Batch) -> tuple[list[_Row], bool]:
        """The listed notes, each once with its newest change, the oldest change first; whether the list was whole."""
        found: dict[str, _Row] = {}
        whole = True
        for page in self._pages("notes", {**wanted, "page_size": _NOTES}):
            for raw in parts(page.get("notes")):
                id, changed = text(raw.get("id")), when(raw.get("updated_at"))
                if not _NOTE.match(id) or changed is None:
                    batch.rejected.append(
                        Rejected(f"granola note {id}".rstrip(), "has no id or no time of change")
                    )
                    continue
                found[id] = max(found.get(id, _Row(changed, id)), _Row(changed, id))
            whole = not _cut_off(page)
        return sorted(found.values()), whole

    def _any(self) -> bool:
        return bool(parts(part(self._door.get("notes", {"page_size": 1})).get("notes")))

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[Raw]:
        """The pages of a list, as far as it goes; `_cut_off` tells of the last one whether that was the end."""
        walk = Walk(SYSTEM, path)
        cursor: str | None = None
        while True:
            answer = self._door.send("GET", path, params={**params, "cursor": cursor}, whole=True)
            page = answer.data()
            if not isinstance(page, Mapping):
                raise SourceError(
                    f"granola answered {answer.request} with something that is no page: try again later"
                )
            yield page
            if page.get("hasMore") is not True or _cut_off(page):
                return
            cursor = walk.step(str(page["cursor"]))

    def _reads(self, rows: Sequence[_Row], request: Request) -> Iterator[_Read]:
        if not rows:
            return
        interest = request.interest()  # before the threads ask for it
        account = self._account(request.claims)

        def read(row: _Row) -> _Read:
            return self._one(row, interest, account, request.claims)

        yield from self._door.map(read, rows, _AT_ONCE)

    def _one(
        self,
        row: _Row,
        interest: Interest,
        account: Callable[[str], str],
        claims: Mapping[str, str],
    ) -> _Read:
        """A note, with its transcript if it concerns us and we want it."""
        answer = self._door.send("GET", f"notes/{row.id}", expect=(404,), whole=True)
        if answer.status == 404:
            return _Read(row)
        raw = part(answer.data())
        try:
            found = note({**raw, "transcript": None}, interest, account)
            claimed = claims.get(f"interaction:{row.id}")
            if self._settings.transcripts and (claimed or concerns(found.talk, interest)):
                found = note({**raw, "transcript": self._transcript(row.id)}, interest, account)
            if claimed:
                found = replace(found, talk=replace(found.talk, account=Link(slug=claimed)))
            return _Read(row, found)
        except StatusError as error:
            if error.status == 404:
                return _Read(row)
            raise
        except (_Broken, ValueError) as error:
            return _Read(row, wrong=str(error))

    def _transcript(self, id: str) -> list[Raw]:
        """Always by its own pages: asked for together with the note, a long one makes all of it a 413."""
        turns: list[Raw] = []
        for page in self._pages(f"notes/{id}/transcript", {"page_size": _TURNS}):
            rows = parts(page.get("transcript"))
            if _cut_off(page) or (page.get("hasMore") is True and not rows):
                raise _Broken(
                    "its transcript breaks off; the note was left out, and is read again when it changes"
                )
            turns += rows
        return turns

    def _account(self, claims: Mapping[str, str]) -> Callable[[str], str]:
        def account(folder: str) -> str:
            return claims.get(f"folder:{folder}") or self._settings.folders.get(folder, "")

        return account

    def _mapped(self, claims: Mapping[str, str]) -> list[str]:
        """The folders that belong to an account, by a person's word or the settings."""
        claimed = {key.removeprefix("folder:") for key in claims if key.startswith("folder:")}
        return sorted(id for id in {*claimed, *self._settings.folders} if _FOLDER.match(id))

    def _tell(self, read: _Read, interest: Interest, batch: Batch) -> None:
        if read.wrong:
            batch.rejected.append(Rejected(f"granola note {read.row.id}", read.wrong))
        if read.note is None:
            return
        talk = read.note.talk
        if not concerns(talk, interest):
            if talk.mixed:
                batch.waiting.append(waiting(talk))
                batch.waiting += [
                    Waiting(SYSTEM, "folder", id, origin=f"granola folder {name}".rstrip())
                    for id, name in read.note.folders.items()
                ]
            return
        batch.records.append(interaction(talk, read.note.body))
        batch.records += contacts(talk, create=self._settings.contacts)
        if self._settings.tasks:
            batch.records += tasks(talk)
        batch.owners |= talk.owners


def _cut_off(page: Raw) -> bool:
    """Whether a page says that there is more and not where."""
    cursor = page.get("cursor")
    return page.get("hasMore") is True and not (isinstance(cursor, str) and cursor)


def _mark(
    seen: dt.datetime | None, settled: set[str], folders: Sequence[str]
) -> dict[str, Any] | None:
    """How far the list was read, with the notes that the next one names again because it reaches back a little."""
    if seen is None:
        return None
    first = seen - _OVERLAP
    kept = sorted(key for key in settled if (when(key.partition(" ")[2]) or first) > first)
    mark: dict[str, Any] = {"seen": stamp(seen), "settled": kept}
    return {**mark, "folders": list(folders)} if folders else mark


def _explained(answer: Answer) -> str:
    """What a refusal says: the code and the words, in whichever members they stand."""
    found = part(answer.maybe())
    code = text(found.get("code")) or text(found.get("error_code"))
    words = explained(answer)
    if not found:
        words = " ".join(answer.text().split())[:200]
    if answer.status == 403:
        words += "; our key lacks the right, or the workspace has switched the API off"
    return " ".join(dict.fromkeys(filter(None, (code, words))))
