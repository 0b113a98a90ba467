"""Replaying workflows on history: how each day is seen, what is counted, and how the command tells it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from crmctl.insight.past import head_on
from crmctl.model.errors import UsageError
from crmctl.workflow import replay_files
from crmctl.workflow.replay import difference, replay, summary
from crmctl.workflow.replay_history import Line
from tests.conftest import Crm

from .conftest import CONFIG
from .past import FIRST, ONE, Past, replayed, three


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """A workspace without commits."""
    return three(tmp_path / "w")


def only(past: Past, text: str) -> None:
    past.write("workflows.yaml", f"customer_workflows:\n{text}")


SEATS = """\
  few:
    trigger: "seats < 20"
    actions: [notify_account_manager]
    clear: "seats >= 20"
    clear_for: 0d
    dwell: 0d
    cooldown: 0d
"""


def test_each_day_is_seen_as_it_was_at_its_end(past: Past) -> None:
    only(past, SEATS)
    for number, seats in enumerate([40, 10, 10, 40, 10]):
        past.set("alder", seats=11)
        past.commit(FIRST + number * ONE, 9)
        past.set("alder", seats=seats)
        past.commit(FIRST + number * ONE, 15)
    found = past.replay(FIRST, FIRST + 9 * ONE, account="alder")
    assert [(f.day, f.closed) for f in found.firings] == [
        (FIRST + ONE, FIRST + 3 * ONE),
        (FIRST + 4 * ONE, None),
    ]
    assert (found.days, found.looks) == (10, 10)


def test_the_days_agree_with_the_commit_that_was_checked_out(past: Past) -> None:
    for number in range(4):
        past.commit(FIRST + 2 * number * ONE, 9)
        past.commit(FIRST + 2 * number * ONE, 17)
    line = Line(past.ws.git)
    for number in range(10):
        day = FIRST + number * ONE
        assert line.ended(day) == head_on(past.ws.git, day).id == line.seen(day)
    assert line.ended(FIRST - ONE) is None


def test_a_measure_of_a_day_to_come_is_not_known_yet(past: Past) -> None:
    only(
        past,
        '  drop:\n    trigger: "usage.active_users < 10"\n    actions: [notify_account_manager]\n',
    )
    past.measured(FIRST, "alder", 50)
    past.measured(FIRST + 5 * ONE, "alder", 5)
    past.commit(FIRST)
    found = past.replay(FIRST, FIRST + 9 * ONE)
    assert [f.day for f in found.firings] == [FIRST + 5 * ONE]


def test_what_a_workflow_would_have_written_is_seen_by_the_others(past: Past) -> None:
    only(
        past,
        """\
  alarm:
    trigger: "seats < 20"
    actions: [{move_stage: {stage: churn_risk}}]
  answer:
    trigger: stage_moved
    actions: [notify_account_manager]
""",
    )
    past.set("birch", seats=40)
    past.commit(FIRST)
    past.set("birch", seats=10)
    past.commit(FIRST + 2 * ONE)
    past.set("birch", employees=200)
    past.commit(FIRST + 4 * ONE)
    found = past.replay(FIRST, FIRST + 9 * ONE, account="birch")
    assert [(f.day, f.workflow) for f in found.firings] == [
        (FIRST + 2 * ONE, "alarm"),
        (FIRST + 3 * ONE, "answer"),
    ]


def test_what_nobody_knew_is_counted_and_a_spoilt_day_is_named(past: Past) -> None:
    only(past, '  rich:\n    trigger: "arr > 5"\n    actions: [notify_account_manager]\n')
    past.commit(FIRST)
    past.write("crmctl.yaml", "team: 5\n")
    past.commit(FIRST + 2 * ONE)
    past.write("crmctl.yaml", CONFIG)
    past.set("alder", arr=10)
    past.commit(FIRST + 3 * ONE)
    found = past.replay(FIRST, FIRST + 4 * ONE)
    assert [(f.day, f.account) for f in found.firings] == [(FIRST + 3 * ONE, "alder")]
    assert (found.days, found.looks) == (5, 12)
    (row,) = summary(found)
    assert (row["unknown"], row["missing"]) == (10, {"arr": 10})
    (problem,) = found.problems
    assert "crmctl.yaml" in problem
    assert found.problems[problem] == FIRST + 2 * ONE


def test_an_account_that_went_away_leaves_nothing_behind(past: Past) -> None:
    only(past, SEATS)
    past.commit(FIRST)
    past.git("rm", "-rq", "accounts/birch")
    past.commit(FIRST + 2 * ONE)
    found = past.replay(FIRST, FIRST + 4 * ONE)
    assert [(f.day, f.account) for f in found.firings] == [(FIRST, "birch")]
    assert found.problems == {}


def test_another_file_is_compared_with_the_current_one(past: Past, tmp_path: Path) -> None:
    only(past, SEATS)
    past.commit(FIRST)
    other = tmp_path / "other.yaml"
    other.write_text("customer_workflows:\n" + SEATS.replace('"seats < 20"', '"seats < 30"'))
    new = past.replay(FIRST, FIRST + ONE, str(other))
    old = past.replay(FIRST, FIRST + ONE, "current")
    more, less = difference(new, old)
    assert [(f.account, f.workflow) for f in more] == [("cedar", "few")]
    assert list(less) == []
    assert replayed(past.replay(FIRST, FIRST + ONE, "main")) == replayed(old)
    with pytest.raises(UsageError, match="no file and no commit"):
        past.replay(FIRST, FIRST + ONE, "--oops")


def test_the_summary_counts_what_makes_noise(past: Past) -> None:
    only(past, SEATS)
    past.set("cedar", seats=5)
    past.commit(FIRST)
    found = past.replay(FIRST, FIRST + ONE)
    (row,) = summary(found)
    assert row["firings"] == row["accounts"] == row["open"] == row["messages"] == 2
    assert (row["busiest_day"], row["on_that_day"]) == (FIRST, 2)
    assert row["per_month"] == {"2026-01": 2}
    assert row["per_account"] == {"birch": 1, "cedar": 1}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [(5, 0, "lies behind"), (-9999, 0, "3660 days at most"), (0, 99, "still to come")],
)
def test_days_of_which_nothing_can_be_known_are_refused(
    past: Past, first: int, last: int, said: str
) -> None:
    past.commit(FIRST)
    past.ws.now = dt.datetime.combine(FIRST + 9 * ONE, dt.time(12), dt.UTC)
    with pytest.raises(UsageError, match=said):
        replay(past.ws, replay_files.read(past.ws), FIRST + first * ONE, FIRST + last * ONE)


@pytest.mark.parametrize("last", [-5, 2])
def test_of_days_before_the_first_commit_it_says_that_nothing_is_known(
    past: Past, last: int
) -> None:
    past.commit(FIRST)
    found = past.replay(FIRST - 9 * ONE, FIRST + last * ONE)
    assert found.days == max(0, last + 1)
    (problem,) = found.problems
    assert "the history begins on 2026-01-05" in problem


def test_the_command_prints_firings_noise_and_what_changed(crm: Crm, workspace: Path) -> None:
    past = Past(workspace)
    only(past, SEATS)
    past.account("alder", seats=10, owner="ana")
    past.account("birch", seats=25)
    past.account("cedar")
    past.commit(dt.date(2026, 11, 10))
    other = workspace.parent / "other.yaml"
    other.write_text("customer_workflows:\n" + SEATS.replace("20", "30"))
    days = ("--from", "2026-11-10", "--to", "2026-11-15")
    done = crm("workflow", "replay", *days)
    assert [row[:4] for row in done.rows] == [["2026-11-10", "alder", "few", "1"]]
    assert "few: not known at 6 of 18 looks; missing: seats 6 times" in done.err
    told = json.loads(crm("workflow", "replay", *days, "--json").out)
    assert [firing["account"] for firing in told["firings"]] == ["alder"]
    assert (told["days"], told["accounts"], told["looks"]) == (6, 3, 18)
    table = crm("workflow", "replay", *days, "--csv", "--account", "birch", "--file", str(other))
    assert table.out.splitlines()[0].startswith(
        "day,account,workflow,episode,closed,actions,to,why"
    )
    assert "birch" in table.out
    change = crm("workflow", "replay", *days, "--file", str(other), "--against", "current")
    assert [row[:4] for row in change.rows] == [["+", "2026-11-10", "birch", "few"]]
    assert "1 more, 0 less: 2 firings instead of 1" in change.err
