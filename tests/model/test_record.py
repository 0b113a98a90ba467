"""Effective values: people first, then the best-ranked system that says anything."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.numbers import half_up, money
from crmctl.model.record import DEFAULT_RANKING, Ranking, Record

SYSTEMS = ("salesforce", "linkedin", "csv", "zendesk", "aardvark")


def record(
    own: dict[str, Any] | None = None, ranking: Ranking | None = None, **systems: dict[str, Any]
) -> Record:
    path = "accounts/acme/profile.md"
    return Record("account", "acme", "acme", path, own or {}, systems, "", ranking or Ranking())


def test_a_persons_value_holds_over_every_system() -> None:
    acme = record({"industry": "rail"}, salesforce={"industry": "Transportation"})
    assert acme.stated("industry") == ("rail", "person")


def test_among_systems_the_best_ranked_that_states_it_holds() -> None:
    acme = record(linkedin={"industry": "rail", "employees": 7}, salesforce={"industry": "Freight"})
    assert acme.stated("industry") == ("Freight", "salesforce")
    assert acme.stated("employees") == (7, "linkedin")


def test_a_field_can_have_an_order_of_its_own() -> None:
    ranking = Ranking(fields={"account.industry": ("linkedin",)})
    acme = record(
        None,
        ranking,
        salesforce={"industry": "A", "city": "B"},
        linkedin={"industry": "C", "city": "D"},
    )
    assert (acme.get("industry"), acme.get("city")) == ("C", "B")


def test_null_is_no_statement() -> None:
    acme = record({"phone": None}, salesforce={"phone": "1"}, csv={"phone": None})
    assert acme.stated("phone") == ("1", "salesforce")
    assert record({"phone": None}).stated("phone") == (None, None)


@given(st.permutations(SYSTEMS))
def test_the_order_in_the_file_never_matters(order: list[str]) -> None:
    acme = record(None, None, **{system: {"city": system} for system in order})
    assert acme.get("city") == "salesforce"
    assert Ranking().order("account", "city", order) == [
        *(s for s in DEFAULT_RANKING if s in order),
        "aardvark",
        "zendesk",
    ]


def test_effective_values_come_in_the_schemas_order_and_keep_the_teams_own_keys() -> None:
    acme = record(
        {"our_code": 7, "stage": "prospect", "name": "Acme"}, csv={"city": "Leeds", "x": 1}
    )
    assert list(acme.effective()) == ["name", "stage", "city", "our_code"]


def test_ids_and_aliases_all_mean_the_record() -> None:
    acme = record(
        {"aliases": ["salesforce:2", "path:accounts/old"]}, salesforce={"id": "1"}, csv={"id": 9}
    )
    assert list(acme.ids()) == ["salesforce:1", "csv:9", "salesforce:2", "path:accounts/old"]


def test_deleted_is_what_any_system_reports() -> None:
    assert record(salesforce={"id": "1", "deleted": True}).deleted
    assert not record(salesforce={"id": "1"}).deleted


def test_typed_access_gives_none_for_what_is_no_such_thing() -> None:
    acme = record({"renewal": dt.date(2026, 3, 1), "arr": Decimal("1.5"), "name": "Acme"})
    assert acme.date("renewal") == dt.date(2026, 3, 1)
    assert acme.number("arr") == Decimal("1.5")
    assert (acme.date("arr"), acme.number("name"), acme.items("name")) == (None, None, [])


def test_numbers_are_rounded_half_up() -> None:
    assert [half_up(x) for x in (59.5, 0.5, 1.5, 2.4999, -0.4)] == ["60", "1", "2", "2", "0"]
    assert half_up("0.125", 2) == "0.13"


def test_money_is_grouped() -> None:
    assert money(48000, "GBP") == "48,000 GBP"
    assert money("1234.5") == "1,234.50"
    assert money("soon", "EUR") == "soon"
