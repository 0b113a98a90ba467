"""The mood of messages, and what texts of an account say with evidence that can be looked up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight import sentiment
from crmctl.insight.aggregate import aggregate_customer_data
from crmctl.insight.sentiment import Mood, aggregate, of_message, polarity
from crmctl.insight.text_rules import TextRules, Tone, load_rules
from crmctl.insight.text_signals import heard
from crmctl.model.record import Account
from crmctl.workspace.workspace import NOW

REPOSITORY = Path(__file__).resolve().parents[2]
MakeAccount = Callable[..., Account]


@pytest.fixture(scope="module")
def rules() -> TextRules:
    return load_rules(REPOSITORY)


@pytest.fixture(scope="module")
def tone(rules: TextRules) -> Tone:
    return rules.sentiment


FEELING = "we not very GREAT great! :) :( great, (bad) kind of uber at least but no thanks;) <3 the bomb ok?".split()
PLAIN = "we are the planners of two sites and see you on Monday, at nine: 10 % !!! ??? - ( ) ' \"".split()


@given(
    st.lists(st.sampled_from(FEELING + PLAIN), min_size=1, max_size=12)
    | st.lists(st.sampled_from(PLAIN), min_size=1, max_size=12)
)
def test_a_sentence_without_a_word_of_feeling_need_not_be_felt(
    tone: Tone, words: list[str]
) -> None:
    text = " ".join(words)
    quick = polarity(text, tone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentiment, "_felt", lambda *_: True)
        assert polarity(text, tone) == quick


@pytest.mark.parametrize(
    "said",
    [
        "Please kill the process on the server.",
        "The issue was closed this morning.",
        "Issue closed.",
        "The ticket is resolved, case closed.",
        "Could you shoot me an email about the deadline?",
        "The import job crashed into the drop dead date, no, kidding, see the error log.",
        "It is on the critical path.",
        "We will do the penetration test in May.",
        "Please cancel the meeting on Friday.",
        "We have shared the risk register with legal.",
        "I was asked to fire it off before lunch.",
        "Stop the job and drop the table.",
        "Kind regards from the support desk.",
    ],
)
def test_the_words_of_business_mail_are_no_anger_and_no_praise(said: str, tone: Tone) -> None:
    assert abs(polarity(said, tone) or 0) <= 0.3


@pytest.mark.parametrize(
    "said",
    [
        "We love the new planner, it is great.",
        "This has saved us hours, thank you so much!",
        "It is reliable and our drivers are happy.",
        "The rollout went smoothly and the team is delighted.",
    ],
)
def test_praise_is_praise(said: str, tone: Tone) -> None:
    assert (polarity(said, tone) or 0) > 0.3


@pytest.mark.parametrize(
    "said",
    [
        "This is unacceptable, the app is unusable.",
        "We are very disappointed and frustrated.",
        "The support is terrible and the export is broken.",
        "I am not happy with the outage.",
        "The new version is slow, buggy and confusing.",
    ],
)
def test_anger_is_anger(said: str, tone: Tone) -> None:
    assert (polarity(said, tone) or 0) < -0.3


@pytest.mark.parametrize(
    "said", ["Die Kollegen sind sehr zufrieden mit der App.", "Los planes no son malos.", "42"]
)
def test_what_cannot_be_read_has_no_mood(said: str, tone: Tone) -> None:
    assert polarity(said, tone) is None
    assert of_message([said], tone) is None


def test_the_quote_of_a_message_is_what_says_most(tone: Tone) -> None:
    found = of_message(["Please find it attached.", "We hate the new screen."], tone)
    assert found is not None
    assert found[0] < -0.3
    assert found[1] == "We hate the new screen."


def test_moods_fade_and_one_of_now_weighs_twice_one_of_a_half_life_ago(
    today: dt.date, tone: Tone
) -> None:
    old = today - dt.timedelta(days=tone.half_life_days)
    moods = [
        Mood(0.9, today, "ann", "a", ""),
        Mood(-0.6, old, "bob", "b", ""),
        Mood(0.9, today, "ann", "c", ""),
        Mood(-1, today + dt.timedelta(days=1), "ann", "tomorrow", ""),
    ]
    found = aggregate(moods, today, tone)
    assert found.value == pytest.approx((0.9 + 0.9 - 0.6 / 2) / 2.5)
    assert found.people == {"ann": pytest.approx(0.9), "bob": pytest.approx(-0.6)}
    assert (found.messages, found.latest[0].source) == (3, "c")


def test_two_messages_are_no_mood_of_an_account(today: dt.date, tone: Tone) -> None:
    assert aggregate([Mood(1, today, "", "a", "")] * 2, today, tone).value is None


ANGER = "This is unacceptable. The export is terrible."


def test_only_the_customers_own_new_words_count(
    make_account: MakeAccount, ago: Callable[[int], dt.datetime], today: dt.date, rules: TextRules
) -> None:
    mine = {"type": "email", "with": ["ann"], "at": ago(3)}
    account = make_account(
        contacts={"ann": {"name": "Ann Ok"}},
        events=[
            mine | {"direction": "out", "text": ANGER},
            mine | {"direction": "in", "text": f"We are happy with it.\n\n> {ANGER}"},
            mine | {"direction": "in", "text": "We love it.", "deleted": True},
        ],
    )
    found = heard(account, rules, today)
    assert found.sentiment.messages == 1
    assert found.sentiment.people["ann"] > 0.3
    assert found.signals == ()


def test_a_tone_that_turns_is_a_risk_with_its_worst_words(
    make_account: MakeAccount, ago: Callable[[int], dt.datetime], today: dt.date, rules: TextRules
) -> None:
    mine = {"type": "email", "with": ["ann"], "direction": "in"}
    events = [mine | {"at": ago(days), "text": ANGER} for days in (3, 2, 1)]
    found = heard(make_account(events=events), rules, today)
    risk = found.signals[0]
    assert (risk.kind, risk.name, risk.action) == ("risk", "negative_tone", rules.sentiment.play)
    assert risk.quote in ANGER
    assert risk.source == "accounts/acme/interactions/2026.jsonl:3"


def test_signals_fade_bear_each_other_out_and_quote_the_newest(
    make_account: MakeAccount, ago: Callable[[int], dt.datetime], today: dt.date, rules: TextRules
) -> None:
    (rule,) = (r for r in rules.rules if r.name == "more_seats")
    mine = {"type": "chat", "direction": "in"}

    def strength(*days: int) -> float:
        events = [mine | {"at": ago(d), "text": f"We need {d} more seats."} for d in days]
        found = heard(make_account(events=events), rules, today)
        return found.signals[0].strength if found.signals else 0

    half = rule.half_life_days
    assert strength(0) == pytest.approx(rule.strength)
    assert strength(half) == pytest.approx(rule.strength / 2)
    assert strength(0, 0) == pytest.approx(rule.strength)
    assert strength(0, half) == pytest.approx(1 - (1 - rule.strength) * (1 - rule.strength / 2))
    assert strength(20 * half) == 0
    events = [mine | {"at": ago(d), "text": f"We need {d} more seats."} for d in (9, 4)]
    (signal,) = heard(make_account(events=events), rules, today).signals
    assert signal.quote == "We need 4 more seats."
    assert signal.text == 'more seats: "We need 4 more seats.", and 1 more'
    assert signal.as_of == ago(4).date()
    assert signal.source == "accounts/acme/interactions/2026.jsonl:2"


def test_what_was_said_after_a_day_is_not_known_on_it(
    make_account: MakeAccount, ago: Callable[[int], dt.datetime], today: dt.date, rules: TextRules
) -> None:
    said = {"type": "chat", "direction": "in", "at": ago(0), "text": "We need ten more seats."}
    account = make_account(events=[said])
    assert heard(account, rules, today - dt.timedelta(days=1)).signals == ()


CALL = """\
---
type: call
at: 2026-11-05T10:00:00Z
with: [ann]
---

Went well enough.

**Ann Ok** (external, 2:10): Globex sent us an offer, and we need
ten more seats. Tallyflow is cheaper.
"""


def test_a_claim_goes_with_its_source(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOW, "2026-11-22T12:00:00Z")
    (root / "signals.yaml").write_text(
        (REPOSITORY / "signals.yaml")
        .read_text(encoding="utf-8")
        .replace("vendors: []", "vendors: [Tallyflow]"),
        encoding="utf-8",
    )
    path = "accounts/acme/interactions/2026-11-05-call-x2.md"
    before = aggregate_customer_data("acme", root)["insights"]
    (root / path).write_text(CALL, encoding="utf-8")
    with_it = aggregate_customer_data("acme", root)["insights"]
    assert with_it["expansion"] != before["expansion"]
    seats = with_it["expansion"][-1]
    assert seats["quote"] == "Globex sent us an offer, and we need ten more seats."
    # The sentence begins on the ninth line of the file.
    assert (seats["source"], seats["as_of"]) == (f"{path}:9", "2026-11-05")
    vendor = {c["name"]: c["sources"] for c in with_it["competitors"]}
    assert vendor["Tallyflow"] == [f"{path}:10"]
    quotes = {c["name"]: c["quotes"] for c in with_it["competitors"]}
    assert quotes["Tallyflow"] == [{"quote": "Tallyflow is cheaper.", "source": f"{path}:10"}]
    (root / path).unlink()
    assert aggregate_customer_data("acme", root)["insights"] == before
