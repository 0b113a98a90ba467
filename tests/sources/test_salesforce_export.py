from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Incoming
from crmctl.sources.salesforce_export import read

REAL = Path(__file__).parents[3] / "shared" / "data" / "salesforce" / "tree"
ACCOUNT, CONTACT, DEAL = "0018d00000Kp3ZqAAJ", "0038d00000LmT9xAAF", "0068d000007QeRbAAK"


def node(kind: str, reference: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **fields}


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"totalSize": 77, "done": True, "records": records}))
    return path


def by_name(batch: Batch, kind: str) -> dict[str, Incoming]:
    return {r.fields["name"]: r for r in batch.records if r.kind == kind}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path / "Account.json", [node("Account", "AccountRef1", Name="Hollis & Vane")])
    write(
        tmp_path / "Contact.json",
        [node("Contact", "ContactRef1", LastName="Okafor", AccountId="@AccountRef1")],
    )
    plan = [
        {"sobject": "Account", "saveRefs": True, "files": ["Account.json"]},
        {"sobject": "Contact", "resolveRefs": True, "files": ["Contact.json", "Gone.json"]},
    ]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    return tmp_path


@pytest.mark.parametrize("name", [".", "plan.json"])
def test_a_tree_is_read_by_its_plan(tree: Path, name: str) -> None:
    batch = read(tree / name)
    assert by_name(batch, "account")["Hollis & Vane"].id == "AccountRef1"
    assert by_name(batch, "contact")["Okafor"].account.id == "AccountRef1"
    assert batch.notes == ["plan.json names Gone.json, which does not exist"]
    assert batch.rejected == []


def test_a_folder_without_a_plan_is_read_whole(tree: Path) -> None:
    (tree / "plan.json").unlink()
    (tree / "Case.csv").write_text(
        f"Id,CaseNumber,AccountId\n5008d00000HcD1s,00004187,{ACCOUNT[:15]}\n"
    )
    batch = read(tree)
    assert Counter(r.kind for r in batch.records) == {"account": 1, "contact": 1, "event": 1}


def test_files_that_the_plan_does_not_name_are_noted(tree: Path) -> None:
    write(tree / "Other.json", [])
    assert "the plan does not name Other.json: not read" in read(tree).notes


def test_a_plan_names_only_files_of_its_own_folder(tree: Path) -> None:
    secret = write(tree.parent / "outside.json", [node("Account", "X", Name="Outside")])
    plan = [{"sobject": "Account", "files": [f"../{secret.name}", str(secret), "Account.json"]}]
    (tree / "plan.json").write_text(json.dumps(plan))
    batch = read(tree / "plan.json")
    assert list(by_name(batch, "account")) == ["Hollis & Vane"]
    assert [r.origin for r in batch.rejected] == ["plan.json:1", "plan.json:1"]


def test_a_pointer_to_nowhere_costs_its_field(tmp_path: Path) -> None:
    records = [
        node("Contact", "C1", LastName="Okafor", AccountId="@AccountRef9"),
        node("Contact", "C2", LastName="Lind", AccountId=f"@ref{ACCOUNT}"),
    ]
    batch = read(write(tmp_path / "Contact.json", records))
    contacts = by_name(batch, "contact")
    assert not contacts["Okafor"].account
    assert contacts["Lind"].account.id == ACCOUNT
    assert [r.origin for r in batch.rejected] == ["Contact.json:1"]
    assert "AccountRef9" in batch.rejected[0].reason


def test_nested_children_belong_to_their_parent(tmp_path: Path) -> None:
    deal = node(
        "Opportunity",
        "O1",
        Name="Telemetry",
        StageName="Proposal",
        OpportunityContactRoles={"records": [{"Id": "00K8d00000BvW2mEAF", "ContactId": "@C1"}]},
    )
    account = node(
        "Account",
        "A1",
        Name="Hollis & Vane",
        Contacts={
            "totalSize": 9,
            "done": True,
            "records": [node("Contact", "C1", LastName="Lind")],
        },
        Opportunities={"records": [deal]},
        Cases=None,
    )
    batch = read(write(tmp_path / "Account.json", [account]))
    assert by_name(batch, "contact")["Lind"].account.id == "A1"
    telemetry = by_name(batch, "deal")["Telemetry"]
    assert telemetry.account.id == "A1"
    assert [link.id for link, _ in telemetry.people] == ["C1"]


def test_one_damaged_file_never_hides_the_rest(tree: Path) -> None:
    (tree / "Contact.json").write_text('{"records": [')
    batch = read(tree)
    assert [r.kind for r in batch.records] == ["account"]
    assert batch.rejected[0].origin == "Contact.json"
    with pytest.raises(CrmError, match=r"Contact\.json"):
        read(tree / "Contact.json")


def test_data_loader_csv(tmp_path: Path) -> None:
    path = tmp_path / "extract.csv"
    path.write_bytes(
        b"\xef\xbb\xbf"
        b'"ID","NAME","BILLINGSTREET","BILLINGCITY","WEBSITE","ANNUALREVENUE","NUMBEROFEMPLOYEES",'
        b'"PARENTID","OWNERID","ISDELETED"\r\n'
        b'"0018d00000Kp3Zq","Hollis, Vane","14 Aire Wharf\r\nUnit 2","Leeds",'
        b'"www.hollis.example","18500000.0","140","","0058d000001FgHj","false"\r\n'
    )
    (record,) = read(path).records
    assert (record.kind, record.id, record.deleted) == ("account", ACCOUNT, False)
    assert record.fields["street"] == "14 Aire Wharf\nUnit 2"
    assert record.fields["website"] == "https://www.hollis.example"
    assert record.fields["domains"] == ["hollis.example"]
    assert str(record.fields["annual_revenue"]) == "18500000"
    assert record.fields["employees"] == 140
    assert record.fields["parent"] is None
    assert record.fields["owner"] == "0058d000001FgHjAAK"


def test_compound_addresses_are_taken_apart(tmp_path: Path) -> None:
    address = {"street": "14 Aire Wharf", "city": "Leeds", "postalCode": "LS1 4DY", "state": None}
    cell = json.dumps(address).replace('"', '""')
    path = tmp_path / "Account.csv"
    path.write_text(
        f'Id,Name,BillingAddress,BillingCity\n{ACCOUNT},Hollis,"{cell}",York\n'
        f"0018d00000Kp3Zr,Vane,somewhere,\n"
    )
    batch = read(path)
    hollis = by_name(batch, "account")["Hollis"].fields
    assert (hollis["street"], hollis["city"], hollis["postcode"]) == (
        "14 Aire Wharf",
        "York",
        "LS1 4DY",
    )
    assert [(r.origin, r.reason[:15]) for r in batch.rejected] == [
        ("Account.csv:3", "BillingAddress:")
    ]


def test_report_csv(tmp_path: Path) -> None:
    path = tmp_path / "report1772445600.csv"
    path.write_bytes(
        '"Opportunity Name","Opportunity ID","Account Name","Account ID","Opportunity Owner","Stage",'
        '"Amount Currency","Amount","Probability (%)","Close Date","Created Date","Next Step"\n'
        '"Télémétrie","0068d000007QeRb","Hollis","0018d00000Kp3Zq","Marta Lindqvist","Closed Won",'
        '"EUR","48,000.00","100%","4/30/2026","3/2/2026",""\n'
        '"Add-on","0068d000007QeRc","Vane","","Marta Lindqvist","Proposal","EUR","","","soon",'
        '"3/2/2026",""\n'
        '\n"Grand Totals (2 records)"\n'
        '"Confidential Information - Do Not Distribute"\n'.encode("cp1252")
    )
    batch = read(path)
    won, add_on = batch.records
    assert won.id == DEAL
    assert won.account.id == ACCOUNT
    assert add_on.account.name == "Vane"
    assert won.fields["name"] == "Télémétrie"
    assert won.fields["status"] == "won"
    assert won.fields["owner"] == "Marta Lindqvist"
    assert str(won.fields["amount"]) == "48000"
    assert won.fields["currency"] == "EUR"
    assert won.fields["probability"] == 100
    assert won.fields["close"].isoformat() == "2026-04-30"
    assert won.fields["next_step"] is None
    assert add_on.fields["amount"] is None
    assert "close" not in add_on.fields
    assert [(r.origin, r.reason.partition(":")[0]) for r in batch.rejected] == [
        (f"{path.name}:3", "CloseDate")
    ]
    # The closing dates prove that this report writes the month first, in every column.
    assert won.fields["opened"].isoformat() == "2026-03-02"


def test_dates_that_can_be_read_two_ways_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "Opportunity.csv"
    path.write_text(f"Id,Name,StageName,CloseDate\n{DEAL},Telemetry,Proposal,03/04/2026\n")
    batch = read(path)
    assert "close" not in batch.records[0].fields
    assert "day/month or month/day" in batch.rejected[0].reason


def test_csv_without_ids_says_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("Account Name,Billing City\nHollis,Leeds\n")
    assert "add Account ID" in read(path).rejected[0].reason


def test_tasks_and_events_in_one_report(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(
        "Activity ID,Subject,Date,Status,Company / Account,Account ID\n"
        f"00T8d00000XyN4c,Send the contract,2026-03-05,Open,Hollis,{ACCOUNT}\n"
        f"00U8d00000ZaP7e,Quarterly review,2026-03-06,,Hollis,{ACCOUNT}\n"
    )
    assert [r.kind for r in read(path).records] == ["interaction", "task"]


def test_wrong_values_cost_their_field_and_wrong_ids_their_row(tmp_path: Path) -> None:
    path = tmp_path / "Account.json"
    path.write_text(
        '[{"Id": "0018d00000Kp3Zq", "Name": "Hollis\\u0000 \\ud800",\n'
        '  "NumberOfEmployees": NaN, "AnnualRevenue": "much", "Website": "not a site"},\n'
        ' {"Id": "0018D00000KP3ZQAAJ", "Name": "Lost capitals"},\n'
        ' {"Name": "No id"},\n'
        ' {"Id": "0018d00000Kp3Zr", "Name": null}]'
    )
    batch = read(path)
    (record,) = batch.records
    assert record.fields == {"name": "Hollis \ufffd"}
    assert [(r.origin, r.reason.partition(":")[0]) for r in batch.rejected] == [
        ("Account.json:3", "Id"),
        ("Account.json:4", "Id"),
        ("Account.json:1", "NumberOfEmployees"),
        ("Account.json:1", "AnnualRevenue"),
        ("Account.json:1", "Website"),
        ("Account.json:5", "name"),
    ]


def test_an_empty_folder_and_a_missing_file_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CrmError, match=r"no \.json or \.csv"):
        read(tmp_path)
    with pytest.raises(CrmError, match="cannot be read"):
        read(tmp_path / "gone.json")


real = pytest.mark.skipif(not REAL.is_dir(), reason="the sample org is not beside the repository")


@real
@pytest.mark.parametrize("name", [".", "new-data-plan.json"])
def test_the_sample_org_comes_out_whole(name: str) -> None:
    batch = read(REAL / name)
    kinds = Counter((r.kind, r.id[:3]) for r in batch.records)
    assert kinds == {
        ("account", "001"): 10,
        ("contact", "003"): 10,
        ("contact", "00Q"): 10,
        ("deal", "006"): 9,
        ("event", "500"): 5,
    }
    assert batch.rejected == []
    assert len(batch.notes) == 3
    accounts, contacts = by_name(batch, "account"), by_name(batch, "contact")
    assert contacts["Rose Gonzalez"].account.id == accounts["Edge Communications"].id
    assert accounts["Edge Communications"].fields["street"].split("\n") == [
        "312 Constitution Place",
        "Austin, TX 78767",
        "USA",
    ]
    assert len({r.id for n, r in accounts.items() if n.startswith("United Oil")}) == 3
    assert all(
        r.account.id in {a.id for a in accounts.values()} for r in by_name(batch, "deal").values()
    )


@real
def test_the_sample_orgs_leads_can_become_accounts() -> None:
    batch = read(REAL, leads=True)
    accounts = [r for r in batch.records if r.kind == "account"]
    assert Counter(r.fields.get("stage") for r in accounts) == {None: 10, "prospect": 10}
    ids = {r.id for r in accounts}
    assert all(r.account.id in ids for r in batch.records if r.kind == "contact")
