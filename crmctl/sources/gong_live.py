"""Gong, read live: calls of customers with their briefs, next steps and transcripts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any

from crmctl.model.incoming import Batch, Incoming, Link, Rejected, Waiting
from crmctl.sources.conversation_json import part, stamp, text
from crmctl.sources.conversations import concerns, contacts, interaction, tasks, waiting
from crmctl.sources.errors import SourceError, StatusError
from crmctl.sources.gong_api import DAILY, Api, Raw
from crmctl.sources.gong_auth import SYSTEM, login
from crmctl.sources.gong_calls import Call, call, ready
from crmctl.sources.gong_progress import Progress, digest_of, midnight
from crmctl.sources.network import Network
from crmctl.sources.source import Chunk, Interest, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import GongSettings

_SHORTEST, _LONGEST = 7, 30  # days read at once; Gong refuses much longer ones


def connect(machine: Machine, settings: GongSettings, network: Network) -> Source:
    """Gong as this machine is set up for it. ConfigError if a setting is missing."""
    return Gong(Api(network, login(machine, network)), settings)


class Gong:
    """Reads window by window, the oldest first; within one, day by day."""

    system = SYSTEM
    state = SYSTEM

    def __init__(self, api: Api, settings: GongSettings) -> None:
        self._api, self._settings = api, settings
        # All of the days that are listed anew each time fit into one window.
        window = min(_LONGEST, max(_SHORTEST, settings.lookback_days + 2))
        self._window = dt.timedelta(days=window)
        self._workspace = {"workspaceId": settings.workspace} if settings.workspace else {}

    def read(self, request: Request) -> Iterator[Chunk]:
        """Everything that started since the mark, and what the last days before it have become."""
        progress = Progress(request.mark, request.since, self._settings.lookback_days)
        seen, begin = progress.seen, progress.start
        expected = seen is not None and seen >= begin
        listed = 0
        while begin < request.now:
            end = min(midnight(begin) + self._window, request.now)
            last = end == request.now
            batch = Batch(SYSTEM, partial=not request.first)
            calls = self._listed(begin, None if last else end, request, batch)
            listed += len(calls)
            request.progress(len(calls))
            self._days(calls, progress, request.interest(), batch)
            progress.see((one.talk.at for one in calls), request.now)
            if last and expected and not listed:
                raise SourceError(
                    f"gong gives no call at all since {stamp(progress.start)}, though there was one at "
                    f"{stamp(seen or begin)}: see what our key may read there; if that is right, sync with --full"
                )
            yield Chunk(batch, progress.mark(whole=last))
            begin = end

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These calls whole."""
        batch = Batch(SYSTEM, partial=True)
        ids = sorted({one.id for one in wanted if one.kind == "interaction"})
        found = self._kept(self._calls(self._api.calls_by_id(ids, self._workspace), request, batch))
        self._tell(found, self._spoken(found), batch)
        return batch

    def check(self) -> Iterator[str]:
        """Which of the things we need the credentials are good for."""
        names = [text(one.get("name")) for one in self._api.workspaces()]
        yield f"gong accepts our credentials at {self._api.address}"
        if names:
            yield f"workspaces: {', '.join(filter(None, names))}"
        tries: dict[str, Callable[[], object]] = {
            "calls": lambda: list(self._api.calls({"callIds": ["1"]})),
            "transcripts": lambda: list(self._api.transcripts(["1"])),
            "users": lambda: next(self._api.users(), None),
        }
        for what, attempt in tries.items():
            try:
                attempt()
                yield f"may read {what}"
            except StatusError as error:
                yield f"may not read {what}: {error}"

    def limits(self) -> Mapping[str, str]:
        """Gong does not say what is left."""
        count = self._api.requests
        return (
            {"requests this run": f"{count} of {DAILY} a day for the whole company"}
            if count
            else {}
        )

    def _listed(
        self, begin: dt.datetime, end: dt.datetime | None, request: Request, batch: Batch
    ) -> list[Call]:
        """The calls that started in a window, each once, by start and id; without ``end``, until the run began."""
        wanted = {
            **self._workspace,
            "fromDateTime": stamp(begin),
            "toDateTime": stamp(end or request.now),
        }
        found = self._calls(self._api.calls(wanted), request, batch)
        # Whether the end belongs to a window is not said; a day must not be split over two.
        return [one for one in found if end is None or one.talk.at < end]

    def _kept(self, calls: Iterable[Call]) -> list[Call]:
        return [one for one in calls if self._settings.private or not one.private]

    def _calls(self, raws: Iterable[Raw], request: Request, batch: Batch) -> list[Call]:
        found = {text(part(raw.get("metaData")).get("id")): raw for raw in raws}
        calls = []
        for id, raw in found.items():
            try:
                one = call(raw, request.interest().is_ours, self._user)
            except ValueError as error:
                batch.rejected.append(Rejected(f"gong call {id}".rstrip(), str(error)))
                continue
            calls.append(_claimed(one, request.claims))
        return sorted(calls, key=lambda one: (one.talk.at, one.talk.id))

    def _days(
        self, calls: Iterable[Call], progress: Progress, interest: Interest, batch: Batch
    ) -> None:
        """The calls of some days: all of a day's if anything about it is new, else what became ready since."""
        days = []
        for day, some in groupby(self._kept(calls), key=lambda one: one.talk.at.date()):
            ours, others = [], []
            for one in some:
                if concerns(one.talk, interest):
                    ours.append(one)
                elif one.talk.mixed:
                    others.append(waiting(one.talk))
            digest = self._digest(ours, others)
            settled = progress.settled(day, digest)
            if settled:
                ours = [one for one in ours if progress.awaits(one.talk.id)]
            else:
                batch.waiting += others
            days.append((day, digest, settled, ours))
        bodies = self._spoken([one for *_, ours in days for one in ours])
        for day, digest, settled, ours in days:
            ids = {one.talk.id for one in ours if self._settings.transcripts}
            late = ids - bodies.keys()
            told = [one for one in ours if not (settled and one.talk.id in late)]
            self._tell(told, bodies, batch)
            progress.settle(day, digest, late, ids - late)

    def _digest(self, ours: Iterable[Call], others: Iterable[Waiting]) -> str:
        """What was listed of a day, as far as it makes a difference to us."""
        listed = ((*self._records(one, one.body()), sorted(one.speakers.items())) for one in ours)
        return digest_of([repr(self._settings), *map(repr, others), *map(repr, listed)])

    def _spoken(self, calls: Sequence[Call]) -> dict[str, str]:
        """The whole prose of the calls whose transcripts are wanted and ready, by id."""
        if not self._settings.transcripts:
            return {}
        known = {one.talk.id: one for one in calls}
        found = self._api.transcripts(list(known))
        return {id: known[id].body(turns) for id, turns in found if id in known and ready(turns)}

    def _tell(self, calls: Iterable[Call], bodies: Mapping[str, str], batch: Batch) -> None:
        for one in calls:
            batch.records += self._records(one, bodies.get(one.talk.id) or one.body())
            batch.owners |= one.talk.owners

    def _records(self, one: Call, body: str) -> Iterator[Incoming]:
        yield interaction(one.talk, body)
        yield from contacts(one.talk, create=self._settings.contacts)
        if self._settings.tasks:
            yield from tasks(one.talk)

    def _user(self, id: str) -> tuple[str, str]:
        return self._users.get(id, ("", ""))

    @cached_property
    def _users(self) -> dict[str, tuple[str, str]]:
        """Name and address of our own people; nobody if we may not ask, for calls mostly say it themselves."""
        try:
            return {text(one.get("id")): _named(one) for one in self._api.users()}
        except StatusError:
            return {}


def _named(user: Mapping[str, Any]) -> tuple[str, str]:
    names = (text(user.get("firstName")), text(user.get("lastName")))
    return " ".join(filter(None, names)), text(user.get("emailAddress"))


def _claimed(one: Call, claims: Mapping[str, str]) -> Call:
    """A call that a person gave to an account, with all that comes of it."""
    account = claims.get(f"interaction:{one.talk.id}")
    return replace(one, talk=replace(one.talk, account=Link(slug=account))) if account else one
