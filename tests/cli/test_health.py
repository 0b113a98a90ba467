"""`crmctl health`: what a person types, what is printed, and that nothing is written."""

from __future__ import annotations

import json
import os
import subprocess
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

PROFILE = "accounts/acme/profile.md"
FILES = {
    PROFILE: "---\nname: Acme Ltd\nstage: customer\nseats: 100\n---\n",
    "accounts/acme/contacts/ann.md": "---\nname: Ann Ok\nroles: [champion]\n---\n",
    "accounts/acme/interactions/2026-10-20-call-x1.md": (
        "---\ntype: call\nat: 2026-10-20T10:00:00Z\nwith: [ann]\nsentiment: positive\n---\n"
    ),
    "accounts/_measures/2026-09-15.csv": (
        "account,measure,value,source\nacme,usage.active_users,70,csv\n"
    ),
    "accounts/_measures/2026-10-15.csv": (
        "account,measure,value,source\nacme,usage.active_users,66,csv\n"
    ),
}


@pytest.fixture
def acme(workspace: Path) -> Path:
    """An account whose usage and contact are known, committed in October."""
    for path, text in FILES.items():
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    # The workspace's own first commit is as old.
    commit(workspace, "2026-10-25", "--amend")
    return workspace


def commit(root: Path, day: str, *how: str) -> None:
    when = f"{day}T12:00:00+00:00"
    environment = os.environ | {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
    for call in (["add", "-A"], ["commit", "-qm", f"As of {day}", *how]):
        subprocess.run(["git", "-C", str(root), *call], check=True, env=environment)


def state(root: Path) -> dict[Path, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path: path.read_bytes() for path in files}


def as_json(crm: Crm, *call: str) -> Any:
    done = crm("health", *call, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def test_explain_lists_each_input_and_adds_up(crm: Crm, acme: Path) -> None:
    page = as_json(crm, "explain", "acme")
    parts = [line for line in page["lines"] if line["kind"] in ("input", "gate")]
    assert fsum(line["points"] or 0 for line in parts) == pytest.approx(page["score"], abs=1e-9)
    share = next(line for line in parts if line["name"] == "active_share")
    assert (share["value"], share["age"]) == (0.66, 32)
    assert share["source"] == "accounts/_measures/2026-10-15.csv:2"
    done = crm("health", "explain", "acme")
    assert done.out.startswith("acme: ")
    row = next(row for row in done.rows if row[0] == "active_share")
    assert row[1:3] == ["0.66", "81.3"]
    assert row[6:] == ["32", "accounts/_measures/2026-10-15.csv:2", "66 of 100 seats"]
    head = crm("health", "explain", "acme", "--csv").out.splitlines()[0]
    assert head == "name,value,normalised,weight,effective,points,age,source,note"


def test_explain_since_a_date_and_since_a_commit(crm: Crm, acme: Path) -> None:
    first = subprocess.run(
        ["git", "-C", str(acme), "rev-parse", "--short", "HEAD"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (acme / PROFILE).write_text(FILES[PROFILE].replace("seats: 100", "seats: 200"))
    weights = acme / "weights.yaml"
    weights.write_text(weights.read_text().replace("      weight: 30\n", "      weight: 60\n", 1))
    commit(acme, "2026-11-10")
    for since in ("2026-10-25", first):
        page = as_json(crm, "explain", "acme", "--since", since)
        split = page["change"]
        assert page["since"]["commit"].startswith(first)
        assert page["since"]["day"] == "2026-10-25"
        sum_ = fsum(split[part] for part in ("data", "weights", "missingness", "override"))
        assert sum_ == pytest.approx(split["after"]["score"] - split["before"]["score"], abs=1e-9)
        assert split["data"]
        assert split["weights"]
    done = crm("health", "explain", "acme", "--since", "2026-10-25")
    before, after = done.out.splitlines()[:2]
    assert before.startswith(f"acme on 2026-10-25 at commit {first}")
    assert after.startswith("acme: ")
    assert done.rows[-1][0] == "= score"
    assert {"active_share", "days_since_contact"} <= {row[0] for row in done.rows}


def test_explain_at_a_past_day(crm: Crm, acme: Path) -> None:
    (acme / PROFILE).write_text(FILES[PROFILE].replace("seats: 100", "seats: 200"))
    page = as_json(crm, "explain", "acme", "--at", "2026-11-01")
    assert page["day"] == "2026-11-01"
    share = next(line for line in page["lines"] if line["name"] == "active_share")
    assert (share["value"], share["age"]) == (0.66, 17)
    assert share["source"] == "accounts/_measures/2026-10-15.csv#usage.active_users"
    assert crm("health", "explain", "acme", "--at", "2026-12-24").code == 2
    early = crm("health", "explain", "acme", "--at", "2026-01-01")
    assert (early.code, "begins on 2026-10-25" in early.err) == (2, True)


def test_what_if_says_what_other_values_would_do(crm: Crm, acme: Path) -> None:
    page = as_json(crm, "what-if", "acme", "--set", "usage.active_users=40")
    share = next(part for part in page["inputs"] if part["name"] == "active_share")
    assert (share["before"]["value"], share["after"]["value"]) == (0.66, 0.4)
    assert share["data"] < 0
    assert (page["weights"], page["override"]) == (0, 0)
    none = as_json(crm, "what-if", "acme", "--set", "champion=")
    assert none["missingness"]
    assert none["data"] == 0
    several = ["--set", "seats=80", "--set", "active_contacts=5", "--set", "breadth=50%"]
    page = as_json(crm, "what-if", "acme", *several)
    values = {p["name"]: p["after"]["value"] for p in page["inputs"] if p["after"]}
    assert (values["active_share"], values["active_contacts"], values["breadth"]) == (0.825, 5, 0.5)
    shut = as_json(crm, "what-if", "acme", "--set", "notice_given=2026-11-01")
    assert (shut["after"]["score"], shut["gates_after"]) == (39, ["notice_given"])
    left = as_json(crm, "what-if", "acme", "--set", "champion_left=2026-11-01")
    assert left["gates_after"] == ["champion_left"]
    assert crm("health", "what-if", "acme", "--set", "seats=80").out.startswith("acme: ")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seats", "name=value"),
        ("seats=half", "allowed: a number"),
        ("seats=1.5", "a whole number"),
        ("usage.active_users=-1", "from 0 on"),
        ("breadth=nan", "allowed: a number"),
        ("renewal=soon", "allowed: a date"),
        ("mood=1", "moves no score; allowed: usage.active_users"),
    ],
)
def test_what_if_refuses_what_it_cannot_assume(
    crm: Crm, acme: Path, setting: str, words: str
) -> None:
    done = crm("health", "what-if", "acme", "--set", setting)
    assert (done.code, words in done.err) == (2, True), done


def test_simulate_names_who_would_move_and_why(crm: Crm, acme: Path) -> None:
    (acme / "accounts/zebra").mkdir()
    (acme / "accounts/zebra/profile.md").write_text("---\nname: Zebra\nstage: customer\n---\n")
    weights = (acme / "weights.yaml").read_text()
    assert as_json(crm, "simulate", "--weights", "weights.yaml") == []
    other = acme.parent / "other.yaml"
    other.write_text(weights.replace("      weight: 30\n", "      weight: 90\n", 1))
    crm("score")
    for _ in range(2):
        (move,) = as_json(crm, "simulate", "--weights", str(other))
        assert move["account"] == "acme"
        assert move["weights"] == pytest.approx(move["after"]["score"] - move["before"]["score"])
        assert (move["data"], move["missingness"], move["override"]) == (0, 0, 0)
        crm("score")
    done = crm("health", "simulate", "--weights", str(other))
    assert done.rows[0][0] == "acme"
    assert "1 of 2 accounts would move" in done.err
    other.write_text(weights.replace("coverage_floor: 0.4", "coverage_floor: 1", 1))
    (move,) = as_json(crm, "simulate", "--weights", str(other))
    assert move["after"]["score"] is None
    assert "a score needs 100 %" in crm("health", "simulate", "--weights", str(other)).out


def test_simulate_with_weights_that_are_none(crm: Crm, acme: Path) -> None:
    assert crm("health", "simulate", "--weights", "nowhere.yaml").code == 2
    (acme / "bad.yaml").write_text("health: {}\n")
    done = crm("health", "simulate", "--weights", "bad.yaml")
    assert (done.code, "bad.yaml" in done.err) == (4, True)


def test_history_lists_what_was_written_down(crm: Crm, acme: Path) -> None:
    empty = crm("health", "history", "acme")
    assert (empty.code, empty.out) == (0, "")
    assert "no score was written down yet" in empty.err
    crm("score", "acme")
    (row,) = as_json(crm, "history", "acme")
    assert row["day"] == "2026-11-16"
    (score,) = json.loads(crm("score", "acme", "--json", "--dry-run").out)
    assert (row["score"], row["status"]) == (round(score["score"]), score["status"])
    assert crm("health", "history", "acme").rows[0][0] == "2026-11-16"


def test_no_command_of_health_writes(crm: Crm, acme: Path) -> None:
    before = state(acme)
    for call in (
        ("explain", "acme", "--since", "2026-10-25"),
        ("explain", "acme", "--at", "2026-10-26"),
        ("history", "acme"),
        ("what-if", "acme", "--set", "seats=70"),
        ("simulate", "--weights", "weights.yaml"),
    ):
        assert crm("health", *call).code == 0, call
    assert state(acme) == before


def test_without_a_score_the_reason_is_said(crm: Crm, acme: Path) -> None:
    (acme / "accounts/zebra").mkdir()
    (acme / "accounts/zebra/profile.md").write_text("---\nname: Zebra\nstage: customer\n---\n")
    assert "zebra: no score: " in crm("health", "explain", "zebra").out
    done = crm("health", "what-if", "zebra", "--set", "seats=70")
    assert (done.code, "nothing to compare" in done.out) == (0, True)
