"""Merging two accounts: every file of the loser's folder moves, is joined with its like, or is computed anew."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, DamagedFile
from crmctl.model.record import Record
from crmctl.sync import plan_traffic
from crmctl.sync.absorb import absorb
from crmctl.sync.references import Rewriting, files_with, in_folder
from crmctl.workspace import episodes, files, measures, paths
from crmctl.workspace.changes import ChangeSet

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

_RECORDS = frozenset({"contact", "deal", "interaction", "task"})
_SEPARATE = frozenset({"account", "health", "traffic", "episodes"})
_COMPUTED = ("health.", "icp.")  # measures that a score computes for each account anew


@dataclass(slots=True)
class _Move:
    """Where the files of the loser's folder go, and what its contacts and deals are called then."""

    survivor: str
    loser: str
    places: dict[str, str] = field(default_factory=dict)
    moves: dict[tuple[str, str], str] = field(default_factory=dict)


def merge_accounts(ws: Workspace, survivor: Record, loser: Record) -> ChangeSet:
    """The changes that make ``loser`` part of ``survivor``."""
    changes = ChangeSet()
    move = _placed(ws, survivor.id, loser.id)
    here = Rewriting(move.moves, loser.id, survivor.id, survivor.id)
    reason = f"{loser.id} is {survivor.id} now"

    def needles(account: str) -> list[str]:
        return [] if account == loser.id else [loser.id]

    for account, path, raw in files_with(ws.root, needles):
        if account == survivor.id and path.endswith(".jsonl"):
            continue  # joined with the loser's below
        rewriting = Rewriting(move.moves, account, account, account)
        rewrite = rewriting.traffic if path.endswith(".jsonl") else rewriting.record
        changes.put(path, raw, rewrite(raw, path), reason)
    for old, new in move.places.items():
        raw = _read(ws, old)
        place = paths.kind_of(old)
        changed = here.record(raw, old) if place and place[0] in _RECORDS else raw
        changes.put(old, raw, None, reason)
        changes.put(new, None, changed, reason)
    _merge_traffic(ws, changes, move)
    _merge_measures(ws, changes, survivor.id, loser.id)
    _merge_episodes(ws, changes, move)
    raw = _read(ws, loser.path)
    absorb(ws, changes, survivor, loser, here.record(raw, loser.path))
    changes.put(loser.path, raw, None, reason)
    health = files.read(ws.root, paths.health(loser.id))
    changes.put(paths.health(loser.id), health, None, "computed anew for the survivor")
    return changes


def _read(ws: Workspace, path: str) -> bytes:
    raw = files.read(ws.root, path)
    if raw is None:
        raise CrmError(f"{path} was removed meanwhile: run again")
    return raw


def _placed(ws: Workspace, survivor: str, loser: str) -> _Move:
    """A place for every file that moves; a name that the survivor has already gets a part of its hash."""
    move = _Move(survivor, loser, moves={("account", loser): survivor})
    taken = set(in_folder(ws.root, survivor))
    for old in in_folder(ws.root, loser):
        place = paths.kind_of(old)
        if place and place[0] in _SEPARATE:
            continue
        rest = old.removeprefix(f"{paths.ACCOUNTS}/{loser}/")
        if place and place[0] == "document" and f"{paths.ACCOUNTS}/{survivor}/{rest}" in taken:
            rest = f"plans/{rest}"
        stem, dot, ending = f"{paths.ACCOUNTS}/{survivor}/{rest}".rpartition(".")
        free = paths.unique(stem, {t.rpartition(".")[0] for t in taken}, old) if dot else old
        new = f"{free}.{ending}"
        taken.add(new)
        move.places[old] = new
        if place and place[0] in {"contact", "deal"}:
            id = new.rpartition("/")[2].removesuffix(".md")
            move.moves[place[0], f"{loser}/{place[2]}"] = f"{survivor}/{id}"
    return move


def _merge_traffic(ws: Workspace, changes: ChangeSet, move: _Move) -> None:
    lost = plan_traffic.load(ws.root, move.loser)
    kept = plan_traffic.load(ws.root, move.survivor)
    here = Rewriting(move.moves, move.loser, move.survivor)
    stays = Rewriting(move.moves, move.survivor, move.survivor)
    for data in list(kept.events.values()):
        news = stays.values(data)
        if news:
            kept.put(move.survivor, {**data, **news})
    for id, data in lost.events.items():
        if id not in kept.events and id not in kept.aliases:
            kept.put(move.survivor, {**data, **here.values(data)})
    for path, old, new in kept.rewritten():
        changes.put(path, old, new, f"traffic of {move.loser}")
    for path, old in lost.raw.items():
        changes.put(path, old, None, f"traffic of {move.loser}")


def _merge_episodes(ws: Workspace, changes: ChangeSet, move: _Move) -> None:
    """What workflows did for the loser stays done."""
    place, lost_place = paths.episodes(move.survivor), paths.episodes(move.loser)
    kept, lost = files.read(ws.root, place), files.read(ws.root, lost_place)
    if lost is None:
        return
    joined = episodes.join(
        episodes.parse(kept or b"", place), episodes.parse(lost, lost_place), move.places, ws.today
    )
    changes.put(place, kept, episodes.dump(joined), f"what workflows did for {move.loser}")
    changes.put(lost_place, lost, None, f"what workflows did for {move.loser}")


def _merge_measures(ws: Workspace, changes: ChangeSet, survivor: str, loser: str) -> None:
    """The loser's measured numbers become the survivor's, on days on which the survivor has none of its own."""
    try:
        names = sorted(os.listdir(ws.root / paths.ACCOUNTS / "_measures"))
    except FileNotFoundError:
        return
    for name in names:
        path = f"{paths.ACCOUNTS}/_measures/{name}"
        place = paths.kind_of(path)
        raw = files.read(ws.root, path) if place and place[0] == "measures" else None
        if raw is not None and place is not None and f"{loser},".encode() in raw:
            changes.put(
                path,
                raw,
                _day(raw, dt.date.fromisoformat(place[2]), survivor, loser),
                f"measures of {loser}",
            )


def _day(raw: bytes, day: dt.date, survivor: str, loser: str) -> bytes:
    rows, problems = measures.parse_day(raw, day)
    if problems:
        raise DamagedFile(problems)
    own = {(m.measure, m.source) for m in rows if m.account == survivor}
    kept = [m for m in rows if m.account != loser]
    kept += [
        m._replace(account=survivor)
        for m in rows
        if m.account == loser
        and (m.measure, m.source) not in own
        and not m.measure.startswith(_COMPUTED)
    ]
    return measures.merge_day(None, kept, day)
