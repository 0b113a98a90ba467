"""Builds the plan of a run, account by account.

Read the account's episodes, let the triggers open and close some, and plan what is not done yet of those
that are open. An action that fails is recorded with its reason; the others are done, and it is tried again
on the next run.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, DamagedFile, Problem
from crmctl.model.text import one_line
from crmctl.workflow import opening, outbox, steps, walk
from crmctl.workflow.occasion import NotYet, Occasion, find, made_id
from crmctl.workflow.owners import LEAST_LOADED, MANAGER
from crmctl.workflow.triggers import PROFILE
from crmctl.workspace import episodes, files, measures, paths, store, yamlio
from crmctl.workspace.changes import ChangeSet, FileChange
from crmctl.workspace.episodes import DONE, EVERY, FAILED, SNOOZED, WAITING, Episode, Outcome
from crmctl.workspace.index import opened
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.values import Insight, Values
    from crmctl.workspace.config import Member
    from crmctl.workspace.workspace import Workspace

STATE = paths.state("workflows")
CLOSED = "closed"
HELD = "held"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a run does: ``state`` is did, waiting, failed, closed (an episode is over) or held (a limit)."""

    account: str
    workflow: str
    episode: str
    action: str
    state: str
    text: str
    path: str
    because: str


@dataclass(slots=True)
class RunPlan:
    """Everything one run would do. ``problems`` are files that kept it from looking at something."""

    steps: list[Step] = field(default_factory=list)
    changes: ChangeSet = field(default_factory=ChangeSet)
    messages: list[outbox.Message] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def failures(self) -> list[Step]:
        return [step for step in self.steps if step.state == FAILED]


class Planner:
    """One run's plan in the making."""

    def __init__(
        self,
        ws: Workspace,
        workflows: Mapping[str, Workflow],
        values: Values,
        insight: Insight,
    ) -> None:
        self.ws = ws
        self.workflows = workflows
        self.values = values
        self.insight = insight
        self.plan = RunPlan()
        self.baselines = _baselines(ws)
        self.measured: list[measures.Measure] = []
        self.workload: Counter[str] | None = None
        self.opened: Counter[str] = Counter()

    def account(self, slug: str) -> None:
        """Everything that is due for one account; one that cannot be read is left alone, whole."""
        try:
            path = paths.episodes(slug)
            raw = files.read(self.ws.root, path)
            history = episodes.parse(raw or b"", path)
            running = [e for e in history if e.closed is None and e.is_state]
            self._trigger(slug, history)
            due = [e for e in history if self._is_due(e, history)]
            if due:
                self._act(self._load(slug, due), history, due)
        except DamagedFile as error:
            self.plan.problems += error.problems
            return
        except CrmError as error:
            self.plan.problems.append(
                Problem(f"{paths.ACCOUNTS}/{slug}", 0, "", str(error), "file")
            )
            return
        over = [e for e in running if e.closed is not None]
        self.plan.steps += [_step(slug, e, "", Outcome(CLOSED, "over")) for e in over]
        self.plan.changes.put(path, raw, episodes.dump(history), "what workflows did")

    def note_measures(self) -> None:
        """Puts what the actions measured into today's file."""
        if self.measured:
            path = paths.measures(self.ws.today)
            raw = files.read(self.ws.root, path)
            new = measures.merge_day(raw, self.measured, self.ws.today)
            self.plan.changes.put(path, raw, new, "measured by workflows")

    def note_baselines(self, *, alone: bool) -> None:
        """Records since when event triggers look; workflows that are off lose it, unless one runs ``alone``."""
        events = [name for name, workflow in self.workflows.items() if workflow.looks_back]
        kept = self.baselines if alone else {}
        since = kept | {name: self.baselines.get(name, self.ws.today) for name in events}
        raw = files.read(self.ws.root, STATE)
        state = {name: {"baseline": since[name]} for name in sorted(since)}
        new = yamlio.dump_mapping(state).encode() if state else None
        self.plan.changes.put(STATE, raw, new, "since when workflows look")

    def _todo(self, episode: Episode) -> list[steps.Do]:
        """The actions of an episode that are to be done now, in their order."""
        workflow = self.workflows.get(episode.workflow)
        if workflow is None or episode.is_note:
            return []
        return [
            step
            for step in walk.reached(workflow.course, episode, self.ws.today)
            if not episode.did(step.id)
        ]

    def _is_due(self, episode: Episode, history: list[Episode]) -> bool:
        workflow = self.workflows.get(episode.workflow)
        if workflow is None or episode.is_note or self._is_snoozed(episode.workflow, history):
            return False
        if episode.closed is not None and not _goes_on(episode, workflow):
            return False
        return not walk.is_done(workflow.course, episode)

    def _is_snoozed(self, workflow: str, history: list[Episode]) -> bool:
        """Whether people want to hear nothing of a workflow in this account for now."""
        return any(
            e.key == SNOOZED
            and e.workflow in (workflow, EVERY)
            and (e.closed is None or e.closed > self.ws.today)
            for e in history
        )

    def _trigger(self, slug: str, history: list[Episode]) -> None:
        sight = opening.Sight(
            self.values(slug),
            lambda folder: _names(self.ws, slug, folder),
            lambda name: self._deals(slug, name),
            self.ws.today,
            self.ws.local_now,
        )
        for name, workflow in self.workflows.items():
            if self._is_snoozed(name, history):
                continue
            new = opening.look(name, workflow, history, sight, first=name not in self.baselines)
            history += self._within_limits(name, workflow, new)

    def _within_limits(self, name: str, workflow: Workflow, new: list[Episode]) -> list[Episode]:
        """What may begin in this run; the rest is found again by the next."""
        most = workflow.limits.per_run
        kept = []
        for episode in new:
            if not episode.is_note and episode.closed is None:
                self.opened[name] += 1
                if most is not None and self.opened[name] > most:
                    continue
            kept.append(episode)
        return kept

    def note_limits(self) -> None:
        """Says what a limit kept from beginning."""
        for name, workflow in self.workflows.items():
            most = workflow.limits.per_run
            if most is not None and self.opened[name] > most:
                text = f"{self.opened[name] - most} more wait: the limit is {most} a run"
                self.plan.steps.append(Step("", name, "", "", HELD, text, "", ""))

    def _deals(self, slug: str, name: str) -> dict[str, str]:
        """One field of each deal of an account that can be read and was not deleted."""
        reader = store.Reader(self.ws.root, self.ws.ranking, fast=True)
        account = reader.account(slug, only=frozenset({"deals"}))
        if account is None:
            return {}
        return {id: deal.text(name) for id, deal in account.deals.items() if not deal.deleted}

    def _load(self, slug: str, due: list[Episode]) -> Account:
        """The account without what a killed run made for the actions to come: they take it up again."""
        reader = store.Reader(self.ws.root, self.ws.ranking, fast=True)
        account = reader.account(slug)
        if account is None:
            raise DamagedFile(reader.problems)
        subjects = {f"{paths.ACCOUNTS}/{slug}/{name}.md" for name in self._subjects(account)}
        self.plan.problems += [p for p in reader.problems if p.path in subjects]
        ids = {made_id(slug, e.workflow, e.key, s.id) for e in due for s in self._todo(e)}
        for records in (account.deals, account.tasks):
            for name in [name for name in records if name[-8:] in ids]:
                del records[name]
        return account

    def _subjects(self, account: Account) -> list[str]:
        """Contacts and deals whose files are there but could not be read."""
        read = {"contacts": account.contacts, "deals": account.deals}
        return [
            f"{folder}/{name}"
            for folder, found in read.items()
            for name in _names(self.ws, account.slug, folder)
            if name not in found
        ]

    def _act(self, account: Account, history: list[Episode], due: list[Episode]) -> None:
        unreadable = self._subjects(account)
        for episode in sorted(due, key=lambda e: (e.opened, e.workflow, e.key)):
            if "/".join(episode.subject) in unreadable:
                if not episode.actions:
                    history.remove(episode)
                continue
            if _is_gone(account, episode):
                episode.closed = self.ws.today
                continue
            workflow = self.workflows[episode.workflow]
            sight = self.values(account.slug)
            for step in walk.walk(workflow.course, episode, sight, self.ws.today):
                self._do(account, history, episode, step)
            if not episode.is_state and walk.is_done(workflow.course, episode):
                episode.closed = self.ws.today

    def _do(
        self, account: Account, history: list[Episode], episode: Episode, step: steps.Do
    ) -> None:
        workflow, action = self.workflows[episode.workflow], step.id
        occasion = Occasion(
            self.ws,
            account,
            episode.workflow,
            workflow,
            episode,
            history,
            action,
            step.parameters,
            self.values(account.slug),
            self.plan.changes,
            self.insight,
            self._least_loaded,
            self._owner(account, workflow),
        )
        before = episode.actions.get(action)
        try:
            done = step.does.plan(occasion)
        except NotYet as reason:
            outcome = Outcome(WAITING, one_line(str(reason), 300))
        except CrmError as error:
            outcome = Outcome(FAILED, one_line(str(error), 300))
        else:
            outcome = Outcome(DONE, one_line(done.text, 300), done.path)
            for write in done.writes:
                self.plan.changes.add(write)
                self._reread(account, write)
            self.plan.messages += done.messages
            self.measured += done.measures
        episode.actions[action] = outcome
        if outcome != before or outcome.state == FAILED:
            self.plan.steps.append(_step(account.slug, episode, action, outcome))

    def _reread(self, account: Account, write: FileChange) -> None:
        """Later actions of the run see what earlier ones made."""
        place = paths.kind_of(write.path)
        if place is None or write.new is None or place[0] not in ("account", "deal", "task"):
            return
        record, _ = read_record(write.new, write.path, self.ws.ranking)
        if place[0] == "account":
            self._count(account.profile, record)
            account.profile = record
        else:
            {"deal": account.deals, "task": account.tasks}[place[0]][record.id] = record

    def _owner(self, account: Account, workflow: Workflow) -> str:
        """Whom a workflow's own rules give its work to; "" leaves it to whoever owns the account."""
        if isinstance(workflow.owner, str):
            return workflow.owner
        values = self.values(account.slug)
        for rule in workflow.owner:
            if rule.holds is not None and rule.holds.holds(values, self.ws.today) is not True:
                continue
            if rule.to == LEAST_LOADED:
                member = self._least_loaded()
                return member.id if member else ""
            if rule.to == MANAGER:
                owner = self.ws.config.member(account.profile.text("owner"))
                return owner.manager if owner else ""
            return "" if rule.is_role else rule.to
        return ""

    def _least_loaded(self) -> Member | None:
        """Who of the team owns the fewest accounts, the first in the list of equals; None without a team."""
        config = self.ws.config
        if self.workload is None:
            with opened(self.ws.root, self.ws.state_dir) as index:
                owners = [owner for _, _, owner in index.profiles(("owner",)) if owner]
            self.workload = Counter(m.id for owner in owners if (m := config.member(owner)))
        load = self.workload
        return min(config.team, key=lambda member: load[member.id], default=None)

    def _count(self, before: Record, after: Record) -> None:
        member = self.ws.config.member(after.text("owner"))
        if member and self.workload is not None and before.get("owner") is None:
            self.workload[member.id] += 1


def _step(slug: str, episode: Episode, action: str, outcome: Outcome) -> Step:
    return Step(
        slug,
        episode.workflow,
        episode.key,
        action,
        outcome.state,
        outcome.text,
        outcome.path,
        episode.because,
    )


def _goes_on(episode: Episode, workflow: Workflow) -> bool:
    """Whether what waits is still done although the condition is over."""
    waits = any(outcome.state == WAITING for outcome in episode.actions.values())
    return episode.is_state and workflow.on_clear == "finish" and waits


def _is_gone(account: Account, episode: Episode) -> bool:
    """Whether the record that opened the episode was taken away, deleted in its system, or is of one who left."""
    folder, identity = episode.subject
    if not identity:
        return False
    found = find(account, folder, identity)
    return found is None or found.deleted or found.get("left") is not None


def _names(ws: Workspace, slug: str, folder: str) -> list[str]:
    """The ids of the records in one folder of an account, sorted, without reading them."""
    if folder == PROFILE:
        return ["profile"]
    try:
        names = os.listdir(ws.root / paths.ACCOUNTS / slug / folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    ids = [name.removesuffix(".md") for name in names if name.endswith(".md")]
    return sorted(identity for identity in ids if paths.is_slug(identity))


def _baselines(ws: Workspace) -> dict[str, dt.date]:
    """Since when each event workflow looks; `DamagedFile` if the file is not as crmctl wrote it."""
    raw = files.read(ws.root, STATE)
    data = yamlio.load((raw or b"").decode("utf-8", "replace"), path=STATE) or {}
    found: dict[str, dt.date] = {}
    for name, entry in data.items() if isinstance(data, dict) else [("", data)]:
        since = entry.get("baseline") if isinstance(entry, dict) else None
        if not isinstance(since, dt.date):
            message = "needs a baseline, a date; take the file of the last commit"
            raise DamagedFile([Problem(STATE, 0, str(name), message, "state")])
        found[str(name)] = since
    return found
