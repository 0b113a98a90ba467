"""``accounts/<account>/episodes.jsonl``: on which occasions workflows fired, and what was done about each.

An episode is one occasion: a record that appeared, or the time during which a condition holds. It is
the account's own record of what was done and why, and the reason why nothing is done twice.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crmctl.model.errors import DamagedFile, Problem

DONE = "did"
WAITING = "waiting"
FAILED = "failed"
_DATES = ("opened", "closed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one action: ``state`` is `DONE`, `WAITING` (tried again, quietly) or `FAILED`."""

    state: str
    text: str
    path: str = ""

    def as_json(self) -> dict[str, str]:
        found = {self.state: self.text}
        return {**found, "path": self.path} if self.path else found


@dataclass(slots=True)
class Episode:
    """One occasion of one workflow.

    ``key`` names it within account and workflow: ``contacts/<id>`` for a record that appeared, ``1``,
    ``2`` … for the times a condition held. ``known`` is for the baseline, whose key is the folder alone:
    the records that were there when the workflow first looked.
    """

    workflow: str
    key: str
    opened: dt.date
    closed: dt.date | None = None
    because: str = ""
    actions: dict[str, Outcome] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)

    @property
    def is_baseline(self) -> bool:
        return self.key.isalpha()

    def unfinished(self, actions: Iterable[str]) -> list[str]:
        """Those of ``actions`` that were not done yet, in their order."""
        return [a for a in actions if a not in self.actions or self.actions[a].state != DONE]


def parse(raw: bytes, path: str) -> list[Episode]:
    """The episodes of one account; `DamagedFile` names every line that cannot be read."""
    episodes: list[Episode] = []
    problems: list[Problem] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            episodes.append(_episode(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            message = f"is no episode ({type(error).__name__}: {str(error)[:80]}); take the line of the last commit"
            problems.append(Problem(path, number, "", message, "episode"))
    if problems:
        raise DamagedFile(problems)
    return episodes


def dump(episodes: Iterable[Episode]) -> bytes | None:
    """The file: one line an episode, sorted by (opened, workflow, key); None when there is none."""
    ordered = sorted(episodes, key=lambda e: (e.opened, e.workflow, _key(e.key)))
    return "".join(f"{_line(e)}\n" for e in ordered).encode() or None


def join(
    kept: list[Episode], moved: list[Episode], places: Mapping[str, str], today: dt.date
) -> list[Episode]:
    """The episodes of two accounts that became one; ``places`` are the new paths of what moved.

    Records stay as handled as they were. What a workflow still has open for both goes on once.
    """
    joined = list(kept)
    for old in sorted(moved, key=lambda e: (e.opened, e.workflow, _key(e.key))):
        new = replace(
            old,
            actions={
                a: replace(o, path=places.get(o.path, o.path)) for a, o in old.actions.items()
            },
        )
        mine = {e.key: e for e in joined if e.workflow == old.workflow}
        if old.is_baseline:
            new.known = [_moved(f"{old.key}/{id}", places).partition("/")[2] for id in old.known]
            if old.key in mine:
                mine[old.key].known += new.known
                continue
        elif old.key.isdigit():
            new.key = str(max((int(k) for k in mine if k.isdigit()), default=0) + 1)
            goes_on = not any(e.closed is None for e in mine.values() if e.key.isdigit())
            new.closed = old.closed or (None if goes_on else today)
        else:
            new.key = _moved(old.key, places)
            if new.key in mine:
                continue
        joined.append(new)
    return joined


def _moved(key: str, places: Mapping[str, str]) -> str:
    """The key of a record under its new name, such as ``contacts/ines-okafor``."""
    found = next((new for old, new in places.items() if old.endswith(f"/{key}.md")), f"/{key}.md")
    return "/".join(found.removesuffix(".md").rsplit("/", 2)[-2:])


def _key(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (0, key)


def _line(episode: Episode) -> str:
    data: dict[str, Any] = {
        "workflow": episode.workflow,
        "key": episode.key,
        "opened": episode.opened.isoformat(),
        "closed": episode.closed.isoformat() if episode.closed else None,
    }
    if episode.because:
        data["because"] = episode.because
    if episode.actions:
        data["actions"] = {name: outcome.as_json() for name, outcome in episode.actions.items()}
    if episode.is_baseline:
        data["known"] = sorted(episode.known)
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _episode(data: Mapping[str, Any]) -> Episode:
    opened, closed = (_date(data[name]) for name in _DATES)
    if opened is None:
        raise ValueError("opened is missing")
    return Episode(
        _text(data["workflow"]),
        _text(data["key"]),
        opened,
        closed,
        _text(data.get("because", "")),
        {_text(name): _outcome(item) for name, item in data.get("actions", {}).items()},
        [_text(item) for item in data.get("known", [])],
    )


def _outcome(data: Mapping[str, Any]) -> Outcome:
    for state in (DONE, WAITING, FAILED):
        if state in data:
            return Outcome(state, _text(data[state]), _text(data.get("path", "")))
    raise ValueError("an action has no outcome")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {value!r}, expected text")
    return value


def _date(value: object) -> dt.date | None:
    return None if value is None else dt.date.fromisoformat(_text(value))
