"""Files with tests of workflows: what passes, what fails and says why, and what is wrong with a file itself."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from crmctl.workflow import replay_files, testing_report
from crmctl.workflow.testing import WorkflowTests
from crmctl.workflow.testing_run import Outcome, run_file
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

from .conftest import World

GIVEN = """\
given:
  config:
    team:
      - {id: ana, name: Ana Example, manager: kim}
      - {id: kim, name: Kim Example}
    default_owner: ana
  accounts:
    acme: {profile: {stage: customer, owner: ana}, contacts: {ines-okafor: {roles: [champion]}}}
tests:
"""


def run(world: World, tests: str, given: str = GIVEN) -> list[Outcome]:
    return run_file(world.ws, "t.yaml", (given + tests).encode(), replay_files.read(world.ws))


def only(world: World, tests: str, given: str = GIVEN) -> Outcome:
    (outcome,) = run(world, tests, given)
    return outcome


LOW = """\
  - name: low
    workflow: health_degradation
    given: {accounts: {acme: {profile: {stage: customer, owner: ana}, values: {health_score: 54}}}}
    on: 2026-03-31
    expect:
"""


def test_what_is_expected_must_be_done_all_of_it(world: World) -> None:
    whole = only(world, f"{LOW}      - {{workflow: health_degradation}}\n")
    assert whole.passed
    part = only(
        world, f"{LOW}      - {{workflow: health_degradation, action: create_intervention_plan}}\n"
    )
    (miss,) = part.misses
    assert (miss.days, list(miss.missing)) == ("2026-03-31", [])
    assert [text.split()[2] for text in miss.extra] == [
        "notify_account_manager",
        "schedule_check_in_call",
        "escalate_to_manager",
    ]
    assert "to kim" in miss.extra[2]


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("action: notify_account_manager, to: ana", True),
        ("action: notify_account_manager, to: kim", False),
        ("action: notify_account_manager, message: Acme", True),
        ("action: notify_account_manager, message: Other", False),
        ("action: escalate_to_manager, to: [kim], task: {owner: kim, due: 2026-04-01}", True),
        (
            "action: schedule_check_in_call, task: {owner: ana, due: 2026-04-02, priority: high}",
            True,
        ),
        ("action: schedule_check_in_call, task: {due: 2026-04-03}", False),
        ("action: notify_account_manager, task: {owner: ana}", False),
        ("action: notify_account_manager, state: failed", False),
        ("action: notify_account_manager, because: health_score is 54", True),
        ("action: notify_account_manager, text: message to ana, account: acme", True),
        ("action: notify_account_manager, account: birch", False),
    ],
)
def test_each_part_of_an_expectation_counts(world: World, wanted: str, holds: bool) -> None:
    outcome = only(world, f"{LOW}      - {{workflow: health_degradation, {wanted}}}\n")
    assert not outcome.error
    assert [bool(miss.missing) for miss in outcome.misses] == [not holds]


def test_days_go_on_from_each_other_and_a_failure_names_the_line(world: World) -> None:
    outcome = only(
        world,
        """\
  - name: told once
    workflow: health_degradation
    days:
      - {on: 2026-03-30, set: {acme: {values: {health_score: 80}}}, expect: nothing}
      - {on: 2026-03-31, set: {acme: {values: {health_score: 50}}}, expect: [{workflow: health_degradation}]}
      - {on: 2026-04-01, until: 2026-04-30, expect: [{workflow: health_degradation}]}
""",
    )
    assert list(outcome.lines()) == [
        "on 2026-04-01 to 2026-04-30 (line 15)",
        "- expected: health_degradation did",
    ]
    assert outcome.line == 10


def test_what_is_given_was_there_before_and_what_is_added_is_new(world: World) -> None:
    tests = """\
  - name: new contact
    workflow: new_prospect
    days:
      - on: 2026-03-31
        add: {acme: {contacts: {rui-almeida: {}}}}
        expect: [{workflow: new_prospect, because: contacts/rui-almeida}]
  - name: known contact
    workflow: new_prospect
    on: 2026-03-31
    expect: nothing
"""
    assert [outcome.passed for outcome in run(world, tests)] == [True, True]


def test_records_traffic_and_measures_are_seen_as_in_a_real_account(world: World) -> None:
    world.write(
        "workflows.yaml",
        """\
customer_workflows:
  quiet:
    trigger: "days_since(last_interaction) > 30"
    actions: [notify_account_manager]
  fewer:
    trigger: "usage.active_users.drop(14d) >= 10 and open_deals >= 1"
    actions: [notify_account_manager]
  moved:
    trigger: deal_stage_moved
    actions: [notify_account_manager]
""",
    )
    given = """\
given:
  config: {team: [{id: ana, name: Ana Example}]}
  accounts:
    acme:
      profile: {stage: customer, owner: ana}
      contacts: {ines-okafor: {}}
      deals: {fleet: {stage: discovery}}
      interactions: {2026-02-01-call-1: {type: call, at: 2026-02-01T10:00:00Z, with: [ines-okafor]}}
      traffic:
        - {type: email, at: 2026-02-28T10:00:00Z, direction: in, with: [ines-okafor]}
      measures: {2026-03-20: {usage.active_users: 40}, 2026-03-31: {usage.active_users: 25}}
tests:
"""
    outcome = only(
        world,
        """\
  - name: all three
    days:
      - {on: 2026-03-29, expect: nothing}
      - {on: 2026-03-31, expect: [{workflow: quiet}, {workflow: fewer}]}
      - {on: 2026-04-01, set: {acme: {deals: {fleet: {stage: proposal}}}}, expect: [{workflow: moved}]}
""",
        given,
    )
    assert list(outcome.lines()) == []


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("{name: x, on: 2026-03-31, expect: nothin}", "write a list of what is done, or nothing"),
        ("{name: x, on: 2026-03-31}", "expect is missing"),
        ("{name: x, expect: nothing}", "either on and expect, or days"),
        ("{name: x, on: 2026-03-31, expect: [{workflow: lo}]}", "lo, which does not run here"),
        (
            "{name: x, on: 2026-03-31, expect: [{workflow: health_degradatio}]}",
            "did you mean health_degradation?",
        ),
        ("{name: x, on: 2026-03-31, expect: [{workflow: low, stat: did}]}", "not a known setting"),
        ("{name: x, days: [{on: 2026-03-31}]}", "no day expects anything"),
        (
            "{name: x, days: [{on: 2026-03-31, expect: nothing}, {on: 2026-03-30}]}",
            "the days are not in order",
        ),
        ("{name: x, days: [{on: 2026-03-31, until: 2036-03-31, expect: nothing}]}", "at most 400"),
        (
            "{name: x, given: {accounts: {acme: {values: {health_scor: 5}}}}, on: 2026-03-31, expect: nothing}",
            "did you mean health_score?",
        ),
        (
            "{name: x, given: {accounts: {acme: {profile: {ownr: ana}}}}, on: 2026-03-31, expect: nothing}",
            "did you mean owner?",
        ),
        (
            "{name: x, given: {accounts: {acme: {profile: {stage: custmer}}}}, on: 2026-03-31, expect: nothing}",
            'stage: found "custmer"',
        ),
        (
            "{name: x, days: [{on: 2026-03-31, add: {acme: {contacts: {ines-okafor: {}}}}, expect: nothing}]}",
            "is there already",
        ),
        (
            "{name: x, given: {accounts: {acme: {tasks: {call: {title: Call}}}}}, on: 2026-03-31, expect: nothing}",
            "2026-03-31-call-1",
        ),
        (
            "{name: x, given: {accounts: {../x: {}}}, on: 2026-03-31, expect: nothing}",
            "is no folder",
        ),
    ],
)
def test_what_is_wrong_with_a_test_is_said_with_its_line(
    world: World, test: str, said: str
) -> None:
    outcomes = run(world, f"  - {test}\n")
    assert any(said in outcome.error for outcome in outcomes), outcomes
    assert {outcome.line for outcome in outcomes} == {10}


def test_a_file_that_is_no_yaml_or_too_large_is_refused(world: World) -> None:
    rules = replay_files.read(world.ws)
    (damaged,) = run_file(world.ws, "t.yaml", b"tests: [", rules)
    assert damaged.error
    (large,) = run_file(world.ws, "t.yaml", b"#" * 2_000_000, rules)
    assert "larger than" in large.error


def test_nothing_is_written_to_the_workspace(world: World) -> None:
    before = world.files()
    assert only(world, f"{LOW}      - {{workflow: health_degradation}}\n").passed
    assert world.files() == before
    assert world.outbox() == []


def test_the_shipped_tests_pass(workspace: Path) -> None:
    ws = Workspace(workspace)
    files = sorted((workspace / "workflow-tests").glob("*.yaml"))
    assert len(files) >= 2
    for path in files:
        outcomes = run_file(ws, path.name, path.read_bytes(), replay_files.read(ws))
        assert outcomes
        assert [line for outcome in outcomes for line in outcome.lines()] == []


def test_the_command_fails_when_a_test_does(crm: Crm, workspace: Path) -> None:
    assert crm("workflow", "test").code == 0
    text = (workspace / "workflows.yaml").read_text()
    (workspace / "other.yaml").write_text(text.replace("health_score < 60", "health_score < 40"))
    failed = crm(
        "workflow", "test", "workflow-tests/seed.yaml", "-f", "other.yaml", "--junit", "j.xml"
    )
    assert failed.code == 1
    assert "FAIL workflow-tests/seed.yaml:" in failed.out
    cases = ET.parse(workspace / "j.xml").getroot()
    assert len(cases.findall(".//failure")) == failed.out.count("FAIL ")
    told = crm("workflow", "test", "workflow-tests/seed.yaml", "--file", "other.yaml", "--json")
    assert json.loads(told.out)["failed"] == failed.out.count("FAIL ")


def test_a_hostile_name_cannot_leave_the_xml() -> None:
    outcome = Outcome("t.yaml", 1, 'a"/><x>\x1b[31m\x00', error="<b>&\x07")
    root = ET.fromstring(testing_report.junit([outcome]))
    assert [case.tag for case in root.iter()] == ["testsuites", "testsuite", "testcase", "failure"]


def test_there_is_a_schema() -> None:
    properties = WorkflowTests.model_json_schema()["properties"]
    assert set(properties) == {"description", "given", "tests"}
