"""Which way a score goes: at the exact boundaries of window, noise and sharpness."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.health_weights import TrendWeights
from crmctl.insight.trend import FALLING, RISING, SHARP, STABLE, Trend, confidence, trend, written
from crmctl.insight.weights import Weights

TODAY = dt.date(2026, 11, 22)
NOW = TODAY.toordinal()
ROWS = st.dictionaries(st.integers(NOW - 60, NOW), st.none() | st.integers(0, 100), max_size=20)


@pytest.fixture
def rules(weights: Weights) -> TrendWeights:
    assert weights.health.trend is not None
    return weights.health.trend


def rows(days_ago: dict[int, float | None]) -> list[tuple[int, float | None]]:
    return sorted((NOW - days, score) for days, score in days_ago.items())


def test_the_shipped_numbers(rules: TrendWeights) -> None:
    assert (rules.window_days, rules.noise, rules.move) == (14, 5, 10)
    assert (rules.sharp, rules.sharp_days) == (15, 7)


@pytest.mark.parametrize(
    ("moved", "word"),
    [
        (0, STABLE),
        (5, STABLE),
        (-5, STABLE),
        (6, "rising slightly"),
        (-6, "falling slightly"),
        (9, "rising slightly"),
        (-9, "falling slightly"),
        (10, RISING),
        (-10, FALLING),
        (40, RISING),
        (-40, FALLING),
    ],
)
def test_words_at_the_exact_boundary(rules: TrendWeights, moved: int, word: str) -> None:
    """A move of ten days ago is in the window and past the days of a sharp fall."""
    found = trend(rows({30: 50, 10: 50 + moved}), TODAY, rules)
    assert found == Trend(word, moved, 14)


def test_the_score_that_held_when_the_window_began_is_compared(rules: TrendWeights) -> None:
    assert trend(rows({14: 50, 13: 70}), TODAY, rules) == Trend(RISING, 20, 14)
    assert trend(rows({15: 40, 14: 50, 2: 54}), TODAY, rules) == Trend(STABLE, 4, 14)
    assert trend(rows({13: 50, 2: 70}), TODAY, rules) is None
    assert trend([], TODAY, rules) is None


@pytest.mark.parametrize(
    ("history", "sharp"),
    [
        ({30: 80, 0: 65}, (-15, 7)),
        ({30: 80, 0: 66}, None),
        # The score that held when the seven days began counts, the one before it does not.
        ({30: 80, 7: 65, 0: 65}, None),
        ({30: 80, 6: 65, 0: 65}, (-15, 7)),
        ({30: 50, 5: 80, 0: 64}, (-16, 5)),
        ({30: 80, 5: 60, 0: 80}, None),
        # Also where nothing is known of the window's beginning.
        ({4: 80, 0: 60}, (-20, 4)),
    ],
)
def test_a_sharp_fall_at_the_exact_boundary(
    rules: TrendWeights, history: dict[int, float | None], sharp: tuple[float, int] | None
) -> None:
    found = trend(rows(history), TODAY, rules)
    if sharp is None:
        assert found is None or found.direction != SHARP
    else:
        assert found == Trend(SHARP, *sharp)


def test_there_is_no_trend_across_a_time_without_a_score(rules: TrendWeights) -> None:
    assert trend(rows({30: 50, 20: None, 3: 52}), TODAY, rules) is None
    assert trend(rows({30: 50, 2: None}), TODAY, rules) is None


@given(ROWS, st.integers(0, 100))
def test_what_comes_later_changes_no_trend(
    weights: Weights, held: dict[int, float | None], later: int
) -> None:
    rules = weights.health.trend
    assert rules is not None
    past = sorted(held.items())
    assert trend(past, TODAY, rules) == trend([*past, (NOW + 1, later)], TODAY, rules)


@given(ROWS, st.integers(1, 30))
def test_time_alone_makes_a_score_stable_in_the_end(
    weights: Weights, held: dict[int, float | None], more: int
) -> None:
    rules = weights.health.trend
    assert rules is not None
    found = trend(sorted(held.items()), TODAY + dt.timedelta(rules.window_days + more), rules)
    assert found is None or found == Trend(STABLE, 0, rules.window_days)


def test_a_score_that_fell_below_the_floor_is_none_unless_somebody_set_it() -> None:
    coverage = [(1, 0.9), (5, 0.3), (6, 0.2), (9, 0.8)]
    scores = [(1, 70.0), (7, 55.0), (9, 71.0)]
    assert written(scores, coverage, 0.4) == [(1, 70), (5, None), (7, 55), (9, 71)]
    assert written([(5, 20.0)], [(5, 0.3)], 0.4) == [(5, 20)]


@pytest.mark.parametrize(
    ("coverage", "width", "word"),
    [
        (1, 0, "high"),
        (0.8, 20, "high"),
        (0.79, 20, "medium"),
        (0.8, 20.1, "medium"),
        (0.6, 40, "medium"),
        (0.59, 40, "low"),
        (0.9, 41, "low"),
        (0, 100, "low"),
    ],
)
def test_confidence_at_the_exact_boundary(
    rules: TrendWeights, coverage: float, width: float, word: str
) -> None:
    assert confidence(coverage, width, rules.confidence) == word
