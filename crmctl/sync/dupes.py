"""Which records may be one and the same: suggestions with reasons. A person decides, with `crmctl merge`.

Records are compared only where they share something (a key, a domain, an address, a phone, neighbouring names), so
the work grows with the number of records and not with its square.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.model.record import Record
from crmctl.sync.known import Known, load
from crmctl.sync.likeness import Level, Sketch, compare, sketch, ticket

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

COMPARED = ("account", "contact", "deal")
_CROWD = 40  # so many records sharing one trait are compared with their neighbours only
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True, order=True)
class Suggestion:
    """Two records that may be one.

    ``a`` and ``b`` are accounts' folders, else ``account/id``, for a ticket ``account/system:id``. ``score`` is 0 to 1;
    ``likely`` ones agree in all that can be compared, ``possible`` ones in part.
    """

    kind: str
    a: str
    b: str
    score: float
    level: Level
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.a} and {self.b}: {self.level}, {', '.join(self.reasons)}"


def suggest(ws: Workspace) -> list[Suggestion]:
    """All suggestions for a workspace, from its files: accounts, contacts, deals, then tickets, by name."""
    from crmctl.model.record import Event
    from crmctl.sync.plan_traffic import load as load_traffic

    known = load(ws.root, ws.ranking, COMPARED)
    tickets = []
    for account in known.records["account"]:
        try:
            traffic = load_traffic(ws.root, account)
        except CrmError:
            continue
        events = (Event(traffic.home[id], 0, data) for id, data in traffic.events.items())
        tickets += [
            ticket(e, account) for e in events if e.type == "ticket" and not e.data.get("deleted")
        ]
    return _pairs([*_sketches(known), *tickets])


def suggest_new(known: Known, new: Collection[tuple[str, str]]) -> list[Suggestion]:
    """The suggestions that concern the (kind, reference) of records about to be created."""
    if not any(kind in COMPARED for kind, _ in new):
        return []
    found = _pairs(_sketches(known))
    return [s for s in found if (s.kind, s.a) in new or (s.kind, s.b) in new]


def suggest_among(records: Iterable[Record]) -> list[Suggestion]:
    """The suggestions among these accounts, contacts and deals, whatever files they are in."""
    known = Known()
    for record in records:
        known.add(record)
    return _pairs(_sketches(known))


def _sketches(known: Known) -> Iterator[Sketch]:
    accounts = known.records["account"]
    for kind in COMPARED:
        for record in known.records[kind].values():
            home = accounts.get(record.account)
            found = sketch(record, home.text("country") if home else "")
            if not record.deleted or found.merged_into:
                yield found


def _pairs(sketches: Iterable[Sketch]) -> list[Suggestion]:
    by_kind: dict[str, list[Sketch]] = {}
    for one in sketches:
        by_kind.setdefault(one.kind, []).append(one)
    found = list(_compared(by_kind.pop("account", []), {}))
    group = _groups((s.a, s.b) for s in found if s.level == "likely")
    for kind in sorted(by_kind):
        found += _compared(by_kind[kind], group)
    return sorted(found)


def _compared(sketches: list[Sketch], group: dict[str, str]) -> Iterator[Suggestion]:
    """Suggestions within one kind; ``group`` gives one name to accounts that are likely one."""
    for a, b in _candidates(sketches, group):
        same_account = group.get(a.account, a.account) == group.get(b.account, b.account)
        verdict = compare(a, b, same_account)
        if verdict is not None:
            level, score, reasons = verdict
            yield Suggestion(a.kind, a.ref, b.ref, score, level, tuple(reasons))


def _candidates(sketches: list[Sketch], group: dict[str, str]) -> Iterator[tuple[Sketch, Sketch]]:
    sketches.sort(key=lambda s: (s.key, s.ref))
    seen: set[tuple[str, str]] = set()
    shared: dict[tuple[str, str], list[Sketch]] = {}
    for one in sketches:
        for trait in _traits(one, group):
            shared.setdefault(trait, []).append(one)
    if sketches and sketches[0].kind == "account":
        shared["", ""] = sketches
    for trait, holders in shared.items():
        reach = len(holders) if len(holders) <= _CROWD and trait[0] else _NEIGHBOURS
        for place, one in enumerate(holders):
            for other in holders[place + 1 : place + 1 + reach]:
                a, b = (one, other) if one.ref <= other.ref else (other, one)
                if (a.ref, b.ref) not in seen:
                    seen.add((a.ref, b.ref))
                    yield a, b


def _traits(one: Sketch, group: dict[str, str]) -> Iterator[tuple[str, str]]:
    within = f"{group.get(one.account, one.account)} " if one.kind in {"deal", "ticket"} else ""
    yield "name", within + one.key
    traits = {
        "email": one.emails,
        "domain": one.domains,
        "profile": one.profiles,
        "phone": {phone.block for phone in one.phones},
        "id": one.merged_into | one.ids,
    }
    for what, values in traits.items():
        for value in values:
            yield what, value
    if one.kind == "contact" and one.place.street:
        yield from _traits_of_home(one)


def _traits_of_home(one: Sketch) -> Iterator[tuple[str, str]]:
    """What two spellings of one person at one address are sure to share in part: a name is misspelt, or a street."""
    place = one.place
    yield "street", "".join(sorted(place.street.split()))
    yield "door", f"{place.number} {place.postcode}"
    for word in one.key.split():
        yield "name in town", f"{word} {place.city}"
        yield "name by post", f"{word} {place.postcode}"
        yield "beginning", f"{word[:3]} {place.number} {place.street[:3]}"
    for word in place.street.split():
        yield "house in town", f"{place.number} {word} {place.city[:4]}"


def _groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each name in ``pairs`` with the first name of all that are connected to it."""
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for a, b in pairs:
        first, second = sorted((top(a), top(b)))
        parent[second] = first
    return {name: top(name) for name in parent}
