from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.identity import (
    FREE_MAIL,
    email_domain,
    is_free_mail,
    normal_email,
    registrable_domain,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ines.Okafor@Hollis.Example", "ines.okafor@hollis.example"),
        (" ines+news@hollis.example ", "ines@hollis.example"),
        ("i.n.e.s+x@gmail.com", "ines@gmail.com"),
        ("i.n.e.s@googlemail.com", "ines@googlemail.com"),
        ("+only@hollis.example", "+only@hollis.example"),
        ("jo@münchen.example", "jo@xn--mnchen-3ya.example"),
        ("no address", None),
        ("a@b", None),
        ("a@" + "x" * 300 + ".example", None),
    ],
)
def test_two_spellings_of_a_mailbox_have_one_form(text: str, expected: str | None) -> None:
    assert normal_email(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://www.hollis.example/shop?x=1", "hollis.example"),
        ("shop.hollis.example:8080", "hollis.example"),
        ("https://user:secret@a.b.hollis.co.uk./", "hollis.co.uk"),
        ("HOLLIS.EXAMPLE", "hollis.example"),
        ("hollis.github.io", "hollis.github.io"),
        ("github.io", None),
        ("co.uk", None),
        ("10.0.0.1", None),
        ("http://[::1]/", None),
        ("localhost", None),
        ("two words.example", None),
        ("", None),
    ],
)
def test_the_domain_a_company_registered(text: str, expected: str | None) -> None:
    assert registrable_domain(text) == expected


def test_look_alike_letters_make_another_domain() -> None:
    assert registrable_domain("h\u043ellis.example") != "hollis.example"


def test_mail_providers_name_no_company() -> None:
    assert email_domain("jo@mail.hollis.example") == "hollis.example"
    assert is_free_mail("GMAIL.com")
    assert is_free_mail("mail.example", {"mail.example"})
    assert not is_free_mail("hollis.example")
    assert all(registrable_domain(domain) == domain for domain in FREE_MAIL)


@given(st.text(max_size=80))
def test_any_text_has_a_normal_form_or_none(text: str) -> None:
    email, domain = normal_email(text), registrable_domain(text)
    assert email is None or normal_email(email) == email
    assert domain is None or registrable_domain(domain) == domain
