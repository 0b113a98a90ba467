"""Everything about one person, and nothing about another."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.conftest import Crm


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    crm("new", "Acme", "--no-tasks")
    crm("new", "Globex", "--no-tasks")
    crm("contact", "add", "acme", "Ines Okafor", "email=ines@acme.example", "title=COO")
    crm("contact", "add", "acme", "Bob Stone", "reports_to=ines-okafor", "email=bob@acme.example")
    crm(
        "log",
        "acme",
        "Pricing",
        "--type",
        "call",
        "--with",
        "ines",
        "-m",
        "Talked with INES okafor.",
    )
    crm("log", "acme", "Lunch", "--with", "bob", "-m", "Only Bob was there.")
    crm("deal", "add", "acme", "Fleet")
    events = [
        {
            "id": "email:1",
            "at": "2026-03-01T10:00:00Z",
            "type": "email",
            "with": ["ines-okafor"],
            "subject": "Offer",
        },
        {
            "id": "email:2",
            "at": "2026-03-02T10:00:00Z",
            "type": "email",
            "with": ["bob-stone"],
            "subject": "Lunch",
        },
    ]
    traffic = workspace / "accounts/acme/interactions/2026.jsonl"
    traffic.write_text("".join(json.dumps(event) + "\n" for event in events))
    plans = workspace / "accounts/globex/plans"
    plans.mkdir()
    (plans / "2026-plan.md").write_text("# Plan\n\nAsk ines@ACME.example for a reference.\n")
    return workspace


def test_an_export_holds_all_that_names_the_person(crm: Crm, acme: Path) -> None:
    page = json.loads(crm("contact", "export", "acme", "ines", "--json").out)
    assert page["fields"]["title"] == {"value": "COO", "source": "person"}
    assert {(r["kind"], tuple(r["fields"])) for r in page["records"]} == {
        ("contact", ("reports_to",)),
        ("interaction", ("with",)),
    }
    assert [event["subject"] for event in page["events"]] == ["Offer"]
    assert {m["where"].rsplit("/", 1)[1].split(":")[0] for m in page["mentions"]} >= {
        "2026-plan.md"
    }
    assert any("INES okafor" in m["line"] for m in page["mentions"])
    assert "Lunch" not in json.dumps(page)


def test_a_damaged_file_is_named_and_the_rest_is_there(crm: Crm, acme: Path) -> None:
    broken = acme / "accounts/acme/deals/fleet.md"
    broken.write_text("---\nname: [Ines Okafor\n---\n")
    done = crm("contact", "export", "acme", "ines", "--json")
    page = json.loads(done.out)
    assert page["unread"]
    assert "fleet.md" in done.err
    assert [event["subject"] for event in page["events"]] == ["Offer"]


def test_a_file_of_it_is_private_and_outside_the_workspace(
    crm: Crm, acme: Path, tmp_path: Path
) -> None:
    target = tmp_path / "ines.json"
    assert crm("contact", "export", "acme", "ines", "--out", str(target)).code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["person"] == "ines-okafor"
    assert crm("contact", "export", "acme", "ines", "--out", str(target)).code == 2
    assert crm("contact", "export", "acme", "ines", "--out", "accounts/ines.json").code == 2
    assert not (acme / "accounts/ines.json").exists()
