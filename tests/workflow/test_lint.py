"""`workflow lint`: doubts and mistakes, each at its line and column."""

from __future__ import annotations

import pytest

from crmctl.workflow.lint import lint
from crmctl.workspace.machine import Machine

from .conftest import World


def found(
    world: World, text: str, **environment: str
) -> tuple[list[tuple[int, int, str]], list[str]]:
    world.write("workflows.yaml", text)
    findings, notes = lint(world.ws, Machine(environment, world.root / "machine.toml"))
    return [(f.problem.line, f.column, f.problem.message) for f in findings], notes


def one(**lines: str) -> str:
    given = {"trigger": '"health_score < 60"', "actions": "[assign_owner]"} | lines
    rows = "".join(f"    {key}: {value}\n" for key, value in given.items() if value)
    return f"customer_workflows:\n  one:\n{rows}"


@pytest.mark.parametrize(
    ("lines", "line", "column", "words"),
    [
        ({"trigger": '"seats > 1 and health_scor < 60"'}, 3, 29, "did you mean health_score?"),
        ({"trigger": "health_scor < 60"}, 3, 14, "did you mean health_score?"),
        ({"actions": "[assign_owner, asign_owner]"}, 4, 29, "did you mean assign_owner?"),
        ({"colour": "red"}, 5, 5, "is not a known setting"),
        ({"for": "2"}, 5, 5, "write days or weeks"),
    ],
)
def test_a_mistake_has_a_line_and_a_column(
    world: World, lines: dict[str, str], line: int, column: int, words: str
) -> None:
    (finding,), _ = found(world, one(**lines))
    assert finding[:2] == (line, column)
    assert words in finding[2]


def test_a_condition_over_several_lines_has_its_line_alone(world: World) -> None:
    ((line, column, message),), _ = found(
        world, one(trigger="|\n      seats > 1 and\n      sea < 2")
    )
    assert (line, column) == (3, 5)
    assert "nothing is called sea" in message


def test_what_is_no_yaml_has_its_line(world: World) -> None:
    ((line, column, message),), _ = found(world, "customer_workflows:\n  a: {\n")
    assert (line > 0, column) == (True, 0)
    assert "YAML" in message


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("health_score < 0", "never true: health_score is from 0 to 100"),
        ("health_score > 100", "never true"),
        ("health_score >= 0", "always true where it is known"),
        ("health_score <= 100", "always true"),
        ("0 > health_score", "never true"),
        ("health.drop(14d) > 100", "never true"),
        ("usage_growth < -100%", "never true: usage_growth is at least -1"),
        ("open_tasks < 0", ""),
        ("contacts < 0", "never true: contacts is at least 0"),
        ("champion > 1", "never true"),
        ("sentiment < -1", "never true"),
        ("not (health_score < 0)", "never true"),
        ("expansion_said >= 150%", "never true"),
    ],
)
def test_a_threshold_that_is_never_reached(world: World, trigger: str, words: str) -> None:
    findings, _ = found(world, one(trigger=f'"{trigger}"'))
    assert words in findings[0][2]


@pytest.mark.parametrize(
    "trigger",
    [
        "health_score < 1",
        "health_score >= 100",
        "health_score == 100",
        "usage_growth > 900%",
        "sentiment < 0",
        "days_since(last_interaction) > 30",
        "arr > -5",
        "contacts > 0",
        "usage.active_users < 0",
    ],
)
def test_a_threshold_that_is_reached_is_no_doubt(world: World, trigger: str) -> None:
    assert found(world, one(trigger=f'"{trigger}"')) == ([], [])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({"unless": '"health_score  <  60"'}, "never starts"),
        ({"when": '"seats > 1"', "unless": '"seats > 1"'}, "the same as when"),
        ({"when": '"health_score < 60"'}, "the same as the trigger"),
        ({"schedule": "daily", "trigger": ""}, "is due in every account"),
        ({"owner": "nobody"}, "nobody in the team"),
        ({"actions": "[{notify: {to: [kim, anna]}}]"}, "anna is nobody in the team"),
        ({"actions": "[{create_task: {title: x, owner: anna}}]"}, "anna is nobody in the team"),
        ({"actions": "[{render: {template: no-such-page}}]"}, "there is no such template"),
        ({"actions": "[{if: 'health_score < 0', then: [assign_owner]}]"}, "never true"),
        (
            {"actions": "[{wait: {days: 3d, until: 'health_score < 0'}}, assign_owner]"},
            "never true",
        ),
    ],
)
def test_what_was_surely_not_meant(world: World, lines: dict[str, str], words: str) -> None:
    ((line, column, message),), _ = found(world, one(**lines))
    assert line > 2
    assert column > 0
    assert words in message


@pytest.mark.parametrize(
    "lines",
    [
        {"schedule": "weekly on monday"},
        {"schedule": "daily", "trigger": "", "when": '"stage == customer"'},
        {"actions": "[{notify: {to: [account_owner, manager, least_loaded, kim]}}]"},
        {"actions": "[{render: {template: intervention-plan}}]"},
    ],
)
def test_what_is_meant_raises_no_doubt(world: World, lines: dict[str, str]) -> None:
    assert found(world, one(**lines)) == ([], [])


def test_a_target_that_this_machine_does_not_know_is_only_noted(world: World) -> None:
    text = one(actions="[{notify: {target: cs-team}}, {webhook: {target: desk}}]")
    findings, notes = found(world, text)
    assert findings == []
    assert [note.partition(";")[0] for note in notes] == [
        "one: this machine knows no target cs-team",
        "one: this machine knows no target desk",
    ]
    _, notes = found(world, text, CRMCTL_TARGET_DESK_KIND="webhook")
    assert len(notes) == 1


def test_names_that_differ_in_case_alone_cannot_be(world: World) -> None:
    text = one() + one().partition("\n")[2].replace("one:", "ONE:")
    (finding,), _ = found(world, text)
    assert "pattern" in finding[2]
    twice = one() + one().partition("\n")[2]
    (finding,), _ = found(world, twice)
    assert "twice" in finding[2] or "duplicate" in finding[2]


def test_no_file_is_only_noted(world: World) -> None:
    (world.root / "workflows.yaml").unlink()
    findings, notes = lint(world.ws, Machine({}, world.root / "machine.toml"))
    assert findings == []
    assert "no workflow runs" in notes[0]


def test_a_circle_is_an_error_at_its_workflow(world: World) -> None:
    ((line, column, message),), _ = found(
        world, one(trigger="task_created", actions="[{create_task: {title: x}}]")
    )
    assert (line, column) == (2, 3)
    assert "one -> one" in message
