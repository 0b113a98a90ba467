"""What a person states over a system holds, whatever the system says later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import Load, load_csv, org, shown, values

SLUG = "alder-freight-ltd"
PROFILE = f"accounts/{SLUG}/profile.md"


@pytest.fixture
def export(crm: Crm, exports: Load) -> Path:
    path = exports("csv-a")
    assert crm("import", "salesforce", str(path)).code == 0
    return path


def changed(folder: Path, **fields: str) -> None:
    """Salesforce says something new of the first account."""
    export = org()
    export["Account"][0] |= fields
    load_csv(export, folder, "a")


def field(crm: Crm, name: str, *record: str) -> dict[str, object]:
    found: dict[str, object] = shown(crm, "show", SLUG, *record)["fields"][name]
    return found


def test_a_persons_value_survives_every_import(crm: Crm, export: Path) -> None:
    assert field(crm, "city") == {"value": "Leeds", "source": "salesforce"}
    assert crm("set", SLUG, "city=York").code == 0
    for city in ("Leeds", "Hull", "York", "Bath"):
        changed(export, BillingCity=city)
        assert crm("import", "salesforce", str(export)).code == 0
        assert field(crm, "city")["value"] == "York"
        assert field(crm, "city")["source"] == "person"


def test_conflicts_show_what_the_system_has_come_to_say(crm: Crm, export: Path) -> None:
    crm("set", SLUG, "city=York")

    def conflict() -> dict[str, object]:
        (found,) = [c for c in shown(crm, "conflicts", SLUG) if c["field"] == "city"]
        return {name: found[name] for name in ("state", "holds", "stated")}

    changed(export, BillingCity="Hull")
    crm("import", "salesforce", str(export))
    assert conflict()["state"] == "contradicted"
    assert conflict()["stated"] == {"person": "York", "salesforce": "Hull"}
    changed(export, BillingCity="York")
    crm("import", "salesforce", str(export))
    assert conflict()["state"] == "confirmed"


def test_unset_returns_to_the_systems_value(crm: Crm, export: Path, workspace: Path) -> None:
    before = (workspace / PROFILE).read_bytes()
    crm("set", SLUG, "city=York")
    changed(export, BillingCity="Hull")
    crm("import", "salesforce", str(export))
    assert crm("unset", SLUG, "city").code == 0
    assert field(crm, "city") == {"value": "Hull", "source": "salesforce"}
    assert shown(crm, "conflicts", SLUG) == []
    changed(export)
    crm("import", "salesforce", str(export))
    after = (workspace / PROFILE).read_bytes()
    assert after.partition(b"sources:")[2] == before.partition(b"sources:")[2]


def test_comments_order_and_prose_survive_imports(crm: Crm, export: Path, workspace: Path) -> None:
    path = workspace / PROFILE
    text = path.read_text("utf-8")
    head, _, rest = text.partition("sources:")
    mine = (
        head.replace("---\n", "---\n# Ask Ines first\nzeta: [b, a]   # our own field\n", 1)
        + "sources:"
        + rest
        + "\nThey moved offices.\n\n---\n\nA rule above.\n"
    )
    path.write_text(mine, "utf-8")
    changed(export, BillingCity="Hull", Phone="+44 7700 900099")

    assert crm("import", "salesforce", str(export)).code == 0

    after = path.read_text("utf-8")
    old, new = mine.splitlines(), after.splitlines()
    assert len(old) == len(new)
    assert [line.strip() for was, line in zip(old, new, strict=True) if was != line] == [
        "city: Hull",
        'phone: "+44 7700 900099"',
    ]
    assert after.partition("sources:")[0] == mine.partition("sources:")[0]
    assert after.endswith("\nThey moved offices.\n\n---\n\nA rule above.\n")


@pytest.mark.parametrize(("record", "name", "value"), [
    ("ines-okafor", "title", "Treasurer"),
    ("fleet-licence", "amount", "99000"),
])  # fmt: skip
def test_the_same_holds_for_contacts_and_deals(
    crm: Crm, export: Path, record: str, name: str, value: str
) -> None:
    theirs = field(crm, name, record)["value"]
    assert crm("set", SLUG, f"{name}={value}", "--of", record).code == 0
    crm("import", "salesforce", str(export))
    page = shown(crm, "show", SLUG, record)
    assert str(values(page)[name]) == value
    assert [c["field"] for c in shown(crm, "conflicts", SLUG)] == [name]
    assert crm("unset", SLUG, name, "--of", record).code == 0
    assert field(crm, name, record)["value"] == theirs


@pytest.mark.parametrize("named", ["acme-freight", "Acme Freight", "acme.example"])
def test_a_subscription_finds_its_account_however_it_is_named(
    crm: Crm, tmp_path: Path, named: str
) -> None:
    crm("new", "Acme Freight", "--domain", "acme.example", "--no-tasks")
    table = tmp_path / "subscriptions.csv"
    table.write_text(
        f"account,plan,seats,arr,currency\n{named},team,40,48000,EUR\nNowhere,team,1,1,EUR\n"
    )
    done = crm("import", "csv", "subscriptions", str(table))
    assert "not stored: 1" in done.out
    fields = json.loads(crm("show", "acme", "--json").out)["fields"]
    assert (fields["seats"], fields["arr"]["value"]) == ({"value": 40, "source": "csv"}, 48000)
    assert len(crm("list").rows) == 1
    again = crm("import", "csv", "subscriptions", str(table))
    assert "nothing new from csv" in again.out
