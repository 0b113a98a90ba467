from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.record import Account, Ranking, Record
from crmctl.privacy.pseudonyms import Pseudonyms, fold, for_model

TODAY = dt.date(2026, 11, 16)
PEOPLE = {
    "dan-whitlock": {
        "name": "Dan Whitlock",
        "email": "dan.whitlock@harbour.example",
        "phone": "+44 7700 900187",
    },
    "tomas-ferreira": {"name": "Tomás von Ferreira", "mobile": "0113 496 0221 / 0113 496 0333"},
    "priya-raman": {"name": "Priya Raman", "linkedin": "https://www.linkedin.com/in/praman77"},
}


def account(people: dict[str, dict[str, Any]]) -> Account:
    def record(kind: str, id: str, own: dict[str, Any]) -> Record:
        return Record(kind, "acme", id, f"accounts/acme/{id}.md", own, {}, "", Ranking())

    contacts = {id: record("contact", id, own) for id, own in people.items()}
    return Account(record("account", "acme", {"name": "Acme"}), contacts)


@pytest.fixture
def names() -> Pseudonyms:
    return Pseudonyms(account(PEOPLE), PEOPLE, ["ours.example"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Dan Whitlock called.", "Person A called."),
        ("DAN called, and whitlock's boss.", "Person A called, and Person A's boss."),
        ("Tomas, TOMÁS and Toma\u0301s", "Person C, Person C and Person C"),
        ("Tomás von Ferreira, von Ferreira", "Person C, von Person C"),
        ("D\u00adan and D\u200ban", "Person A and Person A"),
        ("Ｄａｎ", "Person A"),
        ("Danish dance, Jordan", "Danish dance, Jordan"),
        ("accounts/acme/contacts/dan-whitlock.md:3", "accounts/acme/contacts/person-a.md:3"),
        ("2026-11-20-call-dan-s9kq.md", "2026-11-20-call-person-a-s9kq.md"),
        ("write to Dan.Whitlock@Harbour.example", "write to (mail address)"),
        ("stranger@other.example, ruth@ours.example", "(mail address), ruth@ours.example"),
        ("ring +447700900187 or 07700 900187", "ring (phone number) or (phone number)"),
        ("ring (0113) 496-0333", "ring (phone number)"),
        ("ring +49 30 901820", "ring (phone number)"),
        ("on 2026-10-28, 192,000 GBP", "on 2026-10-28, 192,000 GBP"),
        ("and then Priya Ram…", "and then Person B …"),
        ("and then he went on…", "and then he went on…"),
        ("ring 07700 9…", "ring …"),
        ("see linkedin.com/in/praman77", "see linkedin.com/in/person-b"),
    ],
)
def test_names_addresses_and_numbers_go(names: Pseudonyms, text: str, shown: str) -> None:
    assert names.text(text) == shown


def test_names_come_back_and_nothing_else_does(names: Pseudonyms) -> None:
    assert (
        names.back(names.text("Ask Dan Whitlock and Priya.")) == "Ask Dan Whitlock and Priya Raman."
    )
    assert names.back("Person Z and person a") == "Person Z and person a"
    # Somebody who writes like a pseudonym does not become the person behind it.
    assert names.back(names.text("As Person A said")) == "As person a said"


def test_a_pseudonym_is_nobodys_name() -> None:
    people = {f"p{n:02}": {"name": f"Ng{n} Person"} for n in range(30)} | {
        "x": {"name": "Al Contact"}
    }
    names = Pseudonyms(account(people), people)
    assert names.of("p00") == "Individual A"
    assert {names.of(id) for id in people}.isdisjoint({"Individual AL", "Person A"})
    assert len({names.of(id) for id in people}) == len(people)


def test_a_name_of_two_people_is_both() -> None:
    people = {"ann-low": {"name": "Ann Low"}, "ann-mai": {"name": "Ann Mai"}}
    found = Pseudonyms(account(people), people)
    assert found.text("Ann and Ann Mai") == "Person A or Person B and Person B"


def test_names_in_a_script_without_blanks() -> None:
    people = {"a": {"name": "田中太郎"}}
    assert "田中" not in Pseudonyms(account(people), people).text("昨日田中太郎さんに会った")


def test_consent_to_either_purpose_gives_the_name_and_shifts_nobody() -> None:
    def granted(purpose: str, **more: Any) -> list[dict[str, Any]]:
        entry = {"purpose": purpose, "status": "granted", "at": dt.date(2026, 1, 1), **more}
        return [entry]

    people = {
        "ann": {"name": "Ann Low", "consent": granted("ai")},
        "bea": {"name": "Bea Mai", "consent": granted("marketing")},
        "cem": {"name": "Cem Noor", "consent": granted("language_model")},
        "dia": {"name": "Dia Ostrom", "consent": granted("ai", expires=dt.date(2026, 2, 1))},
    }
    names = for_model(account(people), TODAY, ())
    assert names.hidden == {"bea", "dia"}
    assert names.text("Ann, Bea, Cem, Dia") == "Ann, Person B, Cem, Person D"


LETTERS = st.characters(categories=("Lu", "Ll"), max_codepoint=0x24F)
WORD = st.text(LETTERS, min_size=2, max_size=9)
NAME = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
DIGITS = st.text("0123456789", min_size=9, max_size=12)


@given(st.lists(st.tuples(NAME, DIGITS), min_size=1, max_size=4), st.data())
def test_nothing_of_a_hidden_contact_is_left(
    people: list[tuple[str, str]], data: st.DataObject
) -> None:
    records = {
        f"id{n}": {"name": name, "email": f"u{n}.x@cust.example", "phone": f"+{digits}"}
        for n, (name, digits) in enumerate(people)
    }
    names = Pseudonyms(account(records), records)
    forms: list[str] = []
    for own in records.values():
        name = own["name"]
        forms += [
            name,
            name.upper(),
            name.lower(),
            unicodedata.normalize("NFD", name),
            own["email"].upper(),
        ]
        forms += [own["phone"], f"{own['phone'][:4]} {own['phone'][4:8]}-{own['phone'][8:]}"]
    parts = data.draw(
        st.lists(st.sampled_from(forms) | st.sampled_from(["and", ",", "…", "(", "\n"]))
    )
    shown = names.text(" ".join(parts))
    words = set("".join(c if c.isalnum() else " " for c in fold(shown)).split())
    digits = "".join(c for c in shown if c.isdigit())
    own_words = {
        "person",
        "contact",
        "individual",
        "mail",
        "address",
        "phone",
        "number",
        "or",
        "and",
    }
    letters = {fold(names.of(id)).split()[1] for id in records}
    for own in records.values():
        for part in own["name"].split():
            assert fold(part) not in words - own_words - letters
        assert own["email"] not in shown.lower()
        assert own["phone"][1:] not in digits
