"""Events, changes and schedules: each occasion once, whatever the number of nights."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.workflow import schedule
from crmctl.workflow.measured import asked
from crmctl.workspace import splice

from .conftest import World


def workflow(world: World, *lines: str) -> None:
    text = "".join(f"    {line}\n" for line in (*lines, "actions: [notify_account_manager]"))
    world.write("workflows.yaml", f"customer_workflows:\n  one:\n{text}")


def told(world: World, day: str) -> list[str]:
    return [step.because for step in world.on(day).run().steps if step.state == "did"]


def deal(world: World, name: str, **values: object) -> None:
    data = {"name": name, "stage": "discovery", "status": "open"} | values
    world.write(f"accounts/acme/deals/{name}.md", splice.new_document(data, "").decode())


@pytest.fixture
def acme(world: World) -> World:
    world.account("acme", owner="ana")
    return world


def test_a_move_to_another_stage(acme: World) -> None:
    workflow(acme, "trigger: stage_moved", 'when: "stage == churn_risk"')
    assert told(acme, "2026-03-31") == []
    acme.known["acme"]["stage"] = "churn_risk"
    assert told(acme, "2026-04-01") == ["stage_moved: stage was customer, is churn_risk"]
    assert told(acme, "2026-04-02") == []
    acme.known["acme"]["stage"] = "customer"
    assert told(acme, "2026-04-03") == []
    acme.known["acme"]["stage"] = "churn_risk"
    assert told(acme, "2026-04-04") == ["stage_moved: stage was customer, is churn_risk"]


def test_a_field_that_changes_also_from_and_to_nothing(acme: World) -> None:
    workflow(acme, "trigger: changed(renewal)")
    assert told(acme, "2026-03-31") == []
    acme.known["acme"]["renewal"] = dt.date(2026, 12, 1)
    assert told(acme, "2026-04-01") == ["changed(renewal): renewal was not known, is 2026-12-01"]
    acme.known["acme"]["renewal"] = None
    assert told(acme, "2026-04-05") == ["changed(renewal): renewal was 2026-12-01, is not known"]
    assert told(acme, "2026-04-06") == []


def test_a_deal_that_moves_and_one_that_is_won(acme: World) -> None:
    deal(acme, "first")
    workflow(acme, "trigger: deal_stage_moved")
    assert told(acme, "2026-03-31") == []
    deal(acme, "first", stage="proposal")
    deal(acme, "second", stage="proposal")
    assert told(acme, "2026-04-01") == [
        "deal_stage_moved: deals/first, stage was discovery, is proposal"
    ]
    workflow(acme, "trigger: deal_won")
    assert told(acme, "2026-04-02") == []
    deal(acme, "second", status="lost")
    deal(acme, "first", status="won")
    assert told(acme, "2026-04-03") == ["deal_won: deals/first, status was open, is won"]
    assert told(acme, "2026-04-04") == []


def test_an_account_that_appears(acme: World) -> None:
    workflow(acme, "trigger: account_created")
    assert told(acme, "2026-03-31") == []
    acme.account("globex", owner="ben")
    assert told(acme, "2026-04-01") == ["account_created"]
    assert told(acme, "2026-04-02") == []


def test_an_event_that_does_not_count_is_not_looked_at_again(acme: World) -> None:
    workflow(acme, "trigger: contact_created", 'when: "stage == churn_risk"')
    told(acme, "2026-03-31")
    acme.contact("acme", "jane-doe")
    assert told(acme, "2026-04-01") == []
    acme.known["acme"]["stage"] = "churn_risk"
    assert told(acme, "2026-04-02") == []
    acme.contact("acme", "joe-roe")
    assert told(acme, "2026-04-03") == ["contact_created: contacts/joe-roe"]


def test_an_event_waits_while_it_is_unknown_whether_it_counts(acme: World) -> None:
    workflow(acme, "trigger: contact_created", 'when: "seats > 10"')
    told(acme, "2026-03-31")
    acme.contact("acme", "jane-doe")
    assert told(acme, "2026-04-01") == []
    acme.known["acme"]["seats"] = 20
    assert told(acme, "2026-04-02") == ["contact_created: contacts/jane-doe"]


def test_a_schedule_is_caught_up_once(acme: World) -> None:
    workflow(acme, "schedule: weekly on monday", 'trigger: "stage == customer"')
    assert told(acme, "2026-03-31") == ["weekly on monday; stage == customer: stage is customer"]
    assert told(acme, "2026-04-05") == []
    assert len(told(acme, "2026-04-06")) == 1
    assert len(told(acme, "2026-05-30")) == 1
    assert told(acme, "2026-05-31") == []


def test_a_schedule_looks_at_the_team_s_own_time(acme: World) -> None:
    config = (acme.root / "crmctl.yaml").read_text()
    acme.write("crmctl.yaml", f"{config}timezone: Pacific/Auckland\n")
    workflow(acme, "schedule: monthly on 1")
    acme.known["acme"] = {"stage": "customer"}
    told(acme, "2026-03-31")
    acme.write("accounts/acme/notes.txt", "")
    late = dt.datetime(2026, 4, 30, 12, 30, tzinfo=dt.UTC)
    acme.ws = type(acme.ws)(acme.root, now=late, seed=1)
    assert [s.because for s in acme.run().steps] == ["monthly on 1"]


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("daily", "2026-03-29T00:10", "2026-03-29"),
        ("weekly on friday", "2026-11-22T09:00", "2026-11-20"),
        ("weekly", "2026-11-23T00:00", "2026-11-23"),
        ("monthly on 31", "2026-03-02T09:00", "2026-02-28"),
        ("monthly on 31", "2024-03-02T09:00", "2024-02-29"),
        ("monthly on last", "2024-02-29T09:00", "2024-02-29"),
        ("monthly on 29", "2026-02-28T09:00", "2026-02-28"),
        ("quarterly", "2026-12-31T23:59", "2026-10-01"),
        ("quarterly on last", "2026-02-01T09:00", "2026-01-31"),
        ("quarterly on last", "2026-01-30T09:00", "2025-10-31"),
        ("yearly", "2026-01-01T00:00", "2026-01-01"),
        ("cron 0 7 * * 1-5", "2026-11-22T09:00", "2026-11-20"),
        ("cron 0 7 * * 1-5", "2026-11-20T07:00", "2026-11-20"),
        ("cron 0 7 * * 1-5", "2026-11-20T06:59", "2026-11-19"),
        # 02:30 does not exist on the night the clocks go forward, and happens twice when they go back.
        ("cron 30 2 * * *", "2026-03-29T09:00", "2026-03-29"),
        ("cron 30 2 * * *", "2026-10-25T09:00", "2026-10-25"),
        ("cron 0 0 29 2 *", "2026-11-22T09:00", None),
    ],
)
def test_the_day_a_schedule_was_last_due(text: str, now: str, expected: str | None) -> None:
    local = dt.datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    found = schedule.read(text).latest(local)
    assert found == (dt.date.fromisoformat(expected) if expected else None)


@given(
    st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)),
    st.times(),
    st.sampled_from(
        [
            "daily",
            "weekly on sunday",
            "monthly on 30",
            "monthly on last",
            "quarterly",
            "yearly on 31",
        ]
    ),
)
def test_a_schedule_is_never_due_tomorrow_and_comes_round(
    day: dt.date, time: dt.time, text: str
) -> None:
    now = dt.datetime.combine(day, time, ZoneInfo("Europe/Berlin"))
    every = schedule.read(text)
    due = every.latest(now)
    assert due is not None
    assert due <= now.date()
    assert (now.date() - due).days <= {"d": 0, "w": 6, "m": 31, "q": 92, "y": 366}[text[0]]
    assert every.latest(dt.datetime.combine(due, dt.time(), now.tzinfo)) == due


ROWS = [(100, 80.0), (110, 60.0), (114, 70.0)]


@pytest.mark.parametrize(
    ("measure", "method", "days", "day", "expected"),
    [
        ("health.score", "drop", 14, 114, 10.0),
        ("health.score", "drop", 3, 114, 0.0),
        ("health.score", "rise", 14, 114, 10.0),
        ("health.score", "was", 7, 114, 80.0),
        ("health.score", "growth", 7, 114, 70 / 80 - 1),
        ("health.score", "lowest", 14, 114, 60.0),
        ("health.score", "highest", 3, 200, 70.0),
        ("health.score", "was", 30, 114, None),
        ("usage.logins", "drop", 14, 114, 10.0),
        ("usage.logins", "drop", 14, 129, None),
        ("health.score", "drop", 14, 99, None),
    ],
)
def test_what_a_measure_did(
    measure: str, method: str, days: int, day: int, expected: float | None
) -> None:
    found = asked(ROWS, measure, method, days, dt.date.fromordinal(day))
    assert found == (None if expected is None else pytest.approx(expected))
