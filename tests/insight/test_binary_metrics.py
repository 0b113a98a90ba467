"""Figures of binary forecasts against published and hand-made examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight import metrics_binary as metrics

# The published example of scikit-learn's documentation.
Y = [False, False, True, True]
SCORES = [0.1, 0.4, 0.35, 0.8]
# Hanley and McNeil 1982, table I: 58 normal and 51 abnormal images, rated 1 to 5.
NORMAL, ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]


def rated() -> tuple[list[float], list[bool]]:
    scores: list[float] = []
    labels: list[bool] = []
    for label, counts in ((False, NORMAL), (True, ABNORMAL)):
        for rating, number in enumerate(counts, 1):
            scores += [float(rating)] * number
            labels += [label] * number
    return scores, labels


def test_auc_of_published_examples() -> None:
    assert metrics.auc(SCORES, Y) == 0.75
    area = metrics.auc(*rated())
    assert area is not None
    assert round(area, 3) == 0.893


def test_auc_of_plain_cases() -> None:
    assert metrics.auc([1, 2], [False, True]) == 1
    assert metrics.auc([2, 1], [False, True]) == 0
    assert metrics.auc([1, 1, 1], [False, True, True]) == 0.5
    assert metrics.auc([1, 2], [True, True]) is None
    assert metrics.auc([], []) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=30))
def test_auc_counts_pairs(rows: list[tuple[int, bool]]) -> None:
    scores, labels = [float(s) for s, _ in rows], [y for _, y in rows]
    pairs = [
        (a > b) + (a == b) / 2
        for a, hit in zip(scores, labels, strict=True)
        for b, other in zip(scores, labels, strict=True)
        if hit and not other
    ]
    area = metrics.auc(scores, labels)
    assert area == (pytest.approx(sum(pairs) / len(pairs)) if pairs else None)
    turned = metrics.auc([-s for s in scores], labels)
    assert turned == (None if area is None else pytest.approx(1 - area))


def test_the_interval_is_the_same_every_time_and_holds_the_figure() -> None:
    scores, labels = rated()
    rows = range(len(labels))
    found = metrics.auc_interval(scores, labels, rows, rounds=400)
    assert found is not None
    assert found == metrics.auc_interval(scores, labels, rows, rounds=400)
    # The paper's standard error is 0.032.
    assert found.low == pytest.approx(0.893 - 1.96 * 0.032, abs=0.02)
    assert found.high == pytest.approx(0.893 + 1.96 * 0.032, abs=0.02)
    assert metrics.auc_interval([1, 2], [True, True], [1, 2], rounds=100) is None


def test_copies_of_a_customer_do_not_narrow_the_interval() -> None:
    scores, labels = rated()
    single = metrics.auc_interval(scores, labels, range(len(labels)), rounds=200)
    copies = [n for n in range(len(labels)) for _ in range(5)]
    grouped = metrics.auc_interval(
        [scores[n] for n in copies], [labels[n] for n in copies], copies, rounds=200
    )
    assert grouped == pytest.approx(single)


def test_average_precision_and_brier_of_published_examples() -> None:
    assert metrics.average_precision(SCORES, Y) == pytest.approx(0.8333, abs=5e-5)
    found = metrics.brier([0.1, 0.9, 0.8, 0.3], [False, True, True, False])
    assert found == pytest.approx(0.0375)
    assert metrics.average_precision([1], [False]) is None
    assert metrics.brier([], []) is None


def test_lift_of_the_top_share() -> None:
    # 20 rows, 4 events: a rate of 0.2. The top two are both events: a rate of 1.
    scores = [float(n) for n in range(20)]
    assert metrics.lift(scores, [n in {0, 5, 18, 19} for n in range(20)]) == pytest.approx(5)
    assert metrics.lift(scores, [n in {0, 1, 2, 19} for n in range(20)]) == pytest.approx(2.5)
    assert metrics.lift([1.0] * 20, [n < 4 for n in range(20)]) == pytest.approx(1)
    assert metrics.lift(scores, [False] * 20) is None


@pytest.mark.parametrize(
    ("events", "number", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_wilson_as_newcombe_published_it(events: int, number: int, low: float, high: float) -> None:
    found = metrics.wilson(events, number)
    assert found.rate == events / number
    assert found.interval == pytest.approx((low, high), abs=5e-5)


def test_nobody_has_no_rate() -> None:
    assert metrics.wilson(0, 0) == metrics.Share(0, 0, None, None)


def test_calibration_by_hand() -> None:
    foretold = [0.1, 0.3, 0.2, 0.9, 0.7, 0.8]
    happened = [False, False, True, True, True, False]
    low, high = metrics.calibration(foretold, happened, parts=2)
    assert [low.predicted, low.happened.rate] == pytest.approx([0.2, 1 / 3])
    assert [high.predicted, high.happened.rate] == pytest.approx([0.8, 2 / 3])
    assert sum(each.happened.number for each in metrics.calibration(foretold, happened)) == 6
