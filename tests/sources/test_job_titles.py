from __future__ import annotations

import pytest

from crmctl.sources.job_titles import seniority


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("CFO", "c_level"),
        ("Chief Information Security Officer", "c_level"),
        ("President & Founder", "c_level"),
        ("SVP, Procurement", "vp"),
        ("Vice President of Sales", "vp"),
        ("Director of Vendor Relations", "director"),
        ("Warehouse Manager", "manager"),
        ("Account Manager", None),
        ("Assistant to the CEO", None),
        ("Chief of Staff", None),
        ("Head of Operations", None),
        ("Geschäftsführerin", None),
        ("", None),
    ],
)
def test_only_clear_titles_give_a_level(title: str, expected: str | None) -> None:
    assert seniority(title) == expected
