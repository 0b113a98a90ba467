from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources import slack_ids
from crmctl.sources.slack_ids import Place

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TIMES = st.builds(
    lambda seconds, micros: EPOCH + dt.timedelta(seconds=seconds, microseconds=micros),
    st.integers(10**9, 7 * 10**9),
    st.integers(0, 999_999),
)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        1772528399.0002,
        "1772528399.0002",
        "1772528399",
        "x",
        "",
        "1772528399.000200\n",
        "٠772528399.000200",
    ],
)
def test_a_time_is_ten_digits_and_six_as_text(odd: object) -> None:
    assert slack_ids.stamp(odd) == ""
    assert slack_ids.stamp("1772528399.000200") == "1772528399.000200"


def test_the_zeros_at_the_end_belong_to_the_id() -> None:
    place = slack_ids.place("C07ACME001", {"ts": "1709450000.000100"})
    assert str(place) == "C07ACME001-1709450000.000100"


@given(TIMES)
def test_times_keep_their_last_digit(time: dt.datetime) -> None:
    ts = slack_ids.at(time)
    assert slack_ids.stamp(ts) == ts
    assert slack_ids.moment(ts) == time


@given(st.tuples(TIMES, TIMES))
def test_versions_sort_as_times_do(pair: tuple[dt.datetime, dt.datetime]) -> None:
    first, second = (slack_ids.at(time) for time in pair)
    assert (first < second) == (slack_ids.version(first) < slack_ids.version(second))
    assert (first < second) == (pair[0] < pair[1])


@given(TIMES, st.none() | TIMES)
def test_an_id_names_its_message_and_its_thread(
    time: dt.datetime, root: dt.datetime | None
) -> None:
    place = Place("C07ACME001", slack_ids.at(root) if root else "", slack_ids.at(time))
    assert slack_ids.parsed(str(place)) == place


def test_a_reply_stands_in_its_thread_and_the_first_message_does_not() -> None:
    root, reply = "1772528399.000200", "1772529100.000900"
    assert slack_ids.place("C1A", {"ts": root, "thread_ts": root}) == ("C1A", "", root)
    assert slack_ids.place("C1A", {"ts": reply, "thread_ts": root}) == ("C1A", root, reply)
    assert slack_ids.place("C1A", {"ts": 1772528399.0002}) is None
    assert slack_ids.place("general", {"ts": root}) is None


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "C1A",
        "general-1772528399.000200",
        "C1A-1",
        "C1A-1772528399.000200-x",
        "C1A-1772528399.000200-1772528399.000200-1772528399.000200",
    ],
)
def test_other_ids_are_none(odd: str) -> None:
    assert slack_ids.parsed(odd) is None


@pytest.mark.parametrize(
    ("odd", "read"),
    [
        ("1452837318", 1452837318),
        (1452837318, 1452837318),
        (0, 0),
        (True, 0),
        (None, 0),
        ("9" * 5000, 0),
        ("²", 0),
        (-5, 0),
        (1452837318.5, 0),
    ],
)
def test_seconds_come_as_numbers_and_as_text(odd: object, read: int) -> None:
    assert slack_ids.seconds(odd) == read


def test_no_time_lies_before_the_first() -> None:
    assert slack_ids.earlier("0000000100.000000", dt.timedelta(days=1)) == "0000000000.000000"
