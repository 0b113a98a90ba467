"""Actions that start and stop cadences, and what a cadence itself does: lay out a touch, listen for an answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from crmctl.model.errors import CrmError
from crmctl.model.text import one_line
from crmctl.workflow import cadence as cadences
from crmctl.workflow.actions_records import person
from crmctl.workflow.cadence import PREFIX, TITLES, Cadence, CadenceName
from crmctl.workflow.cadence_gate import Gate, ask, refusal, remembered, words
from crmctl.workflow.occasion import Done, NotYet, Occasion, document, due, task
from crmctl.workflow.wording import worded
from crmctl.workspace import splice
from crmctl.workspace.calendar_rules import zone
from crmctl.workspace.changes import FileChange
from crmctl.workspace.episodes import Episode
from crmctl.workspace.source_settings import Strict

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record
    from crmctl.workspace.workspace import Workspace

SUBJECT, ALL_NEW = "subject", "all_new"
ROLES = ("champion", "decision_maker", "influencer", "user")
_BOX = "- [ ] "
_TASKS = "/tasks/"


class StartCadence(Strict):
    """Of ``start_cadence``."""

    cadence: CadenceName
    contact: Annotated[
        Literal["subject", "champion", "decision_maker", "influencer", "user", "all_new"],
        Field(description="with whom; all_new: everybody there who never said a word to us"),
    ] = "subject"
    at_most: Annotated[int, Field(ge=1, le=20, description="of all_new")] = 3


class StopCadence(Strict):
    """Of ``stop_cadence``."""

    cadence: Annotated[CadenceName | Literal[""], Field(description="all of them by default")] = ""


class Turn(Strict):
    """Of what a cadence does: which touch it is, from 1."""

    cadence: Cadence
    number: int


def start_cadence(occasion: Occasion) -> Done:
    """Begins a cadence with those who may be approached; waits while nobody is known or consent is not recorded."""
    told: StartCadence = occasion.parameters
    cadence = cadences.named(cadences.load(occasion.ws.root), told.cadence)
    if not cadence.enabled:
        raise NotYet(f"the cadence {told.cadence} is switched off")
    begun: list[Episode] = []
    refused: list[str] = []
    silent: list[str] = []
    for contact in _chosen(occasion, told):
        name = one_line(contact.title, 80)
        answer = refusal(
            cadence, occasion.account, contact, occasion.history, occasion.ws.local_now
        )
        if answer.gate is Gate.OPEN:
            begun.append(
                begin(
                    occasion.ws,
                    occasion.account,
                    contact.id,
                    told.cadence,
                    occasion.history,
                    occasion.episode.because,
                )
            )
        else:
            (silent if answer.gate is Gate.SILENT else refused).append(f"{name}: {answer.reason}")
    if begun:
        names = ", ".join(episode.subject[1] for episode in begun)
        return Done(f"{told.cadence} with {names}", episodes=tuple(begun))
    if silent:
        raise NotYet(f"{told.cadence} waits for consent; {silent[0]}")
    return Done(f"{told.cadence} with nobody; {refused[0] if refused else 'everybody is known'}")


def begin(
    ws: Workspace,
    account: Account,
    contact: str,
    name: str,
    history: Sequence[Episode],
    because: str,
) -> Episode:
    """The episode of a cadence that begins today."""
    key = f"contacts/{contact}@"
    earlier = [e for e in history if e.workflow == PREFIX + name and e.key.startswith(key)]
    start = remembered(account, contact, ws.now)
    return Episode(
        PREFIX + name, f"{key}{len(earlier) + 1}", ws.today, because=because, actions=start
    )


def _chosen(occasion: Occasion, told: StartCadence) -> list[Record]:
    """Whom the parameters mean; `NotYet` if nobody in a role is known."""
    here = [
        c for c in occasion.account.contacts.values() if c.get("left") is None and not c.deleted
    ]
    if told.contact == SUBJECT:
        subject = occasion.subject
        if subject is None or subject.kind != "contact":
            raise CrmError("contact: subject needs a trigger about a contact; name a role instead")
        return [subject]
    if told.contact == ALL_NEW:
        fresh = [c for c in here if not any(words(occasion.account, c.id))]
        return sorted(fresh, key=lambda c: (-(c.number("influence") or 0), c.id))[: told.at_most]
    held = [c for c in here if told.contact in c.items("roles")]
    if not held:
        raise NotYet(f"no {told.contact.replace('_', ' ')} is known there")
    return sorted(held, key=lambda c: (-(c.number("influence") or 0), c.id))[:1]


def stop_cadence(occasion: Occasion) -> Done:
    """Ends what runs of a cadence, or of all, in the account; its open tasks are cancelled."""
    told: StopCadence = occasion.parameters
    running = [
        e
        for e in occasion.history
        if e.workflow.startswith(PREFIX)
        and e.closed is None
        and told.cadence in ("", e.workflow.removeprefix(PREFIX))
    ]
    reason = f"stopped by {occasion.name}"
    writes: list[FileChange] = []
    for episode in running:
        writes += cancelled(occasion.ws, occasion.account, episode, reason, occasion.current)
    stopped = tuple(ended(episode, reason, occasion.today) for episode in running)
    names = ", ".join(f"{e.workflow.removeprefix(PREFIX)} with {e.subject[1]}" for e in running)
    return Done(
        f"stopped {names}" if names else "none was running", "", tuple(writes), episodes=stopped
    )


def ended(episode: Episode, reason: str, today: dt.date) -> Episode:
    """The episode of a cadence that is over."""
    because = one_line(f"{episode.because}; over: {reason}", 500)
    return replace(episode, closed=today, because=because)


def cancelled(
    ws: Workspace, account: Account, episode: Episode, reason: str, current: Any
) -> list[FileChange]:
    """The changes that cancel the open tasks of a cadence; those that somebody has begun stay as they are."""
    changes = []
    for outcome in episode.actions.values():
        made = account.tasks.get(outcome.path.rpartition("/")[2].removesuffix(".md"))
        if _TASKS not in outcome.path or made is None or not _untouched(made):
            continue
        old = current(made.path)
        if old is None:
            continue
        why = one_line(f"{made.text('reason')}; cancelled: {reason}", 500)
        edits = [
            splice.Set(("status",), "cancelled"),
            splice.Set(("done",), ws.today),
            splice.Set(("reason",), why),
        ]
        new = splice.edit(old, edits, path=made.path)
        changes.append(FileChange(made.path, old, new, f"{episode.workflow}: over"))
    return changes


def _untouched(made: Record) -> bool:
    """Whether a task is open and nobody has ticked, added or put off anything in it."""
    lines = [line for line in made.body.splitlines() if line.strip()]
    as_made = made.text("due") == made.id[:10] and all(line.startswith(_BOX) for line in lines)
    return made.text("status") == "open" and as_made


def touch(occasion: Occasion) -> Done:
    """A task for one touch, with its draft in ``plans/``; waits until the touches before it are dealt with."""
    turn: Turn = occasion.parameters
    contact, cadence = occasion.subject, turn.cadence
    if contact is None:
        raise CrmError("the contact is gone")
    told = cadence.touches[turn.number - 1]
    day = _day(occasion, turn)
    owner = _owner(occasion, turn)
    answer = ask(contact, cadence.purpose, occasion.today)
    barred = told.channel == "email" and contact.get("no_email") is True
    writes: list[FileChange] = []
    steps = []
    if answer.gate is Gate.SILENT:
        steps.append(
            f"Do not write or call yet: {answer.reason}. Find out what allows it, and put it under "
            f"consent in {contact.path}; if nothing does, cancel this task"
        )
    elif barred:
        steps.append("No mail: has opted out of e-mail. Take another way, or leave it out")
    elif told.template:
        draft = _draft(occasion, turn, contact, owner, day)
        writes.append(draft)
        steps.append(f"Make the draft yours and send it from your own mailbox: {draft.path}")
    steps += [worded(line, occasion) for line in told.checklist]
    steps += _hours(occasion, contact)
    steps.append(
        f"If they answer elsewhere: crmctl cadence stop {occasion.account.slug} {contact.id}"
    )
    work = task(
        occasion,
        worded(told.title or TITLES[told.channel], occasion),
        days=(day - occasion.today).days,
        steps=steps,
        contacts=[contact.id],
        step=cadence.step or None,
        owner=owner,
    )
    if work.old is None:
        occasion.insight.touches[owner, due_day(work)] += 1
    many = f"{turn.number} of {len(cadence.touches)}"
    return Done(f"{due(work)} ({told.channel}, {many})", work.path, (*writes, work))


def due_day(work: FileChange) -> str:
    """The day in a task's name."""
    return work.path.rsplit("/", 1)[1][:10]


def _owner(occasion: Occasion, turn: Turn) -> str:
    wanted = turn.cadence.touches[turn.number - 1].owner
    return person(occasion, wanted) if wanted else occasion.assignee


def _day(occasion: Occasion, turn: Turn) -> dt.date:
    """The working day of a touch: so long after those before it were done, and not one that is full."""
    calendar = occasion.ws.config.calendar
    contact = occasion.subject
    there = zone(contact.text("timezone")) if contact is not None else None
    now = occasion.ws.local_now if there is None else occasion.ws.now.astimezone(there)
    day = max(occasion.today, calendar.first_day(now))
    for number in turn.cadence.before(turn.number):
        day = max(day, _done(occasion, number) + dt.timedelta(days=turn.cadence.gap(turn.number)))
    day = calendar.next_working(day)
    owner = _owner(occasion, turn)
    while occasion.insight.touches[owner, day.isoformat()] >= calendar.touches_per_day:
        day = calendar.next_working(day + dt.timedelta(days=1))
    return day


def _done(occasion: Occasion, number: int) -> dt.date:
    """When a touch was dealt with; `NotYet` while its task is open."""
    outcome = occasion.episode.actions.get(f"touch_{number}")
    if outcome is None or not outcome.path:
        raise NotYet(f"comes after touch {number}")
    made = occasion.account.tasks.get(outcome.path.rpartition("/")[2].removesuffix(".md"))
    if made is None:
        return dt.date.fromisoformat(outcome.path.rpartition("/")[2][:10])
    if made.text("status") == "open":
        raise NotYet(f"touch {number} is not done yet: {made.path}")
    return made.date("done") or made.date("due") or occasion.today


def _hours(occasion: Occasion, contact: Record) -> list[str]:
    """At which hours a person is to be approached, if they live by another clock than we."""
    there = zone(contact.text("timezone"))
    here = occasion.ws.local_now
    if there is None or here.utcoffset() == here.astimezone(there).utcoffset():
        return []
    begin, end = (
        dt.datetime.combine(here.date(), at, there).astimezone(here.tzinfo)
        for at in occasion.ws.config.calendar.hours
    )
    said = occasion.ws.config.calendar.hours
    return [
        f"Between {said[0]:%H:%M} and {said[1]:%H:%M} in {there.key}: {begin:%H:%M} to {end:%H:%M} with us"
    ]


def _draft(occasion: Occasion, turn: Turn, contact: Record, owner: str, day: dt.date) -> FileChange:
    told = turn.cadence.touches[turn.number - 1]
    member = occasion.ws.config.member(owner)
    extra = {
        "contact": {
            "id": contact.id,
            "name": one_line(contact.title, 80),
            "title": one_line(contact.text("title"), 120),
            "roles": contact.items("roles"),
        },
        "sender": one_line(member.name if member else owner, 80),
        "us": one_line(occasion.ws.config.company, 80),
        "touch": {
            "number": turn.number,
            "of": len(turn.cadence.touches),
            "channel": told.channel,
            "day": day,
        },
    }
    return document(occasion, told.template, extra)


def listen(occasion: Occasion) -> Done:
    """Waits for an answer to the last touches, and then leaves the person alone."""
    turn: Turn = occasion.parameters
    last = max(_done(occasion, n) for n in range(1, turn.number + 1))
    until = last + dt.timedelta(days=turn.cadence.patience)
    if occasion.today < until:
        raise NotYet(f"listens until {until}")
    return Done("no answer")
