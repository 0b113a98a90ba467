"""The whole path on a sample org of Salesforce: in it goes; scored, acted on and reviewed it comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import contents, git, shown

TREE = Path(__file__).parents[3] / "shared" / "data" / "salesforce" / "tree"
UNITED = ["united-oil-gas-corp", "united-oil-gas-singapore", "united-oil-gas-uk"]

pytestmark = pytest.mark.skipif(not TREE.is_dir(), reason="the sample org is not here")


@pytest.fixture
def imported(crm: Crm, workspace: Path) -> Path:
    assert crm("import", "salesforce", str(TREE)).code == 0
    git(workspace, "add", "-A")
    git(workspace, "commit", "--quiet", "-m", "The sample org")
    return workspace


def test_init_and_import_give_every_record_once(
    home: Path, crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = crm("init", str(tmp_path / "W"))
    assert started.code == 0
    monkeypatch.chdir(tmp_path / "W")

    report = shown(crm, "import", "salesforce", str(TREE))

    assert report["created"] == {"account": 10, "contact": 10, "deal": 9, "event": 5}
    assert (report["rejected"], report["updated"]) == ([], {})
    assert len(shown(crm, "list")) == 10
    assert len(shown(crm, "contact", "list")) == 10
    assert len(shown(crm, "deal", "list", "--all")) == 9
    tickets = [
        row
        for account in shown(crm, "list")
        for row in shown(crm, "timeline", account["account"])
        if row["type"] == "ticket"
    ]
    assert len(tickets) == 5


def test_the_same_import_again_leaves_git_status_empty(crm: Crm, imported: Path) -> None:
    again = crm("import", "salesforce", str(TREE), "--commit")
    assert again.code == 0
    assert "nothing new" in again.out
    assert git(imported, "status", "--porcelain") == ""
    assert git(imported, "rev-list", "--count", "HEAD") == "2\n"


def test_score_run_and_review_work_on_it(crm: Crm, imported: Path) -> None:
    scores = {row["account"]: row for row in shown(crm, "score")}
    assert len(scores) == 10
    # Nobody measured usage or wrote down a goal: too little is known for a number, and it says so.
    assert all(row["score"] is None and row["reason"] for row in scores.values())
    assert crm("run").code == 0
    review = crm("review", "United Oil & Gas")
    assert review.code == 0
    for heading in (
        "Health",
        "Relationships",
        "Opportunities",
        "Competitive position",
        "Expansion",
        "Plan for 2027 Q1",
    ):
        assert f"## {heading}" in review.out
    (path,) = (imported / "accounts/united-oil-gas-corp/reviews").iterdir()
    assert path.read_text() == review.out
    before = contents(imported)
    for command in (
        ["score"],
        ["run"],
        ["review", "United Oil & Gas"],
        ["import", "salesforce", str(TREE)],
    ):
        assert crm(*command).code == 0
        assert contents(imported) == before, command


def test_three_united_oil_stay_three(crm: Crm, imported: Path) -> None:
    assert [row["account"] for row in shown(crm, "list", "name~united oil")] == UNITED
    pairs = {(pair["a"], pair["b"]): pair for pair in shown(crm, "dupes")}
    assert set(pairs) == {(UNITED[0], UNITED[1]), (UNITED[0], UNITED[2]), (UNITED[1], UNITED[2])}
    assert {pair["level"] for pair in pairs.values()} == {"possible"}
    assert crm("dupes", "--merge-likely", "--yes").code == 0
    assert [row["account"] for row in shown(crm, "list", "name~united oil")] == UNITED


def test_check_finds_nothing_broken_in_it(crm: Crm, imported: Path) -> None:
    findings = json.loads(crm("check", "--format", "json").out)
    assert {finding["code"] for finding in findings} <= {
        "required",
        "duplicate-domain",
        "stale",
        "unfilled",
    }
