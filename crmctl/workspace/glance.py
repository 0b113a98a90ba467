"""What a fast command needs of settings that take long to read, remembered in the index until they change."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmctl import __version__
from crmctl.workspace.index import CONFIG, RACY_NS, stat_key

if TYPE_CHECKING:
    from crmctl.workspace.index import Index
    from crmctl.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Person:
    """One of the team; ``texts`` are all that an owner may be written as, case-folded."""

    id: str
    name: str
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of ``crmctl.yaml`` that a rep's morning takes."""

    timezone: str
    currency: str
    team: tuple[Person, ...]
    required: dict[str, list[str]]

    def person(self, text: str) -> Person | None:
        """The one of the team whom an owner's id, name, address or system id means."""
        wanted = text.casefold()
        return next((person for person in self.team if wanted in person.texts), None)


def remembered(
    index: Index, name: str, paths: Sequence[str], also: object, make: Callable[[], Any]
) -> Any:
    """What ``make`` gives, as JSON knows it; made again once a file of ``paths`` (or ``also``) is another."""
    keys = [stat_key(f"{index.root}/{path}") for path in paths]
    mark = repr((__version__, also, keys))
    kept = index.meta(f"glance.{name}")
    if kept is not None:
        found = json.loads(kept)
        if found["mark"] == mark:
            return found["value"]
    started = time.time_ns()
    text = json.dumps({"mark": mark, "value": make()}, ensure_ascii=False)
    if all(key is None or key[1] + RACY_NS < started for key in keys):
        with index.transaction():
            index.set_meta(f"glance.{name}", text)
    return json.loads(text)["value"]


def settings(ws: Workspace, index: Index) -> Settings:
    """The settings; ConfigError when ``crmctl.yaml`` cannot be read."""
    found = remembered(index, "settings", [CONFIG], "", lambda: _settings(ws))
    team = tuple(Person(id, name, frozenset(texts)) for id, name, texts in found["team"])
    return Settings(found["timezone"], found["currency"], team, found["required"])


def worked_before(ws: Workspace, index: Index, day: dt.date) -> dt.date:
    """The last day before ``day`` on which the team works, by the calendar of ``crmctl.yaml``."""

    def make() -> str:
        calendar, found = ws.config.calendar, day
        for _ in range(_LONGEST_BREAK):
            found -= dt.timedelta(days=1)
            if calendar.is_working(found):
                return found.isoformat()
        return (day - dt.timedelta(days=1)).isoformat()

    found: str = remembered(index, "worked_before", [CONFIG], day, make)
    return dt.date.fromisoformat(found)


_LONGEST_BREAK = 60  # days


def _settings(ws: Workspace) -> dict[str, Any]:
    config = ws.config
    team = []
    for member in config.team:
        texts = [member.id, member.name, member.email]
        texts += [f"{system}:{id}" for system, id in member.ids.items()]
        team.append([member.id, member.name, sorted({t.casefold() for t in texts if t})])
    return {
        "timezone": config.timezone,
        "currency": config.currency,
        "team": team,
        "required": config.upkeep.required,
    }
