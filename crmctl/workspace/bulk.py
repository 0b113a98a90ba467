"""Reading many records into the form in which the index keeps them, on all processors when there are very many.

What comes back is text, so that handing it from one process to another costs little beside making it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.model.errors import CrmError
from crmctl.workspace import files, processes
from crmctl.workspace.index import as_json, plain
from crmctl.workspace.store import read_in

if TYPE_CHECKING:
    from crmctl.model.record import Ranking

MANY = 2_000  # files from which on further processes are worth their start
PART = 100  # files that one process reads before it hands over


class Summary(NamedTuple):
    """A record: why it could not be read (or None), the asked columns as text, and all that holds as JSON."""

    path: str
    problem: str | None
    columns: list[str | None]
    json: str


def read(
    root: Path, ranking: Ranking, paths: Sequence[str], columns: Sequence[str] = ()
) -> Iterator[Summary]:
    """A summary of each record, in the order of ``paths``."""
    parts = processes.parts(paths, PART)
    work = partial(_read, root, ranking, columns)
    for part in processes.spread(lambda: nullcontext(work), parts, apart=len(paths) >= MANY):
        yield from part


def _read(
    root: Path, ranking: Ranking, columns: Sequence[str], paths: Sequence[str]
) -> list[Summary]:
    summaries = []
    with files.Reading(root) as reading:
        for path in paths:
            problem, values = None, {}
            try:
                record, _ = read_in(reading, path, ranking, fast=True)
                values = record.effective()
            except CrmError as error:
                problem = str(error)
            listed = [_column(values, name) for name in columns]
            summaries.append(Summary(path, problem, listed, as_json(values)))
    return summaries


def _column(values: dict[str, Any], name: str) -> str | None:
    if name == "domain":
        domains = values.get("domains")
        return str(domains[0]) if domains else None
    value = values.get(name)
    return None if value is None else str(plain(value))
