"""Which messages are worth reading whole, judged by headers: those with a customer, and the rest of their threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from crmctl.sources import mail_records
from crmctl.sources.mail_message import Message
from crmctl.sources.mail_threads import Threads
from crmctl.sources.source import Interest, Request

_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
_NEAREST = 5  # ancestors of one message worth looking for, beside the first


@dataclass(frozen=True, slots=True)
class Verdict:
    """``whole``: read it, it concerns a customer. ``waits``: keep it in mind.

    ``account`` is the folder that a person gave it, or an address of the customer that its thread is with; "" where
    its own addresses say whom it concerns.
    """

    whole: bool = False
    waits: bool = False
    account: str = ""


class Selection:
    """Add the headers of all that is at hand, then ask `verdict` of each.

    ``own`` are addresses of ours beside our domains, ``claims`` what people gave an account, by ``event:id``.
    """

    def __init__(
        self, interest: Interest, own: Collection[str], claims: Mapping[str, str] | None = None
    ) -> None:
        self._interest, self._own, self._claims = interest, own, claims or {}
        self._threads = Threads()
        self._customers: list[tuple[dt.datetime, str, str]] = []
        self._holders: dict[str, str] | None = None
        self._known: set[str] = set()

    def add(self, message: Message, thread: str = "") -> None:
        """Take in one message's headers. ``thread`` is the provider's own name of its thread, if it has one."""
        self._holders = None
        self._known.add(message.id)
        self._threads.add(message)
        if thread:
            self._threads.join(message.id, f"thread {thread}")
        who = mail_records.side(message, self._interest, self._own)
        if who.matches:
            self._customers.append((message.at or _NEVER, message.id, who.customers[0].email))

    def verdict(self, message: Message) -> Verdict:
        """What to do with a message that was added."""
        who = mail_records.side(message, self._interest, self._own)
        claimed = self._claims.get(f"event:{message.id}", "")
        if not who.engaged:
            return Verdict()
        if claimed or who.matches:
            return Verdict(whole=True, account=claimed)
        account = self._accounts().get(self._threads.of(message.id), "")
        return Verdict(whole=bool(account), waits=who.waits, account=account)

    def loose(self, messages: Iterable[Message]) -> set[str]:
        """Ids of ancestors that may tell of a customer, where nothing at hand does."""
        found: set[str] = set()
        for message in messages:
            engaged = mail_records.side(message, self._interest, self._own).engaged
            if message.references and engaged and not self.verdict(message).whole:
                found.update((message.references[0], *message.references[-_NEAREST:]))
        return found - self._known

    def _accounts(self) -> dict[str, str]:
        """An address of the customer that each thread is with: of the earliest message with one."""
        if self._holders is None:
            self._holders = {}
            for _, id, address in sorted(self._customers):
                self._holders.setdefault(self._threads.of(id), address)
        return self._holders


class Doubles:
    """Messages that were met before: copies in other folders, and what an account's files hold already.

    The first one counts. Otherwise a later mail could pass off its own words as those of a known one, merely by
    bearing the same Message-ID. A read from the beginning states everything anew.
    """

    def __init__(
        self, interest: Interest, own: Collection[str], request: Request | None = None
    ) -> None:
        self._interest, self._own = interest, own
        self._request = request if request is not None and not request.first else None
        self._seen: set[str] = set()
        self._stored: dict[str, Collection[str]] = {}

    def first(self, message: Message, account: str = "") -> bool:
        """Whether this is the first time that we meet this message; it has been met afterwards."""
        if message.id in self._seen:
            return False
        self._seen.add(message.id)
        who = mail_records.side(message, self._interest, self._own)
        addresses = {account, *(person.email for person in who.customers)}
        accounts = {account, *map(self._interest.account, addresses)} & self._interest.accounts
        return not any(message.id in self._held(one) for one in accounts)

    def _held(self, account: str) -> Collection[str]:
        if self._request is None:
            return ()
        if account not in self._stored:
            self._stored[account] = self._request.stored(account, "")
        return self._stored[account]
