"""``accounts/<account>/episodes.jsonl``: on which occasions workflows fired, and what was done about each.

An episode is one occasion: a record that appeared, or the time during which a condition holds. It is
the account's own record of what was done and why, and the reason why nothing is done twice.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from crmctl.model.errors import DamagedFile, Problem

DONE = "did"
WAITING = "waiting"
FAILED = "failed"
SUBJECTS = frozenset({"contacts", "deals", "interactions", "tasks"})
BASELINES = SUBJECTS | {"account", "change"}
PENDING, CLEARING, SNOOZED = "pending", "clearing", "snooze"
NOTES = BASELINES | {PENDING, CLEARING, SNOOZED}
EVERY = "*"  # the workflow of a note that holds for all of them
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one step: ``state`` is `DONE`, `WAITING` (tried again, quietly) or `FAILED`.

    ``until`` is the day on which a wait is over.
    """

    state: str
    text: str
    path: str = ""
    until: dt.date | None = None

    def as_json(self) -> dict[str, str]:
        found = {self.state: self.text}
        if self.path:
            found["path"] = self.path
        if self.until:
            found["until"] = self.until.isoformat()
        return found


@dataclass(slots=True)
class Episode:
    """One occasion of one workflow.

    ``key`` names it within account and workflow: ``contacts/<id>`` for a record that appeared, ``deals/<id>@2`` and
    ``change/2`` for the second change that was seen, ``at/2026-11-16`` for a day of a schedule, ``1``, ``2`` … for
    the times a condition held. A `NOTES` key is no occasion but something to remember: what was known when the
    workflow last looked (``known``: ids, or ``id=value``), since when a condition holds or is over, or until when
    (``closed``) people want to hear nothing.

    ``evidence`` are the facts behind an alert, each ending with the file and line it stands on; ``seen`` says who
    (``by``) took note of it ``on`` which day, with what ``note``.
    """

    workflow: str
    key: str
    opened: dt.date
    closed: dt.date | None = None
    because: str = ""
    actions: dict[str, Outcome] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether it says what was known when the workflow last looked."""
        return self.key in BASELINES

    @property
    def is_note(self) -> bool:
        """Whether it is no occasion."""
        return self.key in NOTES

    @property
    def is_state(self) -> bool:
        """Whether it is a time during which a condition holds; all others are over once they are done."""
        return self.key.isdigit()

    @property
    def subject(self) -> tuple[str, str]:
        """Folder and id of the record it is about; two empty texts if it is about none."""
        folder, _, rest = self.key.partition("/")
        return (folder, rest.partition("@")[0]) if folder in SUBJECTS else ("", "")

    def did(self, step: str) -> bool:
        """Whether a step is done."""
        return step in self.actions and self.actions[step].state == DONE


def parse(raw: bytes, path: str) -> list[Episode]:
    """The episodes of one account; `DamagedFile` names every line that cannot be read."""
    lines = raw.split(b"\n")
    with suppress(*_UNREADABLE):
        return _at_once([line for line in lines if line.strip()])
    episodes: list[Episode] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            episodes.append(_episode(json.loads(line)))
        except _UNREADABLE as error:
            message = f"is no episode ({type(error).__name__}: {str(error)[:80]}); take the line of the last commit"
            problems.append(Problem(path, number, "", message, "episode"))
    if problems:
        raise DamagedFile(problems)
    return episodes


def _at_once(lines: list[bytes]) -> list[Episode]:
    """Episodes of lines that are all as they should be."""
    found = json.loads(b"[%b]" % b",".join(lines))
    if len(found) != len(lines):
        raise ValueError("a line is no episode of its own")
    return [_episode(data) for data in found]


def state(episodes: Iterable[Episode]) -> list[tuple[object, ...]]:
    """All that a run may change, as something that stays as it is: whether the file must be written anew."""
    return [
        (
            *(e.workflow, e.key, e.opened, e.closed, e.because),
            *e.actions.items(),
            *e.known,
            *e.evidence,
            *e.seen.items(),
        )
        for e in episodes
    ]


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
            new.known = [_known(old.key, item, places) for item in old.known]
            if old.key in mine:
                mine[old.key].known += new.known
                continue
        elif old.is_note:
            continue
        elif old.is_state:
            new.key = str(max((int(k) for k in mine if k.isdigit()), default=0) + 1)
            goes_on = not any(e.closed is None for e in mine.values() if e.key.isdigit())
            new.closed = old.closed or (None if goes_on else today)
        else:
            new.key = _moved(old.key, places)
            if new.key in mine:
                continue
        joined.append(new)
    return joined


def _known(folder: str, item: str, places: Mapping[str, str]) -> str:
    id, mark, value = item.partition("=")
    return _moved(f"{folder}/{id}", places).partition("/")[2] + mark + value


def _moved(key: str, places: Mapping[str, str]) -> str:
    """The key of a record under its new name, such as ``contacts/ines-okafor``."""
    record, mark, number = key.partition("@")
    end = f"/{record}.md"
    found = next((new for old, new in places.items() if old.endswith(end)), end)
    return "/".join(found.removesuffix(".md").rsplit("/", 2)[-2:]) + mark + number


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
    if episode.evidence:
        data["evidence"] = episode.evidence
    if episode.seen:
        data["seen"] = episode.seen
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _episode(data: Mapping[str, Any]) -> Episode:
    opened, closed = data["opened"], data["closed"]
    if opened is None:
        raise ValueError("opened is missing")
    return Episode(
        _text(data["workflow"]),
        _text(data["key"]),
        dt.date.fromisoformat(opened),
        None if closed is None else dt.date.fromisoformat(closed),
        _text(data.get("because", "")),
        {_text(n): _outcome(o) for n, o in data["actions"].items()} if "actions" in data else {},
        _texts(data["known"]) if "known" in data else [],
        _texts(data["evidence"]) if "evidence" in data else [],
        {_text(n): _text(o) for n, o in data["seen"].items()} if "seen" in data else {},
    )


def _outcome(data: Mapping[str, Any]) -> Outcome:
    for state in (DONE, WAITING, FAILED):
        if state in data:
            until = _date(data.get("until"))
            return Outcome(state, _text(data[state]), _text(data.get("path", "")), until)
    raise ValueError("an action has no outcome")


def _texts(values: Iterable[Any]) -> list[str]:
    found = list(values)
    with suppress(TypeError):
        # Joining proves in one go that all of them are texts.
        "".join(found)
        return found
    return list(map(_text, found))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {value!r}, expected text")
    return value


def _date(value: object) -> dt.date | None:
    return None if value is None else dt.date.fromisoformat(_text(value))
