"""Waits, branches and repeated actions: done in order, once, and as decided when they were reached."""

from __future__ import annotations

import pytest

from crmctl.workflow.planner import RunPlan

from .conftest import World


def workflow(world: World, actions: str, extra: str = "") -> None:
    world.write(
        "workflows.yaml",
        f'customer_workflows:\n  low:\n    trigger: "health_score < 60"\n{extra}    actions:\n{actions}',
    )


def did(plan: RunPlan) -> list[str]:
    return [step.action for step in plan.steps if step.state == "did"]


@pytest.fixture
def acme(world: World) -> World:
    world.account("acme", owner="ana")
    world.known["acme"]["health_score"] = 40.0
    return world


WAITS = """\
      - notify_account_manager
      - wait: 3d
      - schedule_check_in_call
      - wait: {days: 2w, until: "health_score < 30"}
      - notify_account_manager
"""


def test_what_comes_after_a_wait_comes_when_it_is_over(acme: World) -> None:
    workflow(acme, WAITS)
    assert did(acme.run()) == ["notify_account_manager"]
    assert did(acme.on("2026-04-02").run()) == []
    assert did(acme.on("2026-04-03").run()) == ["schedule_check_in_call"]
    assert did(acme.on("2026-04-16").run()) == []
    assert did(acme.on("2026-04-17").run()) == ["notify_account_manager_2"]
    assert acme.on("2026-06-01").run().steps == []
    assert len(acme.outbox()) == 2


def test_a_wait_ends_early_when_what_it_waits_for_holds(acme: World) -> None:
    workflow(acme, WAITS)
    acme.run()
    acme.on("2026-04-03").run()
    acme.known["acme"]["health_score"] = 20.0
    assert did(acme.on("2026-04-05").run()) == ["notify_account_manager_2"]


def test_a_wait_that_was_slept_through_is_over_at_once(acme: World) -> None:
    workflow(acme, WAITS)
    acme.run()
    assert did(acme.on("2026-05-01").run()) == ["schedule_check_in_call"]


def test_an_episode_that_is_over_leaves_the_rest_undone(acme: World) -> None:
    workflow(acme, WAITS, "    dwell: 0d\n    clear_for: 0d\n")
    acme.run()
    acme.known["acme"]["health_score"] = 90.0
    acme.on("2026-04-01").run()
    assert did(acme.on("2026-04-10").run()) == []


def test_unless_it_says_to_finish(acme: World) -> None:
    workflow(acme, WAITS, "    dwell: 0d\n    clear_for: 0d\n    on_clear: finish\n")
    acme.run()
    acme.known["acme"]["health_score"] = 90.0
    acme.on("2026-04-01").run()
    assert did(acme.on("2026-04-10").run()) == ["schedule_check_in_call"]


BRANCH = """\
      - if: "arr >= 50k EUR"
        then: [escalate_to_manager]
        else: [schedule_check_in_call]
      - notify_account_manager
"""


@pytest.mark.parametrize(
    ("arr", "currency", "expected"),
    [
        (50_000, "EUR", ["escalate_to_manager", "notify_account_manager"]),
        (49_999, "EUR", ["schedule_check_in_call", "notify_account_manager"]),
        (90_000, "USD", ["notify_account_manager"]),
        (None, "EUR", ["notify_account_manager"]),
    ],
)
def test_a_branch_takes_one_way_and_neither_while_unknown(
    acme: World, arr: int | None, currency: str, expected: list[str]
) -> None:
    workflow(acme, BRANCH)
    acme.known["acme"] |= {"arr": arr, "currency": currency}
    assert did(acme.run()) == expected


def test_a_way_once_taken_is_kept(acme: World) -> None:
    workflow(acme, BRANCH.replace("[escalate_to_manager]", "[{wait: 1d}, escalate_to_manager]"))
    acme.known["acme"] |= {"arr": 60_000, "currency": "EUR"}
    assert did(acme.run()) == []
    acme.known["acme"]["arr"] = 10
    assert did(acme.on("2026-04-01").run()) == ["escalate_to_manager", "notify_account_manager"]


def test_a_branch_is_decided_once_it_can_be(acme: World) -> None:
    workflow(acme, BRANCH)
    assert did(acme.run()) == ["notify_account_manager"]
    acme.known["acme"] |= {"arr": 60_000, "currency": "EUR"}
    assert did(acme.on("2026-04-01").run()) == ["escalate_to_manager"]
    assert acme.on("2026-04-02").run().steps == []


def test_a_second_run_of_one_day_changes_no_byte(acme: World) -> None:
    workflow(acme, WAITS + BRANCH)
    acme.run()
    before = acme.files()
    assert acme.run().changes.paths == []
    assert acme.files() == before


def test_owner_rules_decide_who_gets_the_work(acme: World) -> None:
    rules = "    owner: [{if: 'segment == enterprise', to: kim}, {if: 'seats > 5', to: manager}, {to: ben}]\n"
    workflow(acme, "      - schedule_check_in_call\n", rules)
    for values, owner in (
        ({"segment": "enterprise"}, "kim"),
        ({"segment": "smb", "seats": 9}, "kim"),
        ({}, "ben"),
    ):
        for path in list(acme.files()):
            if "/tasks/" in path or path.endswith("episodes.jsonl"):
                (acme.root / path).unlink()
        acme.known["acme"] = {"stage": "customer", "health_score": 40.0, **values}
        acme.run()
        (task,) = [text for path, text in acme.files().items() if "/tasks/" in path]
        assert f"owner: {owner}".encode() in task
