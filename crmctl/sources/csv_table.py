"""Any CSV file as a table: encoding, delimiter and damage are dealt with here, meaning is not.

One damaged row never hides the rest: it is reported with its line, and reading goes on.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Rejected
from crmctl.model.text import one_line

MAX_BYTES = 256 * 1024 * 1024
MAX_FIELD = 1024 * 1024
MAX_COLUMNS = 2_000
MAX_DAMAGED = 1_000
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file it begins on, and a cell for each column of the header."""

    line: int
    cells: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """A CSV file. ``header`` holds distinct names; ``rejected`` the rows that could not be read."""

    name: str
    header: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """All cells of one column, top down."""
        position = self.header.index(name)
        return [row.cells[position] for row in self.rows]

    def origin(self, line: int) -> str:
        """Where a row stands, for reports."""
        return f"{self.name}:{line}"


def read_bytes(path: Path) -> bytes:
    """A file's content; CrmError if it cannot be read or is larger than `MAX_BYTES`."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CrmError(f"{one_line(str(path))} cannot be read ({reason}): check its name") from None
    if len(raw) > MAX_BYTES:
        raise CrmError(f"{one_line(str(path))} is larger than {MAX_BYTES >> 20} MiB: split it")
    return raw


def read(path: Path, *, footer: bool = False) -> Table:
    """The table in a file; see `parse`. CrmError if there is no reading it at all."""
    return parse(read_bytes(path), path.name, footer=footer)


def parse(raw: bytes, name: str, *, footer: bool = False) -> Table:
    """The table in ``raw``; CrmError if it has no header or is damaged beyond sense.

    With ``footer``, one-cell lines at the end (totals and copyright of a report) are left out.
    """
    text, note = _decode(raw, name)
    lines = io.StringIO(text.replace("\0", ""), newline="").readlines()
    delimiter = _delimiter(lines)
    damaged: list[Rejected] = []
    records = _records(lines, delimiter, name, damaged)
    first = next(records, None)
    if first is None:
        raise CrmError(f"{one_line(name)} is empty: the first line must name the columns")
    if len(first[1]) > MAX_COLUMNS:
        raise CrmError(
            f"{one_line(name)}:{first[0]} has more than {MAX_COLUMNS} columns: is it a CSV file?"
        )
    table = Table(name, _distinct(first[1]), rejected=damaged, notes=[note] if note else [])
    found = list(records)
    while footer and found and len(table.header) > 1 and sum(map(bool, found[-1][1])) <= 1:
        found.pop()
    width = len(table.header)
    for line, cells in found:
        if len(cells) > width and not any(cells[width:]):
            del cells[width:]
        if len(cells) == width:
            table.rows.append(Row(line, tuple(cells)))
        else:
            reason = f"found {len(cells)} cells; the header has {width}"
            table.rejected.append(Rejected(table.origin(line), reason))
    return table


def _decode(raw: bytes, name: str) -> tuple[str, str]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16"), ""
        except UnicodeDecodeError:
            raise CrmError(f"{one_line(name)} is no valid UTF-16 text: save it as UTF-8") from None
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        note = f"{name} is not UTF-8 and was read as Windows-1252: look at names with accents"
        return raw.decode("cp1252", errors="replace"), note


def _delimiter(lines: list[str]) -> str:
    """The delimiter that parts the header most often, outside its quotes."""
    header = next((line for line in lines if line.strip()), "")
    unquoted = "".join(header[:MAX_FIELD].split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _records(
    lines: list[str], delimiter: str, name: str, damaged: list[Rejected]
) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, cells stripped of nothing, with the line it begins on."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        start = 0
        while start < len(lines):
            rest = map(lines.__getitem__, range(start, len(lines)))
            reader = csv.reader(rest, delimiter=delimiter, strict=True)
            begin = start
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield begin + 1, cells
                    begin = start + reader.line_num
                return
            except csv.Error as error:
                damaged.append(Rejected(f"{name}:{begin + 1}", _reason(error)))
                if len(damaged) > MAX_DAMAGED:
                    sentence = f"{one_line(name)} is damaged in over {MAX_DAMAGED} rows: is it CSV?"
                    raise CrmError(sentence) from None
                start = begin + 1
    finally:
        csv.field_size_limit(before)


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "end of data" in text:
        return "a quote opens here and is never closed"
    if "field limit" in text:
        return f"a cell is longer than {MAX_FIELD} characters: is a quote left open?"
    return f"is no CSV row ({text})"


def _distinct(cells: list[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    names: dict[str, None] = {}
    for position, cell in enumerate(cells, 1):
        base = cell.strip() or f"column {position}"
        seen[base] += 1
        name = base if seen[base] == 1 else f"{base} ({seen[base]})"
        names[name if name not in names else f"{name} in column {position}"] = None
    return tuple(names)
