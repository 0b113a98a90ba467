"""Alerts: the shipped five, what they stand on, and how people settle them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError, UsageError
from crmctl.workflow import alerts as plans
from crmctl.workflow import engine
from crmctl.workflow.alerts import Alert
from crmctl.workflow.definition import ALERTS, lint, load_workflows
from crmctl.workspace import files
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.episodes import EVERY, Episode, dump, parse

from .conftest import World

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (ROOT / "workflows.yaml").read_text()
FIVE = {
    "health_drop": "health",
    "gone_quiet": "engagement",
    "competitor_named": "competition",
    "expansion_signal": "expansion",
    "renewal_risk": "renewal",
}
HEALTHY: dict[str, Any] = {
    "stage": "customer",
    "health_score": 84.0,
    "health_status": "excellent",
    "health.drop(14d)": 3.0,
    "contact_rhythm": 0.8,
    "days_since_contact": 6,
    "conversation_growth": 0.1,
    "competitors_named": 0,
    "days_since_competitor": None,
    "expansion_said": 0.2,
    "buying_said": 0.1,
    "active_share": 0.97,
    "usage_growth": 0.02,
    "shut_gates": [],
    "renewal": dt.date(2026, 5, 31),
}
ONE = """\
customer_workflows:
  low:
    description: Their health is low
    alert: health
    trigger: "health_score < 60"
    actions: [{notify: {to: [account_owner]}}]
  gone:
    alert: engagement
    urgent: true
    trigger: "seats < 5"
    actions: [{notify: {to: [account_owner]}}]
  plain:
    trigger: "seats < 5"
    actions: [{create_task: {title: Look}}]
"""


@pytest.fixture
def shipped(world: World) -> World:
    world.write("workflows.yaml", SHIPPED)
    world.account("acme", owner="ana", arr=90000)
    world.known["acme"] = dict(HEALTHY)
    return world


def fired(world: World, **changed: Any) -> set[str]:
    """The alerts that begin when acme's values are a healthy account's but for these."""
    world.known["acme"] = HEALTHY | changed
    return {step.workflow for step in world.plan().steps if step.workflow in FIVE}


def test_the_five_are_there_and_raise_no_doubt(shipped: World) -> None:
    workflows = load_workflows(shipped.root).customer_workflows
    assert {name: workflows[name].alert for name in FIVE} == FIVE
    assert set(FIVE.values()) == set(ALERTS)
    assert [p for p in lint(shipped.root, shipped.ws.config) if p.field.split(".")[1] in FIVE] == []
    assert all(workflows[name].description for name in FIVE)


def test_a_healthy_customer_raises_none(shipped: World) -> None:
    assert fired(shipped) == set()


def test_what_nobody_knows_raises_none(shipped: World) -> None:
    assert fired(shipped, **dict.fromkeys(set(HEALTHY) - {"stage"})) == set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"health.drop(14d)": 15.0, "health_score": 70.0}, {"health_drop"}),
        ({"health.drop(14d)": 14.9, "health_score": 70.0}, set()),
        ({"health.drop(14d)": 15.0, "health_score": 82.0}, set()),
        ({"health.drop(14d)": 15.0, "health_score": 70.0, "stage": "prospect"}, set()),
        ({"days_since_competitor": 3}, {"competitor_named"}),
        ({"days_since_competitor": 20}, set()),
        ({"days_since_competitor": 3, "stage": "prospect"}, set()),
        ({"expansion_said": 0.5}, {"expansion_signal"}),
        ({"buying_said": 0.7}, {"expansion_signal"}),
        ({"usage_growth": 0.4}, {"expansion_signal"}),
        ({"usage_growth": 0.06}, {"expansion_signal"}),
        ({"usage_growth": 0.4, "health_score": 65.0, "renewal": None}, set()),
        ({"health_score": 69.0}, {"renewal_risk"}),
        ({"shut_gates": ["champion_left"]}, {"renewal_risk"}),
        ({"shut_gates": ["notice_given"], "renewal": dt.date(2026, 8, 1)}, set()),
        ({"shut_gates": ["notice_given"], "renewal": dt.date(2026, 3, 30)}, set()),
    ],
)
def test_what_raises_each(shipped: World, changed: dict[str, Any], expected: set[str]) -> None:
    assert fired(shipped, **changed) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"contact_rhythm": 4.5, "days_since_contact": 25},
        {"conversation_growth": -0.8, "days_since_contact": 16},
    ],
)
def test_silence_is_told_once_it_has_held_for_two_days(
    shipped: World, changed: dict[str, Any]
) -> None:
    shipped.known["acme"] = HEALTHY | changed
    told = [
        bool({"gone_quiet"} & {step.workflow for step in shipped.on(day).run().steps})
        for day in ("2026-03-31", "2026-04-01", "2026-04-02", "2026-04-03")
    ]
    assert told == [False, False, True, False]


def test_what_has_been_silent_for_long_is_no_news(shipped: World) -> None:
    shipped.known["acme"] = HEALTHY | {"contact_rhythm": 20.0, "days_since_contact": 120}
    for day in ("2026-03-31", "2026-04-02", "2026-04-04"):
        assert not [s for s in shipped.on(day).run().steps if s.workflow == "gone_quiet"]


def test_a_source_that_stops_does_not_flood_anybody(shipped: World) -> None:
    for number in range(60):
        shipped.account(f"a{number}", owner="ana")
        shipped.known[f"a{number}"] = HEALTHY | {"contact_rhythm": 5.0, "days_since_contact": 30}
    counts = []
    for day in ("2026-03-31", "2026-04-02", "2026-04-03"):
        steps = shipped.on(day).run().steps
        counts.append(sum(s.workflow == "gone_quiet" and s.state == "did" for s in steps))
    assert counts == [0, 25, 25]


def test_a_renewal_that_is_still_at_risk_goes_to_the_manager_thirty_days_before(
    shipped: World,
) -> None:
    shipped.known["acme"] = HEALTHY | {"health_score": 65.0}
    told = {}
    for day in ("2026-03-31", "2026-04-20", "2026-05-01", "2026-05-20"):
        notes = [m for m in shipped.on(day).run().messages if m.workflow == "renewal_risk"]
        told[day] = [(m.to, m.urgent) for m in notes]
    assert told == {
        "2026-03-31": [(("ana",), False)],
        "2026-04-20": [],
        "2026-05-01": [(("ana", "kim"), True)],
        "2026-05-20": [],
    }


def test_a_jump_in_usage_is_told_once_though_two_workflows_see_it(shipped: World) -> None:
    shipped.known["acme"] = HEALTHY | {"usage_growth": 0.8}
    plan = shipped.run()
    assert [m.workflow for m in plan.messages] == ["expansion_opportunity"]
    assert [alert.kind for alert in listed(shipped)] == ["expansion"]


# --- what an alert stands on


@pytest.fixture
def real(world: World) -> World:
    """An account with a contact, conversations and a renewal, as they stand in files."""
    world.account("acme", owner="ana", seats=3, renewal=dt.date(2026, 5, 1), arr=1200)
    lines = [
        f'{{"type": "email", "id": "e{n}", "at": "2026-0{1 + n // 4}-{1 + 7 * (n % 4):02}T10:00:00Z",'
        f' "direction": "in", "subject": "Hello {n}", "with": ["jane-doe"]}}'
        for n in range(8)
    ]
    world.write("accounts/acme/interactions/2026.jsonl", "\n".join(lines) + "\n")
    return world


def evidence(world: World, trigger: str) -> list[str]:
    world.write(
        "workflows.yaml",
        f"customer_workflows:\n  one: {{alert: renewal, trigger: '{trigger}', actions: "
        "[{notify: {to: [account_owner]}}]}\n",
    )
    plan = engine.plan(world.ws)
    (change,) = [c for c in plan.changes if c.path.endswith("episodes.jsonl")]
    (episode,) = parse(change.new or b"", change.path)
    (message,) = plan.messages
    assert all(fact in message.body for fact in episode.evidence)
    return episode.evidence


def test_a_field_is_cited_by_its_line(real: World) -> None:
    text = (real.root / "accounts/acme/profile.md").read_text().splitlines()
    line = 1 + text.index("renewal: 2026-05-01")
    assert evidence(real, "renewal within 90d") == [
        f"renewal 2026-05-01 (accounts/acme/profile.md:{line})"
    ]


def test_silence_is_cited_by_the_last_word(real: World) -> None:
    assert evidence(real, "contact_rhythm > 4") == [
        "last heard from on 2026-02-22, usually every 7 days (accounts/acme/interactions/2026.jsonl:8)"
    ]


def test_a_measure_is_cited_by_its_row(real: World) -> None:
    for day, value in (("2026-03-20", 90), ("2026-03-30", 60)):
        rows = f"account,measure,value,source\nacme,health.score,{value},crmctl\n"
        real.write(f"accounts/_measures/{day}.csv", rows)
    found = evidence(real, "health.drop(14d) >= 15")
    assert found[:2] == [
        "health.score 90 on 2026-03-20 (accounts/_measures/2026-03-20.csv:2)",
        "health.score 60 on 2026-03-30 (accounts/_measures/2026-03-30.csv:2)",
    ]


def test_only_what_made_the_condition_true_is_cited(real: World) -> None:
    found = evidence(real, "(seats < 1 or renewal within 90d) and contacts < 1")
    assert [fact.split(" (")[0] for fact in found] == ["renewal 2026-05-01", "contacts 0"]


# --- listing and settling


def listed(world: World) -> list[Alert]:
    found, problems = plans.alerts(world.ws, load_workflows(world.root).customer_workflows)
    assert problems == []
    return found


def settle(world: World, changes: ChangeSet) -> None:
    with world.ws.writing("alerts") as run:
        world.ws.apply(changes, run)


def episodes(world: World, slug: str = "acme") -> list[Episode]:
    path = f"accounts/{slug}/episodes.jsonl"
    return parse(files.read(world.root, path) or b"", path)


@pytest.fixture
def open_alerts(world: World) -> World:
    world.write("workflows.yaml", ONE)
    for slug, arr in (("acme", 500), ("bolt", 90_000), ("core", None)):
        values = {} if arr is None else {"arr": arr}
        world.account(slug, owner="ana", **values)
        world.known[slug] |= {"health_score": 40.0}
    world.known["acme"]["seats"] = 3
    world.run()
    return world


def test_urgent_ones_come_first_then_what_is_worth_most(open_alerts: World) -> None:
    found = listed(open_alerts)
    assert [(a.account, a.kind, a.urgent) for a in found] == [
        ("acme", "engagement", True),
        ("bolt", "health", False),
        ("acme", "health", False),
        ("core", "health", False),
    ]
    assert found[1].why == "Their health is low"
    assert found[0].why == "seats < 5: seats is 3"


def test_amounts_are_not_converted_so_our_currency_comes_first(open_alerts: World) -> None:
    open_alerts.account("zeta", arr=9_000_000, currency="JPY")
    open_alerts.known["zeta"]["health_score"] = 10.0
    open_alerts.run()
    assert [a.account for a in listed(open_alerts)][1:] == ["bolt", "acme", "zeta", "core"]


def test_what_is_switched_off_is_listed_no_more(open_alerts: World) -> None:
    open_alerts.write("workflows.yaml", ONE.replace("    urgent: true", "    enabled: false"))
    assert {alert.kind for alert in listed(open_alerts)} == {"health"}


def test_an_id_stays_and_its_beginning_is_enough(open_alerts: World) -> None:
    before = {alert.id for alert in listed(open_alerts)}
    open_alerts.on("2026-04-02").run()
    found = listed(open_alerts)
    assert {alert.id for alert in found} == before
    assert plans.find(found, found[2].id[:5].upper()) is found[2]
    for text in ("", "zzzz", found[0].id[:3], f"{found[0].id}0"):
        with pytest.raises(UsageError):
            plans.find(found, text)


def test_taking_note_takes_it_off_the_list_and_leaves_it_open(open_alerts: World) -> None:
    alert = listed(open_alerts)[1]
    settle(open_alerts, plans.acknowledge(open_alerts.ws, alert, "ana", "called\nthem"))
    again = plans.find(listed(open_alerts), alert.id)
    assert not again.waits
    assert again.episode.closed is None
    assert again.episode.seen == {"by": "ana", "on": "2026-03-31", "note": "called them"}
    assert not plans.acknowledge(open_alerts.on("2026-04-01").ws, again, "ana", "called them")
    open_alerts.run()
    assert plans.find(listed(open_alerts), alert.id).episode.seen["by"] == "ana"


def test_a_new_episode_is_a_new_alert(open_alerts: World) -> None:
    alert = listed(open_alerts)[1]
    settle(open_alerts, plans.acknowledge(open_alerts.ws, alert, "ana", ""))
    for day, score in (("2026-04-10", 90.0), ("2026-04-12", 90.0), ("2026-05-10", 40.0)):
        open_alerts.known["bolt"]["health_score"] = score
        open_alerts.on(day).run()
    again = next(a for a in listed(open_alerts) if a.account == "bolt")
    assert again.waits
    assert again.id != alert.id


def test_a_snoozed_workflow_starts_nothing_until_then(open_alerts: World) -> None:
    ws = open_alerts.ws
    until = dt.date(2026, 4, 20)
    open_alerts.account("dune", owner="ana")
    settle(open_alerts, plans.snooze(ws, "dune", "low", until, "ana", "merger"))
    open_alerts.known["dune"] |= {"health_score": 20.0, "seats": 1}
    assert {s.workflow for s in open_alerts.run().steps} == {"gone", "plain"}
    assert not open_alerts.on("2026-04-19").run().steps
    assert {s.workflow for s in open_alerts.on("2026-04-20").run().steps} == {"low"}


def test_a_snoozed_account_starts_nothing_at_all(open_alerts: World) -> None:
    until = dt.date(2026, 4, 20)
    open_alerts.account("dune", owner="ana")
    open_alerts.known["dune"] |= {"health_score": 20.0, "seats": 1}
    settle(open_alerts, plans.snooze(open_alerts.ws, "dune", EVERY, until, "ana", ""))
    assert not open_alerts.run().steps
    assert len(open_alerts.on("2026-04-20").run().steps) == 3


def test_what_is_put_off_leaves_the_list_until_that_day(open_alerts: World) -> None:
    alert = listed(open_alerts)[1]
    changes = plans.snooze(open_alerts.ws, "bolt", "low", dt.date(2026, 4, 3), "ana", "")
    settle(open_alerts, changes)
    assert plans.find(listed(open_alerts), alert.id).quiet == dt.date(2026, 4, 3)
    open_alerts.on("2026-04-03")
    assert plans.find(listed(open_alerts), alert.id).waits


def test_putting_off_again_replaces_the_day(open_alerts: World) -> None:
    for day in (3, 9, 9):
        ws = open_alerts.ws
        settle(open_alerts, plans.snooze(ws, "bolt", "low", dt.date(2026, 4, day), "ana", "x"))
    notes = [e for e in episodes(open_alerts, "bolt") if e.is_note]
    assert [(e.key, e.closed, e.because, e.seen["by"]) for e in notes] == [
        ("snooze", dt.date(2026, 4, 9), "x", "ana")
    ]


def test_a_line_that_cannot_be_read_hides_no_other_account(open_alerts: World) -> None:
    open_alerts.write("accounts/bolt/episodes.jsonl", "nonsense\n")
    found, problems = plans.alerts(
        open_alerts.ws, load_workflows(open_alerts.root).customer_workflows
    )
    assert {alert.account for alert in found} == {"acme", "core"}
    assert [problem.path for problem in problems] == ["accounts/bolt/episodes.jsonl"]


def test_an_episode_keeps_who_saw_it_and_what_it_stands_on() -> None:
    seen = {"by": "ana", "on": "2026-03-31", "note": "naïve"}
    told = Episode("w", "1", dt.date(2026, 3, 31), evidence=["a (b:1)"], seen=seen)
    assert parse(dump([told]) or b"", "x") == [told]


def test_only_conditions_can_be_alerts(world: World) -> None:
    world.write(
        "workflows.yaml",
        "customer_workflows:\n  one: {alert: health, trigger: contact_created, actions: [assign_owner]}\n",
    )
    with pytest.raises(ConfigError, match="alert: only for a trigger that is a condition"):
        load_workflows(world.root)
    world.write(
        "workflows.yaml",
        'customer_workflows:\n  one: {alert: fire, trigger: "seats > 1", actions: [assign_owner]}\n',
    )
    with pytest.raises(ConfigError, match="alert"):
        load_workflows(world.root)


def test_a_run_refuses_to_start_with_a_circle(world: World) -> None:
    world.account("acme")
    world.write(
        "workflows.yaml",
        "customer_workflows:\n  again: {trigger: task_created, actions: [{create_task: {title: x}}]}\n",
    )
    with pytest.raises(ConfigError, match="again starts itself again: again -> again"):
        world.plan()
