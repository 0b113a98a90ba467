"""The deals that a fit is held against, each with the profile as it was when the deal was opened, if git knows it.

A profile of today may say what was only learnt after the deal was won. So of the states that git holds the earliest
is taken: that of the day of opening, of the day of closing, or the oldest one committed; today's is the last resort,
and is counted as such.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.icp_funnel import Funnel, funnel
from crmctl.model.errors import CrmError, Problem
from crmctl.workspace import catalog, paths, store
from crmctl.workspace.index import opened
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.insight.icp_weights import Calibration
    from crmctl.workspace.git import Git
    from crmctl.workspace.workspace import Workspace

OPENING, CLOSE, OLDEST, TODAY = "opening", "close", "oldest commit", "today"
Deal = Mapping[str, Any]


class Decided(NamedTuple):
    """A deal that ended, and on which day (ISO form, empty when nobody says).

    ``get`` gives fields of the account's profile in the state that ``basis`` names.
    """

    account: str
    id: str
    path: str
    won: bool
    day: str
    basis: str
    get: Callable[[str], Any]


class Open(NamedTuple):
    """A deal that has not ended; ``get`` gives fields of the profile of today."""

    account: str
    id: str
    path: str
    get: Callable[[str], Any]


class Book(NamedTuple):
    """All deals of the kind that counts; ``left_out`` says how many others there are and why."""

    decided: list[Decided]
    open: list[Open]
    left_out: dict[str, int]
    funnel: Funnel
    problems: list[Problem]


def read_book(ws: Workspace, how: Calibration) -> Book:
    """The deals of all accounts. Reads the index, the deals that ended, and git."""
    problems: list[Problem] = []
    with opened(ws.root, ws.state_dir) as index:
        index.profiles(("name",))
        documents = index.documents()
        left: Counter[str] = Counter()
        deals = list(_counting(catalog.records(index, "deal"), how, left))
        reader = store.Reader(ws.root, index.ranking(), fast=True)
        deals = [deal for deal in deals if _stands(reader, deal, left)]
        past = _Past(ws, [deal for deal in deals if _status(deal) != "open"])
        decided = [
            Decided(
                deal["account"],
                deal["id"],
                deal["path"],
                _status(deal) == "won",
                str(deal.get("close") or ""),
                *past.of(deal, documents.get(deal["account"], {})),
            )
            for deal in deals
            if _status(deal) != "open"
        ]
        waiting = [
            Open(d["account"], d["id"], d["path"], documents.get(d["account"], {}).get)
            for d in deals
            if _status(d) == "open"
        ]
        problems += [p for p in reader.problems if p.code != "required"]
    stages = funnel(deals, ws.config.deal_stages)
    return Book(decided, waiting, dict(left), stages, problems)


def _status(deal: Deal) -> str:
    return deal.get("status") or "open"


def _counting(deals: Sequence[Deal], how: Calibration, left: Counter[str]) -> Iterator[Deal]:
    words = "|".join(re.escape(word.casefold()) for word in how.deal_words)
    wanted = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
    for deal in deals:
        kind = str(deal.get("type") or "").casefold()
        if kind and not wanted.search(kind):
            left["another type"] += 1
        elif not kind and not how.untyped:
            left["no type"] += 1
        else:
            yield deal


def _stands(reader: store.Reader, deal: Deal, left: Counter[str]) -> bool:
    """Whether no system reports the deal deleted, which the index does not say."""
    record = reader.record(deal["path"])
    if record is None or record.deleted:
        left["deleted"] += 1
        return False
    return True


class _Past:
    """The profiles of ended deals, out of git in one reading."""

    def __init__(self, ws: Workspace, deals: Sequence[Deal]) -> None:
        self._ws = ws
        self._line = _first_parents(ws.git) if deals else []
        wanted = {
            (commit, paths.profile(deal["account"])): None
            for deal in deals
            for _, commit in self._candidates(deal)
        }
        found = ws.git.blobs(list(wanted)) if wanted else []
        self._held = dict(zip(wanted, found, strict=True))

    def _candidates(self, deal: Deal) -> Iterator[tuple[str, str]]:
        """(name, commit) of the states to take, the best first."""
        history = deal.get("stage_history") or ()
        began = deal.get("opened") or min((r["at"] for r in history if r.get("at")), default=None)
        for name, day in ((OPENING, began), (CLOSE, deal.get("close"))):
            if day and (commit := self._on(str(day))):
                yield name, commit
        if self._line:
            yield OLDEST, self._line[0][1]

    def _on(self, day: str) -> str | None:
        """The commit that was checked out at the end of a day, None before the history begins."""
        last = f"{day[:10]}T23:59:59"
        place = bisect_right(self._line, last, key=lambda entry: entry[0])
        return self._line[place - 1][1] if place else None

    def of(self, deal: Deal, today: Deal) -> tuple[str, Callable[[str], Any]]:
        """Which state there is, and its fields."""
        path = paths.profile(deal["account"])
        for name, commit in self._candidates(deal):
            raw = self._held.get((commit, path))
            if raw is None:
                continue
            try:
                record, _ = read_record(raw, path, self._ws.ranking, fast=True)
            except CrmError:
                continue
            return name, record.get
        return TODAY, today.get


def _first_parents(git: Git) -> list[tuple[str, str]]:
    """(time, commit) of the branch's own line, oldest first; times are UTC in ISO form."""
    log = git.run("log", "--first-parent", "--format=%ct %H", "HEAD", "--", check=False)
    found = []
    for line in log.decode().splitlines():
        stamp, _, commit = line.partition(" ")
        when = dt.datetime.fromtimestamp(int(stamp), dt.UTC)
        found.append((when.strftime("%Y-%m-%dT%H:%M:%S"), commit))
    found.sort(key=lambda entry: entry[0])
    return found


def since(ws: Workspace, slug: str, fields: Sequence[str], commits: int) -> dict[str, dt.date]:
    """Since when each field of a profile has had its value of today, by at most so many commits that touched it.

    A field whose value is not committed yet is left out.
    """
    path = paths.profile(slug)
    options = ("--first-parent", f"--max-count={commits}", "--format=%ct %H", "HEAD")
    log = ws.git.run("log", *options, "--", path, check=False).decode().splitlines()
    entries = [line.partition(" ") for line in log]
    blobs = ws.git.blobs([(commit, path) for _, _, commit in entries]) if entries else []
    now = store.read_file(ws.root, path, ws.ranking)[0]
    found: dict[str, dt.date] = {}
    holding = [name for name in fields if now.get(name) is not None]
    for (stamp, _, _), raw in zip(entries, blobs, strict=True):
        try:
            past = read_record(raw or b"", path, ws.ranking, fast=True)[0]
        except CrmError:
            break
        holding = [name for name in holding if past.get(name) == now.get(name)]
        found |= dict.fromkeys(holding, dt.datetime.fromtimestamp(int(stamp), dt.UTC).date())
    return found
