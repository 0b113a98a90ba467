"""Which scorecard applies to whom, what it changes, and what is said of cards that cannot be meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crmctl.insight.evidence import Evidence
from crmctl.insight.health import Health, score
from crmctl.insight.health_weights import INPUTS, HealthWeights
from crmctl.insight.inputs.fact import Fact, Facts
from crmctl.insight.judging import carded
from crmctl.insight.picture import picture
from crmctl.insight.scorecards import Scorecard, When, chosen, merged, months
from crmctl.insight.weights import Weights, lint
from crmctl.model.record import Account
from crmctl.workspace.measures import Measure

TODAY = dt.date(2026, 11, 22)
ALL_KNOWN: Facts = {name: Fact(0.5, TODAY) for name in INPUTS}
JSON = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)
MAPS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def with_cards(weights: Weights, **cards: dict[str, Any]) -> Weights:
    data = weights.model_dump()
    data["health"]["scorecards"] = cards
    return Weights.model_validate(data)


def account(started: dt.date | None = None, **traits: str) -> Evidence:
    dates = {"started": started.toordinal()} if started else {}
    return Evidence("acme", "Acme", dates=dates, traits=traits)


def judged(weights: Weights, evidence: Evidence, day: dt.date = TODAY) -> Health:
    return score(ALL_KNOWN, carded(weights, evidence, day))


def test_the_first_card_whose_conditions_all_hold_applies(weights: Weights) -> None:
    cards = {
        "big": Scorecard.model_validate(
            {"when": {"segment": "Enterprise", "plan": ["Gold", "Plus"]}, "coverage_floor": 0.6}
        ),
        "new": Scorecard.model_validate({"when": {"stage": "customer"}, "no_score": "new"}),
    }
    assert chosen(cards, account(segment="enterprise", plan="plus"), TODAY) == "big"
    assert chosen(cards, account(segment="enterprise", stage="customer"), TODAY) == "new"
    assert chosen(cards, account(segment="smb", stage="prospect"), TODAY) == ""
    assert judged(weights, account(stage="customer", step="success")).card == ""


def test_a_prospect_has_no_score_and_the_reason_is_said(weights: Weights) -> None:
    for stage in ("prospect", "opportunity"):
        found = score(
            ALL_KNOWN | {"champion_left": Fact(3)},
            carded(weights, account(stage=stage), TODAY),
        )
        assert (found.score, found.status, found.mean) == (None, None, None)
        assert (found.reason, found.card) == ("not a customer yet", "not_a_customer")
        assert (found.gates, found.recommendations) == ((), ())
        assert found.coverage == pytest.approx(1)


def test_for_a_new_customer_adoption_counts_less_and_time_to_value_more(weights: Weights) -> None:
    base = judged(weights, account(stage="customer", step="adoption"))
    new = judged(weights, account(stage="customer", step="onboarding"))
    assert new.card == "onboarding"
    shares = [{f.name: f.weight for f in health.factors} for health in (base, new)]
    assert shares[1]["usage"] < shares[0]["usage"]
    inputs = [{i.name: i.weight for i in health.inputs()} for health in (base, new)]
    assert inputs[1]["days_to_value"] > 2 * inputs[0]["days_to_value"]


def test_a_card_changes_what_it_states_and_nothing_else(weights: Weights) -> None:
    used = with_cards(
        weights,
        odd={
            "when": {"plan": "odd"},
            "factors": {"usage": {"inputs": {"breadth": None, "active_share": {"weight": 60}}}},
            "status": {"boundary": "exclusive"},
            "gates": {"notice_given": {"cap": 20}},
            "coverage_floor": 0.5,
        },
    )
    health = carded(used, account(plan="odd"), TODAY).health
    plain = used.health.model_dump()
    plain["factors"]["usage"]["inputs"]["active_share"]["weight"] = 60
    del plain["factors"]["usage"]["inputs"]["breadth"]
    plain["status"]["boundary"] = "exclusive"
    plain["gates"]["notice_given"]["cap"] = 20
    plain["coverage_floor"] = 0.5
    assert health.model_dump() == HealthWeights.model_validate(plain).model_dump()
    assert carded(used, account(), TODAY) is used


@pytest.mark.parametrize(
    ("started", "day", "completed"),
    [
        ((2026, 1, 15), (2026, 3, 14), 1),
        ((2026, 1, 15), (2026, 3, 15), 2),
        ((2026, 1, 31), (2026, 2, 28), 0),
        ((2026, 1, 31), (2026, 3, 1), 1),
        ((2025, 12, 1), (2026, 12, 1), 12),
        ((2026, 5, 1), (2026, 5, 1), 0),
        ((2026, 5, 2), (2026, 5, 1), None),
    ],
)
def test_months_are_counted_when_completed(
    started: tuple[int, int, int], day: tuple[int, int, int], completed: int | None
) -> None:
    assert months(dt.date(*started).toordinal(), dt.date(*day)) == completed


def test_tenure_counts_from_its_first_month_up_to_its_last(weights: Weights) -> None:
    when = When.model_validate({"tenure_months": [2, 6]})
    assert [when.holds({}, n) for n in (1, 2, 5, 6, None)] == [False, True, True, False, False]
    open_ended = When.model_validate({"tenure_months": [9, None]})
    assert [open_ended.holds({}, n) for n in (8, 9, 900)] == [False, True, True]


@pytest.mark.parametrize(
    ("tenure", "colour"), [(1, None), (2, "green"), (4, "green"), (6, "yellow"), (7, "yellow"), (9, "red"), (10, "red")]
)  # fmt: skip
def test_bands_that_change_with_tenure(weights: Weights, tenure: int, colour: str | None) -> None:
    """GitLab's licence use of 60 %: green at month 4, yellow at 7, red at 10; new accounts are not scored."""
    share = {"weight": 100, "better": "higher", "curve": [[0, 0], [1, 100]]}
    data = weights.model_dump()
    data["churn"] = None
    data["health"] |= {
        "factors": {"licences": {"weight": 100, "inputs": {"active_share": share}}},
        "status": {"boundary": "inclusive", "bands": {"green": 80, "yellow": 65, "red": 0}},
        "scorecards": {
            "new": {"when": {"tenure_months": [0, 2]}, "no_score": "too new to be judged"},
            "young": {
                "when": {"tenure_months": [2, 6]},
                "status": {"bands": {"green": 51, "yellow": 25}},
            },
            "settled": {
                "when": {"tenure_months": [6, 9]},
                "status": {"bands": {"green": 76, "yellow": 51}},
            },
        },
    }
    used = Weights.model_validate(data)
    year, month = divmod(2026 * 12 + 10 - tenure, 12)
    started = dt.date(year, month + 1, 22)
    found = score({"active_share": Fact(0.6)}, carded(used, account(started), TODAY))
    assert found.status == colour
    assert found.score == (None if colour is None else pytest.approx(60))


@pytest.mark.parametrize(
    ("card", "wrong"),
    [
        ({"when": {}, "coverage_floor": 0.5}, "states no condition"),
        ({"when": {"stage": "customr"}, "coverage_floor": 0.5}, "found customr; allowed: prospect"),
        ({"when": {"step": "done"}, "coverage_floor": 0.5}, "found done; allowed: research"),
        ({"when": {"tenure_months": [6, 6]}, "coverage_floor": 0.5}, "tenure_months must rise"),
        ({"when": {"plan": "x"}}, "changes nothing"),
        ({"when": {"plan": "x"}, "no_score": "x", "coverage_floor": 0.5}, "gives no score"),
        ({"when": {"plan": "x"}, "measuring": {"trend_days": 7}}, "Extra inputs"),
        ({"when": {"plan": "x"}, "coverage_floor": 40}, "scorecards.odd.coverage_floor"),
        (
            {"when": {"plan": "x"}, "factors": {"usage": {"inputs": {"breadth": {"better": "lower"}}}}},
            "scorecards.odd.factors.usage.inputs.breadth: lower is better, yet the curve rises",
        ),
        ({"when": {"plan": "x"}, "factors": {"mood": {"weight": 3}}}, "factors.mood.inputs"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_is_refused(
    weights: Weights, card: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValidationError, match=wrong.replace(".", r"\.")):
        with_cards(weights, odd=card)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ({"plan": ["a", "b"]}, {"plan": "B"}, "first comes first and means the same accounts"),
        ({"plan": "a"}, {"plan": "a", "segment": "smb"}, "first comes first"),
        ({"tenure_months": [0, 6]}, {"tenure_months": [2, 6], "plan": "a"}, "first comes first"),
        ({"plan": "a"}, {"stage": "prospect", "step": "adoption"}, "none of its steps"),
        ({"plan": "a", "segment": "smb"}, {"plan": "a"}, ""),
        ({"tenure_months": [2, 6]}, {"tenure_months": [2, None]}, ""),
    ],
)
def test_a_card_that_never_applies_is_pointed_at(
    weights: Weights, first: dict[str, Any], second: dict[str, Any], says: str
) -> None:
    floor = {"coverage_floor": 0.5}
    used = with_cards(weights, first={"when": first} | floor, second={"when": second} | floor)
    found = [(p.field, p.message) for p in lint(used)]
    assert [field for field, _ in found] == (["health.scorecards.second"] if says else [])
    assert all(says in text for _, text in found)


def test_what_a_card_makes_worse_is_said_of_the_card(weights: Weights) -> None:
    used = with_cards(
        weights, odd={"when": {"plan": "odd"}, "factors": {"usage": {"weight": 70}}}
    )  # 70 + 20 + 25 + 25
    assert [(p.field, p.message) for p in lint(used)] == [
        ("health.scorecards.odd.factors", "the weights add up to 140, not 100")
    ]


@given(MAPS, MAPS)
def test_merging_is_that_of_rfc_7396(base: dict[str, Any], patch: dict[str, Any]) -> None:
    before = repr(base)
    found = merged(base, patch)
    assert repr(base) == before
    assert merged(found, patch) == found
    assert merged(base, {}) == base
    for key in base.keys() - patch.keys():
        assert found[key] == base[key]
    for key, value in patch.items():
        if not isinstance(value, dict):
            assert found[key] == value
    assert merged(base, dict.fromkeys(base)) == {}


def test_the_risk_of_a_loss_is_the_same_by_every_scorecard(
    weights: Weights,
    make_account: Callable[..., Account],
    measured_on: Callable[..., list[Measure]],
) -> None:
    strict = {"usage": {"inputs": {"active_share": {"max_age_days": 5}}}}
    carded_weights = with_cards(weights, odd={"when": {"plan": "odd"}, "factors": strict})
    who = make_account({"plan": "odd", "seats": 100, "started": dt.date(2024, 1, 1)})
    rows = measured_on({20: 4})

    plain, by_card = (
        picture(who, rows, TODAY, used)["churn"] for used in (weights, carded_weights)
    )

    assert any(s["name"] == "little_used" and s["state"] == "seen" for s in plain["signs"])
    assert by_card == plain
