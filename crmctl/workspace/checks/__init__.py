"""`crmctl check`: everything that can be wrong with a workspace, as values.

One module a family. The records of one account are checked together and let go (`account`); what only one record
may have is compared across all of them (`duplicates`). A file that a higher room knows comes with its check from
there (``others``), so that each room judges its own.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from crmctl.model.errors import Problem
from crmctl.workspace import paths
from crmctl.workspace.checks import account, duplicates, settings, tree
from crmctl.workspace.checks.duplicates import Claims
from crmctl.workspace.checks.source import Context, FileCheck

# Below so many accounts, starting further processes takes longer than they save.
ALONE = 400
_CHUNK = 100


def check(
    root: Path,
    now: dt.datetime,
    within: Iterable[str] | None = None,
    *,
    others: Mapping[str, FileCheck],
) -> list[Problem]:
    """All problems of the workspace, or of the files at or beneath the paths ``within``, by path and line.

    ``others`` are the checks of files that higher rooms read, by file name. When only some accounts are looked at,
    duplicates are found among these.
    """
    places = None if within is None else [place.rstrip("/") for place in within]
    config, problems = settings.load(root)
    context = Context(root, config, config.rank(), now, others)
    names, outside = tree.accounts(root)
    problems += [*outside, *settings.problems(context)]
    for folder in tree.SHARED:
        problems += account.shared(folder, context)
    looked_at = [name for name in names if _touches(places, f"{paths.ACCOUNTS}/{name}")]
    claims: list[Claims] = []
    for found, claimed in _accounts(looked_at, context):
        problems += found
        claims.append(claimed)
    problems += duplicates.problems(root, claims, config.free_mail)
    wrong = {(p.path, p.field) for p in problems if p.code != "required"}
    return sorted(
        {
            problem
            for problem in problems
            # A wrong value is not missing as well.
            if _covers(places, problem.path)
            and not (problem.code == "required" and (problem.path, problem.field) in wrong)
        }
    )


def _accounts(names: list[str], context: Context) -> Iterator[tuple[list[Problem], Claims]]:
    """`account.check` of every account in their order, on all processors when there are many."""
    one = partial(account.check, context=context)
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    if len(names) < ALONE or processors in (None, 1):
        yield from map(one, names)
        return
    with ProcessPoolExecutor(processors, get_context("spawn")) as pool:
        yield from pool.map(one, names, chunksize=_CHUNK)


def _touches(places: list[str] | None, folder: str) -> bool:
    return places is None or any(
        place == folder or place.startswith(f"{folder}/") or folder.startswith(f"{place}/")
        for place in places
    )


def _covers(places: list[str] | None, path: str) -> bool:
    return places is None or any(path == p or path.startswith(f"{p}/") for p in places)
