"""Who writes, and how long answers take."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.engagement import Engagement, Exchange, engagement, unanswered
from crmctl.model.record import Event

START = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)


def mail(
    hours: float, direction: str, *people: str, thread: str = "t", **data: Any
) -> dict[str, Any]:
    at = START + dt.timedelta(hours=hours)
    return {
        "type": "email",
        "at": at,
        "direction": direction,
        "with": list(people),
        "thread": thread,
    } | data


def measured(*mails: dict[str, Any], **how: Any) -> Engagement:
    events = [Event("2026.jsonl", n, {"id": f"email:{n}"} | data) for n, data in enumerate(mails)]
    return engagement(events, **how)


def test_nothing_is_known_of_no_mail() -> None:
    assert measured() == Engagement(Exchange(0, 0, None, None), {})


def test_an_answer_takes_the_time_since_the_question() -> None:
    found = measured(mail(0, "in", "bo"), mail(3, "out", "bo"), mail(8, "in", "bo"))
    assert found.account == Exchange(sent=1, received=2, our_hours=3.0, their_hours=5.0)
    assert found.contacts == {"bo": found.account}


def test_a_question_asked_twice_waits_since_the_first_time() -> None:
    found = measured(mail(0, "in", "bo"), mail(10, "in", "bo"), mail(12, "out", "bo"))
    assert found.account.our_hours == 12.0


def test_the_median_of_an_even_number_lies_between() -> None:
    found = measured(
        mail(0, "in", "bo"),
        mail(2, "out", "bo"),
        mail(0, "in", "bo", thread="u"),
        mail(4, "out", "bo", thread="u"),
    )
    assert found.account.our_hours == 3.0


def test_threads_do_not_mix() -> None:
    assert measured(mail(0, "in", "bo"), mail(1, "out", "bo", thread="u")).account.our_hours is None


def test_each_contact_has_times_of_its_own() -> None:
    found = measured(
        mail(0, "out", "bo", "eve"),
        mail(2, "in", "eve", "bo"),
        mail(3, "in", "bo", thread="u"),
        mail(9, "out", "bo", thread="u"),
    )
    assert found.contacts["eve"] == Exchange(1, 1, None, 2.0)
    assert found.contacts["bo"] == Exchange(2, 1, 6.0, None)


def test_the_same_subject_among_the_same_people_is_one_conversation() -> None:
    question = mail(0, "in", "bo", thread="a", subject="Seats for Lisbon")
    answer = mail(4, "out", "bo", thread="b", subject="AW: Seats for Lisbon")
    assert measured(question, answer).account.our_hours == 4.0
    assert measured(question, answer | {"with": ["eve"]}).account.our_hours is None
    assert (
        measured(
            question | {"subject": "Hello"}, answer | {"subject": "Re: Hello"}
        ).account.our_hours
        is None
    )
    assert (
        measured(question, answer | {"at": START + dt.timedelta(days=40)}).account.our_hours is None
    )


@pytest.mark.parametrize(
    "other",
    [
        mail(1, "out", "bo", subject="Automatic reply: Seats"),
        mail(1, "out", "bo", deleted=True),
        mail(1, "out", "bo", type="chat"),
        mail(1, "out", "bo", at=None),
    ],
)
def test_what_is_no_mail_of_a_person_counts_for_nothing(other: dict[str, Any]) -> None:
    assert measured(mail(0, "in", "bo"), other).account == Exchange(0, 1, None, None)


def test_after_a_month_it_is_no_answer() -> None:
    found = measured(mail(0, "in", "bo"), mail(24 * 31, "out", "bo"), mail(24 * 31 + 5, "in", "bo"))
    assert found.account.our_hours is None
    assert found.account.their_hours == 5.0


def test_it_can_be_asked_from_a_day_on() -> None:
    mails = (mail(0, "in", "bo"), mail(30, "in", "bo"), mail(31, "out", "bo"))
    assert measured(*mails, since=START + dt.timedelta(hours=24)).account == Exchange(
        1, 1, 1.0, None
    )


@given(
    st.lists(
        st.tuples(
            st.floats(0, 2000),
            st.sampled_from(["in", "out"]),
            st.sampled_from("tuv"),
            st.sampled_from(["bo", "eve"]),
        ),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_lines_is_of_no_account(
    rows: list[tuple[float, str, str, str]], rng: Any
) -> None:
    events = [
        Event("2026.jsonl", n, {"id": f"email:{n}"} | mail(hours, direction, who, thread=thread))
        for n, (hours, direction, thread, who) in enumerate(rows)
    ]
    found = engagement(events)
    rng.shuffle(events)
    assert engagement(events) == found
    assert found.account.sent + found.account.received == len(rows)
    assert all(
        hours is None or hours >= 0
        for hours in (found.account.our_hours, found.account.their_hours)
    )


def waiting(*mails: dict[str, Any]) -> list[tuple[int, int]]:
    events = [Event("2026.jsonl", n, {"id": f"email:{n}"} | data) for n, data in enumerate(mails)]
    return [(first.line, last.line) for first, last in unanswered(events)]


def test_what_they_wrote_since_we_last_wrote_is_unanswered() -> None:
    assert waiting(mail(0, "in", "ines"), mail(1, "out", "ines")) == []
    assert waiting(mail(0, "in", "ines"), mail(1, "in", "ines"), mail(2, "in", "tom")) == [(0, 2)]
    assert waiting(
        mail(0, "in", "ines"), mail(1, "out", "ines"), mail(2, "in", "ines"), mail(3, "in", "ines")
    ) == [(2, 3)]
    assert waiting(mail(0, "out", "ines")) == []


def test_each_conversation_waits_for_itself_the_longest_first() -> None:
    mails = (
        mail(5, "in", "ines", thread="b"),
        mail(1, "in", "tom", thread="a"),
        mail(6, "out", "ines", thread="c"),
        mail(7, "in", "tom", thread="d", subject="Automatic reply: away"),
        mail(8, "in", "tom", thread="e", deleted=True),
    )
    assert waiting(*mails) == [(1, 1), (0, 0)]
