"""workflows.yaml: the seed's block as it is, and mistakes named with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmctl.insight.health_weights import INPUTS
from crmctl.model.errors import ConfigError
from crmctl.workflow.actions import ACTIONS
from crmctl.workflow.definition import lint, load_workflows
from crmctl.workflow.triggers import EVENTS
from crmctl.workflow.vocabulary import COUNTS, HEALTH, SAID, terms
from crmctl.workflow.vocabulary import INPUTS as INPUT_TERMS
from crmctl.workspace.templates import shipped

from .conftest import SEED, SEED_ACTIONS, World

ROOT = Path(__file__).resolve().parents[2]


def mistake(world: World, text: str) -> str:
    world.write("workflows.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load_workflows(world.root)
    return str(caught.value)


def workflow(**changed: str) -> str:
    lines = {"trigger": '"health_score < 60"', "actions": "[schedule_check_in_call]"} | changed
    rows = "".join(f"    {key}: {value}\n" for key, value in lines.items())
    return f"customer_workflows:\n  quiet:\n{rows}"


def test_the_seed_is_read_as_it_stands_and_raises_no_warning(world: World) -> None:
    workflows = load_workflows(world.root).customer_workflows
    assert list(workflows) == ["new_prospect", "health_degradation", "expansion_opportunity"]
    assert {action for each in workflows.values() for action in each.actions} == SEED_ACTIONS
    assert lint(world.root, world.ws.config) == []


def test_the_shipped_file_holds_the_seed_to_the_letter() -> None:
    block = SEED.partition("\n")[2]
    text = (ROOT / "workflows.yaml").read_text()
    assert block in text
    assert shipped("workflows.yaml") == text.encode()


def test_every_input_of_the_score_has_a_name() -> None:
    assert not INPUTS - terms().keys()


def test_the_manual_names_every_action_and_every_name() -> None:
    manual = (ROOT / "docs" / "workflows.md").read_text()
    names = (
        {term.name for term in (*HEALTH, *INPUT_TERMS, *COUNTS, *SAID)} | set(ACTIONS) | set(EVENTS)
    )
    assert not [name for name in names if f"`{name}`" not in manual]


def test_no_file_is_no_workflow(world: World) -> None:
    (world.root / "workflows.yaml").unlink()
    assert load_workflows(world.root).customer_workflows == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (workflow(trigger='"health_scor < 60"'), 3, "did you mean health_score?"),
        (workflow(trigger="contact_create"), 3, "did you mean contact_created?"),
        (workflow(actions="[schedule_checkin_call]"), 4, "did you mean schedule_check_in_call?"),
        (workflow(actions="[]"), 4, "at least 1"),
        (workflow(actions="[{assign_owner: {to: kim}}]"), 4, "there is no parameter to"),
        (workflow(actions="[{wait: 3}]"), 4, "write days or weeks"),
        (
            workflow(actions="[{if: 'stage == custmer', then: [assign_owner]}]"),
            4,
            "did you mean customer",
        ),
        (
            workflow(actions="[{id: a, assign_owner: {}}, {id: a, assign_owner: {}}]"),
            2,
            "two steps",
        ),
        (workflow(schedule="weekly on fryday"), 5, "no day of the week"),
        (workflow(schedule="cron 61 * * * *"), 5, "no cron time"),
        (workflow(**{"for": "2"}), 5, "write days or weeks"),
        (
            workflow(trigger="contact_created", dwell="2d"),
            2,
            "only for a trigger that is a condition",
        ),
        (workflow(trigger='"changed(renewl)"'), 3, "did you mean renewal"),
        (workflow(when='"stage = customer"'), 5, "did you mean =="),
        (workflow(actions="[run_shell]"), 4, "there is no action run_shell"),
        (workflow(command="rm -rf /"), 5, "not a known setting"),
        (workflow(due_in_days="soon"), 5, "due_in_days"),
        (workflow(due_in_days="-1"), 5, "greater than or equal to 0"),
        (workflow(enabled="1"), 5, "boolean"),
        ("customer_workflows:\n  a: {}\n", 2, "actions"),
        ("customer_workflows:\n  a: {actions: [assign_owner]}\n", 2, "trigger or a schedule"),
        ("workflows:\n  a: {}\n", 1, "not a known setting"),
        ("customer_workflows: [a]\n", 1, "customer_workflows"),
        ("customer_workflows: &a\n  b: *a\n", 1, "anchors"),
    ],
)
def test_a_mistake_is_named_with_its_line(world: World, text: str, line: int, words: str) -> None:
    message = mistake(world, text)
    assert f"workflows.yaml:{line}:" in message
    assert words in message


def test_all_mistakes_are_reported_at_once(world: World) -> None:
    text = workflow(trigger="seats", actions="[nothing]", colour="red")
    assert mistake(world, text).count("workflows.yaml:") == 3


def test_doubts_are_warnings_with_their_line(world: World) -> None:
    world.write("workflows.yaml", workflow(trigger='"usage_growth > 50"', owner="nobody"))
    found = [(p.line, p.severity, p.message) for p in lint(world.root, world.ws.config)]
    assert [(line, severity) for line, severity, _ in found] == [(3, "warning"), (5, "warning")]
    assert "did you mean 50%?" in found[0][2]
    assert "nobody in the team" in found[1][2]


def test_too_many_workflows_are_refused(world: World) -> None:
    one = '  w{}: {{trigger: "seats > 1", actions: [assign_owner]}}\n'
    text = "customer_workflows:\n" + "".join(one.format(n) for n in range(201))
    assert "at most 200" in mistake(world, text)
