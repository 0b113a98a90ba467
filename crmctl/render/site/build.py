"""Building the site: what changed is read and rendered again, the rest stays as it is, byte for byte.

An account's page depends on its files, its measures, the weights and rules, and the day; the pages about many
accounts on the rows of all. What an account's page and row were made from is kept in the folder's manifest.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.churn_model import OWN
from crmctl.insight.fingerprint import fingerprint
from crmctl.model.errors import Problem, UsageError
from crmctl.render.site import environment, overview
from crmctl.render.site.account_page import Row, account_page
from crmctl.render.site.frame import Frame, frame
from crmctl.render.site.output import Folder, Written
from crmctl.workspace import files, measures, paths, store
from crmctl.workspace.index import RACY_NS, opened, stat_key

if TYPE_CHECKING:
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

MANY = 64  # accounts from which on further processes are worth their start
PART = 16  # accounts that one process renders before it hands over
_SETTINGS = ("crmctl.yaml", "weights.yaml", "signals.yaml", OWN)
Step = Callable[[], None]


class Built(NamedTuple):
    """What a build did: ``accounts`` are those in the site, ``rendered`` those whose files were read for it."""

    folder: Path
    written: Written
    accounts: int
    rendered: int
    problems: list[Problem]


class Made(NamedTuple):
    """One account rendered: its row, its page's digest, and what was done to the file."""

    slug: str
    row: Row | None
    mark: str
    what: str
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class _Job:
    """What a process that renders accounts needs; forked, it has it already."""

    frame: Frame
    series: Mapping[str, Sequence[Measure]]
    folder: Folder
    owner: str


_job: list[_Job] = []


def build(ws: Workspace, out: Path, owner: str = "", step: Step | None = None) -> Built:
    """Bring the site in a folder up to date; by ``owner`` only their accounts.

    UsageError if the folder is not ours or the owner has no account. A damaged profile is a problem, and has no page.
    """
    chosen = _owned(ws, owner)
    folder = Folder(out, ws.root)
    written, problems = Written(), []
    shared = frame(ws)
    with opened(ws.root, ws.state_dir) as index:
        problems += measures.refresh(index)
        series = measures.all_series(index)
        started = time.time_ns()
        marks = {slug: fingerprint(index.accounts, slug) for slug in chosen}
    basis = _basis(ws, owner)
    keys = {
        slug: _key(ws.root, basis, slug, marks[slug].digest, series.get(slug, ()))
        for slug in chosen
    }
    known, held = folder.pages, _held(folder.manifest)
    pages: dict[str, str] = {}
    rows: dict[str, Row] = {}
    stale = []
    for slug in chosen:
        path, kept = page_of(slug), held.get(slug)
        if kept and kept["key"] == keys[slug] and path in known and folder.stands(path):
            rows[slug], pages[path] = kept["row"], known[path]
            written.same += 1
        else:
            stale.append(slug)
    job = _Job(shared, series, folder, owner)
    for made in _rendered(job, stale, known):
        problems += made.problems
        if made.row is not None:
            rows[made.slug], pages[page_of(made.slug)] = made.row, made.mark
            written.note(page_of(made.slug), made.what)
        if step is not None:
            step()
    listed = [rows[slug] for slug in chosen if slug in rows]
    for path, data in _overviews(listed, shared, owner, problems):
        what, pages[path] = folder.put(path, data, known.get(path, ""))
        written.note(path, what)
    for path in sorted(known.keys() - pages.keys()):
        if folder.remove(path, known[path]):
            written.removed.append(path)
    # What was written while we read may be older than it looks: it is read again the next time.
    sure = {s for s in rows if marks[s].newest + RACY_NS < started}
    kept = {s: {"key": keys[s] if s in sure else "", "row": row} for s, row in rows.items()}
    manifest = {"pages": pages, "accounts": kept}
    if folder.manifest.get("pages") != pages or folder.manifest.get("accounts") != kept:
        folder.finish(manifest)
    return Built(folder.path, written, len(listed), len(stale), problems)


def page_of(slug: str) -> str:
    """Where an account's page lies in the site."""
    return f"accounts/{slug}.html"


def _owned(ws: Workspace, owner: str) -> list[str]:
    """The accounts of an owner, all without one. Folders with names that are none have no page."""
    with opened(ws.root, ws.state_dir) as index:
        found = [(slug, by) for slug, _, by in index.profiles(("owner",)) if paths.is_slug(slug)]
    if owner and owner not in {by for _, by in found}:
        there = ", ".join(sorted({by for _, by in found if by}))
        raise UsageError(f"--owner {owner} owns no account; owners are {there or 'not named'}")
    return [slug for slug, by in found if not owner or by == owner]


def _basis(ws: Workspace, owner: str) -> bytes:
    """What all pages depend on, beside the accounts: settings, the day, and how pages are made."""
    found = blake2b(repr((environment.digest(), ws.today, owner)).encode(), digest_size=16)
    for path in _SETTINGS:
        found.update(files.read(ws.root, path) or b"-")
    return found.digest()


def _key(root: Path, basis: bytes, slug: str, mark: str, rows: Sequence[Measure]) -> str:
    """What an account's page is made from, as one word. Tasks are no part of the fingerprint, which is for scores."""
    tasks = f"{root}/{paths.ACCOUNTS}/{slug}/tasks"
    try:
        seen = sorted((entry.name, stat_key(entry.path)) for entry in os.scandir(tasks))
    except OSError:
        seen = []
    told = [(row.measure, row.day.toordinal(), str(row.value), row.source) for row in rows]
    return blake2b(basis + repr((mark, seen, told)).encode(), digest_size=16).hexdigest()


def _held(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = manifest.get("accounts")
    return found if isinstance(found, dict) else {}


def _rendered(job: _Job, slugs: Sequence[str], known: Mapping[str, str]) -> Iterator[Made]:
    """Each account read, rendered and written, on all processors when there are many."""
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    _job[:] = [job]
    parts = [
        [(slug, known.get(page_of(slug), "")) for slug in slugs[start : start + PART]]
        for start in range(0, len(slugs), PART)
    ]
    if len(slugs) < MANY or processes == 1:
        for part in parts:
            yield from _render(part)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Forked, they have everything read and imported; Ctrl-C is for the process that people see.
    with ProcessPoolExecutor(
        processes,
        get_context("fork"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        for found in pool.map(_render, parts):
            yield from found


def _render(part: Sequence[tuple[str, str]]) -> list[Made]:
    job = _job[0]
    found = []
    for slug, known in part:
        reader = store.Reader(job.frame.root, job.frame.ranking, fast=True)
        account = reader.account(slug)
        # What is missing is for `check` to say; what could not be read is not on the page.
        problems = [p for p in reader.problems if p.code != "required"]
        if account is None:
            found.append(Made(slug, None, "", "", problems))
            continue
        row, page = account_page(account, job.series.get(slug, ()), job.frame)
        data = environment.render(
            "account", {**page, **_common(job.frame, job.owner, "../"), "here": "account"}
        )
        what, mark = job.folder.put(page_of(slug), data, known)
        found.append(Made(slug, row, mark, what, problems))
    return found


def _common(shared: Frame, owner: str, base: str) -> dict[str, Any]:
    return {
        "frame": shared,
        "today": shared.today,
        "base": base,
        "book": shared.names.get(owner, owner),
        "site": shared.company or "Customers",
    }


def _overviews(
    rows: Sequence[Row], shared: Frame, owner: str, problems: Sequence[Problem]
) -> Iterator[tuple[str, bytes]]:
    """The pages about many accounts, and what all pages share."""
    owners = sorted({row["owner"] for row in rows if row["owner"]})
    books = {one: f"owners/{one}.html" for one in owners if not owner and paths.is_slug(one)}
    given = {**_common(shared, owner, ""), "books": books, "problems": len(problems)}
    yield (
        "index.html",
        environment.render(
            "portfolio",
            {
                **given,
                "title": given["book"] or "All accounts",
                "here": "portfolio",
                **overview.portfolio(rows, shared),
            },
        ),
    )
    for one, path in books.items():
        own = [row for row in rows if row["owner"] == one]
        told = {
            **given,
            "base": "../",
            "title": shared.names.get(one, one),
            "here": "book",
            "problems": 0,
        }
        yield path, environment.render("portfolio", {**told, **overview.portfolio(own, shared)})
    yield (
        "trend.html",
        environment.render(
            "trend", {**given, "here": "trend", **overview.trend_page(rows, shared)}
        ),
    )
    yield (
        "risk.html",
        environment.render("risk", {**given, "here": "risk", **overview.risk_page(rows, shared)}),
    )
    for name, source in environment.ASSETS.items():
        yield name, source.read_bytes()
