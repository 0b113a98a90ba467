"""What `crmctl check` finds, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path

import pytest

from crmctl.model.errors import Problem
from crmctl.workflow.checks import FILES
from crmctl.workspace import checks

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEAu5Vq\n",
    "an AWS access key": "AK" + "IAZ7Q2M4N6P8R1T3V5",
    "a Slack token": "xo" + "xb-4821903746-7736455120-kq8Zt2",
    "a GitHub token": "gh" + "p_9fK2mQ7xT4bV1nZ8cR5wY3jL6hD0sG2aE7u",
    "a Salesforce session": "00" + "D5g000004kXyZ!AQEAQHn3Jk9.Wm2_Tz8Rb5Lc7Vd1",
    "a JSON web token": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NSJ9.k3Jh8Qm2Zx7Vb1Nt",
    "a password or key": "api_key: 8fK2mQ7xT4bV1nZ8cR5wY3jL",
    "a login in an address": "https://robot:" + "9fK2mQ7xT4bV@crm.example/feed",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "crmctl.yaml", "team: [{id: ana}, {id: kim}]\nour_domains: [ours.example]\n")
    account(tmp_path, "acme", "domains: [acme.example]")
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def account(
    root: Path, slug: str, header: str = "", body: str = "", stage: str = "prospect"
) -> None:
    text = f"---\nname: {slug.title()}\nstage: {stage}\n{header}\n---\n{body}"
    write(root, f"accounts/{slug}/profile.md", text)


def contact(root: Path, person: str, header: str = "", slug: str = "acme") -> None:
    write(root, f"accounts/{slug}/contacts/{person}.md", f"---\nname: {person}\n{header}\n---\n")


def check(root: Path, *within: str) -> list[Problem]:
    return checks.check(root, NOW, within or None, others=FILES)


def found(root: Path, *within: str) -> list[tuple[str, int, str, str]]:
    """(path beneath accounts, line, field, code) of every problem."""
    return [
        (p.path.removeprefix("accounts/"), p.line, p.field, p.code) for p in check(root, *within)
    ]


def test_a_sound_workspace_has_no_findings(tree: Path) -> None:
    contact(tree, "ines-okafor", "email: ines@acme.example\nphone: +44 20 7946 0958")
    write(tree, "accounts/acme/deals/pilot.md", "---\nname: Pilot\nstage: discovery\n---\n")
    write(
        tree,
        "accounts/acme/interactions/2026-11-02-call-k3f9.md",
        "---\ntype: call\nat: 2026-11-02T09:00:00Z\nwith: [ines-okafor]\ndeal: pilot\n---\n",
    )
    write(
        tree,
        "accounts/acme/interactions/2026.jsonl",
        '{"id": "email:1", "at": "2026-11-03T09:00:00Z", "type": "email", "text": "ines@acme.example"}\n',
    )
    assert check(tree) == []


def test_wrong_values_name_line_field_and_what_is_allowed(tree: Path) -> None:
    account(tree, "acme", "domains: [acme.example]\nemployees: many\nstep: adoption")
    contact(tree, "ines", "influence: 7")
    assert found(tree) == [
        ("acme/contacts/ines.md", 3, "influence", "value"),
        ("acme/profile.md", 5, "employees", "value"),
        ("acme/profile.md", 6, "step", "step"),
    ]
    assert "allowed: a number from 0 to 3" in check(tree)[0].message
    assert "initial_outreach" in check(tree)[2].message


def test_a_damaged_file_does_not_hide_the_rest(tree: Path) -> None:
    write(tree, "accounts/acme/contacts/broken.md", "---\nname: [\n---\n")
    write(tree, "accounts/acme/contacts/bare.md", "no front matter\n")
    contact(tree, "ines", "reports_to: broken\nemail: nobody")
    codes = {(path, code) for path, _, _, code in found(tree)}
    assert codes == {
        ("acme/contacts/broken.md", "yaml"),
        ("acme/contacts/bare.md", "front-matter"),
        ("acme/contacts/ines.md", "value"),  # and its boss is there, though damaged
    }


def test_a_stage_requires_its_fields_and_systems_may_state_them(tree: Path) -> None:
    account(
        tree,
        "acme",
        "sources:\n\n  csv:\n    id: 1\n    owner: ana\n    arr: 1200",
        stage="customer",
    )
    missing = {p.field for p in check(tree) if p.code == "required"}
    assert missing == {"domains", "renewal"}


def test_references_must_lead_somewhere(tree: Path) -> None:
    account(tree, "globex", "domains: [globex.example]\nparent: nowhere")
    contact(tree, "bo", slug="globex")
    contact(tree, "ines", "reports_to: nobody")
    write(
        tree,
        "accounts/acme/deals/pilot.md",
        "---\nname: Pilot\nstage: new\npeople:\n- {person: ines}\n- {person: ghost}\n- {person: globex/bo}\n"
        "qualification:\n- {component: need, level: 1}\n- {component: budget, level: 2, person: ghost}\n---\n",
    )
    write(
        tree,
        "accounts/acme/tasks/2026-12-01-call-a2b3.md",
        "---\ntitle: Call\nstatus: open\nowner: zoe\ndeal: gone\nwith:\n  - ines\n  - ghost\n---\n",
    )
    write(
        tree,
        "accounts/acme/interactions/2026.jsonl",
        '{"id": "email:1", "at": "2026-11-03T09:00:00Z", "type": "email", "with": ["ines", "ghost"]}\n',
    )
    assert found(tree) == [
        ("acme/contacts/ines.md", 3, "reports_to", "reference"),
        ("acme/deals/pilot.md", 6, "people.1", "reference"),
        ("acme/deals/pilot.md", 10, "qualification.1", "reference"),
        ("acme/interactions/2026.jsonl", 1, "with", "reference"),
        ("acme/tasks/2026-12-01-call-a2b3.md", 4, "owner", "owner"),
        ("acme/tasks/2026-12-01-call-a2b3.md", 5, "deal", "reference"),
        ("acme/tasks/2026-12-01-call-a2b3.md", 8, "with.1", "reference"),
        ("globex/profile.md", 5, "parent", "reference"),
    ]
    assert [p.severity for p in check(tree) if p.code == "owner"] == ["warning"]


def test_a_circle_of_reporting_is_told_once(tree: Path) -> None:
    for person, boss in (("a", "b"), ("b", "c"), ("c", "b"), ("d", "d"), ("e", "a")):
        contact(tree, person, f"reports_to: {boss}")
    circles = [p for p in check(tree) if p.code == "circle"]
    assert [p.message.split(":")[1].split(";")[0].strip() for p in circles] == [
        "b > c > b",
        "d > d",
    ]


def test_ids_addresses_and_domains_belong_to_one_record(tree: Path) -> None:
    block = "sources:\n\n  salesforce:\n    id: 001A\n"
    account(tree, "acme", f"domains: [acme.example]\n{block}")
    account(tree, "globex", "domains: [www.acme.example, gmail.com]\naliases: ['salesforce:001A']")
    account(tree, "hooli", "domains: [gmail.com]")
    contact(tree, "ines", "email: Ines.Okafor@acme.example\nemails: [ines.okafor@acme.example]")
    contact(tree, "bo", "emails: [ines.okafor+crm@acme.example]", slug="globex")
    event = '{"id": "email:1", "at": "2026-11-03T09:00:00Z", "type": "email"}\n'
    write(tree, "accounts/acme/interactions/2026.jsonl", event * 2)
    assert found(tree) == [
        ("acme/interactions/2026.jsonl", 2, "id", "duplicate-id"),
        ("globex/contacts/bo.md", 3, "emails", "duplicate-email"),
        ("globex/profile.md", 4, "domains", "duplicate-domain"),
        ("globex/profile.md", 5, "aliases", "duplicate-id"),
    ]
    assert "accounts/acme/profile.md" in check(tree)[3].message


def test_what_was_deleted_in_its_system_claims_no_address(tree: Path) -> None:
    contact(tree, "ines", "email: ines@acme.example")
    contact(
        tree,
        "old",
        "sources:\n\n  salesforce:\n    id: 3\n    deleted: true\n    email: ines@acme.example",
    )
    assert check(tree) == []


def test_customers_and_opportunities_go_stale(tree: Path) -> None:
    account(
        tree,
        "acme",
        "domains: [acme.example]\nowner: ana\nstage_since: 2026-01-05",
        stage="opportunity",
    )
    write(
        tree,
        "accounts/acme/deals/old.md",
        "---\nname: Old\nstage: proposal\nclose: 2026-11-01\n---\n",
    )
    call = "---\ntype: call\nat: 2026-{}T09:00:00Z\n---\n"
    write(tree, "accounts/acme/interactions/2026-08-01-call-k3f9.md", call.format("08-01"))
    stale = [p for p in check(tree) if p.code == "stale"]
    assert [p.severity for p in stale] == ["warning", "warning"]
    assert "107 days ago, on 2026-08-01; allowed: 90 days" in stale[1].message
    write(tree, "accounts/acme/interactions/2026-11-01-call-k3f9.md", call.format("11-01"))
    assert [p.path for p in check(tree) if p.code == "stale"] == ["accounts/acme/deals/old.md"]


def test_the_past_cannot_lie_ahead(tree: Path) -> None:
    for name, at in (
        ("2026-11-17-call-a2b3", "2026-11-17T07:00:00Z"),
        ("2026-11-19-call-a2b3", "2026-11-19"),
    ):
        write(tree, f"accounts/acme/interactions/{name}.md", f"---\ntype: call\nat: {at}\n---\n")
    assert found(tree) == [("acme/interactions/2026-11-19-call-a2b3.md", 3, "at", "future")]


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_found_and_never_printed(tree: Path, what: str) -> None:
    text = SECRETS[what]
    secret = text.partition(": ")[2] or text.partition("robot:")[2].partition("@")[0] or text
    # Once as text, once as a value that another check would quote.
    header = f"domains: [acme.example]\nemployees: '{text.strip()[:40]}'"
    account(tree, "acme", header, f"\nUse {text} there.\n")
    problems = check(tree)
    said = [p.message for p in problems if p.code == "secret"]
    assert any(f"looks like {what};" in message for message in said)
    assert all(p.severity == "error" for p in problems)
    pieces = [secret[at : at + 8] for at in range(len(secret) - 8)]
    shown = " ".join(p.message for p in problems).replace("-----BEGIN RSA PRIVATE KEY-----", "")
    assert not [piece for piece in pieces if piece in shown]


@pytest.mark.parametrize(
    "text",
    [
        "The secret: be on time, and token gestures count.",
        "password: <from the vault>",
        "token: ${CRM_TOKEN_FOR_2026}",
        "next_page_token: 8fK2mQ7xT4bV1nZ8cR5wY3jL",
        "secret-santa-2026: everybody brings something",
        "API: https://docs.acme.example/api/v2/customers?limit=100",
        "See https://acme.example:8080/path@v2 and sha256 9fK2mQ7xT4bV1nZ8.",
    ],
)
def test_prose_is_no_secret(tree: Path, text: str) -> None:
    account(tree, "acme", "domains: [acme.example]", f"\n{text}\n")
    assert check(tree) == []


def test_secrets_are_found_in_every_kind_of_file(tree: Path) -> None:
    token = SECRETS["a GitHub token"]
    event = (
        f'{{"id": "email:1", "at": "2026-11-03T09:00:00Z", "type": "email", "text": "{token}"}}\n'
    )
    write(tree, "accounts/acme/interactions/2026.jsonl", event)
    write(tree, "accounts/acme/.env", f"X={token}\n")
    write(tree, "accounts/_state/gong.yaml", f"x: {token}\n")
    write(tree, "templates/extra.md.j2", f"{token}\n")
    write(tree, "crmctl.yaml", f"# {token}\n")
    assert {p.path for p in check(tree) if p.code == "secret"} == {
        "accounts/acme/interactions/2026.jsonl",
        "accounts/acme/.env",
        "accounts/_state/gong.yaml",
        "templates/extra.md.j2",
        "crmctl.yaml",
    }


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("Write to ines.okafor@acme.example.", True),
        ("Call +44 20 7946 0958 after nine.", True),
        ("Call (555) 013-2468.", True),
        ("Tel. 030 901820 is hers.", True),
        ("Write to support@acme.example or ana@ours.example.", False),
        ("From 2026-03-31 to 2026-06-30, 1,250,000 EUR, order 4500123456, +120 %.", False),
        ("See v1.2.3 at 10.0.0.1 on page 030.", False),
    ],
)
def test_personal_data_belongs_into_contact_files(tree: Path, text: str, personal: bool) -> None:
    account(
        tree,
        "acme",
        f'domains: [acme.example]\nphone: "+44 20 7946 0000"\nnext_step: "{text}"',
        f"\n{text}\n",
    )
    write(tree, "accounts/acme/plans/rescue.md", f"# Plan\n\n{text}\n")
    wanted = [
        ("acme/plans/rescue.md", 3, "", "personal"),
        ("acme/profile.md", 6, "next_step", "personal"),
        ("acme/profile.md", 9, "", "personal"),
    ]
    assert found(tree) == (wanted if personal else [])
    assert {p.severity for p in check(tree)} <= {"warning"}
    assert "okafor" not in " ".join(p.message for p in check(tree))


def test_conflict_marks_are_told_and_nothing_else_about_that_file(tree: Path) -> None:
    torn = "---\nname: Acme\n<<<<<<< ours\nstage: customer\n=======\nstage: prospect\n>>>>>>> theirs\n---\n"
    write(tree, "accounts/acme/profile.md", torn)
    write(tree, "accounts/acme/plans/p.md", "# Plan\n\nHeading\n=======\n")
    assert found(tree) == [("acme/profile.md", 3, "", "conflict")]


def test_files_have_their_places_and_names(tree: Path) -> None:
    for path in (
        "accounts/notes.txt",
        "accounts/Acme/profile.md",
        "accounts/acme/notes.md",
        "accounts/acme/contacts/Ines Okafor.md",
        "accounts/acme/contacts/team/ines.md",
        "accounts/acme/tasks/call.md",
        "accounts/acme/interactions/may.jsonl",
        "accounts/_measures/today.csv",
    ):
        write(tree, path, "x\n")
    write(tree, "accounts/README.md", "fine\n")
    write(tree, "accounts/acme/.gitkeep", "")
    (tree / "accounts/acme/contacts/.ines.md.crmctl-0123456789ab.tmp").write_text("x")
    assert [(path, code) for path, _, _, code in found(tree)] == [
        ("Acme", "name"),
        ("_measures/today.csv", "place"),
        ("acme/contacts/Ines Okafor.md", "name"),
        ("acme/contacts/team/ines.md", "place"),
        ("acme/interactions/may.jsonl", "place"),
        ("acme/notes.md", "place"),
        ("acme/tasks/call.md", "place"),
        ("notes.txt", "place"),
    ]
    assert "differs from acme by case alone" in check(tree)[0].message


def test_links_and_repositories_inside_are_refused_and_not_followed(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "profile.md").write_text(
        f"---\nname: X\nstage: prospect\nx: {SECRETS['a GitHub token']}\n---\n"
    )
    (tree / "accounts/globex").symlink_to(outside)
    (tree / "accounts/acme/plans").symlink_to(outside)
    os.mkfifo(tree / "accounts/acme/pipe.md")
    subprocess.run(
        ["git", "init", "--quiet", "--bare", str(tree / "accounts/acme/deals")], check=True
    )
    assert [
        (path, code) for path, _, _, code in found(tree) if code != "place" or "pipe" in path
    ] == [
        ("acme/deals", "repository"),
        ("acme/pipe.md", "place"),
        ("acme/plans", "link"),
        ("globex", "link"),
    ]


def test_whole_folders_may_not_be_links(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (tree / "accounts").rename(outside / "accounts")
    (tree / "accounts").symlink_to(outside / "accounts")
    (tree / "templates").symlink_to(outside)
    assert [(p.path, p.code) for p in check(tree)] == [("accounts", "link"), ("templates", "link")]


def test_settings_are_checked_with_their_lines(tree: Path) -> None:
    write(
        tree,
        "crmctl.yaml",
        "team: [{id: ana, manager: zoe}]\nupkeep:\n  required:\n    customer: [nonsense]\n",
    )
    write(tree, "weights.yaml", "health: 3\n")
    write(
        tree,
        "workflows.yaml",
        "customer_workflows:\n  late:\n    trigger: health_score < 60\n    actions: [dance]\n",
    )
    write(tree, "templates/tasks.yaml", "customer:\n  - {title: Call, days: 2, step: discovery}\n")
    write(tree, "templates/profile.md.j2", "---\nname: {{ name }}\n---\n\n{% if %}\n")
    places = {(p.path, p.line) for p in check(tree) if p.severity == "error"}
    assert {
        ("crmctl.yaml", 1),
        ("crmctl.yaml", 4),
        ("weights.yaml", 1),
        ("workflows.yaml", 4),
        ("templates/tasks.yaml", 1),
        ("templates/profile.md.j2", 5),
    } <= places


def test_a_broken_configuration_does_not_hide_the_records(tree: Path) -> None:
    write(tree, "crmctl.yaml", "tema: []\n")
    account(tree, "acme", "domains: [acme.example]\nemployees: many")
    assert found(tree) == [
        ("acme/profile.md", 5, "employees", "value"),
        ("crmctl.yaml", 1, "tema", "value"),
    ]


def test_machine_files_are_read(tree: Path) -> None:
    write(
        tree,
        "accounts/_measures/2026-11-15.csv",
        "account,measure,value,source\nacme,mrr,lots,csv\n",
    )
    write(tree, "accounts/acme/episodes.jsonl", '{"workflow": "x"}\n')
    write(tree, "accounts/acme/interactions/2026.jsonl", '{"id": "email:1"\n')
    write(tree, "accounts/_state/gong.yaml", "- 1\n")
    assert [(path, line) for path, line, _, _ in found(tree)] == [
        ("_measures/2026-11-15.csv", 2),
        ("_state/gong.yaml", 1),
        ("acme/episodes.jsonl", 1),
        ("acme/interactions/2026.jsonl", 1),
    ]


def test_named_places_are_reported_alone(tree: Path) -> None:
    account(tree, "globex", "employees: many")
    contact(tree, "ines", "influence: 9\nreports_to: nobody")
    contact(tree, "bo", "influence: 9")
    everything = check(tree)
    assert check(tree, "accounts") == everything
    assert {p.path for p in check(tree, "accounts/globex")} == {"accounts/globex/profile.md"}
    one = check(tree, "accounts/acme/contacts/ines.md")
    assert [p.field for p in one] == ["influence", "reports_to"]
    assert check(tree, "crmctl.yaml") == []


def test_several_processes_find_the_same(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        account(tree, f"globex-{number}", "domains: [globex.example]\nemployees: many")
    alone = check(tree)
    monkeypatch.setattr(checks, "ALONE", 1)
    assert check(tree) == alone
    assert len([p for p in alone if p.code == "duplicate-domain"]) == 5
