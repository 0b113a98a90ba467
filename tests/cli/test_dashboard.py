"""dashboard on the command line: each form of each, on a workspace with a year of scores."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest

from tests.conftest import Crm

PROFILE = """---
name: {name}
stage: {stage}
owner: {owner}
arr: {arr}
currency: {currency}
renewal: 2026-12-20
---
"""
TODAY = dt.date(2026, 11, 16)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMCTL_NOW", f"{TODAY}T08:00:00Z")


@pytest.fixture
def year(workspace: Path) -> Path:
    """Two customers of two owners, one prospect; forty weeks of use, which rises and falls."""
    people = {
        "acme": ("customer", "mira", "12000", "EUR"),
        "birch": ("customer", "jon", "8000", "USD"),
        "cedar": ("prospect", "jon", "0", "EUR"),
    }
    for slug, (stage, owner, arr, currency) in people.items():
        folder = workspace / "accounts" / slug
        folder.mkdir(parents=True)
        text = PROFILE.format(
            name=slug.title(), stage=stage, owner=owner, arr=arr, currency=currency
        )
        (folder / "profile.md").write_text(text)
    measures = workspace / "accounts/_measures"
    measures.mkdir(exist_ok=True)
    for week in range(40):
        day = TODAY - dt.timedelta(7 * (39 - week) + 1)
        (measures / f"{day}.csv").write_text(
            "account,measure,value,source\n"
            f"acme,usage.active_users,{100 + 2 * week + week % 3},csv\n"
            f"birch,usage.active_users,{150 - 2 * week + week % 3},csv\n"
        )
    return workspace


COMMANDS = [["portfolio"], ["risk"], ["trend"], ["cohort"], ["account", "acme"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_dashboard_has_every_form(crm: Crm, year: Path, command: list[str]) -> None:
    told = json.loads(crm("dashboard", *command, "--json").out)
    assert told["dashboard"] == command[0]
    assert told["day"] == str(TODAY)
    lines = list(csv.DictReader(io.StringIO(crm("dashboard", *command, "--csv").out)))
    piped = crm("dashboard", *command).out.splitlines()
    assert len(lines) == len(piped) > 2
    assert all(line.count("\t") == len(lines[0]) - 1 for line in piped)


def test_a_book_is_shown_without_a_word(crm: Crm, year: Path) -> None:
    told = json.loads(crm("dashboard", "--json", "--owner", "mira").out)
    assert told["dashboard"] == "portfolio"
    assert (told["owner"], told["customers"], told["arr"]) == ("mira", 1, {"EUR": 12000.0})


def test_usage_is_carried_on_and_scores_are_not(crm: Crm, year: Path) -> None:
    rising = json.loads(crm("dashboard", "account", "acme", "--json").out)
    assert rising["usage"]["outlook"]["pattern"] == "rising"
    steps = rising["usage"]["outlook"]["forecast"]["steps"]
    assert [step["day"] for step in steps[:2]] == ["2026-11-22", "2026-11-29"]
    assert all(step["low"] < step["value"] < step["high"] for step in steps)
    assert "a forecast takes 12" in rising["health"]["outlook"]["reason"]
    falling = json.loads(crm("dashboard", "account", "birch", "--json").out)
    assert falling["usage"]["outlook"]["pattern"] == "falling"


def test_an_owner_nobody_knows(crm: Crm, year: Path) -> None:
    for command in (["portfolio"], ["risk"], ["trend"]):
        found = crm("dashboard", *command, "--owner", "nobody")
        assert found.code == 2
        assert "owners are jon, mira" in found.err


def test_an_empty_workspace(crm: Crm, workspace: Path) -> None:
    for command in (["portfolio"], ["risk"], ["trend"], ["cohort"]):
        assert json.loads(crm("dashboard", *command, "--json").out)["dashboard"] == command[0]
        assert crm("dashboard", *command).code == 0


def test_since_when_an_account_changed(crm: Crm, year: Path) -> None:
    told = json.loads(crm("dashboard", "account", "acme", "--since", "2026-06-01", "--json").out)
    assert told["since"] == {"day": "2026-06-01", "why": "as asked"}
    assert any("ctive users went from" in one["text"] for one in told["changed"])
    told = json.loads(crm("dashboard", "account", "acme", "--json").out)
    assert told["since"]["why"].startswith("the last ")
