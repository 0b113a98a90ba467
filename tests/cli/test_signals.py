"""Signals and claims through the command line: what is told, where it stands, and that it goes with its source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight import scoring
from crmctl.workflow.actions import ACTIONS
from crmctl.workspace.store import Reader
from tests.conftest import Crm

ACME = "accounts/acme"
PAGE = f"{ACME}/health.md"
TRAFFIC = f"{ACME}/interactions/2026.jsonl"
CALL = f"{ACME}/interactions/2026-11-05-call-x2.md"
ANGER = "This is unacceptable. The export is terrible."
FILES = {
    f"{ACME}/profile.md": (
        "---\nname: Acme Ltd\nstage: customer\nowner: ana\nseats: 100\nstarted: 2025-06-01\n"
        "first_value: 2025-07-01\ncompetitors: [Northbase]\n"
        "goals:\n  - {name: Faster, baseline: 10, target: 4, current: 6, due: 2026-11-01}\n---\n"
    ),
    f"{ACME}/contacts/ann.md": "---\nname: Ann Ok\nroles: [champion]\nseniority: vp\n---\n",
    f"{ACME}/contacts/bob.md": (
        "---\nname: Bob Ok\nsources:\n  linkedin:\n    id: bob\n    company_before: Acme Ltd\n"
        "    company: Quarry Works\n---\n"
    ),
    f"{ACME}/deals/renewal.md": (
        "---\nname: Renewal\nstage: proposal\ntype: Renewal\nprobability: 60\ncompetitors: [Tallyflow]\n---\n"
    ),
    CALL: (
        "---\ntype: call\nat: 2026-11-05T10:00:00Z\nwith: [ann]\n---\n\n"
        "**Ann Ok** (external, 2:10): We need ten more seats.\n"
    ),
    TRAFFIC: "".join(
        json.dumps(
            {
                "id": f"email:{day}",
                "at": f"2026-11-{day:02}T10:00:00Z",
                "type": "email",
                "direction": "in",
                "with": ["ann"],
                "text": ANGER,
            }
        )
        + "\n"
        for day in (6, 7, 8)
    ),
    "accounts/_measures/2026-11-10.csv": (
        "account,measure,value,source\nacme,usage.active_users,95,csv\n"
        "acme,usage.features_available,10,csv\nacme,usage.features_used,5,csv\n"
    ),
    "accounts/quiet/profile.md": "---\nname: Quiet Ltd\nstage: prospect\nowner: kim\n---\n",
}


@pytest.fixture
def acme(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account of which much was said, and one of which nothing is known."""
    monkeypatch.setattr(scoring, "RACY_NS", 0)
    for path, text in FILES.items():
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return workspace


def listed(crm: Crm, *call: str) -> list[dict[str, Any]]:
    done = crm("signals", *call, "--json")
    assert done.code == 0, done
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def scored(crm: Crm, root: Path) -> str:
    done = crm("score")
    assert done.code == 0, done
    return (root / PAGE).read_text(encoding="utf-8")


def told(page: str) -> str:
    """The section of what was said and noted; empty without one."""
    return page.partition("## What was said and noted\n")[2].partition("\n## ")[0]


def test_signals_come_from_data_and_texts_with_strength_age_play_and_line(
    crm: Crm, acme: Path
) -> None:
    found = {row["name"]: row for row in listed(crm, "acme")}
    assert found.keys() >= {"seats_used", "more_seats", "negative_tone", "changed_company"}
    seats = found["more_seats"]
    assert (seats["kind"], seats["quote"]) == ("expansion", "We need ten more seats.")
    assert (seats["source"], seats["as_of"], seats["age_days"]) == (f"{CALL}:7", "2026-11-05", 11)
    assert (seats["half_life_days"], seats["play"]) == (60, "create_expansion_opportunity")
    assert 0 < seats["strength"] < 1
    assert found["seats_used"]["source"] == "accounts/_measures/2026-11-10.csv:2"
    assert (found["seats_used"]["half_life_days"], found["seats_used"]["strength"]) == (None, 1)
    assert found["negative_tone"]["source"].startswith(f"{TRAFFIC}:")
    assert {row["play"] for row in found.values()} <= ACTIONS.keys()
    strengths = [row["strength"] for row in listed(crm)]
    assert strengths == sorted(strengths, reverse=True)
    assert crm("-q", "signals").out.splitlines()[0].count("\t") == 9
    assert crm("signals", "--csv").out.startswith("account,kind,name,strength,half_life,age,text")


def test_signals_are_chosen_by_kind_day_and_owner(crm: Crm, acme: Path) -> None:
    assert {row["kind"] for row in listed(crm, "--kind", "competitor")} == {"competitor"}
    names = {row["quote"] for row in listed(crm, "-k", "competitor")}
    assert names == {"Northbase", "Tallyflow"}
    assert all(row["as_of"] >= "2026-11-06" for row in listed(crm, "--since", "2026-11-06"))
    assert "more_seats" not in {row["name"] for row in listed(crm, "--since", "2026-11-06")}
    assert {row["account"] for row in listed(crm, "--owner", "Ana")} == {"acme"}
    assert listed(crm, "acme", "--owner", "kim") == []
    wrong = crm("signals", "--kind", "weather")
    assert (wrong.code, "allowed: risk, buying, expansion, competitor" in wrong.err) == (2, True)


def test_signals_write_nothing_and_of_what_did_not_change_read_nothing(
    crm: Crm, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> dict[Path, bytes]:
        found = (p for p in acme.rglob("*") if p.is_file() and ".git" not in p.parts)
        return {path: path.read_bytes() for path in found}

    before = state()
    first = listed(crm)
    assert state() == before
    scored(crm, acme)
    crm("score")
    seen: list[str] = []
    read = Reader.account

    def noting(self: Reader, slug: str, **more: frozenset[str] | None) -> object:
        seen.append(slug)
        return read(self, slug, **more)

    monkeypatch.setattr(Reader, "account", noting)
    assert listed(crm) == first
    assert listed(crm) == first
    assert seen == []


def drop(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


def rewrite(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / path).read_text(encoding="utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("claim", "gone"),
    [
        ("We need ten more seats.", drop(CALL)),
        ("We need ten more seats.", rewrite(CALL, "We need ten more seats.", "We are fine.")),
        ("their tone is negative", drop(TRAFFIC)),
        ("Tallyflow is considered in renewal", drop(f"{ACME}/deals/renewal.md")),
        (
            "Northbase is considered",
            rewrite(f"{ACME}/profile.md", "competitors: [Northbase]\n", ""),
        ),
        ("contact bob changed company", drop(f"{ACME}/contacts/bob.md")),
    ],
)
def test_a_claim_goes_with_its_source_at_the_next_score(
    crm: Crm, acme: Path, claim: str, gone: Callable[[Path], None]
) -> None:
    assert claim in told(scored(crm, acme))
    gone(acme)
    after = scored(crm, acme)
    assert claim not in after
    assert claim not in crm("signals").out


def test_a_fact_of_the_relationship_goes_with_its_contact(crm: Crm, acme: Path) -> None:
    assert "champion | 1 | 100" in scored(crm, acme)
    (acme / f"{ACME}/contacts/ann.md").unlink()
    page = scored(crm, acme)
    assert "contacts/ann.md" not in page
    assert "champion | 1 | 100" not in page


def test_a_page_names_quote_line_and_age(crm: Crm, acme: Path) -> None:
    said = told(scored(crm, acme))
    assert f'more seats: "We need ten more seats." (2026-11-05, 11 days before; {CALL}:7)' in said


def test_one_of_two_mentions_keeps_the_claim_but_not_the_lost_quote(crm: Crm, acme: Path) -> None:
    other = acme / f"{ACME}/interactions/2026-11-12-call-x3.md"
    text = FILES[CALL].replace("11-05", "11-12").replace("ten more", "twelve more")
    other.write_text(text, encoding="utf-8")
    assert "We need twelve more seats." in told(scored(crm, acme))
    other.unlink()
    said = told(scored(crm, acme))
    assert "twelve" not in said
    assert "We need ten more seats." in said


def test_what_is_newly_said_is_written_and_time_alone_writes_nothing(
    crm: Crm, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scored(crm, acme)
    assert scored(crm, acme) == before
    # Half a year later the words weigh next to nothing; of all pages only the score's own moves may rewrite one.
    weights = acme / "weights.yaml"
    steady = weights.read_text(encoding="utf-8").replace("rewrite_step: 5", "rewrite_step: 100")
    weights.write_text(steady, encoding="utf-8")
    for day in ("2026-11-17", "2026-11-20", "2026-11-23"):
        monkeypatch.setenv("CRMCTL_NOW", f"{day}T08:00:00Z")
        assert scored(crm, acme) == before
    # A mention of the same thing is no new claim, another thing is.
    again = acme / f"{ACME}/interactions/2026-11-22-call-x4.md"
    again.write_text(FILES[CALL].replace("11-05", "11-22"), encoding="utf-8")
    assert scored(crm, acme) == before
    again.write_text(
        FILES[CALL]
        .replace("11-05", "11-22")
        .replace("We need ten more seats.", "Cancel our contract."),
        encoding="utf-8",
    )
    assert "Cancel our contract." in told(scored(crm, acme))


def test_other_rules_are_read_at_once(crm: Crm, acme: Path) -> None:
    assert "more seats" in told(scored(crm, acme))
    rules = acme / "signals.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text.replace("strength: 0.7", "strength: 0.01").replace("floor: 0.1", "floor: 0.99")
    )
    assert "more_seats" not in {row["name"] for row in listed(crm)}


def test_advice_names_points_input_line_and_action(crm: Crm, acme: Path) -> None:
    page = json.loads(crm("score", "acme", "--explain", "--json").out)[0]
    stakes = [item["points"] for item in page["recommendations"]]
    assert stakes == sorted(stakes, reverse=True)
    assert all(
        item["source"].startswith("accounts/") and item["action"] and item["reason"]
        for item in page["recommendations"]
    )
    inputs = {row["name"]: row for row in page["explanation"] if row["kind"] == "input"}
    for item in page["recommendations"]:
        row = inputs[item["input"]]
        left = row["weight_effective"] * (100 - row["normalised"])
        assert item["points"] == pytest.approx(left)
    text = crm("score", "acme", "--explain").out
    assert (
        "goal_pace (goal pace 0.67: 1 of 1 goal can be judged, accounts/acme/profile.md:9)" in text
    )
