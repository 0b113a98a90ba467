"""A workflow starts the same for a contact that is typed, imported or synced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crmctl.workspace.git import Git
from tests.conftest import Crm
from tests.live.conftest import make_accounts, settings_into
from tests.live.harness import ACCOUNTS
from tests.live.salesforce import SalesforceHarness
from tests.servers.clock import FakeClock

WORKFLOW = """\
customer_workflows:
  greet:
    trigger: contact_created
    actions: [schedule_outreach, {create_task: {title: "Look up {contact}"}}, notify_account_manager]
"""


def test_typed_imported_and_synced_contacts_trigger_alike(
    workspace: Path, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmctl.sources.network.RealClock", FakeClock)
    slug, (name, domain) = next(iter(ACCOUNTS.items()))
    with SalesforceHarness() as harness:
        settings_into(workspace, {"salesforce": harness.settings()} if harness.settings() else {})
        make_accounts(workspace, crm)
        harness.prepare(workspace)
        for variable, value in harness.environment().items():
            monkeypatch.setenv(variable, value)
        (workspace / "workflows.yaml").write_text(WORKFLOW)
        git = Git(workspace)
        git.commit(git.status(), "Prepare")
        org = harness.server.org
        firm = org.add("Account", Name=name, Website=f"https://www.{domain}")
        assert crm("sync", "salesforce", "--commit").code == 0
        assert crm("run", "--commit").code == 0

        assert crm("contact", "add", slug, "Tess Typed", f"email=typed@{domain}").code == 0
        sheet = workspace.parent / "people.csv"
        sheet.write_text(f"id,account,name,email\n7,{slug},Ira Imported,imported@{domain}\n")
        assert crm("import", "csv", "contacts", str(sheet)).code == 0
        org.add(
            "Contact", FirstName="Sid", LastName="Synced", Email=f"synced@{domain}", AccountId=firm
        )
        assert crm("sync", "salesforce").code == 0

        done = json.loads(crm("run", "--json").out)["steps"]
    by_contact: dict[str, list[tuple[str, str]]] = {}
    for step in done:
        assert (step["account"], step["workflow"]) == (slug, "greet")
        by_contact.setdefault(step["episode"], []).append((step["action"], step["state"]))
    assert sorted(key.split("-")[1] for key in by_contact) == ["imported", "synced", "typed"]
    assert {tuple(steps) for steps in by_contact.values()} == {
        (("schedule_outreach", "did"), ("create_task", "did"), ("notify_account_manager", "did"))
    }
