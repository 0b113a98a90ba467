"""A rep's day at the command line, from an empty workspace on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Crm


@pytest.fixture
def acme(crm: Crm) -> str:
    assert crm("new", "Acme Freight", "--domain", "acme.example", "--owner", "ana").code == 0
    assert (
        crm(
            "contact", "add", "acme", "Ines Okafor", "roles=champion", "email=ines@acme.example"
        ).code
        == 0
    )
    return "acme-freight"


def profile(workspace: Path) -> str:
    return (workspace / "accounts/acme-freight/profile.md").read_text()


def test_new_lays_out_a_profile_and_the_stages_tasks(crm: Crm, acme: str, workspace: Path) -> None:
    tasks = crm("task", "list", acme, "--json")
    listed = json.loads(tasks.out)
    assert len(listed) >= 4
    assert {task["owner"] for task in listed} == {"ana"}
    assert all(task["due"] >= "2026-11-16" for task in listed)
    assert "stage: prospect" in profile(workspace)


def test_new_refuses_a_company_that_is_there(crm: Crm, acme: str) -> None:
    again = crm("new", "ACME freight")
    assert again.code == 2
    assert "acme-freight" in again.err
    assert crm("new", "Another", "--domain", "acme.example").code == 2


def test_a_new_customer_gets_an_onboarding_checklist(crm: Crm, workspace: Path) -> None:
    assert crm("new", "Globex", "--stage", "customer").code == 0
    assert (workspace / "accounts/globex/onboarding.md").is_file()


def test_an_account_is_found_by_folder_name_domain_and_beginning(crm: Crm, acme: str) -> None:
    for text in ("acme-freight", "acme freight", "acme.example", "ac", "Acme Freight GmbH"[:12]):
        assert crm("show", text).code == 0, text
    missing = crm("show", "globex")
    assert (missing.code, missing.out) == (2, "")
    assert "crmctl list" in missing.err


def test_an_ambiguous_beginning_lists_the_candidates(crm: Crm, acme: str) -> None:
    crm("new", "Acme Mills")
    both = crm("show", "acme")
    assert both.code == 2
    assert "acme-freight, acme-mills" in both.err


def test_the_legal_form_may_be_left_out(crm: Crm) -> None:
    for name in ("Vane Oil & Gas Corp.", "Vane Oil & Gas, UK"):
        crm("new", name)
    assert json.loads(crm("show", "Vane Oil & Gas", "--json").out)["account"] == "vane-oil-gas-corp"


def test_set_changes_one_line_and_unset_gives_it_back(crm: Crm, acme: str, workspace: Path) -> None:
    before = profile(workspace)
    done = crm("set", acme, "arr=48,000")
    assert done.code == 0
    assert "changed accounts/acme-freight/profile.md" in done.err
    old, new = before.splitlines(), profile(workspace).splitlines()
    assert [b for a, b in zip(old, new, strict=True) if a != b] == ["arr: 48000"]
    assert crm("unset", acme, "arr").code == 0
    assert "arr: 48000" not in profile(workspace)
    assert crm("set", acme, "arr=48000").code == crm("set", acme, "arr=48000").code == 0


@pytest.mark.parametrize(
    "value", ["arr=many", "renewal=31.12.2026", "stage=lost", "colour=red", "arr"]
)
def test_set_refuses_what_does_not_fit(crm: Crm, acme: str, workspace: Path, value: str) -> None:
    before = profile(workspace)
    refused = crm("set", acme, value)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert profile(workspace) == before


def test_a_field_of_the_teams_own_keeps_the_kind_of_what_it_holds(
    crm: Crm, acme: str, workspace: Path
) -> None:
    path = workspace / "accounts/acme-freight/profile.md"
    own = "tier: 2\nlabels: [a]\nslogan: On time\nlimits: {depots: 3}\n"
    path.write_text(profile(workspace).replace("---\n", f"---\n{own}", 1))
    assert crm("set", acme, "tier=3", "labels=b,c", "slogan=7").code == 0
    assert profile(workspace).startswith('---\ntier: 3\nlabels: [b, c]\nslogan: "7"\n')
    for wrong in ("tier=gold", "limits=4"):
        refused = crm("set", acme, wrong)
        assert (refused.code, refused.err.count("\n")) == (2, 1)


def test_a_dry_run_shows_the_diff_and_writes_nothing(crm: Crm, acme: str, workspace: Path) -> None:
    before = profile(workspace)
    shown = crm("set", acme, "arr=48000", "--dry-run")
    assert "+arr: 48000" in shown.out
    assert profile(workspace) == before


def test_commit_holds_exactly_what_was_written(crm: Crm, acme: str, workspace: Path) -> None:
    assert crm("set", acme, "city=Leeds", "--commit").code == 0
    shown = subprocess.run(
        ["git", "show", "--name-only", "--format=%s"],
        cwd=workspace,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == [
        "acme-freight:",
        "set",
        "city",
        "accounts/acme-freight/profile.md",
    ]


def test_log_in_one_line_and_find_it_again(crm: Crm, acme: str) -> None:
    done = crm(
        "log", acme, "Pricing call", "--type", "call", "--with", "ines", "--at", "yesterday",
        "--next", "send the quote by friday", "-m", "She asked about per-vehicle pricing.",
    )  # fmt: skip
    assert done.code == 0
    (call,) = [
        row for row in json.loads(crm("timeline", acme, "--json").out) if row["type"] == "call"
    ]
    assert (call["at"], call["with"]) == ("2026-11-15T12:00:00Z", ["ines-okafor"])
    page = json.loads(crm("show", acme, call["where"].rsplit("/", 1)[1][:-3], "--json").out)
    assert page["fields"]["next_step_due"]["value"] == "2026-11-20"
    (hit,) = json.loads(crm("search", "per-vehicle", "--json").out)
    assert hit["where"] == call["where"]


def test_log_refuses_a_person_nobody_knows(crm: Crm, acme: str) -> None:
    refused = crm("log", acme, "Call", "--with", "bob")
    assert refused.code == 2
    assert "ines-okafor" in refused.err


def test_log_in_the_editor(
    crm: Crm, acme: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = home / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^subject: .*/subject: Site visit/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    assert crm("log", acme, "--type", "meeting").code == 0
    assert "Site visit" in crm("timeline", acme).out


def test_edit_keeps_the_draft_when_the_result_is_wrong(
    crm: Crm, acme: str, workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = home / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^stage: .*/stage: lost/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    before = profile(workspace)
    refused = crm("edit", acme)
    assert refused.code == 1
    assert "stage: found" in refused.err
    draft = Path(refused.err.split("kept in ")[1].strip())
    assert "stage: lost" in draft.read_text()
    draft.unlink()
    assert profile(workspace) == before


def test_an_unchanged_edit_is_no_edit(
    crm: Crm, acme: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    before = (workspace / "accounts/acme-freight/profile.md").stat()
    assert crm("edit", acme).code == 0
    assert (workspace / "accounts/acme-freight/profile.md").stat() == before


def test_a_deal_through_its_stages(crm: Crm, acme: str) -> None:
    assert crm("deal", "add", acme, "Fleet telemetry", "amount=48000", "close=2027-01-31").code == 0
    assert crm("deal", "stage", acme, "fleet", "proposal", "--at", "2026-11-20").code == 0
    (row,) = json.loads(crm("deal", "list", "--json").out)
    assert (row["stage"], row["amount"], row["currency"]) == ("proposal", 48000, "USD")
    assert [move["stage"] for move in row["stage_history"]] == ["qualification", "proposal"]
    assert crm("deal", "close", acme, "fleet", "--won").code == 0
    assert crm("deal", "list", "--json").out.strip() == "[]"
    (closed,) = json.loads(crm("deal", "list", "--all", "--json").out)
    assert (closed["status"], closed["close"], closed["probability"]) == ("won", "2026-11-16", 100)


def test_a_task_is_done_or_put_off(crm: Crm, acme: str) -> None:
    assert crm("task", "add", acme, "Send the quote", "--due", "friday", "priority=high").code == 0
    assert crm("task", "snooze", acme, "send-the-quote", "2w").code == 0
    (task,) = json.loads(crm("task", "list", acme, "--where", "priority=high", "--json").out)
    assert task["due"] == "2026-11-30"
    assert crm("task", "done", acme, "send-the-quote").code == 0
    assert crm("task", "list", acme, "--where", "priority=high").out == ""


def test_stage_moves_keep_their_history(crm: Crm, acme: str) -> None:
    assert crm("stage", acme, "opportunity", "--reason", "wants a proposal", "--tasks").code == 0
    assert crm("stage", acme, "business-case", "--at", "2026-12-01").code == 0
    stage = json.loads(crm("stage", acme, "--json").out)
    assert (stage["stage"], stage["step"], stage["since"]) == (
        "opportunity",
        "business_case",
        "2026-12-01",
    )
    assert [move["step"] for move in stage["history"]] == ["research", "discovery"]
    assert crm("stage", acme, "nowhere").code == 2


def test_a_contact_moves_to_another_company_and_is_still_named(
    crm: Crm, acme: str, workspace: Path
) -> None:
    crm("new", "Globex", "--no-tasks")
    crm("log", acme, "Call", "--with", "ines")
    assert crm("contact", "move", acme, "ines", "globex").code == 0
    assert (workspace / "accounts/globex/contacts/ines-okafor.md").is_file()
    (note,) = [r for r in json.loads(crm("timeline", acme, "--json").out) if r["type"] == "note"]
    assert note["with"] == ["globex/ines-okafor"]


def test_undo_takes_the_last_run_back_and_can_be_undone(
    crm: Crm, acme: str, workspace: Path
) -> None:
    before = profile(workspace)
    crm("set", acme, "city=Leeds")
    assert crm("undo").code == 0
    assert profile(workspace) == before
    assert crm("undo").code == 0
    assert "city: Leeds" in profile(workspace)
    assert len(json.loads(crm("undo", "--list", "--json").out)) >= 4


def test_lists_filter_sort_and_stay_plain_in_a_pipe(crm: Crm, acme: str) -> None:
    crm("new", "Globex", "--no-tasks")
    crm("set", "globex", "arr=90000", "industry=rail")
    crm("set", acme, "arr=10000")
    assert [row[0] for row in crm("list", "--sort", "-arr").rows] == ["globex", "acme-freight"]
    assert [row[0] for row in crm("list", "arr>50000").rows] == ["globex"]
    assert crm("list", "industry=rail", "--columns", "name,industry").out == "Globex\trail\n"
    assert crm("list", "--csv", "--columns", "name").out == "name\nAcme Freight\nGlobex\n"
    assert crm("list", "stage=customer", "--json").out.strip() == "[]"
    assert crm("list", "colour=red").code == 2


def test_quiet_says_nothing_on_success(crm: Crm, acme: str) -> None:
    done = crm("set", acme, "city=Leeds", "-q")
    assert done == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["show"], 2),
        (["list", "--nonsense"], 2),
        (["-C", "/nowhere", "list"], 4),
    ],
)
def test_exit_codes(crm: Crm, arguments: list[str], code: int) -> None:
    assert crm(*arguments).code == code


def test_a_command_outside_a_workspace_says_what_to_do(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outside = crm("list")
    assert outside.code == 4
    assert "crmctl init" in outside.err
