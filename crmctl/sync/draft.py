"""The state of a plan while it is being made."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Incoming, Rejected, Waiting
from crmctl.model.record import Record
from crmctl.sync.matching import Matcher
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.config import Config


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place: ``found`` is the record in the file, None if the file is to be made.

    ``alias``: the file has the id only as an alias, so the record states nothing there.
    """

    record: Incoming
    stated: dict[str, Any]
    ref: str
    account: str
    path: str
    found: Record | None
    alias: bool = False


@dataclass(slots=True)
class Tally:
    """How many records of one system are new, updated and unchanged, by kind."""

    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Draft:
    """What has been gathered so far.

    ``altered`` are (system, account) where a system takes back what it said before, ``failed`` accounts that could
    not be made. ``touched`` has the systems that speak of each file, ``held`` those with a record that our own files
    would not take, so that it must be read again.
    """

    root: Path
    today: dt.date
    config: Config
    matcher: Matcher
    changes: ChangeSet = field(default_factory=ChangeSet)
    tallies: dict[str, Tally] = field(default_factory=dict)
    unmatched: list[Waiting] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    touched: dict[str, set[str]] = field(default_factory=dict)
    altered: set[tuple[str, str]] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    stages: dict[str, str] = field(default_factory=dict)
    homes: dict[bytes, str] | None = None

    def begin_stages(self, placed: Collection[Placed]) -> None:
        """Where new accounts begin: a customer, or a deal won; else a deal open; else neither."""
        for place in placed:
            status = place.stated.get("status")
            if place.record.kind != "deal" or place.record.deleted:
                continue
            if status == "won":
                self.stages[place.account] = "customer"
            elif status == "open":
                self.stages.setdefault(place.account, "opportunity")
        for place in placed:
            # The CRM's own word for the relation: "Customer - Direct" is one, whatever deals the export holds.
            if place.record.kind == "account":
                relation = str(place.stated.get("account_type") or "").casefold()
                if relation.startswith("customer"):
                    self.stages[place.account] = "customer"

    def require(self, account: str) -> None:
        """CrmError if the account could not be made, so that nothing of it may lie in its folder."""
        if account in self.failed:
            raise CrmError(f"its account {account} could not be made")

    def count(
        self, system: str, kind: str, *, created: bool = False, changed: bool = False
    ) -> None:
        """Count one record of a system as created, updated or unchanged."""
        tally = self.tallies.setdefault(system, Tally())
        (tally.created if created else tally.updated if changed else tally.unchanged)[kind] += 1

    def touch(self, path: str, system: str) -> None:
        """Note that a system speaks of a file, whether or not that changes it."""
        self.touched.setdefault(path, set()).add(system)

    def refuse(self, record: Incoming, reason: str) -> None:
        """Turn a record away because of our own files: it will be read again."""
        self.held.add(record.system)
        origin = record.origin or f"{record.system} {record.kind} {record.id}"
        self.rejected.append(Rejected(origin, reason))

    def people(self, record: Incoming, account: str) -> list[tuple[str, str]]:
        """The contacts a record concerns, as it is to name them, with their roles: known ones, each once."""
        found: dict[str, str] = {}
        for link, role in record.people:
            ref = self.matcher.person(link, record.system)
            if ref is not None:
                found.setdefault(near(ref, account), role)
        return list(found.items())


def near(ref: str, account: str) -> str:
    """A reference as a file of ``account`` writes it: without the account where it is the same."""
    return ref.removeprefix(f"{account}/")
