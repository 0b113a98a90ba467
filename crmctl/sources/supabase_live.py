"""Supabase, or any PostgREST: tables read row by row in the order in which they changed.

Each read goes on from the newest change it has seen, some minutes before it, since a long transaction shows its rows
late. A table without such a column is read whole each time. A policy that hides rows answers like an empty table, so
a table that had rows and has none is a fault until a person says otherwise.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from crmctl.model.errors import ConfigError, CrmError
from crmctl.model.incoming import Batch, Waiting
from crmctl.sources import supabase_faults, supabase_query
from crmctl.sources.errors import SourceError, StatusError
from crmctl.sources.http import Door
from crmctl.sources.network import Walk
from crmctl.sources.source import Chunk, Request
from crmctl.sources.supabase_faults import TableError
from crmctl.sources.supabase_rows import SYSTEM, Row, TableRows, tables, time_of

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.sources.supabase_query import Pair
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.source_settings import SupabaseSettings

_PATH = "/rest/v1"
_HOSTED = (".supabase.co", ".supabase.in", ".supabase.red")
_AHEAD = dt.timedelta(days=1)  # a change later than this is a mistake of somebody's clock
_LEAST = 10  # rows asked for at once, however slow a table is
_KEYS = 50  # rows fetched by their keys at once, so that the address stays short


def connect(machine: Machine, settings: SupabaseSettings, network: Network) -> Supabase:
    """The project that this machine's settings lead to. ConfigError if one is missing or a table is mapped wrongly."""
    found = machine.need(SYSTEM, "url", "key")
    network.hide(found["key"], machine.get(SYSTEM, "webhook_secret"))
    return Supabase(network, found["url"], found["key"], settings)


class Supabase:
    """The tables of one project, read with one key."""

    system = SYSTEM
    state = SYSTEM

    def __init__(self, network: Network, url: str, key: str, settings: SupabaseSettings) -> None:
        self._tables = tables(settings)
        self._overlap = dt.timedelta(minutes=settings.overlap_minutes)
        self._schema, self._page = settings.schema_, settings.page
        self._key = key
        self._door = Door(
            network,
            SYSTEM,
            _address(url),
            headers=self._headers,
            judge=supabase_faults.judge,
            explain=supabase_faults.explained,
        )

    def read(self, request: Request) -> Iterator[Chunk]:
        """All tables, one after another; one that cannot be read does not keep the others from being read."""
        if not self._tables:
            raise ConfigError("crmctl.yaml: sources.supabase.tables names no table to read")
        marks: dict[str, Mapping[str, Any]] = {
            rows.name: dict(mark)
            for rows in self._tables
            if isinstance(mark := request.mark.get(rows.name), Mapping)
        }
        failed: list[CrmError] = []
        for rows in self._tables:
            try:
                for batch, mark in self._read(rows, request, marks.get(rows.name, {})):
                    batch.partial = not request.first
                    if mark is not None:
                        marks[rows.name] = mark
                    yield Chunk(batch, {name: dict(marks[name]) for name in sorted(marks)})
            except StatusError as error:
                if not supabase_faults.code(error):
                    raise
                failed.append(supabase_faults.explain(error, rows.table, self._schema))
            except TableError as error:
                failed.append(error)
        if failed:
            raise _joined(failed)

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These rows, and all rows about the accounts that waited by their name, id or domain."""
        batch = Batch(SYSTEM, partial=True)
        rest = {w.id for w in wanted if not any(rows.key(w.id) for rows in self._tables)}
        for rows in self._tables:
            keys = {key for one in wanted if (key := rows.key(one.id)) is not None}
            ids = rest if rows.kind == "account" else ()
            for some in _groups(sorted(keys)):
                batch.add(self._fetched(rows, [supabase_query.keyed(rows.table.key, some)]))
            for some in _groups(sorted(ids)):
                for condition in _about(rows, some):
                    batch.add(self._fetched(rows, [condition, *_since(rows, request)]))
        return batch

    def check(self) -> Iterator[str]:
        """Who we are there, and of each table whether it can be read as `crmctl.yaml` maps it."""
        yield f"the key acts as {self._role}; {_SEEN.get(self._role, _SEEN[''])}"
        if not self._tables:
            yield f"crmctl.yaml maps no table yet (sources.supabase.tables); {self._exposed()}"
        for rows in self._tables:
            yield from self._checked(rows)

    def limits(self) -> Mapping[str, str]:
        """None: the Data API tells of no quota."""
        return {}

    def _read(
        self, rows: TableRows, request: Request, before: Mapping[str, Any]
    ) -> Iterator[tuple[Batch, Mapping[str, Any] | None]]:
        """The pages of one table, each with the table's mark; None while going on from it would leave rows out."""
        known = before if before.get("as") == rows.version else {}
        mark: dict[str, Any] = {"as": rows.version}
        mark |= {name: known[name] for name in ("rows", "seen") if name in known}
        seen, place = time_of(str(known.get("seen", ""))), known.get("at")
        found = 0
        if rows.table.updated and seen is None and place is None:
            undated = [(supabase_query.name(rows.table.updated), "is.null"), *_linked(rows)]
            for page, _ in self._pages(rows, undated, rows.table.key):
                found += len(page)
                request.progress(len(page))
                yield rows.batch(page), None
        filters = [*_linked(rows), *self._beginning(rows, request, seen, place)]
        for page, place_now in self._pages(rows, filters, rows.order, place):
            found += len(page)
            request.progress(len(page))
            mark |= {"rows": True, "at": place_now} | _newest(rows, page, request.now, mark)
            yield rows.batch(page), dict(mark)
        if not found and before.get("rows") and not self._shows_rows(rows):
            raise TableError(
                f"supabase shows no row of {rows.name}, which had rows: a policy of row level security that denies"
                " looks like an empty table, look at the key's policies and grants; if the table is empty by right,"
                " read it anew with --full"
            )
        mark |= {"rows": True} if found or before.get("rows") else {}
        mark.pop("at", None)
        batch = Batch(SYSTEM)
        if not found and not before and self._role not in _UNRESTRICTED:
            batch.notes.append(
                f"supabase shows no row of {rows.name} to {self._role}: empty, or hidden by row level security"
            )
        yield batch, mark

    def _beginning(
        self,
        rows: TableRows,
        request: Request,
        seen: dt.datetime | None,
        place: Sequence[str] | None,
    ) -> list[Pair]:
        """The filter that a read starts from; none where an unfinished one tells its place."""
        if place is not None:
            return []
        if seen is None:
            return _since(rows, request)
        return [_from(rows.table.updated, seen - self._overlap)]

    def _pages(
        self,
        rows: TableRows,
        filters: Sequence[Pair],
        order: Sequence[str],
        place: Sequence[str] | None = None,
    ) -> Iterator[tuple[list[Row], list[str]]]:
        """Pages in the order of these columns, each with its last row's place.

        The server may cut each page down without a word, so only a page shorter than the first one is the last.
        """
        walk = Walk(SYSTEM, rows.name)
        limit, usual = self._page, 0
        while True:
            behind = supabase_query.beyond(order, place) if place is not None else []
            page, limit = self._ask(
                rows, [*filters, *behind, supabase_query.ascending(order)], limit
            )
            if not page:
                return
            place = self._place(rows, page[-1], order)
            walk.step(json.dumps(place))
            yield page, place
            usual = usual or len(page)
            if len(page) < min(limit, usual):
                return

    def _ask(self, rows: TableRows, query: Sequence[Pair], limit: int) -> tuple[list[Row], int]:
        """One page and the limit it was read with: less than asked for if the database gave up on more."""
        while True:
            try:
                return self._get(rows, [*query, ("limit", str(limit))], rows.columns), limit
            except StatusError as error:
                if supabase_faults.code(error) != supabase_faults.TIMEOUT or limit <= _LEAST:
                    raise
                limit = max(_LEAST, limit // 4)

    def _get(self, rows: TableRows, query: Sequence[Pair], columns: Sequence[str]) -> list[Row]:
        params = [supabase_query.select(columns), *query]
        found = self._door.get(quote(rows.name, safe=""), params)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise TableError(
                f"supabase answered with something that is no list of rows of {rows.name}"
            )
        return found

    def _place(self, rows: TableRows, row: Row, order: Sequence[str]) -> list[str]:
        try:
            return rows.place(row, order)
        except ValueError as error:
            raise TableError(f"supabase: a row of {rows.name} {error}") from None

    def _shows_rows(self, rows: TableRows) -> bool:
        return bool(self._get(rows, [("limit", "1")], rows.table.key))

    def _fetched(self, rows: TableRows, filters: Sequence[Pair]) -> Batch:
        batch = Batch(SYSTEM)
        try:
            for page, _ in self._pages(rows, filters, rows.table.key):
                batch.add(rows.batch(page))
        except StatusError as error:
            # A word that a column of numbers cannot hold is in none of its rows.
            if supabase_faults.code(error) not in supabase_faults.OTHER_TYPE:
                raise supabase_faults.explain(error, rows.table, self._schema) from None
        return batch

    def _checked(self, rows: TableRows) -> Iterator[str]:
        """What is wrong with a table, or whether it shows rows."""
        columns = list(rows.columns)
        while columns:
            try:
                found = self._get(rows, [("limit", "1")], columns)
            except StatusError as error:
                yield str(supabase_faults.explain(error, rows.table, self._schema))
                missing = supabase_faults.missing_column(error)
                if missing not in columns:
                    return
                columns.remove(missing)
                continue
            hidden = "; empty, or hidden by row level security" * (self._role not in _UNRESTRICTED)
            yield f"{rows.name}: {rows.table.holds}, " + ("rows" if found else f"no row{hidden}")
            return

    def _exposed(self) -> str:
        """The tables that the key may see."""
        headers = {"Accept": "application/openapi+json"}
        about = self._door.send("GET", "", headers=headers, expect=(403, 404)).maybe()
        names = about.get("definitions") if isinstance(about, Mapping) else None
        return f"this key sees {', '.join(sorted(names))}" if names else "this key lists no tables"

    def _headers(self) -> Mapping[str, str]:
        """A key of the new kind is no token and goes into its own header alone; an old one is both."""
        headers = {
            "apikey": self._key,
            "Accept": "application/json",
            "Accept-Profile": self._schema,
        }
        return (
            headers
            if self._key.startswith("sb_")
            else headers | {"Authorization": f"Bearer {self._key}"}
        )

    @property
    def _role(self) -> str:
        """The role in the database that the key stands for, as the key itself says."""
        if self._key.startswith("sb_"):
            return "anon" if self._key.startswith("sb_publishable_") else "service_role"
        try:
            claims = self._key.split(".")[1]
            role = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["role"]
        except (IndexError, ValueError, KeyError, TypeError):
            return "a role of its own"
        return str(role)


_UNRESTRICTED = frozenset({"service_role"})
_SEEN = {
    "service_role": "row level security does not apply to it, rights of tables do",
    "": "row level security applies: what a policy hides looks like an empty table",
}


def _address(url: str) -> str:
    """The address of the Data API: a project's own is completed, a server's root with a slash is taken as it is."""
    parts = urlsplit(url)
    hosted = (parts.hostname or "").endswith(_HOSTED)
    return url.rstrip("/") + _PATH if parts.path == "" or (hosted and parts.path == "/") else url


def _linked(rows: TableRows) -> list[Pair]:
    """Rows without an account are left where they are, unless they name a person."""
    return [(supabase_query.name(rows.table.account), "not.is.null")] if rows.needs_account else []


def _since(rows: TableRows, request: Request) -> list[Pair]:
    """Where the first read begins: an account's profile counts whatever its age, what happened does not."""
    table = rows.table
    if table.holds == "subscriptions":
        return [(supabase_query.name(table.updated), "not.is.null")] if table.updated else []
    # Of tickets without a time of change, an old one may still be open.
    column = table.updated or (table.date if table.holds != "tickets" else "")
    return [_from(column, request.since)] if column else []


def _from(column: str, time: dt.datetime) -> Pair:
    return supabase_query.name(column), f"gte.{time.astimezone(dt.UTC).isoformat()}"


def _about(rows: TableRows, ids: Sequence[str]) -> Iterator[Pair]:
    """The conditions under which a row may be about one of these accounts."""
    if rows.table.by == "email":
        yield supabase_query.at_domains(rows.table.account, ids)
    else:
        yield supabase_query.among(rows.table.account, ids)
    if rows.id_column:
        yield supabase_query.among(rows.id_column, ids)


def _newest(
    rows: TableRows, page: Sequence[Row], now: dt.datetime, mark: Mapping[str, Any]
) -> dict[str, Any]:
    """The newest change seen, in the server's own words; those of the far future never count."""
    before = time_of(str(mark.get("seen", "")))
    for row in reversed(page):
        changed = rows.changed(row)
        if changed is not None and changed <= now + _AHEAD:
            newer = before is None or changed > before
            return {"seen": row[rows.table.updated]} if newer else {}
    return {}


def _groups(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _KEYS):
        yield items[start : start + _KEYS]


def _joined(failed: Sequence[CrmError]) -> CrmError:
    """All faults as one of the first one's kind."""
    sentence = "; ".join(dict.fromkeys(map(str, failed)))
    return ConfigError(sentence) if isinstance(failed[0], ConfigError) else SourceError(sentence)
