from __future__ import annotations

from typing import Any

import pytest

from crmctl.model.incoming import Batch
from crmctl.sources import linkedin_tables
from crmctl.sources.linkedin_navigator import to_batch
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

PHANTOM = (
    "profileUrl,fullName,firstName,lastName,companyName,title,companyUrl,location,linkedInProfileUrl,timestamp\n"
    '"https://www.linkedin.com/sales/lead/ACwAAAx,NAME_SEARCH,y",Bo Berg,Bo,Berg,Acme Inc,CTO,u,Oslo,'
    "https://www.linkedin.com/in/Bo-Berg/,2026-03-01T08:00:00.000Z\n"
    "https://www.linkedin.com/sales/people/ACwAAAz,Ida Dal,Ida,Dal,Acme Inc,CFO,u,Oslo,,\n"
)
OTHER = (
    "First Name;Last Name;Current Job;Company Name;Company Domain;LinkedIn URL;Email;Email Status\n"
    "Bo;Berg;CTO;Acme Inc;acme.example;linkedin.com/in/bo-berg;bo@acme.example;verified\n"
    "Eva;Lund;CEO;Elm;gmail.com;;eva@elm.example;Safe\n"
    "Ida;Dal;CFO;Elm;elm.example;linkedin.com/in/ida;ida@elm.example;invalid\n"
    "Ana;Aas;CEO;Ours;ours.example;linkedin.com/in/ana;ana@ours.example;valid\n"
)


def leads(text: str, **settings: Any) -> Batch:
    sheet = linkedin_tables.read(text.encode(), "leads.csv")
    assert sheet is not None
    assert sheet.shape.name == "leads"
    return to_batch(
        sheet, LinkedInSettings(**settings), Interest({}, {}, frozenset({"ours.example"}))
    )


def test_a_lead_is_known_by_its_public_profile_only() -> None:
    batch = leads(PHANTOM)
    (bo,) = batch.records
    assert bo.id == "bo-berg"
    assert bo.fields == {
        "name": "Bo Berg",
        "title": "CTO",
        "company": "Acme Inc",
        "linkedin": "https://www.linkedin.com/in/bo-berg",
        "modified": "2026-03-01T08:00:00+00:00",
        "provenance": "third_party_csv",
    }
    assert (bo.creates, bo.waits) == (False, False)
    assert batch.notes == ["1 leads have neither a public profile nor an e-mail: left out"]


def test_columns_may_have_other_names_and_addresses_are_taken_that_the_tool_vouches_for() -> None:
    bo, eva, ida = leads(OTHER, contacts=True).records
    assert (bo.account.domain, bo.account.name) == ("acme.example", "Acme Inc")
    assert bo.fields["email"] == "bo@acme.example"
    assert (eva.id, eva.account.domain) == ("eva@elm.example", "")
    assert "email" not in ida.fields
    assert bo.creates


@pytest.mark.parametrize(
    "header", ["name,url\n", "Company Name,Website\n", "First Name,Last Name,Email\n"]
)
def test_other_tables_are_no_list_of_leads(header: str) -> None:
    assert linkedin_tables.read(f"{header}x,y\n".encode(), "x.csv") is None
