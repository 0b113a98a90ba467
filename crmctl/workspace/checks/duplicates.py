"""What only one record may have: an id in a system, an e-mail address, a domain. Looked for across all accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crmctl.model.errors import Problem
from crmctl.model.identity import is_free_mail, normal_email, registrable_domain
from crmctl.workspace.checks.source import Folder, KeyPath, Source, line_on_disk
from crmctl.workspace.records import SOURCES

# Where a claim stands: a key of a record, or a line of a traffic file.
Place = KeyPath | int
Claim = tuple[str, str, Place]


@dataclass(slots=True)
class Claims:
    """What the records of one account claim for themselves: (claim, path, place) of each."""

    ids: list[Claim] = field(default_factory=list)
    emails: list[Claim] = field(default_factory=list)
    domains: list[Claim] = field(default_factory=list)


def claims(folder: Folder) -> Claims:
    """Everything one account's records claim; a record that its system deleted claims only its ids."""
    found = Claims()
    for source in folder.sources():
        found.ids += _ids(source)
    for event in folder.events:
        found.ids += [(f"event {id}", event.path, event.line) for id in event.ids()]
    for contact in folder.contacts.values():
        if not contact.record.deleted:
            found.emails += _stated(contact, ("email", "emails"), normal_email)
    if folder.profile is not None and not folder.profile.record.deleted:
        found.domains += _stated(folder.profile, ("domains", "website"), registrable_domain)
    return found


def problems(
    root: Path, accounts: Iterable[Claims], free_mail: Collection[str]
) -> Iterator[Problem]:
    """A problem at every claim after the first, which it names."""
    every = list(accounts)
    for claim, first, path, place in _repeated(account.ids for account in every):
        id = claim.partition(" ")[2]
        message = f"the id {id} belongs to {first} already; `crmctl merge` joins two records"
        yield _problem(root, path, place, message, "duplicate-id")
    for _, first, path, place in _repeated(account.emails for account in every):
        message = f"{first} has the same e-mail address; `crmctl merge` joins two records"
        yield _problem(root, path, place, message, "duplicate-email")
    for claim, first, path, place in _repeated(account.domains for account in every):
        if not is_free_mail(claim, free_mail):
            message = f"{first} has the domain {claim} too, so mail from there fits both accounts"
            yield _problem(root, path, place, message, "duplicate-domain", "warning")


def _repeated(groups: Iterable[list[Claim]]) -> Iterator[tuple[str, str, str, Place]]:
    """(claim, where it stands first, path, place) of each claim that another record made before."""
    first: dict[str, tuple[str, Place]] = {}
    for group in groups:
        for claim, path, place in group:
            known, line = first.setdefault(claim, (path, place))
            # A record may repeat itself; two lines of a traffic file are two records.
            if known != path or (isinstance(place, int) and line != place):
                where = f"{known}:{line}" if isinstance(line, int) else known
                yield claim, where, path, place


def _ids(source: Source) -> Iterator[Claim]:
    record = source.record
    for system, block in record.systems.items():
        if block.get("id") is not None:
            yield f"{record.kind} {system}:{block['id']}", record.path, (SOURCES, system, "id")
    for alias in record.own.get("aliases") or ():
        yield f"{record.kind} {alias}", record.path, ("aliases",)


def _stated(
    source: Source, names: Iterable[str], normal: Callable[[str], str | None]
) -> Iterator[Claim]:
    seen = set()
    blocks = [
        ((), source.record.own),
        *(((SOURCES, s), b) for s, b in source.record.systems.items()),
    ]
    for above, block in blocks:
        for name in names:
            value = block.get(name)
            for item in value if isinstance(value, list) else [value]:
                claim = normal(str(item)) if item is not None else None
                if claim is not None and claim not in seen:
                    seen.add(claim)
                    yield claim, source.path, (*above, name)


def _problem(
    root: Path, path: str, place: Place, message: str, code: str, severity: str = "error"
) -> Problem:
    if isinstance(place, int):
        return Problem(path, place, "id", message, code, severity)
    line = line_on_disk(root, path, place)
    return Problem(path, line, ".".join(map(str, place)), message, code, severity)
