from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError, CrmError
from crmctl.sources import supabase_live
from crmctl.sources.errors import AuthError, SourceError
from crmctl.sources.network import Network
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SupabaseSettings
from tests.servers import postgres
from tests.servers.base import html, status
from tests.servers.clock import FakeClock
from tests.servers.postgrest import PUBLISHABLE, SECRET, Postgrest, jwt
from tests.sources.supabase_tickets import (
    TICKETS,
    Open,
    at,
    ids,
    put,
    read,
    read_part,
    with_double,
    with_sources,
)

double = pytest.fixture(with_double)
open_source = pytest.fixture(with_sources)


def test_a_slow_table_is_read_in_smaller_pages(double: Postgrest, open_source: Open) -> None:
    put(double, *((n, at(1)) for n in range(1, 31)))
    double.slow_above = 20
    batch, _ = read(open_source(page=100))
    assert sorted(ids(batch)) == sorted(f"tickets:{n}" for n in range(1, 31))
    limits = [call.query["limit"] for call in double.calls if "not.is.null" in call.query["domain"]]
    assert limits[:3] == ["100", "25", "10"]


def test_a_table_that_is_slow_all_the_same_needs_an_index(
    double: Postgrest, open_source: Open
) -> None:
    double.slow_above = 0
    with pytest.raises(SourceError, match=r"tickets: make an index on \(updated_at, id\)"):
        read(open_source())


def test_a_policy_that_denies_is_no_empty_table(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(1)))
    double.run("ALTER TABLE tickets ENABLE ROW LEVEL SECURITY")
    double.run("CREATE POLICY open ON tickets TO anon USING (true)")
    _, mark = read(open_source(key=PUBLISHABLE))
    double.run("DROP POLICY open ON tickets")
    with pytest.raises(
        SourceError, match="row level security that denies looks like an empty table"
    ):
        read(open_source(key=PUBLISHABLE), mark)
    whole = TICKETS | {"updated": ""}
    _, mark = read(open_source(whole))
    with pytest.raises(SourceError, match="row level security"):
        read(open_source(whole, key=PUBLISHABLE), mark)


def test_a_newest_row_that_was_deleted_is_no_fault(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(1)), (2, at(40)))
    _, mark = read(open_source())
    double.run("DELETE FROM tickets WHERE id = 2")
    batch, again = read(open_source(), mark)
    assert (ids(batch), again) == ([], mark)
    assert double.calls[-1].query == {"select": "id", "limit": "1"}, "one small request tells"


def test_a_table_that_is_empty_from_the_start_is_no_fault(open_source: Open) -> None:
    batch, mark = read(open_source())
    assert batch.notes == []
    assert "rows" not in mark["tickets"]
    assert read(open_source(), mark)[1] == mark


def test_a_public_key_that_sees_nothing_is_told_of(open_source: Open) -> None:
    batch, _ = read(open_source(key=PUBLISHABLE))
    assert batch.notes == [
        "supabase shows no row of tickets to anon: empty, or hidden by row level security"
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"table": "tickts"},
            "tables: tickts: there is no such table in the schema public .*PGRST205.*meant .*'public.tickets'",
        ),
        ({"deleted": "nope"}, "tables: tickets: there is no column nope; correct its name"),
        ({"updated": "id"}, "tickets: id must hold times"),
        (
            {"table": "secrets"},
            "may not read secrets .*GRANT SELECT ON public.secrets TO service_role",
        ),
    ],
)
def test_a_wrong_entry_is_named_and_the_other_tables_are_read(
    double: Postgrest, open_source: Open, entry: dict[str, Any], message: str
) -> None:
    double.run("CREATE TABLE secrets (id int, domain text, title text, updated_at timestamptz)")
    double.run("CREATE VIEW fine AS SELECT * FROM tickets")
    double.run("GRANT SELECT ON fine TO service_role")
    put(double, (1, at(1)))
    batch, mark, error = read_part(open_source(TICKETS | entry, TICKETS | {"table": "fine"}))
    assert isinstance(error, ConfigError)
    assert re.search(message, str(error))
    assert "fine:1" in ids(batch)
    assert mark.keys() == {"fine"}


def test_tables_of_another_schema(double: Postgrest, open_source: Open) -> None:
    double.schemas = ("public", "crm")
    double.run("CREATE SCHEMA crm")
    double.run("GRANT USAGE ON SCHEMA crm TO service_role")
    double.run(
        "CREATE TABLE crm.tickets AS SELECT 5 AS id, 'x.example' AS domain, 'T' AS title, now() AS updated_at"
    )
    double.run("GRANT SELECT ON crm.tickets TO service_role")
    assert ids(read(open_source(schema="crm"))[0]) == ["tickets:5"]
    with pytest.raises(ConfigError, match=r"sources\.supabase\.schema: sales .*public, crm"):
        read(open_source(schema="sales"))


def test_an_empty_list_of_tables_is_a_mistake(open_source: Open, double: Postgrest) -> None:
    source = open_source(TICKETS)
    source._tables = []  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="names no table"):
        read(source)
    assert list(source.check())[1] == (
        "crmctl.yaml maps no table yet (sources.supabase.tables); this key sees tickets"
    )


def test_a_new_key_goes_into_its_own_header_alone(double: Postgrest, open_source: Open) -> None:
    read(open_source())
    headers = double.calls[0].headers
    assert headers["apikey"] == SECRET
    assert "authorization" not in headers
    assert headers["accept-profile"] == "public"
    assert "Mozilla" not in headers["user-agent"]


def test_an_old_key_is_a_token_too(double: Postgrest, open_source: Open) -> None:
    old = jwt("service_role")
    double.roles[old] = "service_role"
    put(double, (1, at(1)))
    assert ids(read(open_source(key=old))[0]) == ["tickets:1"]
    assert double.calls[0].headers["authorization"] == f"Bearer {old}"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            status(401, {"message": "Invalid API key", "hint": "Double check your key."}),
            "Invalid API key: Double check",
        ),
        (status(401), r"\(401\)"),
        (status(401, {"code": "PGRST303", "message": "JWT expired"}), r"JWT expired \(PGRST303\)"),
    ],
)
def test_a_key_that_is_not_accepted_is_for_a_person_to_renew(
    double: Postgrest, open_source: Open, fault: Any, message: str
) -> None:
    double.fail([fault] * 20)
    with pytest.raises(AuthError, match=message):
        read(open_source(TICKETS, TICKETS | {"table": "other"}))
    assert len(double.calls) == 1, "and is not tried again and again"


@pytest.mark.parametrize(
    ("fault", "tries", "message"),
    [
        (status(503, {"code": "PGRST001", "message": "Could not connect"}), 6, "answered 503"),
        (status(504, {"code": "PGRST003", "message": "Timed out"}), 6, "answered 504"),
        (html(521), 6, "answered 521"),
        (status(540, "<html>"), 1, "the project is paused"),
        (status(500, {"code": "PGRST300", "message": "Server lacks JWT secret"}), 1, "PGRST300"),
        (
            status(300, {"code": "PGRST201", "message": "More than one", "details": [{}]}),
            1,
            "More than one",
        ),
        (status(200, "<html>log in</html>"), 6, "no whole JSON"),
        (status(200, {"rows": []}), 1, "no list of rows"),
    ],
)
def test_other_faults(
    double: Postgrest, open_source: Open, fault: Any, tries: int, message: str
) -> None:
    double.fail([fault] * 20)
    with pytest.raises(CrmError, match=message):
        read(open_source())
    assert len(double.calls) == tries


def test_a_row_without_its_key_is_refused(double: Postgrest, open_source: Open) -> None:
    double.run(
        "CREATE VIEW loose AS SELECT NULL::int AS id, 'x.example' AS domain, now() AS updated_at"
    )
    double.run("GRANT SELECT ON loose TO service_role")
    entry = {"table": "loose", "holds": "tickets", "account": "domain"}
    with pytest.raises(SourceError, match="a row of loose has an empty key"):
        read(open_source(entry))


def test_a_project_may_be_named_by_its_own_address(double: Postgrest, open_source: Open) -> None:
    read(open_source(url=double.url))
    assert double.calls[0].path == "/rest/v1/tickets"
    assert supabase_live._address("https://abc.supabase.co/") == "https://abc.supabase.co/rest/v1"
    assert (
        supabase_live._address("https://data.ours.example/api/") == "https://data.ours.example/api/"
    )


@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "-")
def test_postgrest_without_supabase_around_it(tmp_path: Path) -> None:
    key = jwt("service_role")
    with Postgrest(bare=True) as double:
        double.roles[key] = "service_role"
        double.run(
            "CREATE TABLE tickets AS SELECT 1 AS id, 'x.example' AS domain, 'T' AS title, now() AS updated_at"
        )
        double.run("GRANT SELECT ON tickets TO service_role")
        machine = Machine(
            {"CRMCTL_SUPABASE_URL": double.api, "CRMCTL_SUPABASE_KEY": key}, tmp_path / "c.yaml"
        )
        network = Network(FakeClock())
        settings = SupabaseSettings.model_validate({"tables": [TICKETS]})
        assert ids(read(supabase_live.connect(machine, settings, network))[0]) == ["tickets:1"]
        network.close()


def test_the_check_tells_of_each_table(double: Postgrest, open_source: Open) -> None:
    double.run("CREATE TABLE secrets AS SELECT * FROM tickets")
    put(double, (1, at(1)))
    source = open_source(
        TICKETS | {"deleted": "nope", "date": "nada"},
        TICKETS | {"table": "secrets"},
        TICKETS | {"table": "tickts"},
    )
    role, *lines = source.check()
    assert (
        role
        == "the key acts as service_role; row level security does not apply to it, rights of tables do"
    )
    assert [line.partition(" (supabase refused")[0] for line in lines] == [
        "crmctl.yaml: sources.supabase.tables: tickets: there is no column nope; correct its name",
        "crmctl.yaml: sources.supabase.tables: tickets: there is no column nada; correct its name",
        "tickets: tickets, rows",
        "supabase: this key may not read secrets",
        "crmctl.yaml: sources.supabase.tables: tickts: there is no such table in the schema public",
    ]


def test_the_check_says_that_a_policy_may_hide_rows(double: Postgrest, open_source: Open) -> None:
    assert list(open_source(key=PUBLISHABLE).check()) == [
        "the key acts as anon; row level security applies: what a policy hides looks like an empty table",
        "tickets: tickets, no row; empty, or hidden by row level security",
    ]
    double.roles["eyJ.odd.x"] = "anon"
    assert next(iter(open_source(key="eyJ.odd.x").check())).startswith(
        "the key acts as a role of its own;"
    )


def test_a_key_is_never_told(double: Postgrest, open_source: Open) -> None:
    double.fail([status(400, {"code": "42P01", "message": f"no table for {SECRET}"})] * 9)
    with pytest.raises(ConfigError) as error:
        read(open_source())
    assert SECRET not in str(error.value)
    assert open_source().limits() == {}


def test_what_is_missing_on_this_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CRMCTL_SUPABASE_URL and CRMCTL_SUPABASE_KEY"):
        supabase_live.connect(
            Machine({}, tmp_path / "c.yaml"), SupabaseSettings(), Network(FakeClock())
        )
