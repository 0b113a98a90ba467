"""``accounts/_state/workflows.yaml``: since when each event workflow looks at the workspace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crmctl.model.errors import DamagedFile, Problem
from crmctl.workspace import files, paths, yamlio
from crmctl.workspace.changes import FileChange

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

STATE = paths.state("workflows")


def read(ws: Workspace) -> dict[str, dt.date]:
    """The day by workflow; `DamagedFile` if the file is not as crmctl wrote it."""
    raw = files.read(ws.root, STATE)
    data = yamlio.load((raw or b"").decode("utf-8", "replace"), path=STATE) or {}
    found: dict[str, dt.date] = {}
    for name, entry in data.items() if isinstance(data, dict) else [("", data)]:
        since = entry.get("baseline") if isinstance(entry, dict) else None
        if not isinstance(since, dt.date):
            message = "needs a baseline, a date; take the file of the last commit"
            raise DamagedFile([Problem(STATE, 0, str(name), message, "state")])
        found[str(name)] = since
    return found


def write(ws: Workspace, since: Mapping[str, dt.date]) -> FileChange:
    """The change that makes the file say so."""
    raw = files.read(ws.root, STATE)
    state = {name: {"baseline": since[name]} for name in sorted(since)}
    new = yamlio.dump_mapping(state).encode() if state else None
    return FileChange(STATE, raw, new, "since when workflows look")
