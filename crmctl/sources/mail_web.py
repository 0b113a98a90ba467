"""What mailboxes behind a web interface have in common: headers first, whole messages only where a customer is on."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

from crmctl.model.incoming import Batch, Rejected, Waiting
from crmctl.sources.http import Door
from crmctl.sources.mail_message import Message
from crmctl.sources.mail_records import SYSTEM, side, to_records
from crmctl.sources.mail_selection import Doubles, Selection, Verdict
from crmctl.sources.source import Interest, Request
from crmctl.workspace.source_settings import EmailSettings

_NAME = re.compile(r"[!-9;-~]{1,100}")
Raw = Mapping[str, Any]
WIDTH = 4  # requests at once; Microsoft allows no more for one mailbox


@dataclass(frozen=True, slots=True)
class Head:
    """A message as its headers show it.

    ``ref`` and ``thread`` are the mailbox's own ids, ``received`` is when it got the message, ``size`` in bytes or 0.
    """

    ref: str
    thread: str
    message: Message
    received: dt.datetime | None
    size: int = 0

    @property
    def origin(self) -> str:
        """Where it was read, for reports."""
        return f"email message {self.ref}"


class Box(Protocol):
    """A mailbox, as far as choosing what to read needs it. `exact` and `whole` are called from several threads."""

    door: Door

    def exact(self, head: Head) -> Message:
        """All headers of a message, where the list of messages gave only some. ValueError if they are none."""
        ...

    def whole(self, head: Head) -> Message | None:
        """A message with its text, with headers alone if it is too large, None if it is gone.

        ValueError if it is no message.
        """
        ...

    def thread(self, id: str) -> Iterable[Message]:
        """The headers of all messages of a thread."""
        ...


def fetch(
    box: Box,
    settings: EmailSettings,
    own: Collection[str],
    request: Request,
    wanted: Sequence[Waiting],
    seek: Callable[[Sequence[Waiting]], Iterable[Head]],
) -> Batch:
    """The records of what waited. ``seek`` gives heads of what these may be, and of more."""
    batch = Batch(SYSTEM, partial=True)
    missing = {waiting.id for waiting in wanted if waiting.kind == "event"}
    found = seek([waiting for waiting in wanted if waiting.kind == "event"])
    heads = [head for head in found if head.message.made_up or head.message.id in missing]
    interest = request.interest()
    for head, message in zip(heads, box.door.map(partial(_whole, box), heads, WIDTH), strict=True):
        if message is not None and message.id in missing:
            missing.discard(message.id)
            account = request.claims.get(f"event:{message.id}", "")
            batch.add(
                to_records(
                    message, interest, settings, own=own, account=account, origin=head.origin
                )
            )
    return batch


def _whole(box: Box, head: Head) -> Message | None:
    try:
        return box.whole(head)
    except ValueError:
        return None


class Reading:
    """One read of a mailbox. ``own`` are the addresses of its owner."""

    def __init__(
        self, box: Box, settings: EmailSettings, own: Collection[str], request: Request
    ) -> None:
        self._box, self._settings, self._own, self._request = box, settings, own, request
        self._looked: set[str] = set()

    @cached_property
    def _interest(self) -> Interest:
        return self._request.interest()

    @cached_property
    def _selection(self) -> Selection:
        return Selection(self._interest, self._own, self._request.claims)

    @cached_property
    def _doubles(self) -> Doubles:
        return Doubles(self._interest, self._own, self._request)

    def batch(self, heads: Sequence[Head]) -> Batch:
        """The records of these messages, in their order; messages that were met before give none."""
        batch = Batch(SYSTEM, partial=not self._request.first)
        exact = self._exact(heads, batch)
        for head in exact:
            self._selection.add(head.message, head.thread)
        self._look_back(exact)
        chosen = []
        for head in exact:
            verdict = self._selection.verdict(head.message)
            # A message without an id of its own is named by its contents, which are not known yet.
            known = not head.message.made_up and self._known(head.message, verdict)
            if (verdict.whole or verdict.waits) and not known:
                chosen.append((head, verdict))
        read = self._box.door.map(self._read, chosen, WIDTH)
        for (head, verdict), message in zip(chosen, read, strict=True):
            if isinstance(message, Rejected):
                batch.rejected.append(message)
            elif message is not None and not (message.made_up and self._known(message, verdict)):
                batch.add(
                    to_records(
                        message,
                        self._interest,
                        self._settings,
                        own=self._own,
                        account=verdict.account,
                        origin=head.origin,
                    )
                )
        return batch

    def _exact(self, heads: Sequence[Head], batch: Batch) -> list[Head]:
        """The heads, with all headers of those that by some of them seem to concern no customer."""
        found = []
        for made in self._box.door.map(self._exactly, heads, WIDTH):
            if isinstance(made, Rejected):
                batch.rejected.append(made)
            else:
                found.append(made)
        return found

    def _exactly(self, head: Head) -> Head | Rejected:
        who = side(head.message, self._interest, self._own)
        if not who.engaged or who.customers:
            return head
        try:
            return replace(head, message=self._box.exact(head))
        except ValueError as error:
            return Rejected(head.origin, str(error))

    def _look_back(self, heads: Iterable[Head]) -> None:
        """Take in the threads of what would otherwise seem to concern no customer: earlier reads met the rest."""
        loose = {head.thread for head in heads if self._selection.loose([head.message])}
        for thread in sorted(loose - self._looked - {""}):
            self._looked.add(thread)
            for message in self._box.thread(thread):
                self._selection.add(message, thread)

    def _known(self, message: Message, verdict: Verdict) -> bool:
        return not self._doubles.first(message, verdict.account)

    def _read(self, chosen: tuple[Head, Verdict]) -> Message | Rejected | None:
        head, verdict = chosen
        if not verdict.whole and not head.message.made_up:
            return head.message
        try:
            return self._box.whole(head)
        except ValueError as error:
            return Rejected(head.origin, str(error))


def header_bytes(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Headers that a web interface gave, in the form in which a message has them; one line each."""
    lines = (
        f"{name}: {' '.join(value.split())}\r\n" for name, value in pairs if _NAME.fullmatch(name)
    )
    return "".join(lines).encode("utf-8", "replace") + b"\r\n"


def mapped(value: object) -> Raw:
    """A JSON object, an empty one if it is something else."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object, name: str) -> list[Raw]:
    """The objects in a list of a JSON object; none if the list is missing, as it is when it would be empty."""
    found = mapped(value).get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
