"""export and query: whole tables, stable columns, nothing personal unless asked for, and no way out for a query."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest
import vobject

from crmctl.privacy.tables import NAMES, tables
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sample(workspace: Path) -> Path:
    """The workspace with the repository's sample accounts."""
    shutil.copytree(ROOT / "accounts", workspace / "accounts", dirs_exist_ok=True)
    shutil.copy(ROOT / "crmctl.yaml", workspace / "crmctl.yaml")
    return workspace


@pytest.fixture
def names(sample: Path) -> set[str]:
    """Everything in the sample that names one of its people or reaches one."""
    found: set[str] = set()
    for path in sample.glob("accounts/*/contacts/*.md"):
        text = path.read_text(encoding="utf-8")
        found |= {path.stem, *re.findall(r"[\w.+-]+@[\w.-]+", text)}
        found |= {name.strip("\"'") for name in re.findall(r"^name: (.*)$", text, re.MULTILINE)}
    return found


def read(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(keepends=True)))
        for path in folder.glob("*.csv")
    }


@pytest.mark.usefixtures("sample")
def test_every_format_holds_the_same_rows(crm: Crm, tmp_path: Path) -> None:
    plain = {}
    for form in ("csv", "jsonl", "parquet", "duckdb"):
        out = tmp_path / form
        assert crm("export", "--out", str(out), "--format", form).code == 0
        plain[form] = json.loads((out / "crmctl-export.json").read_text())["tables"]
    assert plain["csv"] == plain["jsonl"] == plain["parquet"] == plain["duckdb"]
    assert list(plain["csv"]) == list(NAMES)
    rows = {name: table["rows"] for name, table in plain["csv"].items()}
    assert {name: len(found) for name, found in read(tmp_path / "csv").items()} == rows
    db = duckdb.connect(str(tmp_path / "duckdb" / "crmctl.duckdb"))
    for name, count in rows.items():
        parts = tmp_path / "parquet" / (name if plain["csv"][name]["partitioned_by"] else "")
        source = (
            f"{parts}/*/*.parquet"
            if plain["csv"][name]["partitioned_by"]
            else f"{parts}/{name}.parquet"
        )
        asked = [f"SELECT count(*) FROM {name}", f"SELECT count(*) FROM '{source}'"]
        assert [db.execute(sql).fetchone() for sql in asked] == [(count,), (count,)]


@pytest.mark.usefixtures("sample")
def test_values_arrive_as_they_are(crm: Crm, tmp_path: Path) -> None:
    crm("export", "--out", str(tmp_path / "x"), "--what", "accounts", "--format", "parquet")
    sql = f"SELECT arr, renewal, auto_renew, technologies FROM '{tmp_path}/x/accounts.parquet' WHERE account = ?"
    found = duckdb.connect().execute(sql, ["harbour-lane-logistics"]).fetchone()
    assert found is not None
    arr, renewal, auto, technologies = found
    assert (float(arr), str(renewal), auto) == (96000.0, "2027-01-15", False)
    assert isinstance(technologies, list)


def test_nothing_personal_unless_asked_for(crm: Crm, tmp_path: Path, names: set[str]) -> None:
    for form in ("csv", "jsonl"):
        crm("export", "--out", str(tmp_path / form), "--format", form)
        for path in (tmp_path / form).iterdir():
            text = path.read_text(encoding="utf-8").casefold()
            assert [name for name in names if name.casefold() in text] == [], path.name
    crm("export", "--out", str(tmp_path / "all"), "--format", "csv", "--include-personal")
    everything = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "all").iterdir())
    assert [name for name in names if name not in everything] == []


@pytest.mark.usefixtures("sample")
def test_a_person_has_one_key_in_every_table(crm: Crm, tmp_path: Path) -> None:
    crm("export", "--out", str(tmp_path / "x"), "--format", "csv")
    found = read(tmp_path / "x")
    people = {row["person"] for row in found["contacts"]}
    talked = {key for row in found["interactions"] for key in row["with"].split("; ") if key}
    assert talked
    assert talked <= people
    assert {row["reports_to"] for row in found["contacts"]} - {""} <= people


@pytest.mark.usefixtures("sample")
def test_an_export_replaces_its_own_and_no_other_folder(crm: Crm, tmp_path: Path) -> None:
    out = tmp_path / "x"
    crm("export", "--out", str(out), "--format", "jsonl")
    crm("export", "--out", str(out), "--format", "csv", "--what", "deals")
    assert sorted(path.name for path in out.iterdir()) == ["crmctl-export.json", "deals.csv"]
    other = tmp_path / "letters"
    other.mkdir()
    (other / "letter.txt").write_text("dear", encoding="utf-8")
    refused = crm("export", "--out", str(other), "--format", "csv")
    assert refused.code == 2
    assert [path.name for path in other.iterdir()] == ["letter.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customers", "home", "letters", "x"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "xlsx"], "is no format"),
        (["--what", "accounts,secrets"], "is no table"),
    ],
)
def test_what_is_not_there_is_said(
    crm: Crm, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = crm("export", "--out", str(tmp_path / "x"), *arguments)
    assert result.code == 2
    assert words in result.err
    assert not (tmp_path / "x").exists()


def test_a_folder_in_the_workspace_is_refused(crm: Crm, sample: Path) -> None:
    result = crm("export", "--out", str(sample / "tables"), "--format", "csv")
    assert result.code == 2
    assert not (sample / "tables").exists()


@pytest.mark.usefixtures("sample")
def test_the_same_workspace_gives_the_same_bytes(crm: Crm, tmp_path: Path) -> None:
    for name in ("a", "b"):
        crm("export", "--out", str(tmp_path / name), "--format", "jsonl")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.usefixtures("sample")
def test_a_query_over_the_tables(crm: Crm) -> None:
    sql = "SELECT stage, count(*) AS n FROM accounts GROUP BY stage ORDER BY n DESC, stage LIMIT 1"
    assert json.loads(crm("query", sql, "--json").out) == [{"stage": "customer", "n": 6}]
    assert json.loads(crm("query", "SELECT * FROM deals WHERE false", "--json").out) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY accounts TO '/tmp/crmctl-query.csv'",
        "ATTACH '/tmp/crmctl-query.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT nothing",
        "",
    ],
)
def test_a_query_reaches_nothing_else(crm: Crm, sql: str) -> None:
    result = crm("query", sql)
    assert result.code == 2
    assert "the query cannot be answered" in result.err
    assert not list(Path("/tmp").glob("crmctl-query*"))


def test_formulas_are_guarded(crm: Crm, sample: Path, tmp_path: Path) -> None:
    path = sample / "accounts/vega-solar/profile.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("name: Vega Solar", 'name: "=HYPERLINK(1)"'), encoding="utf-8")
    crm("export", "--out", str(tmp_path / "x"), "--format", "csv", "--what", "accounts")
    (row,) = [r for r in read(tmp_path / "x")["accounts"] if r["account"] == "vega-solar"]
    assert row["name"] == "'=HYPERLINK(1)"


def test_cards_and_days(crm: Crm, sample: Path, tmp_path: Path) -> None:
    refused = crm("export", "--format", "vcard", "--out", str(tmp_path / "p.vcf"))
    assert refused.code == 2
    crm("export", "--format", "vcard", "--out", str(tmp_path / "p.vcf"), "--include-personal")
    cards = list(vobject.readComponents((tmp_path / "p.vcf").read_text(encoding="utf-8")))
    left = sum("\nleft:" in p.read_text() for p in sample.glob("accounts/*/contacts/*.md"))
    assert len(cards) == len(list(sample.glob("accounts/*/contacts/*.md"))) - left
    assert "Priya Raman" in {card.fn.value for card in cards}
    crm("export", "--format", "ical", "--out", str(tmp_path / "d.ics"))
    (calendar,) = vobject.readComponents((tmp_path / "d.ics").read_text(encoding="utf-8"))
    days = {event.summary.value: event.dtstart.value.isoformat() for event in calendar.vevent_list}
    assert days["Harbour Lane Logistics renews"] == "2027-01-15"


def test_columns_never_move(sample: Path) -> None:
    """A change here breaks somebody's pipeline: raise `VERSION`, or add the column at the end."""
    found = {table.name: [c.name for c in table.columns][:4] for table in tables(Workspace(sample))}
    assert found == {
        "accounts": ["account", "name", "domains", "website"],
        "contacts": ["account", "person", "department", "roles"],
        "deals": ["account", "id", "name", "stage"],
        "interactions": ["account", "id", "at", "type"],
        "tasks": ["account", "id", "owner", "due"],
        "usage": ["account", "day", "measure", "value"],
        "history": ["account", "day", "measure", "value"],
    }
