"""Reading several systems side by side, each in a thread of its own; one that fails does not stop the others."""

from __future__ import annotations

import datetime as dt
import threading
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Incoming, Link, Measurement
from crmctl.sources.errors import SourceError
from crmctl.sources.registry import DIRECTORIES
from crmctl.sources.source import Interest, Mark, Request, Source
from crmctl.sync import unmatched
from crmctl.sync.claims import claims_of
from crmctl.sync.interest import interest, known_for
from crmctl.sync.plan_traffic import load as load_traffic
from crmctl.workspace import sync_state

if TYPE_CHECKING:
    from crmctl.sync.known import Known
    from crmctl.workspace.sync_state import State
    from crmctl.workspace.workspace import Workspace

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Gathered:
    """What one read gave: ``mark`` is how far it is safe, ``state`` what was there, ``error`` why it broke off."""

    source: Source
    state: State
    batch: Batch
    mark: Mark | None = None
    error: CrmError | None = None
    limits: Mapping[str, str] = field(default_factory=dict)

    @property
    def system(self) -> str:
        return self.source.system


def gather(
    ws: Workspace,
    sources: Sequence[Source],
    *,
    since: dt.datetime | None = None,
    full: bool = False,
    progress: Progress = lambda _system, _count: None,
    debug: Callable[[str], None] = lambda _text: None,
) -> list[Gathered]:
    """Read all ``sources``. ``since`` reads again from that time, ``full`` from the beginning."""
    ws.config  # noqa: B018  made here once, before the threads ask for it
    everything = _Everything(ws, [s for s in sources if s.system in DIRECTORIES], progress)
    if everything.waiting or any(source.system not in DIRECTORIES for source in sources):
        everything.look()
    pool = ThreadPoolExecutor(max(1, len(sources)), thread_name_prefix="sync")
    try:
        running = [
            pool.submit(_read, everything, source, since=since, full=full, debug=debug)
            for source in sources
        ]
        found = [one.result() for one in running]
    except BaseException:
        # A person stops it: the threads end at their next step, and nobody waits for them here.
        everything.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return found


def request_for(ws: Workspace, source: Source) -> Request:
    """What a source is asked with when one record is wanted outside a full read."""
    state = state_of(ws, source)
    everything = _Everything(ws, (), lambda _system, _count: None)
    return _request(everything, source, state, since=None, full=False)


def state_of(ws: Workspace, source: Source) -> State:
    """How far a source was read, with the claims of all states of its system: each mailbox has one of its own."""
    state = sync_state.load(ws.root, source.state)
    return replace(state, claims={**claims_of(ws, source.system), **state.claims})


class _Everything:
    """What the threads share: who is a customer is known once the systems that know them were read."""

    def __init__(self, ws: Workspace, directories: Sequence[Source], progress: Progress) -> None:
        self.ws, self.progress = ws, progress
        self.waiting = unmatched.load(ws.state_dir)
        self._lock = threading.Lock()
        self._open = {id(source) for source in directories}
        self._told: list[Batch] = []
        self._ready = threading.Event()
        self._stopped = False
        self._known: Known | None = None
        if not directories:
            self._ready.set()

    def look(self) -> None:
        """Read the files that everyone will ask for, while there is one thread alone: they are read fastest so."""
        self._known = known_for(self.ws)

    def done(self, source: Source, batch: Batch) -> None:
        """A source was read, as far as it could be."""
        with self._lock:
            if id(source) in self._open:
                self._open.discard(id(source))
                self._told.append(batch)
                if not self._open:
                    self._ready.set()

    def stop(self) -> None:
        """Let every thread end at its next step."""
        self._stopped = True
        self._ready.set()

    def go_on(self) -> None:
        """SourceError if the run was stopped."""
        if self._stopped:
            raise SourceError("stopped")

    def count(self, system: str, records: int) -> None:
        """So many more records were read."""
        self.go_on()
        self.progress(system, records)

    def interest(self, source: Source) -> Interest:
        """Waits until the customers are known; one that is itself to tell who they are does not wait."""
        with self._lock:
            if id(source) in self._open:
                return interest(self.ws, (), self._known)
        self._ready.wait()
        self.go_on()
        with self._lock:
            return self._interest

    @cached_property
    def _interest(self) -> Interest:
        return interest(self.ws, self._told, self._known)

    def stored(self, system: str, account: str, beginning: str) -> Collection[str]:
        """The ids of a system's traffic in an account's files that begin like this, deleted ones left out."""
        prefix = f"{system}:"
        try:
            events = load_traffic(self.ws.root, account).events
        except CrmError:
            return ()  # the plan will say what is wrong with that file
        return {
            id.removeprefix(prefix)
            for id, event in events.items()
            if id.startswith(f"{prefix}{beginning}") and not event.get("deleted")
        }


def _read(
    everything: _Everything,
    source: Source,
    *,
    since: dt.datetime | None,
    full: bool,
    debug: Callable[[str], None],
) -> Gathered:
    """One source from its mark on, and what waits for an account that is known by now."""
    ws = everything.ws
    result = Gathered(source, sync_state.State(), Batch(source.system))
    try:
        result.state = state_of(ws, source)
        request = _request(everything, source, result.state, since=since, full=full)
        result.batch.partial = bool(request.mark) or since is not None
        for chunk in source.read(request):
            everything.go_on()
            result.batch.add(chunk.batch)
            result.batch.partial |= chunk.batch.partial
            if chunk.mark is not None:
                result.mark = chunk.mark
        everything.done(source, result.batch)
        _claimed(everything, source, request, result.batch)
        result.limits = source.limits()
    except CrmError as error:
        result.error = error
    except Exception as error:  # noqa: BLE001  odd data of one system must not cost what the others gave
        debug(traceback.format_exc())
        result.error = SourceError(
            f"{source.system} gave something that crmctl cannot read ({type(error).__name__}); "
            "`--debug` shows where, please report it"
        )
    finally:
        everything.done(source, result.batch)
    if result.error is not None:
        result.batch.partial = True  # what is missing says nothing
    claim(result.batch, result.state.claims)
    return result


def _request(
    everything: _Everything,
    source: Source,
    state: State,
    *,
    since: dt.datetime | None,
    full: bool,
) -> Request:
    ws = everything.ws
    again = full or since is not None
    first = ws.now - dt.timedelta(days=ws.config.sources.first_days)
    return Request(
        {} if again else state.mark,
        since or first,
        ws.now,
        lambda: everything.interest(source),
        state.claims,
        lambda account, beginning: everything.stored(source.system, account, beginning),
        full,
        lambda count: everything.count(source.system, count),
    )


def _claimed(everything: _Everything, source: Source, request: Request, batch: Batch) -> None:
    """Read whole what waited, now that an account claims it."""
    waiting = [w for w in everything.waiting if w.system == source.system]
    if not waiting:
        return
    known = request.interest()
    read = {(record.kind, record.id) for record in batch.records}
    wanted = [
        w
        for w in waiting
        if f"{w.kind}:{w.id}" in request.claims
        or ((w.domain in known.domains or w.id in known.accounts) and (w.kind, w.id) not in read)
    ]
    if wanted:
        batch.add(source.fetch(request, wanted))


def claim(batch: Batch, claims: Mapping[str, str]) -> None:
    """Put what people gave to accounts there."""
    batch.records = [_placed(record, claims) for record in batch.records]
    batch.measurements = [_counted(one, claims) for one in batch.measurements]


def _placed(record: Incoming, claims: Mapping[str, str]) -> Incoming:
    """A record that a person gave to an account."""
    slug = claims.get(f"{record.kind}:{record.id}")
    return replace(record, account=Link(slug=slug)) if slug else record


def _counted(one: Measurement, claims: Mapping[str, str]) -> Measurement:
    """A measurement of an account that a person named."""
    link = one.account
    names = (link.id, link.slug, link.domain, link.name)
    slug = next((claims[f"account:{name}"] for name in names if f"account:{name}" in claims), "")
    return replace(one, account=Link(slug=slug)) if slug else one


def marks(gathered: Gathered) -> dict[str, Any] | None:
    """The mark to be kept, None if it is the one there is."""
    if gathered.mark is None or gathered.mark == gathered.state.mark:
        return None
    return dict(gathered.mark)
