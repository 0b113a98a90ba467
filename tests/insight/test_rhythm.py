"""An account's own rhythm: measured against itself, and unknown where too little is known."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.evidence import Talk
from crmctl.insight.rhythm import Rhythm, RhythmWeights, rhythm, rhythm_weights

TODAY = dt.date(2026, 6, 30)
NOW = TODAY.toordinal()
HOW = RhythmWeights(
    window_days=365,
    days_at_least=4,
    gap_at_least_days=5,
    recent_days=30,
    usual_days=180,
    talks_at_least=6,
)


def talks(*ages: int, type: str = "call", direction: str = "") -> list[Talk]:
    return [Talk(NOW - age, type, direction, ["ines"], None, f"x.jsonl:{age}") for age in ages]


def test_the_same_silence_is_little_for_one_account_and_much_for_another() -> None:
    weekly = rhythm(talks(30, 37, 44, 51, 58), TODAY, HOW)
    quarterly = rhythm(talks(30, 120, 210, 300), TODAY, HOW)
    assert (weekly.gap, quarterly.gap) == (7, 90)
    assert weekly.late == pytest.approx(30 / 7)
    assert quarterly.late == pytest.approx(1 / 3)
    assert weekly.last == TODAY - dt.timedelta(days=30)
    assert weekly.source == "x.jsonl:30"


def test_who_talks_every_day_is_not_late_after_a_weekend() -> None:
    found = rhythm(talks(3, 4, 5, 6, 7), TODAY, HOW)
    assert found.gap == 5
    assert found.late == pytest.approx(0.6)


def test_too_few_days_are_no_rhythm() -> None:
    assert rhythm([], TODAY, HOW) == Rhythm()
    found = rhythm(talks(10, 10, 10, 20, 30), TODAY, HOW)
    assert found.late is None
    assert found.last == TODAY - dt.timedelta(days=10)
    assert rhythm(talks(400, 410, 420, 430, 440), TODAY, HOW).late is None


def test_what_only_we_wrote_is_no_word_from_them() -> None:
    ours = talks(1, 2, 3, type="email", direction="out")
    theirs = talks(40, 50, 60, 70)
    assert rhythm([*theirs, *ours], TODAY, HOW) == rhythm(theirs, TODAY, HOW)


def test_what_comes_later_is_not_looked_at() -> None:
    past = talks(40, 50, 60, 70)
    assert rhythm([*past, *talks(-5)], TODAY, HOW) == rhythm(past, TODAY, HOW)


def test_conversations_against_what_is_usual() -> None:
    every_ten = talks(*range(35, 210, 10))
    found = rhythm([*every_ten, *talks(5)], TODAY, HOW)
    assert found.recent == 1
    assert found.usual == pytest.approx(3, abs=0.1)
    assert found.growth == pytest.approx(-2 / 3, abs=0.02)
    assert rhythm(every_ten, TODAY, HOW).growth == -1


def test_a_new_account_has_no_usual_number_yet() -> None:
    assert rhythm(talks(*range(31, 100, 3)), TODAY, HOW).growth is None
    assert rhythm(talks(*range(31, 130, 3)), TODAY, HOW).growth == -1
    # The time before the first conversation does not make the usual number smaller.
    assert rhythm(talks(*range(31, 130, 3)), TODAY, HOW).usual == pytest.approx(10, abs=0.3)


def test_a_file_of_before_has_the_shipped_numbers() -> None:
    assert rhythm_weights(None).window_days == 365
    assert rhythm_weights(HOW) is HOW


@given(st.lists(st.integers(-10, 500), max_size=40))
def test_it_is_a_number_that_makes_sense_or_unknown(ages: list[int]) -> None:
    found = rhythm(talks(*ages), TODAY, HOW)
    assert found == rhythm(talks(*reversed(ages)), TODAY, HOW)
    if found.late is not None and found.gap is not None:
        assert found.late >= 0
        assert 5 <= found.gap <= 365
    if found.growth is not None:
        assert found.growth >= -1
