"""Workflows that would start each other for ever are refused before they run."""

from __future__ import annotations

import pytest

from crmctl.workflow.definition import lint

from .conftest import SEED, World


def cycles(world: World, text: str) -> list[str]:
    world.write("workflows.yaml", text)
    found = lint(world.root, world.ws.config)
    return [p.message for p in found if p.severity == "error"]


def test_the_seed_has_none(world: World) -> None:
    assert cycles(world, SEED) == []


def test_a_workflow_that_makes_what_starts_it(world: World) -> None:
    text = "customer_workflows:\n  grow: {trigger: deal_created, actions: [create_expansion_opportunity]}\n"
    (message,) = cycles(world, text)
    assert "grow -> grow" in message


def test_two_that_start_each_other_are_named_in_order(world: World) -> None:
    text = """\
customer_workflows:
  tasks: {trigger: deal_created, actions: [schedule_check_in_call]}
  deals: {trigger: task_created, actions: [create_expansion_opportunity]}
  other: {trigger: contact_created, actions: [notify_account_team]}
"""
    (message,) = cycles(world, text)
    assert "tasks -> deals -> tasks" in message


@pytest.mark.parametrize(
    "trigger",
    ["not known(owner)", "open_tasks < 3", "contact_created"],
)
def test_what_an_action_settles_is_no_cycle(world: World, trigger: str) -> None:
    text = f'customer_workflows:\n  a: {{trigger: "{trigger}", actions: [assign_owner, schedule_check_in_call]}}\n'
    assert cycles(world, text) == []


def test_one_that_is_switched_off_starts_nothing(world: World) -> None:
    workflow = "{trigger: deal_created, actions: [create_expansion_opportunity], enabled: false}"
    text = f"customer_workflows:\n  grow: {workflow}\n"
    assert cycles(world, text) == []
