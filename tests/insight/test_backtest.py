"""Past scores against what happened, by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from crmctl.insight.backtest import backtest, red_days, score_on
from crmctl.insight.churn import churn_weights
from crmctl.insight.churn_history import Customer
from crmctl.insight.evidence import Evidence
from crmctl.insight.weights import Weights

TODAY = dt.date(2026, 11, 22)
NOW = TODAY.toordinal()


def customer(slug: str, scores: dict[int, float], lost: int | None = None) -> Customer:
    """Scores by days ago; ``lost`` so many days ago."""
    rows = sorted((NOW - ago, value) for ago, value in scores.items())
    series = {"health.score": rows} if rows else {}
    gone = None if lost is None else NOW - lost
    return Customer(slug, NOW - 900, gone, Evidence(slug, slug), series)


@pytest.fixture
def few(weights: Weights) -> Weights:
    """The shipped weights, content with four losses."""
    churn = churn_weights(weights)
    rules = churn.backtest.model_copy(update={"least_lost": 4, "bootstrap": 100})
    return weights.model_copy(update={"churn": churn.model_copy(update={"backtest": rules})})


def book() -> list[Customer]:
    lost = [
        customer("a", {400: 80, 250: 30}, lost=100),  # red 150 days before its loss
        customer("b", {400: 80, 230: 20}, lost=100),  # 130 days
        customer("c", {400: 80, 130: 30}, lost=100),  # 30 days: too late for 90
        customer("d", {400: 75}, lost=100),  # never red
    ]
    return lost + [customer(f"k{n}", {400: 85}) for n in range(16)]


def test_share_red_in_time_and_lead_time(few: Weights) -> None:
    found = backtest(book(), TODAY, 90, few)
    assert (found.reason, found.lost, found.unscored) == ("", 4, 0)
    assert found.red_in_time is not None
    assert (found.red_in_time.events, found.red_in_time.number) == (2, 4)
    assert found.lead_median == 130


def test_figures_by_band(few: Weights) -> None:
    found = backtest(book(), TODAY, 90, few)
    bands = {each.status: each.happened for each in found.bands}
    assert list(bands) == ["excellent", "good", "at_risk", "critical"]
    assert bands["at_risk"].number == 0
    assert bands["at_risk"].rate is None
    assert sum(share.number for share in bands.values()) == found.observations
    assert sum(share.events for share in bands.values()) == found.events
    assert found.auc is not None
    assert found.interval is not None
    assert 0.9 < found.auc < 1
    assert found.interval.low <= found.auc <= found.interval.high
    assert found.lift is not None
    assert found.lift > 3


def test_later_scores_change_nothing(few: Weights) -> None:
    before = backtest(book(), TODAY, 90, few)
    later = []
    for each in book():
        rows = each.series["health.score"]
        late = (NOW - 89, 1.0) if each.lost is None else (each.lost, 0.0)
        series = {"health.score": [*rows, late]}
        later.append(Customer(each.slug, each.since, each.lost, each.evidence, series))
    assert backtest(later, TODAY, 90, few) == before


def test_the_score_of_a_day_is_the_latest_by_then() -> None:
    acme = customer("acme", {30: 50, 10: 70})
    assert [score_on(acme, NOW - ago) for ago in (31, 30, 11, 10, 0)] == [None, 50, 50, 70, 70]


def test_a_red_spell_that_was_over_is_no_warning(weights: Weights) -> None:
    red = {"critical"}
    broken = customer("a", {300: 20, 200: 70, 120: 30, 110: 25}, lost=100)
    assert red_days(broken, NOW - 100, red, weights) == 20
    recovered = customer("b", {300: 20, 120: 70}, lost=100)
    assert red_days(recovered, NOW - 100, red, weights) == 0
    after = customer("c", {300: 70, 100: 10}, lost=100)
    assert red_days(after, NOW - 100, red, weights) == 0
    better_that_day = customer("d", {300: 20, 100: 80}, lost=100)
    assert red_days(better_that_day, NOW - 100, red, weights) == 200


def test_too_little_history_is_said_plainly(few: Weights, weights: Weights) -> None:
    assert "no health score" in backtest([customer("a", {}, lost=3)], TODAY, 90, few).reason
    young = backtest([customer("a", {20: 50})], TODAY, 90, few)
    assert young.reason == "scores go back to 2026-11-02 only, so none is 90 days old yet"
    found = backtest(book(), TODAY, 90, weights)
    assert found.reason.startswith(
        "too little history: 4 customers were lost who had a score 90 days"
    )
    assert (found.auc, found.bands, found.red_in_time) == (None, (), None)


def test_a_loss_without_a_score_is_counted_apart(few: Weights) -> None:
    found = backtest([*book(), customer("late", {150: 30}, lost=100)], TODAY, 90, few)
    assert (found.lost, found.unscored) == (4, 1)
    # Who was lost before there were any scores is not held against them.
    early = backtest([*book(), customer("early", {}, lost=395)], TODAY, 90, few)
    assert (early.lost, early.unscored) == (4, 0)
