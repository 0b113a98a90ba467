"""Who writes to whom, and how long answers take, out of the mail in an account's traffic."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from crmctl.model.record import Event
from crmctl.sources.mail_threads import base_subject

ANSWERED_WITHIN = dt.timedelta(days=30)
"""What comes later than this is no answer but a new conversation."""
_AUTOMATIC = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[ -]?reply|out of (?:the )?office|autoreply|automatische antwort"
    r"|abwesenheits\w*|réponse automatique|respuesta automática|risposta automatica|automatisch antwoord)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Mail with somebody. ``sent`` is what we wrote, ``received`` what they wrote.

    ``our_hours`` and ``their_hours`` are the median hours until an answer of ours and of theirs, None without one.
    """

    sent: int
    received: int
    our_hours: float | None
    their_hours: float | None


@dataclass(frozen=True, slots=True)
class Engagement:
    """An account's mail as a whole, and by contact: what one wrote, what was written to one among others."""

    account: Exchange
    contacts: dict[str, Exchange]


@dataclass(slots=True)
class _Tally:
    sent: int = 0
    received: int = 0
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def result(self) -> Exchange:
        return Exchange(self.sent, self.received, _median(self.ours), _median(self.theirs))


@dataclass(frozen=True, slots=True)
class _Mail:
    at: dt.datetime
    id: str
    ours: bool
    people: tuple[str, ...]
    thread: str
    subject: str
    event: Event

    @property
    def concerned(self) -> tuple[str, ...]:
        """Whom it counts for: the one who wrote it, who stands first, or all whom we wrote to."""
        return self.people if self.ours else self.people[:1]


def engagement(
    events: Iterable[Event],
    since: dt.datetime | None = None,
    *,
    within: dt.timedelta = ANSWERED_WITHIN,
) -> Engagement:
    """Counts and response times of the events of type ``email``, those from ``since`` on if that is given.

    The time of an answer runs from the first message it answers: what the other side wrote since one last wrote
    oneself in that thread. Automatic answers, deleted and undated mail count for nothing.
    """
    mails = sorted(
        (
            mail
            for event in events
            if (mail := _mail(event)) and (since is None or mail.at >= since)
        ),
        key=lambda mail: (mail.at, mail.id),
    )
    whole = _Tally()
    people: dict[str, _Tally] = {}
    for mail in mails:
        for tally in (whole, *(people.setdefault(person, _Tally()) for person in mail.concerned)):
            tally.sent += mail.ours
            tally.received += not mail.ours
    for thread in _threads(mails, within):
        for asked, answer in _answers(thread, within):
            hours = (answer.at - asked.at).total_seconds() / 3600
            # Of an answer of ours it matters whom it was for, of theirs who gave it.
            concerned = (asked if answer.ours else answer).concerned
            for tally in (whole, *(people[person] for person in concerned)):
                (tally.ours if answer.ours else tally.theirs).append(hours)
    return Engagement(
        whole.result(), {person: people[person].result() for person in sorted(people)}
    )


def their_answers(
    events: Iterable[Event], *, within: dt.timedelta = ANSWERED_WITHIN
) -> list[tuple[float, Event]]:
    """Their mails that answer ours, oldest first, each with the hours it took; counted as in `engagement`."""
    mails = sorted(filter(None, map(_mail, events)), key=lambda mail: (mail.at, mail.id))
    found = [
        (asked.at, answer)
        for thread in _threads(mails, within)
        for asked, answer in _answers(thread, within)
        if not answer.ours
    ]
    found.sort(key=lambda pair: (pair[1].at, pair[1].id))
    return [((answer.at - at).total_seconds() / 3600, answer.event) for at, answer in found]


def unanswered(
    events: Iterable[Event], *, within: dt.timedelta = ANSWERED_WITHIN
) -> list[tuple[Event, Event]]:
    """Their mails that nobody of us answered, the longest waiting first: of each conversation the first and the last.

    What waits is what they wrote since we last wrote in that conversation; mail is told apart as in `engagement`.
    """
    mails = sorted(filter(None, map(_mail, events)), key=lambda mail: (mail.at, mail.id))
    found = []
    for thread in _threads(mails, within):
        ours = [place for place, mail in enumerate(thread) if mail.ours]
        waiting = thread[ours[-1] + 1 :] if ours else thread
        if waiting:
            found.append((waiting[0], waiting[-1]))
    found.sort(key=lambda pair: (pair[0].at, pair[0].id))
    return [(first.event, last.event) for first, last in found]


def _mail(event: Event) -> _Mail | None:
    data = event.data
    subject = str(data.get("subject") or "")
    if (
        event.type != "email"
        or event.at is None
        or data.get("deleted")
        or _AUTOMATIC.match(subject)
    ):
        return None
    return _Mail(
        event.at,
        event.id,
        data.get("direction") == "out",
        tuple(str(person) for person in data.get("with") or ()),
        str(data.get("thread") or ""),
        base_subject(subject),
        event,
    )


def _threads(mails: Iterable[_Mail], within: dt.timedelta) -> Iterable[list[_Mail]]:
    """The mail by conversation. What names no conversation joins one of the same subject among the same people."""
    threads: dict[str, list[_Mail]] = {}
    latest: dict[tuple[str, frozenset[str]], list[_Mail]] = {}
    for mail in mails:
        found = threads.get(mail.thread) if mail.thread else None
        alike = (mail.subject, frozenset(mail.people)) if mail.subject and mail.people else None
        if found is None and alike is not None and alike in latest:
            before = latest[alike]
            found = before if mail.at - before[-1].at <= within else None
        if found is None:
            found = []
        threads[mail.thread or mail.id] = found
        found.append(mail)
        if alike is not None:
            latest[alike] = found
    return {id(thread): thread for thread in threads.values()}.values()


def _answers(thread: list[_Mail], within: dt.timedelta) -> Iterable[tuple[_Mail, _Mail]]:
    """Each answer of a thread with the first message that it answers."""
    asked: _Mail | None = None
    for mail in thread:
        if asked is not None and mail.ours != asked.ours:
            if mail.at - asked.at <= within:
                yield asked, mail
            asked = mail
        elif asked is None or mail.at - asked.at > within:
            asked = mail


def _median(values: list[float]) -> float | None:
    import statistics

    return statistics.median(values) if values else None
