"""What customers said: mail that waits for an answer, and what is new since the last working day."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from crmctl.insight.engagement import ANSWERED_WITHIN, unanswered
from crmctl.workspace import catalog, files, store
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.model.record import Event
    from crmctl.workspace.index import Index
    from crmctl.workspace.workspace import Workspace

_AT = re.compile(rb'"at": ?"(\d{4}-\d\d-\d\d)')
_TEXT = 200  # characters of what was said


def talks(
    ws: Workspace, index: Index, slugs: Iterable[str], since: dt.datetime, until: dt.datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Mail that nobody answered by ``until``, with the hours it waits, and all that came in since ``since``.

    Rows have ``account``, ``contact`` (an id), ``person`` (the name), ``with`` (ids), ``type``, ``at``, ``subject``,
    ``text`` and ``source``. Mail that is older than an answer takes at most is let go.
    """
    waiting: list[dict[str, Any]] = []
    news: list[dict[str, Any]] = []
    oldest = min(until - ANSWERED_WITHIN, since)
    places = []
    for slug in slugs:
        events = [e for e in _events(ws, slug, oldest) if e.at is not None and e.at <= until]
        asked = unanswered(e for e in events if e.at and e.at > until - ANSWERED_WITHIN)
        seen = {(last.path, last.line) for _, last in asked}
        for first, last in asked:
            begin = first.at or until
            hours = int((until - begin).total_seconds() // 3600)
            waiting.append(_row(slug, last) | {"at": begin, "hours": hours})
        news += [
            _row(slug, event)
            for event in events
            if event.at
            and event.at >= since
            and event.data.get("direction") != "out"
            and not event.data.get("deleted")
            and (event.path, event.line) not in seen
        ]
        places += list(_files(ws, slug, oldest))
    spoken = list(_interactions(index, places, until))
    news += [row for row in spoken if row["at"] >= since]
    waiting = _still(waiting, spoken)
    _name(index, [*waiting, *news])
    return waiting, news


def _events(ws: Workspace, slug: str, oldest: dt.datetime) -> Iterator[Event]:
    """The traffic of an account from a day on; other lines are not even parsed."""
    day = oldest.date().isoformat().encode()
    for year in range(oldest.year, oldest.year + 2):
        path = f"{ACCOUNTS}/{slug}/interactions/{year}.jsonl"
        if not os.path.lexists(ws.root / path):
            continue
        raw = files.read(ws.root, path) or b""
        lines = [
            line if (at := _AT.search(line)) is not None and at[1] >= day else b""
            for line in raw.split(b"\n")
        ]
        yield from store.parse_events(b"\n".join(lines), path)[0]


def _row(slug: str, event: Event) -> dict[str, Any]:
    data = event.data
    people = data.get("with") or ()
    return {
        "account": slug,
        "contact": str(people[0]) if people else "",
        "with": [str(person) for person in people],
        "type": event.type,
        "at": event.at,
        "subject": str(data.get("subject") or ""),
        "text": str(data.get("text") or "")[:_TEXT],
        "source": f"{event.path}:{event.line}",
    }


def _files(ws: Workspace, slug: str, since: dt.datetime) -> Iterator[tuple[str, str]]:
    """The calls, meetings and notes whose name says that they are not older."""
    folder, day = f"{ACCOUNTS}/{slug}/interactions", since.date().isoformat()
    try:
        names = os.listdir(ws.root / folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.endswith(".md") and name[:10] >= day and name[0] != ".":
            yield slug, f"{folder}/{name}"


def _still(waiting: list[dict[str, Any]], spoken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mail that nobody talked about either: a call or a meeting with whoever wrote it is an answer too."""
    later: dict[tuple[str, str], dt.datetime] = {}
    for row in spoken:
        if row["type"] in ("call", "meeting"):
            for person in row["with"]:
                place = (row["account"], person)
                later[place] = max(row["at"], later.get(place, row["at"]))
    return [
        row
        for row in waiting
        if later.get((row["account"], row["contact"]), row["at"]) <= row["at"]
    ]


def _interactions(
    index: Index, places: list[tuple[str, str]], until: dt.datetime
) -> Iterator[dict[str, Any]]:
    for record in catalog.chosen(index, "interaction", places):
        at = _time(record.get("at"))
        if at is not None and at <= until:
            people = [str(person) for person in record.get("with") or ()]
            yield {
                "account": record["account"],
                "contact": people[0] if people else "",
                "with": people,
                "type": str(record.get("type") or ""),
                "at": at,
                "subject": str(record.get("subject") or ""),
                "text": str(record.get("outcome") or "")[:_TEXT],
                "source": record["path"],
            }


def _name(index: Index, rows: list[dict[str, Any]]) -> None:
    """Puts the names of the people into the rows, as far as they are known."""
    wanted = sorted({(r["account"], r["contact"]) for r in rows if r["contact"]})
    places = [(account, f"{ACCOUNTS}/{account}/contacts/{id}.md") for account, id in wanted]
    found = catalog.chosen(index, "contact", places)
    names = {(r["account"], r["id"]): str(r.get("name") or r["id"]) for r in found}
    for row in rows:
        row["person"] = names.get((row["account"], row["contact"]), row["contact"])


def _time(value: object) -> dt.datetime | None:
    try:
        at = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
