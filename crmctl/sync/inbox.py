"""Deliveries on their way in: taken at once, each once, and carried to the files by one worker.

They wait in memory only. What is lost with the process, or comes while it is down, the next sync reads: a delivery
makes things faster, never possible.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sync.gather import Gathered, claim, request_for, state_of
from crmctl.sync.live import take_in

if TYPE_CHECKING:
    from crmctl.sources.source import Source
    from crmctl.sources.webhooks import Heard, Reading
    from crmctl.workspace.workspace import Workspace

_HELD = 10_000  # deliveries that may wait
_KNOWN = 50_000  # deliveries that are remembered, so that one that comes again is known
_TOGETHER = 200  # deliveries that are carried in one run
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that waits; ``tries`` counts how often it was carried in vain."""

    system: str
    read: Reading
    tries: int = 0


class Inbox:
    """Takes deliveries from any thread. ``workspace`` gives it as it is now, ``connect`` a source for one run.

    ``tell`` gets a sentence for each thing a person should know.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        connect: Callable[[Workspace, str], Source],
        tell: Callable[[str], None],
        *,
        commit: bool = False,
    ) -> None:
        self._workspace, self._connect, self._tell = workspace, connect, tell
        self._commit = commit
        self._waiting: Queue[Delivery] = Queue(_HELD)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, system: str, heard: Heard) -> bool:
        """Take a delivery; one that came before is taken as done. False if too many wait."""
        if heard.read is None:
            return True
        key = system, heard.key
        with self._lock:
            if heard.key and key in self._known:
                return True
            try:
                self._waiting.put_nowait(Delivery(system, heard.read))
            except Full:
                return False
            self._known[key] = None
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return True

    def work(self, stop: threading.Event) -> None:
        """Carry deliveries until ``stop`` is set and none waits any more."""
        while True:
            found = self._next(0.2)
            if found:
                try:
                    self._carry(found)
                except Exception as error:  # noqa: BLE001  without its worker every later delivery would be lost
                    self._tell(
                        f"{len(found)} deliveries are left to the next sync ({type(error).__name__})"
                    )
            elif stop.is_set():
                return

    def _next(self, seconds: float) -> list[Delivery]:
        """All that wait now, as many as one run takes; [] if none came within that time."""
        found: list[Delivery] = []
        with suppress(Empty):
            found.append(self._waiting.get(timeout=seconds))
            while len(found) < _TOGETHER:
                found.append(self._waiting.get_nowait())
        return found

    def _carry(self, deliveries: list[Delivery]) -> None:
        ws = self._workspace()
        gathered = []
        for system in dict.fromkeys(delivery.system for delivery in deliveries):
            mine = [delivery for delivery in deliveries if delivery.system == system]
            try:
                gathered.append(self._read(ws, system, mine))
            except CrmError as error:
                self._again(mine, error)
        if not gathered:
            return
        try:
            report = take_in(ws, gathered, commit=self._commit, keep_marks=False)
        except CrmError as error:
            self._again([d for d in deliveries if d.system in {g.system for g in gathered}], error)
            return
        for outcome in report.outcomes:
            self._tell(f"{outcome.system}: {outcome.guard or outcome.counts()}")

    def _read(self, ws: Workspace, system: str, deliveries: list[Delivery]) -> Gathered:
        source = self._connect(ws, system)
        request = request_for(ws, source)
        batch = Batch(system, partial=True)
        for delivery in deliveries:
            try:
                batch.add(delivery.read(source, request))
            except CrmError:
                raise
            except Exception as error:  # noqa: BLE001  an odd one must cost neither the others nor the worker
                self._tell(
                    f"{system} sent something that crmctl cannot read ({type(error).__name__}); "
                    "it is left to the next sync"
                )
        batch.partial = True
        state = state_of(ws, source)
        claim(batch, state.claims)
        return Gathered(source, state, batch)

    def _again(self, deliveries: list[Delivery], error: CrmError) -> None:
        """Try later what could not be carried now; in the end leave it to the next sync."""
        kept = 0
        with suppress(Full):
            for delivery in deliveries:
                if delivery.tries + 1 < _TRIES:
                    self._waiting.put_nowait(replace(delivery, tries=delivery.tries + 1))
                    kept += 1
        lost = len(deliveries) - kept
        left = f"; {lost} deliveries are left to the next sync" if lost else ", trying again"
        self._tell(f"{error}{left}")
