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
    PROFILE: (
        "---\nname: Acme Ltd\nstage: customer\nseats: 100\nstarted: 2026-01-05\n"
        "first_value: 2026-03-01\ngoals:\n"
        "  - {name: Faster, baseline: 10, target: 4, current: 7, due: 2027-01-05}\n---\n"
    ),
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


def test_a_score_is_set_by_hand_and_taken_back(crm: Crm, acme: Path) -> None:
    (plain,) = json.loads(crm("score", "--json").out)
    assert (plain["card"], plain["override"], plain["computed"]) == ("base", None, plain["score"])
    call = ("health", "override", "acme", "--score", "20", "--reason", "They: leave", "--until")
    before = (acme / PROFILE).read_text()
    dry = crm(*call, "2w", "--by", "Ana", "--dry-run")
    assert (dry.code, (acme / PROFILE).read_text()) == (0, before)
    assert "+health_override:" in dry.out
    done = crm(*call, "2026-11-30", "--by", "Ana", "--commit")
    assert done.code == 0, done
    added = (acme / PROFILE).read_text()
    assert added.replace(added[added.index("health_override:") : added.rindex("---")], "") == before
    (scored,) = json.loads(crm("score", "--json").out)
    assert (scored["score"], scored["status"], scored["computed"]) == (
        20,
        "critical",
        plain["score"],
    )
    assert scored["override"]["by"] == "Ana"
    assert "set by Ana until 2026-11-30: They: leave" in crm("score").rows[0][-1]
    page = as_json(crm, "explain", "acme")
    assert [line["kind"] for line in page["lines"]][-3:] == ["computed", "override", "score"]
    assert "computed " in crm("health", "explain", "acme").out.splitlines()[0]
    # Another one stands in its place; without --by it is git's author.
    assert crm(*call, "2026-12-01", "--despite", "notice_given").code == 0
    text = (acme / PROFILE).read_text()
    assert (text.count("score: 20"), text.count("by: Ana,"), text.count("despite:")) == (1, 0, 1)
    split = as_json(crm, "explain", "acme", "--since", "2026-10-25")["change"]
    assert split["override"] == pytest.approx(20 - plain["score"])
    assert crm("health", "override", "acme", "--clear").code == 0
    assert (acme / PROFILE).read_text() == before
    (again,) = json.loads(crm("score", "--json").out)
    assert again["score"] == plain["score"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "missing: --score, --reason, --until"),
        (("--score", "70", "--until", "2w"), "missing: --reason"),
        (("--score", "70", "--reason", " ", "--until", "2w"), "missing: --reason"),
        (("--score", "70", "--reason", "x"), "missing: --until"),
        (("--score", "101", "--reason", "x", "--until", "2w"), "101"),
        (("--score", "70", "--reason", "x", "--until", "today"), "not after today"),
        (("--clear", "--score", "70"), "goes with no other value"),
        (
            ("--score", "70", "--reason", "x", "--until", "2w", "--despite", "mood"),
            "there are: champion_left",
        ),
    ],
)
def test_an_override_without_all_it_needs_is_refused(
    crm: Crm, acme: Path, options: tuple[str, ...], words: str
) -> None:
    before = state(acme)
    done = crm("health", "override", "acme", *options)
    assert (done.code, words in done.err) == (2, True), done
    assert state(acme) == before


def test_check_says_what_is_wrong_with_an_override(crm: Crm, acme: Path) -> None:
    def found(row: str) -> list[tuple[str, str]]:
        text = FILES[PROFILE].replace("---\n", "", 1)
        (acme / PROFILE).write_text(f"---\nhealth_override:\n  - {{{row}}}\n{text}")
        problems = json.loads(crm("check", "acme", "--format", "json").out)
        return [(p["severity"], p["message"]) for p in problems if "override" in p["field"]]

    whole = "score: 70, reason: why, by: ana, at: 2026-11-01, expires: 2026-11-"
    assert found(f"{whole}17") == []
    ((severity, text),) = found(f"{whole}16")
    assert (severity, "expired on 2026-11-16" in text) == ("warning", True)
    ((severity, text),) = found(f"{whole}01")
    assert (severity, "never has an effect" in text) == ("warning", True)
    for name, part in (
        ("reason", "reason: why, "),
        ("by", "by: ana, "),
        ("at", "at: 2026-11-01, "),
    ):
        ((severity, text),) = found(f"{whole}17".replace(part, ""))
        assert (severity, f"{name} is missing" in text) == ("error", True)
    ((severity, text),) = found("score: 70, reason: why, by: ana, at: 2026-11-01")
    assert (severity, "expires is missing" in text) == ("error", True)
    ((severity, text),) = found(f"{whole}17".replace("70", "170"))
    assert severity == "error"


def test_a_prospect_has_no_score_and_it_is_said_why(crm: Crm, acme: Path) -> None:
    profile = acme / PROFILE
    profile.write_text(profile.read_text().replace("stage: customer", "stage: prospect"))
    head = crm("health", "explain", "acme").out.splitlines()[0]
    assert head == "acme: no score: not a customer yet (scorecard not_a_customer)"
    (row,) = json.loads(crm("score", "--json").out)
    assert (row["score"], row["status"], row["card"]) == (None, None, "not_a_customer")
    assert not (acme / "accounts/acme/health.md").exists()


def test_a_move_to_another_step_is_a_change_of_weights(crm: Crm, acme: Path) -> None:
    profile = acme / PROFILE
    profile.write_text(
        profile.read_text().replace("stage: customer", "stage: customer\nstep: onboarding")
    )
    page = as_json(crm, "explain", "acme", "--since", "2026-10-25")
    split = page["change"]
    assert (split["before"]["card"], split["after"]["card"]) == ("base", "onboarding")
    assert split["weights"]
    sum_ = fsum(split[part] for part in ("data", "weights", "missingness", "override"))
    assert sum_ == pytest.approx(split["after"]["score"] - split["before"]["score"], abs=1e-9)
    assert "(scorecard base -> onboarding)" in crm(
        "health", "explain", "acme", "--since", "2026-10-25"
    ).out  # fmt: skip
    assert "scorecard onboarding" in crm("health", "explain", "acme").out.splitlines()[0]


def test_history_and_explain_name_the_trend(crm: Crm, acme: Path) -> None:
    assert as_json(crm, "explain", "acme")["trend"] is None
    crm("score", "acme")
    (now,) = as_json(crm, "history", "acme")
    for day, score in (("2026-10-20", now["score"] + 12), ("2026-11-14", now["score"] + 9)):
        (acme / f"accounts/_measures/{day}.csv").write_text(
            f"account,measure,value,source\nacme,health.coverage,0.9,crmctl\n"
            f"acme,health.score,{score:g},crmctl\n"
        )
    rows = as_json(crm, "history", "acme")
    assert [row["trend"] and row["trend"]["direction"] for row in rows] == [
        None,
        "stable",
        "falling",
    ]
    assert rows[-1]["trend"] == {"direction": "falling", "points": -12, "days": 14}
    assert (rows[0]["confidence"], rows[-1]["confidence"]) == ("high", now["confidence"])
    page = as_json(crm, "explain", "acme")
    assert page["trend"] == rows[-1]["trend"]
    assert page["confidence"] in {"high", "medium", "low"}
    assert "falling, -12 in 14 days" in crm("health", "explain", "acme").out.splitlines()[0]
    assert "falling, -12 in 14 days" in crm("health", "history", "acme").err


def test_check_names_inputs_that_no_customer_has(crm: Crm, acme: Path) -> None:
    def found(*places: str) -> list[tuple[str, int]]:
        problems = json.loads(crm("check", *places, "--format", "json").out)
        return [(p["message"], p["line"]) for p in problems if p["code"] == "unfilled"]

    customer, prospect = (
        "---\nname: X\nstage: customer\n---\n",
        "---\nname: X\nstage: prospect\n---\n",
    )
    for name, text in {"a": customer, "b": customer, "c": customer, "d": prospect}.items():
        (acme / f"accounts/{name}").mkdir()
        (acme / f"accounts/{name}/profile.md").write_text(text)
    assert found() == []
    (acme / "accounts/d/profile.md").write_text(customer)
    before = state(acme)
    lines = (acme / "weights.yaml").read_text().splitlines()
    texts = [text for text, _ in found()]
    assert any("survey_mean" in text and "none of 5 customers" in text for text in texts)
    assert not any("active_share" in text for text in texts)
    assert all(lines[line - 1].strip() == "inputs:" for _, line in found())
    # It takes all accounts, so a check of some says nothing of it; and nothing is written.
    assert found("weights.yaml") == []
    assert state(acme) == before
