"""Contacts by the address of their LinkedIn profile, and what becomes of one who changes company."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.incoming import Batch, Incoming, Link
from crmctl.model.record import Ranking, Record
from crmctl.sources.linkedin_files import read
from crmctl.sources.source import Interest
from crmctl.sync.carry import Report, import_batch
from crmctl.sync.dupes import suggest
from crmctl.sync.known import Known
from crmctl.sync.matching import Matched, Matcher
from crmctl.workspace.config import Config
from crmctl.workspace.source_settings import LinkedInSettings
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import NOW, account, batch, contact

BO = "https://www.linkedin.com/in/bo-berg"


def connection(
    id: str = "bo-berg", name: str = "Bo Berg", company: str = "Elm", **fields: Any
) -> Incoming:
    stated = {
        "name": name,
        "linkedin": f"https://www.linkedin.com/in/{id}",
        "company": company,
        **fields,
    }
    return Incoming(
        "linkedin", "contact", id, stated, account=Link(name=company), creates=False, waits=False
    )  # fmt: skip


def told(ws: Workspace, *records: Incoming) -> Report:
    return import_batch(ws, Batch("linkedin", list(records)))


def block(ws: Workspace, path: str = "elm/contacts/bo-berg.md") -> str:
    text = (ws.root / "accounts" / path).read_text("utf-8")
    return (
        text.partition("  linkedin:\n")[2].partition("---")[0].partition("\n\n")[0].strip("\n")
        + "\n"
    )


@pytest.fixture
def elm(ws: Workspace) -> Workspace:
    import_batch(ws, batch(account("A1", "Elm"), contact("C1", "Bo Berg", "A1", "bo@elm.example")))
    return ws


def state_profile(ws: Workspace, url: str, id: str = "bo-berg") -> None:
    path = ws.root / f"accounts/elm/contacts/{id}.md"
    path.write_text(path.read_text("utf-8").replace("---\n", f"---\nlinkedin: {url}\n", 1), "utf-8")


@pytest.mark.parametrize(
    "url", [BO, "http://de.linkedin.com/in/Bo-Berg/?trk=x", "linkedin.com/in/bo%2Dberg/en"]
)
def test_a_profile_that_a_person_states_is_the_contact(elm: Workspace, url: str) -> None:
    state_profile(elm, url if "://" in url else f"https://{url}")
    report = told(elm, connection(title="CTO"))
    assert report.plan.changes.paths == ["accounts/elm/contacts/bo-berg.md"]
    assert block(elm) == (
        f"    id: bo-berg\n    company: Elm\n    linkedin: {BO}\n    name: Bo Berg\n    title: CTO\n"
    )
    assert not told(elm, connection(title="CTO")).plan.changes


def test_a_profile_that_another_system_states_is_the_contact(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), contact("C1", "B. Berg", "A1", linkedin=BO)))
    told(ws, connection())
    assert "company: Elm" in block(ws, "elm/contacts/b-berg.md")


def test_a_name_alone_is_nobody(elm: Workspace) -> None:
    assert not told(elm, connection()).plan.changes
    assert not told(elm, connection(), connection("bo-berg-2")).plan.changes


def test_a_profile_of_two_contacts_is_nobodys(elm: Workspace) -> None:
    import_batch(elm, batch(contact("C2", "Bo Two", "A1")))
    state_profile(elm, BO)
    state_profile(elm, BO, "bo-two")
    assert not told(elm, connection()).plan.changes


def test_a_contact_has_one_profile_only(elm: Workspace) -> None:
    state_profile(elm, BO)
    told(elm, connection())
    path = elm.root / "accounts/elm/contacts/bo-berg.md"
    path.write_text(
        path.read_text("utf-8").replace(f"\nlinkedin: {BO}", f"\nlinkedin: {BO}-two"), "utf-8"
    )
    assert not told(elm, connection("bo-berg-two", title="Other")).plan.changes


def test_who_is_created_at_a_known_account_is_only_suggested_beside_a_namesake(
    elm: Workspace,
) -> None:
    report = told(elm, replace(connection(), creates=True))
    assert [path.rpartition("/")[0] for path in report.plan.changes.paths] == [
        "accounts/elm/contacts"
    ]
    (found,) = suggest(elm)
    assert (found.level, found.reasons[0]) == ("likely", "same name")
    assert not told(elm, replace(connection("stranger", company="Oak"), creates=True)).plan.changes


def test_a_known_address_survives_a_connection_without_one(elm: Workspace) -> None:
    state_profile(elm, BO)
    told(elm, connection(email="bo@berg.example"))
    told(elm, connection(title="CEO"))
    assert "email: bo@berg.example" in block(elm)


@pytest.mark.parametrize(
    ("companies", "before"),
    [
        (("Elm", "Oak"), "company_before: Elm"),
        (("Elm", "Oak", "Oak", "Ash"), "company_before: Oak"),
        (("Elm", None, "Oak"), "company_before: Elm"),
        (("Elm", "Elm Ltd.", "ELM"), ""),
        (("Elm", "Elm"), ""),
        ((None, "Oak"), ""),
    ],
)
def test_who_changes_company_keeps_the_one_before(
    elm: Workspace, companies: tuple[str, ...], before: str
) -> None:
    state_profile(elm, BO)
    for company in companies:
        told(elm, connection(company=company))
    found = [line.strip() for line in block(elm).splitlines() if "company_before" in line]
    assert found == ([before] if before else [])
    assert not told(elm, connection(company=companies[-1])).plan.changes


def test_an_older_archive_moves_nobody(elm: Workspace) -> None:
    state_profile(elm, BO)
    told(elm, connection(company="Oak", modified="2026-03-01"))
    assert not told(elm, connection(company="Elm", modified="2026-02-01")).plan.changes


HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
MESSAGES = (
    "CONVERSATION ID,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,DATE,SUBJECT,CONTENT,FOLDER\n"
    f"1,Bo,{BO},Ana,https://www.linkedin.com/in/ana,2026-03-01 09:00:00 UTC,,Hi,INBOX\n"
)
FEED = "company,date,text,url\nElm,2026-02-01,We grew,https://elm.example/1\n"


def test_messages_and_updates_find_the_account(elm: Workspace, tmp_path: Path) -> None:
    state_profile(elm, BO)
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "messages.csv").write_text(MESSAGES)
    (folder / "feed.csv").write_text(FEED)
    settings, interest = LinkedInSettings(), Interest({}, {})
    import_batch(elm, read(folder, settings, interest, NOW))
    traffic = (elm.root / "accounts/elm/interactions/2026.jsonl").read_text("utf-8")
    note, chat = traffic.splitlines()
    assert '"type": "note"' in note
    assert '"url": "https://elm.example/1"' in note
    assert '"with": ["bo-berg"]' in chat
    report = import_batch(elm, read(folder, settings, interest, NOW))
    assert not report.plan.changes


NAMES = st.sampled_from(["Elm", "Elm Ltd", "ELM", "Éλμ", "Oak", "Bo Berg", ""])
PHONES = st.sampled_from(["", "+44 20 7946 0001", "020 7946 0001"])
OWN = st.sampled_from(["", "one", "two"])


@given(st.sampled_from(["account", "contact"]), NAMES, NAMES, PHONES, PHONES, OWN, OWN)
def test_only_an_id_an_address_a_domain_or_a_profile_ever_matches(
    kind: str, name: str, other: str, phone: str, dial: str, own: str, theirs: str
) -> None:
    def fields(name: str, phone: str, key: str) -> dict[str, Any]:
        certain: dict[str, Any] = (
            {"domains": [f"{key}.example"]} if kind == "account" else {"email": f"x@{key}.example"}
        )
        return {"name": name, "phone": phone, "city": "Hull", "street": "1 High St"} | (
            certain if key else {}
        )

    known = Known()
    for id in ("elm", "elm/bo") if kind == "contact" else ("elm",):
        home, _, person = id.partition("/")
        what = "contact" if person else "account"
        values = fields(name, phone, own) if what == kind else {"name": "Home"}
        known.add(
            Record(
                what,
                home,
                person or home,
                f"{id}.md",
                {},
                {"salesforce": {"id": id, **values}},
                "",
                Ranking(),
            )
        )
    incoming = Incoming(
        "gong",
        kind,
        "1",
        fields(other, dial, theirs),
        account=Link(slug="elm") if kind == "contact" else Link(),
    )
    found = Matcher(known, Config(), [incoming]).match(incoming, dict(incoming.fields))
    assert isinstance(found, Matched) == bool(own and own == theirs)


def test_where_the_domain_and_the_name_are_of_two_companies_neither_matches(ws: Workspace) -> None:
    import_batch(
        ws, batch(account("A1", "Elm Ltd", domains=["elm.example"]), account("A2", "Elm UK Ltd"))
    )
    for name, created in (("Elm UK Ltd", 1), ("Elm", 0)):
        other = Incoming("supabase", "account", name, {"name": name, "domains": ["elm.example"]})
        made = import_batch(ws, Batch("supabase", [other]), dry_run=True).plan
        assert made.created["account"] == created, name
        assert bool(made.suggested) == bool(created), name


def test_the_day_of_a_connection_stays_a_day(elm: Workspace) -> None:
    state_profile(elm, BO)
    told(elm, connection(connected=dt.date(2026, 2, 8)))
    assert "connected: 2026-02-08\n" in block(elm)
