"""The workspace as tables with stable columns, for a warehouse or a query: what is personal stays out unless asked for.

A person's id is made of their name, so without personal columns it is replaced by a key that is the same in every
table and every export. Whoever knows the name can make the key too: that is a pseudonym, not anonymity.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.model.schema import ACCOUNT, CONTACT, DEAL, EVENT, TASK
from crmctl.workspace import measures, store
from crmctl.workspace.index import opened, plain

if TYPE_CHECKING:
    from crmctl.model.fields import Field
    from crmctl.model.record import Account, Record
    from crmctl.workspace.workspace import Workspace

VERSION = 1
"""Raised when a column changes its name, its type or its meaning; new columns come at the end and raise nothing."""

TYPES = {
    "int": "BIGINT",
    "decimal": "DECIMAL(18,4)",
    "bool": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "map": "JSON",
}
# Fields that name a person, say how to reach one, or hold what somebody wrote or said.
PERSONAL = {
    "accounts": frozenset({"next_step"}),
    "contacts": frozenset(
        {
            "name",
            "title",
            "email",
            "emails",
            "phone",
            "mobile",
            "linkedin",
            "city",
            "consent",
            "tags",
            "aliases",
        }
    ),
    "deals": frozenset({"description", "next_step", "lost_reason", "people", "qualification"}),
    "interactions": frozenset({"subject", "text", "number", "reason", "aliases"}),
    "tasks": frozenset({"title", "reason", "episode"}),
}
PEOPLE = frozenset({"with", "reports_to"})


class Column(NamedTuple):
    """One column: its name, its SQL type as DuckDB spells it, what it holds."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``by_year`` is the column whose year parts it into files, "" for a single file.

    ``rows`` gives plain values by column, in a stable order; what nobody knows is None.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    by_year: str
    rows: Callable[[], Iterator[dict[str, Any]]]


NAMES = ("accounts", "contacts", "deals", "interactions", "tasks", "usage", "history")


def tables(ws: Workspace, names: Sequence[str] = NAMES, *, personal: bool = False) -> list[Table]:
    """These tables of a workspace, in the order of `NAMES`. Rows are read when they are asked for."""
    made = _Tables(ws, personal=personal)
    return [made.table(name) for name in NAMES if name in names]


class _Tables:
    def __init__(self, ws: Workspace, *, personal: bool) -> None:
        self.ws = ws
        self.personal = personal

    def table(self, name: str) -> Table:
        account = Column("account", "VARCHAR", "folder of the account")
        record = Column("id", "VARCHAR", "the record's id within the account")
        person = Column(
            "person", "VARCHAR", "the contact; a key where personal columns are left out"
        )
        match name:
            case "accounts":
                columns = (account, *self._columns(name, ACCOUNT))
                return Table(name, "one row a company", columns, "", self._accounts)
            case "contacts":
                columns = (account, person, *self._columns(name, CONTACT))
                return Table(name, "one row a person", columns, "", self._contacts)
            case "deals":
                columns = (account, record, *self._columns(name, DEAL))
                return Table(name, "one row an opportunity", columns, "", self._deals)
            case "tasks":
                columns = (account, record, *self._columns(name, TASK))
                return Table(name, "one row a piece of work", columns, "", self._tasks)
            case "interactions":
                columns = (account, *self._columns(name, _TALK))
                doc = "one row a conversation, mail, ticket or survey answer"
                return Table(name, doc, columns, "at", self._interactions)
        doc = "usage as measured" if name == "usage" else "scores and revenue as written down"
        return Table(name, doc, _MEASURE, "day", lambda: self._measures(usage=name == "usage"))

    def _columns(self, table: str, fields: Sequence[Field]) -> Iterator[Column]:
        for field in fields:
            if self.personal or field.name not in PERSONAL[table]:
                kind = TYPES.get(field.kind, "VARCHAR")
                many = field.many and field.kind != "map"
                yield Column(field.name, f"{kind}[]" if many else kind, field.doc)

    def _accounts(self) -> Iterator[dict[str, Any]]:
        for account in self._read():
            yield {"account": account.slug, **self._values("accounts", account.profile)}

    def _contacts(self) -> Iterator[dict[str, Any]]:
        for account in self._read("contacts"):
            for id, record in account.contacts.items():
                key = self._person(account.slug, id)
                yield {
                    "account": account.slug,
                    "person": key,
                    **self._values("contacts", record),
                }

    def _deals(self) -> Iterator[dict[str, Any]]:
        for account in self._read("deals"):
            for id, record in account.deals.items():
                yield {"account": account.slug, "id": id, **self._values("deals", record)}

    def _tasks(self) -> Iterator[dict[str, Any]]:
        for account in self._read("tasks"):
            for id, record in account.tasks.items():
                # The file's name is made of the title.
                shown = id if self.personal else _key(f"{account.slug}/{id}")
                yield {"account": account.slug, "id": shown, **self._values("tasks", record)}

    def _interactions(self) -> Iterator[dict[str, Any]]:
        for account in self._read("interactions"):
            rows = [{"id": r.id, **r.effective()} for r in account.interactions if not r.deleted]
            rows += [dict(event.data) for event in account.events]
            rows.sort(key=lambda row: (str(row.get("at") or ""), str(row.get("id"))))
            for row in rows:
                yield {
                    "account": account.slug,
                    **self._chosen("interactions", account.slug, row, _TALK),
                }

    def _measures(self, *, usage: bool) -> Iterator[dict[str, Any]]:
        with opened(self.ws.root, self.ws.state_dir) as index:
            measures.refresh(index)
            every = measures.all_series(index)
        for slug in sorted(every):
            for row in every[slug]:
                if row.measure.startswith("usage.") is usage:
                    yield {
                        "account": slug,
                        "day": row.day.isoformat(),
                        "measure": row.measure,
                        "value": _leaf(row.value),
                        "source": row.source,
                    }

    def _read(self, *folders: str) -> Iterator[Account]:
        reader = store.Reader(self.ws.root, self.ws.ranking, fast=True)
        yield from reader.accounts(only=frozenset(folders))

    def _values(self, table: str, record: Record) -> dict[str, Any]:
        fields = {"accounts": ACCOUNT, "contacts": CONTACT, "deals": DEAL, "tasks": TASK}[table]
        return self._chosen(table, record.account, record.effective(), fields)

    def _chosen(
        self, table: str, account: str, values: dict[str, Any], fields: Sequence[Field]
    ) -> dict[str, Any]:
        found = {}
        for field in fields:
            if not self.personal and field.name in PERSONAL[table]:
                continue
            value = values.get(field.name)
            if field.name == "id" and not self.personal:
                # Systems make ids of addresses and names.
                value = _key(str(value))
            if field.name in PEOPLE and value is not None:
                people = value if isinstance(value, list) else [value]
                keys = [self._person(account, str(person)) for person in people]
                value = keys if field.many else keys[0]
            found[field.name] = _cell(field, value)
        return found

    def _person(self, account: str, id: str) -> str:
        """A contact as it is called in every table: ``account/id``, or the key of that."""
        full = id if "/" in id else f"{account}/{id}"
        return full if self.personal else _key(full)


_TALK: tuple[Field, ...] = tuple(field for field in EVENT if field.name != "deleted")
_MEASURE = (
    Column("account", "VARCHAR", "folder of the account"),
    Column("day", "DATE", "the day of the measurement"),
    Column("measure", "VARCHAR", "what was measured"),
    Column("value", "DOUBLE", "the number"),
    Column("source", "VARCHAR", "who measured it"),
)


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _cell(field: Field, value: Any) -> Any:
    """A value as JSON has it: times as UTC text, numbers as numbers, maps as JSON text."""
    if value is None:
        return None
    if field.kind == "map":
        return json.dumps(plain(value), ensure_ascii=False)
    if field.many:
        return [_leaf(item) for item in (value if isinstance(value, list) else [value])]
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, (str, int, float, bool)) else str(value)
