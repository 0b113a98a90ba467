"""What workflows would have done over a stretch of the past: looked at day by day, by the code of a real run.

Each day is laid out as it was (`crmctl.workflow.replay_history`), with what the workflows themselves would have written
until then, and planned as if somebody ran them at its end. Nothing of it reaches the workspace.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.workflow import engine
from crmctl.workflow.definition import WORKFLOWS
from crmctl.workflow.expression import Expression
from crmctl.workflow.replay_history import EPISODES, STATE, Checkout, Line, files_of
from crmctl.workflow.replay_scratch import Scratch, scratch
from crmctl.workflow.values import Insight
from crmctl.workspace import episodes, store

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.planner import RunPlan
    from crmctl.workflow.replay_files import Rules
    from crmctl.workspace.episodes import Episode
    from crmctl.workspace.workspace import Workspace

MOST_DAYS = 3660
ONE_DAY = dt.timedelta(days=1)
Progress = Callable[[dt.date, int], None]
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Act:
    """What a firing would have done on a day; ``to`` are those who would have got its message."""

    day: dt.date
    action: str
    state: str
    text: str
    to: tuple[str, ...] = ()


@dataclass(slots=True)
class Firing:
    """One episode that would have begun; ``closed`` is None while it goes on."""

    day: dt.date
    account: str
    workflow: str
    episode: str
    why: str
    closed: dt.date | None = None
    acts: list[Act] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.workflow, self.episode

    def as_json(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "account": self.account,
            "workflow": self.workflow,
            "episode": self.episode,
            "why": self.why,
            "closed": self.closed,
            "actions": [
                {"day": a.day, "action": a.action, "state": a.state, "what": a.text, "to": a.to}
                for a in self.acts
            ],
        }


@dataclass(slots=True)
class Replayed:
    """What came of a replay. ``unknown`` counts by workflow the looks at which its condition was not known, and by
    name which values were missing then; ``looks`` are accounts times days.
    """

    first: dt.date
    last: dt.date
    workflows: dict[str, Workflow]
    firings: list[Firing] = field(default_factory=list)
    days: int = 0
    accounts: set[str] = field(default_factory=set)
    looks: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    missing: dict[str, Counter[str]] = field(default_factory=dict)
    problems: dict[str, dt.date] = field(default_factory=dict)


def replay(
    ws: Workspace,
    rules: Rules,
    first: dt.date,
    last: dt.date,
    *,
    workflow: str | None = None,
    account: str | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """What these workflows would have done from ``first`` to ``last``, of one workflow and one account or of all.

    Writes nothing. What had been done before ``first`` counts as done. Days before the first commit are left out,
    and named.
    """
    if first > last:
        raise UsageError(f"--from {first} lies behind --to {last}")
    if (last - first).days >= MOST_DAYS:
        raise UsageError(f"looks at {MOST_DAYS} days at most; name a later --from")
    if last > ws.today:
        raise UsageError(f"{last} is still to come; --to is {ws.today} at most")
    workflows = engine.choose(rules.loaded, workflow)
    line = Line(ws.git)
    found = Replayed(max(first, line.begins), last, workflows)
    if first < line.begins:
        found.problems[
            f"the history begins on {line.begins}: nothing is known of what was before"
        ] = first
    with scratch(ws.state_dir) as place:
        place.borrow(ws.root)
        place.write(WORKFLOWS, rules.raw)
        _Replay(ws, line, place, found, account).go(progress)
    found.firings.sort(key=lambda f: (f.day, f.account, f.workflow, f.episode))
    return found


class _Replay:
    """One replay under way."""

    def __init__(
        self, ws: Workspace, line: Line, place: Scratch, found: Replayed, account: str | None
    ) -> None:
        self.line = line
        self.place = place
        self.found = found
        self.account = account
        self.checkout = Checkout(ws.git, place, account)
        # What began before or was never more than a note, and what began since.
        self._old: set[tuple[str, str, str]] = set()
        self._new: dict[tuple[str, str, str], Firing] = {}

    def go(self, progress: Progress | None) -> None:
        found, day = self.found, self.found.first
        self._begin(day - ONE_DAY)
        while day <= found.last:
            try:
                self._look(day)
            except ConfigError as error:
                found.problems.setdefault(f"nothing is known of the day: {error}", day)
            found.days += 1
            if progress is not None:
                progress(day, len(found.firings))
            day += ONE_DAY
        for problem in self.checkout.problems:
            found.problems.setdefault(problem, found.first)

    def _begin(self, eve: dt.date) -> None:
        """What had been done by the end of the day before counts as done."""
        commit = self.line.ended(eve)
        if commit is None:
            return
        for path, raw in files_of(self.line.git, commit, (EPISODES, STATE)):
            slug = path.split("/")[1]
            if path != STATE and self.account not in (None, slug):
                continue
            self.place.write(path, raw)
            if path != STATE:
                try:
                    self._old |= {(slug, e.workflow, e.key) for e in episodes.parse(raw, path)}
                except CrmError as error:
                    self.found.problems.setdefault(str(error), eve)

    def _look(self, day: dt.date) -> None:
        """Plan one day, keep what it would have written, and note what began and what went on."""
        commit = self.line.seen(day)
        if commit is None:
            return
        self.checkout.to(commit, day)
        ws, found = self.place.on(day), self.found
        slugs = [s for s in store.slugs(ws.root) if self.account in (None, s)]
        insight = Insight(ws, slugs)
        seen: set[str] = set()

        def values(slug: str) -> Values:
            sight = insight.values(slug)
            if slug not in seen:
                seen.add(slug)
                self._unknown(sight, day)
            return sight

        planner = engine.plan_with(ws, found.workflows, insight, values)
        planner.note_baselines(alone=False)
        self._note(planner.plan, day)
        found.accounts |= seen
        found.looks += len(seen)
        self.checkout.keep(planner.plan.changes)

    def _note(self, plan: RunPlan, day: dt.date) -> None:
        for change in plan.changes:
            if change.path.endswith(EPISODES):
                slug = change.path.split("/")[1]
                for episode in episodes.parse(change.new or b"", change.path):
                    self._episode(slug, episode, day)
        told = {(m.account, m.workflow, m.episode, m.action): m.to for m in plan.messages}
        for step in plan.steps:
            firing = self._new.get((step.account, step.workflow, step.episode))
            if firing is None or not step.action:
                continue
            to = told.get((*firing.key, step.action), ())
            act = Act(day, step.action, step.state, step.text, to)
            # What fails is tried again every day, and said once.
            if not any(
                (a.action, a.state, a.text) == (act.action, act.state, act.text)
                for a in firing.acts
            ):
                firing.acts.append(act)
        for problem in plan.problems:
            self.found.problems.setdefault(str(problem), day)

    def _episode(self, slug: str, episode: Episode, day: dt.date) -> None:
        key = (slug, episode.workflow, episode.key)
        if key in self._new:
            self._new[key].closed = episode.closed
        elif key not in self._old:
            self._old.add(key)
            # What `when` or `unless` ruled out is over before anything was done.
            if not episode.is_note and (episode.actions or episode.closed is None):
                firing = Firing(day, *key, episode.because, episode.closed)
                self._new[key] = firing
                self.found.firings.append(firing)

    def _unknown(self, sight: Values, day: dt.date) -> None:
        for name, workflow in self.found.workflows.items():
            start = workflow.start
            if not isinstance(start, Expression) or start.holds(sight, day) is not None:
                continue
            self.found.unknown[name] += 1
            missing = self.found.missing.setdefault(name, Counter())
            missing.update(n for n in start.names if sight.get(n) is None)


def summary(found: Replayed) -> list[dict[str, Any]]:
    """One row a workflow, to judge its noise by."""
    return [_row(found, name) for name in found.workflows]


def _row(found: Replayed, name: str) -> dict[str, Any]:
    mine = [firing for firing in found.firings if firing.workflow == name]
    days = Counter(firing.day for firing in mine)
    accounts = Counter(firing.account for firing in mine)
    months = Counter(f"{firing.day:%Y-%m}" for firing in mine)
    busiest = max(days, key=lambda day: (days[day], -day.toordinal()), default=None)
    return {
        "workflow": name,
        "firings": len(mine),
        "accounts": len(accounts),
        "open": sum(firing.closed is None for firing in mine),
        "done": sum(act.state == episodes.DONE for firing in mine for act in firing.acts),
        "failed": sum(act.state == episodes.FAILED for firing in mine for act in firing.acts),
        "messages": sum(bool(act.to) for firing in mine for act in firing.acts),
        "busiest_day": busiest,
        "on_that_day": days[busiest] if busiest else 0,
        "per_month": dict(sorted(months.items())),
        "per_account": dict(sorted(accounts.items())),
        "unknown": found.unknown[name],
        "missing": dict(found.missing.get(name, Counter()).most_common(5)),
    }


def difference(new: Replayed, old: Replayed) -> tuple[Sequence[Firing], Sequence[Firing]]:
    """What ``new`` fires and ``old`` does not, and the other way round: by account, workflow and day."""

    def of(found: Replayed) -> dict[tuple[object, ...], Firing]:
        return {(f.account, f.workflow, f.day, _mark(f)): f for f in found.firings}

    ours, theirs = of(new), of(old)
    more = [firing for key, firing in ours.items() if key not in theirs]
    less = [firing for key, firing in theirs.items() if key not in ours]
    return more, less


def _mark(firing: Firing) -> str:
    """What tells two firings of a day apart; conditions are counted, and a number more is no difference."""
    return "" if firing.episode.isdigit() else firing.episode
