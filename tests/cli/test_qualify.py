"""qualify on the command line: the list, the review, and writing down what was learned."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Crm

CALL = "interactions/2026-11-01-call-x1.md"
FILES = {
    "profile.md": "---\nname: Acme\nstage: prospect\n---\n",
    "contacts/ann.md": "---\nname: Ann Ok\nroles: [champion]\n---\n",
    "contacts/bob.md": "---\nname: Bob Ng\nroles: [decision_maker]\n---\n",
    CALL: (
        "---\ntype: call\nat: 2026-11-01T10:00:00Z\nwith: [ann, bob]\nby: mira\n---\n\n"
        '- Ann: "The budget is in the plan, but it is flat."\n- Bob: "Forty thousand."\n'
    ),
    "deals/fleet.md": (
        "---\nname: Fleet\nstage: proposal   # theirs\nstatus: open\namount: 60000\ncurrency: EUR\n"
        "qualification:\n"
        "  - {component: metrics, level: 2, evidence: a tenth less fuel}\n"
        "  - {component: budget, level: 2, evidence: Bob on the phone}\n---\n\nText.\n"
    ),
    "deals/pilot.md": "---\nname: Pilot\nstage: discovery\nstatus: open\n---\n",
    "deals/old.md": "---\nname: Old\nstage: won\nstatus: won\n---\n",
}


@pytest.fixture
def acme(workspace: Path) -> Path:
    folder = workspace / "accounts/acme"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    subprocess.run(["git", "add", "-A"], cwd=workspace, check=True)
    subprocess.run(["git", "commit", "-qm", "Acme"], cwd=workspace, check=True)
    return folder


@pytest.mark.usefixtures("acme")
def test_the_list_of_open_deals(crm: Crm) -> None:
    done = crm("qualify")
    assert (done.code, done.err) == (0, "")
    fleet, pilot = done.rows
    assert fleet[:6] == ["acme", "fleet", "proposal", "meddpicc", "1", "24"]
    assert fleet[7:10] == ["proposal 18", "qualification 8, discovery 12, validation 16", "high"]
    assert fleet[10:] == ["identify_pain", "ann"]
    assert pilot[:7] == ["acme", "pilot", "discovery", "bant", "0", "12", "nurture"]
    assert crm("qualify", "acme").out == done.out
    assert crm("qualify", "--framework", "bant").rows[0][3:6] == ["bant", "1", "12"]
    header = crm("qualify", "--csv").out.splitlines()[0]
    assert header.split(",")[:3] == ["account", "deal", "stage"]


@pytest.mark.usefixtures("acme")
def test_the_list_as_json_has_evidence_gaps_and_offers(crm: Crm) -> None:
    fleet, pilot = json.loads(crm("qualify", "acme", "--json").out)
    assert fleet["gate"]["lacking"] == ["identify_pain", "metrics", "champion"]
    assert fleet["components"][0]["source"] == "accounts/acme/deals/fleet.md:8"
    assert fleet["components"][0]["problems"] == ["level 2 is stated, note supports 1"]
    assert fleet["gaps"][0]["ask"][0] == {"id": "ann", "name": "Ann Ok", "role": "champion"}
    offer = pilot["offers"][0]
    assert (offer["component"], offer["person"]) == ("budget", "Ann")
    assert offer["source"] == f"accounts/acme/{CALL}:8"
    assert crm("qualify", "--json").code == 0


def test_nothing_open(crm: Crm, workspace: Path) -> None:
    assert workspace.is_dir()
    assert crm("qualify", "--json").out == "[]\n"
    done = crm("qualify")
    assert (done.code, done.out, done.err) == (0, "", "no open deals\n")


def test_an_answer_is_written_with_the_words_that_show_it(crm: Crm, acme: Path) -> None:
    done = crm("qualify", "acme", "fleet", "--set", "budget=2", "--evidence", f"{CALL}:8")
    assert done.code == 0, done.err
    assert done.err == "changed accounts/acme/deals/fleet.md\nbudget: 2 counts\n"
    old, new = FILES["deals/fleet.md"], (acme / "deals/fleet.md").read_text()
    (line,) = set(new.splitlines()) - set(old.splitlines())
    assert line == (
        "  - {component: budget, level: 2, evidence: Bob on the phone, "
        f'source: "{CALL}:8", quote: "The budget is in the plan, but it is flat.", person: ann}}'
    )
    again = crm("qualify", "acme", "fleet", "--set", "budget=2", "--evidence", f"{CALL}:8")
    assert again.err == "nothing to do\nbudget: 2 counts\n"
    more = crm(
        "qualify", "acme", "fleet", "--set", "budget=3", "--evidence", f"{CALL}:9", "--commit"
    )
    assert more.err.splitlines()[-1] == "budget: 3 counts", "two of them say so"
    log = subprocess.run(
        ["git", "log", "-1", "--format=%s"], cwd=acme, check=True, capture_output=True, text=True
    )
    assert log.stdout == "acme: fleet: qualification: budget 3\n"


def test_the_claim_goes_when_its_source_goes(crm: Crm, acme: Path) -> None:
    crm("qualify", "acme", "pilot", "--set", "budget=2", "--evidence", f"{CALL}:8")
    assert crm("qualify", "acme").rows[1][4] == "2"
    (acme / CALL).unlink()
    assert crm("qualify", "acme").rows[1][4] == "0"
    review = crm("qualify", "acme", "pilot", "--dry-run").out
    assert f"- Budget: {CALL} is not there." in review


def test_our_own_word_is_dated_and_counts_as_such(crm: Crm, acme: Path) -> None:
    done = crm(
        "qualify", "acme", "pilot", "--set", "need=3", "--set", "Budget=0", "--note", "they told me"
    )
    assert done.err.splitlines()[-2:] == [
        "budget: 0 counts",
        "need: 1 counts (level 3 is stated, note supports 1)",
    ]
    text = (acme / "deals/pilot.md").read_text()
    assert "- {component: need, level: 3, evidence: they told me, at: 2026-11-16}" in text
    assert "- {component: budget, level: 0, evidence: they told me, at: 2026-11-16}" in text


def test_a_dry_run_shows_the_line_and_writes_nothing(crm: Crm, acme: Path) -> None:
    done = crm("qualify", "acme", "pilot", "--set", "need=1", "--dry-run")
    assert "+  - {component: need, level: 1, at: 2026-11-16}" in done.out
    assert (acme / "deals/pilot.md").read_text() == FILES["deals/pilot.md"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "budgt=2"], "--set budgt=2: 'budgt' is no component; there are: authority, budget,"),
        (["--set", "budget=4"], "--set budget=4: found '4'; allowed: a level from 0 to 3"),
        (["--set", "budget"], "--set budget: found ''; allowed: a level from 0 to 3"),
        (["--set", "budget=2", "--evidence", "interactions/none.md:1"], "interactions/none.md is not there;"),
        (["--set", "budget=2", "--evidence", CALL, "--quote", "lots"], 'does not say "lots";'),
        (["--set", "budget=2", "--evidence", "../globex/profile.md:1"], "is no file of this account;"),
        (["--set", "budget=2", "--evidence", f"{CALL}:8", "--person", "bob"], "--person: it was said by ann, not"),
        (["--set", "budget=2", "--quote", "lots"], "--quote: name the file with --evidence as well"),
        (["--set", "budget=2", "--json"], "--set changes a deal; --json and --csv show deals"),
        (["--note", "x"], "--note belongs to --set"),
        (["--framework", "spin"], "--framework: found 'spin'; allowed: bant, meddpicc"),
        (["--csv"], "--csv is for the list of deals; a review has --json"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    crm: Crm, acme: Path, arguments: list[str], says: str
) -> None:
    done = crm("qualify", "acme", "fleet", *arguments)
    assert done.code == 2
    assert says in done.err
    assert (acme / "deals/fleet.md").read_text() == FILES["deals/fleet.md"]


@pytest.mark.usefixtures("acme")
def test_a_list_takes_no_answer_and_no_commit(crm: Crm) -> None:
    assert crm("qualify", "acme", "--set", "budget=2").err == (
        "crmctl: --set: name the account and the deal\n"
    )
    assert (
        crm("qualify", "--commit").err == "crmctl: --commit: a list writes nothing; name a deal\n"
    )


def test_the_review_tells_gate_questions_and_offers(crm: Crm, acme: Path) -> None:
    done = crm("qualify", "acme", "fleet")
    assert done.code == 0, done.err
    text = (acme / "reviews/deal-fleet.md").read_text()
    assert "**Past validation without passing its gate**: 1 of 16 points" in text
    assert "To leave proposal: 18 points (now 1), and level 3 of" in text
    assert "- [ ] Identify pain (to leave discovery): What hurts" in text
    assert "Ask Ann Ok (champion)." in text
    assert "| Budget | 1 (stated: 2) | Bob on the phone | deals/fleet.md:9 |" in text
    assert "It is a high risk: metrics is hardly known in proposal" in text
    assert (
        "Past discovery"
        not in crm("qualify", "acme", "fleet", "--framework", "bant")
        .out.split("## MEDDPICC")[1]
        .split("## What we have to ask")[0]
    )
    offered = crm("qualify", "acme", "pilot").out
    assert '- Budget: "The budget is in the plan, but it is flat." (Ann, 2026-11-01)' in offered
