"""Phone numbers and profiles in the form in which two spellings of one are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.identity import country_code, normal_phone, normal_profile, profile_url


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+44 (0)20 7946-0001", "", "+442079460001"),
        ("020 7946 0001", "United Kingdom", "+442079460001"),
        ("020 7946 0001", "uk", "+442079460001"),
        ("020 7946 0001", "", None),
        ("0044 20 7946 0001", "", "+442079460001"),
        ("22 00 00 03", "Norwegen", "+4722000003"),
        ("+47 22 00 00 03", "DE", "+4722000003"),
        ("٠٣٠ ١٢٣٤٥٦٧", "de", "+49301234567"),
        ("+1 202 555 0100 x12", "", "+12025550100"),
        ("12", "DE", None),
        ("call me", "DE", None),
        ("", "", None),
        ("+44" + "1" * 80, "", None),
    ],
)
def test_a_phone_number_has_one_international_form(
    text: str, country: str, expected: str | None
) -> None:
    assert normal_phone(text, country) == expected


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("Allemagne", "DE"),
        ("U.S.A.", "US"),
        ("England", "GB"),
        ("", None),
        ("Mars", None),
    ],
)
def test_a_country_by_code_or_name_in_any_language(country: str, code: str | None) -> None:
    assert country_code(country) == code


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("https://www.linkedin.com/in/Bo-Berg-7a535b11/", "bo-berg-7a535b11"),
        ("linkedin.com/in/%C3%A5sa-lund?trk=x", "åsa-lund"),
        ("http://de.LinkedIn.com/in/a/de#x", "a"),
        ("https://www.linkedin.com/mwlite/in/bo", "bo"),
        (
            "https://www.linkedin.com/in/ACoAABcdEfghijklmnopqrstuvwxyz",
            "ACoAABcdEfghijklmnopqrstuvwxyz",
        ),
        ("https://www.linkedin.com/in/a%1B%2Fb", "a%1b%2fb"),
        ("https://www.linkedin.com/sales/lead/ACwAAA,NAME", None),
        ("https://www.linkedin.com/company/acme", None),
        ("https://www.linkedin.com/redir?url=linkedin.com/in/bo", None),
        ("https://evil.example/linkedin.com/in/bo", None),
        ("https://linkedin.com.evil.example/in/bo", None),
        ("https://www.linkedin.com/in/", None),
        ("bo", None),
    ],
)
def test_a_profile_has_one_name_however_its_address_is_written(
    url: str, profile: str | None
) -> None:
    assert normal_profile(url) == profile
    if profile is not None:
        assert normal_profile(profile_url(profile)) == profile


@given(st.text(max_size=40))
def test_any_text_is_a_profile_or_none(text: str) -> None:
    found = normal_profile(f"https://www.linkedin.com/in/{text}")
    assert found is None or normal_profile(profile_url(found)) == found
    assert normal_phone(text, text) is None or normal_phone(text, text) == normal_phone(text, text)
