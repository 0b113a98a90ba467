"""churn and backtest on the command line."""

from __future__ import annotations

import datetime as dt
import json
import random
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Crm

TODAY = dt.date(2026, 11, 16)
needs_ml = pytest.mark.skipif(
    find_spec("sklearn") is None, reason="needs scikit-learn: pip install 'crmctl[ml]'"
)


def profile(root: Path, slug: str, **fields: object) -> None:
    lines = {"name": slug.title(), "stage": "customer"} | fields
    folder = root / "accounts" / slug
    folder.mkdir(parents=True)
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    (folder / "profile.md").write_text(f"---\n{text}---\n")


@pytest.fixture
def history(workspace: Path) -> Path:
    """Two years of 150 customers; the lower the score, the likelier a loss soon after."""
    rng = random.Random(3)
    months = [TODAY - dt.timedelta(days=30 * n) for n in range(24, -1, -1)]
    lost: dict[int, dt.date] = {}
    days: dict[dt.date, list[str]] = {day: [] for day in months}
    for day in months:
        for n in range(150):
            if n in lost:
                continue
            score = rng.randint(15, 95)
            days[day].append(f"c{n},health.score,{score},crmctl\n")
            if rng.random() < (0.12 if score < 40 else 0.01):
                lost[n] = day + dt.timedelta(days=rng.randint(5, 60))
    for n in range(150):
        fields: dict[str, object] = {"started": "2024-01-01"}
        if n in lost:
            fields["notice_given"] = lost[n]
        profile(workspace, f"c{n}", **fields)
    folder = workspace / "accounts/_measures"
    folder.mkdir()
    for day, rows in days.items():
        (folder / f"{day}.csv").write_text("account,measure,value,source\n" + "".join(sorted(rows)))
    return workspace


def test_one_account_sign_by_sign(crm: Crm, workspace: Path) -> None:
    weights = workspace / "weights.yaml"
    low = weights.read_text().replace(
        "  coverage_floor: 0.4\n  # Risks", "  coverage_floor: 0.1\n  # Risks"
    )
    weights.write_text(low)
    profile(workspace, "acme", renewal="2026-12-16")
    profile(workspace, "gone", notice_given="2026-11-01")
    done = crm("churn", "acme")
    assert done.code == 0
    head, *rows = done.out.splitlines()
    assert (
        head
        == "acme: 3.0 % low within 90 days (2.0 % without a sign, up to 50.0 % with every unknown one)"
    )
    renewal = next(row.split("\t") for row in rows if row.startswith("renewal_near\t"))
    assert renewal[1:6] == ["seen", "30", "1.5", "90", "1.0 %"]
    assert renewal[7] == "accounts/acme/profile.md:4"
    assert crm("churn", "show", "acme").out == done.out
    listed = crm("churn").rows
    assert [row[0] for row in listed] == ["gone", "acme"]
    assert listed[0][2] == "high"
    page = json.loads(crm("churn", "acme", "--json").out)
    assert page[0]["signs"][2]["source"] == "accounts/acme/profile.md:4"
    assert page[0]["model"] is None


def test_who_is_no_customer_cannot_be_lost(crm: Crm, workspace: Path) -> None:
    profile(workspace, "acme", stage="prospect")
    assert crm("churn").rows == []
    assert crm("churn", "--json").out == "[]\n"
    done = crm("churn", "acme")
    assert (done.code, done.err) == (
        1,
        "crmctl: acme is no customer that could be lost: its stage is prospect\n",
    )


def test_little_history_is_said_plainly(crm: Crm, workspace: Path) -> None:
    profile(workspace, "acme", started="2025-01-01")
    done = crm("backtest", "health", "--lead", "90d")
    assert done.code == 0
    assert "no health score was ever written down" in done.out
    assert json.loads(crm("backtest", "health", "--json").out)["reason"]
    assert crm("backtest", "health", "--lead", "0d").code == 2


def test_a_backtest_of_two_years(crm: Crm, history: Path) -> None:
    done = crm("backtest", "health", "--lead", "60d", "--json")
    assert done.code == 0
    page = json.loads(done.out)
    assert page["reason"] == ""
    assert page["interval"]["low"] > 0.5
    assert page["interval"]["low"] <= page["auc"] <= page["interval"]["high"] < 1
    rates = {band["status"]: band["rate"] for band in page["bands"]}
    assert rates["critical"] > 2 * rates["good"]
    assert 0 < page["red_in_time"]["rate"] < 1
    # Scores that somebody else wrote for past days were not there to warn of anything.
    for file in sorted((history / "accounts/_measures").iterdir()):
        rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
        with file.open("a") as out:
            out.writelines(f"{a},{m},{100 - int(v)},audit\n" for a, m, v, _ in rows)
    assert crm("backtest", "health", "--lead", "60d", "--json").out == done.out
    text = crm("backtest", "health", "--lead", "60d").out
    assert "lost customers that were red in time\t" in text
    assert "\ncritical\t" in text


@needs_ml
def test_a_model_of_ones_own(crm: Crm, history: Path) -> None:
    done = crm("churn", "train", "--commit")
    assert done.code == 0, done
    figures = dict(line.split("\t") for line in done.out.splitlines())
    assert float(figures["auc"]) > 0.6
    assert float(figures["auc of tenure alone"]) < float(figures["auc of health alone"])
    card = (history / "models/churn.md").read_text()
    for heading in (
        "# Model card",
        "## How well it does",
        "## Calibration",
        "## What it goes by",
        "## Limits",
    ):
        assert heading in card
    assert "lost within 90 days" in card
    assert "by time: learnt from windows that had ended by" in card
    assert "models" not in crm("check").out
    listed = crm("churn", "--json")
    models = [page["model"] for page in json.loads(listed.out)]
    assert all(0 < chance < 1 for chance in models)
    assert "nothing to do" in crm("churn", "train").err


@needs_ml
def test_too_few_losses_are_refused(crm: Crm, history: Path) -> None:
    weights = history / "weights.yaml"
    weights.write_text(weights.read_text().replace("least_events: 50", "least_events: 500"))
    done = crm("churn", "train")
    assert done.code == 1
    assert "too little history for a model" in done.err
    assert not (history / "models").exists()


@needs_ml
def test_a_table_from_outside(crm: Crm, workspace: Path) -> None:
    rng = random.Random(1)
    table = workspace.parent / "Other Book.csv"
    rows = [(n % 50, rng.random() < (0.6 if n % 50 < 15 else 0.2)) for n in range(300)]
    table.write_text("tenure,gone,|x|\n" + "".join(f"{t},{int(y)},{t % 3}\n" for t, y in rows))
    done = crm("churn", "train", "--table", str(table), "--label", "gone", "--json")
    assert done.code == 0, done
    page = json.loads(done.out)
    assert (page["path"], page["card"]) == (
        "models/table-other-book.json",
        "models/table-other-book.md",
    )
    assert page["trial"]["alone"]["tenure"] > 0.6
    assert "\\|x\\|" in (workspace / page["card"]).read_text()
    assert "models" not in crm("check").out
    future = workspace.parent / "future.csv"
    future.write_text("tenure,gone,fee\n" + "".join(f"{t},{int(y)},{5 * y}\n" for t, y in rows))
    done = crm("churn", "train", "--table", str(future), "--label", "gone")
    assert (done.code, "known to fee: alone it tells who was lost" in done.err) == (1, True)


@pytest.mark.parametrize(
    "options",
    [["--label", "x"], ["--table", "x.csv"], ["--without", "x"], ["--observed", "2026-01-01"],
     ["--table", "x.csv", "--label", "x", "--date", "d", "--observed", "2026-01-01"]],
)  # fmt: skip
def test_options_that_do_not_belong_together(crm: Crm, options: list[str]) -> None:
    assert crm("churn", "train", *options).code == 2
