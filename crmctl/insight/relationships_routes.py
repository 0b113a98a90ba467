"""How to reach somebody with whom nobody of us really talks: over whom we know there, by what ties the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.inputs.fact import count
from crmctl.insight.provenance import field_source

if TYPE_CHECKING:
    from crmctl.insight.relationship_weights import RelationshipWeights, Routes
    from crmctl.insight.relationships_talks import Conversation, Pair
    from crmctl.model.record import Record


class Tie(NamedTuple):
    """What ties one of theirs to another; ``share`` of an acquaintance is left when it is passed on."""

    share: float
    text: str
    source: str


class Step(NamedTuple):
    """The next of theirs, and how the one before knows them; the first is known by one of us."""

    person: str
    text: str
    source: str


class Route(NamedTuple):
    """The best way to ``to``: who of us begins, over whom. ``strength`` 0 to 100; ``sources`` of every step."""

    to: str
    ours: str
    steps: tuple[Step, ...]
    strength: float

    @property
    def sources(self) -> list[str]:
        return [step.source for step in self.steps]


Ties = dict[str, dict[str, Tie]]


def ties(
    people: Mapping[str, Record], talks: Iterable[Conversation], how: RelationshipWeights
) -> Ties:
    """Who works with whom, by id in both directions, the strongest tie of each two."""
    found: Ties = {id: {} for id in people}
    for one, other, tie in _all(people, talks, how.routes):
        for a, b in ((one, other), (other, one)):
            if b not in found[a] or found[a][b].share < tie.share:
                found[a][b] = tie
    return found


def _all(
    people: Mapping[str, Record], talks: Iterable[Conversation], how: Routes
) -> Iterator[tuple[str, str, Tie]]:
    teams: dict[str, list[str]] = {}
    departments: dict[str, list[str]] = {}
    for id, record in people.items():
        boss = record.text("reports_to")
        if boss in people and boss != id:
            source = field_source(record, "reports_to")
            text = f"{record.title} reports to {people[boss].title}"
            yield id, boss, Tie(how.reports, text, source)
        if boss:
            teams.setdefault(boss, []).append(id)
        if record.text("department"):
            departments.setdefault(record.text("department").casefold(), []).append(id)
    for ids in teams.values():
        text = "both report to the same person"
        for one, other in _couples(ids, how):
            source = field_source(people[other], "reports_to")
            yield one, other, Tie(how.boss, text, source)
    for ids in departments.values():
        for one, other in _couples(ids, how):
            text = f"both work in {people[other].text('department')}"
            yield one, other, Tie(how.department, text, field_source(people[other], "department"))
    for talk in talks:
        if talk.heard and talk.type in {"call", "meeting"}:
            text = f"both were in the {talk.type} of {talk.date}"
            here = [id for id in talk.people if id in people]
            for one, other in _couples(here, how):
                yield one, other, Tie(how.together, text, talk.source)


def _couples(ids: Sequence[str], how: Routes) -> Iterator[tuple[str, str]]:
    """Every two of a group; of one too large, nobody can be expected to know everybody."""
    if len(ids) <= how.largest_group:
        for place, one in enumerate(ids):
            for other in ids[place + 1 :]:
                yield one, other


def routes(
    wanted: Sequence[str],
    people: Mapping[str, Record],
    found: Sequence[Pair],
    joined: Ties,
    how: RelationshipWeights,
) -> tuple[Route, ...]:
    """The best route to each of ``wanted`` that has one, in their order.

    A route is as strong as the acquaintance it begins with, times what each tie leaves of it.
    """
    best: dict[str, Route] = {}
    for pair in found:
        known = pair.strength or 0.0
        if pair.theirs in people and known > 0 and _better(pair.theirs, known, best):
            text = f"{count(pair.talks, 'conversation')}, last on {pair.last}"
            step = Step(pair.theirs, text, pair.source)
            best[pair.theirs] = Route(pair.theirs, pair.ours, (step,), known)
    for _ in range(how.routes.hops):
        for before in list(best.values()):
            for id, tie in joined[before.to].items():
                reached = before.strength * tie.share
                if reached > 0 and _better(id, reached, best):
                    step = Step(id, tie.text, tie.source)
                    best[id] = Route(id, before.ours, (*before.steps, step), reached)
    return tuple(best[id] for id in wanted if id in best)


def _better(id: str, strength: float, best: Mapping[str, Route]) -> bool:
    return id not in best or best[id].strength < strength
