"""cadence list, show, start, stop at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import contents, git

CONSENT = "consent:\n  - {purpose: outreach, status: granted, at: 2026-11-02, source: form}\n"


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    """A prospect with one person who allowed us to write and one who said nothing about it."""
    crm("new", "Acme Freight", "--domain", "acme.example", "--owner", "ana", "--no-tasks")
    crm("contact", "add", "acme", "Ines Okafor", "email=ines@acme.example")
    crm("contact", "add", "acme", "Tom Reyes")
    file = workspace / "accounts/acme-freight/contacts/ines-okafor.md"
    file.write_text(file.read_text().replace("consent:\n", CONSENT, 1))
    git(workspace, "add", "-A")
    git(workspace, "commit", "--quiet", "-m", "Acme")
    return workspace


def test_start_list_and_stop(crm: Crm, acme: Path) -> None:
    started = crm("cadence", "start", "acme", "ines", "first_contact", "--commit", "--json")
    assert started.code == 0, started
    (step,) = json.loads(started.out)["steps"]
    assert (step["touch"], step["state"]) == ("touch_1", "did")
    task = (acme / step["path"]).read_text()
    assert "title: Write to Ines Okafor at Acme Freight" in task
    assert git(acme, "status", "--porcelain") == ""

    (row,) = crm("cadence", "list", "acme").rows
    assert row[:6] == ["acme-freight", "ines-okafor", "first_contact", "2026-11-16", "1", "4"]
    assert crm("run", "--json").out.count("cadence:") == 0  # nothing is due before the wait is over

    stopped = crm("cadence", "stop", "acme", "ines", "--reason", "called me\nback", "--json")
    assert json.loads(stopped.out)["stopped"][0]["cadence"] == "first_contact"
    assert "cancelled: called me back" in (acme / step["path"]).read_text()
    assert crm("cadence", "list").out == ""
    (row,) = json.loads(crm("cadence", "list", "--all", "--json").out)
    assert row["over"] == "2026-11-16"
    assert row["because"] == "started by hand; over: called me back"


def test_who_may_not_be_approached_is_not(crm: Crm, acme: Path) -> None:
    before = contents(acme)
    done = crm("cadence", "start", "acme", "tom", "first_contact")
    assert done.code != 0
    assert (
        "tom-reyes cannot be in first_contact now: nothing is recorded about outreach" in done.err
    )
    assert contents(acme) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["start", "acme", "nobody", "first_contact"], "no contact is called"),
        (["start", "acme", "ines", "frist_contact"], "did you mean first_contact?"),
        (["show", "frist_contact"], "did you mean first_contact?"),
        (["stop", "acme", "nobody"], "no contact is called"),
    ],
)
def test_what_is_not_there_is_said(crm: Crm, acme: Path, call: list[str], said: str) -> None:
    done = crm("cadence", *call)
    assert done.code != 0
    assert said in done.err


def test_a_cadence_that_is_off_starts_nobody(crm: Crm, acme: Path) -> None:
    file = acme / "workflows.yaml"
    text = file.read_text().replace("  first_contact:\n", "  first_contact:\n    enabled: false\n")
    file.write_text(text)
    done = crm("cadence", "start", "acme", "ines", "first_contact")
    assert "cadences.first_contact is switched off" in done.err


def test_show_tells_when_the_touches_would_be_due(crm: Crm, acme: Path) -> None:
    settings = acme / "crmctl.yaml"
    settings.write_text(settings.read_text() + "\ncalendar: {holidays: [2026-11-19]}\n")
    shown = json.loads(crm("cadence", "show", "first_contact", "--json").out)
    assert [touch["due"] for touch in shown] == [
        "2026-11-16",
        "2026-11-20",
        "2026-11-23",
        "2026-11-30",
    ]
    assert [row[0] for row in crm("cadence", "show").rows] == [
        "first_contact",
        "champion_building",
        "win_back",
    ]
