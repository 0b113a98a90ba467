"""Time to value: who is not there yet is no reason to call the others the rule."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.metrics_time_to_value import LACKING, Wait, survival, time_to_value, wait

# Freireich's trial of 6-mercaptopurine (1963), weeks of remission: the textbook example of Kaplan and Meier's estimate.
REACHED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PUBLISHED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def waits(reached: list[int], censored: list[int]) -> list[Wait]:
    found = [Wait(f"r{n}", days, reached=True, seen=days) for n, days in enumerate(reached)]
    return found + [
        Wait(f"c{n}", days, reached=False, seen=days) for n, days in enumerate(censored)
    ]


def test_the_textbook_example() -> None:
    pytest.importorskip("scipy")
    steps = survival(waits(REACHED, CENSORED))
    assert {day: round(share, 3) for day, share in steps} == PUBLISHED
    found = time_to_value(waits(REACHED, CENSORED), [30])
    assert (found.number, found.reached, found.censored) == (21, 9, 12)
    assert (found.median, found.p90) == (23, None)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=30)
)
def test_the_estimate_is_the_product_of_the_shares_that_waited_on(
    reached: list[int], censored: list[int]
) -> None:
    pytest.importorskip("scipy")
    left = 1.0
    expected: list[float] = []
    for day in sorted(set(reached)):
        waiting = sum(d >= day for d in [*reached, *censored])
        left *= 1 - reached.count(day) / waiting
        expected.append(left)
    steps = survival(waits(reached, censored))
    assert [day for day, _ in steps] == sorted(set(reached))
    assert [share for _, share in steps] == pytest.approx(expected)


def test_a_median_of_the_finishers_alone_would_be_too_short() -> None:
    pytest.importorskip("scipy")
    found = time_to_value(waits([10, 20, 30], [40, 40, 40]), [30])
    assert found.median == 30  # of the finishers alone it would be 20
    assert time_to_value(waits([10, 20, 30], []), [30]).median == 20


def test_shares_are_of_those_who_began_long_enough_ago() -> None:
    rows = [
        Wait("quick", 10, reached=True, seen=200),
        Wait("slow", 50, reached=True, seen=200),
        Wait("young", 5, reached=True, seen=20),
        Wait("never", 200, reached=False, seen=200),
    ]
    (month, quarter) = time_to_value(rows, [30, 90]).within
    assert (month.reached.events, month.reached.number) == (1, 3)
    assert (quarter.reached.events, quarter.reached.number) == (2, 3)


def test_dates_become_waits() -> None:
    assert wait("a", 100, 130, None, 200) == Wait("a", 30, reached=True, seen=100)
    assert wait("a", 100, None, None, 200) == Wait("a", 100, reached=False, seen=100)
    assert wait("a", 100, 250, None, 200) == Wait("a", 100, reached=False, seen=100)
    assert wait("a", 100, None, 140, 200) == Wait("a", 40, reached=False, seen=40)
    assert wait("a", 100, 90, None, 200) is None  # reached before it began
    assert wait("a", None, 90, None, 200) is None
    assert wait("a", 300, None, None, 200) is None


def test_nobody_there_and_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert time_to_value([], [30]).reason == "nobody has a start"
    assert time_to_value(waits([], [5]), [30]).reason == "nobody has reached it yet"
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    found = time_to_value(waits([5], [9]), [7])
    assert (found.reason, found.median, found.reached, found.censored) == (LACKING, None, 1, 1)
    assert found.within[0].reached.events == 0  # the one that made it was not seen for seven days
