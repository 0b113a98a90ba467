"""``accounts/_measures/<day>.csv``: what was measured that day, one row an account, measure and source."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from crmctl.model.errors import Problem
from crmctl.workspace import files, paths

if TYPE_CHECKING:
    from crmctl.workspace.index import Index

HEADER = ("account", "measure", "value", "source")
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")
_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv\Z")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: ``usage.active_users`` of ``acme`` on a day, as ``source`` gave it."""

    account: str
    measure: str
    day: dt.date
    value: Decimal
    source: str


def number(value: Decimal) -> str:
    """A decimal as it stands in the file: no exponent, no trailing zeros."""
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text


def parse_day(raw: bytes, day: dt.date) -> tuple[list[Measure], list[Problem]]:
    """The rows of one day's file and what is wrong with it."""
    path = paths.measures(day)
    rows: list[Measure] = []
    problems: list[Problem] = []
    try:
        reader = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        for line, cells in enumerate(reader, 1):
            if line == 1:
                if tuple(cells) != HEADER:
                    return [], [
                        Problem(path, 1, "", f"the first line must be {','.join(HEADER)}", "csv")
                    ]
                continue
            problem = _wrong(cells)
            if problem:
                problems.append(Problem(path, line, "", problem, "csv"))
            else:
                rows.append(Measure(cells[0], cells[1], day, Decimal(cells[2]), cells[3]))
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem(path, 0, "", f"is no CSV file: {error}", "csv"))
    return rows, problems


def _wrong(cells: list[str]) -> str:
    if len(cells) != len(HEADER):
        return f"found {len(cells)} cells; allowed: {len(HEADER)}"
    if not NAME.match(cells[1]):
        return f"found {cells[1]!r}; allowed: a measure such as usage.active_users"
    try:
        if Decimal(cells[2]).is_finite():
            return ""
    except InvalidOperation:
        pass
    return f"found {cells[2]!r}; allowed: a number"


def merge_day(raw: bytes | None, rows: Iterable[Measure], day: dt.date) -> bytes:
    """One day's file with ``rows`` put in: one row an (account, measure, source), sorted."""
    kept = {(m.account, m.measure, m.source): m for m in (parse_day(raw, day)[0] if raw else [])}
    for row in rows:
        kept[row.account, row.measure, row.source] = row
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((a, m, number(kept[a, m, s].value), s) for a, m, s in sorted(kept))
    return out.getvalue().encode()


def refresh(index: Index) -> list[Problem]:
    """Bring the index up to date with the measure files; says what is wrong with those it read."""
    from crmctl.workspace.index import RACY_NS, stat_key

    folder = f"{index.accounts}/_measures"
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        names = []
    days = {match[1] for name in names if (match := _FILE.match(name))}
    known = {row[0]: row[1:] for row in index.db.execute("SELECT * FROM measure_file")}
    problems: list[Problem] = []
    stale = []
    for day in sorted(days):
        key = stat_key(f"{folder}/{day}.csv")
        row = known.get(day)
        if key is not None and (row is None or row[:4] != key or key[1] + RACY_NS >= row[4]):
            stale.append((day, key))
    gone = known.keys() - days
    if not stale and not gone:
        return problems
    with index.transaction():
        touched: set[tuple[str, str]] = set()
        for day, key in [*((day, None) for day in gone), *stale]:
            touched.update(
                index.db.execute(
                    "SELECT DISTINCT measure, account FROM measure WHERE day = ?", (day,)
                )
            )
            index.db.execute("DELETE FROM measure WHERE day = ?", (day,))
            index.db.execute("DELETE FROM measure_file WHERE day = ?", (day,))
            if key is None:
                continue
            cached = time.time_ns()
            try:
                parsed = dt.date.fromisoformat(day)
            except ValueError:
                problems.append(
                    Problem(f"accounts/_measures/{day}.csv", 0, "", "is no date", "place")
                )
                continue
            rows, wrong = parse_day(files.read(index.root, paths.measures(parsed)) or b"", parsed)
            problems += wrong
            index.db.executemany(
                "INSERT OR REPLACE INTO measure VALUES (?, ?, ?, ?, ?)",
                [(m.account, m.measure, day, m.source, number(m.value)) for m in rows],
            )
            touched.update((m.measure, m.account) for m in rows)
            index.db.execute(
                "INSERT INTO measure_file VALUES (?, ?, ?, ?, ?, ?)", (day, *key, cached)
            )
        index.db.executemany("DELETE FROM latest WHERE measure = ? AND account = ?", touched)
        index.db.executemany(
            "INSERT INTO latest SELECT measure, account, day, value FROM measure"
            " WHERE measure = ? AND account = ? ORDER BY day DESC, source LIMIT 1",
            touched,
        )
    return problems


def latest(index: Index, measure: str) -> dict[str, tuple[str, str]]:
    """The newest (day, value) of one measure by account. Call `refresh` first."""
    rows = index.db.execute("SELECT account, day, value FROM latest WHERE measure = ?", (measure,))
    return {account: (day, value) for account, day, value in rows}


def series(index: Index, account: str, since: dt.date | None = None) -> list[Measure]:
    """All measures of one account, oldest first. Call `refresh` first."""
    rows = index.db.execute(
        "SELECT account, measure, day, value, source FROM measure WHERE account = ? AND day >= ?"
        " ORDER BY measure, day, source",
        (account, since.isoformat() if since else ""),
    )
    return [Measure(a, m, dt.date.fromisoformat(d), Decimal(v), s) for a, m, d, v, s in rows]
