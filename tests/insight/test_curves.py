from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.curves import Band, Boundary, Direction, band, curve_problem, normalised

GAINSIGHT = [Band("red", 0), Band("yellow", 50), Band("green", 75)]
STATUSES = [Band("excellent", 80), Band("good", 60), Band("at_risk", 40), Band("critical", 0)]


@pytest.mark.parametrize(
    ("value", "points"),
    [(-1, 0), (0, 0), (0.25, 30), (0.5, 60), (0.65, 80), (0.8, 100), (3, 100)],
)
def test_a_curve_is_straight_between_its_points_and_level_beyond(
    value: float, points: float
) -> None:
    assert normalised(value, [(0, 0), (0.5, 60), (0.8, 100)]) == pytest.approx(points)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_rising_curve_never_rewards_less_and_stays_within_0_to_100(a: float, b: float) -> None:
    curve = [(-10.0, 0.0), (0.0, 20.0), (0.1, 70.0), (1000.0, 100.0)]
    low, high = normalised(min(a, b), curve), normalised(max(a, b), curve)
    assert 0 <= low <= high <= 100


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (100, "excellent"),
        (80, "excellent"),
        (79.999, "good"),
        (60, "good"),
        (59.999, "at_risk"),
        (40, "at_risk"),
        (39.999, "critical"),
        (0, "critical"),
    ],
)
def test_lower_bounds_are_inclusive(score: float, name: str) -> None:
    assert band(score, STATUSES, "inclusive") == name


@pytest.mark.parametrize(
    ("score", "name"), [(0, "red"), (50, "red"), (51, "yellow"), (75, "yellow"), (76, "green")]
)
def test_lower_bounds_can_be_exclusive_but_for_zero(score: float, name: str) -> None:
    assert band(score, GAINSIGHT, "exclusive") == name


@pytest.mark.parametrize("boundary", ["inclusive", "exclusive"])
def test_what_floating_point_sums_add_does_not_move_a_score_over_a_bound(
    boundary: Boundary,
) -> None:
    for start in (40, 60, 80):
        names = {band(s, STATUSES, boundary) for s in (start - 1e-12, start, start + 1e-12)}
        assert len(names) == 1


@pytest.mark.parametrize(
    ("points", "better", "wrong"),
    [
        ([(0, 0), (1, 100)], "higher", ""),
        ([(0, 100), (1, 0)], "lower", ""),
        ([(0, 0), (1, 100), (2, 100), (3, 20)], "middle", ""),
        ([(0, 100), (1, 0)], "higher", "the curve falls"),
        ([(0, 0), (1, 100)], "lower", "the curve rises"),
        ([(0, 100), (1, 0), (2, 100)], "middle", "rise, then fall"),
        ([(0, 0), (1, 90), (2, 10), (3, 80), (4, 0)], "middle", "rise, then fall"),
        ([(0, 0), (0, 100)], "higher", "values of a curve must rise"),
        ([(0, 0), (1, 101)], "higher", "within 0 to 100"),
        ([(0, 50), (1, 50)], "higher", "flat"),
        ([(0, 50)], "higher", "at least two"),
    ],
)
def test_a_curve_that_contradicts_itself_is_refused(
    points: list[tuple[float, float]], better: Direction, wrong: str
) -> None:
    problem = curve_problem(points, better)
    assert wrong in problem
    assert bool(problem) == bool(wrong)
