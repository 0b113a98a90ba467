from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.fields import Field
from crmctl.sources.values import DayOrder, clean, convert, day_order, moment

AMOUNT = Field("amount", "decimal", "")
COUNT = Field("count", "int", "", low=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48000.0", "48000"),
        ("$1,234.50", "1234.5"),
        ("EUR 1.234,50", "1234.5"),
        ("1 234,50 €", "1234.5"),
        ("99,5", "99.5"),
        ("70%", "70"),
        ("-3", "-3"),
    ],
)
def test_numbers_as_sheets_write_them(text: str, expected: str) -> None:
    assert str(convert(AMOUNT, text)) == expected


@pytest.mark.parametrize("text", ["twelve", "NaN", "1e400", "1.2.3", "9" * 500, "--5", "12 apples"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        convert(AMOUNT, text)


def test_whole_numbers_lose_their_fraction() -> None:
    assert convert(COUNT, "1000.0") == 1000
    assert convert(COUNT, Decimal("62.5")) == 63
    assert convert(COUNT, 62.0) == 62
    with pytest.raises(ValueError, match="allowed"):
        convert(COUNT, Decimal("NaN"))


def test_salesforce_times_are_utc() -> None:
    assert moment("2026-03-02T09:14:55.000+0000") == dt.datetime(
        2026, 3, 2, 9, 14, 55, tzinfo=dt.UTC
    )
    assert moment("2026-03-02T01:00:00+02:00") == dt.datetime(2026, 3, 1, 23, tzinfo=dt.UTC)
    assert moment("2026/3/2") == dt.date(2026, 3, 2)


def test_a_column_tells_the_order_of_day_and_month() -> None:
    assert day_order(["03/04/2026", "25/04/2026"]) is DayOrder.DAY_FIRST
    assert day_order(["03/04/2026", "04/25/2026"]) is DayOrder.MONTH_FIRST
    assert day_order(["25/04/2026", "04/25/2026"]) is DayOrder.MIXED
    assert day_order(["03/04/2026", "2026-04-25"]) is DayOrder.UNKNOWN
    assert day_order(["03.04.2026"]) is DayOrder.DAY_FIRST


def test_dates_follow_their_column_or_are_refused() -> None:
    assert moment("03/04/2026", DayOrder.DAY_FIRST) == dt.date(2026, 4, 3)
    assert moment("03/04/2026", DayOrder.MONTH_FIRST) == dt.date(2026, 3, 4)
    at_noon = dt.datetime(2026, 3, 4, 12, 5, tzinfo=dt.UTC)
    assert moment("3/4/2026, 12:05 PM", DayOrder.MONTH_FIRST) == at_noon
    for order in (DayOrder.UNKNOWN, DayOrder.MIXED):
        with pytest.raises(ValueError, match="2026-03-31"):
            moment("03/04/2026", order)


@pytest.mark.parametrize(
    "text", ["31/31/2026", "0001-01-01T00:00:00+14:00", "soon", "26-1-1", "x" * 99]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        moment(text, DayOrder.DAY_FIRST)


def test_text_keeps_everything_but_nul_and_lone_surrogates() -> None:
    assert clean("a\0b\ud800c\r\n\x1b[1m\u202e") == "ab\ufffdc\n\x1b[1m\u202e"


@given(
    st.text(max_size=60), st.sampled_from(["int", "decimal", "date", "datetime", "bool", "email"])
)
def test_any_text_is_a_value_or_a_reason(text: str, kind: str) -> None:
    field = Field("x", kind, "")
    try:
        value = convert(field, text, DayOrder.DAY_FIRST)
    except ValueError as error:
        reason = str(error)
    else:
        reason = "found nothing" if value is None else "allowed"
        assert field.check(value) == value
    assert "allowed" in reason or "found nothing" in reason
