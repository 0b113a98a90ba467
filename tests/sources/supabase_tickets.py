"""What the tests of Supabase share: a table of tickets in a product's database, and a source that reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sources import supabase_live
from crmctl.sources.network import Network
from crmctl.sources.source import Interest, Request, Source
from crmctl.workspace import sync_state, yamlio
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SupabaseSettings
from tests.servers import postgres
from tests.servers.clock import FakeClock
from tests.servers.postgrest import SECRET, Postgrest

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
TICKETS = {
    "table": "tickets",
    "holds": "tickets",
    "account": "domain",
    "fields": {"subject": "title"},
}
Open = Callable[..., Source]


def with_double() -> Iterator[Postgrest]:
    """A fixture: a double with one table of tickets."""
    if why := postgres.missing():
        pytest.skip(why)
    with Postgrest() as made:
        made.run(
            "CREATE TABLE tickets"
            " (id bigint PRIMARY KEY, domain text, title text, updated_at timestamptz, gone boolean)"
        )
        made.run("GRANT SELECT ON tickets TO service_role, anon")
        yield made


def with_sources(double: Postgrest, tmp_path: Path) -> Iterator[Open]:
    """A fixture: makes a source that reads some tables of the double, the tickets if none is named."""
    networks: list[Network] = []

    def opened(
        *tables: dict[str, Any], key: str = SECRET, url: str = "", budget: float = 3600, **more: Any
    ) -> Source:
        settings = SupabaseSettings.model_validate({"tables": list(tables or [TICKETS]), **more})
        where = {"CRMCTL_SUPABASE_URL": url or double.api, "CRMCTL_SUPABASE_KEY": key}
        networks.append(Network(FakeClock(), budget))
        return supabase_live.connect(Machine(where, tmp_path / "c.yaml"), settings, networks[-1])

    yield opened
    for network in networks:
        network.close()


def put(double: Postgrest, *rows: tuple[int, str]) -> None:
    """Insert or change tickets; each is an id and a time of change, "" for none."""
    for id, time in rows:
        double.run(
            "INSERT INTO tickets VALUES (%s, 'acme.example', %s, %s) ON CONFLICT (id)"
            " DO UPDATE SET title = excluded.title, updated_at = excluded.updated_at",
            id,
            f"Ticket {id} at {time}",
            time or None,
        )


def request(mark: Mapping[str, Any] | None = None) -> Request:
    def interest() -> Interest:
        raise AssertionError("who is a customer is not known before this source was read")

    return Request(mark or {}, NOW - dt.timedelta(days=365), NOW, interest)


def read(source: Source, mark: Mapping[str, Any] | None = None) -> tuple[Batch, dict[str, Any]]:
    """Everything that a read gives, and its last mark, as it comes back from its file."""
    batch, last, error = read_part(source, mark)
    if error is not None:
        raise error
    return batch, last


def read_part(
    source: Source, mark: Mapping[str, Any] | None = None
) -> tuple[Batch, dict[str, Any], CrmError | None]:
    """What a read gives before it fails, the last mark, and the failure."""
    batch = Batch("supabase")
    last: Mapping[str, Any] = {}
    error: CrmError | None = None
    try:
        for chunk in source.read(request(mark)):
            batch.add(chunk.batch)
            last = last if chunk.mark is None else chunk.mark
            assert chunk.batch.partial is bool(mark)
    except CrmError as failure:
        error = failure
    text = sync_state.dump(sync_state.State(last)).decode()
    stored: Any = yamlio.load(text, path="state") or {}
    return batch, stored.get("mark", {}), error


def ids(batch: Batch) -> list[str]:
    return [record.id for record in batch.records]


def at(minute: int) -> str:
    """A time so many minutes after nine, as the database writes it."""
    return f"2026-11-01T{9 + minute // 60:02}:{minute % 60:02}:00+00:00"
