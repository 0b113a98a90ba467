from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.sources.json_records import parse


def test_records_keep_the_line_they_begin_on() -> None:
    raw = b'{"totalSize": 99,\n "records": [\n  {"a": 1},\n\n  {"a": 2.50}]}'
    assert parse(raw, "x.json").found == [(3, {"a": 1}), (5, {"a": Decimal("2.50")})]


def test_lists_and_command_results_hold_records_too() -> None:
    assert len(parse(b'[{"a": 1}]', "x.json").found) == 1
    assert len(parse(b'{"status": 0, "result": {"records": [{}, {}]}}', "x.json").found) == 2
    assert parse(b'{"records": []}', "x.json").found == []


def test_a_page_says_that_more_follow() -> None:
    assert parse(b'{"done": false, "records": [{}]}', "x.json").partial
    assert not parse(b'{"done": true, "records": [{}]}', "x.json").partial


def test_a_record_with_a_key_twice_is_left_out_alone() -> None:
    records = parse(b'[{"a": 1},\n{"a": 1, "a": 2},\n7,\n{"a": 3}]', "x.json")
    assert [line for line, _ in records.found] == [1, 4]
    assert [(r.origin, r.reason[:12]) for r in records.rejected] == [
        ("x.json:2", "has the key "),
        ("x.json:3", "is no record"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1}',
        b"[1",
        b'[{"a": }]',
        b"\xff",
        b"[" * 100_000,
        b'{"records":' * 9_999,
        b"[{}] x",
        b'{"result": 3}',
        b"[" + b"9" * 5_000 + b"]",
        b"{1: 2}",
    ],
)
def test_what_is_no_export_is_one_sentence(raw: bytes) -> None:
    with pytest.raises(CrmError, match=r"x\.json"):
        parse(raw, "x.json")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_records_are_what_json_says(value: object) -> None:
    records = [{"a": value, "b": "x"}, {}]
    found = parse(json.dumps({"x": value, "records": records}, indent=1).encode(), "x.json")
    assert [record for _, record in found.found] == records


@given(st.binary(max_size=200) | st.text('{}[]",:1 arecods', max_size=80).map(str.encode))
def test_any_bytes_are_records_or_a_named_error(raw: bytes) -> None:
    with suppress(CrmError):
        assert all(line > 0 for line, _ in parse(raw, "x.json").found)
