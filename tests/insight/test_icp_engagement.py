"""Engagement: from conversations alone, and silence that was never measured is no zero."""

from __future__ import annotations

import datetime as dt
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.evidence import Evidence, Person, Talk
from crmctl.insight.icp_engagement import engaged, measure
from crmctl.insight.icp_weights import EngagementWeights
from crmctl.insight.weights import Weights

TODAY = dt.date(2026, 11, 22)
NOW = TODAY.toordinal()


@pytest.fixture
def how(weights: Weights) -> EngagementWeights:
    assert weights.icp.engagement is not None
    return weights.icp.engagement


def talk(ago: int, type: str = "email", direction: str = "in", *people: str) -> Talk:
    return Talk(NOW - ago, type, direction, list(people), None, f"file:{ago}")


def evidence(*talks: Talk, people: list[Person] | None = None) -> Evidence:
    return Evidence("acme", "Acme", talks=sorted(talks, key=lambda t: t.day), people=people or [])


def test_nothing_on_record_is_unknown(how: EngagementWeights) -> None:
    found = engaged(evidence(), TODAY, how)
    assert (found.score, found.level, found.coverage) == (None, None, 0)
    assert found.reason == "no conversation is recorded"
    assert (found.low, found.high) == (0, 100)


def test_what_is_measured(how: EngagementWeights) -> None:
    found = measure(
        evidence(
            talk(80, "email", "out", "ann", "bob", "cy"),
            talk(79, "email", "in", "ann"),
            talk(50, "meeting", "", "ann", "bob"),
            talk(12, "email", "in", "dee"),
            talk(10, "chat", "out", "dee"),
            talk(200, "call", "", "eve"),
            talk(-3, "call", "", "fay"),
        ),
        NOW,
        how,
    )
    values = {name: fact.value for name, fact in found.items()}
    assert values == {
        "recency": 12,
        "frequency": 1,  # three in 90 days
        "people": 3,
        "meetings": 1,
        "two_way": 1,  # two from them, two from us
        "replies": pytest.approx(2 / 4),  # ann and bob; cy is silent, dee has not answered yet
    }
    assert found["recency"].source == "file:12"
    assert found["replies"].note == "2 of 4 people we wrote to in 90 days"


def test_who_never_answers_is_known_to_be_silent(how: EngagementWeights) -> None:
    found = engaged(evidence(*(talk(n, "email", "out", "ann") for n in (5, 9, 12, 20))), TODAY, how)
    values = {i.name: i.value for i in found.inputs}
    assert values["recency"] is None
    assert {n: v for n, v in values.items() if n != "recency"} == {
        "frequency": 0,
        "people": 0,
        "meetings": 0,
        "two_way": 0,
        "replies": 0,
    }
    assert (found.score, found.level) == (0, "3")


def test_who_has_left_counts_no_more(how: EngagementWeights) -> None:
    gone = [Person(id="ann", roles=[], left=NOW - 1, mood=None, source="ann.md")]
    found = measure(
        evidence(talk(5, "call", "", "ann"), talk(6, "call", "", "bob"), people=gone), NOW, how
    )
    assert (found["people"].value, found["people"].note) == (1, "bob in 90 days")


def test_conversations_that_name_nobody_say_nothing_of_people(how: EngagementWeights) -> None:
    found = measure(evidence(talk(5, "call", "")), NOW, how)
    assert found["people"].value is None
    assert found["frequency"].value is not None


@given(
    st.lists(
        st.builds(
            talk,
            st.integers(-5, 400),
            st.sampled_from(["email", "chat", "call", "meeting", "note"]),
            st.sampled_from(["in", "out", ""]),
            st.sampled_from(["ann", "bob", "cy"]),
        ),
        max_size=12,
    )
)
def test_points_add_up_within_the_range(weights: Weights, talks: list[Talk]) -> None:
    assert weights.icp.engagement is not None
    found = engaged(evidence(*talks), TODAY, weights.icp.engagement)
    if found.score is None:
        assert found.level is None
        assert found.reason
    else:
        assert fsum(i.points or 0 for i in found.inputs) == pytest.approx(found.score, abs=1e-9)
        assert found.low - 1e-9 <= found.score <= found.high + 1e-9
