"""All systems in one run, every twentieth request failing: nothing lost, nothing doubled, by the doubles' own ledgers.

``CRMCTL_TEST_RECORDS`` makes it larger; 20000 makes 2,000 accounts, and takes some minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

from crmctl.workspace.git import Git
from tests.conftest import Crm
from tests.live.conftest import make_accounts, settings_into
from tests.live.harness import Harness
from tests.servers.clock import FakeClock
from tests.servers.salesforce import Salesforce

WEB = ("salesforce", "supabase", "gong", "granola", "slack")
SEVEN = (*WEB, "email", "linkedin")
RECORDS = int(os.environ.get("CRMCTL_TEST_RECORDS", "2000"))
EACH = 10  # records of an account, itself included


def crowd(server: Salesforce, accounts: int) -> int:
    """So many more accounts, each with nine records; how many records that are."""
    org = server.org
    for number in range(accounts):
        domain = f"firm{number}.example"
        firm = org.add("Account", Name=f"Firm {number}", Website=f"https://{domain}")
        people = [
            org.add(
                "Contact", LastName=f"Person {number} {n}", Email=f"p{n}@{domain}", AccountId=firm
            )
            for n in range(3)
        ]
        for n in range(2):
            about = {"WhatId": firm, "WhoId": people[n], "ActivityDate": "2026-05-04"}
            org.add(
                "Opportunity",
                Name=f"Deal {n}",
                AccountId=firm,
                StageName="Proposal",
                CloseDate="2026-12-01",
            )
            org.add("Task", Subject=f"Prepare {n}", Status="Not Started", **about)
            org.add(
                "Case",
                CaseNumber=f"{number}{n:03}",
                Subject="Offline",
                Status="Working",
                AccountId=firm,
            )
    return accounts * (EACH - 1)


@pytest.fixture
def harnesses(
    workspace: Path, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Harness]]:
    monkeypatch.setattr("crmctl.sources.network.RealClock", FakeClock)
    found: dict[str, Harness] = {s: import_module(f"tests.live.{s}").HARNESS() for s in SEVEN}
    with ExitStack() as stack:
        for harness in found.values():
            stack.enter_context(harness)
        settings_into(workspace, {s: h.settings() for s, h in found.items() if h.settings()})
        make_accounts(workspace, crm)
        for harness in found.values():
            harness.prepare(workspace)
            for name, value in harness.environment().items():
                monkeypatch.setenv(name, value)
        git = Git(workspace)
        git.commit(git.status(), "Prepare")
        yield found


def test_nothing_is_lost_or_doubled_by_all_at_once(
    harnesses: dict[str, Harness], crm: Crm, workspace: Path
) -> None:
    server = harnesses["salesforce"].server
    assert isinstance(server, Salesforce)
    server.page_size = max(50, RECORDS // 40)
    more = crowd(server, RECORDS // EACH)
    for harness in harnesses.values():
        harness.fill(60)
    for system in WEB:
        harnesses[system].server.share = 0.05
    codes: list[int] = []
    while not codes or (codes[-1] != 0 and len(codes) < 8):
        codes.append(crm("sync", "--commit").code)
    assert codes[-1] == 0, codes
    for system, harness in harnesses.items():
        expected = harness.expected() + (more if system == "salesforce" else 0)
        assert harness.found(workspace) == expected, system
    assert Git(workspace).status() == {}
    head = Git(workspace).head()
    for system in WEB:
        harnesses[system].server.share = 0.0
    assert crm("sync", "--commit").code == 0
    assert Git(workspace).head() == head, "nothing new, nothing committed"
