"""A line for each source while they are read, on a terminal; nothing in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Step = Callable[[str, int], None]


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
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {system: progress.add_task(system, total=None) for system in systems}

        def step(system: str, count: int) -> None:
            progress.advance(tasks[system], count)

        yield step
