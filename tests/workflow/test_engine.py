"""Runs: what fires, once, and what a second, a failed or a killed run leaves."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.workflow import actions, engine, outbox
from crmctl.workflow.actions import Action
from crmctl.workflow.occasion import Done, Occasion
from crmctl.workflow.planner import RunPlan
from crmctl.workspace import files
from crmctl.workspace.episodes import Episode, parse

from .conftest import SEED_ACTIONS, World


def acts(plan: RunPlan) -> list[tuple[str, str, str]]:
    return [(step.account, step.action, step.state) for step in plan.steps]


def episodes(world: World, slug: str) -> list[Episode]:
    path = f"accounts/{slug}/episodes.jsonl"
    return parse(files.read(world.root, path) or b"", path)


def state_episodes(world: World, slug: str = "globex") -> list[tuple[str, str, str | None]]:
    return [
        (e.key, e.opened.isoformat(), e.closed.isoformat() if e.closed else None)
        for e in episodes(world, slug)
        if e.workflow == "health_degradation"
    ]


@pytest.fixture
def peopled(world: World) -> World:
    """A prospect with two contacts, a customer in trouble that grows, a customer at peace."""
    world.account("acme", "prospect", industry="software", employees=300)
    world.contact("acme", "jane-doe")
    world.contact("acme", "joe-roe", roles=["champion"])
    world.account("globex", owner="ana", arr=48000, currency="GBP")
    world.contact("globex", "max-power", roles=["decision_maker"])
    world.account("initech", owner="ben")
    world.contact("initech", "mila-ortiz")
    world.known["globex"] |= {"health_score": 54.2, "usage_growth": 0.62}
    world.known["initech"] |= {"health_score": 91.0, "usage_growth": 0.1}
    return world


def test_the_seed_does_all_twelve_actions(peopled: World) -> None:
    plan = peopled.run()
    assert {step.action for step in plan.steps} == SEED_ACTIONS
    assert {step.state for step in plan.steps} == {"did"}
    assert {step.account for step in plan.steps} == {"acme", "globex"}


def test_the_plan_writes_nothing_and_is_what_the_run_then_does(peopled: World) -> None:
    before = peopled.files()
    planned = peopled.plan()
    assert peopled.files() == before
    assert peopled.outbox() == []
    done = peopled.run()
    assert done.steps == planned.steps
    assert done.messages == planned.messages
    assert list(done.changes) == list(planned.changes)
    after = peopled.files()
    written = {path for path in after if after[path] != before.get(path)}
    assert written == set(planned.changes.paths)
    assert all(after[change.path] == change.new for change in planned.changes)


def test_a_second_run_does_nothing(peopled: World) -> None:
    peopled.run()
    before, sent = peopled.files(), peopled.outbox()
    for day in ("2026-03-31", "2026-04-01", "2026-07-01"):
        again = peopled.on(day).run()
        assert (again.steps, again.messages, again.changes.paths) == ([], [], [])
    assert (peopled.files(), peopled.outbox()) == (before, sent)


def test_two_workspaces_alike_get_the_same_bytes(peopled: World, tmp_path: Path) -> None:
    twin_root = tmp_path / "twin"
    shutil.copytree(peopled.root, twin_root)
    twin = World(twin_root)
    twin.known = peopled.known
    peopled.run()
    twin.run()
    assert twin.files() == peopled.files()


def test_an_episode_closes_and_a_new_one_opens(peopled: World) -> None:
    health = peopled.known["globex"]
    peopled.run()
    assert state_episodes(peopled) == [("1", "2026-03-31", None)]
    health["health_score"] = 75.0
    assert peopled.on("2026-04-10").run().steps == []
    over = peopled.on("2026-04-11").run()
    assert [(s.state, s.workflow) for s in over.steps] == [("closed", "health_degradation")]
    assert over.messages == []
    health["health_score"] = 50.0
    again = peopled.on("2026-05-20").run()
    assert len(again.messages) == 2
    assert state_episodes(peopled) == [
        ("1", "2026-03-31", "2026-04-11"),
        ("2", "2026-05-20", None),
    ]
    assert len(peopled.outbox()) == 5


def test_unknown_neither_opens_nor_closes(peopled: World) -> None:
    health = peopled.known["globex"]
    health["health_score"] = None
    assert not [s for s in peopled.run().steps if s.workflow == "health_degradation"]
    health["health_score"] = 40.0
    peopled.on("2026-04-01").run()
    del health["health_score"]
    assert peopled.on("2026-04-02").run().steps == []
    assert state_episodes(peopled) == [("1", "2026-04-01", None)]


def test_the_first_run_takes_contacts_of_customers_as_known(peopled: World) -> None:
    peopled.known["globex"] = {"stage": "customer"}
    plan = peopled.run()
    assert {step.account for step in plan.steps} == {"acme"}
    peopled.contact("globex", "new-hire")
    peopled.contact("acme", "third-one")
    later = peopled.on("2026-04-01").run()
    fired = {(s.account, s.episode) for s in later.steps}
    assert fired == {("globex", "contacts/new-hire"), ("acme", "contacts/third-one")}


def test_a_run_of_one_account_sets_no_baseline_for_the_others(peopled: World) -> None:
    peopled.run(account="globex")
    assert files.read(peopled.root, "accounts/_state/workflows.yaml") is None
    assert "initech" not in {s.account for s in peopled.run().steps}


def test_a_workflow_that_was_off_starts_anew(peopled: World) -> None:
    peopled.run()
    text = (peopled.root / "workflows.yaml").read_text()
    off = text.replace(
        'trigger: "contact_created"', 'trigger: "contact_created"\n    enabled: false'
    )
    peopled.write("workflows.yaml", off)
    peopled.contact("globex", "met-meanwhile")
    assert peopled.on("2026-04-01").run().steps == []
    peopled.write("workflows.yaml", text)
    assert peopled.on("2026-04-02").run().steps == []
    peopled.contact("globex", "met-afterwards")
    fired = {s.episode for s in peopled.on("2026-04-03").run().steps}
    assert fired == {"contacts/met-afterwards"}


def test_one_account_and_one_workflow_can_be_chosen(peopled: World) -> None:
    plan = peopled.run(account="globex", workflow="health_degradation")
    assert {(s.account, s.workflow) for s in plan.steps} == {("globex", "health_degradation")}
    with pytest.raises(UsageError, match="did you mean health_degradation"):
        peopled.plan(workflow="health_degradaton")


def test_who_has_left_or_was_deleted_is_not_approached(world: World) -> None:
    world.account("acme", "prospect")
    world.contact("acme", "gone", left="2025-01-01")
    world.contact("acme", "deleted", sources={"salesforce": {"id": "003", "deleted": True}})
    assert world.run().steps == []
    assert world.run().changes.paths == []


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Makes ``create_intervention_plan`` fail while ``broken`` is True."""
    state = {"broken": True}
    real = actions.ACTIONS["create_intervention_plan"]

    def plan(occasion: Occasion) -> Done:
        if state["broken"]:
            raise CrmError("the template is broken")
        return real.plan(occasion)

    monkeypatch.setitem(actions.ACTIONS, "create_intervention_plan", Action(real.doc, plan))
    return state


def test_a_failing_action_leaves_the_others_done_and_is_tried_again(
    peopled: World, failing: dict[str, bool]
) -> None:
    first = peopled.run()
    assert [s.action for s in first.failures] == ["create_intervention_plan"]
    assert ("globex", "escalate_to_manager", "did") in acts(first)
    again = peopled.on("2026-04-01").run()
    assert acts(again) == [("globex", "create_intervention_plan", "failed")]
    assert (again.changes.paths, again.messages) == ([], [])
    failing["broken"] = False
    assert acts(peopled.on("2026-04-02").run()) == [("globex", "create_intervention_plan", "did")]
    assert peopled.on("2026-04-03").run().steps == []


def test_a_broken_template_fails_its_action_only(peopled: World) -> None:
    peopled.write("templates/intervention-plan.md.j2", "---\ntitle: x\n---\n{{ nothing.here }}\n")
    plan = peopled.run()
    (failure,) = plan.failures
    assert "templates/intervention-plan.md.j2" in failure.text


def test_a_fit_that_cannot_be_told_yet_waits_quietly(world: World) -> None:
    world.account("acme", "prospect")
    world.contact("acme", "jane-doe")
    first = world.run()
    assert ("acme", "score_icp_fit", "waiting") in acts(first)
    assert first.failures == []
    assert world.run().steps == []
    world.account("acme", "prospect", industry="software", employees=300)
    assert acts(world.on("2026-04-05").run()) == [("acme", "score_icp_fit", "did")]
    assert b"icp_fit: 100" in world.files()["accounts/acme/profile.md"]


def test_a_damaged_account_hides_no_other(peopled: World) -> None:
    peopled.write("accounts/acme/profile.md", "no front matter")
    peopled.write("accounts/initech/episodes.jsonl", '{"workflow": 1}\nnot json\n')
    before = peopled.files()
    plan = peopled.run()
    assert {step.account for step in plan.steps} == {"globex"}
    found = {(p.path, p.line) for p in plan.problems}
    assert ("accounts/initech/episodes.jsonl", 1) in found
    assert ("accounts/initech/episodes.jsonl", 2) in found
    assert "accounts/acme/profile.md" in {path for path, _ in found}
    after = peopled.files()
    for path in before:
        if path.startswith(("accounts/acme/", "accounts/initech/")):
            assert after[path] == before[path]


def test_a_contact_that_cannot_be_read_fires_once_it_can(peopled: World) -> None:
    peopled.write("accounts/acme/contacts/broken.md", "no front matter")
    plan = peopled.run()
    assert "contacts/broken" not in {s.episode for s in plan.steps}
    assert "accounts/acme/contacts/broken.md" in {p.path for p in plan.problems}
    peopled.contact("acme", "broken")
    assert {s.episode for s in peopled.run().steps} == {"contacts/broken"}


def test_a_damaged_baseline_stops_the_run(peopled: World) -> None:
    peopled.write("accounts/_state/workflows.yaml", "new_prospect: {baseline: soon}\n")
    with pytest.raises(CrmError, match="needs a baseline"):
        peopled.plan()


def test_workflows_that_are_wrong_stop_the_run_before_anything_happens(peopled: World) -> None:
    before = peopled.files()
    peopled.write("workflows.yaml", "customer_workflows: {a: {trigger: x, actions: [y]}}\n")
    with pytest.raises(ConfigError):
        peopled.run()
    changed = peopled.files()
    del changed["workflows.yaml"], before["workflows.yaml"]
    assert changed == before


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def test_a_run_killed_anywhere_is_completed_by_the_next(
    peopled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = World(tmp_path / "twin")
    shutil.copytree(peopled.root, twin.root)
    twin.known = peopled.known
    total = len(twin.run().changes)
    want, want_sent = twin.files(), twin.outbox()
    origin = tmp_path / "origin"
    shutil.copytree(peopled.root, origin)
    real = files.write
    for survive in range(total):
        root = tmp_path / f"kill-{survive}"
        shutil.copytree(origin, root)
        world = World(root)
        world.known = peopled.known
        left = [survive]

        def write(*args: object, _left: list[int] = left, **kept: object) -> None:
            if not _left[0]:
                raise Killed
            _left[0] -= 1
            real(*args, **kept)  # type: ignore[arg-type]

        monkeypatch.setattr(files, "write", write)
        with pytest.raises(Killed):
            world.run()
        monkeypatch.setattr(files, "write", real)
        world.run()
        assert world.files() == want
        assert world.outbox() == want_sent


def test_killed_between_outbox_and_files_no_message_comes_twice_even_days_later(
    peopled: World,
) -> None:
    plan = peopled.plan()
    outbox.write(peopled.ws.state_dir, plan.messages)  # and then the kill
    first, _ = outbox.waiting(peopled.ws.state_dir)
    peopled.on("2026-04-02").run()
    second, _ = outbox.waiting(peopled.ws.state_dir)
    assert second == first
    assert len(first) == 3


def test_a_kill_after_some_files_days_ago_makes_no_second_task(
    peopled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.write
    monkeypatch.setattr(
        files,
        "write",
        lambda root, path, *a, **k: (
            (_ for _ in ()).throw(Killed)
            if path.endswith("episodes.jsonl")
            else real(root, path, *a, **k)
        ),
    )
    with pytest.raises(Killed):
        peopled.run()
    monkeypatch.setattr(files, "write", real)
    made = {p for p in peopled.files() if "/tasks/" in p or "/plans/" in p or "/deals/" in p}
    peopled.on("2026-04-09").run()
    after = {p for p in peopled.files() if "/tasks/" in p or "/plans/" in p or "/deals/" in p}
    assert after == made


def test_episodes_say_what_was_done_and_why(peopled: World) -> None:
    peopled.run()
    raw = (peopled.root / "accounts/globex/episodes.jsonl").read_text()
    lines = [json.loads(line) for line in raw.splitlines()]
    keys = [(line["opened"], line["workflow"], line["key"]) for line in lines]
    assert keys == sorted(keys)
    degradation = next(line for line in lines if line["workflow"] == "health_degradation")
    assert degradation["because"] == "health_score < 60: health_score is 54.2"
    assert list(degradation["actions"]) == [
        "notify_account_manager",
        "create_intervention_plan",
        "schedule_check_in_call",
        "escalate_to_manager",
    ]
    for outcome in degradation["actions"].values():
        assert "did" in outcome
        if "path" in outcome:
            assert (peopled.root / outcome["path"]).is_file()


def test_the_real_values_come_from_records_and_scores(world: World) -> None:
    world.account("acme", owner="ana", seats=100, renewal=dt.date(2026, 5, 1))
    world.contact("acme", "ann", roles=["champion"])
    rows = [("2026-02-10", 40), ("2026-03-20", 80)]
    for day, users in rows:
        text = f"account,measure,value,source\nacme,usage.active_users,{users},csv\n"
        world.write(f"accounts/_measures/{day}.csv", text)
    world.write(
        "workflows.yaml",
        """\
customer_workflows:
  grows: {trigger: "usage_growth > 50%", actions: [notify_account_team]}
  used: {trigger: "usage.active_users >= 80 and seats == 100", actions: [notify_account_team]}
  renews: {trigger: "renewal within 90d and owner == ana", actions: [notify_account_team]}
  people: {trigger: "champions == 1 and open_deals == 0", actions: [notify_account_team]}
  silent: {trigger: "days_since(last_interaction) > 1", actions: [notify_account_team]}
  healthy: {trigger: "health_score > 0 and known(health_score)", actions: [notify_account_team]}
""",
    )
    plan = engine.plan(world.ws)
    assert {s.workflow for s in plan.steps} == {"grows", "used", "renews", "people"}
    grows = next(s for s in plan.steps if s.workflow == "grows")
    assert grows.because == "usage_growth > 50%: usage_growth is 100%"
