"""The consent gate: closed unless the file opens it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.record import Ranking, Record
from crmctl.privacy.consent import may

TODAY = dt.date(2026, 11, 16)


def person(**own: Any) -> Record:
    path = "accounts/acme/contacts/ines.md"
    return Record("contact", "acme", "ines", path, {"name": "Ines", **own}, {}, "", Ranking())


def entry(status: str, at: str, **more: Any) -> dict[str, Any]:
    return {"purpose": "outreach", "status": status, "at": dt.date.fromisoformat(at), **more}


def test_no_is_the_default() -> None:
    assert may(person(), "outreach", TODAY) == (False, "nothing is recorded about outreach")


def test_a_grant_opens_its_own_purpose_only() -> None:
    ines = person(consent=[entry("granted", "2026-03-01")])
    assert may(ines, "outreach", TODAY).allowed
    assert not may(ines, "newsletter", TODAY).allowed


@pytest.mark.parametrize("status", ["withdrawn", "objected", "restricted", "expired"])
def test_the_newest_entry_counts_and_on_one_day_the_one_that_forbids(status: str) -> None:
    later = person(consent=[entry(status, "2026-05-01"), entry("granted", "2026-03-01")])
    assert not may(later, "outreach", TODAY).allowed
    again = person(consent=[entry(status, "2026-03-01"), entry("granted", "2026-05-01")])
    assert may(again, "outreach", TODAY).allowed
    same_day = person(consent=[entry("granted", "2026-03-01"), entry(status, "2026-03-01")])
    assert not may(same_day, "outreach", TODAY).allowed


def test_a_grant_ends_after_its_last_day() -> None:
    last = person(consent=[entry("granted", "2026-03-01", expires=TODAY)])
    assert may(last, "outreach", TODAY).allowed
    assert "expired on 2026-11-16" in may(last, "outreach", TODAY + dt.timedelta(days=1)).reason


def test_what_begins_later_does_not_count_yet() -> None:
    assert not may(person(consent=[entry("granted", "2026-11-17")]), "outreach", TODAY).allowed


def test_an_opt_out_and_a_departure_close_whatever_was_granted() -> None:
    granted = [entry("granted", "2026-03-01")]
    assert "opted out" in may(person(consent=granted, no_email=True), "outreach", TODAY).reason
    gone = person(consent=granted, left=dt.date(2026, 10, 1))
    assert "left the company" in may(gone, "outreach", TODAY).reason


@given(
    st.lists(
        st.builds(
            entry,
            st.sampled_from(["granted", "withdrawn", "objected", "restricted", "expired"]),
            st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)).map(dt.date.isoformat),
        ),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_entries_never_matters(entries: list[dict[str, Any]], rng: Any) -> None:
    shuffled = list(entries)
    rng.shuffle(shuffled)
    assert (
        may(person(consent=entries), "outreach", TODAY).allowed
        == may(person(consent=shuffled), "outreach", TODAY).allowed
    )
