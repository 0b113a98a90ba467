"""What each action leaves in the account, and that hostile text stays text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crmctl.workflow import outbox
from crmctl.workspace.document import parse
from crmctl.workspace.store import Reader

from .conftest import World

HOSTILE = [
    "\x1b[31mRed\x07 Corp",
    "Corp\r\nBcc: all@globex.example",
    "Corp\u202egnp.exe",
    "<!channel> & <https://evil.example|Corp>",
    "[Corp](https://evil.example) ![x](https://evil.example/x.png)",
    "---\nstage: churn_risk\n---",
    "{{ config }} {% raw %}",
    "../../../etc/passwd",
    "Corp " * 500,
    "\U000e0041\U000e0042Corp\u2028Corp",
    "# Heading\n| a | b |",
]
ALL = """\
customer_workflows:
  everything:
    trigger: "stage == customer"
    actions: [research_company, score_icp_fit, assign_owner, schedule_outreach,
      notify_account_manager, create_intervention_plan, schedule_check_in_call, escalate_to_manager,
      identify_expansion_use_cases, research_decision_makers, create_expansion_opportunity,
      notify_account_team]
"""


def only(world: World, *actions: str, **more: str) -> None:
    extra = "".join(f"    {key}: {value}\n" for key, value in more.items())
    world.write(
        "workflows.yaml",
        f"customer_workflows:\n  w:\n    trigger: stage == customer\n{extra}"
        f"    actions: [{', '.join(actions)}]\n",
    )


def front(world: World, path: str) -> dict[str, Any]:
    return parse((world.root / path).read_bytes(), path).data


def made(world: World, folder: str, slug: str = "acme") -> list[str]:
    return sorted(p for p in world.files() if p.startswith(f"accounts/{slug}/{folder}/"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_everywhere(world: World, name: str) -> None:
    world.account("acme", name=name, industry=name, owner=name, currency="GBP")
    world.contact("acme", "jane", name=name, title=name, roles=["champion"])
    world.write("workflows.yaml", ALL)
    plan = world.run()
    assert plan.failures == []
    for message in plan.messages:
        text = message.subject + message.body + "".join(message.to)
        assert "\n" not in message.subject
        assert all(char.isprintable() or char in "\n " for char in text)
        assert len(message.subject) <= 160
        assert len(message.body) <= outbox.MAX_TEXT
        # A name with a line end starts no line of its own.
        starts = ("Bcc:", "stage:", "| a")
        assert not [line for line in message.body.split("\n") if line.startswith(starts)]
    for path in plan.changes.paths:
        assert path.startswith("accounts/")
        assert ".." not in path
    assert front(world, "accounts/acme/profile.md")["stage"] == "customer"
    for path in made(world, "plans"):
        data = parse((world.root / path).read_bytes(), path)
        assert data.data["account"] == "acme"
        assert "](https://evil" not in data.body.replace("\\", "\0")
        assert "\x1b" not in data.body
    reader = Reader(world.root, world.ws.ranking)
    assert reader.account("acme") is not None
    assert reader.problems == []
    assert world.run().steps == []


def test_tasks_have_an_owner_a_due_date_and_a_reason(world: World) -> None:
    world.account("acme", owner="ana@ours.example")
    world.contact("acme", "ann", roles=["champion"])
    world.write("workflows.yaml", ALL)
    world.run()
    tasks = [front(world, path) for path in made(world, "tasks")]
    assert len(tasks) == 5
    for task in tasks:
        assert task["owner"] in ("ana", "kim")
        assert task["due"].weekday() < 5
        assert task["status"] == "open"
        assert task["workflow"] == "everything"
        assert task["reason"] == "stage == customer: stage is customer"


def test_a_workflow_can_choose_who_gets_its_work_and_when(world: World) -> None:
    world.account("acme", owner="ana")
    only(world, "schedule_check_in_call", owner="ben", due_in_days="4")
    world.run()
    (path,) = made(world, "tasks")
    assert front(world, path)["owner"] == "ben"
    assert str(front(world, path)["due"]) == "2026-04-06"  # four days on is a Saturday


def test_accounts_without_an_owner_are_spread_over_the_team(world: World) -> None:
    for number in range(6):
        world.account(f"c{number}")
    world.account("c9", owner="ana")
    only(world, "assign_owner")
    world.run()
    owners = [
        front(world, f"accounts/c{n}/profile.md")["sources"]["crmctl"]["owner"] for n in range(6)
    ]
    assert owners == ["ben", "kim", "ana", "ben", "kim", "ana"]
    assert "sources" not in front(world, "accounts/c9/profile.md")


def test_a_default_owner_gets_what_nobody_owns(world: World) -> None:
    config = (world.root / "crmctl.yaml").read_text()
    world.write("crmctl.yaml", config.replace('default_owner: ""', "default_owner: kim"))
    world.account("acme")
    only(world, "assign_owner")
    world.run()
    assert front(world, "accounts/acme/profile.md")["sources"]["crmctl"] == {"owner": "kim"}


def test_a_person_takes_the_account_over_by_writing_their_name(world: World) -> None:
    world.account("acme")
    only(world, "assign_owner")
    world.run()
    raw = (world.root / "accounts/acme/profile.md").read_text()
    world.write("accounts/acme/profile.md", raw.replace("stage:", "owner: kim\nstage:"))
    assert world.run().steps == []
    account = Reader(world.root, world.ws.ranking).account("acme")
    assert account is not None
    assert account.profile.stated("owner") == ("kim", "person")


def test_without_a_team_somebody_is_asked_to_choose(world: World) -> None:
    world.write("crmctl.yaml", "")
    world.account("acme")
    only(world, "assign_owner", "notify_account_manager", "escalate_to_manager")
    plan = world.run()
    assert {step.state for step in plan.steps} == {"did"}
    assert [message.to for message in plan.messages] == [(), ()]
    assert any(front(world, p)["title"] == "Choose an owner for Acme" for p in made(world, "tasks"))


def test_one_open_expansion_is_enough(world: World) -> None:
    world.account("acme", owner="ana")
    only(world, "create_expansion_opportunity")
    world.run()
    (path,) = made(world, "deals")
    deal = front(world, path)
    assert (deal["stage"], deal["status"], deal["type"]) == ("qualification", "open", "expansion")
    assert deal["owner"] == "ana"
    assert deal.get("amount") is None
    world.account("globex", owner="ana")
    world.write(
        "accounts/globex/deals/more-seats.md",
        "---\nname: More seats\nstage: proposal\nstatus: open\ntype: Expansion business\n---\n",
    )
    (step,) = world.run().steps
    assert step.path == "accounts/globex/deals/more-seats.md"
    assert made(world, "deals", "globex") == [step.path]


def test_roles_that_are_known_need_no_research(world: World) -> None:
    world.account("acme")
    world.contact("acme", "ann", roles=["champion", "decision_maker", "influencer", "user"])
    world.account("globex")
    world.contact("globex", "left", roles=["champion"], left="2025-01-01")
    only(world, "research_decision_makers")
    world.run()
    assert made(world, "tasks") == []
    (path,) = made(world, "tasks", "globex")
    title = front(world, path)["title"]
    assert title == "Find a decision maker, an influencer, a champion and a user at Globex"


def test_the_manager_hears_of_an_escalation(world: World) -> None:
    world.account("acme", owner="Ben Example")
    only(world, "escalate_to_manager")
    (message,) = world.run().messages
    assert message.to == ("kim",)
    (path,) = made(world, "tasks")
    assert front(world, path)["owner"] == "kim"


def test_the_account_team_is_everybody_with_work_on_it(world: World) -> None:
    world.account("acme", owner="ana")
    world.write(
        "accounts/acme/deals/big.md",
        "---\nname: Big\nstage: proposal\nstatus: open\nowner: ben\n---\n",
    )
    world.write(
        "accounts/acme/deals/old.md",
        "---\nname: Old\nstage: proposal\nstatus: lost\nowner: kim\n---\n",
    )
    only(world, "notify_account_team")
    (message,) = world.run().messages
    assert message.to == ("ana", "ben")


def test_a_contact_who_wants_no_mail_is_not_to_be_mailed(world: World) -> None:
    world.account("acme", "prospect")
    world.contact("acme", "jane", no_email=True)
    world.run()
    (path,) = [p for p in made(world, "tasks") if "outreach" in p]
    assert front(world, path)["with"] == ["jane"]
    assert "opted out of e-mail" in (world.root / path).read_text()


def test_a_message_is_a_whole_file_under_its_key(world: World) -> None:
    world.account("acme", owner="ana")
    only(world, "notify_account_manager", description="Say hello")
    (message,) = world.run().messages
    (entry,) = (world.ws.state_dir / "outbox").iterdir()
    assert entry.name == f"{message.key}.json"
    assert entry.stat().st_mode & 0o777 == 0o600
    assert json.loads(entry.read_text())["to"] == ["ana"]
    assert "Say hello" in message.body
    assert outbox.waiting(world.ws.state_dir) == ([message], [])


def test_a_damaged_message_hides_no_other(world: World) -> None:
    world.account("acme", owner="ana")
    only(world, "notify_account_manager")
    world.run()
    (world.ws.state_dir / "outbox" / "aa.json").write_text("{")
    messages, problems = outbox.waiting(world.ws.state_dir)
    assert len(messages) == 1
    assert [problem.code for problem in problems] == ["outbox"]


def test_documents_stand_on_records_without_what_is_required(world: World) -> None:
    world.write("accounts/acme/profile.md", "---\nstage: customer\n---\n")
    world.write("accounts/acme/contacts/x.md", "---\ntitle: CTO\n---\n")
    world.write("accounts/acme/deals/x.md", "---\ntype: new\n---\n")
    world.write("accounts/acme/tasks/2026-01-01-x-y.md", "---\nstatus: open\n---\n")
    world.write("accounts/acme/interactions/2026-03-01-call-x.md", "---\nat: 2026-03-01\n---\n")
    world.known["acme"] = {"stage": "customer"}
    world.write("workflows.yaml", ALL)
    plan = world.run()
    assert plan.failures == []
    assert len(made(world, "plans")) == 3


def test_documents_show_what_is_known_with_its_evidence(world: World) -> None:
    world.account("acme", owner="ana", arr=48000, currency="GBP", competitors=["Globex"])
    world.contact("acme", "ann", roles=["champion"], left="2026-03-01")
    world.contact("acme", "bob", title="CTO", roles=["decision_maker"])
    world.write(
        "accounts/acme/interactions/2026-03-20-call-x1.md",
        "---\ntype: call\nat: 2026-03-20T10:00:00Z\nsubject: Prices\nwith: [bob]\n---\n",
    )
    only(world, "create_intervention_plan")
    world.run()
    (path,) = made(world, "plans")
    text = (world.root / path).read_text()
    assert "48,000 GBP a year" in text
    assert "| Bob | CTO | decision maker |" in text
    assert "Ann" not in text.split("## Who can turn it")[1]
    assert "2026-03-20 call: Prices (`accounts/acme/interactions/2026-03-20-call-x1.md`)" in text
    assert "accounts/acme/contacts/ann.md" in text  # the champion who left is a risk with evidence
    assert "Globex (`accounts/acme/profile.md" in text
