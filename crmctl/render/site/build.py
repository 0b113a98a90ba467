"""Building the site: what changed is read and rendered again, the rest stays as it is, byte for byte.

An account's page depends on its files, its measures, the weights and rules, and the day; the pages about many
accounts on the rows of all. What an account's page and row were made from is kept in the folder's manifest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.cache import Cache
from crmctl.insight.churn_model import OWN
from crmctl.insight.citing import Lines, Rows
from crmctl.insight.fingerprint import Fingerprint, fingerprints
from crmctl.insight.rules_file import rules_digest
from crmctl.model.errors import Problem, UsageError
from crmctl.render.book_row import Row, beside
from crmctl.render.site import environment, metrics_pages, overview
from crmctl.render.site.account_page import account_page
from crmctl.render.site.frame import Frame, frame
from crmctl.render.site.output import Folder, Written
from crmctl.workspace import files, measures, paths, processes, store
from crmctl.workspace.index import RACY_NS, Index, opened

if TYPE_CHECKING:
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

MANY = 64  # accounts from which on further processes are worth their start
PART = 16  # accounts that one process renders before it hands over
_SETTINGS = ("crmctl.yaml", "weights.yaml", "signals.yaml", OWN)
Step = Callable[[], None]
Page = Callable[[], bytes]


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

    ws: Workspace
    frame: Frame
    series: Mapping[str, Sequence[Measure]]
    marks: Mapping[str, Fingerprint]
    folder: Folder
    owner: str


def build(
    ws: Workspace, out: Path, owner: str = "", step: Step | None = None, *, dry: bool = False
) -> Built:
    """Bring the site in a folder up to date; by ``owner`` only their accounts. ``dry`` says what that would do.

    UsageError if the folder is not ours or the owner has no account. A damaged profile is a problem, and has no page.
    """
    chosen = _owned(ws, owner)
    folder = Folder(out, ws.root, dry=dry)
    written, problems = Written(), []
    shared = frame(ws)
    with opened(ws.root, ws.state_dir) as index:
        problems += measures.refresh(index)
        series = measures.all_series(index)
        started = time.time_ns()
        marks = fingerprints(index.accounts, chosen)
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
    job = _Job(ws, shared, series, marks, folder, owner)
    for made in _rendered(job, stale, known):
        problems += made.problems
        if made.row is not None:
            rows[made.slug], pages[page_of(made.slug)] = made.row, made.mark
            written.note(page_of(made.slug), made.what)
        if step is not None:
            step()
    listed = [rows[slug] for slug in chosen if slug in rows]
    wanted = _overviews(listed, shared, owner, problems)
    past = metrics_pages.mark(ws, keys)
    if past == folder.manifest.get("past") and all(map(folder.stands, metrics_pages.PAGES)):
        pages |= {path: known[path] for path in metrics_pages.PAGES if path in known}
        written.same += len(metrics_pages.PAGES)
    else:
        # What takes longest comes first, so that processes end at about the same time.
        given = _common(shared, owner, "")
        wanted = {**metrics_pages.pages(ws, listed, shared, given), **wanted}
    for path, (what, mark) in _put(wanted, folder, known, len(listed)):
        pages[path] = mark
        written.note(path, what)
    for path in sorted(known.keys() - pages.keys()):
        if folder.remove(path, known[path]):
            written.removed.append(path)
    # What was written while we read may be older than it looks: it is read again the next time.
    sure = {s for s in rows if marks[s].newest + RACY_NS < started}
    kept = {s: {"key": keys[s] if s in sure else "", "row": row} for s, row in rows.items()}
    manifest = {"pages": pages, "accounts": kept, "past": past if sure == rows.keys() else ""}
    if any(folder.manifest.get(name) != value for name, value in manifest.items()):
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
    """What an account's page is made from, as one word.

    Tasks and plans are no part of the fingerprint, which is for scores.
    """
    seen = beside(root, slug)
    told = [(row.measure, row.day.toordinal(), str(row.value), row.source) for row in rows]
    return blake2b(basis + repr((mark, seen, told)).encode(), digest_size=16).hexdigest()


def _held(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = manifest.get("accounts")
    return found if isinstance(found, dict) else {}


def _rendered(job: _Job, slugs: Sequence[str], known: Mapping[str, str]) -> Iterator[Made]:
    """Each account read, rendered and written, on all processors when there are many."""
    wanted = [(slug, known.get(page_of(slug), "")) for slug in slugs]

    @contextmanager
    def renderer() -> Iterator[Callable[[Sequence[tuple[str, str]]], list[Made]]]:
        with opened(job.ws.root, job.ws.state_dir) as index:
            made = _Renderer(job, index).made
            yield lambda part: list(map(made, part))

    for found in processes.spread(
        renderer, processes.parts(wanted, PART), apart=len(slugs) >= MANY
    ):
        yield from found


class _Renderer:
    """Reads, renders and writes accounts one after the other."""

    def __init__(self, job: _Job, index: Index) -> None:
        self.job = job
        self.rows: Rows = {}
        # What texts say is remembered by their state and that of the rules; the weights have no part in it.
        self.cache = Cache(index, job.frame.today, "", rules_digest(job.frame.root))

    def made(self, wanted: tuple[str, str]) -> Made:
        """An account, by its folder and the digest of the page as it was."""
        slug, known = wanted
        job, kept = self.job, dict[str, bytes]()
        reader = store.Reader(job.frame.root, job.frame.ranking, fast=True, kept=kept)
        account = reader.account(slug)
        # What is missing is for `check` to say; what could not be read is not on the page.
        problems = [p for p in reader.problems if p.code != "required"]
        if account is None:
            return Made(slug, None, "", "", problems)
        said = self.cache.said(slug, job.marks[slug].digest)
        row, page = account_page(
            account,
            job.series.get(slug, ()),
            job.frame,
            Lines(job.frame.root, slug, self.rows, kept),
            None if said is None else said[0],
        )
        data = environment.render(
            "account", {**page, **_common(job.frame, job.owner, "../"), "here": "account"}
        )
        what, mark = job.folder.put(page_of(slug), data, known)
        return Made(slug, row, mark, what, problems)


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
) -> dict[str, Page]:
    """The pages about many accounts, and what all pages share, each by what makes it."""
    owners = sorted({row["owner"] for row in rows if row["owner"]})
    books = {one: f"owners/{one}.html" for one in owners if not owner and paths.is_slug(one)}
    given = {**_common(shared, owner, ""), "books": books, "problems": len(problems)}

    def portfolio() -> bytes:
        told = {**given, "title": given["book"] or "All accounts", "here": "portfolio"}
        return environment.render("portfolio", {**told, **overview.portfolio(rows, shared)})

    def book(one: str) -> bytes:
        own = [row for row in rows if row["owner"] == one]
        told = {**given, "base": "../", "title": shared.names.get(one, one), "here": "book"}
        told["problems"] = 0
        return environment.render("portfolio", {**told, **overview.portfolio(own, shared)})

    def trend() -> bytes:
        told = {**given, "here": "trend", **overview.trend_page(rows, shared)}
        return environment.render("trend", told)

    def risk() -> bytes:
        return environment.render(
            "risk", {**given, "here": "risk", **overview.risk_page(rows, shared)}
        )

    return {
        "index.html": portfolio,
        "risk.html": risk,
        **{path: partial(book, one) for one, path in books.items()},
        "trend.html": trend,
        **{name: source.read_bytes for name, source in environment.ASSETS.items()},
    }


def _put(
    wanted: Mapping[str, Page], folder: Folder, known: Mapping[str, str], accounts: int
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Make and write pages, side by side where they are of many accounts: each with what `Folder.put` says."""

    def put(path: str) -> tuple[str, tuple[str, str]]:
        return path, folder.put(path, wanted[path](), known.get(path, ""))

    return processes.spread(lambda: nullcontext(put), list(wanted), apart=accounts >= MANY)
