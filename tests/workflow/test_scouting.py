"""Very many accounts are looked at by several processes, and it comes out as if one had looked at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import crmctl
from crmctl.workflow import engine
from crmctl.workflow.planner import RunPlan
from crmctl.workspace.workspace import Workspace
from tests.workflow.conftest import World

WORKFLOWS = """\
customer_workflows:
  people:
    trigger: contacts > 2
    actions: [notify_account_manager]
    limits: {per_run: 1}
  arrivals:
    trigger: contact_created
    actions: [assign_owner]
  least:
    trigger: stage == prospect
    actions: [assign_owner]
"""
# In a process of its own: a test runner may have threads, and those do not survive a fork.
PARALLEL = """
import sys
from pathlib import Path
from crmctl.workflow import engine, scouting
from crmctl.workspace.workspace import Workspace
scouting.VERY_MANY, scouting.SIZE = 1, 3
scouting.os.sched_getaffinity = lambda pid: {0, 1}
plan = engine.plan(Workspace(Path(sys.argv[1]), seed=1))
for part in (plan.steps, [(c.path, c.old, c.new) for c in plan.changes], plan.messages, plan.problems):
    print(repr(part))
"""


def printed(plan: RunPlan) -> list[str]:
    """A plan, as the other process prints it."""
    changes = [(c.path, c.old, c.new) for c in plan.changes]
    return [repr(part) for part in (plan.steps, changes, plan.messages, plan.problems)]


def in_processes(root: Path, ws: Workspace) -> list[str]:
    """What several processes plan."""
    folder = str(Path(crmctl.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", PARALLEL, str(root)],
        env=os.environ | {"PYTHONPATH": folder, "CRMCTL_NOW": ws.now.isoformat()},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_several_processes_plan_what_one_plans(world: World) -> None:
    world.write("workflows.yaml", WORKFLOWS)
    for number in range(8):
        slug = f"a{number}"
        world.account(slug, "prospect" if number == 5 else "customer")
        for place in range(number % 5):
            world.contact(slug, f"p{place}")
    world.write("accounts/broken/profile.md", "---\nname: [\n---\n")
    world.write("accounts/a7/episodes.jsonl", "no episode\n")
    alone = engine.plan(world.ws)
    assert {step.state for step in alone.steps} >= {"did", "held"}
    assert {p.path for p in alone.problems} == {"accounts/a7/episodes.jsonl", "accounts/broken"}
    assert in_processes(world.root, world.ws) == printed(alone)
    with world.ws.writing("run") as run:
        engine.carry_out(world.ws, alone, run)
    again = engine.plan(world.ws)
    assert in_processes(world.root, world.ws) == printed(again)
