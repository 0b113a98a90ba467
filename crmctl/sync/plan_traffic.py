"""Mail, chat, tickets and survey answers: one line an event in the account's file of the year."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError, DamagedFile
from crmctl.model.incoming import Incoming, Rejected
from crmctl.sync.draft import Draft, Placed
from crmctl.workspace import files, paths, store

_ID = re.compile(rb'^\{"id": ("(?:[^"\\]|\\.)*")', re.MULTILINE)


@dataclass(slots=True)
class Traffic:
    """All traffic of one account: each event's data by its id, the file it is in, and the ids merged into others."""

    raw: dict[str, bytes] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)

    def put(self, account: str, data: dict[str, Any]) -> str:
        """Take an event in, new or changed; the path of its file."""
        at = data.get("at")
        path = paths.traffic(account, at.year if at is not None else "undated")
        before = self.home.get(data["id"])
        self.dirty |= {path} if before is None else {path, before}
        self.events[data["id"]], self.home[data["id"]] = data, path
        return path

    def remove(self, id: str) -> dict[str, Any]:
        """Take an event out and return it."""
        self.dirty.add(self.home.pop(id))
        return self.events.pop(id)

    def rewritten(self) -> list[tuple[str, bytes | None, bytes | None]]:
        """(path, old, new) of each file that `put` and `remove` touched."""
        lines: dict[str, list[dict[str, Any]]] = {path: [] for path in self.dirty}
        for id, path in self.home.items():
            if path in lines:
                lines[path].append(self.events[id])
        return [
            (path, self.raw.get(path), store.traffic_bytes(found) if found else None)
            for path, found in sorted(lines.items())
        ]


def load(root: Path, account: str) -> Traffic:
    """An account's traffic; `DamagedFile` if a line cannot be read, since rewriting the file would lose it."""
    traffic = Traffic()
    for path in _paths(root, account):
        raw = files.read(root, path) or b""
        events, problems = store.parse_events(raw, path)
        if problems:
            raise DamagedFile(problems)
        traffic.raw[path] = raw
        for event in events:
            traffic.events[event.id], traffic.home[event.id] = dict(event.data), path
            traffic.aliases.update(dict.fromkeys(event.ids()[1:], event.id))
    return traffic


def home_of(draft: Draft, record: Incoming) -> str | None:
    """The account whose traffic holds an event, None if none does.

    All traffic is looked through once, and only when there is an event to find a place for.
    """
    if draft.homes is None:
        draft.homes = {}
        for account in store.slugs(draft.root):
            for path in _paths(draft.root, account):
                for id in _ID.findall(files.read(draft.root, path) or b""):
                    draft.homes[id] = account
    id = json.dumps(f"{record.system}:{record.id}", ensure_ascii=False)
    return draft.homes.get(id.encode())


def _paths(root: Path, account: str) -> list[str]:
    folder = f"{paths.ACCOUNTS}/{account}/interactions"
    try:
        names = os.listdir(root / folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".jsonl")]


def draft_events(draft: Draft, placed: Sequence[Placed]) -> None:
    """Plan the events of a batch, account by account."""
    by_account: dict[str, list[Placed]] = {}
    for place in placed:
        by_account.setdefault(place.account, []).append(place)
    for account in sorted(by_account):
        try:
            draft.require(account)
            traffic = load(draft.root, account)
        except CrmError as error:
            for place in by_account[account]:
                draft.refuse(place.record, str(error))
            continue
        for place in by_account[account]:
            _draft_event(draft, traffic, place)
        for path, old, new in traffic.rewritten():
            draft.changes.put(path, old, new, f"traffic of {account}")


def _draft_event(draft: Draft, traffic: Traffic, place: Placed) -> None:
    record, account = place.record, place.account
    id = f"{record.system}:{record.id}"
    before = traffic.events.get(id)
    if id in traffic.aliases:
        draft.count(record.system, "event")
        return
    if record.deleted:
        if before is None:
            return
        if older(place.stated, before):
            return
        stamp = place.stated.get("modified")
        after = {**before, "deleted": True} | ({"modified": stamp} if stamp else {})
    else:
        people = [ref for ref, _ in draft.people(record, account)]
        after = _merged(before, id, place.stated | ({"with": people} if people else {}))
    if "type" not in after:
        draft.rejected.append(Rejected(record.origin, "type: is missing; an event needs one"))
        return
    if after == before:
        draft.touch(traffic.home[id], record.system)
        draft.count(record.system, "event")
        return
    draft.touch(traffic.put(account, after), record.system)
    draft.count(record.system, "event", created=before is None, changed=before is not None)
    if before is not None:
        draft.altered.add((record.system, account))


def older(stated: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether a statement is older than what is held, by the system's own stamps; one without a stamp is news."""
    return str(stated.get("modified") or "~") < str(held.get("modified") or "")


def _merged(before: dict[str, Any] | None, id: str, stated: dict[str, Any]) -> dict[str, Any]:
    """The event with what the system states now; a new stamp alone is no news, an older one is none at all."""
    if before is not None and older(stated, before):
        return before
    after = {
        "id": id,
        **{name: value for name, value in (before or {}).items() if name != "deleted"},
    }
    for name, value in stated.items():
        if value is None:
            after.pop(name, None)
        else:
            after[name] = value
    stamp = {"modified": None}
    return before if before is not None and {**after, **stamp} == {**before, **stamp} else after
