"""``accounts/_measures/<day>.csv``: what was measured that day, one row an account, measure and source."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import time
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from crmctl.model.errors import Problem
from crmctl.workspace.index import RACY_NS, stat_key

if TYPE_CHECKING:
    from crmctl.workspace.index import Index, Key

HEADER = ("account", "measure", "value", "source")
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")
# Nearly every file is nothing but such lines, and one pass of this is ten times faster than looking at each.
_PLAIN = re.compile(
    r"^([a-z0-9][a-z0-9-]*),([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*),(-?\d{1,15}(?:\.\d{1,12})?),([\w.:-]+)\n",
    re.MULTILINE | re.ASCII,
)
Pair = tuple[str, str]  # a measure and an account
EVERY = ("", "~")  # names of accounts have nothing but letters, digits and hyphens
_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv\Z")


class Measure(NamedTuple):
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


def file_of(day: dt.date | str) -> str:
    """The path of a day's file."""
    return f"accounts/_measures/{day}.csv"


def parse_day(raw: bytes, day: dt.date) -> tuple[list[Measure], list[Problem]]:
    """The rows of one day's file and what is wrong with it."""
    cells, problems = _cells(raw, day)
    return [Measure(a, m, day, Decimal(v), s) for a, m, v, s in cells], problems


def _cells(raw: bytes, day: dt.date) -> tuple[list[tuple[str, str, str, str]], list[Problem]]:
    """(account, measure, value, source) of every good row."""
    path = file_of(day)
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        head, _, rest = text.partition("\n")
        if head != ",".join(HEADER):
            return [], [Problem(path, 1, "", f"the first line must be {','.join(HEADER)}", "csv")]
        plain: list[tuple[str, str, str, str]] = _PLAIN.findall(rest)
        if len(plain) == rest.count("\n"):
            return plain, []
        return _careful(rest, path)
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [Problem(path, 0, "", f"is no CSV file: {error}", "csv")]


def _careful(text: str, path: str) -> tuple[list[tuple[str, str, str, str]], list[Problem]]:
    rows, problems = [], []
    for line, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 2):
        problem = _wrong(cells)
        if problem:
            problems.append(Problem(path, line, "", problem, "csv"))
        else:
            rows.append((cells[0], cells[1], cells[2], cells[3]))
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


def refresh(index: Index, *, only_latest: bool = False) -> list[Problem]:
    """Bring the index up to date with the measure files; says what is wrong with those it read.

    With ``only_latest`` the rows for `series` may wait until somebody asks for them.
    """
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
    if stale or gone:
        with index.transaction():
            lost: dict[Pair, str] = {}
            newest: dict[Pair, tuple[str, str]] = {}
            for day in gone | {day for day, _ in stale if day in known}:
                lost |= dict.fromkeys(_forget(index, day), day)
            for day, key in stale:
                problems += _learn(index, day, key, newest)
            index.db.executemany(
                "INSERT INTO latest VALUES (?, ?, ?, ?) ON CONFLICT (measure, account)"
                " DO UPDATE SET day = excluded.day, value = excluded.value WHERE excluded.day >= latest.day",
                [(*pair, day, value) for pair, (day, value) in newest.items()],
            )
            # Days that were not read now hold nothing newer than what was lost.
            lost = {p: day for p, day in lost.items() if p not in newest or newest[p][0] < day}
            if lost:
                _fill(index)
                _settle(index, lost)
    if not only_latest and _unfilled(index):
        with index.transaction():
            _fill(index)
    return problems


def _forget(index: Index, day: str) -> set[Pair]:
    """Drop a day; the pairs whose newest row it held."""
    held = set(index.db.execute("SELECT measure, account FROM latest WHERE day = ?", (day,)))
    index.db.execute("DELETE FROM latest WHERE day = ?", (day,))
    index.db.execute("DELETE FROM measure WHERE day = ?", (day,))
    index.db.execute("DELETE FROM measure_file WHERE day = ?", (day,))
    return held


def _learn(index: Index, day: str, key: Key, newest: dict[Pair, tuple[str, str]]) -> list[Problem]:
    """Take a day in, and its rows into ``newest``, which holds none of a later day; what is wrong with it."""
    from crmctl.workspace import files

    cached = time.time_ns()
    try:
        parsed = dt.date.fromisoformat(day)
    except ValueError:
        return [Problem(file_of(day), 0, "", "is no date", "place")]
    raw = files.read(index.root, file_of(day)) or b""
    cells, problems = _cells(raw, parsed)
    digest = blake2b(raw, digest_size=16).hexdigest()
    row = (day, *key, cached, digest)
    index.db.execute("INSERT INTO measure_file VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    # Of two sources on one day, the first by name counts.
    cells.sort(key=itemgetter(3), reverse=True)
    newest.update(((m, a), (day, v)) for a, m, v, _ in cells)
    return problems


def _unfilled(index: Index) -> list[str]:
    """The days of which only the newest rows have been taken in."""
    query = (
        "SELECT day FROM measure_file WHERE NOT EXISTS"
        " (SELECT 1 FROM measure WHERE measure.day = measure_file.day)"
    )
    return [day for (day,) in index.db.execute(query)]


def _fill(index: Index) -> None:
    from crmctl.workspace import files

    for day in _unfilled(index):
        raw = files.read(index.root, file_of(day)) or b""
        index.db.executemany(
            "INSERT OR REPLACE INTO measure VALUES (?, ?, ?, ?, ?)",
            [(day, a, m, s, v) for a, m, v, s in _cells(raw, dt.date.fromisoformat(day))[0]],
        )


def _settle(index: Index, lost: Iterable[Pair]) -> None:
    """Look through the days for the newest row of each pair."""
    days = [row[0] for row in index.db.execute("SELECT day FROM measure_file ORDER BY day DESC")]
    for measure, account in sorted(lost):
        for day in days:
            row = index.db.execute(
                "SELECT value FROM measure WHERE day = ? AND account = ? AND measure = ? ORDER BY source",
                (day, account, measure),
            ).fetchone()
            if row is not None:
                index.db.execute(
                    "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)",
                    (measure, account, day, row[0]),
                )
                break


def latest(index: Index, measure: str) -> dict[str, tuple[str, str]]:
    """The newest (day, value) of one measure by account. Call `refresh` first."""
    rows = index.db.execute("SELECT account, day, value FROM latest WHERE measure = ?", (measure,))
    return {account: (day, value) for account, day, value in rows}


def series(index: Index, account: str, since: dt.date | None = None) -> list[Measure]:
    """All measures of one account, oldest first. Call `refresh` first."""
    # The table lies day by day, so that a night's file goes in at its end: look into each day.
    rows = index.db.execute(
        "SELECT account, measure, day, value, source FROM measure WHERE day IN"
        " (SELECT day FROM measure_file WHERE day >= ?) AND account = ? ORDER BY measure, day, source",
        (since.isoformat() if since else "", account),
    )
    return [Measure(a, m, dt.date.fromisoformat(d), Decimal(v), s) for a, m, d, v, s in rows]


def past(
    index: Index, measure: str, accounts: tuple[str, str], since: dt.date
) -> dict[str, list[tuple[int, float]]]:
    """One measure of the accounts from the first to the last of ``accounts``: (ordinal day, value), oldest first.

    Of several sources on one day the first by name counts. Call `refresh` first.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    days: dict[str, int] = {}
    for d, account, value in index.db.execute(
        "SELECT day, account, value FROM measure WHERE day IN (SELECT day FROM measure_file WHERE day >= ?)"
        " AND account BETWEEN ? AND ? AND measure = ? ORDER BY day, account, source",
        (since.isoformat(), *accounts, measure),
    ):
        day = days.get(d) or days.setdefault(d, dt.date.fromisoformat(d).toordinal())
        rows = found.setdefault(account, [])
        if not rows or rows[-1][0] != day:
            rows.append((day, float(value)))
    return found


def all_series(
    index: Index, since: dt.date | None = None, accounts: tuple[str, str] = EVERY
) -> dict[str, list[Measure]]:
    """`series` of every account at once, or of those from the first to the last of two. Call `refresh` first."""
    found: dict[str, list[Measure]] = {}
    days: dict[str, dt.date] = {}
    for d, a, m, s, v in index.db.execute(
        "SELECT day, account, measure, source, value FROM measure WHERE day IN"
        " (SELECT day FROM measure_file WHERE day >= ?) AND account BETWEEN ? AND ?",
        (since.isoformat() if since else "", *accounts),
    ):
        day = days.get(d) or days.setdefault(d, dt.date.fromisoformat(d))
        found.setdefault(a, []).append(Measure(a, m, day, Decimal(v), s))
    for rows in found.values():
        rows.sort(key=lambda row: (row.measure, row.day, row.source))
    return found
