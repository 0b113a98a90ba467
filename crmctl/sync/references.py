"""Fields that name other records, rewritten when a record gets another name or becomes part of another."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.sync.draft import near
from crmctl.workspace import episodes, files, paths, splice, store
from crmctl.workspace.document import parse
from crmctl.workspace.records import SOURCES

# Which kind of record each field names; ``people`` and ``qualification`` are lists of maps with a ``person``.
SCALARS = {"reports_to": "contact", "deal": "deal", "parent": "account"}
LISTS = {"with": "contact"}
_PEOPLE, _ANSWERS = "people", "qualification"

Moves = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """References to put right: ``moves`` is (kind, old reference) to new reference.

    A file is written as one of account ``before`` and will be one of ``after``; a reference within an account has no
    account in front. ``itself`` is what the file's own record is called: it cannot be its own parent or superior.
    """

    moves: Moves
    before: str
    after: str
    itself: str = ""

    def one(self, kind: str, value: Any) -> Any:
        """A reference as it is to be written."""
        if not isinstance(value, str):
            return value
        if kind == "account":
            return self.moves.get((kind, value), value)
        full = value if "/" in value else f"{self.before}/{value}"
        return near(self.moves.get((kind, full), full), self.after)

    def many(self, values: Sequence[Any]) -> list[Any]:
        """A list of contacts, each once."""
        return list(dict.fromkeys(self.one("contact", value) for value in values))

    def values(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of one writer that have to change, with their new values, None for none."""
        changed: dict[str, Any] = {}
        for name, value in stated.items():
            new = value
            if name in SCALARS:
                new = self.one(SCALARS[name], value)
                new = None if new == self.itself else new
            elif name in LISTS and isinstance(value, list):
                new = self.many(value)
            elif name == _PEOPLE and isinstance(value, list):
                new = self._people(value)
            elif name == _ANSWERS and isinstance(value, list):
                new = [self._answer(entry) for entry in value]
            if new != value:
                changed[name] = new
        return changed

    def _people(self, entries: Sequence[Any]) -> list[Any]:
        found: dict[str, Any] = {}
        for place, entry in enumerate(entries):
            if isinstance(entry, Mapping) and "person" in entry:
                person = self.one("contact", entry["person"])
                found.setdefault(str(person), {**entry, "person": person})
            else:
                found[f" {place}"] = entry
        return list(found.values())

    def _answer(self, entry: Any) -> Any:
        if not isinstance(entry, Mapping) or "person" not in entry:
            return entry
        return {**entry, "person": self.one("contact", entry["person"])}

    def record(self, raw: bytes, path: str) -> bytes:
        """A record's file with its references put right; `DamagedFile` if it cannot be read."""
        data = parse(raw, path).data
        edits = _edits((), self.values(data))
        blocks = data.get(SOURCES)
        for system, block in blocks.items() if isinstance(blocks, dict) else ():
            if isinstance(block, dict):
                edits += _edits((SOURCES, system), self.values(block))
        return splice.edit(raw, edits, path=path) if edits else raw

    def traffic(self, raw: bytes, path: str) -> bytes:
        """A traffic or episodes file with its references put right; CrmError if a line cannot be read."""
        if path == paths.episodes(self.before):
            return self._episodes(raw, path)
        events, problems = store.parse_events(raw, path)
        if problems:
            raise CrmError(f"{problems[0]}: mend it first")
        lines = [{**event.data, **self.values(event.data)} for event in events]
        return (
            store.traffic_bytes(lines) if any(map(self.values, (e.data for e in events))) else raw
        )

    def _episodes(self, raw: bytes, path: str) -> bytes:
        """What workflows did, under the new names; what was handled under both names stays once."""
        found = episodes.parse(raw, path)
        keys = {(e.workflow, e.key) for e in found}
        kept, before = [], episodes.dump(found)
        for episode in found:
            key = self._key(episode.key)
            if key != episode.key:
                while "@" in key and (episode.workflow, key) in keys:
                    name, _, number = key.partition("@")
                    key = f"{name}@{int(number) + 1}"
                if (episode.workflow, key) in keys:
                    continue
                keys.add((episode.workflow, key))
            episode.key = key
            known = [
                self._key(f"{key}/{item}").partition("/")[2] if episode.is_baseline else item
                for item in episode.known
            ]
            episode.known = list(dict.fromkeys(known))
            kept.append(episode)
        after = episodes.dump(kept)
        return raw if after == before or after is None else after

    def _key(self, key: str) -> str:
        """An episode's key, or a line of what was known, with the new name of the record that it is about."""
        folder, slash, rest = key.partition("/")
        found = _NAMED.match(rest)
        if not slash or folder not in _FOLDERS or found is None:
            return key
        name = self.one(_FOLDERS[folder], found[1])
        # What went to another account stays what it was called here.
        return key if "/" in name else f"{folder}/{name}{rest[found.end() :]}"


_FOLDERS = {"contacts": "contact", "deals": "deal"}
_NAMED = re.compile(r"([^@=/]+)")


def _edits(under: tuple[str, ...], values: Mapping[str, Any]) -> list[splice.Change]:
    return [
        splice.Unset((*under, name)) if value is None else splice.Set((*under, name), value)
        for name, value in values.items()
    ]


def files_with(
    root: Path, needles: Callable[[str], Sequence[str]]
) -> Iterator[tuple[str, str, bytes]]:
    """(account, path, bytes) of every record and traffic file that has one of its account's ``needles`` in it."""
    for account in store.slugs(root):
        wanted = [needle.encode() for needle in needles(account)]
        for path in in_folder(root, account):
            place = paths.kind_of(path)
            if place is None or not (path.endswith(".jsonl") or place[0] in _HOLDERS):
                continue
            raw = files.read(root, path) or b""
            if any(needle in raw for needle in wanted):
                yield account, path, raw


_HOLDERS = frozenset({"account", "contact", "deal", "interaction", "task"})


def in_folder(root: Path, account: str) -> list[str]:
    """The paths of all files in an account's folder, sorted; what crmctl or an editor left lying is not among them."""
    top = root / paths.ACCOUNTS / account
    found = []
    for folder, _, names in os.walk(top):
        base = Path(folder).relative_to(root).as_posix()
        found += [f"{base}/{name}" for name in names if not name.startswith(".")]
    return sorted(found)
