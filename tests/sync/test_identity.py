"""When names and numbers may mean the same."""

from __future__ import annotations

import pytest

from crmctl.model.identity import is_shared_mailbox
from crmctl.sync.identity import phone_key, similar
from crmctl.workspace.names import company_key, name_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alder Ltd.", "ALDER limited"),
        (
            "Müller & Söhne GmbH & Co. KG",
            "Mueller und Soehne".replace("ue", "u").replace("und ", "").replace("oe", "o"),
        ),
        ("The Elm Company, Inc.", "Elm"),
        ("Elm\u00a0AG", "elm"),
    ],
)
def test_spellings_of_one_company(one: str, other: str) -> None:
    assert company_key(one) == company_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Elm UK Ltd", "Elm Ltd"), ("Elm 1", "Elm 2"), ("Co", "Inc")]
)
def test_different_companies(one: str, other: str) -> None:
    assert company_key(one) != company_key(other)


def test_a_name_is_compared_without_case_accents_and_punctuation() -> None:
    assert name_key("Zoë  O'Neil-Roy") == name_key("zoe o neil roy") == "zoe o neil roy"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("+44 (0)20 7946-0001", "079460001"),
        ("020 7946 0001", "079460001"),
        ("12345", ""),
        ("", ""),
        ("٠١٢٣٤٥٦٧", ""),
    ],
)
def test_a_phone_number_by_its_last_digits(text: str, key: str) -> None:
    assert phone_key(text) == key


def test_a_desk_is_no_person() -> None:
    assert is_shared_mailbox("Info@elm.example")
    assert not is_shared_mailbox("ines@elm.example")


def test_likeness_does_not_depend_on_the_order_of_words() -> None:
    assert similar("elm trading", "trading elm") == 1
    assert similar("elm", "oak") < 0.5
