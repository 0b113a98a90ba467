"""A line for each source while they are read, on a terminal; nothing in a pipe."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Step = Callable[[str, int], None]
PATIENCE = 1.0  # seconds: what is done sooner needs no sign of life


@contextmanager
def reading(systems: Sequence[str], *, shown: bool) -> Iterator[Step]:
    """Shows how many records each source gave so far; the result takes (source, how many more)."""
    if not shown or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _system, _count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}", markup=False),
        TextColumn("{task.completed:>8.0f} records", markup=False),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks = {system: progress.add_task(system, total=None) for system in systems}
    begin = threading.Timer(PATIENCE, progress.start)
    begin.daemon = True
    begin.start()
    try:
        yield lambda system, count: progress.advance(tasks[system], count)
    finally:
        begin.cancel()
        begin.join()
        progress.stop()
