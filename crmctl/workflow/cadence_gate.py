"""Who may be in a cadence, and what ends one: consent, answers, and people who leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.privacy.consent import BY_EMAIL, may
from crmctl.workflow.cadence import PREFIX
from crmctl.workspace.episodes import DONE, Episode, Outcome

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record
    from crmctl.workflow.cadence import Cadence

# What an episode remembers of its start, beside its steps.
STAGE, HEARD = "stage", "heard"
_WRITTEN = frozenset({"email", "chat"})
_ASKED = frozenset({"ticket", "survey"})
_NO = frozenset({"objected", "restricted"})


class Gate(Enum):
    """Whether a person may be approached."""

    OPEN = "open"
    SILENT = "nothing is recorded"
    REFUSED = "refused"


class Answer(NamedTuple):
    """What the gate says, and why."""

    gate: Gate
    reason: str


class Word(NamedTuple):
    """Something that a person said: when, and of which kind."""

    at: dt.datetime
    kind: str


def ask(contact: Record, purpose: str, today: dt.date) -> Answer:
    """Whether a person may be approached for a purpose; `Gate.SILENT` where nobody wrote down anything.

    An objection to one purpose counts for all of them, unless this one was granted later.
    """
    if contact.deleted:
        return Answer(Gate.REFUSED, "is reported as deleted")
    if contact.get("left") is not None:
        return Answer(Gate.REFUSED, f"left the company on {contact.get('left')}")
    decision = may(contact, purpose, today)
    entries = [e for e in contact.items("consent") if e["at"] <= today]
    about = [e for e in entries if str(e["purpose"]).casefold() == purpose]
    against = max((e for e in entries if e["status"] in _NO), key=_at, default=None)
    granted = max((_at(e) for e in about if e["status"] == "granted"), default=dt.date.min)
    if against is not None and against["at"] >= granted:
        said = f"{against['purpose']} was {against['status']} on {against['at']}"
        return Answer(Gate.REFUSED, said)
    if decision.allowed:
        return Answer(Gate.OPEN, decision.reason)
    barred = contact.get("no_email") is True and purpose in BY_EMAIL
    return Answer(Gate.REFUSED if about or barred else Gate.SILENT, decision.reason)


def _at(entry: Mapping[str, Any]) -> dt.date:
    day: dt.date = entry["at"]
    return day


def words(account: Account, contact: str) -> Iterator[Word]:
    """What a person said to us: mail and chat that came in, calls, meetings, tickets, answers to surveys.

    A call that only we made counts if it has a length. Mail of which nobody says who wrote it, and notes, do not count.
    """
    names = {contact, f"{account.slug}/{contact}"}
    rows = [r.effective() for r in account.interactions if not r.deleted]
    rows += [dict(e.data) for e in account.events if not e.data.get("deleted")]
    for row in rows:
        at, kind = row.get("at"), str(row.get("type"))
        if not isinstance(at, dt.datetime) or not names & set(map(str, row.get("with") or ())):
            continue
        direction = row.get("direction")
        said = (
            kind == "meeting"
            or (kind in _WRITTEN and direction == "in")
            or (kind == "call" and (direction != "out" or bool(row.get("minutes"))))
            or (kind in _ASKED and direction != "out")
        )
        if said:
            yield Word(at, kind)


def remembered(account: Account, contact: str, now: dt.datetime) -> dict[str, Outcome]:
    """What an episode has to remember of its start, to tell later what is new."""
    found = {STAGE: Outcome(DONE, account.profile.text("stage"))}
    heard = max((w.at for w in words(account, contact) if w.at <= now), default=None)
    if heard is not None:
        found[HEARD] = Outcome(DONE, heard.astimezone(dt.UTC).isoformat())
    return found


def refusal(
    cadence: Cadence,
    account: Account,
    contact: Record,
    history: Sequence[Episode],
    now: dt.datetime,
) -> Answer:
    """Whether a cadence may begin with a person now, and if not why; `Gate.SILENT` if it only waits for consent."""
    today = now.date()
    answer = ask(contact, cadence.purpose, today)
    if answer.gate is Gate.REFUSED or (
        answer.gate is Gate.SILENT and cadence.without_consent == "wait"
    ):
        return answer
    planned = [w for w in words(account, contact.id) if w.kind == "meeting" and w.at > now]
    if planned:
        return Answer(Gate.REFUSED, f"a meeting is planned for {planned[0].at.date()}")
    for episode in history:
        if not episode.workflow.startswith(PREFIX) or episode.subject != ("contacts", contact.id):
            continue
        name = episode.workflow.removeprefix(PREFIX)
        if episode.closed is None:
            return Answer(Gate.REFUSED, f"is in the cadence {name} since {episode.opened}")
        if (today - episode.opened).days < cadence.again_after:
            return Answer(Gate.REFUSED, f"was in the cadence {name} from {episode.opened}")
    return Answer(Gate.OPEN, answer.reason)


def over(
    cadence: Cadence,
    account: Account,
    episode: Episode,
    values: Mapping[str, object],
    now: dt.datetime,
) -> str:
    """Why a cadence that runs is over; "" while it goes on."""
    contact = account.contacts.get(episode.subject[1])
    if contact is None:
        return "the contact is no longer in this account"
    answer = ask(contact, cadence.purpose, now.date())
    if answer.gate is Gate.REFUSED or (
        answer.gate is Gate.SILENT and cadence.without_consent == "wait"
    ):
        return answer.reason
    word = _answer(cadence, account, episode, now)
    if word is not None:
        return word
    stage, was = account.profile.text("stage"), episode.actions.get(STAGE)
    if "stage" in cadence.stop_on and was is not None and stage != was.text:
        return f"the account moved from {was.text or 'no stage'} to {stage}"
    if cadence.ends_when is not None and cadence.ends_when.holds(values, now.date()) is True:
        return f"{cadence.stop_when} holds"
    return ""


def _answer(cadence: Cadence, account: Account, episode: Episode, now: dt.datetime) -> str | None:
    """The first thing the person said since the start, in words, if the cadence stops for it."""
    heard = episode.actions.get(HEARD)
    before = dt.datetime.fromisoformat(heard.text) if heard is not None else None
    for word in sorted(words(account, episode.subject[1])):
        if word.at.date() < episode.opened or (before is not None and word.at <= before):
            continue
        if word.kind == "meeting":
            if "meeting" in cadence.stop_on:
                return f"a meeting on {word.at.date()}"
        elif word.at <= now and "reply" in cadence.stop_on:
            return f"an answer on {word.at.date()} ({word.kind})"
    return None
