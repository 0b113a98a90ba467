"""Workflows at the command line: the well-known three, as they are laid out by `init`, and the same from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import crmctl
from crmctl.model.errors import UsageError
from tests.conftest import Crm
from tests.e2e.conftest import contents, git, shown

WORKFLOWS = {
    "new_prospect": (
        "contact_created",
        ["research_company", "score_icp_fit", "assign_owner", "schedule_outreach"],
    ),
    "health_degradation": (
        "health_score < 60",
        ["notify_account_manager", "create_intervention_plan", "schedule_check_in_call", "escalate_to_manager"],
    ),
    "expansion_opportunity": (
        "usage_growth > 50%",
        ["identify_expansion_use_cases", "research_decision_makers", "create_expansion_opportunity",
         "notify_account_team"],
    ),
}  # fmt: skip
TEAM = """\
company: Rostrum
our_domains: [ours.example]
team:
  - {id: ana, name: Ana Silva, email: ana@ours.example, manager: ruth}
  - {id: ruth, name: Ruth Abara, email: ruth@ours.example}
"""


def block() -> str:
    """The three workflows as people first wrote them down."""
    lines = ["# Example customer workflow configuration", "customer_workflows:"]
    for name, (trigger, actions) in WORKFLOWS.items():
        lines += [f"  {name}:", f'    trigger: "{trigger}"', "    actions:"]
        lines += [*(f'      - "{action}"' for action in actions), "  "]
    return "\n".join(lines)


@pytest.fixture
def customers(crm: Crm, workspace: Path) -> Path:
    """A prospect with a contact, a customer in trouble, and one that has taken off."""
    (workspace / "crmctl.yaml").write_text(TEAM)
    (workspace / "workflows.yaml").write_text(block())
    crm("new", "Pinewood Schools", "--no-tasks")
    crm("contact", "add", "pinewood", "Lea Brandt", "email=lea@pinewood.example")
    for name in ("Calder Facilities", "Glasswing Hotels"):
        crm("new", name, "--no-tasks", "--stage", "customer", "--owner", "ana")
    crm("contact", "add", "calder", "Tess Obrien", "roles=user")
    (workspace.parent / "usage.csv").write_text("account,date,metric,value\n" + "".join(
        f"{account},2026-{month}-{day:02},active_users,{value}\n"
        for account, was, value_now in (("glasswing-hotels", 20, 60), ("calder-facilities", 90, 6))
        for month, value in (("10", was), ("11", value_now))
        for day in range(1, 16)
    ))  # fmt: skip
    (workspace.parent / "surveys.csv").write_text(
        "account,date,score\ncalder-facilities,2026-11-01,1\ncalder-facilities,2026-11-02,2\n"
    )
    (workspace.parent / "tickets.csv").write_text("id,account,subject,status,priority,created\n" + "".join(
        f"t{n},calder-facilities,Outage {n},open,critical,2026-11-{n:02}\n" for n in range(1, 9)
    ))  # fmt: skip
    for kind in ("usage", "surveys", "tickets"):
        done = crm("import", "csv", kind, str(workspace.parent / f"{kind}.csv"))
        assert done.code == 0, done
    crm("set", "calder", "seats=100")
    crm("set", "glasswing", "seats=100")
    git(workspace, "add", "-A")
    git(workspace, "commit", "--quiet", "-m", "Customers")
    return workspace


def test_what_init_lays_out_begins_with_the_well_known_three(workspace: Path) -> None:
    lines = (workspace / "workflows.yaml").read_text().splitlines()
    stated = [line.rstrip() for line in lines if line.strip() and not line.startswith("#")]
    expected = [line.rstrip() for line in block().splitlines() if line.strip()][1:]
    assert stated[: len(expected)] == expected


def test_all_three_fire_and_every_action_leaves_something(crm: Crm, customers: Path) -> None:
    ran = json.loads(crm("run", "--json").out)
    did: dict[tuple[str, str], set[str]] = {}
    for step in ran["steps"]:
        assert step["state"] in {"did", "waiting"}, step
        did.setdefault((step["account"], step["workflow"]), set()).add(step["action"])
    assert did == {
        ("pinewood-schools", "new_prospect"): set(WORKFLOWS["new_prospect"][1]),
        ("calder-facilities", "health_degradation"): set(WORKFLOWS["health_degradation"][1]),
        ("glasswing-hotels", "expansion_opportunity"): set(WORKFLOWS["expansion_opportunity"][1]),
    }
    account = customers / "accounts"
    assert list((account / "pinewood-schools/plans").glob("*.md"))
    assert list((account / "calder-facilities/plans").glob("*.md"))
    assert list((account / "glasswing-hotels/plans").glob("*.md"))
    assert shown(crm, "show", "pinewood")["fields"]["owner"]["source"] == "crmctl"
    assert [deal["type"] for deal in shown(crm, "deal", "list", "glasswing")] == ["expansion"]
    tasks = shown(crm, "task", "list")
    assert {task["account"] for task in tasks} == {
        "pinewood-schools",
        "calder-facilities",
        "glasswing-hotels",
    }
    assert all(task["owner"] in {"ana", "ruth"} and task["due"] > "2026-11-16" for task in tasks)
    outbox = customers / ".git/crmctl/outbox"
    assert len(list(outbox.iterdir())) == len(ran["messages"]) == 3


def test_the_plan_is_what_run_then_does(crm: Crm, customers: Path) -> None:
    before = contents(customers)
    plan = json.loads(crm("run", "--plan", "--json").out)
    rows = crm("run", "--plan").out
    diff = crm("run", "--dry-run").out
    assert contents(customers) == before
    assert not (customers / ".git/crmctl/outbox").exists()

    ran = crm("run")

    assert ran.out == rows
    after = contents(customers)
    written = {path for path in after if after[path] != before.get(path)}
    assert {line[6:] for line in diff.splitlines() if line.startswith("+++ b/")} == written
    assert {step["path"] for step in plan["steps"] if step["path"]} <= written
    assert {line.split(" ", 1)[1] for line in ran.err.splitlines()} == written
    sent = [json.loads(p.read_text()) for p in (customers / ".git/crmctl/outbox").iterdir()]
    assert sorted(m["key"] for m in sent) == sorted(m["key"] for m in plan["messages"])


def test_a_second_run_does_nothing_new(crm: Crm, customers: Path) -> None:
    assert crm("run", "--commit").code == 0
    assert git(customers, "status", "--porcelain") == ""
    before, head = contents(customers), git(customers, "rev-parse", "HEAD")
    outbox = contents(customers / ".git/crmctl/outbox")
    assert outbox
    again = crm("run", "--json", "--commit")
    assert json.loads(again.out) == {"steps": [], "messages": []}
    assert contents(customers) == before
    assert git(customers, "rev-parse", "HEAD") == head
    assert contents(customers / ".git/crmctl/outbox") == outbox


# --- from Python


def test_everything_of_one_customer_as_plain_values(crm: Crm, customers: Path) -> None:
    before = contents(customers)
    data = crmctl.aggregate_customer_data("calder")
    assert list(data) == ["profile", "usage", "conversations", "health_score", "insights"]
    assert json.loads(json.dumps(data)) == data
    assert data["profile"]["name"] == "Calder Facilities"
    assert data["health_score"]["overall"] < 60
    assert set(data["health_score"]["factors"]) == {"usage", "support", "relationship", "outcomes"}
    assert data["health_score"]["recommendations"]
    (scored,) = shown(crm, "score", "calder", "--explain")
    assert data["health_score"]["overall"] == pytest.approx(scored["score"])
    assert contents(customers) == before


def test_everything_of_one_customer_by_folder_name_and_from_elsewhere(
    customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = crmctl.aggregate_customer_data("calder-facilities")
    monkeypatch.chdir(tmp_path)
    assert crmctl.aggregate_customer_data("Calder Facilities", root=customers) == here
    with pytest.raises(UsageError):
        crmctl.aggregate_customer_data("nobody", root=customers)
