from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import UsageError
from crmctl.render.quarter import Quarter


@pytest.mark.parametrize("text", ["2026-q4", "2026Q4", "2026 Q4", " 2026-Q4 "])
def test_a_quarter_is_read_as_people_write_it(text: str) -> None:
    assert Quarter.parse(text) == (2026, 4)


@pytest.mark.parametrize("text", ["", "q4", "2026-q5", "2026-4", "26q1", "9999-q4", "٢٠٢٦-q1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no quarter"):
        Quarter.parse(text)


@given(st.dates(dt.date(1000, 1, 1), dt.date(9998, 12, 31)))
def test_a_day_lies_in_its_quarter_and_quarters_meet(day: dt.date) -> None:
    quarter = Quarter.of(day)
    assert quarter.start <= day <= quarter.end
    assert quarter.next.start == quarter.end + dt.timedelta(days=1)
    assert Quarter.parse(quarter.slug) == quarter
