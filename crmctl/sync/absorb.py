"""What the survivor of a merge takes over from the loser: ids, blocks, people's values, prose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmctl.model import text
from crmctl.model.errors import CrmError
from crmctl.model.record import Record
from crmctl.sync.conflicts import same
from crmctl.sync.known import addresses, domains_of
from crmctl.workspace import files, splice
from crmctl.workspace.index import plain
from crmctl.workspace.records import SOURCES, read_record

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

_SHOWN = 500  # characters of one value in the note


def absorb(
    ws: Workspace, changes: ChangeSet, survivor: Record, loser: Record, raw_loser: bytes
) -> None:
    """Plan the survivor's file with what the loser had; ``raw_loser`` is the loser's file, its references put right."""
    old = changes.current(survivor.path, files.read(ws.root, survivor.path))
    if old is None:
        raise CrmError(f"{survivor.path} was removed meanwhile: run again")
    kept, _ = read_record(old, survivor.path, ws.ranking)
    # Read at the survivor's place: its references are already those of that place.
    lost, _ = read_record(raw_loser, loser.path, ws.ranking)
    edits: list[splice.Change] = [splice.Set(("aliases",), _aliases(kept, lost))]
    edits += [
        splice.Set((SOURCES, s), lost.systems[s])
        for s in sorted(lost.systems.keys() - kept.systems.keys())
    ]
    taken = dict(_values(kept, lost))
    edits += [splice.Set((name,), value) for name, value in taken.items()]
    new = splice.edit(old, edits, path=survivor.path)
    note = _note(kept, lost, taken)
    if note:
        new = splice.set_body(new, f"{kept.body.rstrip()}\n\n{note}".lstrip(), path=survivor.path)
    changes.put(survivor.path, old, new, f"took over {loser.path}")


def _aliases(kept: Record, lost: Record) -> list[str]:
    """The survivor's aliases, the loser's ids that no block of the survivor will hold, and the loser's place."""
    moved = {
        f"{s}:{b['id']}" for s, b in lost.systems.items() if s not in kept.systems and "id" in b
    }
    place = lost.path.removesuffix("/profile.md").removesuffix(".md")
    known = [str(alias) for alias in kept.own.get("aliases") or ()]
    new = sorted({*lost.ids(), f"path:{place}"} - moved - set(kept.ids()))
    return [*known, *new]


def _values(kept: Record, lost: Record) -> Iterator[tuple[str, Any]]:
    """People's values to set in the survivor: the loser's where it has none, lists of both together."""
    for name, value in lost.own.items():
        if name == "aliases":
            continue
        own = kept.own.get(name)
        if isinstance(value, list):
            both = _union(kept.get(name) or [], value)
            if both != (kept.get(name) or []):
                yield name, both
        elif own is None and name != "name" and not same(kept.get(name), value):
            yield name, value
    yield from _found_by(kept, lost)


def _found_by(kept: Record, lost: Record) -> Iterator[tuple[str, Any]]:
    """Domains and addresses by which the loser was found and the survivor would not be."""
    if kept.kind == "account" and "domains" not in lost.own:
        more = [d for d in domains_of(lost) if d not in domains_of(kept)]
        if more and not _moves(kept, lost):
            yield "domains", _union(kept.items("domains"), more)
    elif kept.kind == "contact" and "emails" not in lost.own:
        more = [a for a in addresses(lost) if a not in addresses(kept)]
        if more and not _moves(kept, lost):
            yield "emails", _union(kept.items("emails"), more)


def _moves(kept: Record, lost: Record) -> bool:
    """Whether all of the loser's blocks move, and their values with them."""
    return bool(lost.systems) and not lost.systems.keys() & kept.systems.keys()


def _union(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(item for item in second if not any(same(item, known) for known in first))]


def _note(kept: Record, lost: Record, taken: dict[str, Any]) -> str:
    """What the survivor's front matter has no room for: other values, and the loser's prose."""
    lines = []
    for name, value in lost.effective().items():
        holds = taken.get(name, kept.get(name))
        dropped = name in lost.own or (holds is None and not _moves(kept, lost))
        if name != "aliases" and not isinstance(value, list) and dropped and not same(holds, value):
            shown = text.markdown(text.one_line(str(plain(value)), _SHOWN))
            lines.append(f"- {name}: {shown}")
    known = {line.strip() for line in kept.body.splitlines()}
    prose = [line for line in lost.body.splitlines() if line.strip() and not line.startswith("#")]
    parts = []
    if lines:
        parts.append("\n".join(lines) + "\n")
    if any(line.strip() not in known for line in prose):
        parts.append(lost.body.strip() + "\n")
    if not parts:
        return ""
    return f"## Merged from {text.markdown(text.one_line(lost.title))}\n\n" + "\n".join(parts)
