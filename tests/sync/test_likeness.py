"""What speaks for two records being one: numbers, names, addresses, profiles; and what speaks against it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.record import Ranking, Record
from crmctl.sync.companies import company
from crmctl.sync.dupes import Suggestion, suggest_among
from crmctl.sync.identity import native, phone_of, same_country, same_person, same_phone
from crmctl.sync.places import agreement, place_of


def record(kind: str, id: str, fields: dict[str, Any], account: str = "") -> Record:
    return Record(
        kind, account or id, id, f"{id}.md", {}, {"csv": {"id": id, **fields}}, "", Ranking()
    )


def between(
    kind: str, one: dict[str, Any], other: dict[str, Any], *, account: str = ""
) -> Suggestion | None:
    found = suggest_among([record(kind, "a", one, account), record(kind, "b", other, account)])
    assert len(found) <= 1
    return found[0] if found else None


def level(
    kind: str, one: dict[str, Any], other: dict[str, Any], *, account: str = ""
) -> str | None:
    found = between(kind, one, other, account=account)
    return found.level if found else None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("+44 (0)20 7946-0001", ""), ("020 7946 0001", "United Kingdom"), True),
        (("+44 20 7946 0001", ""), ("0044 20 79460001", "DE"), True),
        (("+47 22 00 00 03", ""), ("22 00 00 03", "Norge"), True),
        (("+44 20 7946 0001", ""), ("+49 20 7946 0001", ""), False),
        (("020 7946 0001", ""), ("+44 20 7946 0001", ""), True),
        (("+1 202 555 0100 ext. 12", ""), ("(202) 555-0100", "USA"), True),
        (("22 00 00 03", "NO"), ("22 00 00 03", "DK"), False),
        (("12", ""), ("12", ""), False),
        (("call me", ""), ("call me", ""), False),
    ],
)
def test_numbers_are_equal_in_international_form(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert same_phone(phone_of(*one), phone_of(*other)) is same
    assert same_phone(phone_of(*other), phone_of(*one)) is same


def test_a_number_is_one_more_reason_and_never_enough() -> None:
    bo, dial = (
        {"name": "Bo Berg", "mobile": "+44 20 7946 0001"},
        {"phone": "020 7946 0001", "country": "GB"},
    )
    found = between("contact", bo, {"name": "Bo Berg", **dial})
    assert found is not None
    assert (found.level, found.reasons) == (
        "possible",
        ("same name", "same phone +44 20 7946 0001"),
    )
    assert level("contact", bo, {"name": "Eva Lund", **dial}) is None
    assert level("contact", bo, {"name": "Bo Berg", "phone": "+49 20 7946 0001"}) is None


def test_the_country_of_the_account_completes_a_number() -> None:
    home = record("account", "elm", {"name": "Elm", "country": "Norway"})
    people = [
        record("contact", "a", {"name": "Bo Berg", "phone": "22 00 00 03"}, "elm"),
        record("contact", "b", {"name": "Bo Berg", "phone": "+4722000003"}, "oak"),
    ]
    (found,) = suggest_among([home, *people])
    assert "same phone" in found.reasons[1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("anna schmidt", "schmidt anna", True),
        ("waller", "jamilla wallner", True),
        ("hayd en smith", "hayden smith", True),
        ("isablela loddwr", "isabella lodder", True),
        ("matilda hanna", "daniel hanna", False),
        ("tim meyer", "tom meyer", False),
        ("", "tom", False),
    ],
)
def test_slips_of_the_pen_are_forgiven_and_other_first_names_are_not(
    one: str, other: str, same: bool
) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


HOME = {"street": "6 Tullaroop Street\nWillaroo", "city": "St James", "postcode": "4011"}


@pytest.mark.parametrize(
    ("name", "where", "found"),
    [
        ("Ana Waller", {}, "likely"),
        ("Ana Wallner", {"street": "6 Tullarop St, Willaroo"}, "likely"),
        ("Waller", {"postcode": "4101"}, "likely"),
        ("Tom Waller", {}, "possible"),
        ("Tom Reyes", {}, None),
        ("Ana Wallner", {"street": "6 Mill Lane"}, None),
        ("Ana Waller", {"city": "Perth", "postcode": "9", "street": "99 Tullaroop Street"}, None),
    ],
)
def test_about_one_name_at_about_one_address(
    name: str, where: dict[str, str], found: str | None
) -> None:
    assert (
        level("contact", {"name": "Ana Waller", **HOME}, {"name": name, **HOME, **where}) == found
    )


def test_at_one_address_two_mailboxes_leave_a_doubt() -> None:
    one, other = ({"name": "Ana Waller", **HOME, "email": f"{n}@elm.example"} for n in "ab")
    assert level("contact", one, other) == "possible"


def test_a_town_alone_brings_nobody_together() -> None:
    town = {"city": "Leeds", "postcode": "LS1"}
    assert level("contact", {"name": "Ana Roy", **town}, {"name": "Ana Roy", **town}) is None


def test_one_profile_is_one_person() -> None:
    url = "https://www.linkedin.com/in/bo-berg"
    one, other = (
        {"name": "Bo Berg", "linkedin": url},
        {"name": "B. Berg", "linkedin": f"{url}/de?x"},
    )
    found = between("contact", one, other)
    assert found is not None
    assert (found.level, found.reasons) == ("likely", ("same LinkedIn profile bo-berg",))
    assert (
        level("contact", one, {"name": "Bo Berg", "linkedin": f"{url}-2"}, account="elm")
        == "possible"
    )


@pytest.mark.parametrize(
    ("name", "key", "form"),
    [
        ("Elm Limited", "elm", "ltd"),
        ("Elm S. A.", "elm", "sa"),
        ("Elm S.p.A.", "elm", "spa"),
        ("The Elm Company, Inc.", "elm", "inc"),
        ("Elm GmbH & Co. KG", "elm", "gmbh kg"),
        ("ООО «Ромашка»", "romashka", "ooo"),
        ("株式会社さくら", "sakura", "kk"),
        ("さくら㈱", "sakura", "kk"),
        ("Elm", "elm", ""),
        ("Ltd", "ltd", ""),
    ],
)
def test_a_company_has_a_name_and_a_form(name: str, key: str, form: str) -> None:
    assert company(name)[:2] == (key, form)


HQ = {
    "domains": ["elm.example"],
    "phone": "+44 20 7946 0001",
    "street": "1 Mill Ln.",
    "city": "Leeds",
}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"name": "Elm Ltd", **HQ}, {"name": "ELM Limited", **HQ}, "likely"),
        ({"name": "Elm Ltd", **HQ}, {"name": "Elm GmbH", **HQ}, "possible"),
        (
            {"name": "Elm", **HQ, "country": "UK"},
            {"name": "Elm", **HQ, "country": "Irland"},
            "possible",
        ),
        (
            {"name": "Elm", **HQ, "country": "DE"},
            {"name": "Elm", **HQ, "country": "Germany"},
            "likely",
        ),
        ({"name": "Elm Ltd", **HQ}, {"name": "Elm UK Ltd", **HQ}, "possible"),
        (
            {"name": "Elm Ltd", "street": "1 Mill Lane", "city": "Leeds"},
            {"name": "The Elm Co", **HQ},
            "likely",
        ),
        ({"name": "Ромашка", **HQ}, {"name": "Romashka", **HQ}, "likely"),
        ({"name": "黎明", "city": "X"}, {"name": "利明", "city": "X"}, "possible"),
        ({"name": "黎明", "city": "X"}, {"name": "黎明有限公司", "city": "X"}, "likely"),
    ],
)
def test_companies(one: dict[str, Any], other: dict[str, Any], found: str | None) -> None:
    assert level("account", one, other) == found


def test_names_that_only_sound_alike_are_not_one_person() -> None:
    assert level("contact", {"name": "黎明"}, {"name": "利明"}, account="elm") is None
    assert level("contact", {"name": "黎明"}, {"name": "黎明"}, account="elm") == "likely"
    assert (
        level("contact", {"name": "Jérôme Roy"}, {"name": "Jerome Roy"}, account="elm") == "likely"
    )


def test_countries_by_name_and_code() -> None:
    assert same_country("Deutschland", "de") is True
    assert same_country("UK", "France") is False
    assert same_country("", "FR") is None
    assert same_country("Atlantis", "FR") is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert same_phone(phone_of(one), phone_of(other)) == same_phone(phone_of(other), phone_of(one))
    assert same_person(one, other) == same_person(other, one)
    assert native(one) == native(native(one)) or not native(one)
    first, second = (
        place_of(record("account", "a", {"street": text, "city": text})) for text in (one, other)
    )
    found = agreement(first, second)
    assert found is None or 0 <= found.score <= 1
