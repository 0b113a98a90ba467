"""alerts and workflow at the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import contents, git

WORKFLOWS = """\
customer_workflows:
  few_seats:
    description: They have hardly any seats
    alert: renewal
    trigger: "seats < 5"
    for: 0d
    cooldown: 14d
    actions:
      - notify: {to: [account_owner]}
      - if: "arr > 1000"
        then: [{create_task: {title: "Look at {account}", due: 2d}}]
        else: [{wait: {days: 3d, until: "seats > 9"}}, notify_account_manager]
    owner: [{if: "seats < 2", to: ana}, {to: manager}]
  big:
    trigger: "arr > 90000"
    enabled: false
    actions: [assign_owner]
  weekly:
    schedule: weekly on monday
    when: "seats < 5"
    actions: [{notify: {to: [account_owner]}}]
"""
TEAM = """\
company: Rostrum
team:
  - {id: ana, name: Ana Silva, email: ana@ours.example, manager: ruth}
  - {id: ruth, name: Ruth Abara, email: ruth@ours.example}
"""


@pytest.fixture
def book(crm: Crm, workspace: Path) -> Path:
    """Three accounts, two of them with an alert."""
    (workspace / "crmctl.yaml").write_text(TEAM)
    (workspace / "workflows.yaml").write_text(WORKFLOWS)
    for name, values in (
        ("Acme Freight", ["seats=3", "arr=500"]),
        ("Bolt Labs", ["seats=1", "arr=9000"]),
        ("Core Optics", ["seats=50"]),
    ):
        crm("new", name, "--no-tasks", "--stage", "customer", "--owner", "ana")
        crm("set", name, *values)
    crm("set", "bolt", "owner=ruth")
    assert crm("run").code == 0
    git(workspace, "add", "-A")
    git(workspace, "commit", "--quiet", "-m", "Book")
    return workspace


def alerts(crm: Crm, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(crm("alerts", "--json", *options).out)
    return found


def test_alerts_are_ranked_and_say_why(crm: Crm, book: Path) -> None:
    first, second = alerts(crm)
    assert (first["account"], second["account"]) == ("bolt-labs", "acme-freight")
    assert first["why"] == "They have hardly any seats"
    assert first["because"] == "seats < 5: seats is 1"
    assert first["alert"] == "renewal"
    (fact,) = first["evidence"]
    assert fact.startswith("seats 1 (accounts/bolt-labs/profile.md:")
    path, line = fact.partition("(")[2].rstrip(")").split(":")
    assert (book / path).read_text().splitlines()[int(line) - 1] == "seats: 1"
    assert first["made"] == [
        str(p.relative_to(book)) for p in book.glob("accounts/bolt-labs/tasks/*")
    ]


def test_a_list_of_one_account_or_one_owner(crm: Crm, book: Path) -> None:
    assert [row["account"] for row in alerts(crm, "acme")] == ["acme-freight"]
    assert [row["account"] for row in alerts(crm, "--owner", "Ruth Abara")] == ["bolt-labs"]
    assert [row["account"] for row in alerts(crm, "-o", "ana")] == ["acme-freight"]
    assert alerts(crm, "-o", "nobody") == []
    assert crm("alerts", "-o", "nobody").err == "no alerts\n"
    rows = crm("alerts").rows
    assert [row[3] for row in rows] == ["bolt-labs", "acme-freight"]
    assert crm("alerts", "--csv").out.startswith("id,urgent,alert,account,")


def test_taking_note_of_one(crm: Crm, book: Path) -> None:
    id = alerts(crm)[0]["id"]
    before = contents(book)
    dry = crm("alerts", "--ack", id, "--note", "Called them", "--dry-run")
    assert '"seen": {"by": "ana"' in dry.out
    assert contents(book) == before
    done = crm("alerts", "--ack", id[:6], "--note", "Called them", "--commit")
    assert done.code == 0, done
    assert git(book, "log", "-1", "--format=%s").strip() == f"bolt-labs: alert {id} seen"
    assert [row["account"] for row in alerts(crm)] == ["acme-freight"]
    seen = next(row for row in alerts(crm, "--all") if row["id"] == id)
    assert seen["state"] == "seen"
    assert seen["seen"] == {"by": "ana", "on": "2026-11-16", "note": "Called them"}
    assert crm("alerts").err == "1 alert; 1 seen or put off: --all\n"
    assert crm("alerts", "--ack", id, "--note", "Called them").err.endswith("nothing to do\n")


def test_putting_one_off(crm: Crm, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id = alerts(crm, "acme")[0]["id"]
    done = crm("alerts", "--snooze", id, "--until", "7d", "--reason", "Merger")
    assert done.code == 0, done
    assert alerts(crm, "acme") == []
    (row,) = alerts(crm, "acme", "--all")
    assert (row["state"], row["until"]) == ("snoozed", "2026-11-23")
    monkeypatch.setenv("CRMCTL_NOW", "2026-11-23T08:00:00Z")
    assert len(alerts(crm, "acme")) == 1


def test_putting_off_an_account(crm: Crm, book: Path) -> None:
    said = json.loads(crm("alerts", "--snooze", "core", "--until", "2027-01-04", "--json").out)
    assert said == {
        "account": "core-optics", "workflow": "*", "until": "2027-01-04", "by": "ana",
    }  # fmt: skip
    crm("set", "core", "seats=2")
    assert "core-optics" not in crm("run", "--plan").out
    only = crm("alerts", "--snooze", "core", "--until", "7d", "-w", "weekly", "--dry-run")
    assert '"workflow": "weekly", "key": "snooze"' in only.out


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["--ack", "zzzz"], "no open alert is called 'zzzz'"),
        (["--ack", "x", "--snooze", "y"], "two commands"),
        (["--note", "x"], "belongs to --ack"),
        (["--until", "7d"], "belongs to --snooze"),
        (["--snooze", "acme"], "needs --until"),
        (["--snooze", "acme", "--until", "yesterday"], "is not after today"),
        (["--snooze", "acme", "--until", "7d", "-w", "few_seat"], "did you mean few_seats?"),
        (["--snooze", "nobody", "--until", "7d"], "no account is called 'nobody'"),
    ],
)
def test_calls_that_are_wrong(crm: Crm, book: Path, call: list[str], words: str) -> None:
    done = crm("alerts", *call)
    assert done.code == 2
    assert words in done.err


def test_people_see_sections(
    crm: Crm, book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    id = alerts(crm)[0]["id"]
    crm("alerts", "--ack", id)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    out = crm("alerts", "--all").out
    assert f"{id} · renewal · Bolt Labs · ARR 9000 USD · owner ruth · today" in out
    assert "why       They have hardly any seats" in out
    assert "evidence  seats 1 (profile.md:" in out
    assert "seen      ana, 2026-11-16" in out


def test_the_list_of_workflows(crm: Crm, book: Path) -> None:
    rows = {row["workflow"]: row for row in json.loads(crm("workflow", "list", "--json").out)}
    assert rows["few_seats"] == {
        "workflow": "few_seats", "starts": "seats < 5", "enabled": True, "alert": "renewal", "open": 2, "fired": 2,
        "last": "2026-11-16", "description": "They have hardly any seats",
    }  # fmt: skip
    assert rows["big"]["enabled"] is False
    assert rows["weekly"]["starts"] == "weekly on monday"


def test_everything_about_one_workflow(crm: Crm, book: Path) -> None:
    found = json.loads(crm("workflow", "show", "few_seats", "--json").out)
    assert found["stability"] == {
        "for": "0d", "margin": 5.0, "clear": None, "clear_for": "1d", "dwell": "7d", "cooldown": "14d",
        "on_clear": "stop",
    }  # fmt: skip
    assert found["reads"] == ["arr", "seats"]
    assert found["owner"] == ["ana if seats < 2", "manager"]
    assert found["steps"] == [
        "notify: to: account_owner",
        "if arr > 1000",
        "  create_task: title: Look at {account}, due: 2",
        "else",
        "  wait 3d, or until seats > 9",
        "  notify_account_manager",
    ]
    text = crm("workflow", "show", "few_seats").out
    assert "  cooldown     14d" in text
    assert "      create_task: title: Look at {account}" in text
    wrong = crm("workflow", "show", "few_seat")
    assert (wrong.code, "did you mean few_seats?" in wrong.err) == (2, True)


def test_lint_has_an_exit_code(crm: Crm, book: Path) -> None:
    assert crm("workflow", "lint").code == 0
    text = WORKFLOWS.replace('"arr > 90000"', '"ar > 90000"')
    (book / "workflows.yaml").write_text(text)
    done = crm("workflow", "lint")
    assert done.code == 1
    place = 1 + text.splitlines().index('    trigger: "ar > 90000"')
    assert done.out.startswith(
        f"workflows.yaml:{place}:15: customer_workflows.big.trigger: column 1:"
    )
    assert "did you mean arr?" in done.out
    (finding,) = json.loads(crm("workflow", "lint", "--json").out)["findings"]
    assert (finding["line"], finding["column"]) == (place, 15)
    (book / "workflows.yaml").write_text(WORKFLOWS.replace("arr > 1000", "health_score < 0"))
    doubtful = crm("workflow", "lint")
    assert (doubtful.code, "warning: " in doubtful.out) == (0, True)


def test_history_says_what_fired_when_and_why(
    crm: Crm, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_NOW", "2026-11-24T08:00:00Z")
    crm("set", "core", "seats=2")
    crm("run")
    rows = json.loads(crm("workflow", "history", "--json").out)
    days = [row["opened"] for row in rows]
    assert days == sorted(days, reverse=True)
    assert {row["workflow"] for row in rows if row["account"] == "core-optics"} == {
        "few_seats",
        "weekly",
    }
    mine = json.loads(crm("workflow", "history", "bolt", "-w", "few_seats", "--json").out)
    assert [row["because"] for row in mine] == ["seats < 5: seats is 1"]
    assert mine[0]["steps"][0] == {
        "step": "notify", "state": "did", "what": "message to ana", "path": None,
    }  # fmt: skip
    since = crm("workflow", "history", "-w", "few_seats", "--since", "2026-11-20")
    assert [row[2] for row in since.rows] == ["core-optics"]
    assert "of weekly only the last occasion is kept" in crm("workflow", "history").err
    assert "only the last" not in since.err
