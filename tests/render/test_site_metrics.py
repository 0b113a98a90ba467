"""The pages of metrics and cohorts: the numbers of `crmctl metrics`, who is behind them, and every cell legible."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crmctl.__main__ import main
from crmctl.insight.metrics_cohorts import Cohorts
from crmctl.insight.metrics_methods import METHODS
from crmctl.model.numbers import half_up
from crmctl.render import metrics as form
from crmctl.render import metrics_cohorts as cohort_form
from crmctl.render import metrics_json as document
from crmctl.render.site import cohort_page as cohorts
from crmctl.render.site import metrics_page as metrics
from crmctl.render.site.build import build
from crmctl.render.site.environment import ASSETS
from crmctl.render.site.frame import Frame, frame
from crmctl.render.site.metrics_data import Told, quarters, told
from crmctl.workspace import index
from crmctl.workspace.workspace import Workspace
from tests.render.conftest import NOW, ROOT, _sample_workspace
from tests.render.test_site import Page

RATES = "rates: {GBP: 1.15, NOK: 0.086, USD: 0.86}"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample accounts with measured revenue: one grows, one shrinks, one leaves, one comes."""
    ws = _sample_workspace(tmp_path_factory.mktemp("metrics"))
    days = {
        "2026-03-31": {"vega-solar": 4000, "harbour-lane-logistics": 8000, "nordkap-fisk": 40000},
        "2026-06-30": {"vega-solar": 4400, "harbour-lane-logistics": 7000, "nordkap-fisk": 45000},
        "2026-09-30": {"vega-solar": 5000, "harbour-lane-logistics": 6500, "nordkap-fisk": 0},
    }
    for day, amounts in days.items():
        file = ws.root / f"accounts/_measures/{day}.csv"
        old = file.read_text().splitlines()[1:] if file.exists() else []
        lines = [f"{slug},mrr,{amount},billing" for slug, amount in amounts.items()]
        lines += [f"vega-solar,health.score,{40 + int(day[5:7])},crmctl"]
        file.write_text("\n".join(["account,measure,value,source", *sorted({*old, *lines})]) + "\n")
    return ws


@pytest.fixture(scope="module")
def shared(ws: Workspace) -> Frame:
    return frame(ws)


@pytest.fixture(scope="module")
def folder(ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ws, tmp_path_factory.mktemp("site") / "site").folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    kept = json.loads((folder / ".crmctl-site.json").read_text())["accounts"]
    return [one["row"] for one in kept.values()]


@pytest.fixture(scope="module")
def found(ws: Workspace, rows: list[dict[str, Any]], shared: Frame) -> Told:
    return told(ws, rows, shared)


@pytest.fixture
def asked(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """What `crmctl metrics … --json` prints in the workspace."""
    monkeypatch.chdir(ws.root)
    monkeypatch.setenv("CRMCTL_NOW", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")

    def ask(*arguments: str) -> Any:
        capsys.readouterr()
        assert main(["metrics", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


def plain(value: Any) -> Any:
    """As `--json` gives it."""
    return json.loads(json.dumps(index.plain(value)))


def test_every_quarter_is_what_the_terminal_says(found: Told, asked: Any) -> None:
    assert [quarter.name for quarter in found.quarters] == [
        "2025Q4",
        "2026Q1",
        "2026Q2",
        "2026Q3",
        "2026Q4",
    ]
    for quarter in found.quarters:
        want = asked("--period", quarter.name)
        (group,) = want["groups"]
        assert plain(document.group(quarter.group, quarter.asked, None)) == group
        assert plain(document.head(quarter.asked)) == {
            k: v for k, v in want.items() if k != "groups"
        }
    assert found.whole.name == "2026Q3"
    assert asked()["period"]["last"] == str(found.whole.asked.period.last)


def test_the_page_shows_those_figures(found: Told, asked: Any, folder: Path) -> None:
    text = "".join(Page((folder / "metrics.html").read_bytes()).text.split())
    for figure in asked("--period", found.whole.name)["groups"][0]["figures"]:
        shown = form.percent(figure["value"])
        top = form.amount(Decimal(str(figure["top"])))
        line = f"{form.TITLES[figure['name']]}{figure['currency'] or ''}{shown}{top}of"
        assert "".join(line.split()) in text, figure
    assert found.now.group.health.mean is not None
    assert f"Meanhealth{half_up(found.now.group.health.mean)}of100" in text


@pytest.mark.parametrize("by", list(cohorts.BY))
@pytest.mark.parametrize("what", list(cohorts.WHAT))
def test_cohorts_are_what_the_terminal_says(
    found: Told, shared: Frame, asked: Any, by: str, what: str
) -> None:
    here = Cohorts(found.book.accounts, found.months, found.today, found.rules).tables(by, what)
    want = asked("cohorts", "--by", by, "--what", what)
    assert (
        plain([cohort_form.document(table, currency) for currency, table in here.items()]) == want
    )
    view = next(
        v for v in cohorts.cohort_page(found, shared)["views"] if (v["by"], v["what"]) == (by, what)
    )
    for table, shown in zip(here.values(), view["tables"], strict=True):
        cells = [*(row["cells"] for row in shown["rows"]), shown["average"]]
        for row, drawn in zip(cohort_form.rows(table), cells, strict=True):
            assert [row[month] for month in shown["months"]] == [cell["text"] for cell in drawn]


def test_the_accounts_behind_a_figure_add_up_to_it(found: Told, shared: Frame) -> None:
    page = metrics.metrics_page(found, shared)
    given = {(b["name"], b["currency"]): b for b in page["behind"]}
    assert len(given) == len(found.whole.group.figures)
    for each in found.whole.group.figures:
        told_ = given[form.TITLES[each.figure.name], each.currency]
        assert told_["more"] == 0
        for name, total in (("top", each.figure.top), ("of", each.figure.bottom)):
            amounts = [float(part[name].replace(",", "")) for part in told_["parts"]]
            assert sum(amounts) == pytest.approx(float(total), abs=0.01)
    first = given["GRR", "NOK"]["parts"][0]
    assert (first["slug"], first["rule"], first["top"], first["of"]) == (
        "nordkap-fisk",
        "lost",
        "0",
        "45,000",
    )


def test_methods_differ_by_the_accounts_that_are_named(found: Told, shared: Frame) -> None:
    page = metrics.metrics_page(found, shared)
    by_name = {method["name"]: method for method in page["differs"]}
    assert set(by_name) == set(METHODS) - {"snapshot"}
    stripe = by_name["stripe"]["figures"][0]
    assert (stripe["name"], stripe["first"]) == ("logo churn", "16.67 %")
    effects = sum(float(row["effect"].replace("−", "-")) for row in stripe["rows"])
    assert effects == pytest.approx(float(stripe["second"][:-2]) - 16.67, abs=0.02)
    cell = next(r for r in page["methods"] if r["name"] == "logo churn")["cells"]
    assert cell[0]["same"]
    assert cell[list(METHODS).index("chartmogul")] is None


def test_a_share_of_nothing_is_not_defined(found: Told, folder: Path) -> None:
    oldest = found.quarters[0]
    assert {m.figure.value for m in oldest.group.figures if m.figure.bottom == 0} == {None}
    text = (folder / "metrics.html").read_text()
    assert '<span class="undefined">not defined</span>' in text
    assert "nan" not in Page(text.encode()).text.lower().split()


def test_currencies_are_added_up_at_stated_rates_alone(
    ws: Workspace, rows: list[dict[str, Any]], found: Told
) -> None:
    assert list(found.whole.group.movements) == ["EUR", "GBP", "NOK", "USD"]
    file = ws.root / "weights.yaml"
    before = file.read_text()
    try:
        file.write_text(before.replace("rates: {}", RATES))
        one = told(ws, rows, frame(ws))
        page = metrics.metrics_page(one, frame(ws))
    finally:
        file.write_text(before)
    assert [block["currency"] for block in page["blocks"]] == ["EUR"]


def test_only_the_accounts_of_the_site_count(
    ws: Workspace, rows: list[dict[str, Any]], shared: Frame
) -> None:
    own = told(ws, [row for row in rows if row["slug"] == "vega-solar"], shared)
    assert [account.slug for account in own.book.accounts] == ["vega-solar"]
    nobody = told(ws, [], shared)
    page = metrics.metrics_page(nobody, shared)
    assert (page["there"], page["blocks"], page["lines"]) == (False, [], [])
    assert not cohorts.cohort_page(nobody, shared)["there"]


def test_quarters_follow_one_another(found: Told) -> None:
    named = quarters(found.today, 9)
    assert len(named) == 10
    for (_, one), (_, other) in pairwise(named):
        assert other.first.toordinal() == one.last.toordinal() + 1
    assert named[-1][1].last == found.today


def _shades(text: str) -> dict[str, str]:
    return {
        name: value.lower() for name, value in re.findall(r"--([\w-]+): (#[0-9a-fA-F]{6})", text)
    }


def _light(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_cell_can_be_read(scheme: str) -> None:
    css = ASSETS["site.css"].read_text()
    light, _, rest = css.partition("@media (prefers-color-scheme: dark)")
    shades = _shades(light)
    if scheme == "dark":
        shades |= _shades(rest.partition("*, *::before")[0])
    pairs = [
        (name, "on-heat")
        for name in ("heat1", "heat2", "heat3", "heat4", "heat5", "heat6", "more1")
    ]
    pairs += [
        ("heat0", "on-strong"),
        ("more2", "on-strong"),
        ("none-bg", "none"),
        ("hair", "soft"),
        ("paper", "soft"),
    ]
    pairs += [(f"{tone}-bg", tone) for tone in ("best", "good", "warn", "bad")]
    assert {name for name, _ in pairs} >= {shade for _, shade in cohorts.SHADES}
    for ground, ink in pairs:
        one, other = sorted((_light(shades[ground]), _light(shades[ink])), reverse=True)
        assert (one + 0.05) / (other + 0.05) >= 4.5, (ground, ink)


def test_the_pages_stay_as_they_are_until_something_changes(
    ws: Workspace, folder: Path, rows: list[dict[str, Any]]
) -> None:
    assert rows
    again = build(ws, folder)
    assert not {"metrics.html", "cohorts.html"} & {*again.written.changed, *again.written.new}
    assert ROOT not in ws.root.parents
