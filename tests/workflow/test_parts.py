"""Many accounts are read part by part, and what is remembered of them says the same as their files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from crmctl.insight import scoring
from crmctl.workflow import engine, parts, values
from crmctl.workflow.values import Insight
from crmctl.workspace import paths, store
from crmctl.workspace.workspace import Workspace
from tests.workflow.conftest import World

ASKED = (
    "stage",
    "renewal",
    "auto_renew",
    "health_score",
    "health_status",
    "health_coverage",
    "last_interaction",
    "usage_growth",
    "shut_gates",
    "contacts",
    "champions",
    "decision_makers",
    "open_deals",
    "open_tasks",
    "overdue_tasks",
    "usage.active_users",
    "usage.active_users.growth(30d)",
    "health.drop(14d)",
    "contact_rhythm",
    "field.shoe_colour",
)


@pytest.fixture
def peopled(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Seven accounts with people, deals, tasks and measures, long after their files were written."""
    monkeypatch.setattr(scoring, "RACY_NS", 0)
    rows: dict[str, list[str]] = {"2026-02-15": [], "2026-03-30": []}
    for number in range(7):
        slug = f"a{number}"
        world.account(slug, renewal=dt.date(2026, 4, 1 + number), auto_renew=number % 2 == 0)
        roles = [["champion"], ["decision_maker"], []]
        for place in range(number):
            world.contact(slug, f"p{place}", roles=roles[place % 3])
        world.contact(slug, "gone", roles=["champion"], left=dt.date(2026, 1, 1))
        for place in range(number % 3):
            text = f"---\nname: Deal {place}\nstage: proposal\n---\n"
            world.write(f"accounts/{slug}/deals/d{place}.md", text)
        world.write(f"accounts/{slug}/deals/won.md", "---\nname: Won\nstatus: won\n---\n")
        for due in (dt.date(2026, 3, 29 + place) for place in range(min(number - 1, 3))):
            text = f"---\ntitle: Call\nstatus: open\ndue: {due}\n---\n"
            world.write(paths.task(slug, due, "call", "ab12cd34"), text)
        for place, day in enumerate(rows):
            rows[day].append(f"{slug},usage.active_users,{50 + number * 9 * place},supabase\n")
    for day, lines in rows.items():
        text = "account,measure,value,source\n" + "".join(lines)
        world.write(f"accounts/_measures/{day}.csv", text)
    return world


def told(ws: Workspace) -> dict[str, dict[str, object]]:
    """What is asked of every account."""
    insight = Insight(ws, store.slugs(ws.root))
    return {slug: {n: insight.values(slug)[n] for n in ASKED} for slug in insight.slugs}


def fresh(world: World) -> Workspace:
    return Workspace(world.root, now=world.ws.now, seed=1)


def test_the_size_of_the_parts_changes_no_value(
    peopled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(fresh(peopled))
    for size in (1, 3, 7):
        monkeypatch.setattr(values, "SIZE", size)
        assert told(fresh(peopled)) == whole
    # As for very many accounts: tasks by the index, measures in one pass.
    monkeypatch.setattr(scoring, "MANY", 1)
    assert told(fresh(peopled)) == whole


def test_counts_are_those_of_the_files(peopled: World) -> None:
    found = told(fresh(peopled))
    for number in range(7):
        mine = found[f"a{number}"]
        assert mine["contacts"] == number
        assert mine["champions"] == (number + 2) // 3
        assert mine["decision_makers"] == (number + 1) // 3
        assert mine["open_deals"] == number % 3
        assert mine["open_tasks"] == min(max(number - 1, 0), 3)
        assert mine["overdue_tasks"] == min(max(number - 1, 0), 2)
        assert mine["usage.active_users"] == 50 + number * 9


def test_what_scoring_remembers_says_the_same_as_the_files(peopled: World) -> None:
    first = told(fresh(peopled))
    ws = fresh(peopled)
    with ws.writing("score") as run:
        ws.apply(scoring.plan_scores(ws).changes, run)
    scoring.plan_scores(ws)
    before = told(fresh(peopled))
    assert before["a3"]["health_score"] == first["a3"]["health_score"]
    assert before == {
        slug: row | {"health.drop(14d)": before[slug]["health.drop(14d)"]}
        for slug, row in first.items()
    }


def test_a_run_in_parts_plans_what_a_run_of_the_whole_does(
    peopled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    peopled.write("workflows.yaml", WORKFLOWS)

    def planned() -> tuple[list[object], list[object]]:
        plan = engine.plan(fresh(peopled))
        return list(plan.steps), [(c.path, c.old, c.new) for c in plan.changes]

    whole = planned()
    assert whole[0]
    monkeypatch.setattr(values, "SIZE", 2)
    assert planned() == whole


def test_an_account_is_read_once_a_part(peopled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    real = parts.Part.__init__

    def noting(
        self: parts.Part, ws: Workspace, slugs: list[str], weights: Callable[[], object]
    ) -> None:
        made.append(list(slugs))
        real(self, ws, slugs, weights)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.Part, "__init__", noting)
    monkeypatch.setattr(values, "SIZE", 3)
    told(fresh(peopled))
    assert made == [[], ["a0", "a1", "a2"], ["a3", "a4", "a5"], ["a6"]]


def test_episodes_that_nothing_changes_are_not_written_anew(peopled: World) -> None:
    """Whoever wrote them otherwise than crmctl does keeps them so."""
    line = '{"key": "9", "workflow": "gone", "opened": "2025-01-01", "closed": "2025-01-02"}\n\n'
    peopled.write(
        "workflows.yaml",
        "customer_workflows:\n  a:\n    trigger: contacts > 99\n    actions: [assign_owner]\n",
    )
    peopled.write("accounts/a1/episodes.jsonl", line)
    with peopled.ws.writing("run") as run:
        engine.carry_out(peopled.ws, engine.plan(peopled.ws), run)
    assert Path(peopled.root / "accounts/a1/episodes.jsonl").read_text(encoding="utf-8") == line


WORKFLOWS = """\
customer_workflows:
  people:
    trigger: contacts > 2
    actions: [notify_account_manager]
  renewal:
    trigger: renewal within 4d and not auto_renew
    actions: [schedule_check_in_call]
  deals:
    trigger: deal_won
    actions: [notify_account_team]
  usage:
    trigger: usage.active_users.growth(30d) > 50%
    actions: [notify_account_team]
"""
