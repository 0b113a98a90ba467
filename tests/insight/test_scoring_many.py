"""Very many accounts are scored by several processes, and it comes out as if one had done it."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import crmctl
from crmctl.insight import citing
from crmctl.insight.cache import Results, pack_result
from crmctl.insight.citing import Lines, Rows
from crmctl.insight.scoring import ScorePlan, plan_scores
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
# In a process of its own: a test runner may have threads, and those do not survive a fork.
PARALLEL = """
import sys
from pathlib import Path
from crmctl.insight import scoring
from crmctl.workspace.workspace import Workspace
scoring.VERY_MANY, scoring.PART = 1, 2
scoring.processes.os.sched_getaffinity = lambda pid: {0, 1}
plan = scoring.plan_scores(Workspace(Path(sys.argv[1])))
print(repr(sorted((c.path, c.old, c.new) for c in plan.changes)))
print(repr(dict(plan.results)))
print(repr({slug: plan.results.standing(slug) for slug in plan.results}))
print(repr(plan.problems))
print(repr(dict(sorted(plan.signals.items()))))
"""


def lines(plan: ScorePlan) -> list[str]:
    """What a plan says, as the other process prints it."""
    return [
        repr(sorted((c.path, c.old, c.new) for c in plan.changes)),
        repr(dict(plan.results)),
        repr({slug: plan.results.standing(slug) for slug in plan.results}),
        repr(plan.problems),
        repr(dict(sorted(plan.signals.items()))),
    ]


def more(root: Path) -> None:
    """The sample account five times, one of them with a damaged deal."""
    for number in range(5):
        shutil.copytree(root / "accounts/acme", root / f"accounts/copy-{number}")
    deals = root / "accounts/copy-3/deals"
    deals.mkdir(exist_ok=True)
    (deals / "damaged.md").write_text("---\nname: [\n---\n", encoding="utf-8")


def test_several_processes_plan_what_one_plans(
    root: Path, at: Callable[[Path, dt.date], Workspace]
) -> None:
    more(root)
    ws = at(root, TODAY)
    done = subprocess.run(
        [sys.executable, "-c", PARALLEL, str(root)],
        env=os.environ
        | {
            "PYTHONPATH": str(Path(crmctl.__file__).parents[1]),
            "CRMCTL_NOW": ws.now.isoformat(),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.splitlines()
    alone = plan_scores(at(root, TODAY))
    assert len(alone.results) == 7
    assert [problem.path for problem in alone.problems] == ["accounts/copy-3/deals/damaged.md"]
    assert found == lines(alone)


def test_how_accounts_stand_is_the_same_remembered_and_packed(
    root: Path, at: Callable[[Path, dt.date], Workspace]
) -> None:
    plan = plan_scores(at(root, TODAY))
    health, standing = plan.results["acme"], plan.results.standing("acme")
    assert standing is not None
    assert (standing.score, standing.status, standing.coverage) == (
        health.score,
        health.status,
        health.coverage,
    )
    assert standing.inputs == {i.name: i.value for i in health.inputs() if i.value is not None}
    assert plan.results.standing("nobody") is None
    kept = Results()
    kept.remember("acme", pack_result(health, standing, []))
    assert kept.standing("acme") == standing
    assert kept["acme"] == health
    assert kept.standing("acme") == standing


def test_lines_of_measures_are_the_same_however_few_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "accounts/_measures"
    folder.mkdir(parents=True)
    for day in range(1, 5):
        text = "account,measure,value,source\nacme,usage.a,1,x\nbolt,usage.a,1,x\n"
        (folder / f"2026-01-0{day}.csv").write_text(text, encoding="utf-8")
    rows: Rows = {}
    monkeypatch.setattr(citing, "KEPT_ROWS", 6)
    for day in (1, 2, 3, 4, 1, 2):
        path = f"accounts/_measures/2026-01-0{day}.csv"
        assert Lines(tmp_path, "bolt", rows).cite(f"{path}#usage.a") == f"{path}:3"
        assert len(rows) == 1
