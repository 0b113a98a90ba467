from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmctl.model.incoming import Waiting
from crmctl.sources.errors import QuotaError, SourceError
from tests.servers.base import Call, busy, html
from tests.servers.postgrest import Postgrest
from tests.sources.supabase_tickets import (
    TICKETS,
    Open,
    at,
    ids,
    put,
    read,
    read_part,
    request,
    with_double,
    with_sources,
)

double = pytest.fixture(with_double)
open_source = pytest.fixture(with_sources)


def test_everything_is_read_once_however_few_rows_the_server_gives(
    double: Postgrest, open_source: Open
) -> None:
    put(double, *((n, at(n // 3)) for n in range(1, 26)))
    double.cap = 4
    batch, mark = read(open_source())
    assert sorted(ids(batch)) == sorted(f"tickets:{n}" for n in range(1, 26))
    assert mark["tickets"]["seen"] == at(8)
    assert mark["tickets"]["rows"] is True
    assert "at" not in mark["tickets"]


def test_a_read_with_nothing_new_gives_the_same_mark(double: Postgrest, open_source: Open) -> None:
    put(double, *((n, at(n)) for n in range(1, 26)))
    _, mark = read(open_source())
    batch, again = read(open_source(), mark)
    assert again == mark
    assert ids(batch) == [f"tickets:{n}" for n in range(15, 26)], "ten minutes are read once more"


def test_only_what_changed_since_is_read(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(1)), (2, at(2)), (3, at(30)))
    _, mark = read(open_source())
    put(double, (1, at(50)))
    batch, mark = read(open_source(), mark)
    assert ids(batch) == ["tickets:3", "tickets:1"]
    assert mark["tickets"]["seen"] == at(50)


def test_a_transaction_that_was_late_is_not_missed(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(20)), (2, at(30)))
    _, mark = read(open_source())
    put(double, (3, at(25)))
    assert "tickets:3" in ids(read(open_source(), mark)[0])


def test_a_row_that_changes_while_it_is_read_is_read_again(
    double: Postgrest, open_source: Open
) -> None:
    put(double, *((n, at(n)) for n in range(1, 13)))
    double.cap = 5
    pages = 0

    def before(_call: Call) -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            put(double, (2, at(40)))

    double.before = before
    batch, mark = read(open_source())
    assert sorted(set(ids(batch))) == sorted(f"tickets:{n}" for n in range(1, 13))
    assert ids(batch).count("tickets:2") == 2
    assert mark["tickets"]["seen"] == at(40)


def test_rows_that_never_changed_are_read_once(double: Postgrest, open_source: Open) -> None:
    put(double, (1, ""), (2, at(2)), (3, ""))
    batch, mark = read(open_source())
    assert ids(batch) == ["tickets:1", "tickets:3", "tickets:2"]
    assert ids(read(open_source(), mark)[0]) == ["tickets:2"]


def test_the_first_read_reaches_back_to_the_day_it_is_told(
    double: Postgrest, open_source: Open
) -> None:
    put(double, (1, "2025-10-01T00:00:00Z"), (2, "2025-12-01T00:00:00Z"))
    assert ids(read(open_source())[0]) == ["tickets:2"]


def test_a_subscription_is_read_whatever_its_age(double: Postgrest, open_source: Open) -> None:
    put(double, (1, "2019-10-01T00:00:00Z"))
    entry = TICKETS | {"holds": "subscriptions", "fields": {"plan": "title"}}
    assert ids(read(open_source(entry))[0]) == ["acme.example"]


def test_a_clock_that_is_ahead_does_not_hide_what_comes(
    double: Postgrest, open_source: Open
) -> None:
    put(double, (1, at(1)), (2, "2031-01-01T00:00:00Z"), (3, "infinity"))
    batch, mark = read(open_source())
    assert ids(batch) == ["tickets:1", "tickets:2", "tickets:3"]
    assert mark["tickets"]["seen"] == at(1)
    put(double, (4, at(20)))
    assert "tickets:4" in ids(read(open_source(), mark)[0])


def test_a_read_that_breaks_off_goes_on_where_it_was(double: Postgrest, open_source: Open) -> None:
    put(double, *((n, at(1)) for n in range(1, 13)))
    double.cap = 5
    double.fail([None, None, *[html(503)] * 10])
    batch, mark, error = read_part(open_source())
    assert isinstance(error, SourceError)
    assert ids(batch) == [f"tickets:{n}" for n in range(1, 6)]
    assert mark["tickets"]["at"] == [at(1), "5"]
    double.faults.clear()
    batch, mark = read(open_source(), mark)
    assert ids(batch) == [f"tickets:{n}" for n in range(6, 13)]
    assert mark == read(open_source())[1]


def test_a_run_out_of_time_keeps_what_it_has(double: Postgrest, open_source: Open) -> None:
    put(double, *((n, at(1)) for n in range(1, 13)))
    double.cap = 5
    double.fail([None, None, busy("100")])
    with pytest.raises(QuotaError):
        read(open_source(budget=50))


def test_a_table_without_a_time_of_change_is_read_whole(
    double: Postgrest, open_source: Open
) -> None:
    put(double, *((n, "") for n in range(1, 8)))
    double.cap = 3
    entry = TICKETS | {"updated": ""}
    for mark in ({}, read(open_source(entry))[1]):
        batch, last = read(open_source(entry), mark)
        assert ids(batch) == [f"tickets:{n}" for n in range(1, 8)]
        assert last["tickets"].keys() == {"as", "rows"}


def test_another_mapping_reads_the_table_anew(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(1)), (2, at(40)))
    _, mark = read(open_source())
    other = TICKETS | {"fields": {"status": "title"}}
    batch, mark = read(open_source(other), mark)
    assert ids(batch) == ["tickets:1", "tickets:2"]
    assert read(open_source(other), mark)[1] == mark


def test_odd_names_and_keys_come_through(double: Postgrest, open_source: Open) -> None:
    double.run(
        'CREATE TABLE "Odd, table" ("the ""key""" text, "order" timestamptz, "who.is" text,'
        ' PRIMARY KEY ("order", "the ""key"""))'
    )
    double.run('GRANT SELECT ON "Odd, table" TO service_role')
    keys = [
        "a,b",
        'say "hi"',
        "back\\slash",
        "(x)",
        "50%",
        "a*b",
        "ä.ö:ü",
        " ",
        "null",
        "+1",
        "a&b=c",
        "not.eq",
    ]
    for key in keys:
        double.run("INSERT INTO \"Odd, table\" VALUES (%s, '2026-11-01', 'x.example')", key)
    entry = {
        "table": "Odd, table",
        "holds": "tickets",
        "account": "who.is",
        "key": ["order", 'the "key"'],
        "updated": "",
        "fields": {"subject": 'the "key"'},
    }
    double.cap = 2
    source = open_source(entry)
    batch, _ = read(source)
    assert sorted(str(r.fields["subject"] or " ") for r in batch.records) == sorted(keys)
    wanted = [Waiting("supabase", "event", id) for id in ids(batch)]
    assert sorted(ids(source.fetch(request(), wanted))) == sorted(ids(batch))


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    rows=st.dictionaries(
        st.tuples(
            st.integers(0, 4), st.sampled_from(["", "a", "B", "ä", '"', ",", "\\", "é)", "10", "9"])
        ),
        st.integers(0, 3),
        max_size=14,
    ),
    cap=st.integers(1, 5),
)
def test_no_row_is_lost_or_doubled_whatever_keys_and_times_there_are(
    double: Postgrest, open_source: Open, rows: dict[tuple[int, str], int], cap: int
) -> None:
    double.run("DROP TABLE IF EXISTS many")
    double.run(
        "CREATE TABLE many (a int, b text, domain text, updated_at timestamp, PRIMARY KEY (a, b))"
    )
    double.run("GRANT SELECT ON many TO service_role")
    for (a, b), second in rows.items():
        time = dt.datetime(2026, 11, 1, 9, 0, second, 100_000 * second)  # noqa: DTZ001  the column has no zone
        double.run("INSERT INTO many VALUES (%s, %s, 'x.example', %s)", a, b, time)
    double.cap = cap
    entry = {"table": "many", "holds": "tickets", "account": "domain", "key": ["a", "b"]}
    source = open_source(entry)
    batch, mark = read(source)
    assert len(ids(batch)) == len(set(ids(batch))) == len(rows)
    assert read(source, mark)[1] == mark


def test_what_waited_is_read_by_its_id(double: Postgrest, open_source: Open) -> None:
    put(double, (1, at(1)), (2, at(2)), (3, at(3)))
    double.run("UPDATE tickets SET gone = true WHERE id = 3")
    wanted = [Waiting("supabase", "event", f"tickets:{n}") for n in (1, 3, 99)]
    batch = open_source(TICKETS | {"deleted": "gone"}).fetch(request(), wanted)
    assert [(r.id, r.deleted) for r in batch.records] == [("tickets:1", False), ("tickets:3", True)]


def test_an_account_that_waited_brings_all_its_rows(double: Postgrest, open_source: Open) -> None:
    double.run(
        "CREATE TABLE usage (id int PRIMARY KEY, org text, mail text, n int, updated_at timestamptz)"
    )
    double.run("GRANT SELECT ON usage TO service_role")
    for id, org, mail, day in (
        (1, "alder.example", "bo@alder.example", "2026-03-01"),
        (2, "birch.example", "ida@birch.example", "2026-03-01"),
        (3, "alder.example", "ina@alder.example", "2026-04-01"),
        (4, "alder.example", "old@alder.example", "2019-04-01"),
    ):
        double.run("INSERT INTO usage VALUES (%s, %s, %s, 1, %s)", id, org, mail, day)
    wanted = [Waiting("supabase", "account", "alder.example", domain="alder.example")]
    for account, by in (("org", "domain"), ("mail", "email")):
        entry = {
            "table": "usage",
            "holds": "usage",
            "account": account,
            "by": by,
            "measures": {"usage.n": "n"},
        }
        batch = open_source(entry).fetch(request(), wanted)
        assert sorted(m.origin for m in batch.measurements) == ["usage 1", "usage 3"]


def test_a_word_that_a_column_cannot_hold_is_in_none_of_its_rows(
    double: Postgrest, open_source: Open
) -> None:
    double.run(
        "CREATE TABLE plans (id int PRIMARY KEY, org int, plan text, updated_at timestamptz)"
    )
    double.run("GRANT SELECT ON plans TO service_role")
    double.run("INSERT INTO plans VALUES (1, 77, 'team', '2026-03-01')")
    entry = {
        "table": "plans",
        "holds": "subscriptions",
        "account": "org",
        "by": "id",
        "fields": {"plan": "plan", "id": "org"},
    }
    source = open_source(entry)
    assert ids(source.fetch(request(), [Waiting("supabase", "account", "alder.example")])) == []
    assert set(ids(source.fetch(request(), [Waiting("supabase", "account", "77")]))) == {"77"}
    assert ids(source.fetch(request(), [Waiting("supabase", "account", "plans:1")])) == ["77"]
