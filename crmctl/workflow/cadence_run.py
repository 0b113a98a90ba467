"""Cadences by hand: what runs, beginning one with a person, ending one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, DamagedFile, UsageError
from crmctl.workflow import actions_cadence, cadence_course, cadence_gate
from crmctl.workflow import cadence as cadences
from crmctl.workflow.cadence import PREFIX, Cadence
from crmctl.workflow.planner import Planner, RunPlan
from crmctl.workflow.values import Insight
from crmctl.workspace import episodes, files, paths, store
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.episodes import WAITING, Episode

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.model.record import Account
    from crmctl.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Running:
    """A cadence with a person: ``touch`` is the last that was laid out, ``of`` how many there are, None if unknown."""

    account: str
    contact: str
    cadence: str
    since: dt.date
    touch: int
    of: int | None
    next: str
    over: dt.date | None
    because: str


def running(ws: Workspace, account: str | None = None) -> Iterator[Running]:
    """Every cadence that was begun, by account and day; `DamagedFile` for episodes that cannot be read."""
    known = cadences.load(ws.root)
    for slug in [account] if account is not None else store.slugs(ws.root):
        for episode in _history(ws, slug)[1]:
            if episode.workflow.startswith(PREFIX) and not episode.is_note:
                yield _told(slug, episode, known.get(episode.workflow.removeprefix(PREFIX)))


def _told(slug: str, episode: Episode, cadence: Cadence | None) -> Running:
    laid = [name for name in episode.actions if name.startswith("touch_") and episode.did(name)]
    waits = [outcome for outcome in episode.actions.values() if outcome.state == WAITING]
    return Running(
        slug,
        episode.subject[1],
        episode.workflow.removeprefix(PREFIX),
        episode.opened,
        len(laid),
        len(cadence.touches) if cadence else None,
        waits[0].text if waits and episode.closed is None else "",
        episode.closed,
        episode.because,
    )


def start(ws: Workspace, slug: str, contact: str, name: str) -> RunPlan:
    """The plan of beginning a cadence with a contact today; CrmError says why it may not begin."""
    cadence = cadences.named(cadences.load(ws.root), name)
    if not cadence.enabled:
        raise UsageError(f"workflows.yaml: cadences.{name} is switched off")
    account = _account(ws, slug)
    found = account.contacts.get(contact)
    if found is None:
        raise UsageError(f"{slug}: there is no contact {contact}")
    history = _history(ws, slug)[1]
    answer = cadence_gate.refusal(cadence, account, found, history, ws.local_now)
    if answer.gate is not cadence_gate.Gate.OPEN:
        raise CrmError(f"{contact} cannot be in {name} now: {answer.reason}")
    episode = actions_cadence.begin(ws, account, contact, name, history, "started by hand")
    insight = Insight(ws, [slug])
    course = {PREFIX + name: cadence_course.course_of(cadence)}
    planner = Planner(ws, course, insight.values, insight)
    planner.account(slug, [episode])
    return planner.plan


def stop(
    ws: Workspace, slug: str, contact: str | None, name: str, reason: str
) -> tuple[ChangeSet, list[Episode]]:
    """The changes that end what runs in an account (of one contact, of one cadence), and what they end."""
    raw, history = _history(ws, slug)
    account, changes, over = _account(ws, slug), ChangeSet(), []
    for episode in history:
        wanted = (
            episode.workflow.startswith(PREFIX)
            and episode.closed is None
            and name in ("", episode.workflow.removeprefix(PREFIX))
            and contact in (None, episode.subject[1])
        )
        if wanted:
            for write in actions_cadence.cancelled(
                ws,
                account,
                episode,
                reason,
                lambda path: changes.current(path, files.read(ws.root, path)),
            ):
                changes.add(write)
            ended = actions_cadence.ended(episode, reason, ws.today)
            episode.closed, episode.because = ended.closed, ended.because
            over.append(episode)
    changes.put(paths.episodes(slug), raw, episodes.dump(history), "cadence stopped")
    return changes, over


def _history(ws: Workspace, slug: str) -> tuple[bytes | None, list[Episode]]:
    path = paths.episodes(slug)
    raw = files.read(ws.root, path)
    return raw, episodes.parse(raw or b"", path)


def _account(ws: Workspace, slug: str) -> Account:
    reader = store.Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    return account
