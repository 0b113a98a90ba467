"""What the workspace already holds, arranged for matching: by external id, e-mail, profile, domain and name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError, DamagedFile
from crmctl.model.identity import normal_email, normal_profile, registrable_domain
from crmctl.model.incoming import Batch, Incoming
from crmctl.model.record import Ranking, Record
from crmctl.workspace import files, paths, store
from crmctl.workspace.records import read_record

KINDS = ("account", "contact", "deal", "interaction", "task")
# Their names end in the external id, so those that a batch speaks of are found without reading the others.
NAMED_BY_ID = frozenset({"interaction", "task"})
_PATH_ALIAS = "path:"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record file that cannot be read. Its bytes still tell which records must not be made a second time."""

    kind: str
    account: str
    id: str
    path: str
    raw: bytes
    reason: str


@dataclass(slots=True)
class Known:
    """Records by kind and reference, and the ways to find them.

    A reference is the account's folder, and for everything else ``account/id``. ``ids`` is keyed by kind and
    ``system:id`` and holds aliases too; ``emails`` by normal address, ``profiles`` by normal LinkedIn profile,
    ``domains`` by registrable domain, ``names`` (of accounts) by folded name. ``folded`` are names in
    ``accounts/`` that no new folder may take.
    """

    records: dict[str, dict[str, Record]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    ids: dict[str, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    emails: dict[str, set[str]] = field(default_factory=dict)
    profiles: dict[str, set[str]] = field(default_factory=dict)
    domains: dict[str, set[str]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    folded: set[str] = field(default_factory=set)
    damaged: list[Damaged] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Make a record findable by everything it or any system states."""
        ref = reference(record)
        self.records[record.kind][ref] = record
        for key in record.ids():
            self.ids[record.kind].setdefault(key, ref)
        if record.kind == "contact":
            for address in addresses(record):
                self.emails.setdefault(address, set()).add(ref)
            for profile in profiles_of(record):
                self.profiles.setdefault(profile, set()).add(ref)
        elif record.kind == "account":
            for domain in domains_of(record):
                self.domains.setdefault(domain, set()).add(ref)
            for name in stated(record, "name"):
                self.names.setdefault(folded(str(name)), set()).add(ref)

    def branch(self) -> Known:
        """A copy to add to, for a plan that must leave what it was given as it is."""
        return Known(
            {kind: dict(found) for kind, found in self.records.items()},
            {kind: dict(found) for kind, found in self.ids.items()},
            {key: set(refs) for key, refs in self.emails.items()},
            {key: set(refs) for key, refs in self.profiles.items()},
            {key: set(refs) for key, refs in self.domains.items()},
            {key: set(refs) for key, refs in self.names.items()},
            set(self.folded),
            self.damaged,
        )

    def find(self, kind: str, system: str, id: str) -> str | None:
        """The record that has this id or alias in a system."""
        return self.ids[kind].get(f"{system}:{id}")

    def account_named(self, slug: str) -> str | None:
        """The account of this folder, also if the folder was merged into another."""
        if slug in self.records["account"]:
            return slug
        return self.ids["account"].get(f"{_PATH_ALIAS}{paths.ACCOUNTS}/{slug}")

    def damaged_with(self, kind: str, system: str, id: str) -> Damaged | None:
        """A file of this kind that cannot be read and seems to have the id."""
        if not self.damaged:
            return None
        spelled = rf"""(?:\bid["']?\s*:\s*|{re.escape(system)}:)["']?{re.escape(id)}(?![\w-])"""
        wanted = re.compile(spelled.encode())
        return next((d for d in self.damaged if d.kind == kind and wanted.search(d.raw)), None)


def load(
    root: Path, ranking: Ranking, kinds: Collection[str], tails: Collection[str] | None = None
) -> Known:
    """Read all profiles and the files of ``kinds``; of interactions and tasks only those named after ``tails``."""
    known = Known()
    known.folded = {
        name.casefold() for name in store.slugs(root) if paths.kind_of(_profile(name)) is None
    }
    for found in walk(root, ranking, kinds, tails):
        if isinstance(found, Damaged):
            known.damaged.append(found)
        else:
            known.add(found)
    return known


def load_for(root: Path, ranking: Ranking, batches: Collection[Batch]) -> Known:
    """What the records of these batches can meet, and no more."""
    kinds: set[str] = set()
    records = [record for batch in batches for record in batch.records]
    for record in records:
        if record.kind != "account":
            kinds |= {record.kind, "contact"}
        if "deal" in record.links:
            kinds.add("deal")
    links = [r.account for r in records] + [m.account for b in batches for m in b.measurements]
    if any(link.email for link in links):
        kinds.add("contact")
    return load(root, ranking, kinds, {tail(r) for r in records if r.kind in NAMED_BY_ID})


def walk(
    root: Path,
    ranking: Ranking,
    kinds: Collection[str],
    tails: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
) -> Iterator[Record | Damaged]:
    """Every profile, and the records of ``kinds``, account by account, all of them or ``accounts``."""
    for account in store.slugs(root):
        if accounts is not None and account not in accounts:
            continue
        if paths.kind_of(_profile(account)) is None:
            continue
        yield from _read(root, ranking, _profile(account))
        for folder, kind in store.FOLDERS.items():
            if kind not in kinds:
                continue
            for name in _names(root / paths.ACCOUNTS / account / folder):
                if tails is None or kind not in NAMED_BY_ID or _ends_in(name, tails):
                    yield from _read(
                        root, ranking, f"{paths.ACCOUNTS}/{account}/{folder}/{name}.md"
                    )


def _read(root: Path, ranking: Ranking, path: str) -> Iterator[Record | Damaged]:
    place = paths.kind_of(path)
    if place is None:
        return
    raw: bytes | None = b""
    try:
        raw = files.read(root, path)
        if raw is not None:
            yield read_record(raw, path, ranking, fast=True)[0]
    except DamagedFile as error:
        yield Damaged(*place, path, raw or b"", str(error))
    except CrmError as error:
        yield Damaged(*place, path, b"", str(error))


def _names(folder: Path) -> list[str]:
    try:
        found = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name.removesuffix(".md") for name in found if name.endswith(".md"))


def _profile(account: str) -> str:
    return f"{paths.ACCOUNTS}/{account}/profile.md"


def _ends_in(name: str, tails: Collection[str]) -> bool:
    at = name.find("-")
    while at >= 0:
        if name[at + 1 :] in tails:
            return True
        at = name.find("-", at + 1)
    return False


def tail(record: Incoming) -> str:
    """The end of the name of a file that a system creates: its external id, fit for a file name."""
    return paths.id_slug(f"{record.system}-{record.id}")


def reference(record: Record) -> str:
    """How other records call this one across accounts."""
    return record.id if record.kind == "account" else f"{record.account}/{record.id}"


def stated(record: Record, name: str) -> Iterator[Any]:
    """What people and every system state for a field, lists item by item."""
    for block in (record.own, *record.systems.values()):
        value = block.get(name)
        if value is not None:
            yield from value if isinstance(value, list) else [value]


def addresses(record: Record) -> list[str]:
    """The normal forms of a contact's e-mail addresses."""
    found = (
        normal_email(str(value)) for name in ("email", "emails") for value in stated(record, name)
    )
    return list(dict.fromkeys(filter(None, found)))


def profiles_of(record: Record) -> list[str]:
    """The normal forms of a contact's LinkedIn profile, as people and systems state it."""
    found = (normal_profile(str(value)) for value in stated(record, "linkedin"))
    return list(dict.fromkeys(filter(None, found)))


def domains_of(record: Record) -> list[str]:
    """The registrable domains of an account, its web site's among them."""
    found = (
        registrable_domain(str(value))
        for name in ("domains", "website")
        for value in stated(record, name)
    )
    return list(dict.fromkeys(filter(None, found)))


def folded(name: str) -> str:
    """A name for exact comparison: case and runs of blanks do not count."""
    return " ".join(name.casefold().split())


def only_one(refs: Iterable[str]) -> str | None:
    """The one member of ``refs``, None if there are none or several."""
    distinct = set(refs)
    return distinct.pop() if len(distinct) == 1 else None
