"""Which messages belong together: by what they refer to, never by their subject alone."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmctl.sources.mail_message import Message

_PREFIX = re.compile(
    r"\s*(?:(?:re|fwd?|aw|wg|sv|vs|vb|rv|tr|antw|odp|ynt|res|enc|rif|r|i|回复|答复|转发|返信)(?:\[\d+\])?\s*[:：]|\[[^\]]{1,40}\])",
    re.IGNORECASE,
)
_GENERIC = frozenset(
    """;hello;hi;hallo;question;quick question;frage;update;meeting;call;invoice;rechnung;follow up;follow-up;followup
test;thanks;thank you;danke;no subject;(no subject);kein betreff;status;urgent;help;info;request;document;documents
termin;news;fyi""".replace("\n", ";").split(";")
)


def thread_key(message: Message) -> str:
    """A short name of a message's thread, the same for each message that names the same oldest ancestor."""
    return sha256(message.root.encode("utf-8", "replace")).hexdigest()[:16]


def base_subject(subject: str) -> str:
    """A subject without answer marks and list tags, to compare; "" if it says nothing of its own."""
    subject = subject[:300]
    while match := _PREFIX.match(subject):
        subject = subject[match.end() :]
    base = " ".join(subject.split()).casefold()
    return "" if base.strip(" .!?") in _GENERIC else base


class Threads:
    """Messages joined with their ancestors, seen or not: union-find over message ids."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def add(self, message: Message) -> None:
        """Join a message with everything it refers to."""
        for reference in message.references:
            self.join(message.id, reference)

    def join(self, one: str, other: str) -> None:
        """Take two ids for one thread."""
        here, there = self.of(one), self.of(other)
        if here != there:
            self._above[there] = here

    def of(self, id: str) -> str:
        """What names the thread of this message now; equal for two messages of one thread."""
        top = self._above.setdefault(id, id)
        while self._above[top] != top:
            top = self._above[top]
        while id != top:  # so that the next look is short
            self._above[id], id = top, self._above[id]
        return top
