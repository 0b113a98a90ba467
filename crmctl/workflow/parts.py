"""What is read for many accounts at once, in parts: no run holds the values of all accounts of a large workspace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight import scoring
from crmctl.insight.fingerprint import FOLDERS
from crmctl.workflow.said import Said
from crmctl.workflow.syntax import MAX_PAST_DAYS
from crmctl.workspace import catalog, measures, store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.insight.cache import Results
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Record
    from crmctl.workflow.measured import Row
    from crmctl.workspace.workspace import Workspace

SIZE = 500  # accounts


class Part:
    """Some accounts, in order; each source is read when it is first needed, for all of them."""

    def __init__(self, ws: Workspace, slugs: Sequence[str], weights: Callable[[], Weights]) -> None:
        self.ws = ws
        self.slugs = slugs
        self.members = frozenset(slugs)
        self._weights = weights
        self._past: dict[str, dict[str, list[Row]]] = {}

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The values that hold in each profile, as JSON knows them."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            return index.documents(self.slugs)

    @cached_property
    def scored(self) -> scoring.ScorePlan:
        """Scores and signals, as `crmctl score` would have them now."""
        return scoring.plan_scores(self.ws, self.slugs, signals=True, pages=False)

    def names(self, slug: str, folder: str) -> list[str] | None:
        """The names of the files in a folder of an account; None where scoring has not listed them."""
        if "scored" not in vars(self):
            return None
        listed = self.scored.names.get(slug)
        return listed.get(folder, []) if listed is not None and folder in FOLDERS else None

    @property
    def health(self) -> Results:
        """The health of each account."""
        return self.scored.results

    @cached_property
    def said(self) -> Said:
        """What the accounts say, and how often."""
        return Said(self.ws, self._weights(), self.scored)

    def past(self, slug: str, measure: str) -> Sequence[Row]:
        """What was measured of an account, as (ordinal day, value), oldest first."""
        if measure not in self._past:
            since = self.ws.today - dt.timedelta(days=2 * MAX_PAST_DAYS)
            ends = self.slugs[0], self.slugs[-1]
            with opened(self.ws.root, self.ws.state_dir) as index:
                measures.refresh(index)
                self._past[measure] = measures.past(index, measure, ends, since)
        return self._past[measure].get(slug, ())


class Tasks(NamedTuple):
    """How many tasks of an account are open, and how many of those are overdue."""

    open: int = 0
    overdue: int = 0


NO_TASKS = Tasks()


def tasks(ws: Workspace, slugs: Sequence[str]) -> Mapping[str, Tasks]:
    """The open tasks of these accounts; an account without any is not in it."""
    if len(slugs) < scoring.MANY:
        rows: Iterable[tuple[str, Any, Any]] = _read_tasks(ws, slugs)
        return _counted(rows, ws.today.isoformat())
    with opened(ws.root, ws.state_dir) as index:
        every = catalog.each(index, "task")
        rows = ((slug, task.get("status"), task.get("due")) for slug, task in every)
        return _counted(rows, ws.today.isoformat())


def _read_tasks(ws: Workspace, slugs: Sequence[str]) -> Iterable[tuple[str, Any, Any]]:
    reader = store.Reader(ws.root, ws.ranking, fast=True)
    for slug in slugs:
        account = reader.account(slug, only=frozenset({"tasks"}))
        for task in account.tasks.values() if account else ():
            yield slug, task.text("status"), _iso(task)


def _iso(task: Record) -> str | None:
    due = task.date("due")
    return None if due is None else due.isoformat()


def _counted(rows: Iterable[tuple[str, Any, Any]], today: str) -> dict[str, Tasks]:
    found: dict[str, Tasks] = {}
    for slug, status, due in rows:
        if status == "open":
            known = found.get(slug, NO_TASKS)
            late = isinstance(due, str) and due < today
            found[slug] = Tasks(known.open + 1, known.overdue + late)
    return found
