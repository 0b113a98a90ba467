"""Strength, power and support of each contact, and what the map makes of them; every number has its source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.evidence import gather
from crmctl.insight.relationship_weights import RelationshipWeights, lint_relationships
from crmctl.insight.relationships_map import (
    StakeholderMap,
    relationship_weights,
)
from crmctl.insight.relationships_parts import Part, pair_strength, weighed
from crmctl.insight.relationships_people import UNKNOWN, Standing
from crmctl.insight.relationships_talks import Conversation
from crmctl.insight.sentiment import Mood, Sentiment
from crmctl.insight.weights import Weights, load_weights
from crmctl.model.errors import ConfigError
from crmctl.model.record import Account
from crmctl.workspace.config import Member

Make = Callable[..., Account]
Ago = Callable[[int], dt.datetime]
Map = Callable[..., StakeholderMap]
TEAM = [
    Member(id="ruth", name="Ruth Abara", email="ruth@ours.example"),
    Member(id="mira", name="Mira Lind", email="mira@ours.example", manager="ruth"),
    Member(id="aiko", name="Aiko Brandt", manager="ruth", ids={"salesforce": "005A"}),
]
SILENT = Sentiment(None, {}, 0, ())


@pytest.fixture
def how(weights: Weights) -> RelationshipWeights:
    return relationship_weights(weights)


@pytest.fixture
def mapped(make_account: Make, how: RelationshipWeights, weights: Weights, today: dt.date) -> Map:
    """The map of an account of plain values, as of today."""

    def make(sentiment: Sentiment = SILENT, **parts: Any) -> StakeholderMap:
        account = make_account(**parts)
        evidence = gather(account, today)
        return StakeholderMap(
            account, evidence, sentiment, today, how, weights.health.measuring, TEAM
        )

    return make


def of(found: StakeholderMap, id: str) -> Standing:
    return next(person for person in found.people if person.id == id)


def parts(person: Standing) -> dict[str, Part]:
    return {part.name: part for part in person.strength.parts}


def mail(at: dt.datetime, direction: str, *people: str, by: str = "mira") -> dict[str, Any]:
    return {"type": "email", "at": at, "direction": direction, "with": list(people), "by": by}


# --- strength


def test_the_weights_are_those_of_the_published_scheme(how: RelationshipWeights) -> None:
    given = how.strength
    weights = [
        given.recency.weight,
        given.frequency.weight,
        given.two_way.weight,
        given.depth.weight,
        given.seniority.weight,
    ]
    assert weights == [30, 25, 15, 15, 15]
    assert how.thread_above == 30
    assert how.silence.champion_days == 30


def test_a_strength_by_hand(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann", "seniority": "vp"}},
        talks=[{"type": "meeting", "at": ago(45), "with": ["ann"], "by": "mira"}],
        events=[mail(ago(30), "in", "ann"), mail(ago(29), "out", "ann")],
    )
    ann = parts(of(found, "ann"))
    assert ann["recency"].points == 70  # 30 days
    worth = 0.5 ** (30 / 45) + 0.5 ** (45 / 45)
    assert ann["frequency"].points == pytest.approx(40 + 20 * (worth - 1))
    assert ann["two_way"].points == 100  # the mail each way, and the meeting for both
    assert ann["depth"].points == pytest.approx(100 * 0.5 ** (45 / 90))
    assert ann["seniority"].points == 85
    total = sum(p.weight * (p.points or 0) for p in ann.values()) / 100
    assert of(found, "ann").strength.value == pytest.approx(total)
    assert ann["recency"].source == "accounts/acme/interactions/2026.jsonl:1"
    assert ann["depth"].source == "accounts/acme/interactions/talk-0.md#with"
    assert ann["depth"].note == "meeting 45 days ago"


def test_who_never_talked_with_us_has_nothing_however_senior(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann"}, "boss": {"name": "Boss", "seniority": "c_level"}},
        events=[mail(ago(5), "in", "ann"), mail(ago(4), "out", "boss")],
    )
    boss = of(found, "boss")
    assert (boss.strength.value, boss.strength.known, boss.thread) == (0, 1, False)
    assert parts(boss)["recency"].note == "1 from us, none from them"
    assert parts(boss)["recency"].source.endswith("2026.jsonl:2")
    assert boss.last_heard is None


def test_without_any_conversation_strength_is_unknown_and_not_zero(mapped: Map, ago: Ago) -> None:
    people = {"ann": {"name": "Ann", "roles": ["champion"], "seniority": "vp"}}
    for events in ([], [{"type": "email", "at": ago(3), "direction": "in", "with": ["stranger"]}]):
        found = mapped(contacts=people, events=events)
        assert of(found, "ann").strength.value is None
        assert found.threads is None
        assert found.champions[0].state == "unknown"
        assert found.coverage[2].state == UNKNOWN
        assert found.executives[0].state == UNKNOWN
        assert found.alerts == ()


def test_what_is_not_known_of_a_person_goes_to_the_other_parts(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann"}},
        talks=[{"type": "call", "at": ago(7), "with": ["ann"]}],
    )
    ann = of(found, "ann")
    unknown = [name for name, part in parts(ann).items() if part.points is None]
    assert unknown == ["two_way", "seniority"]
    assert ann.strength.known == pytest.approx(0.7)
    assert ann.strength.value is not None
    assert ann.strength.value > 70


@given(
    st.lists(st.tuples(st.floats(0, 100), st.none() | st.floats(-100, 100)), min_size=1, max_size=8)
)
def test_what_the_parts_add_is_the_value(given: list[tuple[float, float | None]]) -> None:
    found = weighed(
        Part(str(n), points, weight, 0.0, "", "", None) for n, (weight, points) in enumerate(given)
    )
    known = [(w, p) for w, p in given if p is not None]
    assert (found.value is None) == (not sum(w for w, _ in known))
    if found.value is not None:
        assert sum(part.adds for part in found.parts) == pytest.approx(found.value, abs=1e-9)
        low, high = min(p for _, p in known), max(p for _, p in known)
        assert low - 1e-9 <= found.value <= high + 1e-9
        assert 0 < found.known <= 1 + 1e-9
    assert [part.points for part in found.parts] == [points for _, points in given]


TALKS = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.sampled_from(["email", "chat", "call", "meeting", "note"]),
        st.sampled_from(["in", "out", ""]),
    ),
    min_size=1,
    max_size=30,
)


@given(TALKS)
def test_strength_stays_within_its_scale(
    weights: Weights, given: list[tuple[int, str, str]]
) -> None:
    now = 738_000
    talks = [Conversation(now - age, type, way, ("ann",), (), "x:1") for age, type, way in given]
    talks.sort(key=lambda talk: talk.day)
    value = pair_strength(talks, now, relationship_weights(weights))
    assert value is not None
    assert 0 <= value <= 100
    assert (value > 0) <= any(talk.heard for talk in talks)


def test_a_day_full_of_chat_is_one_day(mapped: Map, ago: Ago) -> None:
    chat = {"type": "chat", "at": ago(3), "direction": "in", "with": ["ann"]}
    once = mapped(contacts={"ann": {"name": "Ann"}}, events=[chat])
    often = mapped(contacts={"ann": {"name": "Ann"}}, events=[chat] * 40)
    one, many = (parts(of(found, "ann"))["frequency"].points for found in (once, often))
    assert one == many


def test_deleted_and_later_conversations_count_for_nothing(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann"}, "bob": {"name": "Bob"}},
        events=[
            mail(ago(3), "in", "ann") | {"deleted": True},
            mail(ago(-3), "in", "ann"),
            mail(ago(2), "in", "bob"),
        ],
    )
    assert of(found, "ann").strength.value == 0
    assert of(found, "bob").last_heard == ago(2).date()


def test_a_thread_is_above_the_limit(
    make_account: Make, weights: Weights, ago: Ago, today: dt.date
) -> None:
    account = make_account(contacts={"ann": {"name": "Ann"}}, events=[mail(ago(60), "in", "ann")])
    how = relationship_weights(weights)

    def threads(limit: float) -> tuple[str, ...] | None:
        changed = how.model_copy(update={"thread_above": limit})
        evidence = gather(account, today)
        return StakeholderMap(
            account, evidence, SILENT, today, changed, weights.health.measuring
        ).threads

    made = StakeholderMap(
        account, gather(account, today), SILENT, today, how, weights.health.measuring
    )
    value = of(made, "ann").strength.value
    assert value is not None
    assert threads(value) == ()
    assert threads(value - 1e-6) == ("ann",)


# --- power and support


def test_power_is_unknown_apart_from_zero(mapped: Map) -> None:
    found = mapped(
        contacts={
            "cy": {"name": "Cy"},
            "dee": {"name": "Dee", "influence": 0},
            "eli": {"name": "Eli", "influence": 3, "seniority": "c_level", "roles": ["decision_maker"]},
        }
    )  # fmt: skip
    assert [(p.id, p.power.value, p.level) for p in found.people] == [
        ("eli", 100, "high"),
        ("dee", 0, "low"),
        ("cy", None, UNKNOWN),
    ]
    assert of(found, "eli").power.parts[0].source == "accounts/acme/contacts/eli.md#influence"


def test_a_title_says_the_level_where_no_field_does(mapped: Map) -> None:
    found = mapped(
        contacts={
            "ann": {"name": "Ann", "title": "Chief Operating Officer"},
            "bob": {"name": "Bob", "title": "Assistant to the CEO"},
            "cy": {"name": "Cy", "title": "Director of Rail", "seniority": "manager"},
        }
    )
    assert {p.id: p.seniority for p in found.people} == {
        "ann": "c_level",
        "bob": "",
        "cy": "manager",
    }
    level = of(found, "ann").power.parts[1]
    assert (level.note, level.source) == (
        "c level, by the title",
        "accounts/acme/contacts/ann.md#title",
    )


def test_support_from_attitude_words_survey_and_role(mapped: Map, ago: Ago, today: dt.date) -> None:
    mood = Mood(-0.5, today, "ann", "accounts/acme/interactions/2026.jsonl:9", "This is bad.")
    found = mapped(
        sentiment=Sentiment(None, {"ann": -0.5}, 1, (mood,)),
        contacts={
            "ann": {"name": "Ann", "sentiment": "neutral", "roles": ["champion", "user"]},
            "bob": {"name": "Bob", "roles": ["user"]},
        },
        events=[{"type": "survey", "at": ago(20), "with": ["ann"], "score": 8}],
    )
    ann, bob = of(found, "ann"), of(found, "bob")
    points = {part.name: part.points for part in ann.support.parts}
    assert points == {"noted": 0, "words": -50, "survey": 40, "role": 100}
    assert ann.support.value == pytest.approx((0 * 40 - 50 * 30 + 40 * 15 + 100 * 15) / 100)
    assert ann.stance == "open"
    words = ann.support.parts[1]
    assert words.note == '1 message, such as "This is bad."'
    assert words.source == mood.source
    assert (bob.support.value, bob.stance) == (None, UNKNOWN)


@pytest.mark.parametrize(("days", "points"), [(365, -40), (366, None)])
def test_old_words_and_answers_say_nothing_of_today(
    mapped: Map, ago: Ago, days: int, points: float | None
) -> None:
    mood = Mood(-0.4, ago(days).date(), "ann", "x.jsonl:1", "Bad.")
    found = mapped(
        sentiment=Sentiment(None, {"ann": -0.4}, 1, (mood,)),
        contacts={"ann": {"name": "Ann"}},
        events=[{"type": "survey", "at": ago(days), "with": ["ann"], "score": 10}],
    )
    known = {part.name: part.points for part in of(found, "ann").support.parts}
    assert known["words"] == points
    assert (known["survey"] is None) == (points is None)


# --- silence and champions


@pytest.mark.parametrize(
    ("days", "roles", "limit", "silent"),
    [
        ([59], [], 60, False),
        ([60], [], 60, True),
        ([29], ["champion"], 30, False),
        ([30], ["champion"], 30, True),
        # every 10 days: silent after three times that
        ([29, 39, 49, 59], [], 30, False),
        ([30, 40, 50, 60], [], 30, True),
        # every 2 days, yet nobody is silent before three weeks
        ([20, 22, 24, 26], [], 21, False),
        # every 40 days is a rhythm too
        ([100, 140, 180, 220], [], 120, False),
        ([100, 140, 180, 220], ["champion"], 30, True),
    ],
)
def test_silence_is_measured_against_their_own_rhythm(
    mapped: Map, ago: Ago, days: list[int], roles: list[str], limit: int, silent: bool
) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann", "roles": roles}},
        events=[mail(ago(day), "in", "ann") for day in days],
    )
    silence = of(found, "ann").silence
    assert silence is not None
    assert (silence.days, silence.limit, silence.silent) == (days[0], limit, silent)


def test_a_champion_who_left_has_a_successor_or_not(mapped: Map, ago: Ago) -> None:
    people = {
        "ann": {"name": "Ann", "roles": ["champion"], "left": ago(20).date()},
        "bob": {"name": "Bob"},
    }
    talk = mail(ago(3), "in", "bob")
    alone = mapped(contacts=people, events=[talk])
    assert (alone.champions[0].state, alone.champions[0].successors) == ("gone", ())
    lost = alone.alerts[0]
    assert lost.text == f"champion Ann: left on {ago(20).date()}; no other champion is active"
    assert (lost.source, lost.as_of) == ("accounts/acme/contacts/ann.md#left", ago(20).date())
    people["bob"] = {"name": "Bob", "roles": ["champion"]}
    after = mapped(contacts=people, events=[talk])
    assert after.champions[1].successors == ("bob",)
    assert after.alerts[0].text.endswith("; also champion: Bob")


def test_a_departure_to_come_is_none_yet(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann", "roles": ["champion"], "left": ago(-20).date()}},
        events=[mail(ago(3), "in", "ann")],
    )
    assert (found.people[0].gone, found.champions[0].state) == ("", "active")


def test_a_champion_who_changed_company_is_lost(
    make_account: Make, weights: Weights, how: RelationshipWeights, ago: Ago, today: dt.date
) -> None:
    account = make_account(
        contacts={"ann": {"name": "Ann", "roles": ["champion"]}},
        events=[mail(ago(3), "in", "ann")],
    )
    block = {"id": "1", "company_before": "Acme", "company": "Other Ltd"}
    account.contacts["ann"].systems["linkedin"] = block
    evidence = gather(account, today)
    found = StakeholderMap(account, evidence, SILENT, today, how, weights.health.measuring)
    assert found.people[0].gone == "works at Other Ltd now"
    assert found.champions[0].state == "gone"
    assert found.champions[0].source.endswith("ann.md#sources.linkedin.company")
    assert (found.coverage[2].state, found.threads) == ("nobody", ())


@pytest.mark.parametrize(
    ("fields", "day", "state"),
    [
        ({}, 3, "active"),
        ({}, 40, "silent"),
        ({}, None, "unheard"),
        ({"sentiment": "negative"}, 3, "against"),
    ],
)
def test_what_has_become_of_a_champion(
    mapped: Map, ago: Ago, fields: dict[str, Any], day: int | None, state: str
) -> None:
    events = [mail(ago(1), "in", "bob")]
    events += [mail(ago(day), "in", "ann")] if day else []
    found = mapped(
        contacts={"ann": {"name": "Ann", "roles": ["champion"]} | fields, "bob": {"name": "Bob"}},
        events=events,
    )
    assert found.champions[0].state == state
    assert bool([a for a in found.alerts if a.name == "champion"]) == (state != "active")


# --- threads, executives, coverage


def test_one_thread_is_a_risk(mapped: Map, ago: Ago) -> None:
    people = {"ann": {"name": "Ann"}, "bob": {"name": "Bob"}}
    one = mapped(contacts=people, events=[mail(ago(3), "in", "ann")])
    assert [a.text for a in one.alerts] == ["single thread: only Ann talks with us"]
    assert one.alerts[0].source.endswith("2026.jsonl:1")
    both = mapped(contacts=people, events=[mail(ago(3), "in", "ann", "bob")])
    assert both.alerts == ()


def test_executives_and_who_of_us_they_know(mapped: Map, ago: Ago) -> None:
    people = {
        id: {"name": id.title(), "seniority": level}
        for id, level in (("ann", "c_level"), ("bob", "vp"), ("cy", "vp"), ("dee", "manager"))
    }
    found = mapped(
        contacts=people,
        talks=[{"type": "call", "at": ago(5), "with": ["ann"], "by": "Ruth Abara"}],
        events=[mail(ago(5), "in", "bob"), mail(ago(5), "out", "cy"), mail(ago(5), "in", "dee")],
    )
    states = {one.id: (one.state, one.ours) for one in found.executives}
    assert states == {"ann": ("leader", ("ruth",)), "bob": ("met", ("mira",)), "cy": ("unmet", ())}
    assert not [a for a in found.alerts if a.name == "executives"]
    alone = mapped(contacts={"cy": people["cy"], "dee": people["dee"]}, events=[mail(ago(5), "in", "dee")])  # fmt: skip
    assert [a.text for a in alone.alerts if a.name == "executives"] == [
        "none of their executives was heard: Cy"
    ]


def test_a_role_is_covered_by_whom_we_talk_with(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={
            "ann": {"name": "Ann", "roles": ["user", "champion"]},
            "bob": {"name": "Bob", "roles": ["user", "decision_maker"]},
            "cy": {"name": "Cy", "roles": ["influencer"], "left": ago(2).date()},
        },
        events=[mail(ago(3), "in", "ann")],
    )
    states = {cover.role: (cover.state, cover.people) for cover in found.coverage}
    assert states == {
        "decision_maker": ("known", ("bob",)),
        "influencer": ("nobody", ()),
        "champion": ("thread", ("ann",)),
        "user": ("thread", ("ann", "bob")),
    }


# --- who knows whom, and routes


def test_who_of_us_knows_whom(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={"ann": {"name": "Ann", "owner": "mira"}, "bob": {"name": "Bob", "owner": "aiko"}},
        talks=[{"type": "meeting", "at": ago(4), "with": ["ann"], "by": "mira, Aiko Brandt"}],
        events=[
            mail(ago(9), "in", "ann", by="MIRA@ours.example"),
            mail(ago(8), "out", "ann", by="mira"),
            mail(ago(7), "in", "ann", by=""),
            mail(ago(6), "in", "ann", by="somebody else"),
        ],
    )
    by_two = {(pair.ours, pair.theirs): pair for pair in found.pairs}
    mira = by_two["mira", "ann"]
    assert (mira.talks, mira.wrote, mira.last, mira.owner) == (2, 1, ago(4).date(), True)
    assert mira.source == "accounts/acme/interactions/talk-0.md#with"
    assert by_two["aiko", "ann"].talks == 1
    assert by_two["somebody else", "ann"].talks == 1
    only = by_two["aiko", "bob"]
    assert (only.talks, only.strength, only.owner) == (0, None, True)
    assert only.source == "accounts/acme/contacts/bob.md#owner"
    assert found.unattributed == 1
    assert {one.id: one.leads for one in found.ours} == {
        "mira": False,
        "aiko": False,
        "somebody else": False,
    }


def test_the_best_route_goes_over_whom_we_know(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={
            "boss": {"name": "Boss", "seniority": "c_level"},
            "ann": {"name": "Ann", "reports_to": "boss"},
            "bob": {"name": "Bob", "reports_to": "boss"},
            "far": {"name": "Far", "reports_to": "boss"},
            "lone": {"name": "Lone"},
        },
        talks=[{"type": "meeting", "at": ago(5), "with": ["ann"], "by": "mira"}],
        events=[mail(ago(80), "in", "bob", by="aiko")],
    )
    routes = {route.to: route for route in found.routes}
    known = {(pair.ours, pair.theirs): pair.strength or 0 for pair in found.pairs}
    boss = routes["boss"]
    assert (boss.ours, [step.person for step in boss.steps]) == ("mira", ["ann", "boss"])
    assert boss.strength == pytest.approx(known["mira", "ann"] * 0.9)
    assert boss.steps[1].text == "Ann reports to Boss"
    assert boss.sources == [
        "accounts/acme/interactions/talk-0.md#with",
        "accounts/acme/contacts/ann.md#reports_to",
    ]
    assert [step.person for step in routes["far"].steps] in (["ann", "far"], ["ann", "boss", "far"])
    assert routes["far"].strength == pytest.approx(known["mira", "ann"] * 0.9 * 0.9)
    assert "lone" not in routes
    assert "ann" not in routes


def test_a_department_and_a_meeting_tie_people(mapped: Map, ago: Ago) -> None:
    found = mapped(
        contacts={
            "ann": {"name": "Ann", "department": "IT"},
            "bob": {"name": "Bob", "department": "it"},
            "cy": {"name": "Cy"},
        },
        talks=[
            {"type": "meeting", "at": ago(300), "with": ["ann", "cy"], "by": "aiko"},
            {"type": "meeting", "at": ago(5), "with": ["ann"], "by": "mira"},
        ],
    )
    texts = {route.to: route.steps[-1].text for route in found.routes}
    assert texts["bob"] == "both work in it"
    assert texts["cy"] == f"both were in the meeting of {ago(300).date()}"


def test_routes_are_no_longer_than_allowed_and_survive_circles(mapped: Map, ago: Ago) -> None:
    ring = {f"p{n}": {"name": f"P{n}", "reports_to": f"p{(n + 1) % 6}"} for n in range(6)}
    ring["p5"]["reports_to"] = "p0"
    ring["self"] = {"name": "Self", "reports_to": "self"}
    found = mapped(
        contacts=ring, talks=[{"type": "meeting", "at": ago(1), "with": ["p0"], "by": "mira"}]
    )
    assert {route.to for route in found.routes} == {"p1", "p2", "p4", "p5"}
    assert max(len(route.steps) for route in found.routes) == 3


def test_a_group_too_large_says_nothing_of_who_knows_whom(mapped: Map, ago: Ago) -> None:
    crowd = {f"p{n}": {"name": f"P{n}", "department": "Ops"} for n in range(13)}
    talk = {"type": "call", "at": ago(1), "with": ["p0"], "by": "mira"}
    assert mapped(contacts=crowd, talks=[talk]).routes == ()
    crowd.pop("p12")
    assert len(mapped(contacts=crowd, talks=[talk]).routes) == 11


def test_a_claim_goes_with_its_source(mapped: Map, ago: Ago) -> None:
    people = {
        "ann": {"name": "Ann", "sentiment": "negative", "influence": 3},
        "bob": {"name": "Bob"},
    }
    events = [mail(ago(70), "in", "ann"), mail(ago(1), "in", "bob")]
    before = {alert.name for alert in mapped(contacts=people, events=events).alerts}
    assert {"silent", "against"} <= before
    people["ann"] = {"name": "Ann", "influence": 3}
    after = {alert.name for alert in mapped(contacts=people, events=events[1:]).alerts}
    assert not {"silent", "against"} & after


def test_an_account_of_nobody_has_an_empty_map(mapped: Map) -> None:
    found = mapped()
    assert (found.people, found.alerts, found.pairs, found.routes) == ((), (), (), ())
    assert {cover.state for cover in found.coverage} == {"nobody"}


# --- weights


def test_a_workspace_from_before_uses_the_shipped_numbers(weights: Weights) -> None:
    old = weights.model_copy(update={"relationships": None})
    assert relationship_weights(old) == weights.relationships


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("points: {meeting: 100, call: 80", "points: {fax: 100, call: 80", "found fax; allowed: call"),
        ("points: {c_level: 100, vp: 85, director: 70", "points: {king: 100, vp: 85", "found king"),
        ("bands: {high: 67, middle: 34, low: 0}", "bands: {high: 67, low: 0}", "needs high, middle, low"),
        ("bands: {for: 25, open: -25", "bands: {for: -30, open: -25", "the bands must fall"),
        ("curve: [[7, 100], [30, 70], [60, 40]", "curve: [[7, 0], [30, 70], [60, 40]", "lower is better"),
        ("curve: [[0, -100], [6, -50]", "curve: [[0, 100], [6, -50]", "higher is better"),
    ],
)  # fmt: skip
def test_mistakes_in_the_weights_are_named(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    text = (Path(__file__).resolve().parents[2] / "weights.yaml").read_text(encoding="utf-8")
    head, part = text.split("\nrelationships:\n")
    assert before in part
    changed = f"{head}\nrelationships:\n{part.replace(before, after, 1)}"
    (tmp_path / "weights.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        load_weights(tmp_path)


def test_lint_names_weights_that_do_not_add_up(how: RelationshipWeights) -> None:
    assert list(lint_relationships(how)) == []
    role = how.support.role.model_copy(update={"weight": 25.0})
    bands = {"high": 67.0, "middle": 67.0, "low": 0.0}
    changed = how.model_copy(
        update={
            "support": how.support.model_copy(update={"role": role}),
            "power": how.power.model_copy(update={"bands": bands}),
        }
    )
    assert list(lint_relationships(changed)) == [
        ("relationships.support", "the weights add up to 110, not 100"),
        ("relationships.power.bands", "two bands start at the same score, so one is never reached"),
    ]
