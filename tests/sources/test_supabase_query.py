from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources import supabase_query as query


def test_plain_names_stand_as_they_are_and_all_others_in_quotes() -> None:
    assert query.select(["id", "Plan2", "last change", "a.b", 'say "hi"', "order"]) == (
        "select",
        r'id,Plan2,"last change","a.b","say \"hi\"","order"',
    )


def test_the_first_page_is_in_the_order_of_change_and_key() -> None:
    assert query.ascending(["updated_at", "id"]) == ("order", "updated_at.asc,id.asc")


def test_the_next_page_begins_behind_a_key() -> None:
    assert query.beyond(["id"], ["5"]) == [("id", "gt.5")]


def test_the_next_page_begins_behind_a_time_and_a_key() -> None:
    at = "2026-03-03T09:00:00.1+00:00"
    assert query.beyond(["updated_at", "id"], [at, "5"]) == [
        ("updated_at", f"gte.{at}"),
        ("or", f'(updated_at.gt."{at}",and(updated_at.eq."{at}",id.gt."5"))'),
    ]


def test_a_key_of_several_columns_is_compared_column_by_column() -> None:
    _, (_, condition) = query.beyond(["a", "b", "c"], ["1", "2", "3"])
    assert condition == (
        '(a.gt."1",and(a.eq."1",b.gt."2"),and(a.eq."1",b.eq."2",c.gt."3"))'
    )  # fmt: skip


def test_rows_are_named_by_their_keys() -> None:
    assert query.keyed(["id"], [["1"], ["2,3"]]) == ("id", 'in.("1","2,3")')
    assert query.keyed(["a", "b"], [["1", "x"], ["2", "y"]]) == (
        "or",
        '(and(a.eq."1",b.eq."x"),and(a.eq."2",b.eq."y"))',
    )


def test_people_of_a_company_are_found_by_its_domain() -> None:
    assert query.at_domains("mail", ["acme.example"]) == ("or", '(mail.ilike."*@acme.example")')


@given(st.text(max_size=20))
def test_what_stands_in_quotes_ends_only_with_them(text: str) -> None:
    found = query.quoted(text)
    inside, escaped = [], False
    for position, char in enumerate(found[1:], 1):
        if escaped or char not in {"\\", '"'}:
            inside.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            assert position == len(found) - 1
    assert "".join(inside) == text
