"""Rows of Supabase as records: what `crmctl.yaml` says of a table, and what follows from it for each of its rows.

A row's id is its table and its key, such as ``support_tickets:41``, so that the row can be read again by it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

from crmctl.model.errors import ConfigError
from crmctl.model.fields import Field
from crmctl.model.identity import email_domain, is_free_mail
from crmctl.model.incoming import Batch, Incoming, Link, Rejected, Waiting
from crmctl.model.schema import FIELDS
from crmctl.sources import product_rows, values
from crmctl.sources.csv_kinds import kind_of
from crmctl.sources.rows import Cells, RowError, cell_value
from crmctl.workspace.measures import NAME
from crmctl.workspace.source_settings import SupabaseSettings, Table

SYSTEM = "supabase"
Row = Mapping[str, Any]
_NUMBER = Field("value", "decimal", "a number")
_ID = Field("id", "text", "the account's id in the product")
# PostgreSQL's own words for no number and for no end.
_NOTHING = frozenset({"nan", "infinity", "-infinity"})
_MEASURED = frozenset({"int", "decimal", "date", "datetime"})
_REVENUE = frozenset({"mrr", "arr", "amount"})
_NOT_DELETED = frozenset({"", "none", "false", "0"})


class TableRows:
    """One table as `crmctl.yaml` maps it; ConfigError if that cannot be meant.

    ``stamped``: a row's time of change is also the version of the record, so that an older one never wins.
    """

    def __init__(self, table: Table, schema: str, *, stamped: bool = True) -> None:
        self.table = table
        self.kind = "event" if table.holds in {"tickets", "surveys"} else "account"
        self._stamped = stamped
        self._fields = _targets(table)
        self._link = _linker(table)
        mapped = json.dumps([schema, table.model_dump()], sort_keys=True)
        self.version = sha256(mapped.encode()).hexdigest()[:12]
        columns = [*table.key, table.updated, table.deleted, *table.measures.values()]
        columns += [column for _, column in self._fields.values()]
        self.columns = tuple(dict.fromkeys(filter(None, columns)))
        self.order = (table.updated, *table.key) if table.updated else tuple(table.key)

    @property
    def name(self) -> str:
        return self.table.table

    @property
    def needs_account(self) -> bool:
        """Whether a row that names no account is of no use."""
        return "contact" not in self._fields

    @property
    def id_column(self) -> str:
        """The column with the account's own id in the product, "" if none is mapped."""
        return self._fields["id"][1] if "id" in self._fields else ""

    def place(self, row: Row, columns: Sequence[str]) -> list[str]:
        """Where a row stands in the order of ``columns``. ValueError if it has no value in one of them."""
        return [_exact(row.get(column)) for column in columns]

    def id(self, row: Row) -> str:
        """A row's id. ValueError if its key is not whole."""
        key = self.place(row, self.table.key)
        return ":".join(quote(part, safe="@") for part in (self.name, *key))

    def key(self, id: str) -> tuple[str, ...] | None:
        """The key of the row with an id, None if it is not one of this table."""
        table, *key = map(unquote, id.split(":"))
        return tuple(key) if table == self.name and len(key) == len(self.table.key) else None

    def changed(self, row: Row) -> dt.datetime | None:
        """When a row last changed (UTC); None if it does not say, or says something out of this world."""
        value = row.get(self.table.updated)
        return time_of(value) if isinstance(value, str) else None

    def waiting(self, row: Row) -> Waiting:
        """What is enough to read a row again."""
        return Waiting(SYSTEM, self.kind, self.id(row))

    def batch(self, rows: Iterable[Row], *, deleted: bool = False) -> Batch:
        """What rows state; all of them are gone if ``deleted``, but for one that turns up in any version."""
        batch = Batch(SYSTEM)
        for row in rows:
            key = " ".join(str(row.get(column)) for column in self.table.key)
            origin = f"{self.name} {key}"
            try:
                self._take(batch, row, origin, gone=deleted)
            except ValueError as error:
                batch.rejected.append(Rejected(origin, str(error)))
        return batch

    def _take(self, batch: Batch, row: Row, origin: str, *, gone: bool) -> None:
        deleted = gone or self._is_deleted(row)
        found, empty = self._values(batch, row, origin)
        cells = Cells(SYSTEM, origin, found, self._link)
        if self.table.holds == "usage":
            if not deleted:
                self._measure(batch, row, cells, empty)
            return
        record = self._gone(cells) if deleted else self._stated(batch, cells, empty)
        fields = dict(record.fields)
        changed = self.changed(row)
        if self._stamped and changed is not None and not gone:
            fields["modified"] = changed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        id = self.id(row) if self.kind == "event" else self._account_id(cells, row)
        batch.records.append(replace(record, id=id, fields=fields, deleted=deleted))
        if self.table.measures and not deleted:
            self._measure(batch, row, cells, empty)

    def _values(self, batch: Batch, row: Row, origin: str) -> tuple[dict[str, Any], set[str]]:
        """The values that a row states by field, and the fields that it leaves empty."""
        found: dict[str, Any] = {}
        empty: set[str] = set()
        for field_name, (field, column) in self._fields.items():
            try:
                value = _value(field, row.get(column))
            except ValueError as error:
                batch.rejected.append(Rejected(origin, f"{column}: {error}"))
                continue
            if value is None:
                empty.add(field_name)
            else:
                found[field_name] = value
        return found, empty

    def _stated(self, batch: Batch, cells: Cells, empty: set[str]) -> Incoming:
        record, *measured = product_rows.MAPPERS[self.table.holds](cells)
        if not isinstance(record, Incoming):
            raise RowError("states no record")
        batch.measurements += [one for one in measured if not isinstance(one, Incoming)]
        fields = dict(record.fields)
        # A company is told by what links the row to it; that is no statement about its domains.
        fields.pop("domains", None)
        if empty & _REVENUE and self.table.holds == "subscriptions":
            empty = empty | {"mrr", "arr"}
        if self.table.holds == "tickets" and "closed_at" in empty:
            fields.setdefault("open", True)
        cleared = {
            name: None for name in empty if name in FIELDS[self.kind] and name not in {"id", "at"}
        }
        return replace(record, fields=cleared | fields)

    def _gone(self, cells: Cells) -> Incoming:
        account = cells.account_or_person() if self.kind == "event" else cells.account()
        return cells.record(self.kind, "", {}, account=account, people=cells.people("contact"))

    def _measure(self, batch: Batch, row: Row, cells: Cells, empty: set[str]) -> None:
        """The numbers of a row; one that is null was not measured."""
        if "date" not in self._fields:
            day = cells.values.get("at") or self.changed(row)
            dated = {**cells.values, "date": values.day(day)} if day else cells.values
            cells = replace(cells, values=dated)
        if "metric" in self._fields and "value" not in empty:
            batch.measurements += [
                one for one in product_rows.MAPPERS["usage"](cells) if not isinstance(one, Incoming)
            ]
        for measure, column in self.table.measures.items():
            try:
                value = _value(_NUMBER, row.get(column))
            except ValueError as error:
                batch.rejected.append(Rejected(cells.origin, f"{column}: {error}"))
                continue
            if value is not None:
                batch.measurements.append(product_rows.measurement(cells, measure, value))

    def _is_deleted(self, row: Row) -> bool:
        column = self.table.deleted
        return bool(column) and str(row.get(column)).lower() not in _NOT_DELETED

    def _account_id(self, cells: Cells, row: Row) -> str:
        """The id under which an account's profile keeps what a row states: the same for each row about it."""
        text = cells.text("id") or cells.text("account")
        if self.table.by == "email" and "id" not in cells.values:
            domain = email_domain(text)
            text = domain if domain and not is_free_mail(domain) else ""
        return text if text and text.isprintable() else self.id(row)


def tables(settings: SupabaseSettings) -> list[TableRows]:
    """All tables as they are to be read, those that make accounts known first. ConfigError as for each of them."""
    names = [table.table for table in settings.tables]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(name, "stands there twice; one entry can have fields and measures")
    profiles = sum(table.holds == "subscriptions" for table in settings.tables)
    found = [
        TableRows(table, settings.schema_, stamped=table.holds != "subscriptions" or profiles == 1)
        for table in settings.tables
    ]
    # Two tables about the same profiles change at times of their own, so neither is the newer version of the other.
    return sorted(found, key=lambda rows: rows.table.holds != "subscriptions")


def _targets(table: Table) -> dict[str, tuple[Field, str]]:
    """The field that each column fills, by the field's name."""
    known = dict(kind_of(table.holds).targets)
    if table.holds == "subscriptions":
        known["id"] = _ID
    else:
        known.pop("id", None)
    account = known.pop("account")
    for name in table.fields:
        if name not in known:
            raise _wrong(
                table.table, f"{table.holds} have no field {name}; allowed: {', '.join(known)}"
            )
    mapped = {name: column for name, column in table.fields.items() if column}
    dated = "at" if table.holds in {"tickets", "surveys"} else "date"
    if table.date:
        mapped.setdefault(dated, table.date)
    for measure in table.measures:
        if not NAME.match(measure):
            raise _wrong(table.table, f"{measure} is no measure; write usage.active_users")
    if table.holds == "usage" and not table.measures and not {"metric", "value"} <= mapped.keys():
        raise _wrong(
            table.table, "measures are missing; write measures: {usage.active_users: COLUMN}"
        )
    if (table.holds == "usage" or table.measures) and dated not in mapped and not table.updated:
        raise _wrong(table.table, "nothing dates its rows; name a column as date")
    if table.holds == "surveys" and "score" not in mapped:
        raise _wrong(table.table, "nothing gives the score; write fields: {score: COLUMN}")
    found = {name: (known[name], column) for name, column in mapped.items()}
    return {"account": (account, table.account), **found}


def _linker(table: Table) -> Callable[[str], Link]:
    if table.by == "id":
        system = "" if table.of == SYSTEM else table.of
        return lambda text: Link(id=text, system=system)
    return lambda text: Link(**{table.by: text})


def _value(field: Field, raw: Any) -> Any:
    """A cell as its field holds it, None for an empty one; ValueError says what was found and is allowed."""
    if isinstance(raw, str):
        text = values.clean(raw).strip()
        if not text or (field.kind in _MEASURED and text.lower() in _NOTHING):
            return None
        return cell_value(field, text, values.DayOrder.UNKNOWN)
    if field.kind == "text" and isinstance(raw, Decimal):
        raw = format(raw, "f")
    return None if raw is None else values.convert(field, raw)


def _exact(value: Any) -> str:
    """A value as the database would write it, for comparing with it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, Decimal)):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    raise ValueError("has an empty key; name the columns of the primary key")


def time_of(text: str) -> dt.datetime | None:
    """A time as the database writes it, in UTC; None for one that no calendar has (``infinity``)."""
    try:
        found = values.moment(text)
    except ValueError:
        return None
    if isinstance(found, dt.datetime):
        return found
    return dt.datetime.combine(found, dt.time(), dt.UTC)


def _wrong(table: str, message: str) -> ConfigError:
    return ConfigError(f"crmctl.yaml: sources.supabase.tables: {table}: {message}")
