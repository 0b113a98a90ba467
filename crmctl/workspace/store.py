"""Reading accounts from their folders. A damaged file is reported, and the rest is read."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError, DamagedFile, Problem
from crmctl.model.fields import shown
from crmctl.model.record import Account, Event, Ranking, Record
from crmctl.model.schema import FIELDS
from crmctl.workspace import files, paths
from crmctl.workspace.index import account_folders
from crmctl.workspace.records import read_record

FOLDERS = {"contacts": "contact", "deals": "deal", "interactions": "interaction", "tasks": "task"}


def slugs(root: Path) -> list[str]:
    """The names of all account folders, sorted. Names with ``_`` or ``.`` in front are not accounts."""
    return account_folders(f"{root}/{paths.ACCOUNTS}")


def read_file(root: Path, path: str, ranking: Ranking) -> tuple[Record, list[Problem]]:
    """One record by its path; a missing file raises `CrmError`, an unreadable one `DamagedFile`."""
    with files.Reading(root) as reading:
        return read_in(reading, path, ranking)


def read_in(
    reading: files.Reading, path: str, ranking: Ranking, *, fast: bool = False
) -> tuple[Record, list[Problem]]:
    """As `read_file`, one of many."""
    raw = reading.read(path)
    if raw is None:
        raise CrmError(f"{path}: there is no such file")
    return read_record(raw, path, ranking, fast=fast)


class Reader:
    """Reads accounts of one workspace and gathers the problems it meets.

    ``only`` limits which subfolders are read (``contacts``, ``deals``, ``interactions``, ``tasks``). ``kept`` is given
    the bytes of every record's file by path, for who must look into them again.
    """

    def __init__(
        self,
        root: Path,
        ranking: Ranking,
        *,
        fast: bool = False,
        kept: dict[str, bytes] | None = None,
    ) -> None:
        self.root = root
        self.kept = kept
        self.ranking = ranking
        self.fast = fast
        self.problems: list[Problem] = []
        self._reading = files.Reading(root)

    def record(self, path: str) -> Record | None:
        """The record in a file, or None (and a problem) when it is missing or cannot be read."""
        with self._reading:
            return self._record(path)

    def _record(self, path: str) -> Record | None:
        try:
            raw = self._reading.read(path)
            if raw is None:
                self.problems.append(Problem(path, 0, "", "is missing", "missing"))
                return None
            if self.kept is not None:
                self.kept[path] = raw
            record, problems = read_record(raw, path, self.ranking, fast=self.fast)
        except DamagedFile as error:
            self.problems += error.problems
            return None
        except CrmError as error:
            self.problems.append(Problem(path, 0, "", str(error), "file"))
            return None
        self.problems += problems
        return record

    def account(self, slug: str, *, only: frozenset[str] | None = None) -> Account | None:
        """Everything in an account's folder; None when it has no readable profile."""
        with self._reading:
            profile = self._record(paths.profile(slug))
            if profile is None:
                return None
            account = Account(profile)
            for folder, kind in FOLDERS.items():
                if only is not None and folder not in only:
                    continue
                for name in self._names(f"{paths.ACCOUNTS}/{slug}/{folder}"):
                    self._add(account, f"{paths.ACCOUNTS}/{slug}/{folder}/{name}", kind)
        account.interactions.sort(
            key=lambda r: (r.time("at") or dt.datetime.min.replace(tzinfo=dt.UTC), r.id)
        )
        return account

    def accounts(self, *, only: frozenset[str] | None = None) -> Iterator[Account]:
        """All accounts that can be read, in the order of their folders."""
        for slug in slugs(self.root):
            account = self.account(slug, only=only)
            if account is not None:
                yield account

    def _add(self, account: Account, path: str, kind: str) -> None:
        if path.endswith(".jsonl") and kind == "interaction":
            account.events += self._events(path)
            return
        record = self._record(path)
        if record is None:
            return
        if kind == "contact":
            account.contacts[record.id] = record
        elif kind == "deal":
            account.deals[record.id] = record
        elif kind == "task":
            account.tasks[record.id] = record
        else:
            account.interactions.append(record)

    def _events(self, path: str) -> list[Event]:
        """The lines of one traffic file; a line that cannot be read is a problem."""
        try:
            raw = self._reading.read(path)
        except CrmError as error:
            self.problems.append(Problem(path, 0, "", str(error), "file"))
            return []
        events, problems = parse_events(raw or b"", path)
        self.problems += problems
        return events

    def _names(self, folder: str) -> list[str]:
        try:
            names = os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in names if not name.startswith("."))


def parse_events(raw: bytes, path: str) -> tuple[list[Event], list[Problem]]:
    """The events of a traffic file and what is wrong with its lines."""
    events: list[Event] = []
    problems: list[Problem] = []
    known = FIELDS["event"]
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(path, number, "", f"is not a JSON object: {error}", "json"))
            continue
        if not isinstance(data, dict):
            problems.append(
                Problem(path, number, "", f"found {shown(data)}; allowed: a JSON object", "json")
            )
            continue
        wrong = len(problems)
        checked: dict[str, Any] = {}
        for name, value in data.items():
            field = known.get(name)
            try:
                if value is not None:
                    checked[name] = field.check(value) if field else value
            except ValueError as error:
                problems.append(Problem(path, number, name, str(error), "value"))
        missing = [n for n in ("id", "type") if n not in checked]
        if missing and len(problems) == wrong:
            problems.append(
                Problem(path, number, missing[0], "is missing and required", "required")
            )
        if not missing:
            events.append(Event(path, number, checked))
    return events, problems


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def event_line(data: dict[str, Any]) -> str:
    """One event as a line of JSON: the schema's order of keys, then others sorted; blanks left out."""
    order = {name: place for place, name in enumerate(FIELDS["event"])}
    keys = sorted(
        (k for k, v in data.items() if v is not None), key=lambda k: (order.get(k, len(order)), k)
    )
    return json.dumps({k: _plain(data[k]) for k in keys}, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else value


def traffic_bytes(events: list[dict[str, Any]]) -> bytes:
    """A traffic file: one event a line, sorted by (time, id)."""

    def key(data: dict[str, Any]) -> tuple[str, str]:
        at = data.get("at")
        return (_plain(at) if at is not None else "", str(data["id"]))

    return "".join(event_line(e) + "\n" for e in sorted(events, key=key)).encode()
