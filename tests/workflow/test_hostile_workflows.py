"""A workflows.yaml of somebody who means harm: refused with a clear sentence, in bounded time, before anything runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.workflow import engine
from crmctl.workflow.definition import MAX_WORKFLOWS, lint, load_workflows
from crmctl.workflow.durations import MOST_DAYS
from crmctl.workflow.expression import parse
from crmctl.workflow.steps import MAX_NESTING, MAX_STEPS
from crmctl.workflow.syntax import MAX_DEPTH, MAX_LENGTH, MAX_PAST_DAYS, ExpressionError
from crmctl.workflow.vocabulary import check
from crmctl.workspace.yamlio import MAX_BYTES

from .conftest import World

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0  # far more than any of it takes, far less than what never ends


def workflow(**lines: str) -> str:
    given = {"trigger": '"health_score < 60"', "actions": "[assign_owner]"} | lines
    rows = "".join(f"    {key}: {value}\n" for key, value in given.items())
    return f"customer_workflows:\n  one:\n{rows}"


def refused(world: World, text: str) -> str:
    """What is said about a file, and that neither reading nor running it gets anywhere."""
    world.account("acme")
    world.write("workflows.yaml", text)
    before = world.files()
    with pytest.raises(ConfigError) as caught:
        load_workflows(world.root)
    with pytest.raises(ConfigError):
        engine.plan(world.ws, values=world.values)
    assert world.files() == before
    message = str(caught.value)
    assert "workflows.yaml" in message
    return message


CODE = [
    "health_score.__class__ < 60",
    "().__class__.__base__.__subclasses__() == 1",
    "__import__ == os",
    "health_score.__class__.__mro__ == 1",
    "9**9**9**9 > 1",
    "health_score < 9**9**9",
    "health_score < (lambda: 1)()",
    "[x for x in (1)] == 1",
    "{account} == acme",
    "health_score < 60; drop",
    "open('/etc/passwd') == x",
    "days_since(__builtins__) > 1",
    "eval(health_score)",
    "health_score[0] < 60",
    "health_score == f'{health_score}'",
    "health.drop(health_score) > 1",
    "$(id) == 1",
    "`id` == 1",
    "\\x68ealth_score < 60",
]


@pytest.mark.parametrize("text", CODE)
def test_code_is_no_condition(world: World, text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(parse(text))
    assert 1 <= caught.value.column <= len(text) + 1
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert "column" in refused(world, workflow(trigger=f'"{quoted}"'))


@pytest.mark.parametrize(
    "value",
    ["nan", "inf", "-inf", "Infinity", ".nan", ".inf", "1e999", "NaN%", "0x10", "1_000", "٣", "１"],
)
def test_a_threshold_is_a_plain_finite_number(world: World, value: str) -> None:
    assert refused(world, workflow(trigger=f'"health_score < {value}"'))


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", '"nan"', "1e999", "true", "101", "-1"])
def test_so_is_a_margin(world: World, value: str) -> None:
    assert refused(world, workflow(margin=value))
    assert refused(world, f"defaults: {{margin: {value}}}\n" + workflow())


def test_conditions_are_bounded_in_length_and_depth(world: World) -> None:
    deep = "(" * 200 + "seats > 1" + ")" * 200
    assert str(MAX_DEPTH) in refused(world, workflow(trigger=f'"{deep}"'))
    nots = "not " * 100 + "auto_renew"
    assert str(MAX_DEPTH) in refused(world, workflow(trigger=f'"{nots}"'))
    long = " and ".join(["seats > 1"] * 10_000)
    assert str(MAX_LENGTH) in refused(world, workflow(trigger=f'"{long}"'))
    for key in ("when", "unless", "clear"):
        assert str(MAX_LENGTH) in refused(world, workflow(**{key: f'"{long}"'}))


def test_steps_are_bounded_in_number_and_nesting(world: World) -> None:
    step = "assign_owner"
    for _ in range(MAX_NESTING + 2):
        step = f'{{if: "seats > 1", then: [{step}]}}'
    assert str(MAX_NESTING) in refused(world, workflow(actions=f"[{step}]"))
    many = ", ".join(["assign_owner"] * (MAX_STEPS + 1))
    assert str(MAX_STEPS) in refused(world, workflow(actions=f"[{many}]"))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "customer_workflows: !!python/object/apply:os.system [id]\n",
        "<<: {a: 1}\n",
        "---\na: 1\n" * 1000,
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 5_000,
        "? [a]\n: b\n",
        "customer_workflows:\n  one: {trigger: a\n",
        "\0",
        "customer_workflows:\n  one: {}\n  one: {}\n",
        "%YAML 9.9\n---\na: 1\n",
    ],
)
def test_yaml_that_bites_is_refused(world: World, text: str) -> None:
    assert refused(world, text)


def test_a_file_of_any_size_is_bounded(world: World) -> None:
    filler = "# " + "x" * 998 + "\n"
    assert f"{MAX_BYTES // 1024} KB" in refused(world, filler * 10_000 + workflow())
    one = '  w{}: {{trigger: "seats > 1", actions: [assign_owner]}}\n'
    many = "".join(one.format(n) for n in range(MAX_WORKFLOWS + 1))
    assert str(MAX_WORKFLOWS) in refused(world, f"customer_workflows:\n{many}")


@pytest.mark.parametrize(
    "name",
    [
        "неalth_low",
        "Health_Low",
        "héalth",
        "health low",
        "a" * 61,
        "../../etc",
        "",
        "one\u200b",
        "1st",
    ],
)
def test_names_of_workflows_cannot_be_mistaken_for_one_another(world: World, name: str) -> None:
    assert refused(world, workflow().replace("  one:", f'  "{name}":'))


@pytest.mark.parametrize(
    "trigger",
    [
        "hеalth_score < 60",  # a Cyrillic letter
        "ｈealth_score < 60",  # a full-width letter
        "health\u200b_score < 60",
        "health_score ＜ 60",
        "health_score < 6０",
        "stage == ｃustomer",
        "сontact_created",
    ],
)
def test_letters_that_only_look_alike_are_other_letters(world: World, trigger: str) -> None:
    assert refused(world, workflow(trigger=f'"{trigger}"'))


@pytest.mark.parametrize(
    "action", ["run_shell", "аssign_owner", "assign_owner ", "os.system", "eval"]
)
def test_actions_are_a_closed_list(world: World, action: str) -> None:
    assert "there is no action" in refused(world, workflow(actions=f'["{action}"]'))


@pytest.mark.parametrize(
    "step",
    [
        "{webhook: {target: 'https://evil.example/x'}}",
        "{webhook: {target: '../x'}}",
        "{webhook: {url: 'https://evil.example'}}",
        "{notify: {target: 'evil.example/hook', message: x}}",
        "{notify: {to: [kim], subject: '{__class__}'}}",
        "{notify: {to: [kim], subject: '{account.__class__}'}}",
        "{notify: {to: [kim], subject: '{account!r:>999999999}'}}",
        "{create_task: {title: '{environ[HOME]}'}}",
        "{render: {template: '../../../etc/passwd'}}",
        "{render: {template: '/etc/passwd'}}",
        "{set_field: {field: sources, value: x}}",
        "{set_field: {field: __class__, value: x}}",
        "{move_stage: {stage: hacked}}",
        f"{{wait: {MOST_DAYS + 1}d}}",
        "{wait: 9999999999d}",
        "{create_task: {title: x, due: 9999d}}",
    ],
)
def test_parameters_name_things_and_never_places(world: World, step: str) -> None:
    assert refused(world, workflow(actions=f"[{step}]"))


def test_numbers_cannot_grow_beyond_all_bounds(world: World) -> None:
    assert refused(world, workflow(trigger=f'"health.drop({MAX_PAST_DAYS + 1}d) >= 15"'))
    assert refused(world, workflow(trigger='"health.drop(99999999999999999999d) >= 15"'))
    assert refused(world, workflow(limits="{per_run: 99999999999999999999}"))
    huge = "9" * 400
    world.known["acme"] = {"seats": 5, "renewal": world.ws.today}
    world.account("acme")
    for trigger in (f"seats < {huge}", f"renewal within {huge}d"):
        world.write("workflows.yaml", workflow(trigger=f'"{trigger}"'))
        try:
            opened = engine.plan(world.ws, values=world.values).steps
        except ConfigError:
            continue
        assert len(opened) == 1


BUSY = [
    "trigger: \"industry contains '" + "a" * 400 + "'\"",
    "trigger: \"industry == '(a+)+$'\"",
    'trigger: "' + "a" * 499 + '"',
    'trigger: "' + "a." * 240 + 'b > 1"',
    'trigger: "' + "1" * 499 + '"',
    'trigger: "' + "-" * 499 + '"',
    "trigger: \"'" + "\\\\" * 200 + '"',
    'schedule: "cron ' + "1," * 5000 + '1 * * * *"',
    'schedule: "cron */0 * * * *"',
    'schedule: "cron 0-99999999 * * * *"',
    'schedule: "monthly on 99999999999999"',
    'description: "' + "{" * 100_000 + '"',
    'actions: [{notify: {to: [kim], subject: "' + "{" * 1000 + '"}}]',
    'actions: [{id: "' + "a" * 100_000 + '", assign_owner: {}}]',
    "owner: [" + ", ".join(["{to: kim}"] * 3000) + "]",
]
# Reads, checks and plans each file of a folder in turn, and says so before and after.
DRIVER = """
import sys
from pathlib import Path
from crmctl.model.errors import ConfigError
from crmctl.workflow import engine
from crmctl.workflow.lint import lint
from crmctl.workspace.machine import Machine
from crmctl.workspace.workspace import Workspace
root = Path(sys.argv[1])
for source in sorted(Path(sys.argv[2]).iterdir()):
    (root / "workflows.yaml").write_bytes(source.read_bytes())
    ws = Workspace(root)
    print(source.name, flush=True)
    lint(ws, Machine({}, root / "none"))
    try:
        engine.plan(ws)
    except ConfigError as error:
        assert "workflows.yaml" in str(error)
print("done")
"""


def test_no_text_keeps_crmctl_busy(world: World, tmp_path: Path) -> None:
    """In a process of its own, as nothing in this one could stop it; the last name it prints is that of the culprit."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, text in enumerate(BUSY):
        key, _, value = text.partition(": ")
        lines = {"trigger": '"industry == retail"', "actions": "[assign_owner]"}
        if key == "schedule":
            del lines["trigger"]
        rows = "".join(f"    {name}: {given}\n" for name, given in (lines | {key: value}).items())
        (folder / f"{number:02}.yaml").write_text(f"customer_workflows:\n  one:\n{rows}")
    world.account("acme", industry="a" * 50_000)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(world.root), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CRMCTL_NOW": "2026-03-31T08:00:00Z"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.stdout.endswith("done\n"), done.stdout[-20:] + done.stderr[-2000:]


def test_a_thousand_mistakes_are_told_in_bounded_time_and_words(world: World) -> None:
    keys = "".join(f"    k{n}: 1\n" for n in range(9000))
    message = refused(world, workflow() + keys)
    assert "8800 more mistakes" in message
    doubtful = '  w{}: {{trigger: "health_score < 0", actions: [{}]}}\n'
    steps = ", ".join(["{notify: {to: [nobody]}}"] * MAX_STEPS)
    text = "".join(doubtful.format(n, steps) for n in range(60))
    world.write("workflows.yaml", f"customer_workflows:\n{text}")
    assert len(lint(world.root, world.ws.config)) == 60 * (MAX_STEPS + 1)
