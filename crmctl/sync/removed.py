"""What people took out of the workspace: a record whose file they deleted does not come back by itself.

A file that git holds in its history and that is gone now names its record by the ids in it. Restoring the file with
git is the way to have the record again.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Incoming
from crmctl.workspace import atomic, paths, removals
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.workspace.gitformat import Removal
    from crmctl.workspace.workspace import Workspace

_CACHE = "removed.json"


class Removed:
    """The removed records of a workspace, looked up in its history when first asked and kept from then on."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def __call__(self, record: Incoming) -> bool:
        return f"{record.kind} {record.system}:{record.id}" in self._keys

    @cached_property
    def _keys(self) -> set[str]:
        git = self._ws.git
        head = git.head()
        if head is None:
            return set()
        found = self._cached(head)
        gone = self._named(removals.missing(git))
        return {
            key for key, path in found.items() if not (self._ws.root / path).exists()
        } | gone.keys()

    def _cached(self, head: str) -> dict[str, str]:
        """What the history of ``head`` holds as removed: paths by key. Only what is newer than the cache is read."""
        file = self._ws.state_dir / _CACHE
        try:
            kept = json.loads(file.read_bytes())
            since, found = str(kept["head"]), {str(k): str(v) for k, v in kept["found"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            since, found = "", {}
        if since == head:
            return found
        try:
            newer = removals.deleted(self._ws.git, since or None)
        except CrmError:  # a rewritten history, or another branch, does not have that commit
            newer, found = removals.deleted(self._ws.git), {}
        found |= self._named(newer)
        raw = json.dumps({"head": head, "found": found}).encode()
        descriptor = os.open(self._ws.state_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            atomic.replace(descriptor, _CACHE, raw, mode=0o600)
        finally:
            os.close(descriptor)
        return found

    def _named(self, gone: list[Removal]) -> dict[str, str]:
        """The records of these files: ``kind system:id`` to the path."""
        records = [removal for removal in gone if paths.kind_of(removal.path)]
        if not records:
            return {}
        found: dict[str, str] = {}
        blobs = removals.contents(self._ws.git, records)
        for removal, raw in zip(records, blobs, strict=True):
            if raw is None:
                continue
            try:
                record = read_record(raw, removal.path, self._ws.ranking, fast=True)[0]
            except CrmError:
                continue
            found |= {f"{record.kind} {key}": removal.path for key in record.ids()}
        return found
