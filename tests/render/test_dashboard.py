"""Dashboards: their figures are the site's, they fit the screen, and they need neither colour nor Unicode."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from html import unescape
from typing import Any

import pytest
from rich.cells import cell_len

from crmctl.render import (
    book,
    book_read,
    dashboard_account,
    dashboard_book,
    dashboard_cohort,
    dashboard_json,
)
from crmctl.render.account import read
from crmctl.render.book_read import Book, read_book
from crmctl.render.dashboard import (
    PLAIN,
    RICH,
    Cell,
    Line,
    Room,
    bar,
    glyphs,
    listed,
    spark,
    table,
)
from crmctl.render.site import environment, overview
from crmctl.render.site.charts_forecast import fan
from crmctl.render.site.environment import money, percent, score
from crmctl.render.site.frame import Frame, frame
from crmctl.workspace.workspace import Workspace

SMALL, TALL, WIDE = Room(80, 24, RICH), Room(80, 40, RICH), Room(200, 50, RICH)


@pytest.fixture(scope="module")
def shared(samples: Workspace) -> Frame:
    return frame(samples)


@pytest.fixture(scope="module")
def sample(samples: Workspace, shared: Frame) -> Book:
    return read_book(samples, shared)


@pytest.fixture(scope="module")
def site(sample: Book, shared: Frame) -> dict[str, str]:
    """What the site's pages say, their markup taken out."""
    given = {
        "frame": shared,
        "today": shared.today,
        "base": "",
        "site": "Us",
        "book": "",
        "books": {},
    }
    given |= {"problems": 0, "title": "All accounts"}
    pages = {
        "portfolio": overview.portfolio(sample.rows, shared),
        "risk": overview.risk_page(sample.rows, shared),
        "trend": overview.trend_page(sample.rows, shared),
    }
    found = {}
    for name, data in pages.items():
        raw = environment.render(name, {**given, "here": name, **data}).decode()
        found[name] = " ".join(unescape(re.sub(r"<[^>]+>", " ", raw)).split())
    return found


def text(lines: list[Line]) -> list[str]:
    return ["".join(words for words, _ in line).rstrip() for line in lines]


# --- the same numbers as the site


def test_a_book_shows_what_the_site_shows(
    site: dict[str, str], sample: Book, shared: Frame
) -> None:
    told = dashboard_json.portfolio(book.portfolio(sample.rows, shared), shared, "")
    shown = site["portfolio"]
    for sums in (told["arr"], told["at_risk"]["arr"], told["renewing"]["arr"]):
        assert sums
        for currency, amount in sums.items():
            assert money(round(amount), currency) in shown
    assert f"{score(told['mean_health'])} of 100" in shown
    assert f"{told['customers']} customers" in shown
    for one in told["endangered"]:
        assert one["name"] in shown
        assert " ".join(one["why"][:60].split()) in shown
    for one in told["renewals"]:
        assert one["renewal"] in shown


def test_a_risk_shows_what_the_site_shows(
    site: dict[str, str], sample: Book, shared: Frame
) -> None:
    told = dashboard_json.risk(book.risk(sample.rows, shared), shared, "")
    shown = site["risk"]
    for currency, loss in told["expected_loss"].items():
        assert money(round(loss), currency) in shown
    for one in told["customers"]:
        assert f"{one['name']} " in shown
        assert percent(one["risk"]) in shown
        assert one["mitigation"]["what"] == "" or one["mitigation"]["source"] in shown
    assert "no plan" in shown


def test_the_history_is_that_of_the_site(site: dict[str, str], sample: Book, shared: Frame) -> None:
    told = dashboard_json.trend(book.trend(sample.rows, shared), shared, "")
    shown = site["trend"]
    assert told["outlooks"]["mean"]["forecast"] is None
    assert "Too little history to draw" in shown
    used = told["outlooks"]["usage usage.active_users"]
    last = used["forecast"]["steps"][-1]
    between = f"between {score(last['low'])} and {score(last['high'])}"
    assert f"on {last['day']} it is expected at {score(last['value'])}" in shown
    assert between in shown


def test_the_pages_only_cut_what_the_book_lists(sample: Book, shared: Frame) -> None:
    whole, shown = book.portfolio(sample.rows, shared), overview.portfolio(sample.rows, shared)
    for name in ("renewals", "endangered", "gaps", "wanting"):
        assert shown[name] == whole[name][: overview.SHOWN]
    assert shown["movers"] == [one["row"] for one in whole["movers"]]


# --- figures


def row(slug: str, **values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "slug": slug, "name": slug.title(), "owner": "mira", "stage": "customer", "step": "", "segment": "",
        "industry": "", "customer": True, "arr": "1000", "currency": "EUR", "renewal": None, "auto": None,
        "score": 70.0, "status": "good", "coverage": 1.0, "why": "", "trend": None, "scores": [], "risk": None,
        "next": {"text": "Call", "due": None, "state": "there"}, "steps": [], "gaps": [], "last": None,
        "usage": None, "mitigation": None,
    }  # fmt: skip
    return found | values


def weeks(values: list[float | None], last: dt.date) -> list[list[Any]]:
    start = last - dt.timedelta(7 * (len(values) - 1))
    return [[(start + dt.timedelta(7 * n)).isoformat(), value] for n, value in enumerate(values)]


def test_currencies_are_never_added_up(shared: Frame) -> None:
    rows = [row("a"), row("b", currency="USD", arr="500"), row("c", arr=None)]
    found = book.portfolio(rows, shared)
    assert dashboard_json.portfolio(found, shared, "")["arr"] == {"EUR": 1000.0, "USD": 500.0}
    shown = text(list(dashboard_book.portfolio(found, shared, "All", 5, TALL)))
    assert "1,000 EUR + 500 USD" in shown[1]


def test_movers_since_a_day(shared: Frame) -> None:
    today = shared.today
    rows = [
        row("up", scores=weeks([40, 50, 60], today)),
        row("noise", scores=weeks([60, 62, 63], today)),
        row("down", scores=weeks([90, 70, 60], today)),
        row("new", scores=weeks([60], today)),
    ]
    found = book.portfolio(rows, shared, today - dt.timedelta(14))["movers"]
    assert [(one["row"]["slug"], one["points"]) for one in found] == [("down", -30), ("up", 20)]
    assert book.portfolio(rows, shared)["movers"] == []


def test_the_mean_of_others_is_another_history(shared: Frame) -> None:
    old = [row(f"old-{n}", scores=weeks([60.0 + n] * 40, shared.today)) for n in range(4)]
    found = book.trend(old, shared)["outlooks"]["mean"]
    assert found.forecast is not None
    fresh = [row(f"new-{n}", scores=weeks([20.0] * 3, shared.today)) for n in range(4)]
    found = book.trend([*old, *fresh], shared)["outlooks"]["mean"]
    assert found.forecast is None
    assert "4 customers had a score and now 8 have" in found.reason


def test_the_mean_by_arr_counts_each_currency_for_itself(shared: Frame) -> None:
    rows = [
        row("small", arr="1", scores=weeks([0.0], shared.today)),
        row("large", arr="3", scores=weeks([100.0], shared.today)),
        row("other", arr="9", currency="USD", scores=weeks([50.0], shared.today)),
    ]
    (point,) = book.trend(rows, shared)["history"]
    assert point["weighted"] == {"USD": 50.0, "EUR": 75.0}
    assert point["mean"] == 50.0


def test_usage_adds_up_those_who_were_measured_all_along(shared: Frame) -> None:
    def used(slug: str, values: list[float | None]) -> dict[str, Any]:
        points = weeks(values, shared.today)
        return row(slug, usage={"measure": "usage.active_users", "points": points})

    rows = [used("a", [10, 10, 12]), used("b", [5, 6, 7]), used("late", [100])]
    (found,) = book.trend(rows, shared)["usage"]
    assert [value for _, value in found["points"]] == [15, 16, 19]
    assert (found["accounts"], found["later"]) == (2, 1)


def test_what_is_done_about_a_loss(ws: Workspace) -> None:
    for slug in ("vega-solar", "redstart-schoonmaak"):
        (ws.root / f"accounts/{slug}/plans").mkdir(exist_ok=True)
    plan = "---\ntitle: Win them back\ncreated: {0}\nowner: mira\nreview: {1}\nworkflow: health_degradation\n---\n"
    here = ws.root / "accounts/vega-solar/plans/2026-11-01-intervention-plan-ab12.md"
    here.write_text(plan.format("2026-11-01", "2026-12-01"))
    late = ws.root / "accounts/redstart-schoonmaak/plans/2026-10-01-intervention-plan-cd34.md"
    late.write_text(plan.format("2026-10-01", "2026-11-01"))
    keep = {"vega-solar", "redstart-schoonmaak", "tamarack-rail", "nordkap-fisk"}
    for folder in (ws.root / "accounts").iterdir():
        if folder.name not in keep and not folder.name.startswith("_"):
            shutil.rmtree(folder)

    def states() -> dict[str, str]:
        rows = read_book(ws, frame(ws)).rows
        return {one["slug"]: one["mitigation"]["state"] for one in rows if one["mitigation"]}

    assert states() == {
        "nordkap-fisk": "none",
        "redstart-schoonmaak": "overdue",
        "tamarack-rail": "under way",
        "vega-solar": "under way",
    }
    task = "---\ntitle: Ask why\nowner: mira\ndue: 2026-11-10\nstatus: {0}\nworkflow: health_degradation\n---\n"
    tasks = ws.root / "accounts/vega-solar/tasks/2026-11-10-ask-why-ef56.md"
    tasks.parent.mkdir(exist_ok=True)
    tasks.write_text(task.format("open"))
    assert states()["vega-solar"] == "overdue"
    tasks.write_text(task.format("done"))
    assert states()["vega-solar"] == "done"


# --- what is remembered


def test_rows_are_remembered_until_their_files_change(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_read, "RACY_NS", 0)
    shared = frame(ws)
    first, again = read_book(ws, shared), read_book(ws, shared)
    assert first.read == len(first.rows) == 14
    assert again.read == 0
    assert again.rows == first.rows
    own = read_book(ws, shared, "mira")
    assert 0 < len(own.rows) < 14
    assert {one["owner"] for one in own.rows} == {"mira"}
    profile = ws.root / "accounts/vega-solar/profile.md"
    profile.write_text(profile.read_text().replace("Vega Solar", "Vega Sun", 1))
    changed = read_book(ws, shared)
    assert changed.read == 1
    assert "Vega Sun" in {one["name"] for one in changed.rows}
    (ws.root / "accounts/_measures/2026-11-16.csv").write_text(
        "account,measure,value,source\nvega-solar,usage.active_users,12,csv\n"
    )
    assert read_book(ws, shared).read == 14


# --- the screen


def everything(
    samples: Workspace, shared: Frame, rows: list[Any], place: Room
) -> dict[str, list[Line]]:
    told = dashboard_account.document(samples, read(samples, "tamarack-rail"), shared, None)
    return {
        "portfolio": list(dashboard_book.portfolio(book.portfolio(rows, shared), shared, "All", 3, place)),
        "risk": list(dashboard_book.risk(book.risk(rows, shared), shared, "All", 3, place)),
        "trend": list(dashboard_book.trend(book.trend(rows, shared), shared, "All", 3, place)),
        "account": list(dashboard_account.lines(told, shared, 3, place)),
    }  # fmt: skip


@pytest.mark.parametrize("place", [SMALL, TALL, WIDE, Room(120, 40, PLAIN)])
def test_no_line_is_wider_than_the_screen(
    samples: Workspace, shared: Frame, sample: Book, place: Room
) -> None:
    for name, lines in everything(samples, shared, sample.rows, place).items():
        for line in text(lines):
            assert cell_len(line) <= place.width, (name, line)


def test_an_account_fits_one_screen(samples: Workspace, shared: Frame, sample: Book) -> None:
    for one in sample.rows:
        told = dashboard_account.document(samples, read(samples, one["slug"]), shared, None)
        assert len(list(dashboard_account.lines(told, shared, 3, TALL))) < TALL.height, one["slug"]


def test_a_plain_terminal_gets_no_drawing_beyond_ascii(
    samples: Workspace, shared: Frame, sample: Book
) -> None:
    place = Room(80, 40, PLAIN)
    for lines in everything(samples, shared, sample.rows, place).values():
        drawn = set("".join(text(lines))) & set("".join(RICH))
        assert drawn <= set("".join(PLAIN))


def test_nothing_is_told_by_colour_alone(samples: Workspace, shared: Frame, sample: Book) -> None:
    for lines in everything(samples, shared, sample.rows, TALL).values():
        for line in lines:
            for words, style in line:
                assert not style or style in {"bold", "bright_black"} or re.search(r"\w", words)


def test_nobody_to_show(samples: Workspace, shared: Frame) -> None:
    prospect = row("new", customer=False, stage="prospect", risk=None)
    for rows in ([], [prospect]):
        shown = everything(samples, shared, rows, TALL)
        for name in ("portfolio", "risk", "trend"):
            assert "  no customers yet" in text(shown[name])
        flat = [
            *dashboard_json.portfolio_rows(dashboard_json.portfolio(book.portfolio(rows, shared), shared, "")),
            *dashboard_json.risk_rows(dashboard_json.risk(book.risk(rows, shared), shared, "")),
            *dashboard_json.trend_rows(dashboard_json.trend(book.trend(rows, shared), shared, "")),
        ]  # fmt: skip
        assert not [one for one in flat if one.get("account")]
    cohorts = dashboard_cohort.cohorts([], "month", range(4), shared.today, _rules())
    assert "  no customers yet" in text(list(dashboard_cohort.lines(cohorts, shared.today, TALL)))


def _rules() -> Any:
    from crmctl.insight.metrics_weights import metric_weights

    return metric_weights(None)


def test_sparklines_and_bars() -> None:
    assert spark([0, 50, 100], RICH) == "▁▅█"
    assert spark([0, None, 100], PLAIN) == "_ #"
    assert spark([5, 5], PLAIN) == "--"
    assert spark([None, 5], RICH) == ""
    assert len(spark([float(n) for n in range(500)], RICH, 12)) == 12
    assert bar(0.0, PLAIN, 4) == "...."
    assert bar(0.001, PLAIN, 4) == "#..."
    assert bar(1.0, RICH, 4) == "████"
    assert bar(None, RICH, 4) == "    "


@pytest.mark.parametrize(
    ("environment", "marks"),
    [
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm"}, RICH),
        ({"LANG": "C", "TERM": "xterm"}, PLAIN),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, PLAIN),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, PLAIN),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, RICH),
        ({"LANG": "en_GB.UTF-8", "TERM": "dumb"}, PLAIN),
        ({}, PLAIN),
    ],
)
def test_what_a_terminal_can_show(environment: dict[str, str], marks: object) -> None:
    assert glyphs(environment) == marks


def test_columns_give_way_the_last_first() -> None:
    rows = [[Cell("a" * 30), Cell("7", right=True), Cell(""), Cell("why " * 30)]]
    (line,) = text(list(table(rows, 70, PLAIN)))
    assert line.startswith(f"  {'a' * 30}  7  why")
    assert line.endswith("~")
    assert cell_len(line) <= 70
    assert listed("Title", [[Cell("x")]] * 4, 2, "none").title == "Title (2 of 4)"


# --- the chart of the site


def test_a_forecast_is_drawn_as_a_band(shared: Frame) -> None:
    values = weeks([60.0 + n % 5 for n in range(40)], shared.today)
    seen = book.score_outlook(row("a", scores=values), shared)
    points = [(dt.date.fromisoformat(day), value) for day, value in values]
    chart = str(fan("Health", {"Mean": points, "Median": points}, seen.forecast, [0, 100]))
    assert chart.count('class="band"') == 1
    assert chart.count('class="ahead"') == 1
    assert "with 80 % between" in chart
    assert 'class="band"' not in str(fan("Health", {"Mean": points}, None, [0, 100]))
