"""One episode, one run: what a value that swings, a clock that jumps and a night that is missed must not do."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.workflow.expression import parse
from crmctl.workflow.hysteresis import relaxed
from crmctl.workspace import files
from crmctl.workspace.episodes import Episode
from crmctl.workspace.episodes import parse as read_episodes

from .conftest import SEED, World

DAY = dt.date(2026, 3, 31)


def nights(world: World, scores: list[float | None], start: dt.date = DAY) -> list[str]:
    """The days on which the manager was told, when acme's score is each of these in turn."""
    told = []
    for night, score in enumerate(scores):
        world.known["acme"]["health_score"] = score
        day = (start + dt.timedelta(days=night)).isoformat()
        if world.on(day).run().messages:
            told.append(day)
    return told


@pytest.fixture
def acme(world: World) -> World:
    world.account("acme", owner="ana")
    return world


def one(world: World, **settings: str) -> None:
    """A single workflow with these settings."""
    lines = "".join(f"    {key}: {value}\n" for key, value in settings.items())
    world.write(
        "workflows.yaml",
        'customer_workflows:\n  low:\n    trigger: "health_score < 60"\n'
        f"    actions: [notify_account_manager]\n{lines}",
    )


def states(world: World) -> list[Episode]:
    path = "accounts/acme/episodes.jsonl"
    found = read_episodes(files.read(world.root, path) or b"", path)
    return [e for e in found if e.is_state]


def test_a_score_that_swings_about_the_threshold_tells_once(acme: World) -> None:
    acme.write("workflows.yaml", SEED)
    assert nights(acme, [59.0, 61.0] * 45) == ["2026-03-31"]


def test_a_score_that_swings_widely_tells_once_too(acme: World) -> None:
    one(acme)
    assert nights(acme, [50.0, 90.0] * 45) == ["2026-03-31"]


def test_five_runs_in_one_night_tell_once(acme: World) -> None:
    one(acme)
    assert nights(acme, [40.0]) == ["2026-03-31"]
    assert [bool(acme.run().messages) for _ in range(4)] == [False] * 4


def test_it_ends_a_margin_above_the_threshold_and_not_before(acme: World) -> None:
    one(acme, dwell="0d", clear_for="0d", cooldown="0d")
    nights(acme, [59.0, 64.999])
    assert states(acme)[0].closed is None
    nights(acme, [65.0], DAY + dt.timedelta(days=2))
    assert states(acme)[0].closed == DAY + dt.timedelta(days=2)


def test_clear_is_another_condition_when_one_is_given(acme: World) -> None:
    one(acme, dwell="0d", clear_for="0d", clear='"health_score >= 80"')
    nights(acme, [59.0, 79.0])
    assert states(acme)[0].closed is None
    nights(acme, [80.0], DAY + dt.timedelta(days=2))
    assert states(acme)[0].closed is not None


def test_for_waits_until_it_held_so_long(acme: World) -> None:
    one(acme, **{"for": "3d"})
    assert nights(acme, [50.0, 50.0, 70.0, 50.0, 50.0, 50.0, 50.0]) == ["2026-04-06"]


def test_dwell_keeps_it_open_and_cooldown_keeps_the_next_away(acme: World) -> None:
    one(acme, dwell="10d", cooldown="20d", clear_for="0d")
    good, bad = [90.0] * 12, [40.0] * 30
    told = nights(acme, [40.0, *good, *bad])
    first = states(acme)[0]
    assert first.closed == DAY + dt.timedelta(days=10)
    assert told == ["2026-03-31", (DAY + dt.timedelta(days=30)).isoformat()]


def test_unless_keeps_it_away_and_unknown_does_not(acme: World) -> None:
    one(acme, unless='"stage == churn_risk"')
    acme.known["acme"]["stage"] = "churn_risk"
    assert nights(acme, [40.0]) == []
    acme.known["acme"]["stage"] = None
    assert nights(acme, [40.0], DAY + dt.timedelta(days=1)) == ["2026-04-01"]


def test_a_clock_that_goes_back_changes_nothing(acme: World) -> None:
    one(acme)
    assert nights(acme, [40.0]) == ["2026-03-31"]
    before = acme.files()
    assert nights(acme, [90.0], DAY - dt.timedelta(days=30)) == []
    assert nights(acme, [40.0], DAY - dt.timedelta(days=29)) == []
    assert [e for e in states(acme) if e.closed] == []
    assert before.keys() == acme.files().keys()


def test_nights_that_were_missed_make_no_difference_to_what_is_told(acme: World) -> None:
    one(acme)
    assert nights(acme, [40.0]) == ["2026-03-31"]
    assert nights(acme, [30.0], DAY + dt.timedelta(days=60)) == []


@given(
    threshold=st.integers(0, 100),
    score=st.floats(0, 100),
    margin=st.floats(0, 20),
    sign=st.sampled_from(["<", "<=", ">", ">="]),
    negated=st.booleans(),
)
def test_what_is_true_is_never_over(
    threshold: int, score: float, margin: float, sign: str, negated: bool
) -> None:
    """The relaxed condition holds wherever the condition holds: an episode cannot end while its trigger is true."""
    text = f"health_score {sign} {threshold}"
    condition = parse(f"not {text}" if negated else text)
    values = {"health_score": score}
    if condition.holds(values, DAY):
        assert relaxed(condition, margin).holds(values, DAY)


def test_margins_move_scores_and_ratios_and_nothing_else() -> None:
    condition = parse(
        "health_score < 60 and usage_growth > 50% and open_tickets > 3 and 40 > health_score"
    )
    moved = relaxed(condition, 5)
    values: dict[str, object] = {"health_score": 44.9, "usage_growth": 0.46, "open_tickets": 4}
    assert moved.holds(values, DAY) is True
    assert moved.holds({**values, "health_score": 45.0}, DAY) is False
    assert moved.holds({**values, "usage_growth": 0.44}, DAY) is False
    assert moved.holds({**values, "open_tickets": 3}, DAY) is False


def test_a_limit_holds_back_and_the_next_run_goes_on(world: World) -> None:
    for number in range(5):
        world.account(f"a{number}", owner="ana")
        world.known[f"a{number}"]["health_score"] = 40.0
    one(world, limits="{per_run: 2}")
    first = world.run()
    assert sorted({s.account for s in first.steps}) == ["", "a0", "a1"]
    assert [s.text for s in first.steps if s.state == "held"] == [
        "3 more wait: the limit is 2 a run"
    ]
    assert {s.account for s in world.run().steps} == {"", "a2", "a3"}
    assert {s.account for s in world.run().steps} == {"a4"}
    assert world.run().steps == []
