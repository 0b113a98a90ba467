"""The relationship map of one account made ready to be shown: read, judged, and with a line for every source."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmctl.insight.relationships_map import StakeholderMap, relationship_weights
from crmctl.model.plain import plain
from crmctl.render.account import Seen, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.insight.relationship_weights import RelationshipWeights
    from crmctl.insight.relationships_people import Standing
    from crmctl.insight.relationships_routes import Route
    from crmctl.workspace.config import Member
    from crmctl.workspace.workspace import Workspace

SHORT = {"decision_maker": "decides"}
"""How a role is named where there is little room, where it is not simply its name."""


@dataclass(frozen=True)
class View:
    """An account's map as of a day. ``how`` are the numbers it was made with."""

    seen: Seen
    today: dt.date
    how: RelationshipWeights
    map: StakeholderMap

    @property
    def slug(self) -> str:
        return self.seen.account.slug

    @property
    def name(self) -> str:
        return self.seen.account.profile.title

    @cached_property
    def people(self) -> dict[str, Standing]:
        """Everybody by id."""
        return {person.id: person for person in self.map.people}

    @property
    def here(self) -> list[Standing]:
        """Those who are still there, in order of power."""
        return self.map.here

    @cached_property
    def ours(self) -> dict[str, str]:
        """Names of us by id."""
        return {one.id: one.name for one in self.map.ours}

    def cite(self, source: str) -> str:
        """A source with its line, without the account's own folder."""
        return self.seen.near(self.seen.lines.cite(source))

    def route(self, route: Route) -> str:
        """A route in words: who of us, whom they know there and how, who that is to the next."""
        first, *others = route.steps
        words = [f"{self.ours[route.ours]} -> {self.people[first.person].name} ({first.text})"]
        words += [f"{self.people[step.person].name} ({step.text})" for step in others]
        return " -> ".join(words)

    def plain(self) -> dict[str, Any]:
        """All of it as plain data, every source with its line."""
        parts = {name: plain(getattr(self.map, name)) for name in StakeholderMap.PARTS}
        found: dict[str, Any] = self.seen.lines.cited(parts)
        for person in found["people"]:
            for name in ("gone_source", "last_source", "roles_source"):
                person[name] = self.seen.lines.cite(person[name])
        for route, made in zip(found["routes"], self.map.routes, strict=True):
            route["text"] = self.route(made)
        return {"as_of": self.today, "thread_above": self.how.thread_above} | found


def view(ws: Workspace, slug: str) -> View:
    """Read an account and make its map; DamagedFile when its profile cannot be read."""
    return view_of(read(ws, slug), ws.today, ws.config.team)


def view_of(seen: Seen, today: dt.date, team: Sequence[Member]) -> View:
    """The map of an account that was read."""
    how = relationship_weights(seen.weights)
    made = StakeholderMap(
        seen.account,
        seen.evidence(today),
        seen.heard(today).sentiment,
        today,
        how,
        seen.weights.health.measuring,
        team,
    )
    return View(seen, today, how, made)


def roles(person: Standing) -> list[str]:
    """A person's parts, in short words."""
    return [SHORT.get(role, role.replace("_", " ")) for role in person.roles]


def whole(value: float | None) -> str:
    """A value as a whole number, `?` where nothing is known."""
    from crmctl.model.numbers import half_up

    return "?" if value is None else half_up(value)
