"""What nobody knows is never taken for nothing, in any rule: no gate shuts on it and no sign of a loss shows."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from crmctl.insight.churn import assess
from crmctl.insight.evidence import Evidence
from crmctl.insight.facts import measured
from crmctl.insight.health import GATES, score
from crmctl.insight.health_weights import INPUTS
from crmctl.insight.inputs.fact import Fact, Facts, unknown
from crmctl.insight.weights import Weights

DAY = dt.date(2026, 11, 16)
BLANK = Evidence("acme", "Acme")
NAMES = sorted(INPUTS | GATES)
KNOWN = st.one_of(st.none(), st.floats(-2, 400))


def facts(values: dict[str, float | None]) -> Facts:
    return {
        name: unknown("blank") if value is None else Fact(value, DAY)
        for name, value in values.items()
    }


def test_of_an_account_without_a_word_nothing_is_claimed(weights: Weights) -> None:
    found = measured(BLANK, {}, DAY, weights)
    assert {name for name, fact in found.items() if fact.value is not None} == set()
    health = score(found, weights)
    assert (health.score, health.gates, health.coverage) == (None, (), 0)
    assert weights.churn is not None
    risk = assess(BLANK, found, DAY, weights.churn)
    assert risk.probability is None
    assert [sign.name for sign in risk.signs if sign.state == "seen"] == []


@settings(max_examples=300)
@given(
    values=st.fixed_dictionaries(dict.fromkeys(NAMES, KNOWN)), gone=st.sets(st.sampled_from(NAMES))
)
def test_what_becomes_unknown_shuts_no_gate_and_shows_no_sign(
    weights: Weights, values: dict[str, float | None], gone: set[str]
) -> None:
    before, after = facts(values), facts({**values, **dict.fromkeys(gone)})
    shut = {gate.name for gate in score(before, weights).gates}
    assert {gate.name for gate in score(after, weights).gates} == shut - gone
    assert weights.churn is not None
    shows = [
        {
            sign.name
            for sign in assess(BLANK, found, DAY, weights.churn).signs
            if sign.state == "seen"
        }
        for found in (before, after)
    ]
    assert shows[1] <= shows[0]
