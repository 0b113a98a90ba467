"""The rows of many accounts for a dashboard: those whose files are unchanged are remembered in the index.

Dropping what is remembered changes nothing but time. A row holds as long as the account's files, the measures, the
settings and the day are the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from crmctl import __version__
from crmctl.insight.cache import Cache
from crmctl.insight.churn_model import OWN
from crmctl.insight.citing import Lines, Rows
from crmctl.insight.fingerprint import Fingerprint, fingerprints
from crmctl.insight.rules_file import rules_digest
from crmctl.model.errors import Problem, UsageError
from crmctl.render.account import Seen
from crmctl.render.book_row import Row, beside, tell
from crmctl.workspace import files, measures, paths, processes, store
from crmctl.workspace.index import RACY_NS, Index, opened

if TYPE_CHECKING:
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.workspace import Workspace

FORMAT = "2"  # raised when rows have another form
MANY = 64  # accounts from which on further processes are worth their start
PART = 16
_SETTINGS = ("crmctl.yaml", "weights.yaml", "signals.yaml", OWN)
_TABLE = "CREATE TABLE IF NOT EXISTS book (account TEXT PRIMARY KEY, key TEXT, row TEXT)"
Step = Callable[[], None]


class Book(NamedTuple):
    """The rows of an owner's accounts, or of all, by folder; how many of them were read for it."""

    rows: list[Row]
    read: int
    problems: list[Problem]


class _Made(NamedTuple):
    slug: str
    row: Row | None
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class _Job:
    ws: Workspace
    frame: Frame
    marks: dict[str, Fingerprint]


def read_book(ws: Workspace, frame: Frame, owner: str = "", step: Step | None = None) -> Book:
    """The rows of the accounts of ``owner``, an id or a name of the team, or of everybody's without one.

    UsageError for an owner without accounts. A damaged profile is a problem, and has no row.
    """
    with opened(ws.root, ws.state_dir) as index:
        problems = measures.refresh(index)
        chosen = _owned(ws, index, owner)
        basis = _basis(ws, index)
        started = time.time_ns()
        marks = fingerprints(index.accounts, chosen)
        keys = {slug: _key(ws, basis, slug, marks[slug]) for slug in chosen}
        index.db.execute(_TABLE)
        held = {slug: (key, row) for slug, key, row in index.db.execute("SELECT * FROM book")}
        rows: dict[str, Row | None] = {}
        for slug in chosen:
            if slug in held and held[slug][0] == keys[slug]:
                rows[slug], found = json.loads(held[slug][1])
                problems += [Problem(*problem) for problem in found]
        stale = [slug for slug in chosen if slug not in rows]
        fresh = []
        job = _Job(ws, frame, marks)
        for made in _read(job, stale):
            problems += made.problems
            rows[made.slug] = made.row
            # What was written while we read may be older than it looks.
            if marks[made.slug].newest + RACY_NS < started:
                kept = json.dumps([made.row, made.problems])
                fresh.append((made.slug, keys[made.slug], kept))
            if step is not None:
                step()
        if fresh:
            with index.transaction():
                index.db.executemany("INSERT OR REPLACE INTO book VALUES (?, ?, ?)", fresh)
                if not owner:
                    gone = [(slug,) for slug in held.keys() - set(chosen)]
                    index.db.executemany("DELETE FROM book WHERE account = ?", gone)
    return Book([row for slug in chosen if (row := rows[slug])], len(stale), problems)


def _owned(ws: Workspace, index: Index, owner: str) -> list[str]:
    found = [(slug, by) for slug, _, by in index.profiles(("owner",)) if paths.is_slug(slug)]
    if not owner:
        return [slug for slug, _ in found]

    def known(text: str) -> str:
        member = ws.config.member(text) if text else None
        return member.id if member else text

    wanted = known(owner)
    own = [slug for slug, by in found if known(by or "") == wanted]
    if not own:
        there = ", ".join(sorted({known(by) for _, by in found if by}))
        raise UsageError(f"--owner {owner} owns no account; owners are {there or 'not named'}")
    return own


def _basis(ws: Workspace, index: Index) -> bytes:
    """What all rows depend on: the day, the settings, the measures and the version of crmctl."""
    query = "SELECT day, mtime, ctime, size, inode FROM measure_file ORDER BY day"
    seen = index.db.execute(query).fetchall()
    found = blake2b(repr((__version__, FORMAT, ws.today, seen)).encode(), digest_size=16)
    for path in _SETTINGS:
        found.update(files.read(ws.root, path) or b"-")
    return found.digest()


def _key(ws: Workspace, basis: bytes, slug: str, mark: Fingerprint) -> str:
    told = repr((mark.digest, beside(ws.root, slug))).encode()
    return blake2b(basis + told, digest_size=16).hexdigest()


def _read(job: _Job, slugs: Sequence[str]) -> Iterator[_Made]:
    """Each account read, on all processors when there are many."""

    @contextmanager
    def reader() -> Iterator[Callable[[Sequence[str]], list[_Made]]]:
        with opened(job.ws.root, job.ws.state_dir) as index:
            yield _Reader(job, index).made

    for part in processes.spread(reader, processes.parts(slugs, PART), apart=len(slugs) >= MANY):
        yield from part


class _Reader:
    """Reads accounts one after the other."""

    def __init__(self, job: _Job, index: Index) -> None:
        self.job, self.index = job, index
        self.rows: Rows = {}
        self.cache = Cache(index, job.frame.today, "", rules_digest(job.frame.root))

    def made(self, slugs: Sequence[str]) -> list[_Made]:
        every = (
            measures.all_series(self.index, None, (slugs[0], slugs[-1]))
            if len(slugs) >= PART
            else {slug: measures.series(self.index, slug) for slug in slugs}
        )
        return [self._made(slug, every.get(slug, [])) for slug in slugs]

    def _made(self, slug: str, series: list[measures.Measure]) -> _Made:
        frame, kept = self.job.frame, dict[str, bytes]()
        reader = store.Reader(frame.root, frame.ranking, fast=True, kept=kept)
        account = reader.account(slug)
        # What is missing is for `check` to say; what could not be read is not in the row.
        problems = [p for p in reader.problems if p.code != "required"]
        if account is None:
            return _Made(slug, None, problems)
        said = self.cache.said(slug, self.job.marks[slug].digest)
        lines = Lines(frame.root, slug, self.rows, kept)
        seen = Seen(
            account, series, frame.weights, frame.rules, lines, None if said is None else said[0]
        )
        return _Made(slug, tell(seen, frame).row, problems)
