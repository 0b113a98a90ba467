"""The templates of new records: what they show is valid, and plain enough for the fast reader."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from crmctl.insight.scoring import plan_scores
from crmctl.model.lifecycle import STAGES, STEPS
from crmctl.workspace import authoring
from crmctl.workspace.document import parse
from crmctl.workspace.records import read_record
from crmctl.workspace.workspace import Workspace

Golden = Callable[[str, str], None]
DAY = dt.date(2026, 11, 16)
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "profile": (
        "accounts/acme/profile.md",
        {
            "name": "Acme",
            "domains": ["acme.example"],
            "stage": "prospect",
            "step": "research",
            "owner": "mira",
        },
    ),
    "contact": (
        "accounts/acme/contacts/ines-okafor.md",
        {"name": "Ines Okafor", "title": "Head of Operations", "roles": ["champion", "user"]},
    ),
    "deal": (
        "accounts/acme/deals/pilot.md",
        {
            "name": "Pilot",
            "stage": "discovery",
            "status": "open",
            "amount": 12000,
            "currency": "EUR",
        },
    ),
    "interaction-log": (
        "accounts/acme/interactions/2026-11-16-call-abcd.md",
        {
            "type": "call",
            "at": dt.datetime(2026, 11, 16, 9, 30, tzinfo=dt.UTC),
            "subject": "First call",
            "with": ["ines-okafor"],
            "next_step": "Send the trial protocol",
            "next_step_due": DAY,
        },
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_new_record_says_what_it_was_given(samples: Workspace, golden: Golden, name: str) -> None:
    path, values = SAMPLES[name]
    raw = authoring.draft(samples, path, values)
    record, problems = read_record(raw, path, samples.ranking)
    assert problems == []
    assert {key: record.own[key] for key in values} == values
    golden(f"new-{name}.md", raw.decode())


@pytest.mark.parametrize("name", SAMPLES)
def test_an_empty_key_states_nothing(samples: Workspace, name: str) -> None:
    path, values = SAMPLES[name]
    data = parse(authoring.draft(samples, path, values), path).data
    assert not [key for key, value in data.items() if value in ([], "", {})]


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_text_stays_text(samples: Workspace, name: str) -> None:
    path, values = SAMPLES[name]
    field = "subject" if "subject" in values else "name"
    hostile = 'a: b\n---\nstage: customer # "{{ 7 * 7 }}" \u202e'
    record, problems = read_record(
        authoring.draft(samples, path, values | {field: hostile}), path, samples.ranking
    )
    assert problems == []
    assert record.own[field] == hostile
    assert "\n---\nstage" not in record.body


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_has_tasks_for_its_steps(samples: Workspace, stage: str) -> None:
    tasks = authoring.stage_tasks(samples, stage)
    assert tasks
    assert all(task["step"] in STEPS[stage] for task in tasks)
    assert [task["days"] for task in tasks] == sorted(task["days"] for task in tasks)


@pytest.mark.parametrize("slug", ["harbour-lane-logistics", "calder-facilities"])
def test_the_health_page_of_a_sample_account(samples: Workspace, golden: Golden, slug: str) -> None:
    changes = plan_scores(samples, [slug]).changes
    page = changes.get(f"accounts/{slug}/health.md")
    assert page is not None
    assert page.new is not None
    golden(f"health-{slug}.md", page.new.decode())
