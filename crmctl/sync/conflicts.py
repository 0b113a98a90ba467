"""Where a person and the systems, or two systems, state different things, and where a system came to agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crmctl.model.record import PERSON, Record
from crmctl.model.schema import FIELDS
from crmctl.sync.known import Damaged, folded, reference, walk

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

KINDS = ("contact", "deal", "interaction", "task")
State = Literal["contradicted", "confirmed", "systems"]
_NOT_STATED = frozenset({"aliases", "tags"})


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field of one record that is stated more than once.

    ``state`` is ``contradicted`` (a system says something else than a person), ``confirmed`` (every system that
    speaks says what the person says, so the person's value can go) or ``systems`` (two systems differ and nobody has
    decided). ``stated`` gives each value by who states it, ``person`` or a system; ``holds`` is whose value holds.
    """

    path: str
    kind: str
    ref: str
    field: str
    state: State
    holds: str
    stated: dict[str, Any]


def conflicts(ws: Workspace, accounts: Collection[str] | None = None) -> list[Conflict]:
    """All conflicts, in the order of accounts, files and fields; ``accounts`` limits them to these folders."""
    return [
        conflict
        for record in walk(ws.root, ws.ranking, KINDS, accounts=accounts)
        if not isinstance(record, Damaged)
        for conflict in of_record(record)
    ]


def of_record(record: Record) -> Iterator[Conflict]:
    """The conflicts within one record. A block that its system has deleted states nothing."""
    blocks = {
        system: block
        for system, block in sorted(record.systems.items())
        if block.get("deleted") is not True
    }
    for name in FIELDS[record.kind]:
        stated = {
            system: block[name] for system, block in blocks.items() if block.get(name) is not None
        }
        own = record.own.get(name)
        if name in _NOT_STATED or not stated:
            continue
        state = _state(own, list(stated.values()))
        if state is None:
            continue
        if own is not None:
            stated = {PERSON: own, **stated}
        _, holds = record.stated(name)
        yield Conflict(
            record.path, record.kind, reference(record), name, state, holds or "", stated
        )


def _state(own: Any, stated: list[Any]) -> State | None:
    if own is not None:
        return "confirmed" if all(same(own, value) for value in stated) else "contradicted"
    return None if all(same(stated[0], value) for value in stated[1:]) else "systems"


def same(a: Any, b: Any) -> bool:
    """Whether two values say the same: case and blanks of text, and the order of lists, do not count."""
    if isinstance(a, str) and isinstance(b, str):
        return folded(a) == folded(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(any(same(x, y) for y in b) for x in a)
    return bool(a == b)
