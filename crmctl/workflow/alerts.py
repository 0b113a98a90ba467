"""Alerts: the open episodes of workflows with ``alert:``, ranked; taken note of, or put off.

An alert is nothing but an episode, so it opens and ends as its workflow says. Who took note of it, and until when an
account is to be left in peace, stands in the account's ``episodes.jsonl``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import DamagedFile, Problem, UsageError
from crmctl.model.text import one_line
from crmctl.workflow import steps
from crmctl.workflow.actions_notices import Notify
from crmctl.workflow.occasion import made_id
from crmctl.workspace import episodes, files, paths, store
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.episodes import EVERY, SNOOZED, Episode
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workspace.workspace import Workspace

ID_DIGITS = 4  # the least of an id that is enough to name an alert, if no other begins like it


@dataclass(frozen=True, slots=True)
class Alert:
    """One open alert. ``arr`` is what the account is worth a year in its currency, None where nobody says.

    ``why`` is what its workflow says it is for, ``quiet`` until when it is put off, None if it is not.
    """

    id: str
    account: str
    name: str
    owner: str
    arr: Decimal | None
    currency: str
    kind: str
    why: str
    urgent: bool
    episode: Episode
    quiet: dt.date | None

    @property
    def waits(self) -> bool:
        """Whether nobody has taken note of it yet, and nobody put it off."""
        return not self.episode.seen and self.quiet is None


def every_episode(
    ws: Workspace, slugs: Iterable[str] | None = None
) -> tuple[list[tuple[str, list[Episode]]], list[Problem]]:
    """The episodes and notes of these accounts, by default of all, and the lines that cannot be read."""
    found: list[tuple[str, list[Episode]]] = []
    problems: list[Problem] = []
    for slug in store.slugs(ws.root) if slugs is None else slugs:
        path = paths.episodes(slug)
        raw = files.read(ws.root, path)
        if raw is None:
            continue
        try:
            found.append((slug, episodes.parse(raw, path)))
        except DamagedFile as error:
            problems += error.problems
    return found, problems


def alerts(
    ws: Workspace, workflows: Mapping[str, Workflow], slugs: Collection[str] | None = None
) -> tuple[list[Alert], list[Problem]]:
    """All open alerts: urgent ones first, then by what the account is worth, then the oldest.

    Amounts in the workspace's currency come before others, as nothing is converted.
    """
    history, problems = every_episode(ws, slugs)
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("name", "owner", "arr", "currency"))
    about = {slug: values for slug, _, *values in rows}
    found = [
        _alert(slug, about.get(slug, [None] * 4), episode, workflows[episode.workflow], known, ws)
        for slug, known in history
        for episode in known
        if episode.closed is None and not episode.is_note and _is_alert(workflows, episode)
    ]
    return sorted(found, key=lambda alert: _rank(alert, ws.config.currency)), problems


def _is_alert(workflows: Mapping[str, Workflow], episode: Episode) -> bool:
    """Whether it is of an alert that is switched on: nothing would ever end the others."""
    workflow = workflows.get(episode.workflow)
    return workflow is not None and workflow.enabled and bool(workflow.alert)


def _rank(alert: Alert, currency: str) -> tuple[object, ...]:
    ours = alert.arr is not None and alert.currency == currency
    amount = -(alert.arr or 0)
    return not alert.urgent, not ours, amount, alert.episode.opened, alert.account, alert.kind


def _alert(
    slug: str,
    about: Sequence[Any],
    episode: Episode,
    workflow: Workflow,
    known: Sequence[Episode],
    ws: Workspace,
) -> Alert:
    name, owner, arr, currency = about
    member = ws.config.member(owner or "")
    return Alert(
        made_id(slug, episode.workflow, episode.key, "alert"),
        slug,
        name or slug,
        member.id if member else owner or "",
        None if arr is None else Decimal(str(arr)),
        currency or ws.config.currency,
        workflow.alert,
        workflow.description or episode.because,
        workflow.urgent or _was_urgent(workflow, episode),
        episode,
        quiet_until(known, episode.workflow, ws.today),
    )


def _was_urgent(workflow: Workflow, episode: Episode) -> bool:
    """Whether one of its messages was not to wait."""
    return any(
        isinstance(step, steps.Do)
        and isinstance(step.parameters, Notify)
        and step.parameters.urgent
        and episode.did(step.id)
        for step in steps.every(workflow.course)
    )


def quiet_until(history: Iterable[Episode], workflow: str, today: dt.date) -> dt.date | None:
    """Until when a workflow is put off in an account; None if it is not."""
    days = [
        note.closed or dt.date.max
        for note in history
        if note.key == SNOOZED
        and note.workflow in (workflow, EVERY)
        and (note.closed is None or note.closed > today)
    ]
    return max(days, default=None)


def find(found: Iterable[Alert], text: str) -> Alert:
    """The alert whose id is, or begins with, this; UsageError if there is none or more than one."""
    wanted = text.strip().casefold()
    fitting = [alert for alert in found if alert.id.startswith(wanted)]
    exact = [alert for alert in fitting if alert.id == wanted]
    if len(exact or fitting) == 1 and len(wanted) >= ID_DIGITS:
        return (exact or fitting)[0]
    if not fitting:
        raise UsageError(f"no open alert is called {text!r}; `crmctl alerts --all` lists them")
    raise UsageError(
        f"{text!r} is not enough: write the id as `crmctl alerts` shows it, such as {fitting[0].id}"
    )


def acknowledge(ws: Workspace, alert: Alert, by: str, note: str) -> ChangeSet:
    """Records who took note of an alert; once more replaces the note."""
    seen = {"by": by, "on": ws.today.isoformat()}
    if note:
        seen["note"] = one_line(note, 500)

    def mark(history: list[Episode]) -> None:
        for episode in history:
            if (episode.workflow, episode.key) == (alert.episode.workflow, alert.episode.key):
                same = {**episode.seen, "on": seen["on"]} == seen
                episode.seen = episode.seen if same else seen

    return _rewritten(ws, alert.account, mark, f"alert {alert.id} seen by {by}")


def snooze(
    ws: Workspace, slug: str, workflow: str, until: dt.date, by: str, reason: str
) -> ChangeSet:
    """Nothing of a workflow (`EVERY` for all) begins in an account before that day, nor is anything more done."""
    said = one_line(reason, 500)

    def note(history: list[Episode]) -> None:
        old = [e for e in history if e.key == SNOOZED and e.workflow == workflow]
        if any(e.closed == until and e.because == said for e in old):
            return
        for each in old:
            history.remove(each)
        seen = {"by": by, "on": ws.today.isoformat()}
        history.append(Episode(workflow, SNOOZED, ws.today, until, said, seen=seen))

    what = "everything" if workflow == EVERY else workflow
    return _rewritten(ws, slug, note, f"{what} is put off until {until}")


def _rewritten(ws: Workspace, slug: str, change: Any, reason: str) -> ChangeSet:
    path = paths.episodes(slug)
    raw = files.read(ws.root, path)
    history = episodes.parse(raw or b"", path)
    change(history)
    changes = ChangeSet()
    changes.put(path, raw, episodes.dump(history), reason)
    return changes
