from __future__ import annotations

import json
from typing import Any

import pytest

from crmctl.model.incoming import Link, Waiting
from crmctl.sources.supabase_rows import tables
from crmctl.sources.supabase_webhook import changed, verify
from crmctl.sync.statement import fold
from crmctl.workspace.source_settings import SupabaseSettings
from tests.servers import postgres
from tests.servers.postgrest import Postgrest

SETTINGS = SupabaseSettings.model_validate(
    {
        "tables": [
            {"table": "tickets", "holds": "tickets", "account": "domain"},
            {"table": "plans", "holds": "subscriptions", "account": "domain", "key": ["org", "no"]},
            {"table": "usage", "holds": "usage", "account": "domain", "measures": {"usage.n": "n"}},
        ]
    }
)
ROW = {
    "id": 41,
    "domain": "acme.example",
    "title": "Slow",
    "updated_at": "2026-03-03T09:00:00.5+00:00",
}


def payload(type: str, table: str, record: Any, old: Any = None) -> dict[str, Any]:
    return {"type": type, "table": table, "record": record, "schema": "public", "old_record": old}


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"x-crmctl-secret": "long and random"}, True),
        ({"X-Crmctl-Secret": "long and random"}, True),
        ({"x-crmctl-secret": "long and randon"}, False),
        ({"x-crmctl-secret": ""}, False),
        ({"x-crmctl-secret": "ünd"}, False),
        ({"authorization": "long and random"}, False),
        ({}, False),
    ],
)
def test_a_delivery_carries_our_secret(headers: dict[str, str], *, good: bool) -> None:
    assert verify("long and random", headers) is good


def test_without_a_secret_nobody_may_deliver() -> None:
    assert not verify("", {"x-crmctl-secret": ""})
    assert not verify("", {})


@pytest.mark.parametrize("type", ["INSERT", "UPDATE"])
def test_a_changed_row_is_read_again_and_nothing_of_the_delivery_is_kept(type: str) -> None:
    old = None if type == "INSERT" else ROW | {"title": "Old"}
    change = changed(payload(type, "tickets", ROW, old), SETTINGS)
    assert change.wanted == (Waiting("supabase", "event", "tickets:41"),)
    assert change.batch.records == []
    assert change.batch.partial


def test_rows_of_accounts_are_told_by_their_keys() -> None:
    change = changed(payload("INSERT", "plans", {"org": "a b", "no": 7}), SETTINGS)
    assert change.wanted == (Waiting("supabase", "account", "plans:a%20b:7"),)


def test_a_deleted_row_is_marked_since_nobody_can_read_it_again() -> None:
    change = changed(payload("DELETE", "tickets", None, ROW), SETTINGS)
    (gone,) = change.batch.records
    assert (gone.kind, gone.id, gone.deleted) == ("event", "tickets:41", True)
    assert gone.account == Link(domain="acme.example")


def test_a_row_that_came_back_counts_more_than_the_news_that_it_went() -> None:
    change = changed(payload("DELETE", "tickets", None, ROW), SETTINGS)
    assert change.wanted == (Waiting("supabase", "event", "tickets:41"),), "it is asked for"
    there = tables(SETTINGS)[1].batch([ROW])
    for order in ([*change.batch.records, *there.records], [*there.records, *change.batch.records]):
        (ticket,) = fold(order, ())
        assert not ticket.deleted


def test_a_deleted_number_stays_measured() -> None:
    change = changed(payload("DELETE", "usage", None, ROW), SETTINGS)
    assert (change.batch.records, change.batch.measurements) == ([], [])


def test_a_row_with_a_new_key_is_another_record() -> None:
    change = changed(payload("UPDATE", "tickets", ROW | {"id": 42}, ROW), SETTINGS)
    assert [w.id for w in change.wanted] == ["tickets:41", "tickets:42"]
    assert [r.id for r in change.batch.records] == ["tickets:41"]
    plan = {"org": "a", "no": 1, "domain": "acme.example"}
    change = changed(payload("UPDATE", "plans", plan | {"no": 2}, plan), SETTINGS)
    assert change.batch.records == [], "the account is still a subscriber"


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        "INSERT",
        {},
        payload("INSERT", "other", ROW),
        payload("INSERT", "tickets", ROW) | {"schema": "auth"},
        payload("INSERT", "tickets", {"title": "no key"}),
        payload("INSERT", "tickets", {"id": [1]}),
        payload("INSERT", "tickets", "text"),
        payload("TRUNCATE", "tickets", None),
    ],
)
def test_what_makes_no_sense_changes_nothing(odd: Any) -> None:
    change = changed(odd, SETTINGS)
    assert (change.wanted, change.batch.records) == ((), [])


@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "-")
def test_payloads_as_the_database_writes_them() -> None:
    """The expression of Supabase's own trigger, run by a real trigger."""
    with Postgrest() as double:
        double.run("CREATE TABLE sent (body text)")
        double.run("CREATE TABLE tickets (id bigint PRIMARY KEY, domain text, title text)")
        double.run(
            """
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              INSERT INTO sent VALUES (jsonb_build_object(
                'old_record', OLD, 'record', NEW, 'type', TG_OP,
                'table', TG_TABLE_NAME, 'schema', TG_TABLE_SCHEMA)::text);
              RETURN NULL; END $$
            """
        )
        double.run(
            "CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON tickets FOR EACH ROW EXECUTE FUNCTION tell()"
        )
        double.run("INSERT INTO tickets VALUES (9007199254740993, 'acme.example', 'Slow')")
        double.run("UPDATE tickets SET title = 'Slower'")
        double.run("DELETE FROM tickets")
        sent = [json.loads(body) for (body,) in double.run("SELECT body FROM sent")]
    inserted, updated, deleted = (changed(one, SETTINGS) for one in sent)
    assert (
        inserted.wanted
        == updated.wanted
        == (Waiting("supabase", "event", "tickets:9007199254740993"),)
    )
    assert [r.deleted for r in deleted.batch.records] == [True]
