"""The processes that come with crmctl: sound, quiet until somebody moves an account, and without a gap."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from crmctl.model.lifecycle import STEPS, next_step
from crmctl.workflow import steps
from crmctl.workflow.actions_records import CreateTask, MoveStage, Render
from crmctl.workflow.definition import Workflow, Workflows, lint
from crmctl.workflow.values import Insight
from crmctl.workspace import store, templates, yamlio
from crmctl.workspace.authoring import stage_tasks
from crmctl.workspace.config import parse_model
from crmctl.workspace.templates import shipped
from crmctl.workspace.workspace import Workspace

from .conftest import World

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (ROOT / "workflows.yaml").read_text()
ALL_ON = SHIPPED.replace("\n    enabled: false\n", "\n    enabled: true\n")
SEED = ("new_prospect", "health_degradation", "expansion_opportunity")
PLANS = ("account-plan", "win-back", "champion-building", "qualification-notes", "executive-brief")
DRAFTS = (
    "mail-first-contact",
    "mail-follow-up",
    "mail-break-up",
    "mail-champion",
    "mail-win-back",
)
DAY = dt.date(2026, 11, 16)


def read(text: str) -> Workflows:
    return parse_model(text.encode(), "workflows.yaml", Workflows)


def done_by(workflow: Workflow) -> list[Any]:
    return [s.parameters for s in steps.every(workflow.course) if isinstance(s, steps.Do)]


@pytest.fixture
def sample() -> Workspace:
    """The accounts of this repository, on the day that they are told of."""
    return Workspace(ROOT, now=dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC), seed=1)


# --- sound


@pytest.mark.parametrize("text", [SHIPPED, ALL_ON], ids=["as shipped", "all switched on"])
def test_they_raise_no_doubt_and_run_in_no_circle(world: World, text: str) -> None:
    world.write("workflows.yaml", text)
    assert lint(world.root, world.ws.config) == []


def test_all_that_they_render_comes_with_crmctl() -> None:
    workflows = read(SHIPPED)
    rendered = {
        told.template
        for each in workflows.customer_workflows.values()
        for told in done_by(each)
        if isinstance(told, Render)
    }
    drafts = {t.template for c in workflows.cadences.values() for t in c.touches if t.template}
    assert rendered == set(PLANS)
    assert drafts == set(DRAFTS)
    assert all(shipped(f"templates/{name}.md.j2") for name in rendered | drafts)


def test_every_workflow_says_what_it_is_for() -> None:
    workflows = read(SHIPPED)
    lacking = [
        n for n, w in workflows.customer_workflows.items() if not w.description and n not in SEED
    ]
    lacking += [n for n, c in workflows.cadences.items() if not c.description]
    assert lacking == []


def test_nothing_that_is_on_moves_an_account_or_approaches_anybody() -> None:
    for name, workflow in read(SHIPPED).customer_workflows.items():
        named = {s.action for s in steps.every(workflow.course) if isinstance(s, steps.Do)}
        assert not workflow.enabled or not named & {"move_stage", "start_cadence", "set_field"}, (
            name
        )


# --- without a gap


def movers(step: str) -> tuple[int, list[str]]:
    """How many tasks the shipped list has for a step, and the workflows that are about it."""
    stage = next(stage for stage, steps_ in STEPS.items() if step in steps_)
    count = sum(item.get("step") == step for item in stage_tasks(Workspace(ROOT), stage))
    named = []
    for name, workflow in read(SHIPPED).customer_workflows.items():
        conditions = f"{workflow.trigger} {workflow.when}"
        about = f"step == {step}" in conditions or any(
            (isinstance(told, CreateTask) and told.step == step)
            or (isinstance(told, MoveStage) and step == (told.step or STEPS[told.stage][0]))
            for told in done_by(workflow)
        )
        if about:
            named.append(f"`{name}`" if workflow.enabled else f"(`{name}`)")
    return count, named


def table() -> dict[str, list[str]]:
    """The rows of the table in the manual, by step: tasks, workflows, what moves it on."""
    rows = {}
    for line in (ROOT / "docs" / "processes.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[1].replace(" ", "_") in {
            s for each in STEPS.values() for s in each
        }:
            rows[cells[1].replace(" ", "_")] = [cells[0].replace(" ", "_"), *cells[2:]]
    return rows


@pytest.mark.parametrize("step", [step for each in STEPS.values() for step in each])
def test_every_step_of_the_lifecycle_has_what_moves_an_account_on(step: str) -> None:
    count, named = movers(step)
    assert count or named
    stage, tasks, workflows, on = table()[step]
    assert step in STEPS[stage]
    assert tasks == (str(count) if count else "")
    assert workflows == ", ".join(named)
    assert len(on) > 10
    following = next_step(stage, step)
    if following is not None:
        # What to type, or a workflow that does it.
        assert f"{stage} {following}" in on or any(name.strip("()`") in on for name in named)


def test_the_manual_tells_of_every_process_and_cadence() -> None:
    manual = (ROOT / "docs" / "processes.md").read_text()
    workflows = read(SHIPPED)
    mine = [n for n, w in workflows.customer_workflows.items() if not w.alert]
    assert [n for n in (*mine, *workflows.cadences, *PLANS) if f"`{n}`" not in manual] == []


# --- what they leave


def context(ws: Workspace, slug: str) -> dict[str, Any]:
    account = store.Reader(ws.root, ws.ranking).account(slug)
    assert account is not None
    days = dict.fromkeys(("soon", "in_a_week", "in_two_weeks", "in_a_month", "in_a_quarter"), DAY)
    said = {"workflow": "w", "because": "stage == customer: stage is customer", "assignee": "ana"}
    return {**Insight(ws, [slug]).describe(account), **days, **said}


def draft(contact: Any) -> dict[str, Any]:
    return {
        "contact": contact,
        "sender": "Ana Silva",
        "us": "Rostrum",
        "touch": {"number": 1, "of": 3, "channel": "email", "day": DAY},
    }


@pytest.mark.parametrize("slug", store.slugs(ROOT))
def test_every_document_can_be_made_for_every_sample_account(sample: Workspace, slug: str) -> None:
    given = context(sample, slug)
    account = store.Reader(sample.root, sample.ranking).account(slug)
    assert account is not None
    for name in PLANS:
        text = templates.render(ROOT, name, given)
        assert account.profile.title in text
        assert "None" not in text, name
        assert "\n\n\n\n" not in text, name
    for person in list(account.contacts.values())[:2]:
        told = {"id": person.id, "name": person.title, "title": person.text("title"), "roles": []}
        for name in DRAFTS:
            text = templates.render(ROOT, name, given | draft(told))
            assert f"Dear {person.title}," in text
            assert "None" not in text, name


HOSTILE = "# Boss\n---\nowner: mallory\n[x](javascript:alert(1)) <img src=x> --> {{ 7 * 7 }} `rm`"


@pytest.mark.parametrize("name", [*PLANS, *DRAFTS])
def test_what_others_wrote_stays_text(sample: Workspace, name: str) -> None:
    given = context(sample, "calder-facilities")
    person = {"id": "x", "name": HOSTILE, "title": HOSTILE, "roles": ["champion"]}
    talk = {
        "at": DAY,
        "type": HOSTILE,
        "subject": HOSTILE,
        "outcome": HOSTILE,
        "path": "a.md",
        "line": 1,
    }
    given |= {
        "name": HOSTILE, "because": HOSTILE, "assignee": HOSTILE, "conversations": [talk],
        "people": [{**person, "sentiment": HOSTILE, "last_heard": DAY}],
        "goals": [{"name": HOSTILE, "current": HOSTILE, "target": HOSTILE, "baseline": 1, "due": DAY}],
        "risks": [{"text": HOSTILE, "source": "a.md:1"}] * 2, "buying": [{"text": HOSTILE, "source": "a.md:1"}],
        "competitors": [{"name": HOSTILE, "sources": ["a.md:1"]}], "technologies": [{"name": HOSTILE}],
    }  # fmt: skip
    text = templates.render(ROOT, name, given | draft(person) | {"sender": HOSTILE, "us": HOSTILE})
    data = yamlio.load(text.split("---\n")[1], path="plans/x.md")
    assert isinstance(data, dict)
    assert data["owner"] != "mallory"
    page = MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert "<img" not in page
    assert "<a " not in page
    assert not re.search(r"<h\d>Boss", page)


# --- quiet until somebody moves an account


def shipped_world(world: World, text: str = SHIPPED) -> None:
    world.write("workflows.yaml", text)
    world.account("acme", "customer", owner="ana", step="success")
    world.contact("acme", "ann", roles=["user"])
    world.known["acme"] |= {
        "stage": "customer",
        "step": "success",
        "stage_since": dt.date(2026, 1, 7),
    }


def ran(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step in world.run().steps:
        assert step.state == "did" or step.workflow in SEED, step
        found.setdefault(step.workflow, []).append(step.action)
    return found


def test_the_first_run_over_an_old_book_starts_no_process(world: World) -> None:
    shipped_world(world)
    assert ran(world) == {}


@pytest.mark.parametrize(
    ("stage", "step", "expected"),
    [
        ("prospect", "qualification", {"qualification_started": ["render", "create_task"]}),
        ("opportunity", "discovery", {"discovery_started": ["render", "create_task"]}),
        ("customer", "onboarding", {"onboarding_started": ["create_task"]}),
        (
            "customer",
            "expansion",
            {
                "expansion_playbook": [
                    "identify_expansion_use_cases",
                    "research_decision_makers",
                    "create_task",
                ]
            },
        ),
        ("customer", "advocacy", {"advocate": ["create_task"]}),
        (
            "churn_risk",
            "executive_escalation",
            {"executive_escalation": ["render", "escalate_to_manager"]},
        ),
        ("churn_risk", "win_back_campaign", {"win_back": ["render", "create_task"]}),
    ],
)
def test_a_step_that_somebody_sets_brings_its_process(
    world: World, stage: str, step: str, expected: dict[str, list[str]]
) -> None:
    shipped_world(world)
    assert ran(world) == {}
    world.known["acme"] |= {"stage": stage, "step": step, "stage_since": dt.date(2026, 4, 1)}
    found = ran(world.on("2026-04-01"))
    found.pop("new_prospect", None)  # everybody at a prospect is still to be approached
    assert found == expected
    assert world.run().steps == []
    assert not [s for s in world.on("2026-06-01").run().steps if s.state != "closed"]


def test_a_step_that_was_set_long_ago_brings_nothing(world: World) -> None:
    shipped_world(world)
    world.known["acme"] |= {"stage": "churn_risk", "step": "win_back_campaign"}
    assert ran(world) == {}


def test_the_first_contact_begins_where_it_is_allowed_and_ends_with_an_answer(world: World) -> None:
    shipped_world(world, ALL_ON)
    world.run()
    world.write(
        "accounts/acme/contacts/bea.md",
        "---\nname: Bea\nconsent:\n  - {purpose: outreach, status: granted, at: 2026-01-01}\n---\n",
    )
    world.known["acme"] |= {
        "stage": "prospect",
        "step": "initial_outreach",
        "stage_since": dt.date(2026, 4, 1),
    }
    text = world.files()["accounts/acme/profile.md"].decode()
    world.write("accounts/acme/profile.md", text.replace("stage: customer", "stage: prospect"))
    begun = [s for s in world.on("2026-04-01").run().steps if "cadence" in s.action + s.workflow]
    assert [(s.workflow, s.action) for s in begun] == [
        ("outreach_begins", "start_cadence"),
        ("cadence:first_contact", "touch_1"),
    ]
    assert begun[0].text == "first_contact with bea"
    world.known["acme"]["days_since_contact"] = 1
    steps_ = [s for s in world.on("2026-04-02").run().steps if s.workflow == "prospect_answered"]
    assert [(s.action, s.text) for s in steps_] == [
        ("stop_cadence", "stopped first_contact with bea"),
        ("move_stage", "moved to prospect interest development"),
    ]


def test_the_sample_accounts_bring_only_the_well_known_three_and_alerts(sample: Workspace) -> None:
    from crmctl.workflow import engine

    fired = {step.workflow for step in engine.plan(sample).steps}
    workflows = read(SHIPPED).customer_workflows
    assert {name for name in fired if not workflows[name].alert} == set(SEED)


def test_the_tasks_of_each_stage_can_be_laid_out(sample: Workspace) -> None:
    assert all(stage_tasks(sample, stage) for stage in STEPS)
