from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.incoming import Batch
from crmctl.sources import linkedin_tables
from crmctl.sources.linkedin_connections import to_batch
from crmctl.sources.linkedin_tables import day
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

NOW = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)
OURS = Interest({}, {}, frozenset({"ours.example"}))
NOTES = 'Notes:\n"When exporting, you may ""notice"" gaps,\nsee https://www.linkedin.com/psettings."\n\n'
HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
ROWS = (
    'Bo,Berg,https://www.linkedin.com/in/bo-berg-7a535b11,,"Acme, Inc.",CTO,08 Feb 2026\n'
    'Åsa,"Lund, PhD",https://www.linkedin.com/in/%C3%A5sa-lund,asa@lund.example,,Advisor,14 Nov 2019\n'
    ",,,,,,03 Mar 2020\n"
)


def connections(raw: bytes, stamp: str = "", **settings: Any) -> Batch:
    sheet = linkedin_tables.read(raw, "Connections.csv")
    assert sheet is not None
    assert sheet.shape.name == "connections"
    return to_batch(sheet, stamp, LinkedInSettings(**settings), OURS, NOW)


def test_a_connection_is_a_contact_known_by_its_profile() -> None:
    batch = connections((NOTES + HEADER + ROWS).encode(), "2026-03-09")
    bo, asa = batch.records
    assert bo.id == "bo-berg-7a535b11"
    assert bo.fields == {
        "name": "Bo Berg",
        "linkedin": "https://www.linkedin.com/in/bo-berg-7a535b11",
        "company": "Acme, Inc.",
        "title": "CTO",
        "connected": dt.date(2026, 2, 8),
        "provenance": None,
        "modified": "2026-03-09",
    }
    assert bo.account.name == "Acme, Inc."
    assert (asa.id, asa.fields["name"], asa.fields["email"]) == (
        "åsa-lund",
        "Åsa Lund, PhD",
        "asa@lund.example",
    )
    assert asa.fields["company"] is None, "who has a title and no company has none"
    assert batch.notes == ["1 connections have neither profile nor e-mail: left out"]
    assert batch.rejected == []


def test_an_empty_address_and_an_empty_company_say_nothing() -> None:
    row = "Bo,Berg,https://www.linkedin.com/in/bo,,,,08 Feb 2026\n"
    (bo,) = connections((HEADER + row).encode()).records
    assert {"email", "company", "title", "modified"}.isdisjoint(bo.fields)
    assert not bo.account


def test_whether_unknown_people_become_contacts_is_for_the_team_to_say() -> None:
    for wanted in (False, True):
        batch = connections((HEADER + ROWS).encode(), contacts=wanted)
        assert {(r.creates, r.waits) for r in batch.records} == {(wanted, False)}


@pytest.mark.parametrize(
    "raw",
    [
        (HEADER + ROWS).encode(),
        b"\xef\xbb\xbf" + (NOTES + HEADER + ROWS).encode(),
        (NOTES + HEADER + ROWS).replace("\n", "\r\n").encode(),
        ("Notes:\n" * 9 + HEADER + ROWS).encode(),
        ("sep=;\n" + HEADER.replace(",", ";") + ROWS.replace(",", ";").replace("Acme; Inc", "Acme, Inc")
         .replace("Lund; PhD", "Lund, PhD")).encode("cp1252"),
        (HEADER + ROWS).encode("utf-16"),
    ],
)  # fmt: skip
def test_what_stands_before_the_header_and_how_it_is_written_do_not_matter(raw: bytes) -> None:
    batch = connections(raw)
    assert [r.id for r in batch.records] == ["bo-berg-7a535b11", "åsa-lund"]
    assert batch.records[0].fields["company"] == "Acme, Inc."
    assert batch.records[1].fields["name"] == "Åsa Lund, PhD"


def test_rows_keep_their_lines_in_the_file() -> None:
    raw = NOTES + HEADER + ROWS + "Too,few\n"
    batch = connections(raw.encode())
    assert [r.origin for r in batch.records] == ["Connections.csv:6", "Connections.csv:7"]
    assert [r.origin for r in batch.rejected] == ["Connections.csv:9"]


def test_one_damaged_letter_does_not_spoil_the_others() -> None:
    raw = (HEADER + ROWS).encode().replace(b"CTO", b"CT\xd8")
    batch = connections(raw)
    assert batch.records[1].fields["name"] == "Åsa Lund, PhD"
    assert batch.records[0].fields["title"] == "CT\ufffd"


def test_old_and_german_exports() -> None:
    old = "First Name,Last Name,Email Address,Company,Position,Connected On\n"
    (ada,) = connections(
        (old + 'Ada,Roy,ada@elm.example,Elm,CEO,"04/05/17, 11:12 AM"\n').encode()
    ).records
    assert (ada.id, ada.fields["connected"]) == ("ada@elm.example", dt.date(2017, 4, 5))
    german = "Vorname,Nachname,URL,E-Mail-Adresse,Unternehmen,Position,Verbunden am\n"
    (eva,) = connections(
        (german + "Eva,Roy,linkedin.com/in/eva,,Elm,CEO,5. März 2024\n").encode()
    ).records
    assert (eva.id, eva.fields["connected"]) == ("eva", dt.date(2024, 3, 5))


def test_colleagues_and_desks() -> None:
    rows = (
        "Ana,Aas,https://www.linkedin.com/in/ana,ana@ours.example,Ours,CEO,08 Feb 2026\n"
        "In,Fo,https://www.linkedin.com/in/info,info@elm.example,Elm,Desk,08 Feb 2026\n"
    )
    (desk,) = connections((HEADER + rows).encode()).records
    assert desk.id == "info"
    assert "email" not in desk.fields


@pytest.mark.parametrize("on", ["soon", "31 Feb 2026", "08 Feb 2030", "08 Foo 2026"])
def test_a_day_that_is_none_costs_only_itself(on: str) -> None:
    batch = connections((HEADER + f"Bo,Berg,linkedin.com/in/bo,,Elm,CTO,{on}\n").encode())
    assert batch.records[0].fields["title"] == "CTO"
    assert "connected" not in batch.records[0].fields
    assert [r.origin for r in batch.rejected] == ["Connections.csv:2"]


@given(st.dates(min_value=dt.date(2003, 5, 5), max_value=dt.date(2199, 12, 31)))
def test_every_day_is_read_in_any_locale(date: dt.date) -> None:
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    assert day(f"{date.day:02} {months[date.month - 1]} {date.year}") == date
    assert day(date.isoformat()) == date


@given(st.text(max_size=40))
def test_any_text_is_a_day_or_none(text: str) -> None:
    assert day(text) is None or isinstance(day(text), dt.date)
