"""Fields: what is accepted, in which form, and what is said of the rest."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.fields import KINDS, Field
from crmctl.model.schema import FIELDS, document_schema
from crmctl.model.schema import KINDS as RECORDS


def field(kind: str, **options: Any) -> Field:
    return Field("f", kind, "a field", **options)


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("text", "Acme", "Acme"),
        ("text", 10115, "10115"),
        ("text", dt.date(2026, 3, 1), "2026-03-01"),
        ("int", 7, 7),
        ("int", 7.0, 7),
        ("decimal", 48000.1, Decimal("48000.1")),
        ("decimal", "48000.10", Decimal("48000.10")),
        ("date", dt.datetime(2026, 3, 1, 23, tzinfo=dt.UTC), dt.date(2026, 3, 1)),
        ("date", "2026-03-01", dt.date(2026, 3, 1)),
        ("datetime", dt.date(2026, 3, 1), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ("datetime", "2026-03-01T10:00:00+02:00", dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)),
        ("currency", "EUR", "EUR"),
        ("domain", "acme.example", "acme.example"),
        ("id", "globex/ines-okafor", "globex/ines-okafor"),
    ],
)
def test_values_come_out_in_one_form(kind: str, value: Any, normal: Any) -> None:
    found = field(kind).check(value)
    assert found == normal
    assert type(found) is type(normal)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", True),
        ("text", 1.10),
        ("int", True),
        ("int", "7"),
        ("int", 7.5),
        ("decimal", "nan"),
        ("decimal", "Infinity"),
        ("decimal", True),
        ("decimal", 10**15),
        ("date", "31.03.2026"),
        ("date", 2026),
        ("datetime", "soon"),
        ("currency", "eur"),
        ("email", "ines at acme.example"),
        ("domain", "http://acme.example"),
        ("url", "javascript:alert(1)"),
        ("id", "../x"),
        ("bool", "yes"),
        ("map", "x"),
    ],
)
def test_what_is_wrong_says_what_was_found_and_what_is_allowed(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"found .*; allowed: "):
        field(kind).check(value)


def test_bounds_include_both_ends() -> None:
    score = field("int", low=0, high=10)
    assert [score.check(0), score.check(10)] == [0, 10]
    for outside in (-1, 11):
        with pytest.raises(ValueError, match="from 0 to 10"):
            score.check(outside)


def test_a_single_value_is_a_list_of_one() -> None:
    assert field("text", many=True).check("okta") == ["okta"]


def test_a_map_names_the_column_that_is_wrong() -> None:
    goals = FIELDS["account"]["goals"]
    assert goals.check([{"name": "n", "target": 5, "ours": 1}]) == [
        {"name": "n", "target": Decimal(5), "ours": 1}
    ]
    with pytest.raises(ValueError, match=r"^target: found"):
        goals.check([{"name": "n", "target": "many"}])
    with pytest.raises(ValueError, match=r"^name is missing"):
        goals.check([{"target": 1}])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "1,200", 1200),
        ("decimal", "48,000.50", Decimal("48000.50")),
        ("bool", "yes", True),
        ("currency", "eur", "EUR"),
        ("domain", "ACME.example", "acme.example"),
        ("text", "  x ", "x"),
    ],
)
def test_typed_text(kind: str, text: str, value: Any) -> None:
    assert field(kind).parse(text) == value


def test_typed_lists_are_parted_by_commas_and_choices_may_be_written_freely() -> None:
    roles = FIELDS["contact"]["roles"]
    assert roles.parse("Champion, decision-maker") == ["champion", "decision_maker"]
    with pytest.raises(ValueError, match="allowed: decision_maker"):
        roles.parse("boss")


@given(st.sampled_from(KINDS), st.booleans(), st.text(max_size=60))
def test_any_typed_text_is_a_value_or_a_sentence(kind: str, many: bool, text: str) -> None:
    one = field(kind, many=many)
    said = ""
    try:
        value = one.parse(text)
    except ValueError as error:
        said = str(error)
    assert said or one.check(value) == value


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.dates()
        | st.datetimes(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
def test_checking_is_idempotent_and_never_breaks(kind: str, many: bool, value: Any) -> None:
    one = field(kind, many=many)
    try:
        normal = one.check(value)
    except ValueError:
        return
    assert one.check(normal) == normal


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_schemas_describe_every_field_and_leave_room_for_the_teams_own(kind: str) -> None:
    schema: Any = document_schema(kind)
    assert set(FIELDS[kind]) | {"sources"} == set(schema["properties"])
    assert "additionalProperties" not in schema
    assert all(schema["properties"][name]["description"] for name in FIELDS[kind])
