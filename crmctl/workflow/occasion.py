"""What an action gets (`Occasion`) and what it gives back (`Done`): actions plan, they never write.

Whatever an action makes is named by a hash of account, workflow, episode and action. So a run that is
killed and starts again, even on another day, finds what it made and makes nothing twice.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError
from crmctl.model.text import one_line
from crmctl.workflow import outbox
from crmctl.workspace import authoring, files, paths, templates
from crmctl.workspace.changes import ChangeSet, FileChange
from crmctl.workspace.episodes import DONE, Episode, Outcome

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.values import Insight
    from crmctl.workspace.config import Member
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace


class NotYet(CrmError):
    """The action cannot be done with what is known now; it is tried again, quietly, on every run."""


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did, in words, and what must be written for it.

    ``episodes`` are those of cadences that begin, or, where there is one of the name already, that are over.
    """

    text: str
    path: str = ""
    writes: tuple[FileChange, ...] = ()
    messages: tuple[outbox.Message, ...] = ()
    measures: tuple[Measure, ...] = ()
    episodes: tuple[Episode, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """One action of one episode. ``changes`` holds what earlier actions of the run planned; read it only.

    ``action`` is the name of the step, under which its outcome is recorded; ``chosen`` is who gets the work by the
    workflow's own rules, "" for whoever owns the account.
    """

    ws: Workspace
    account: Account
    name: str
    workflow: Workflow
    episode: Episode
    history: Sequence[Episode]
    action: str
    parameters: Any
    values: Mapping[str, object]
    changes: ChangeSet
    insight: Insight
    least_loaded: Callable[[], Member | None]
    chosen: str

    @property
    def id(self) -> str:
        return made_id(self.account.slug, self.name, self.episode.key, self.action)

    @property
    def today(self) -> dt.date:
        return self.ws.today

    @property
    def company(self) -> str:
        """The account's name, clean and on one line."""
        return one_line(self.account.profile.title, 80)

    @property
    def subject(self) -> Record | None:
        """The record that opened the episode by appearing or changing, None for a condition or a schedule."""
        folder, identity = self.episode.subject
        return find(self.account, folder, identity) if identity else None

    @property
    def owner(self) -> str:
        """The team id (or, of somebody unknown, the name) of who owns the account; "" for nobody."""
        return self.member_id(self.account.profile.text("owner"))

    @property
    def candidate(self) -> str:
        """Who would own an account of nobody: the default owner, else who has the fewest; "" without a team."""
        config = self.ws.config
        member = (
            config.member(config.default_owner) if config.default_owner else self.least_loaded()
        )
        return member.id if member else ""

    @property
    def assignee(self) -> str:
        """Who gets the work: whom the workflow's rules name, else the account's owner, else the candidate for it."""
        chosen = self.chosen or self.account.profile.text("owner")
        return self.member_id(chosen) if chosen else self.candidate

    def member_id(self, text: str) -> str:
        """The team id that an owner's id, name, address or system id stands for."""
        member = self.ws.config.member(text) if text else None
        return member.id if member else one_line(text, 80)

    def current(self, path: str) -> bytes | None:
        """What a file holds once everything planned so far is written."""
        return self.changes.current(path, files.read(self.ws.root, path))

    def due(self, days: int) -> dt.date:
        """So many days from now, or as the workflow says; a day on which we do not work moves to the next."""
        chosen = self.workflow.due_in_days
        day = self.today + dt.timedelta(days=days if chosen is None else chosen)
        return self.ws.config.calendar.next_working(day)

    def made(self, folder: str, id: str = "") -> FileChange | None:
        """What a killed run made for this action (or under another ``id``) and did not record: a change of nothing."""
        place = f"{paths.ACCOUNTS}/{self.account.slug}/{folder}"
        try:
            names = os.listdir(self.ws.root / place)
        except FileNotFoundError:
            return None
        name = next((n for n in sorted(names) if n.endswith(f"-{id or self.id}.md")), None)
        if name is None:
            return None
        raw = self.current(f"{place}/{name}")
        return FileChange(f"{place}/{name}", raw, raw)

    def earlier(self, action: str, within_days: int) -> Outcome | None:
        """What the same action did lately in this account, whatever the occasion."""
        since = self.today - dt.timedelta(days=within_days)
        found = [e for e in self.history if e.opened >= since and e is not self.episode]
        outcomes = [e.actions[action] for e in found if action in e.actions]
        return next((o for o in reversed(outcomes) if o.state == DONE and o.path), None)


def find(account: Account, folder: str, identity: str) -> Record | None:
    """The record of an account with this id in this folder."""
    if folder == "interactions":
        return next((r for r in account.interactions if r.id == identity), None)
    records = {"contacts": account.contacts, "deals": account.deals, "tasks": account.tasks}
    return records.get(folder, {}).get(identity)


def made_id(account: str, workflow: str, episode: str, action: str) -> str:
    """Eight hex digits that end the name of everything an action makes on one occasion."""
    parts = json.dumps([account, workflow, episode, action])
    return sha256(parts.encode()).hexdigest()[:8]


def task(
    occasion: Occasion,
    title: str,
    *,
    days: int,
    steps: Sequence[str] = (),
    contacts: Sequence[str] = (),
    priority: str = "normal",
    step: str | None = None,
    owner: str | None = None,
) -> FileChange:
    """A task with an owner and a due date, as the change that makes it."""
    made = occasion.made("tasks")
    if made is not None:
        return made
    day = occasion.due(days)
    slug = paths.slug(occasion.action.replace("_", "-"), fallback="task", limit=40)
    path = paths.task(occasion.account.slug, day, slug, occasion.id)
    values = {
        "title": one_line(title, 160),
        "owner": (occasion.assignee if owner is None else owner) or None,
        "due": day,
        "status": "open",
        "priority": priority,
        "with": list(contacts),
        "step": step,
        "workflow": occasion.name,
        "episode": occasion.episode.key,
        "reason": occasion.episode.because,
    }
    body = "".join(f"- [ ] {line}\n" for line in steps)
    raw = authoring.draft(occasion.ws, path, values, body=body)
    return FileChange(path, None, raw, f"{occasion.name}: {occasion.action}")


def due(work: FileChange) -> str:
    """``task due`` and the date in a task's name."""
    return f"task due {work.path.rsplit('/', 1)[1][:10]}"


def document(occasion: Occasion, template: str, extra: Mapping[str, Any]) -> FileChange:
    """A document rendered into ``plans/``, as the change that makes it."""
    made = occasion.made("plans")
    if made is not None:
        return made
    name = f"{occasion.today.isoformat()}-{template}-{occasion.id}"
    path = paths.plan(occasion.account.slug, name)
    context = {
        **occasion.insight.describe(occasion.account),
        "workflow": occasion.name,
        "because": occasion.episode.because,
        "assignee": occasion.assignee,
        **extra,
    }
    raw = templates.render(occasion.ws.root, template, context).encode()
    return FileChange(path, None, raw, f"{occasion.name}: {occasion.action}")


def message(
    occasion: Occasion,
    to: Sequence[str],
    subject: str,
    lines: Sequence[str],
    *,
    target: str = "",
    urgent: bool = False,
) -> outbox.Message:
    """A message to colleagues, or to a ``target``, cleaned, under the one key of this action on this occasion."""
    clean_subject, body = outbox.clean(subject, lines)
    parts = (occasion.account.slug, occasion.name, occasion.episode.key, occasion.action)
    return outbox.Message(
        outbox.key(*parts),
        tuple(dict.fromkeys(filter(None, to))),
        clean_subject,
        body,
        *parts,
        occasion.ws.now.isoformat().replace("+00:00", "Z"),
        urgent=urgent or occasion.workflow.urgent,
        target=target,
    )
