"""A small workspace on disk, and its seed workflows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from crmctl.workflow import engine
from crmctl.workflow.planner import RunPlan
from crmctl.workspace import splice
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace

NOW = dt.datetime(2026, 3, 31, 9, 30, tzinfo=dt.UTC)  # a Tuesday
SEED = dedent(
    """\
    # Example customer workflow configuration
    customer_workflows:
      new_prospect:
        trigger: "contact_created"
        actions:
          - "research_company"
          - "score_icp_fit"
          - "assign_owner"
          - "schedule_outreach"

      health_degradation:
        trigger: "health_score < 60"
        actions:
          - "notify_account_manager"
          - "create_intervention_plan"
          - "schedule_check_in_call"
          - "escalate_to_manager"

      expansion_opportunity:
        trigger: "usage_growth > 50%"
        actions:
          - "identify_expansion_use_cases"
          - "research_decision_makers"
          - "create_expansion_opportunity"
          - "notify_account_team"
    """
)
SEED_ACTIONS = {
    "research_company",
    "score_icp_fit",
    "assign_owner",
    "schedule_outreach",
    "notify_account_manager",
    "create_intervention_plan",
    "schedule_check_in_call",
    "escalate_to_manager",
    "identify_expansion_use_cases",
    "research_decision_makers",
    "create_expansion_opportunity",
    "notify_account_team",
}
CONFIG = dedent(
    """\
    company: Ours
    team:
      - {id: ana, name: Ana Example, email: ana@ours.example, manager: kim}
      - {id: ben, name: Ben Example, email: ben@ours.example, manager: kim}
      - {id: kim, name: Kim Example, email: kim@ours.example}
    default_owner: ""
    """
)


class World:
    """One workspace and what is known about its accounts: ``known`` is what triggers see, by account."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, dict[str, object]] = {}
        self.ws = Workspace(root, now=NOW, seed=1)

    def on(self, day: str) -> World:
        """The same workspace on another day."""
        now = dt.datetime.fromisoformat(f"{day}T09:30:00+00:00")
        self.ws = Workspace(self.root, now=now, seed=1)
        return self

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")

    def account(self, slug: str, stage: str = "customer", /, **values: Any) -> None:
        data = {"name": slug.title(), "domains": [f"{slug}.example"], "stage": stage} | values
        raw = splice.new_document(data, f"\n# {slug}\n")
        self.write(f"accounts/{slug}/profile.md", raw.decode())
        self.known.setdefault(slug, {})["stage"] = stage

    def contact(self, slug: str, person: str, /, **values: Any) -> None:
        data = {"name": person.replace("-", " ").title()} | values
        raw = splice.new_document(data, "")
        self.write(f"accounts/{slug}/contacts/{person}.md", raw.decode())

    def values(self, slug: str) -> Mapping[str, object]:
        return self.known.get(slug, {})

    def plan(self, **chosen: Any) -> RunPlan:
        return engine.plan(self.ws, values=self.values, **chosen)

    def run(self, **chosen: Any) -> RunPlan:
        with self.ws.writing("run") as run:
            plan = self.plan(**chosen)
            engine.carry_out(self.ws, plan, run)
        return plan

    def files(self) -> dict[str, bytes]:
        """Every file of the workspace but git's."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.root).parts
        }

    def outbox(self) -> list[str]:
        return sorted(path.name for path in (self.ws.state_dir / "outbox").glob("*.json"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A workspace with the seed's workflows and a team of three, without accounts."""
    root = tmp_path / "w"
    root.mkdir()
    Git.init(root)
    made = World(root)
    made.write("crmctl.yaml", CONFIG)
    made.write("workflows.yaml", SEED)
    return made
