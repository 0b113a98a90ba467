"""Filters over values as the index keeps them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.model.errors import UsageError
from crmctl.workspace import filters

TODAY = dt.date(2026, 11, 16)
ROW: dict[str, Any] = {
    "name": "Hollis & Vane GmbH",
    "stage": "customer",
    "arr": "50000.00",
    "seats": 40,
    "renewal": "2027-01-31",
    "at": "2026-11-16T09:30:00Z",
    "tags": ["beta", "reference"],
    "auto_renew": True,
    "owner": None,
}


@pytest.mark.parametrize(
    "text",
    [
        "stage=customer",
        "stage=CUSTOMER",
        "stage!=prospect",
        "arr=50000",
        "arr>=50,000",
        "arr<60000",
        "seats>9",
        "name~hollis",
        "renewal<90d",
        "renewal>2026-12-31",
        "at=2026-11-16",
        "at<1d",
        "tags=beta",
        "tags!=churned",
        "auto_renew=yes",
        "owner=",
    ],
)
def test_matches(text: str) -> None:
    assert filters.parse([text], ROW, TODAY)(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "seats<9",
        "arr>50000",
        "renewal<30d",
        "stage=",
        "owner!=ana",
        "owner<z",
        "tags=bet",
        "seats>x",
        "auto_renew=maybe",
    ],
)
def test_does_not_match(text: str) -> None:
    assert not filters.parse([text], ROW, TODAY)(ROW)


def test_all_filters_must_match() -> None:
    assert filters.parse(["stage=customer", "seats=40"], ROW, TODAY)(ROW)
    assert not filters.parse(["stage=customer", "seats=41"], ROW, TODAY)(ROW)


def test_mistakes_get_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean stage"):
        filters.parse(["stag=customer"], ROW, TODAY)
    with pytest.raises(UsageError, match="is no filter"):
        filters.parse(["customer"], ROW, TODAY)


def test_sorting_puts_what_is_unknown_last_either_way() -> None:
    rows = [{"n": v, "id": str(i)} for i, v in enumerate(["10", None, "9", "", "100"])]
    assert [r["n"] for r in filters.sort_rows(rows, ["n"])][:3] == ["9", "10", "100"]
    assert [r["n"] for r in filters.sort_rows(rows, ["-n"])][:3] == ["100", "10", "9"]


def test_sorting_by_several_keys_keeps_the_first_foremost() -> None:
    rows = [{"a": "y", "b": 1}, {"a": "x", "b": 1}, {"a": "x", "b": 2}]
    assert filters.sort_rows(rows, ["a", "-b"]) == [rows[2], rows[1], rows[0]]
