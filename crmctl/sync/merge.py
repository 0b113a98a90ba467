"""Merging two records that a person found to be one: the survivor keeps everything, the loser's ids stay as aliases.

A merge is a plan like every other: one run, shown before it is made, taken back with `crmctl undo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, UsageError
from crmctl.model.record import Record
from crmctl.sync import plan_traffic
from crmctl.sync.absorb import absorb
from crmctl.sync.merge_account import merge_accounts
from crmctl.sync.references import Rewriting, files_with
from crmctl.workspace import files, paths
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.store import read_file

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

KINDS = ("account", "contact", "deal", "ticket")


def plan_merge(ws: Workspace, kind: str, survivor: str, loser: str) -> ChangeSet:
    """The changes that make ``loser`` part of ``survivor``.

    Both are written as in a suggestion: an account's folder, ``account/id``, for a ticket ``account/system:id``.
    UsageError if they are one already or there is no such record; `DamagedFile` if a file that names the loser
    cannot be read: nothing may be left pointing nowhere.
    """
    if kind not in KINDS:
        raise UsageError(
            f"{kind} cannot be merged; merge an account, a contact, a deal or a ticket"
        )
    if survivor == loser:
        raise UsageError(f"{kind} {survivor} cannot be merged with itself; name two")
    if kind == "account":
        return merge_accounts(ws, _profile(ws, survivor), _profile(ws, loser))
    if kind == "ticket":
        return _merge_tickets(ws, survivor, loser)
    return _merge_files(ws, _child(ws, kind, survivor), _child(ws, kind, loser))


def _profile(ws: Workspace, account: str) -> Record:
    try:
        return read_file(ws.root, paths.profile(account), ws.ranking)[0]
    except CrmError as error:
        raise UsageError(f"account {account} cannot be merged: {error}") from None


def _child(ws: Workspace, kind: str, ref: str) -> Record:
    account, slash, id = ref.partition("/")
    if not slash:
        raise UsageError(f"{ref!r} names no {kind}; write account/{kind}")
    path = paths.contact(account, id) if kind == "contact" else paths.deal(account, id)
    return read_file(ws.root, path, ws.ranking)[0]


def _merge_files(ws: Workspace, survivor: Record, loser: Record) -> ChangeSet:
    """A contact or a deal into another, and every reference with it."""
    changes = ChangeSet()
    old, new = f"{loser.account}/{loser.id}", f"{survivor.account}/{survivor.id}"
    moves = {(loser.kind, old): new}

    def needles(account: str) -> list[str]:
        return [old, loser.id] if account == loser.account else [old]

    for account, path, raw in files_with(ws.root, needles):
        if path == loser.path:
            continue
        rewriting = Rewriting(moves, account, account, survivor.id if path == survivor.path else "")
        rewrite = rewriting.traffic if path.endswith(".jsonl") else rewriting.record
        changes.put(path, raw, rewrite(raw, path), f"{loser.id} is {survivor.id} now")
    lost = files.read(ws.root, loser.path)
    if lost is None:
        raise CrmError(f"{loser.path} was removed meanwhile: run again")
    moved = Rewriting(moves, loser.account, survivor.account, survivor.id).record(lost, loser.path)
    absorb(ws, changes, survivor, loser, moved)
    changes.put(loser.path, lost, None, f"merged into {survivor.path}")
    return changes


def _merge_tickets(ws: Workspace, survivor: str, loser: str) -> ChangeSet:
    """One line of traffic into another; what only the loser says is kept."""
    account, _, kept_id = survivor.partition("/")
    other, _, lost_id = loser.partition("/")
    if account != other:
        raise UsageError(f"{survivor} and {loser} belong to two accounts; merge the accounts first")
    traffic = plan_traffic.load(ws.root, account)
    for id in (kept_id, lost_id):
        if id not in traffic.events:
            raise UsageError(
                f"account {account} has no ticket {id}; `crmctl dupes` shows what there is"
            )
    lost = traffic.remove(lost_id)
    kept = traffic.events[kept_id]
    aliases = [*kept.get("aliases", ()), lost_id, *lost.get("aliases", ())]
    traffic.put(account, {**lost, **kept, "aliases": sorted(dict.fromkeys(aliases))})
    changes = ChangeSet()
    for path, old, new in traffic.rewritten():
        changes.put(path, old, new, f"{lost_id} is {kept_id} now")
    return changes
