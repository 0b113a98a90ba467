"""What of the outbox is due: urgent messages at once, all others once a day, each to whom and by which way.

Plans only: nothing is written, nobody is asked. What cannot go now is told of with its reason.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from crmctl.model.errors import ConfigError, Problem
from crmctl.workflow import outbox
from crmctl.workflow.channels.base import Recipient
from crmctl.workflow.delivery_record import Letter, Letters, minute
from crmctl.workspace.notification_settings import DAYS, Told

if TYPE_CHECKING:
    from crmctl.workflow.channels.base import Channel
    from crmctl.workflow.channels.machine import Channels
    from crmctl.workflow.outbox import Message
    from crmctl.workspace.workspace import Workspace

Why = Literal["time", "off", "nobody", "unset", "failed"]
CHAT = frozenset({"slack", "slack_webhook"})  # targets where people read: a digest a day will do
SETTLE = 60  # seconds in which an attempt without an answer may still arrive
_KEY_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Wait:
    """A message that stays in the outbox for now, and why. ``to`` or ``target`` is whom it is for."""

    message: str
    to: str
    target: str
    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class Due:
    """A letter that is to be sent now, and how."""

    letter: Letter
    channel: Channel
    recipient: Recipient


@dataclass(slots=True)
class Plan:
    """What is due, and what has to wait. ``messages`` are those of the outbox, by key."""

    messages: dict[str, Message]
    letters: Letters
    due: list[Due] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan(
    ws: Workspace, channels: Channels, *, urgent_only: bool = False, retry: bool = False
) -> Plan:
    """What is due now. Writes nothing and asks nobody. ``retry`` takes up what had failed for good."""
    messages, problems = outbox.waiting(ws.state_dir)
    letters = Letters(ws.state_dir)
    found = Plan({m.key: m for m in messages}, letters, problems=[*problems, *letters.problems])
    _Planner(ws, channels, found, urgent_only=urgent_only, retry=retry).plan()
    return found


class _Planner:
    def __init__(
        self, ws: Workspace, channels: Channels, found: Plan, *, urgent_only: bool, retry: bool
    ) -> None:
        self._ws, self._channels, self._plan = ws, channels, found
        self._urgent_only, self._retry = urgent_only, retry
        self._local = ws.local_now
        self._day = self._local.date().isoformat()
        self._digests: dict[tuple[str, str], list[Message]] = {}

    def plan(self) -> None:
        for letter in sorted(
            self._plan.letters.known.values(), key=lambda one: (one.made, one.key)
        ):
            if letter.state != "sent":
                self._old(letter)
        covered = self._plan.letters.covered()
        for message in self._plan.messages.values():
            for to, target in self._recipients(message):
                if (message.key, to, target) not in covered:
                    self._new(message, to, target)
        for (to, target), held in self._digests.items():
            self._digest(held, to, target)
        self._plan.due.sort(key=lambda due: (not due.letter.urgent, due.letter.made))

    def _recipients(self, message: Message) -> list[tuple[str, str]]:
        to = message.to
        if not to and not message.target:
            to = (self._ws.config.default_owner,)
        found = [(each, "") for each in dict.fromkeys(to)]
        return found + ([("", message.target)] if message.target else [])

    def _old(self, letter: Letter) -> None:
        """A letter of an earlier run."""
        if letter.state == "failed" and not self._retry:
            self._wait(letter, "failed", letter.said[-1] if letter.said else "failed")
            return
        if letter.state == "failed":
            letter = replace(letter, state="waiting", attempts=0, next="")
        if self._urgent_only and not letter.urgent:
            self._wait(letter, "time", "only urgent messages go now")
            return
        now = self._ws.now
        # A clock that was set back must not stop anything.
        if letter.next and _time(letter.at) <= now < _time(letter.next):
            last = letter.said[-1] if letter.said else ""
            self._wait(letter, "time", f"tried again from {minute(letter.next)}; {last}")
            return
        if letter.since and _time(letter.at) <= now < _time(letter.at) + dt.timedelta(
            seconds=SETTLE
        ):
            self._wait(letter, "time", "was sent a moment ago; whether it arrived is not known yet")
            return
        if not any(key in self._plan.messages for key in letter.messages):
            self._wait(letter, "failed", "its messages are no longer in the outbox")
            return
        way = letter.way if letter.since else ""
        self._hand_over(letter, way)

    def _new(self, message: Message, to: str, target: str) -> None:
        """A message that is in no letter yet, for one recipient."""
        wait = self._standing(to, target, message.urgent)
        if wait is not None:
            self._plan.waits.append(Wait(message.key, to, target, *wait))
            return
        at_once = message.urgent or (target and self._channels.target(target).kind not in CHAT)
        if at_once:
            key = _key("message", to, target, message.key)
            made = self._ws.now.isoformat()
            self._hand_over(Letter(key, to, target, "", (message.key,), made))
        elif self._urgent_only:
            self._plan.waits.append(
                Wait(message.key, to, target, "time", "only urgent messages go now")
            )
        else:
            self._digests.setdefault((to, target), []).append(message)

    def _digest(self, held: list[Message], to: str, target: str) -> None:
        told = self._told(to)
        key = _key("digest", to, target, self._day)
        if told.digest_due(self._local) and key not in self._plan.letters.known:
            letter = Letter(
                key,
                to,
                target,
                self._day,
                tuple(message.key for message in held),
                self._ws.now.isoformat(),
            )
            self._hand_over(letter)
            return
        day = self._next_digest(told)
        reason = f"goes with the digest of {day}" if day else "notifications names no digest_days"
        for message in held:
            self._plan.waits.append(Wait(message.key, to, target, "time", reason))

    def _next_digest(self, told: Told) -> str:
        """Day and hour of the next digest, "" if there is none."""
        today = self._local.date()
        # Past the hour, today's digest has gone.
        first = 1 if self._local.hour >= told.digest_hour else 0
        for ahead in range(first, first + 7):
            day = today + dt.timedelta(days=ahead)
            if DAYS[day.weekday()] in told.digest_days:
                return f"{day} {told.digest_hour:02d}:00"
        return ""

    def _told(self, to: str) -> Told:
        return self._ws.config.notifications.of(to)

    def _standing(self, to: str, target: str, urgent: bool) -> tuple[Why, str] | None:
        """Why nothing can go to this recipient now; None if it can."""
        try:
            if target:
                self._channels.target(target)
                return None
            member = next((one for one in self._ws.config.team if one.id == to), None)
            if member is None:
                whose = f"crmctl.yaml has no {to!r} in its team" if to else "nobody is responsible"
                return "nobody", whose
            told = self._told(to)
            if told.channel == "none":
                return "off", f"notifications in crmctl.yaml give {to} no channel"
            self._channels.person(told.channel)
        except ConfigError as error:
            return "unset", str(error)
        end = told.quiet(self._local) if urgent else ""
        return ("time", f"quiet hours of {to} until {end}") if end else None

    def _hand_over(self, letter: Letter, way: str = "") -> None:
        """Make a letter due, if it can go now. ``way`` is how it may have gone out already."""
        wait = self._standing(letter.to, letter.target, urgent=True)
        if way and wait and wait[0] == "off":
            wait = None  # it went out when there was a channel: it is followed up
        if wait is not None:
            self._wait(letter, *wait)
            return
        try:
            if letter.target:
                channel, recipient = self._channels.target(letter.target), Recipient(letter.target)
            else:
                way = way or self._told(letter.to).channel
                channel = self._channels.person(way)
                member = next(one for one in self._ws.config.team if one.id == letter.to)
                recipient = Recipient(
                    member.name or member.id, member.email, member.ids.get("slack", "")
                )
        except ConfigError as error:
            self._wait(letter, "unset", str(error))
            return
        self._plan.due.append(Due(replace(letter, way=channel.kind), channel, recipient))

    def _wait(self, letter: Letter, why: Why, reason: str) -> None:
        self._plan.waits += [
            Wait(key, letter.to, letter.target, why, reason) for key in letter.messages
        ]


def _key(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:_KEY_DIGITS]


def _time(text: str) -> dt.datetime:
    """A time of a letter; one that cannot be read lies long ago."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
