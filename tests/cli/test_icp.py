"""icp on the command line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from crmctl.insight.icp import fit
from crmctl.insight.icp_suggest import Suggestion
from crmctl.insight.icp_weights import IcpWeights
from crmctl.insight.metrics_binary import wilson
from crmctl.insight.weights import load_weights
from crmctl.render.icp import fragment
from crmctl.workspace.store import read_file
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

REPOSITORY = Path(__file__).parents[2]
DIRECTIONS = ("software", "retail", "mining")


def write(root: Path, path: str, **fields: object) -> None:
    file = root / "accounts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    file.write_text(f"---\n{text}---\n")


def account(root: Path, slug: str, **fields: object) -> None:
    write(root, f"{slug}/profile.md", **{"name": slug.title(), "stage": "prospect"} | fields)


@pytest.fixture
def three(workspace: Path) -> Path:
    """One that fits and talks, one that is ruled out, one of which nothing is known."""
    account(workspace, "acme", owner="ana", industry="Software", employees=300)
    account(workspace, "casino", owner="bo", industry="Gambling", employees=300)
    account(workspace, "blank", stage="customer")
    path = "acme/interactions/2026-11-10-call-x1.md"
    write(workspace, path, type="call", at="2026-11-10T10:00:00Z", **{"with": "[ann]"})
    return workspace


def test_the_list_has_two_facts_side_by_side(crm: Crm, three: Path) -> None:
    done = crm("icp")
    assert (done.code, done.err) == (0, "")
    assert done.rows == [
        ["acme", "A2", "100", "A", "60 %", "60-100", "2", "52", "unknown: revenue, technology"],
        ["blank", "??", "", "", "0 %", "0-100", "", "",
         "only 0 % of what decides the fit is known; unknown: industry, size, revenue, technology"],
        ["casino", "disqualified ?", "70", "disqualified", "60 %", "42-82", "", "",
         "an industry we do not serve; unknown: revenue, technology"],
    ]  # fmt: skip
    assert crm("icp", "--csv").out.startswith(
        "account,label,fit,tier,known,range,level,engagement,note\nacme,A2,100,"
    )
    page = json.loads(crm("icp", "--json").out)
    assert [row["account"] for row in page] == ["acme", "blank", "casino"]
    assert page[0]["engagement"]["level"] == "2"
    assert page[1]["fit"]["score"] is None
    assert page[1]["engagement"]["score"] is None
    assert page[2]["disqualified"] is True


@pytest.mark.parametrize(
    ("options", "slugs"),
    [
        (["--tier", "a"], ["acme"]),
        (["--tier", "disqualified"], ["casino"]),
        (["--tier", "?"], ["blank"]),
        (["--owner", "bo"], ["casino"]),
        (["--stage", "customer"], ["blank"]),
        (["--stage", "prospect", "--owner", "ana"], ["acme"]),
        (["--owner", "nobody"], []),
    ],
)
def test_filters(crm: Crm, three: Path, options: list[str], slugs: list[str]) -> None:
    assert [row[0] for row in crm("icp", *options).rows] == slugs
    assert [row["account"] for row in json.loads(crm("icp", *options, "--json").out)] == slugs


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["--tier", "S"], "allowed: A, B, C, disqualified, ?"),
        (["--stage", "lead"], "--stage: found 'lead'; allowed: prospect"),
        (["acme", "--tier", "A"], "--tier: only for the list"),
        (["--calibrate", "--owner", "ana"], "--owner: only for the list"),
        (["acme", "--calibrate"], "leave the account out"),
        (["--calibrate", "--csv"], "use --json"),
    ],
)
def test_wrong_usage(crm: Crm, three: Path, call: list[str], says: str) -> None:
    done = crm("icp", *call)
    assert done.code == 2
    assert says in done.err


def test_one_account_criterion_by_criterion(crm: Crm, three: Path) -> None:
    done = crm("icp", "acme")
    assert done.code == 0
    fitting, engaged, *rows = done.out.splitlines()
    assert fitting == "acme: fit 100, tier A (60 % known, between 60 and 100)"
    assert engaged == "engagement: 52, level 2 (75 % known, between 39 and 64)"
    cells = [row.split("\t") for row in rows]
    assert cells[0] == [
        *("fit", "industry", "Software", "100.0", "30.0", "50.0", "50.00"),
        *("", "", "accounts/acme/profile.md:5", "software"),
    ]
    assert cells[2][:7] == ["fit", "revenue", "", "", "20.0", "0.0", ""]
    assert cells[2][-1] == "not known"
    assert cells[4][1:] == ["= fit", "", "", "", "", "100.00", "", "", "", "A"]
    assert cells[5][0] == "disqualifier"
    assert cells[5][-1] == "clear: an industry we do not serve"
    points = [float(c[6]) for c in cells if c[0] == "engagement" and c[6]]
    assert sum(points[:-1]) == pytest.approx(points[-1], abs=0.02)
    assert rows[-2:] == [
        "find out: What is their yearly revenue?",
        "find out: Which systems do they work with?",
    ]
    page = json.loads(crm("icp", "acme", "--json").out)
    assert page["questions"] == [row.removeprefix("find out: ") for row in rows[-2:]]
    assert page["fit"]["criteria"][0]["source"] == "accounts/acme/profile.md:5"
    assert page["fit"]["criteria"][0]["since"] is None  # not committed yet
    call = next(i for i in page["engagement"]["inputs"] if i["name"] == "recency")
    assert call["source"] == "accounts/acme/interactions/2026-11-10-call-x1.md"


def test_what_could_not_be_checked_is_neither_passed_nor_failed(crm: Crm, three: Path) -> None:
    out = crm("icp", "blank").out
    assert "blank: no fit: only 0 % of what decides the fit is known" in out
    assert "not known: an industry we do not serve" in out
    assert "engagement: not known: no conversation is recorded" in out
    assert out.count("find out: What business are they in?") == 1


def test_a_blank_that_is_ruled_out_says_so(crm: Crm, three: Path) -> None:
    account(three, "arms", industry="weapons")
    assert crm("icp", "arms").out.startswith(
        "arms: no fit: an industry we do not serve (disqualified)\n"
    )


def test_the_workflow_states_the_same_numbers(crm: Crm, three: Path) -> None:
    rows = {row[0]: row for row in crm("icp").rows}
    ws, weights = Workspace(three), load_weights(three).icp
    for slug in rows:
        record, _ = read_file(three, f"accounts/{slug}/profile.md", ws.ranking)
        found = fit(record, weights)
        assert rows[slug][3] == (found.tier or "")
        assert rows[slug][2] == ("" if found.score is None else f"{found.score:.0f}")


def test_what_scoring_remembers_gives_the_same(crm: Crm, three: Path) -> None:
    before = crm("icp", "--json").out
    assert crm("score").code == 0
    assert crm("icp", "--json").out == before
    page = json.loads(crm("icp", "acme", "--json").out)
    listed = json.loads(before)[0]
    assert page["fit"]["score"] == listed["fit"]["score"]
    assert page["engagement"] == listed["engagement"]


def test_a_damaged_file_is_named_and_the_rest_is_shown(crm: Crm, three: Path) -> None:
    (three / "accounts/casino/profile.md").write_text("---\nname: [\n---\n")
    (three / "accounts/acme/interactions/2026.jsonl").write_text("no json\n")
    done = crm("icp")
    assert [row[0] for row in done.rows] == ["acme", "blank"]
    assert "accounts/casino/profile.md" in done.err
    assert "accounts/acme/interactions/2026.jsonl:1" in done.err
    assert "accounts/acme/interactions/2026.jsonl:1" in crm("icp", "acme").err
    assert crm("icp", "casino").code == 1
    assert crm("icp", "--calibrate").code == 0


def test_hostile_values_do_not_reach_the_terminal(crm: Crm, three: Path) -> None:
    account(three, "evil", industry='"\\e[31mred\\u202e"', employees=300)
    for call in (["icp"], ["icp", "evil"]):
        out = crm(*call).out
        assert "\x1b" not in out
        assert "\u202e" not in out


@pytest.fixture
def history(workspace: Path) -> Path:
    """180 deals: software is won often, mining seldom; and three that are open."""
    rng = random.Random(5)
    chances = dict(zip(DIRECTIONS, (0.75, 0.4, 0.1), strict=True))
    stages = ("qualification", "discovery", "validation", "proposal", "negotiation")
    for n in range(180):
        kind = DIRECTIONS[n % 3]
        account(workspace, f"c{n}", industry=kind, employees=rng.choice([30, 150, 900]))
        won = rng.random() < chances[kind]
        reached = stages[: 5 if won else rng.randint(1, 4)]
        passed = ", ".join(f"{{stage: {s}, at: 2025-0{m}-01}}" for m, s in enumerate(reached, 1))
        fields: dict[str, Any] = {"name": "First", "type": "New Business", "opened": "2025-01-01"}
        end = {"stage": reached[-1], "status": "won" if won else "lost", "stage_history": f"[{passed}]"}  # fmt: skip
        write(workspace, f"c{n}/deals/first.md", **fields | end, close=f"2025-{n % 12 + 1:02}-15")
    for kind in DIRECTIONS:
        account(workspace, f"open-{kind}", industry=kind)
        fields = {"name": "First", "type": "new business", "stage": "discovery"}
        write(workspace, f"open-{kind}/deals/first.md", **fields)
    return workspace


def test_calibration(crm: Crm, history: Path) -> None:
    before = (history / "weights.yaml").read_bytes()
    done = crm("icp", "--calibrate")
    assert (done.code, done.err) == (0, "")
    out = done.out
    assert out.startswith("180 deals of 180 accounts: ")
    assert "profiles: 180 as of today" in out
    assert "look out: for 180 of 180 deals git holds no profile from before" in out
    rows = {tuple(row[:2]): row for row in done.rows}
    assert rows["industry", "software"][2] == "60"
    assert (
        next(row for row in done.rows if row[0] == "industry" and len(row) == 6)[5] == "separates"
    )
    assert next(row for row in done.rows if row[0] == "size" and len(row) == 6)[5] == (
        "not shown to separate"
    )
    assert [row[0] for row in done.rows if len(row) == 5 and row[1] == "first"] == [
        f"open-{kind}" for kind in DIRECTIONS
    ]
    assert rows["qualification", "discovery"][6] == "0"
    assert rows["discovery", "validation"][6] == "3"
    part = out[out.index("icp:\n") :]
    suggested = yaml.safe_load(part)["icp"]["criteria"]["industry"]
    assert suggested["otherwise"] < suggested["values"]["retail"] < suggested["values"]["software"]
    assert set(suggested["values"]) == set(
        load_weights(history).icp.criteria["industry"].values or ()
    )
    assert (history / "weights.yaml").read_bytes() == before
    page = json.loads(crm("icp", "--calibrate", "--json").out)
    assert page["fragment"] == part
    assert page["basis"] == {"today": 180}
    assert page["criteria"][0]["verdict"] == page["fit"]["verdict"] == "separates"
    assert page["fit"]["interval"]["low"] > 0.5


@given(
    st.lists(st.text(":#'\"[]{}- _aényx0%&*!|>", min_size=1, max_size=6), min_size=1, unique=True)
)
@example(["no", "- a", "a: b", "null", "a #b", "1"])
def test_any_name_comes_through_the_fragment(names: list[str]) -> None:
    weights = load_weights(REPOSITORY).icp
    data = weights.model_dump()
    values = dict.fromkeys(names, 50.0)
    data["criteria"] = {"it": {"field": "city", "weight": 100, "values": values, "otherwise": 0}}
    suggested = [Suggestion("it", names[0], 50, 75, wilson(3, 4))]
    text = fragment(suggested, IcpWeights.model_validate(data))
    found = yaml.safe_load(text)["icp"]["criteria"]["it"]["values"]
    assert found == values | {names[0]: 75}


def test_few_deals_are_said_plainly(crm: Crm, three: Path) -> None:
    fields = {"name": "First", "type": "New business", "stage": "proposal", "status": "won"}
    write(three, "acme/deals/first.md", **fields)
    done = crm("icp", "--calibrate")
    assert done.code == 0
    assert "too few to conclude anything: 1 won and 0 lost" in done.out
    assert "win rate by tier" not in done.out
    assert "icp:" not in done.out.replace("icp.calibration", "")
    assert json.loads(crm("icp", "--calibrate", "--json").out)["fit"] is None


def test_a_workspace_made_before_there_was_engagement(crm: Crm, three: Path) -> None:
    weights = yaml.safe_load((three / "weights.yaml").read_text())
    del weights["icp"]["engagement"], weights["icp"]["calibration"]
    (three / "weights.yaml").write_text(yaml.safe_dump(weights))
    assert [row[1] for row in crm("icp").rows] == ["A", "?", "disqualified"]
    assert "engagement" not in crm("icp", "acme").out
    done = crm("icp", "--calibrate")
    assert done.code == 4
    assert "icp.calibration" in done.err
