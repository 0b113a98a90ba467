"""An org that was loaded twice, every record under another id: suggested, merged on request, and quiet afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import Load, contents, git, shown

ONCE = {"account": 4, "contact": 4, "deal": 3, "ticket": 2}
TOTAL = Decimal("165900.50")
FORMS = [("csv-a", "csv-b"), ("tree-a", "tree-b"), ("csv-a", "tree-b")]

Twice = Callable[[str, str], tuple[Path, Path]]


@pytest.fixture
def twice(crm: Crm, exports: Load) -> Twice:
    def loaded(first: str, second: str) -> tuple[Path, Path]:
        paths = exports(first), exports(second)
        for path in paths:
            assert crm("import", "salesforce", str(path), "--commit").code == 0
        return paths

    return loaded


def counted(crm: Crm) -> dict[str, int]:
    accounts = [row["account"] for row in shown(crm, "list")]
    rows = [row for account in accounts for row in shown(crm, "timeline", account)]
    return {
        "account": len(accounts),
        "contact": len(shown(crm, "contact", "list")),
        "deal": len(shown(crm, "deal", "list", "--all")),
        "ticket": sum(row["type"] == "ticket" for row in rows),
    }


def total(crm: Crm) -> Decimal:
    return sum(
        (Decimal(str(row["amount"])) for row in shown(crm, "deal", "list", "--all")), Decimal(0)
    )


def broken(crm: Crm) -> list[dict[str, str]]:
    findings = json.loads(crm("check", "--format", "json").out)
    return [f for f in findings if f["code"] not in {"required", "stale"}]


@pytest.mark.parametrize("forms", FORMS)
def test_every_pair_is_suggested_and_none_is_merged(
    crm: Crm, twice: Twice, forms: tuple[str, str]
) -> None:
    twice(*forms)
    assert counted(crm) == {kind: 2 * number for kind, number in ONCE.items()}
    assert total(crm) == 2 * TOTAL
    likely = shown(crm, "dupes", "--level", "likely")
    for kind, number in ONCE.items():
        pairs = [pair for pair in likely if pair["kind"] == kind]
        assert len(pairs) == number, kind
        assert len({side for pair in pairs for side in (pair["a"], pair["b"])}) == 2 * number
        assert all(pair["reasons"] for pair in pairs)


@pytest.mark.parametrize("forms", FORMS)
def test_accepting_them_halves_everything_and_later_imports_follow(
    crm: Crm, twice: Twice, workspace: Path, forms: tuple[str, str]
) -> None:
    first, second = twice(*forms)
    merged = crm("dupes", "--merge-likely", "--yes", "--commit")
    assert merged.code == 0
    assert len(merged.out.splitlines()) == sum(ONCE.values())

    assert counted(crm) == ONCE
    assert total(crm) == TOTAL
    assert broken(crm) == []
    assert shown(crm, "dupes") == []
    assert git(workspace, "status", "--porcelain") == ""
    for contact in shown(crm, "contact", "list"):
        assert (workspace / contact["path"]).is_file()
    before = contents(workspace)
    for path in (first, second, first):
        report = shown(crm, "import", "salesforce", str(path), "--commit")
        assert (report["created"], report["files"], report["commit"]) == ({}, [], "")
        assert contents(workspace) == before
    assert git(workspace, "status", "--porcelain") == ""


def test_a_new_record_of_the_losing_copy_follows_to_the_survivor(crm: Crm, twice: Twice) -> None:
    _, second = twice("csv-a", "csv-b")
    crm("dupes", "--merge-likely", "--yes")
    with (second / "Contact.csv").open("a", encoding="utf-8") as file:
        file.write('"003bbbb00000009","001bbbb00000003","Ola","Berg","","ola@cedar.example"\r\n')
    rows = (second / "Contact.csv").read_text("utf-8-sig").splitlines()
    assert len(rows[0].split(",")) == len(rows[-1].split(",")), rows[0]

    assert crm("import", "salesforce", str(second)).code == 0

    (ola,) = shown(crm, "contact", "list", "--where", "email=ola@cedar.example")
    assert ola["account"] == "cedar-foods-gmbh"
    assert counted(crm)["account"] == ONCE["account"]


def test_undo_takes_a_merge_back_byte_for_byte(crm: Crm, twice: Twice, workspace: Path) -> None:
    first, second = twice("csv-a", "csv-b")
    before = contents(workspace)
    pair = next(p for p in shown(crm, "dupes", "--level", "likely") if p["kind"] == "account")
    assert crm("merge", pair["a"], pair["b"]).code == 0
    assert counted(crm)["account"] == 2 * ONCE["account"] - 1

    assert crm("undo").code == 0

    assert contents(workspace) == before
    assert counted(crm) == {kind: 2 * number for kind, number in ONCE.items()}
    for path in (first, second):
        assert shown(crm, "import", "salesforce", str(path))["files"] == []


def test_undo_of_a_committed_merge_of_all_brings_all_back(
    crm: Crm, twice: Twice, workspace: Path
) -> None:
    twice("csv-a", "csv-b")
    before = contents(workspace)
    assert crm("dupes", "--merge-likely", "--yes", "--commit").code == 0
    assert crm("undo", "--commit").code == 0
    assert contents(workspace) == before
    assert git(workspace, "status", "--porcelain") == ""


def test_a_dry_run_of_accepting_names_the_pairs_and_writes_nothing(
    crm: Crm, twice: Twice, workspace: Path
) -> None:
    twice("csv-a", "csv-b")
    before = contents(workspace)
    shown_only = crm("dupes", "--merge-likely", "--dry-run")
    assert shown_only.code == 0
    assert "alder-freight-ltd" in shown_only.out + shown_only.err
    assert contents(workspace) == before
