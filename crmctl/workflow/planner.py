"""Builds the plan of a run, account by account.

Read the account's episodes, let the triggers open and close some, and plan what is not done yet of those
that are open. An action that fails is recorded with its reason; the others are done, and it is tried again
on the next run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, DamagedFile, Problem
from crmctl.model.text import one_line
from crmctl.workflow import baselines, behind, opening, outbox, steps, walk
from crmctl.workflow.expression import Expression
from crmctl.workflow.occasion import Done, NotYet, Occasion, find, made_id
from crmctl.workflow.owners import LEAST_LOADED, MANAGER
from crmctl.workflow.sights import Sight, names
from crmctl.workflow.triggers import Appearance, DealChange
from crmctl.workspace import episodes, files, measures, paths, store
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
        starts = {name: workflow.start for name, workflow in workflows.items()}
        self.asked = {n: s.holds if isinstance(s, Expression) else None for n, s in starts.items()}
        self.plan = RunPlan()
        self.baselines = baselines.read(ws)
        self.measured: list[measures.Measure] = []
        self.workload: Counter[str] | None = None
        self.opened: Counter[str] = Counter()
        self.now = ws.local_now
        self.reading = files.Reading(ws.root)

    def accounts(self, slugs: Iterable[str]) -> None:
        """Everything due for these accounts."""
        with self.reading:
            for slug in slugs:
                self._account(slug, ())

    def account(self, slug: str, new: Sequence[Episode] = ()) -> None:
        """Everything due for one account, and ``new`` episodes."""
        with self.reading:
            self._account(slug, new)

    def _account(self, slug: str, new: Sequence[Episode]) -> None:
        """As `account`; one that cannot be read is left alone, whole."""
        try:
            path = paths.episodes(slug)
            raw = self.reading.read(path)
            history = episodes.parse(raw or b"", path)
            before = episodes.state(history)
            running = [e for e in history if e.closed is None and e.is_state]
            self._trigger(slug, history)
            history += new
            due = self._due(history, history)
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
        if episodes.state(history) != before:
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
        self.plan.changes.add(baselines.write(self.ws, since))

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

    def _due(self, among: Sequence[Episode], history: list[Episode]) -> list[Episode]:
        """The episodes in which something is left to do."""
        quiet = self._snoozed(history)
        return [e for e in among if not quiet & {e.workflow, EVERY} and self._goes_on(e)]

    def _goes_on(self, episode: Episode) -> bool:
        workflow = self.workflows.get(episode.workflow)
        if workflow is None or episode.is_note:
            return False
        if episode.closed is not None and not _goes_on(episode, workflow):
            return False
        return not walk.is_done(workflow.course, episode)

    def _snoozed(self, history: list[Episode]) -> set[str]:
        """The workflows of which people want to hear nothing in this account for now."""
        return {
            e.workflow
            for e in history
            if e.key == SNOOZED and (e.closed is None or e.closed > self.ws.today)
        }

    def _trigger(self, slug: str, history: list[Episode]) -> None:
        sight = Sight(self.insight, slug, self.values(slug), self.now)
        quiet = self._snoozed(history)
        if EVERY in quiet:
            return
        known: dict[str, list[Episode]] = {}
        for episode in history:
            known.setdefault(episode.workflow, []).append(episode)
        values, today = sight.values, sight.today
        for name, holds in self.asked.items():
            mine = known.get(name, ())
            # Nearly all conditions do not hold, and of these nothing is remembered: done with them.
            if holds is not None and not mine and holds(values, today) is not True:
                continue
            if name in quiet:
                continue
            workflow = self.workflows[name]
            first, limited = name not in self.baselines, workflow.limits.per_run is not None
            notes = [replace(e, known=[*e.known]) for e in mine if limited and e.is_note]
            new = opening.look(name, workflow, mine, history, sight, first=first)
            kept = self._within_limits(slug, name, new) if new else []
            if len(kept) < len(new) and not isinstance(workflow.start, Appearance):
                # As if it had not looked: how long something held, and what has changed, counts tomorrow too.
                history[:] = [e for e in history if e.workflow != name or not e.is_note]
                history += notes
            history += kept

    def _within_limits(self, slug: str, name: str, new: list[Episode]) -> list[Episode]:
        """What may begin in this run, an alert with its evidence; the rest is found again by the next.

        Deals of one account that changed at the same time begin together.
        """
        workflow = self.workflows[name]
        most = workflow.limits.per_run
        kept: list[Episode] = []
        for episode in new:
            if not episode.is_note and episode.closed is None:
                self.opened[name] += 1
                together = kept and isinstance(workflow.start, DealChange)
                if most is not None and self.opened[name] > most and not together:
                    continue
                if workflow.alert:
                    episode.evidence = behind.evidence(
                        self.insight, slug, workflow, self.values(slug)
                    )
            kept.append(episode)
        return kept

    def note_limits(self) -> None:
        """Says what a limit kept from beginning."""
        for name, workflow in self.workflows.items():
            most = workflow.limits.per_run
            if most is not None and self.opened[name] > most:
                text = f"{self.opened[name] - most} more wait: the limit is {most} a run"
                self.plan.steps.append(Step("", name, "", "", HELD, text, "", ""))

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
            for name in names(self.ws, account.slug, folder)
            if name not in found
        ]

    def _act(self, account: Account, history: list[Episode], due: list[Episode]) -> None:
        unreadable = self._subjects(account)
        waiting = sorted(due, key=lambda e: (e.opened, e.workflow, e.key))
        while waiting:
            episode = waiting.pop(0)
            if "/".join(episode.subject) in unreadable:
                if not episode.actions:
                    history.remove(episode)
                continue
            workflow = self.workflows[episode.workflow]
            sight = self.values(account.slug)
            over = workflow.over(self.ws, account, episode, sight, self.plan.changes)
            if over is not None:
                self._take(account, history, over)
                outcome = Outcome(CLOSED, over.text)
                self.plan.steps.append(_step(account.slug, episode, "", outcome))
            elif _is_gone(account, episode):
                episode.closed = self.ws.today
            if episode.closed is not None and not _goes_on(episode, workflow):
                continue
            known = len(history)
            for step in walk.walk(workflow.course, episode, sight, self.ws.today):
                self._do(account, history, episode, step)
            if not episode.is_state and walk.is_done(workflow.course, episode):
                episode.closed = self.ws.today
            waiting += self._due(history[known:], history)

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
            self._take(account, history, done)
        episode.actions[action] = outcome
        if outcome != before or outcome.state == FAILED:
            self.plan.steps.append(_step(account.slug, episode, action, outcome))

    def _take(self, account: Account, history: list[Episode], done: Done) -> None:
        for write in done.writes:
            self.plan.changes.add(write)
            self._reread(account, write)
        self.plan.messages += done.messages
        self.measured += done.measures
        for new in done.episodes:
            old = next((e for e in history if (e.workflow, e.key) == (new.workflow, new.key)), None)
            if old is None:
                history.append(new)
            else:
                old.closed, old.because = new.closed, new.because

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
