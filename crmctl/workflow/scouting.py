"""Which of very many accounts have anything due, found out on all processors: nearly none has.

What is found due is planned afterwards, in order and by one process: limits and who has least to do depend on that.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from crmctl.model.errors import CrmError
from crmctl.workflow.parts import SIZE
from crmctl.workflow.planner import Planner
from crmctl.workspace import episodes, paths

VERY_MANY = 1_000  # accounts from which on further processes are worth their start


class Scout(Planner):
    """A planner that only looks."""

    def is_busy(self, slug: str) -> bool:
        """Whether a plan has anything to do or to say in this account."""
        self.opened.clear()
        path = paths.episodes(slug)
        try:
            history = episodes.parse(self.reading.read(path) or b"", path)
            before = episodes.state(history)
            self._trigger(slug, history)
        except CrmError:
            return True
        changed = episodes.state(history) != before
        return changed or bool(self.opened) or bool(self._due(history, history))


def busy(planner: Planner) -> list[str]:
    """The accounts of a planner that it has to look at, in order; all of them when they are few."""
    slugs = planner.insight.slugs
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if len(slugs) < VERY_MANY or processes == 1:
        return slugs
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    _ = planner.insight.readable  # found once, and not by each process
    parts = [slugs[start : start + SIZE] for start in range(0, len(slugs), SIZE)]
    # Forked, they have everything that is known by now; each opens the index for itself.
    with ProcessPoolExecutor(
        processes, get_context("fork"), initializer=_begin, initargs=(planner,)
    ) as pool:
        return [slug for found in pool.map(_look, parts) for slug in found]


_SCOUT: list[Scout] = []


def _begin(planner: Planner) -> None:
    # Ctrl-C is for the process that people see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _SCOUT.append(Scout(planner.ws, planner.workflows, planner.values, planner.insight))


def _look(slugs: Sequence[str]) -> list[str]:
    scout = _SCOUT[0]
    with scout.reading:
        return [slug for slug in slugs if scout.is_busy(slug)]
