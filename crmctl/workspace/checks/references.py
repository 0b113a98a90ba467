"""References between records: to files that are not there, in circles, and to owners nobody knows."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping

from crmctl.model.errors import Problem
from crmctl.workspace import paths
from crmctl.workspace.checks.source import Context, Folder, KeyPath, Source

PEOPLE = {"contact": ("reports_to",), "interaction": ("with",), "task": ("with",)}


def problems(folder: Folder, context: Context) -> Iterator[Problem]:
    """Broken references of one account, circles of reporting, and owners who are not in the team."""
    for source in folder.sources():
        yield from _people(source, folder, context)
        yield from _deal(source, folder, context)
        yield from _owner(source, context)
    if folder.profile is not None:
        yield from _parent(folder.profile, context)
    yield from _circles(folder)
    for event in folder.events:
        for person in event.data.get("with") or ():
            if not _is_there(person, folder.contacts, folder, context):
                message = _broken(person, "contacts", folder.contacts)
                yield Problem(event.path, event.line, "with", message, "reference")


def circles(edges: Mapping[str, str]) -> list[list[str]]:
    """Every circle in a graph where each node points to at most one other, each from its first name on."""
    done: set[str] = set()
    found = []
    for start in sorted(edges):
        way: dict[str, None] = {}
        node = start
        while node in edges and node not in way and node not in done:
            way[node] = None
            node = edges[node]
        if node in way:
            ring = list(way)[list(way).index(node) :]
            first = ring.index(min(ring))
            found.append(ring[first:] + ring[:first])
        done.update(way)
    return found


def _people(source: Source, folder: Folder, context: Context) -> Iterator[Problem]:
    record = source.record
    if record.kind == "deal":
        for name in ("people", "qualification"):
            for number, row in enumerate(record.items(name)):
                if row.get("person") is not None:
                    key = (*source.place(name), number)
                    yield from _person(source, row["person"], key, folder, context)
    for name in PEOPLE.get(record.kind, ()):
        value = record.get(name)
        if isinstance(value, list):
            for number, person in enumerate(value):
                yield from _person(source, person, (*source.place(name), number), folder, context)
        elif value is not None:
            yield from _person(source, value, source.place(name), folder, context)


def _person(
    source: Source, person: str, key: KeyPath, folder: Folder, context: Context
) -> Iterator[Problem]:
    if not _is_there(person, folder.contacts, folder, context):
        yield source.problem("", _broken(person, "contacts", folder.contacts), "reference", key=key)


def _deal(source: Source, folder: Folder, context: Context) -> Iterator[Problem]:
    if source.record.kind not in ("interaction", "task"):
        return
    deal = source.record.get("deal")
    if deal is not None and not _is_there(deal, folder.deals, folder, context, kind="deals"):
        yield source.problem("deal", _broken(deal, "deals", folder.deals), "reference")


def _parent(profile: Source, context: Context) -> Iterator[Problem]:
    parent = profile.record.get("parent")
    if parent is None:
        return
    if parent == profile.record.id:
        yield profile.problem("parent", f"found {parent}, the account itself", "reference")
    elif not os.path.lexists(context.root / paths.ACCOUNTS / parent / "profile.md"):
        message = f"found {parent}; allowed: the folder of another account"
        yield profile.problem("parent", message, "reference")


def _circles(folder: Folder) -> Iterator[Problem]:
    boss = {
        person: source.record.text("reports_to")
        for person, source in folder.contacts.items()
        if source.record.get("reports_to") is not None
    }
    for ring in circles(boss):
        way = " > ".join([*ring, ring[0]])
        message = f"goes in a circle: {way}; at least one of them reports to somebody else"
        yield folder.contacts[ring[0]].problem("reports_to", message, "circle")


def _owner(source: Source, context: Context) -> Iterator[Problem]:
    owner = source.record.get("owner")
    if owner and context.config.team and context.config.member(owner) is None:
        known = _some(member.id for member in context.config.team)
        message = f'found "{owner}"; allowed: a member of the team in crmctl.yaml ({known})'
        yield source.problem("owner", message, "owner", severity="warning")


def _is_there(
    name: str,
    siblings: Collection[str],
    folder: Folder,
    context: Context,
    *,
    kind: str = "contacts",
) -> bool:
    """Whether ``name`` (of this account) or ``account/name`` is a record; one that is damaged counts."""
    if name in siblings:
        return True
    account, _, rest = name.rpartition("/")
    place = context.root / paths.ACCOUNTS / (account or folder.slug) / kind / f"{rest}.md"
    return os.path.lexists(place)


def _broken(name: str, kind: str, siblings: Collection[str]) -> str:
    known = _some(siblings)
    return f'found "{name}"; allowed: a file in {kind}/{f" ({known})" if known else ", which is empty"}'


def _some(names: Collection[str] | Iterator[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:8]) + (" …" if len(listed) > 8 else "")
