"""The same work on many things: side by side in further processes where there are several processors."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")
Maker = Callable[[], AbstractContextManager[Callable[[Thing], Result]]]

_BETWEEN = 20_000  # objects made between two looks for garbage, of which such work makes little
_open = ExitStack()  # for as long as the process lasts
_work: list[Callable[[Any], Any]] = []


def spread(make: Maker[Thing, Result], things: Sequence[Thing], *, apart: bool) -> Iterator[Result]:
    """The result for each of ``things``, in their order; found in this process, or ``apart`` in one a processor.

    ``make`` gives what does the work, in each process anew: a connection must not be taken across a fork. Forked
    processes have everything that was read and imported until now; what comes back is pickled.
    """
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if not apart or len(things) < 2 or processes == 1:
        with make() as work:
            yield from map(work, things)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(
        min(processes, len(things)), get_context("fork"), initializer=_begin, initargs=(make,)
    ) as pool:
        yield from pool.map(_one, things)


def _begin(make: Maker[Any, Any]) -> None:
    # Ctrl-C is for the process that people see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # All that was read before the fork stays: looking through it for garbage would take long.
    gc.freeze()
    gc.set_threshold(_BETWEEN)
    _work[:] = [_open.enter_context(make())]


def _one(thing: Any) -> Any:
    return _work[0](thing)


def parts(things: Sequence[Thing], size: int) -> list[Sequence[Thing]]:
    """The things in parts of ``size``, so that handing over costs little."""
    return [things[start : start + size] for start in range(0, len(things), size)]
