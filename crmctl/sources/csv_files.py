"""CSV files of eight kinds, read as records.

A wrong value costs its field, a row without its essentials itself; each is reported with its line.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crmctl.model.incoming import Batch, Incoming, Measurement, Rejected
from crmctl.sources import csv_table, values
from crmctl.sources.csv_kinds import Kind, kind_of
from crmctl.sources.csv_mapping import check_mapping, guess_mapping
from crmctl.sources.csv_rows import MAPPERS
from crmctl.sources.csv_table import Row, Table
from crmctl.sources.rows import Cells, RowError, account_id, cell_value
from crmctl.sources.values import DayOrder


def read(
    kind: str, path: Path, mapping: Mapping[str, str] | None = None, *, system: str = "csv"
) -> Batch:
    """The records in a file; ``mapping`` gives each column's field, None a guess from the header.

    UsageError for a mapping that does not fit, CrmError for a file that is no table.
    """
    return to_batch(kind, csv_table.read(path), mapping, system=system)


def to_batch(
    kind: str, table: Table, mapping: Mapping[str, str] | None = None, *, system: str = "csv"
) -> Batch:
    """`read` for a table that is in memory already."""
    fields = guess_mapping(kind, table.header) if mapping is None else dict(mapping)
    check_mapping(kind, table.header, fields)
    reader = _Reader(kind_of(kind), table, fields, system)
    for row in table.rows:
        reader.take(row)
    return reader.batch


class _Reader:
    def __init__(self, kind: Kind, table: Table, fields: Mapping[str, str], system: str) -> None:
        self.batch = Batch(system, rejected=list(table.rejected), notes=list(table.notes))
        self._kind = kind
        self._table = table
        self._columns = [
            (position, column, kind.targets[fields[column]])
            for position, column in enumerate(table.header)
            if column in fields
        ]
        self._orders = {
            field.name: values.day_order(table.column(column))
            for _, column, field in self._columns
            if field.kind in {"date", "datetime"}
        }
        self._has_ids = "id" in fields.values()
        self._taken: dict[tuple[str, str], tuple[int, int]] = {}  # key: line, place in the batch

    def take(self, row: Row) -> None:
        """Add what a row states, or why it states nothing."""
        origin = self._table.origin(row.line)
        try:
            stated = MAPPERS[self._kind.name](
                Cells(self.batch.system, origin, self._values(row, origin))
            )
            for one in stated:
                if isinstance(one, Measurement):
                    self.batch.measurements.append(one)
                else:
                    self._add(one, row.line)
        except RowError as error:
            self._reject(origin, str(error))

    def _values(self, row: Row, origin: str) -> dict[str, Any]:
        """The cells that hold something, by field; an empty cell states nothing."""
        found: dict[str, Any] = {}
        for position, column, field in self._columns:
            text = values.clean(row.cells[position]).strip()
            if not text:
                continue
            try:
                value = cell_value(field, text, self._orders.get(field.name, DayOrder.UNKNOWN))
            except ValueError as error:
                self._reject(origin, f"{column}: {error}")
                continue
            if value != []:
                found[field.name] = value
        return found

    def _add(self, record: Incoming, line: int) -> None:
        key = record.kind, record.id
        if key in self._taken and self._kind.name == "accounts" and not self._has_ids:
            place = self._taken[key][1]
            if self.batch.records[place].fields["name"] != record.fields["name"]:
                # Two companies on one domain: the first has it for its id.
                record = replace(record, id=f"{record.id}/{account_id(record.fields['name'])}")
                key = record.kind, record.id
        first, place = self._taken.setdefault(key, (line, len(self.batch.records)))
        if first == line:
            self.batch.records.append(record)
        elif _is_later(record.at, self.batch.records[place].at):
            self._taken[key] = line, place
            self.batch.records[place] = record
        elif not _is_later(self.batch.records[place].at, record.at):
            raise RowError(f"states the same {record.kind} as line {first} ({record.id})")

    def _reject(self, origin: str, reason: str) -> None:
        self.batch.rejected.append(Rejected(origin, reason))


def _is_later(one: dt.date | None, other: dt.date | None) -> bool:
    """Of two days on which a file states the same record, whether one is the later."""
    days = isinstance(one, dt.date) and isinstance(other, dt.date)
    return days and values.day(one or dt.date.min) > values.day(other or dt.date.min)
