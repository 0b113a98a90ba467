"""metrics on the command line, on workspaces whose answers can be worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Crm

PERIOD = ["--period", "2026Q3"]


def account(root: Path, slug: str, **fields: object) -> None:
    file = root / "accounts" / slug / "profile.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    values = {"name": slug.title(), "stage": "customer", "currency": "USD"} | fields
    text = "".join(f"{name}: {value}\n" for name, value in values.items())
    file.write_text(f"---\n{text}---\n")


def measured(root: Path, day: str, **values: object) -> None:
    file = root / "accounts" / "_measures" / f"{day}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{slug},{name},{value},csv\n" for slug, pair in sorted(values.items())
                   for name, value in [pair if isinstance(pair, tuple) else ("mrr", pair)])  # fmt: skip
    file.write_text(f"account,measure,value,source\n{rows}")


def answered(root: Path, slug: str, *answers: tuple[str, str, int]) -> None:
    file = root / "accounts" / slug / "interactions" / "2026.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "id": f"csv:{day}-{who}",
                "at": f"{day}T09:00:00Z",
                "type": "survey",
                "with": [who],
                "score": score,
            }
        )
        for day, who, score in answers
    ]
    file.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def four(workspace: Path) -> Path:
    """One grows, one shrinks, one leaves, one is new; 1,000 at the start."""
    account(workspace, "anvil", segment="smb", started="2025-01-01", first_value="2025-01-11")
    account(workspace, "bolt", segment="smb", started="2025-02-01", first_value="2025-03-03")
    account(workspace, "cog", segment="big", started="2025-03-01", mrr=0, churned="2026-08-15")
    account(workspace, "dowel", segment="big", started="2026-08-01", owner="ana")
    measured(workspace, "2026-06-30", anvil=500, bolt=300, cog=200)
    measured(workspace, "2026-08-10", anvil=600, bolt=250, dowel=400)
    answered(
        workspace,
        "anvil",
        ("2026-07-01", "ann", 3),
        ("2026-09-01", "ann", 10),
        ("2026-09-02", "al", 9),
    )
    answered(workspace, "bolt", ("2026-09-01", "bo", 6), ("2026-10-01", "bea", 10))
    return workspace


def rows(crm: Crm, *arguments: str) -> dict[tuple[str, str], dict[str, str]]:
    done = crm("metrics", *arguments, "--csv")
    assert done.code == 0, done
    return {(row["group"], row["metric"]): row for row in csv.DictReader(io.StringIO(done.out))}


def test_a_quarter_by_hand(crm: Crm, four: Path) -> None:
    found = rows(crm, *PERIOD)
    values = {metric: row["value"] for (_, metric), row in found.items()}
    assert values["nrr"] == "85.0 %"  # 600 + 250 + 0 of 1,000
    assert values["grr"] == "75.0 %"  # 500 + 250 + 0
    assert values["expansion"] == "10.0 %"
    assert values["contraction"] == "5.0 %"
    assert values["churned"] == "20.0 %"
    assert values["logo_churn"] == "33.3 %"
    assert (found["", "logo_churn"]["top"], found["", "logo_churn"]["of"]) == ("1", "3")
    assert found["", "logo_churn"]["interval"] == "6 to 79"
    assert found["", "nrr"]["note"] == "few"
    assert (values["mrr.start"], values["mrr.new"], values["mrr.end"]) == ("1,000", "400", "1,250")
    assert values["mrr.quick_ratio"] == "2.00"
    # Of ann only the latest answer counts; bea's is of another period.
    assert (values["nps"], found["", "nps"]["n"]) == ("33", "3")
    assert "promoters 2, passives 0, detractors 1; few" in found["", "nps"]["note"]
    assert (
        found["", "time_to_value.within_30"]["value"],
        found["", "time_to_value.within_30"]["of"],
    ) == ("50.0 %", "4")
    assert found["", "health.mean"]["value"] == "not defined"
    assert rows(crm)["", "nrr"] == found["", "nrr"]  # the last whole quarter


def test_the_accounts_behind_it_name_file_and_line(crm: Crm, four: Path) -> None:
    done = crm("metrics", *PERIOD, "--accounts")
    assert (done.code, done.err) == (0, "")
    assert done.rows[0] == [
        "anvil", "", "USD", "500", "600", "expansion", "expansion 100 on 2026-08-10", "measures", "",
        "accounts/_measures/2026-06-30.csv:2", "accounts/_measures/2026-08-10.csv:2",
    ]  # fmt: skip
    assert [row[5] for row in done.rows] == ["expansion", "contraction", "lost", "new"]
    assert done.rows[2][-1] == "accounts/cog/profile.md:8"
    page = json.loads(crm("metrics", *PERIOD, "--accounts", "--json").out)["groups"][0]
    (nrr,) = [figure for figure in page["figures"] if figure["name"] == "nrr"]
    assert {part["account"]: (part["top"], part["bottom"]) for part in nrr["parts"]} == {
        "anvil": (600, 500), "bolt": (250, 300), "cog": (0, 200),
    }  # fmt: skip
    assert page["lines"][3]["start"] == 0


def test_groups_have_their_own_n(crm: Crm, four: Path) -> None:
    found = rows(crm, *PERIOD, "--by", "segment")
    assert (found["smb", "nrr"]["value"], found["smb", "nrr"]["n"]) == ("106.3 %", "2")
    assert (found["big", "nrr"]["value"], found["big", "nrr"]["n"]) == ("0.0 %", "1")
    assert found["big", "nps"]["value"] == "not defined"
    two = rows(crm, *PERIOD, "--by", "segment,owner")
    assert {group for group, _ in two} == {"big / ?", "big / ana", "smb / ?"}
    assert two["big / ana", "nrr"]["value"] == "not defined"
    done = crm("metrics", "--by", "colour")
    assert (done.code, "'colour' is no field" in done.err) == (2, True)


def test_a_method_gives_its_own_figures(crm: Crm, four: Path) -> None:
    assert rows(crm, *PERIOD, "--method", "movement")["", "grr"]["value"] == "75.0 %"
    shown = rows(crm, *PERIOD, "--method", "chartmogul")
    assert shown["", "gross_churn"]["value"] == "25.0 %"
    assert shown["", "net_churn"]["value"] == "15.0 %"
    assert ("", "nrr") not in shown
    done = crm("metrics", "--method", "guess")
    assert (done.code, "allowed methods: snapshot, movement" in done.err) == (2, True)


def test_two_methods_reconciled(crm: Crm, four: Path) -> None:
    done = crm("metrics", "reconcile", "snapshot", "stripe", *PERIOD)
    assert done.rows == [
        ["logo_churn", "", "first figure", "", "", "", "", "33.33 %"],
        ["logo_churn", "", "cog", "lost", "no customer", "-1", "-1", "-22.22"],
        ["logo_churn", "", "dowel", "not counted", "stayed", "", "1", "-11.11"],
        ["logo_churn", "", "second figure", "", "", "", "", "0.00 %"],
    ]
    page = json.loads(crm("metrics", "reconcile", "snapshot", "stripe", *PERIOD, "--json").out)
    (figure,) = page["figures"]
    between = sum(effect["effect"] for effect in figure["effects"])
    assert figure["second"] - figure["first"] == pytest.approx(between)
    done = crm("metrics", "reconcile", "stripe", "chartmogul")
    assert (done.code, "nothing to compare" in done.err) == (2, True)


def test_currencies_are_summed_at_stated_rates_only(crm: Crm, four: Path) -> None:
    account(four, "anvil", currency="GBP", started="2025-01-01")
    done = crm("metrics", *PERIOD, "--csv")
    figures = {
        (r["metric"], r["currency"]): r["value"] for r in csv.DictReader(io.StringIO(done.out))
    }
    assert (figures["nrr", "GBP"], figures["nrr", "USD"]) == ("120.0 %", "50.0 %")
    weights = four / "weights.yaml"
    text = weights.read_text().replace(
        "  currency: EUR\n  rates: {}\n", "  currency: USD\n  rates: {GBP: 2}\n"
    )
    weights.write_text(text)
    found = rows(crm, *PERIOD)
    assert (found["", "nrr"]["currency"], found["", "nrr"]["value"]) == (
        "USD",
        "96.7 %",
    )  # 1,450 of 1,500
    account(four, "bolt", currency="NOK", started="2025-02-01")
    done = crm("metrics", *PERIOD)
    assert "no rate for NOK" in done.err


def test_what_nobody_knows_is_said_and_not_counted(crm: Crm, four: Path) -> None:
    account(four, "elbow", started="2025-05-01", arr=1200)
    page = json.loads(crm("metrics", *PERIOD, "--json").out)["groups"][0]
    assert page["mrr_not_known"] == page["mrr_not_known_at_the_end"] == ["elbow"]
    assert (page["customers_start"], page["figures"][1]["bottom"]) == (4, 4)
    taken = rows(crm, *PERIOD, "--assume-constant")["", "nrr"]
    assert (taken["top"], taken["of"]) == ("950", "1,100")
    lines = crm("metrics", *PERIOD, "--assume-constant", "--accounts").rows
    assert lines[4][7:9] == ["profile", "taken to have been the same since the start"]


def test_git_knows_what_a_profile_stated_then(crm: Crm, workspace: Path) -> None:
    for day, mrr in (("2026-06-20", 100), ("2026-07-20", 150), ("2026-10-05", 300)):
        account(workspace, "elbow", started="2025-05-01", mrr=mrr)
        dates = {f"GIT_{who}_DATE": f"{day}T09:00:00Z" for who in ("AUTHOR", "COMMITTER")}
        for call in (["add", "-A"], ["commit", "-qm", "As it was"]):
            subprocess.run(["git", *call], cwd=workspace, check=True, env=os.environ | dates)
    line = crm("metrics", *PERIOD, "--accounts").rows[0]
    assert line[3:8] == ["100", "150", "expansion", "expansion 50 on 2026-07-31", "git"]
    assert line[-1].startswith("accounts/elbow/profile.md@")
    # Of a file that was never committed git knows nothing.
    account(workspace, "fuse", started="2025-05-01", mrr=100)
    assert crm("metrics", *PERIOD, "--accounts").rows[1][3:5] == ["?", "?"]


def test_health_by_arr_as_it_was_written_down(crm: Crm, four: Path) -> None:
    measured(four, "2026-09-20", anvil=("health.score", 90), bolt=("health.score", 50))
    found = rows(crm, *PERIOD)
    assert (found["", "health.mean"]["value"], found["", "health.mean"]["n"]) == ("70", "2")
    assert found["", "health.mean"]["note"] == "1 without a score"
    assert found["", "health.by_arr"]["value"] == "78"  # (90 x 600 + 50 x 250) / 850
    assert found["", "health.excellent"]["note"] == "71 % of ARR in USD"
    assert found["", "health.at_risk"]["top"] == "1"
    assert rows(crm, "--period", "2026-08")["", "health.mean"]["value"] == "not defined"


def test_cohorts_of_customers_and_revenue(crm: Crm, four: Path) -> None:
    done = crm("metrics", "cohorts", "--csv", "--months", "18", "--every", "6")
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["cohort"] for row in table] == [
        "2025-01",
        "2025-02",
        "2025-03",
        "2026-08",
        "average",
    ]
    assert [table[2][month] for month in ("0", "6", "12", "18")] == ["100", "100", "100", "0"]
    assert [table[3][month] for month in ("0", "6")] == ["100", ""]
    assert table[4]["18"] == "67"
    done = crm("metrics", "cohorts", "--what", "revenue", "--by", "segment", "--csv", "--assume-constant",
               "--months", "18", "--every", "18")  # fmt: skip
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["cohort"], row["began"], row["18"]) for row in table] == [
        ("big", "600", "0"), ("smb", "800", "100"), ("average", "", "80"),
    ]  # fmt: skip
    page = json.loads(crm("metrics", "cohorts", "--json").out)
    assert page[0]["cohorts"][3]["cells"][0] == {"value": 1.0, "weight": 1.0, "n": 1}
    measured(four, "2026-09-01", dowel=("health.score", 70))
    health = json.loads(
        crm("metrics", "cohorts", "--what", "health", "--by", "segment", "--json").out
    )
    assert health[0]["cohorts"][0]["cells"][1] == {"value": 70.0, "weight": 1.0, "n": 1}
    for wrong in (["--what", "x"], ["--by", "x"], ["--by", "segment,owner"], ["--every", "0"]):
        assert crm("metrics", "cohorts", *wrong).code == 2


def test_a_workspace_without_customers_or_weights_of_its_own(crm: Crm, workspace: Path) -> None:
    assert crm("metrics", "cohorts", "--json").out == "[]\n"
    page = json.loads(crm("metrics", "--json").out)
    assert page["groups"][0]["customers_start"] == 0
    assert page["groups"][0]["nps"]["score"] is None
    text = (workspace / "weights.yaml").read_text()
    (workspace / "weights.yaml").write_text(text[: text.index("\nmetrics:")] + "\n")
    assert crm("metrics").code == 0


def test_measurements_of_no_account_are_told(crm: Crm, four: Path) -> None:
    measured(four, "2026-09-21", ghost=100)
    assert "measured, but no account: ghost" in crm("metrics").err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(*arguments: str) -> str:
    import sys

    from crmctl.__main__ import main

    out, kept = Terminal(), sys.stdout
    sys.stdout = out
    try:
        assert main(["metrics", *arguments]) == 0
    finally:
        sys.stdout = kept
    return out.getvalue()


def test_people_get_sections(four: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    account(four, "elbow", started="2025-05-01", arr=1200)
    text = on_a_terminal(*PERIOD)
    assert text.startswith("2026-07-01 to 2026-09-30, method snapshot: MRR at the start against")
    assert "the MRR at the start is not known of elbow: in no revenue figure" in text
    for title in ("Revenue", "Customers", "Health", "Promoters", "Time to value"):
        assert f"\n{title}\n" in text
    assert "within 30 days" in text
    text = on_a_terminal(*PERIOD, "--by", "segment")
    assert "to_value" in text
    text = on_a_terminal("reconcile", "snapshot", "growslash", *PERIOD)
    assert "logo churn: both 25.0 %" in text
    text = on_a_terminal("cohorts", "--what", "revenue")
    assert "in no cell, as nobody knows what they began with: 4" in text


def test_hostile_names_reach_no_terminal(crm: Crm, workspace: Path) -> None:
    account(workspace, "evil", segment='"\\u001b[31m=cmd()"', started="2025-01-01")
    measured(workspace, "2026-06-30", evil=100)
    for arguments in (
        ["--by", "segment"],
        ["--by", "segment", "--csv"],
        ["--by", "segment", "--json"],
    ):
        assert "\x1b" not in crm("metrics", *PERIOD, *arguments).out
