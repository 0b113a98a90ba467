"""Moving a contact to another account: the file goes, and every record that names the person follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, UsageError
from crmctl.model.record import Record
from crmctl.sync.references import Rewriting, files_with
from crmctl.workspace import files, paths
from crmctl.workspace.changes import ChangeSet

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def plan_move(ws: Workspace, contact: Record, target: str) -> ChangeSet:
    """The changes that make ``contact`` a person of account ``target``. UsageError if that account has one so named."""
    if contact.account == target:
        raise UsageError(f"{contact.id} is a contact of {target} already")
    new_path = paths.contact(target, contact.id)
    if files.read(ws.root, new_path) is not None:
        raise UsageError(
            f"{new_path}: exists already; merge the two with `crmctl merge` if they are one person"
        )
    raw = files.read(ws.root, contact.path)
    if raw is None:
        raise CrmError(f"{contact.path} was removed meanwhile: run again")
    old, new = f"{contact.account}/{contact.id}", f"{target}/{contact.id}"
    changes = ChangeSet()

    def needles(account: str) -> list[str]:
        return [old, contact.id] if account == contact.account else [old]

    moves = {("contact", old): new}
    for account, path, stored in files_with(ws.root, needles):
        if path == contact.path:
            continue
        rewriting = Rewriting(moves, account, account)
        rewrite = rewriting.traffic if path.endswith(".jsonl") else rewriting.record
        changes.put(path, stored, rewrite(stored, path), f"{old} is {new} now")
    # In the file itself, colleagues that stay behind are named with their account from now on.
    moved = Rewriting({}, contact.account, target, contact.id).record(raw, contact.path)
    changes.put(contact.path, raw, None, f"moved to {target}")
    changes.put(new_path, None, moved, f"moved from {contact.account}")
    return changes
