"""The forecast: its interval holds what it promises, it stays within bounds, and it says why there is none."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from crmctl.insight.forecast import (
    AGAIN,
    COUNTS,
    DAMPED,
    FALLING,
    FLAT,
    RISING,
    SCORES,
    SEASONAL,
    Bounds,
    Outlook,
    outlook,
)
from crmctl.insight.forecast_breaks import WHY, weights_changed
from crmctl.insight.forecast_weights import forecast_weights
from crmctl.insight.weights import load_weights
from tests.e2e.conftest import git

ROOT = Path(__file__).resolve().parents[2]
RULES = forecast_weights(load_weights(ROOT).forecast)
TODAY = dt.date(2026, 11, 16)
FREE = Bounds(None, None, 0.001)
SERIES = 400
Make = Callable[[random.Random, int], list[float]]


def weekly(values: list[float], last: dt.date = TODAY) -> list[tuple[int, float | None]]:
    start = last.toordinal() - 7 * (len(values) - 1)
    return [(start + 7 * place, value) for place, value in enumerate(values)]


def seen(values: list[float], bounds: Bounds = SCORES) -> Outlook:
    return outlook(weekly(values), TODAY, RULES, bounds)


def walk(chance: random.Random, number: int) -> list[float]:
    value, found = 50.0, []
    for _ in range(number):
        value += chance.gauss(0, 2)
        found.append(value)
    return found


def held_walk(chance: random.Random, number: int) -> list[float]:
    """As scores are written down: whole points from 0 to 100."""
    value, found = 85.0, []
    for _ in range(number):
        value = min(100.0, max(0.0, value + chance.gauss(0, 3)))
        found.append(float(round(value)))
    return found


def season(chance: random.Random, number: int) -> list[float]:
    start, size = chance.random() * 13, chance.uniform(5, 12)
    return [
        60 + size * math.sin(2 * math.pi * (n + start) / 13) + chance.gauss(0, 2)
        for n in range(number)
    ]


def slope(chance: random.Random, number: int) -> list[float]:
    step = chance.uniform(-0.4, 0.4)
    return [50 + step * n + chance.gauss(0, 2) for n in range(number)]


def returning(chance: random.Random, number: int) -> list[float]:
    value, found = 0.0, []
    for _ in range(number):
        value = 0.6 * value + chance.gauss(0, 2)
        found.append(60 + value)
    return found


FAMILIES: dict[str, tuple[Make, Bounds]] = {
    "random walk": (walk, FREE),
    "scores": (held_walk, SCORES),
    "seasonal": (season, FREE),
    "trend": (slope, FREE),
    "returning": (returning, FREE),
}


def cover(make: Make, bounds: Bounds, number: int) -> float:
    """The share of series whose value at the last step ahead lies within the interval."""
    chance, hits = random.Random(20261116), 0
    for _ in range(SERIES):
        values = make(chance, number + RULES.ahead)
        found = seen(values[:number], bounds).forecast
        assert found is not None
        step = found.steps[-1]
        hits += step.low <= values[number + len(found.steps) - 1] <= step.high
    return hits / SERIES


@pytest.mark.parametrize(
    ("family", "number"),
    [*((name, 30) for name in FAMILIES), ("random walk", 65), ("seasonal", 65)],
)
def test_four_of_five_lie_within_the_interval(family: str, number: int) -> None:
    make, bounds = FAMILIES[family]
    assert 0.70 <= cover(make, bounds, number) <= 0.90


def test_the_interval_widens_and_stays_within_bounds() -> None:
    chance = random.Random(3)
    for _ in range(50):
        found = seen(held_walk(chance, 60)).forecast
        assert found is not None
        widths = []
        for step in found.steps:
            assert 0 <= step.low <= step.value <= step.high <= 100
            widths.append(step.high - step.low)
        if found.steps[0].low > 0 and found.steps[-1].high < 100 and found.steps[-1].low > 0:
            assert widths == pytest.approx(sorted(widths))


def test_a_count_has_no_upper_bound_and_is_never_negative() -> None:
    falling = [max(0.0, 40 - 2 * n + (-1) ** n * 3) for n in range(30)]
    found = seen(falling, COUNTS).forecast
    assert found is not None
    assert all(step.low >= 0 for step in found.steps)
    rising = seen([100.0 + 30 * n for n in range(30)], COUNTS).forecast
    assert rising is not None
    assert rising.steps[-1].value > 970 + 30


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([50 + 0.8 * n for n in range(40)], RISING),
        ([80 - 0.8 * n for n in range(40)], FALLING),
        ([60 + (-1) ** n for n in range(40)], FLAT),
        ([60.0] * 40, FLAT),
        ([60 + 10 * math.sin(2 * math.pi * n / 13) for n in range(40)], SEASONAL),
    ],
)
def test_patterns(values: list[float], pattern: str) -> None:
    found = seen(values)
    assert found.pattern == pattern
    assert found.forecast is not None
    assert found.forecast.method == (AGAIN if pattern == SEASONAL else DAMPED)


def test_a_slope_dies_away() -> None:
    found = seen([20 + n for n in range(60)], FREE).forecast
    assert found is not None
    ahead = [step.value for step in found.steps]
    moves = [late - early for early, late in pairwise(ahead)]
    assert ahead[0] > 79
    assert all(0 < late < early for early, late in pairwise(moves))


def test_a_level_history_is_carried_on_level_and_is_not_certain() -> None:
    found = seen([64.0] * 30).forecast
    assert found is not None
    assert {(s.value, s.low, s.high) for s in found.steps} == {(64.0, 63.0, 65.0)}


def test_what_comes_later_is_not_looked_at() -> None:
    values = walk(random.Random(5), 60)
    points = weekly(values)
    past = dt.date.fromordinal(points[39][0])
    assert outlook(points, past, RULES) == outlook(points[:40], past, RULES)


def test_no_forecast_from_two_points() -> None:
    points = [(TODAY.toordinal() - 30, 50.0), (TODAY.toordinal(), 80.0)]
    found = outlook(points, TODAY, RULES)
    assert found == Outlook("", None, None, None, "too little data: 2 points, a forecast takes 12")
    assert "0 points" in outlook([], TODAY, RULES).reason


def refusals() -> Iterator[tuple[list[tuple[int, float | None]], dict[dt.date, str], str]]:
    values = walk(random.Random(1), 60)
    day = TODAY.toordinal()
    daily = [(day - 30 + n, 50.0 + n % 3) for n in range(31)]
    yield list(daily), {}, "too little data: 30 days, a forecast takes 140"
    old = weekly(values, TODAY - dt.timedelta(60))
    yield old, {}, "too little data: the last point is of 2026-09-17"
    holed = [*weekly(values, TODAY - dt.timedelta(120)), *weekly(values[:8])]
    yield holed, {}, "8 points, a forecast takes 12, after 71 days without a point up to 2026-09-28"
    lost = [(d, None if place == 55 else v) for place, (d, v) in enumerate(weekly(values))]
    yield lost, {}, "4 points, a forecast takes 12, as nothing was known on 2026-10-19"
    changed = {dt.date(2026, 10, 1): WHY}
    yield (
        weekly(values),
        changed,
        "7 points, a forecast takes 12, as weights.yaml changed on 2026-10-01",
    )


@pytest.mark.parametrize(("points", "breaks", "reason"), list(refusals()))
def test_no_forecast_and_why(
    points: list[tuple[int, float | None]], breaks: dict[dt.date, str], reason: str
) -> None:
    found = outlook(points, TODAY, RULES, breaks=breaks)
    assert found.forecast is None
    assert reason in found.reason


def test_a_break_long_ago_only_shortens_the_history() -> None:
    values = [10.0] * 60 + walk(random.Random(2), 40)
    day = TODAY - dt.timedelta(7 * 40 - 1)
    found = outlook(weekly(values), TODAY, RULES, breaks={day: WHY}).forecast
    assert found is not None
    assert found.since > day
    assert found.points == 40


# --- the method, against others


def naive(values: list[float], h: int) -> float:
    return values[-1]


def drift(values: list[float], h: int) -> float:
    return values[-1] + h * (values[-1] - values[0]) / (len(values) - 1)


def theil_sen(values: list[float], h: int) -> float:
    last = values[-13:]
    rises = sorted(
        (late - early) / (b - a)
        for a, early in enumerate(last)
        for b, late in enumerate(last)
        if b > a
    )
    rise = rises[len(rises) // 2]
    bases = sorted(value - rise * place for place, value in enumerate(last))
    return bases[len(bases) // 2] + rise * (len(last) - 1 + h)


def misses(make: Make) -> dict[str, float]:
    """Mean absolute error eight steps ahead of forty, of each method."""
    chance, found = (
        random.Random(7),
        dict.fromkeys(("own", "last value", "drift", "Theil-Sen"), 0.0),
    )
    for _ in range(100):
        values = make(chance, 48)
        mine = seen(values[:40], FREE).forecast
        assert mine is not None
        told = {
            "own": mine.steps[7].value,
            "last value": naive(values[:40], 8),
            "drift": drift(values[:40], 8),
            "Theil-Sen": theil_sen(values[:40], 8),
        }
        for name, value in told.items():
            found[name] += abs(value - values[47]) / 100
    return found


@pytest.mark.parametrize("family", ["random walk", "seasonal", "trend", "returning"])
def test_the_method_is_never_much_worse_than_the_last_value_and_often_better(family: str) -> None:
    found = misses(FAMILIES[family][0])
    assert found["own"] <= 1.15 * found["last value"]
    if family == "seasonal":
        assert found["own"] < 0.4 * min(found["last value"], found["drift"], found["Theil-Sen"])


# --- when the weights changed


@pytest.fixture
def committed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = home.parent / "customers"
    root.mkdir()
    git(root, "init", "-q")
    (root / "crmctl.yaml").write_text("company: Us\n")
    raw = (ROOT / "weights.yaml").read_text()
    steps = [
        ("2026-05-01T09:00:00Z", raw),
        ("2026-06-01T09:00:00Z", raw + "# a word\n"),
        ("2026-07-01T09:00:00Z", raw.replace("coverage_floor: 0.4", "coverage_floor: 0.45", 1)),
    ]
    for when, text in steps:
        (root / "weights.yaml").write_text(text)
        git(root, "add", "-A")
        monkeypatch.setenv("GIT_COMMITTER_DATE", when)
        git(root, "commit", "-qm", "weights")
    return root


def test_only_a_change_of_what_scores_come_from_breaks_a_history(committed: Path) -> None:
    assert weights_changed(committed, TODAY, dt.date(2026, 1, 1)) == {dt.date(2026, 7, 1): WHY}
    assert weights_changed(committed, TODAY, dt.date(2026, 7, 2)) == {}
    file = committed / "weights.yaml"
    file.write_text(file.read_text().replace("coverage_floor: 0.45", "coverage_floor: 0.3", 1))
    assert weights_changed(committed, TODAY, dt.date(2026, 7, 2)) == {TODAY: WHY}


def test_without_a_history_nothing_is_known_to_have_changed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "crmctl.yaml").write_text("company: Us\n")
    assert weights_changed(tmp_path, TODAY, dt.date(2026, 1, 1)) == {}
