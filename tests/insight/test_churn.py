"""The default risk: a base rate that signs raise, each for its lead time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from math import exp, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crmctl.insight.churn import Risk, assess, churn_weights
from crmctl.insight.churn_history import (
    Customer,
    customer_since,
    features,
    lost_on,
    observation_days,
    observations,
)
from crmctl.insight.churn_weights import ChurnWeights
from crmctl.insight.evidence import Evidence, gather
from crmctl.insight.facts import by_measure
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.weights import Weights, lint
from crmctl.model.errors import ConfigError
from crmctl.model.record import Account
from crmctl.workspace.measures import Measure

TODAY = dt.date(2026, 11, 22)
BASE = 0.1
HAZARD = -log(1 - BASE) / 365


def rules(weights: Weights, **signs: dict[str, Any]) -> ChurnWeights:
    """The shipped part with these indicators, a base rate of a tenth a year and a horizon of 90 days."""
    page = churn_weights(weights).model_dump(exclude_none=True)
    return ChurnWeights.model_validate(
        page | {"base_rate": BASE, "horizon_days": 90, "coverage_floor": 0.4, "indicators": signs}
    )


def sign(name: str, times: float, lead: int, group: str, **limit: float) -> dict[str, Any]:
    return {"sign": name, "times": times, "lead_days": lead, "group": group, **limit}


FALL = sign("usage_growth", 3.0, 45, "usage", at_most=-0.3)
NARROW = sign("breadth", 2.0, 90, "usage", at_most=0.2)
LEFT = sign("champion_left", 4.0, 180, "people", at_least=0)
RENEWAL = sign("renewal", 1.5, 90, "renewal", at_most=90)


def risk(churn: ChurnWeights, facts: Facts, evidence: Evidence | None = None) -> Risk:
    return assess(evidence or Evidence("acme", "Acme"), facts, TODAY, churn)


def left(days: int) -> Fact:
    return Fact(days, TODAY - dt.timedelta(days=days), "accounts/acme/contacts/ann.md#left", "left")


def test_without_a_sign_the_base_rate_holds(weights: Weights) -> None:
    found = risk(rules(weights, falls=FALL), {"usage_growth": Fact(0.1)})
    assert found.probability == pytest.approx(1 - (1 - BASE) ** (90 / 365))
    assert found.probability == found.base == found.high
    assert found.signs[0].state == "absent"


def test_a_state_acts_from_today_for_its_lead_time(weights: Weights) -> None:
    found = risk(rules(weights, falls=FALL), {"usage_growth": Fact(-0.3)})
    assert found.probability == pytest.approx(1 - exp(-HAZARD * (45 * 3 + 45)))
    assert found.probability is not None
    assert found.signs[0].adds == pytest.approx(found.probability - found.base)


def test_of_one_group_the_strongest_counts(weights: Weights) -> None:
    churn = rules(weights, falls=FALL, narrow=NARROW)
    found = risk(churn, {"usage_growth": Fact(-0.5), "breadth": Fact(0.1)})
    # 45 days of three times, then 45 of two times.
    assert found.probability == pytest.approx(1 - exp(-HAZARD * (45 * 3 + 45 * 2)))


def test_groups_multiply(weights: Weights) -> None:
    churn = rules(weights, falls=FALL, left=LEFT)
    found = risk(churn, {"usage_growth": Fact(-0.5), "champion_left": left(0)})
    assert found.probability == pytest.approx(1 - exp(-HAZARD * (45 * 12 + 45 * 4)))


def test_an_event_acts_from_its_day_on(weights: Weights) -> None:
    churn = rules(weights, left=LEFT)
    found = risk(churn, {"champion_left": left(150)})
    assert found.probability == pytest.approx(1 - exp(-HAZARD * (30 * 4 + 60)))
    assert (found.signs[0].state, found.signs[0].source) == (
        "seen",
        "accounts/acme/contacts/ann.md#left",
    )
    over = risk(churn, {"champion_left": left(180)})
    assert (over.signs[0].state, over.probability) == ("past", over.base)


def test_a_renewal_near_is_a_sign(weights: Weights) -> None:
    def due(days: int) -> Risk:
        day = (TODAY + dt.timedelta(days=days)).toordinal()
        evidence = Evidence("acme", "Acme", dates={"renewal": day}, where={"renewal": "p#renewal"})
        return risk(rules(weights, renewal=RENEWAL), {}, evidence)

    assert due(91).signs[0].state == "absent"
    assert due(90).probability == pytest.approx(1 - exp(-HAZARD * 90 * 1.5))
    assert due(-30).probability == pytest.approx(1 - exp(-HAZARD * (60 * 1.5 + 30)))
    assert due(-90).signs[0].state == "past"


def test_what_is_unknown_raises_nothing_but_the_upper_end(weights: Weights) -> None:
    churn = rules(weights, falls=FALL, left=LEFT)
    found = risk(churn, {"usage_growth": Fact(None, note="is not measured")})
    assert [s.state for s in found.signs] == ["unknown", "absent"]
    assert found.coverage == 0.5
    assert found.probability == found.base
    assert found.high == pytest.approx(1 - exp(-HAZARD * (45 * 3 + 45)))


def test_below_the_coverage_floor_there_is_no_risk(weights: Weights) -> None:
    found = risk(rules(weights, falls=FALL, narrow=NARROW, renewal=RENEWAL, left=LEFT), {})
    assert (found.probability, found.band) == (None, None)
    assert found.reason == "25% of the signs are known and a risk needs 40%"


@given(st.lists(st.sampled_from(["usage_growth", "breadth", "champion_left"]), unique=True))
def test_a_further_sign_never_lowers_the_risk(names: list[str]) -> None:
    from crmctl.insight.weights import load_weights
    from tests.insight.conftest import REPOSITORY

    churn = rules(load_weights(REPOSITORY), falls=FALL, narrow=NARROW, left=LEFT)
    bad = {"usage_growth": Fact(-0.9), "breadth": Fact(0.0), "champion_left": left(10)}
    good = {"usage_growth": Fact(0.5), "breadth": Fact(0.9)}
    before = 0.0
    for number in range(len(names) + 1):
        found = risk(churn, good | {name: bad[name] for name in names[:number]})
        assert found.probability is not None
        assert before <= found.probability < 1
        assert all(s.adds >= 0 for s in found.signs)
        before = found.probability


def test_the_shipped_bands_and_signs_are_sound(weights: Weights) -> None:
    assert lint(weights) == []
    given_notice = Fact(3, TODAY, "p#notice_given", "notice was given")
    found = risk(churn_weights(weights), {"notice_given": given_notice, "usage_growth": Fact(0.0)})
    assert found.probability is None  # three of fourteen signs are too few to go by
    churn = rules(weights, given=sign("notice_given", 200.0, 365, "contract", at_least=0))
    found = risk(churn, {"notice_given": given_notice})
    assert found.band == "high"


def test_what_cannot_be_meant_is_refused(weights: Weights) -> None:
    for wrong in (
        sign("usage_growth", 3, 45, "usage"),
        sign("usage_growth", 3, 45, "usage", at_most=0, at_least=1),
        sign("usage_growth", 1, 45, "usage", at_most=0),
        sign("champion_left", 3, 45, "people", at_most=3),
    ):
        with pytest.raises(ValidationError):
            rules(weights, wrong=wrong)
    page = weights.model_dump(exclude_none=True)
    page["churn"]["indicators"] = {"moon": sign("moon_phase", 2.0, 9, "sky", at_least=1)}
    with pytest.raises(ValidationError, match="moon_phase is no sign"):
        Weights.model_validate(page)


def test_lint_sees_what_never_happens(weights: Weights) -> None:
    page = weights.model_dump(exclude_none=True)
    page["churn"]["bands"] = {"high": 0.5, "low": 0.1, "lower": 0.1}
    page["churn"]["backtest"]["red"] = ["crimson"]
    for card in (page["health"], page["health"]["scorecards"]["onboarding"]):
        del card["factors"]["usage"]["inputs"]["usage_growth"]
    found = {(p.field, p.message) for p in lint(Weights.model_validate(page))}
    assert {
        ("churn.bands", "no band starts at 0"),
        ("churn.bands", "two bands start at the same risk, so one is never reached"),
        ("churn.backtest.red", "crimson is no status of health"),
        ("churn.indicators.usage_falls", "no factor of health has the input usage_growth"),
    } <= found


def test_weights_without_the_part_say_what_to_do(weights: Weights) -> None:
    with pytest.raises(ConfigError, match="crmctl init"):
        churn_weights(weights.model_copy(update={"churn": None}))


# --- history

Make = Callable[..., Account]


def test_the_first_day_that_says_lost_counts(make_account: Make, weights: Weights) -> None:
    lost = churn_weights(weights).lost
    deal = {"name": "R", "stage": "lost", "type": "Renewal", "status": "lost"}
    account = make_account(
        {"notice_given": dt.date(2026, 6, 1)},
        deals={
            "renewal": deal | {"close": dt.date(2026, 5, 1)},
            "early": deal | {"type": "New business", "close": dt.date(2026, 1, 1)},
            "won": deal | {"status": "won", "close": dt.date(2026, 2, 1)},
        },
    )
    assert lost_on(account, lost, TODAY) == dt.date(2026, 5, 1).toordinal()
    ahead = make_account({"notice_given": TODAY + dt.timedelta(days=1)})
    assert lost_on(ahead, lost, TODAY) is None
    given_up = make_account(
        {"stage": "churn_risk", "step": "win_back_campaign", "stage_since": dt.date(2026, 7, 1)}
    )
    assert lost_on(given_up, lost, TODAY) == dt.date(2026, 7, 1).toordinal()


def test_who_never_became_a_customer_has_no_first_day(make_account: Make) -> None:
    assert customer_since(make_account({"stage": "prospect"})) is None
    assert customer_since(make_account({"started": TODAY})) == TODAY.toordinal()
    entered = make_account({"stage": "customer", "stage_since": dt.date(2026, 3, 1)})
    assert customer_since(entered) == dt.date(2026, 3, 1).toordinal()


def test_nothing_later_than_the_day_is_looked_at(
    make_account: Make,
    ago: Callable[[int], dt.datetime],
    measured_on: Callable[..., list[Measure]],
    weights: Weights,
) -> None:
    day, how = TODAY - dt.timedelta(days=100), weights.health.measuring
    profile = {"started": dt.date(2025, 1, 1)}
    talk = {"type": "call", "with": ["ann"]}
    early: dict[str, list[dict[str, Any]]] = {
        "talks": [talk | {"at": ago(120)}],
        "events": [
            {"type": "ticket", "at": ago(130)},
            {"type": "survey", "at": ago(140), "score": 8},
        ],
    }
    late: dict[str, list[dict[str, Any]]] = {
        "talks": [*early["talks"], talk | {"at": ago(10), "with": ["bob"]}],
        "events": [
            *early["events"],
            {"type": "ticket", "at": ago(99)},
            {"type": "survey", "at": ago(5), "score": 0},
        ],
    }
    rows = measured_on({200: 50, 160: 50, 110: 40}) + measured_on({150: 70}, "health.score")
    more = measured_on({90: 1}) + measured_on({99: 5}, "health.score")
    then = features(gather(make_account(profile, **early), day), by_measure(rows), day, how)
    contacts = {"ann": {"name": "Ann", "left": TODAY - dt.timedelta(days=50)}}
    gone = profile | {"notice_given": TODAY - dt.timedelta(days=60)}
    now = features(
        gather(make_account(gone, contacts, **late), day), by_measure(rows + more), day, how
    )
    assert now == then
    assert then["health"].value == 70
    assert then["tickets"].value == 1
    assert then["days_since_contact"].value == 20
    assert all(f.day is None or f.day <= day.toordinal() for f in then.values())


def test_a_loss_counts_for_the_days_before_it_within_the_horizon(weights: Weights) -> None:
    now = TODAY.toordinal()
    series = {"health.score": [(now - 200, 50.0)]}
    customer = Customer("acme", now - 300, now - 100, Evidence("acme", "Acme"), series)
    days = observation_days([customer], TODAY, 90, 10)
    assert (days[0], days[-1]) == (now - 200, now - 90)
    seen = {o.day: o.lost for o in observations([customer], days, 90, weights.health.measuring)}
    assert seen[now - 200] is False  # 100 days before the loss: the horizon is over
    assert seen[now - 190] is True
    assert max(seen) == now - 110  # from its loss on it is no customer
