"""The weighted mean, also against numbers that others published."""

from __future__ import annotations

from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.means import part, weighted_mean

SCORES = st.none() | st.floats(0, 100)
WEIGHTS = st.floats(0.01, 1000)


def mean(*parts: tuple[float, float | None]) -> float:
    value = weighted_mean([part(*p) for p in parts]).value
    assert value is not None
    return value


def test_natero_four_components() -> None:
    engagement, usage = mean((1, 76), (1, 65)), mean((1, 81), (1, 65), (1, 90))
    assert engagement == 70.5
    assert usage == pytest.approx(78.667, abs=1e-3)
    assert mean((7, 83), (5, engagement), (8, usage), (3, 54)) == pytest.approx(74.99, abs=0.005)


def test_natero_with_support() -> None:
    engagement = mean((1, 76), (1, 65))
    total = mean((2, 80), (3, engagement), (3, 90), (2, 54))
    assert total == pytest.approx(74.95, abs=0.005)


@pytest.mark.parametrize(("scores", "total"), [((3, 2, 2, 3, 4), 55.0), ((4, 2, 4, 3, 3), 66.0)])
def test_customer_success_scorecard(scores: tuple[int, ...], total: float) -> None:
    weights = (30, 20, 20, 15, 15)
    assert mean(*zip(weights, (20.0 * s for s in scores), strict=True)) == total


def test_pillars_with_points_of_their_own() -> None:
    pillars = [(40, 28), (15, 12), (25, 14), (20, 8)]
    assert mean(*((most, 100 * got / most) for most, got in pillars)) == pytest.approx(62)


def test_published_sums_that_do_not_add_up_are_not_ours() -> None:
    contributions = [(6.0, 100.0), (5.0, 100.0), (7.5, 100.0), (5.0, 100.0), (76.5, 0.0)]
    assert mean(*contributions) == pytest.approx(23.5)
    assert mean((30, 100), (25, 100), (20, 100), (10, 100), (15, 0)) == pytest.approx(85)


@given(st.lists(st.tuples(WEIGHTS, SCORES), min_size=1, max_size=8), st.data())
def test_the_mean_with_everything_known_lies_within_the_range(
    parts: list[tuple[float, float | None]], data: st.DataObject
) -> None:
    found = weighted_mean([part(*p) for p in parts])
    filled = [(w, data.draw(st.floats(0, 100)) if s is None else s) for w, s in parts]
    assert found.low - 1e-9 <= mean(*filled) <= found.high + 1e-9
    if found.value is not None:
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9
        assert fsum(found.shares) == pytest.approx(1)


@given(st.lists(st.tuples(WEIGHTS, st.floats(0, 100)), min_size=2, max_size=8))
def test_an_unknown_part_is_as_if_it_were_not_there(parts: list[tuple[float, float]]) -> None:
    without = weighted_mean([part(*p) for p in parts[1:]])
    blank = weighted_mean([part(parts[0][0], None), *(part(*p) for p in parts[1:])])
    assert blank.value == without.value
    assert blank.shares == (0.0, *without.shares)
    assert blank.coverage < 1


def test_nothing_known_is_no_number() -> None:
    found = weighted_mean([part(30, None), part(70, None)])
    assert (found.value, found.coverage, found.low, found.high) == (None, 0, 0, 100)
