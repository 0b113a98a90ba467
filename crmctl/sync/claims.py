"""What people gave to an account by hand: kept in the state of the source, where every later sync finds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmctl.model.incoming import Waiting
from crmctl.workspace import paths, sync_state
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.sync_state import State

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def plan_claims(ws: Workspace, waiting: Sequence[Waiting], account: str) -> ChangeSet:
    """The states with these claims in them. A system with several mailboxes has several; all of them learn of it."""
    changes = ChangeSet()
    for system in sorted({one.system for one in waiting}):
        claims = {f"{one.kind}:{one.id}": account for one in waiting if one.system == system}
        for source in _states(ws, system):
            state = sync_state.load(ws.root, source)
            new = State(state.mark, {**state.claims, **claims})
            path = paths.state(source)
            changes.put(path, state.raw, sync_state.dump(new), f"{', '.join(claims)} to {account}")
    return changes


def _states(ws: Workspace, system: str) -> list[str]:
    folder = ws.root / paths.ACCOUNTS / "_state"
    found = [
        file.stem
        for file in sorted(folder.glob(f"{system}*.yaml"))
        if file.stem == system or file.stem.startswith(f"{system}-")
    ]
    return found or [system]


def claims_of(ws: Workspace, system: str) -> dict[str, str]:
    """What people gave to accounts of this system, by ``kind:id``."""
    return {
        k: v
        for source in _states(ws, system)
        for k, v in sync_state.load(ws.root, source).claims.items()
    }
