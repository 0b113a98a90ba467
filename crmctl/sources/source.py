"""What a live system looks like to the engine: pages of records, each with the mark that is true behind it.

A source authenticates, pages, maps to records and knows its own limits. It sees no file of the workspace: what it
may know of it stands in the `Request`, and what it is to remember it hands back as a mark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from crmctl.model.identity import email_domain, normal_email, registrable_domain
from crmctl.model.incoming import Batch, Waiting

Mark = Mapping[str, Any]  # how far a source was read: text, whole numbers, lists and maps of them


@dataclass(frozen=True, slots=True)
class Interest:
    """Whose traffic concerns us: the customers' domains and addresses, each with its account's folder.

    ``ours`` are our own registrable domains. A source that must decide before it reads more, such as e-mail with
    its bodies, asks this; whether a record has a place is decided by the engine alone.
    """

    domains: Mapping[str, str]
    emails: Mapping[str, str]
    ours: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    def account(self, address: str) -> str:
        """The folder of the account that an e-mail address belongs to, "" if of none."""
        normal = normal_email(address)
        if normal is None:
            return ""
        return self.emails.get(normal) or self.domains.get(email_domain(normal) or "", "")

    def any(self, addresses: Iterable[str]) -> bool:
        """Whether one of these addresses is a customer's."""
        return any(self.account(address) for address in addresses)

    def is_ours(self, address: str) -> bool:
        """Whether an address is one of our own."""
        return (email_domain(address) or "") in self.ours

    def account_of_domain(self, domain: str) -> str:
        """The folder of the account that has this domain, "" if none has."""
        return self.domains.get(registrable_domain(domain) or "", "")


@dataclass(frozen=True, slots=True)
class Request:
    """One read. ``mark`` is what the last one left, {} on the first and on a full one.

    ``since`` is the earliest time to read from where there is no mark, ``now`` the time of the run (UTC).
    ``claims`` are folders that people gave to what matched nothing, by ``kind:id``. ``interest`` may wait until the
    systems that know the customers were read: call it as late as possible. ``stored`` gives the ids of the traffic
    of this system that an account's files hold, those with the given beginning. ``progress`` counts what was read.
    """

    mark: Mark
    since: dt.datetime
    now: dt.datetime
    interest: Callable[[], Interest]
    claims: Mapping[str, str] = field(default_factory=dict)
    stored: Callable[[str, str], Collection[str]] = lambda _account, _beginning: ()
    full: bool = False
    progress: Callable[[int], None] = lambda _count: None

    @property
    def first(self) -> bool:
        """Whether there is nothing to go on from."""
        return not self.mark


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of what a read gave, and the mark that holds once this and all before it is written.

    ``mark`` None: no safe point yet; what arrived is kept if the read breaks off, and is read again next time.
    """

    batch: Batch
    mark: Mark | None = None


class Source(Protocol):
    """A system that can be read."""

    system: str
    state: str
    """Name of the file in ``accounts/_state/`` (``salesforce``; one for each mailbox: ``email-ana-ours-example``)."""

    def read(self, request: Request) -> Iterator[Chunk]:
        """Everything since the mark, in chunks. `SourceError` or `ConfigError` when it can go no further."""
        ...

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These records whole, since an account claims them now. One that is gone is left out."""
        ...

    def check(self) -> Iterator[str]:
        """Sentences about the connection (who we are there, what is missing), for ``crmctl auth``."""
        ...

    def limits(self) -> Mapping[str, str]:
        """What the system said of its limits in this run, such as ``{"requests today": "113422 of 115000 left"}``."""
        ...
