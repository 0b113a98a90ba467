"""Actions with parameters: checked before anything runs, done once, and never against a person's word."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

from crmctl.model.errors import ConfigError
from crmctl.workflow import actions, outbox, steps
from crmctl.workflow.actions import Action
from crmctl.workflow.definition import load_workflows
from crmctl.workflow.occasion import Done, Occasion
from crmctl.workspace.records import read_record

from .conftest import World


def workflow(world: World, action: str) -> None:
    world.write(
        "workflows.yaml",
        f'customer_workflows:\n  low:\n    trigger: "health_score < 60"\n    actions:\n      - {action}\n',
    )


@pytest.fixture
def acme(world: World) -> World:
    world.account("acme", owner="ana", segment="smb", step="adoption")
    world.known["acme"] |= {"health_score": 41.26, "usage_growth": -0.5}
    return world


def profile(world: World) -> dict[str, object]:
    raw = world.files()["accounts/acme/profile.md"]
    record, problems = read_record(raw, "accounts/acme/profile.md", world.ws.ranking)
    assert problems == []
    return dict(record.own)


def tasks(world: World) -> list[str]:
    return [text.decode() for path, text in world.files().items() if "/tasks/" in path]


def test_a_task_in_its_own_words(acme: World) -> None:
    workflow(
        acme,
        "create_task: {due: 1w, title: 'Call {account}: health {health_score}, usage {usage_growth}, seats {seats}'}",
    )
    (step,) = acme.run().steps
    assert step.text == "task due 2026-04-07"
    (task,) = tasks(acme)
    assert "Call Acme: health 41.26, usage -50%, seats not known" in task
    assert "owner: ana" in task
    assert acme.run().steps == []


@pytest.mark.parametrize(
    ("wanted", "owner"),
    [("manager", "kim"), ("account_owner", "ana"), ("least_loaded", "ben"), ("ben", "ben")],
)
def test_a_task_for_whoever_is_meant(acme: World, wanted: str, owner: str) -> None:
    workflow(acme, f"create_task: {{title: Look at it, owner: {wanted}}}")
    acme.run()
    assert f"owner: {owner}" in tasks(acme)[0]


def test_a_field_that_nobody_stated_is_set(acme: World) -> None:
    workflow(acme, "set_field: {field: plan, value: enterprise}")
    assert [s.text for s in acme.run().steps] == ["plan is enterprise"]
    assert profile(acme)["plan"] == "enterprise"
    before = acme.files()
    assert acme.run().changes.paths == []
    assert acme.files() == before


def test_a_person_s_value_stays_unless_it_says_so(acme: World) -> None:
    workflow(acme, "set_field: {field: segment, value: enterprise}")
    assert [s.text for s in acme.run().steps] == ["segment stays smb, which a person stated"]
    assert profile(acme)["segment"] == "smb"
    workflow(acme, "{id: again, set_field: {field: segment, value: enterprise, overwrite: true}}")
    acme.on("2026-04-01").run()
    assert profile(acme)["segment"] == "enterprise"


def test_a_move_keeps_the_history_and_lays_out_the_stage_s_tasks_once(acme: World) -> None:
    workflow(acme, "move_stage: {stage: churn_risk}")
    assert [s.text for s in acme.run().steps] == ["moved to churn risk"]
    now = profile(acme)
    assert (now["stage"], now["step"]) == ("churn_risk", "early_warning")
    assert [row["stage"] for row in now["stage_history"]] == ["customer"]  # type: ignore[attr-defined]
    laid_out = tasks(acme)
    assert len(laid_out) > 1
    acme.known["acme"]["stage"] = "churn_risk"
    (acme.root / "accounts/acme/episodes.jsonl").unlink()
    acme.on("2026-04-02").run()
    assert tasks(acme) == laid_out


def test_a_document_from_a_template_of_the_team_s_own(acme: World) -> None:
    acme.write(
        "templates/rescue.md.j2",
        "---\naccount: {{ slug }}\n---\n# {{ name }} until {{ in_a_week }}\n",
    )
    workflow(acme, "render: {template: rescue}")
    (step,) = acme.run().steps
    assert acme.files()[step.path].decode() == "---\naccount: acme\n---\n# Acme until 2026-04-07\n"


def test_a_message_in_its_own_words_to_people_and_a_place(acme: World) -> None:
    workflow(
        acme,
        "notify: {to: [manager, account_owner], target: cs-alerts,"
        " subject: '{account} at {health_score}', urgent: true}",
    )
    acme.run()
    (message,), _ = outbox.waiting(acme.ws.state_dir)
    assert (message.to, message.target, message.urgent) == (("kim", "ana"), "cs-alerts", True)
    assert message.subject == "Acme at 41.26"


def test_a_message_of_an_older_version_is_still_read(acme: World) -> None:
    workflow(acme, "webhook: {target: ops}")
    acme.run()
    (path,) = (acme.ws.state_dir / "outbox").glob("*.json")
    data = json.loads(path.read_text())
    for newer in ("urgent", "target"):
        del data[newer]
    path.write_text(json.dumps(data))
    (message,), problems = outbox.waiting(acme.ws.state_dir)
    assert (message.urgent, message.target, problems) == (False, "", [])


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("create_task: {}", "title: is missing"),
        ("create_task: {title: x, due: soon}", "write days or weeks"),
        ("create_task: {title: x, priority: urgent}", "priority"),
        ("create_task: {title: 'a {helth_score}'}", "did you mean health_score"),
        ("create_task: {title: 'a {__class__}'}", "nothing is called __class__"),
        ("create_task: {title: x, titel: y}", "did you mean title?"),
        ("set_field: {field: segmnt, value: x}", "no field that an action may set"),
        ("set_field: {field: seats, value: many}", "seats"),
        ("set_field: {field: stage, value: customer}", "use move_stage"),
        ("set_field: {field: name, value: Other}", "no field that an action may set"),
        ("move_stage: {stage: prospects}", "is no stage"),
        ("move_stage: {stage: customer, step: discovery}", "is no step of customer"),
        ("render: {template: ../../etc/passwd}", "template"),
        ("notify: {}", "needs to or target"),
        ("webhook: {target: 'https://evil.example/x'}", "target"),
        ("webhook: {url: 'https://evil.example/x', target: a}", "there is no parameter url"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(acme: World, action: str, words: str) -> None:
    workflow(acme, action)
    with pytest.raises(ConfigError) as caught:
        load_workflows(acme.root)
    assert words in str(caught.value)
    assert "workflows.yaml:5:" in str(caught.value)


def test_a_package_brings_an_action_of_its_own(
    acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("ring_bell", f"{__name__}:BELL", "crmctl.actions")
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda *, group: [point] if group else []
    )
    actions._installed.cache_clear()
    try:
        workflow(acme, "ring_bell")
        assert [s.text for s in acme.run().steps] == ["rang for Acme"]
        assert steps.read(["ring_bell"])
    finally:
        actions._installed.cache_clear()


def _ring(occasion: Occasion) -> Done:
    return Done(f"rang for {occasion.company}")


BELL = Action("rings a bell", _ring)
