"""What texts say, kept and told again: the same on every day, and only as long as it can be read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmctl.insight.claims import claims, outdated, standing
from crmctl.insight.evidence import Evidence, Moved, Vendor, gather
from crmctl.insight.facts import facts
from crmctl.insight.health import score
from crmctl.insight.inputs.fact import Fact
from crmctl.insight.said import KEPT_MOODS, Feeling, Mention, Said, kept
from crmctl.insight.signals import signals
from crmctl.insight.text_rules import TextRules, load_rules
from crmctl.insight.text_signals import NOTHING, told
from crmctl.insight.texts import condense
from crmctl.insight.weights import Weights
from crmctl.model.record import Account

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = load_rules(REPOSITORY)
TODAY = dt.date(2026, 11, 22)
NOW = TODAY.toordinal()
MakeAccount = Callable[..., Account]

_DAYS = st.integers(NOW - 500, NOW + 60)
_MENTIONS = st.builds(
    lambda rule, vendor, day, line: Mention(
        rule.name, rule.kind, vendor, day, f"a/2026.jsonl:{line}", f"quote {line}"
    ),
    st.sampled_from(RULES.rules),
    st.sampled_from(["", "Tallyflow", "TALLYFLOW"]),
    st.none() | _DAYS,
    st.integers(1, 9),
)
_MOODS = st.builds(
    lambda value, day, line: Feeling(value, day, "", f"a/2026.jsonl:{line}", f"mood {line}"),
    st.floats(-1, 1),
    _DAYS,
    st.integers(1, 200),
)
_SAID = st.builds(Said, st.lists(_MENTIONS, max_size=12), st.lists(_MOODS, max_size=12))


@pytest.fixture
def rules() -> TextRules:
    return RULES


@given(_SAID)
def test_what_was_said_survives_json(said: Said) -> None:
    assert Said.from_json(json.loads(json.dumps(said.as_json()))) == said


@given(st.lists(_MOODS, max_size=KEPT_MOODS + 40), st.integers(0, 90))
def test_moods_kept_on_one_day_are_those_of_a_later_day(moods: list[Feeling], later: int) -> None:
    at = TODAY + dt.timedelta(days=later)
    remembered = Said(moods=kept(moods, NOW))
    fresh = Said(moods=kept(moods, NOW + later))
    assert told(remembered, RULES, at) == told(fresh, RULES, at)


@given(_SAID, st.integers(0, 90))
def test_claims_never_appear_because_time_passed(said: Said, later: int) -> None:
    evidence = Evidence("acme", "Acme")
    past = Said(
        [m for m in said.mentions if m.day is None or m.day <= NOW],
        [m for m in said.moods if m.day <= NOW],
    )
    past.moods = kept(past.moods, NOW)
    before = claims(evidence, past, told(past, RULES, TODAY), (), TODAY)
    stated = [claim.mark for claim in before]
    assert not outdated(stated, before, standing(evidence, past, before, TODAY))
    then = TODAY + dt.timedelta(days=later)
    after = claims(evidence, past, told(past, RULES, then), (), then)
    assert not outdated(stated, after, standing(evidence, past, after, then))


@given(_SAID, st.data())
def test_a_page_is_outdated_once_a_quoted_line_is_gone(said: Said, data: st.DataObject) -> None:
    evidence = Evidence("acme", "Acme")
    said.moods = kept(said.moods, NOW)
    before = claims(evidence, said, told(said, RULES, TODAY), (), TODAY)
    if not before:
        return
    gone = data.draw(st.sampled_from(before)).signal
    rest = Said(
        [m for m in said.mentions if (m.source, m.quote) != (gone.source, gone.quote)],
        [m for m in said.moods if (m.source, m.quote) != (gone.source, gone.quote)],
    )
    after = claims(evidence, rest, told(rest, RULES, TODAY), (), TODAY)
    stated = [claim.mark for claim in before]
    assert outdated(stated, after, standing(evidence, rest, after, TODAY))
    assert all(c.signal.quote != gone.quote for c in after)


def test_a_template_that_states_no_claims_is_not_outdated_by_them() -> None:
    assert not outdated(None, [], set())
    assert outdated(["risk 0"], [], set())
    assert not outdated([], [], {"risk 0"})


def test_a_fading_claim_still_stands_until_its_words_are_gone(
    make_account: MakeAccount, ago: Callable[[int], dt.datetime], rules: TextRules
) -> None:
    said = {"type": "chat", "direction": "in", "at": ago(0), "text": "We need ten more seats."}
    read = condense(make_account(events=[said]), rules, TODAY)
    evidence = Evidence("acme", "Acme")
    (claim,) = claims(evidence, read, told(read, rules, TODAY), (), TODAY)
    later = TODAY + dt.timedelta(days=3000)
    faded = told(read, rules, later)
    assert faded.signals == ()
    assert claim.mark in standing(evidence, read, (), later)
    assert claim.mark not in standing(evidence, Said(), (), later)


def test_records_that_name_a_competitor_or_a_move_are_claims(
    weights: Weights, make_account: MakeAccount
) -> None:
    found = facts(make_account(), [], TODAY, weights)
    evidence = Evidence("acme", "Acme")
    evidence.vendors = [Vendor("Tallyflow", "", "p#competitors"), Vendor("TALLYFLOW", "d", "d#c")]
    evidence.moved = [Moved("bob", "Acme", "Quarry", "c#company")]
    known = signals(evidence, found, score(found, weights), TODAY, weights)
    moved, vendor = sorted(
        claims(evidence, Said(), NOTHING, known, TODAY), key=lambda c: c.signal.name
    )
    assert (moved.signal.quote, vendor.signal.quote) == ("Quarry", "Tallyflow")
    assert len(vendor.marks) == 2
    evidence.vendors = evidence.vendors[:1]
    assert vendor.mark in standing(evidence, Said(), (), TODAY)
    evidence.vendors = []
    assert vendor.mark not in standing(evidence, Said(), (), TODAY)


_FROM = {
    "usage_growth": {"usage_falls", "usage_grows"},
    "active_share": {"seats_used"},
    "days_since_contact": {"silent", "few_threads"},
    "active_contacts": {"few_threads"},
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({name: st.none() | st.floats(-1, 200) for name in _FROM}))
def test_what_is_not_known_is_no_signal(
    weights: Weights, make_account: MakeAccount, values: dict[str, float | None]
) -> None:
    account = make_account()
    evidence = gather(account, TODAY)
    found: dict[str, Any] = facts(account, [], TODAY, weights)
    found |= {name: Fact(value) for name, value in values.items()}
    names = {s.name for s in signals(evidence, found, score(found, weights), TODAY, weights)}
    for name, value in values.items():
        assert value is not None or not names & _FROM[name]
