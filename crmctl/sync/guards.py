"""When an import stops and asks: a source that suddenly has nothing, or contradicts itself almost everywhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sync.known import KINDS, Damaged, walk
from crmctl.workspace import store

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

EMPTY = "empty"
CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Guard:
    """A reason to stop: ``allow`` is the word with which a person lets it pass (`EMPTY` or `CHANGES`)."""

    allow: str
    message: str
    system: str = ""

    def __str__(self) -> str:
        return f"{self.message}; if that is right, run again with --allow {self.allow}"


def stops(ws: Workspace, batch: Batch, accounts: int, altered: Collection[str]) -> list[Guard]:
    """The reasons to ask before carrying out a plan that takes back what a system said of ``altered`` accounts."""
    found = []
    nothing = not (batch.partial or batch.records or batch.measurements or batch.waiting)
    if nothing and _has_spoken(ws, batch.system):
        message = f"{batch.system} gave nothing at all, and the workspace has records of it"
        found.append(Guard(EMPTY, message, batch.system))
    limits = ws.config.guards
    if len(altered) > max(limits.changed_at_least, limits.changed_share * accounts):
        message = f"{batch.system} would change {len(altered)} of {accounts} accounts"
        message += ", more than guards.changed_share in crmctl.yaml allows"
        found.append(Guard(CHANGES, message, batch.system))
    return found


def _has_spoken(ws: Workspace, system: str) -> bool:
    """Whether any file holds a word of a system."""
    for found in walk(ws.root, ws.ranking, KINDS):
        if not isinstance(found, Damaged) and system in found.systems:
            return True
    return any(_in_traffic(ws, account, system) for account in store.slugs(ws.root))


def _in_traffic(ws: Workspace, account: str, system: str) -> bool:
    from crmctl.sync.plan_traffic import load

    try:
        return any(id.startswith(f"{system}:") for id in load(ws.root, account).events)
    except CrmError:
        return False
