"""The site in a real browser: no error, no request, no fault for screen readers; sorting, filters and views work.

Chromium is the system's own; without it or without Playwright these are skipped. One browser, one site and one page
object a way of looking serve all tests: starting them takes longer than using them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from crmctl.render.site.build import build
from crmctl.render.site.serving import serving
from crmctl.workspace.workspace import Workspace
from tests.render.conftest import _sample_workspace
from tests.render.test_site import MAIL, NAMES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
]
# One page of every kind.
PAGES = ("index.html", "owners/mira.html", "metrics.html", "cohorts.html", "trend.html", "risk.html",
         "accounts/tamarack-rail.html")  # fmt: skip
WIDE, PHONE = (1440, 900), (390, 844)
FOLDS = "for (const d of document.querySelectorAll('details')) d.open = true"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        shown = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield shown
        shown.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample workspace, as a module of its own, which may be skipped as a whole."""
    return _sample_workspace(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def folder(samples: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(samples, tmp_path_factory.mktemp("browser") / "site").folder


@pytest.fixture(scope="module")
def book(samples: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One owner's: the same pages, shorter."""
    return build(samples, tmp_path_factory.mktemp("book") / "site", "jonas").folder


class Window:
    """One page object, and every message, error, dialog and request that is none of the site's own files."""

    def __init__(self, browser: Any, *, script: bool = True) -> None:
        self.faults: list[str] = []
        self.home = ""
        self.page = browser.new_context(java_script_enabled=script).new_page()
        self.page.on("console", lambda said: self.faults.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", self._dismissed)
        self.page.on("request", self._asked)

    def _dismissed(self, dialog: Any) -> None:
        self.faults.append("a dialog")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.home, "data:")):
            self.faults.append(request.url)

    def open(
        self, home: str, path: str, *, scheme: str = "light", size: tuple[int, int] = WIDE
    ) -> Any:
        self.home = home
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme, media="screen")
        self.page.goto(f"{home}/{path}")
        return self.page


@pytest.fixture(scope="module")
def window(browser: Any) -> Window:
    return Window(browser)


@pytest.fixture
def opened(window: Window, folder: Path) -> Iterator[Open]:
    """Opens a page of the site, and fails on any message, error or request that is not for a file of the site."""
    window.faults.clear()

    def show(path: str, home: str = f"file://{folder}", **how: Any) -> Any:
        return window.open(home, path, **how)

    yield show
    assert window.faults == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_error_and_fits(opened: Open, path: str) -> None:
    for scheme in ("light", "dark"):
        page = opened(path, scheme=scheme)
        for size in (WIDE, PHONE):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], (scheme, size)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(18, 20, 22)") is (scheme == "dark")
        assert page.locator("h1").count() == 1
        assert page.locator("nav [aria-current=page]").count() == (not path.startswith("accounts"))


@pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason="axe is not installed")
@pytest.mark.parametrize("path", [path for path in PAGES if not path.startswith("owners")])
def test_axe_finds_no_serious_fault(opened: Open, book: Path, path: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    # In the dark, colours are all that differs.
    tags = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
    colours = {"type": "rule", "values": ["color-contrast", "scrollable-region-focusable"]}
    for scheme, size, only in (("light", WIDE, tags), ("dark", PHONE, colours)):
        page = opened(path, f"file://{book}", scheme=scheme, size=size)
        page.evaluate(FOLDS)
        # Views that the choices hide are to be read as well.
        page.evaluate(
            "for (const p of document.querySelectorAll('main [hidden]')) p.hidden = false"
        )
        # It would fetch the style sheets again, which the policy forbids.
        options = {"preload": False, "resultTypes": ["violations"], "runOnly": only}
        found = Axe().run(page, options=options).response["violations"]
        serious = [
            (fault["id"], [node["html"][:160] for node in fault["nodes"][:3]])
            for fault in found
            if fault["impact"] in {"serious", "critical"}
        ]
        assert serious == [], scheme


def test_served_pages_open_too(opened: Open, folder: Path) -> None:
    with serving(folder, 0) as port:
        page = opened("index.html", f"http://127.0.0.1:{port}")
        page.get_by_role("link", name="Tamarack Rail Services").first.click()
        page.wait_for_url("**/accounts/tamarack-rail.html")
        assert page.locator("h1").inner_text() == "Tamarack Rail Services"
        where = page.evaluate("getComputedStyle(document.querySelector('.skip')).position")
        assert where == "absolute"
        page.goto("about:blank")


def names(page: Any, table: str = "accounts") -> list[str]:
    found: list[str] = page.locator(f"#{table} tbody tr:visible th a").all_inner_texts()
    return found


def test_filters_narrow_the_list_and_say_so(opened: Open) -> None:
    page = opened("index.html")
    every = names(page)
    assert len(every) == 14
    count = page.locator("[data-count]")
    assert count.inner_text() == "14 rows"
    page.get_by_label("Search").fill("nordkap")
    assert names(page) == ["Nordkap Fisk AS"]
    assert count.inner_text() == "1 of 14 rows"
    page.get_by_label("Search").fill("BUHNEN")  # accents and case do not matter
    assert names(page) == ["Aurelia Bühnen"]
    page.get_by_label("Search").fill("zzz")
    assert page.locator("[data-none]").is_visible()
    page.get_by_role("button", name="Clear").click()
    assert names(page) == every
    page.locator("[data-by=status]").select_option("at risk")
    page.locator("[data-by=owner]").select_option("Mira Lindqvist")
    assert names(page) == ["Calder Facilities Group", "Vega Solar"]


def test_columns_sort_by_mouse_and_keyboard_and_unknown_is_last(opened: Open) -> None:
    page = opened("index.html")
    head = page.locator("#accounts thead th", has_text="Health")
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    cells = page.locator("#accounts tbody td:nth-child(4)").all_inner_texts()
    known = [int(cell) for cell in cells if cell != "–"]
    assert known == sorted(known, reverse=True)
    assert cells[len(known) :] == ["–"] * (len(cells) - len(known))
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    again = page.locator("#accounts tbody td:nth-child(4)").all_inner_texts()
    assert [int(cell) for cell in again if cell != "–"] == sorted(known)
    assert again[-1] == "–"


def test_a_currency_is_chosen_and_the_accounts_of_the_quarter_filtered(opened: Open) -> None:
    page = opened("metrics.html")
    choice = page.get_by_label("Revenue in")
    assert choice.input_value() == "EUR"
    assert page.get_by_role("rowheader", name="Revenue in EUR").is_visible()
    assert not page.get_by_role("rowheader", name="Revenue in GBP").is_visible()
    choice.select_option("GBP")
    assert not page.get_by_role("rowheader", name="Revenue in EUR").is_visible()
    assert (
        page.locator("#behind ~ .folds > details:visible .unit").all_inner_texts().count("GBP") == 7
    )
    choice.select_option("every currency")
    assert page.locator("tbody[data-view-currency]:visible").count() == 4
    fold = page.locator("#behind ~ .folds > details").first
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert fold.get_by_role("link").first.is_visible()
    page.locator("[data-by=currency]").select_option("NOK")
    assert names(page, "lines") == ["Nordkap Fisk AS"]


def test_cohorts_are_shown_one_view_at_a_time(opened: Open) -> None:
    page = opened("cohorts.html")
    assert page.locator(".view:visible").count() == 1
    assert page.locator(".scale:visible").inner_text().startswith("Percent kept")
    page.get_by_label("Cohorts by").select_option("segment")
    page.get_by_label("Show").select_option("time to value")
    assert page.locator(".view:visible h3").inner_text() == "Time to value by segment"
    assert page.locator(".scale:visible").count() == 0


def test_the_first_tab_skips_to_the_content(opened: Open) -> None:
    page = opened("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_without_javascript_everything_is_there(browser: Any, folder: Path) -> None:
    plain = Window(browser, script=False)
    page = plain.open(f"file://{folder}", "index.html")
    assert page.locator("#accounts tbody tr:visible").count() == 14
    assert not page.locator(".filters").is_visible()
    page = plain.open(f"file://{folder}", "cohorts.html")
    assert page.locator(".view:visible").count() == 16
    page.context.close()
    assert plain.faults == []


def test_printing_opens_what_is_folded(opened: Open) -> None:
    page = opened("accounts/tamarack-rail.html")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.pdf().startswith(b"%PDF")


def test_hostile_names_and_mails_run_nothing(
    opened: Open, samples: Workspace, tmp_path: Path
) -> None:
    root = tmp_path / "hostile"
    shutil.copytree(samples.root, root)
    for old in (root / "accounts").iterdir():
        if not old.name.startswith("_"):
            shutil.rmtree(old)
    for place, name in enumerate(NAMES):
        base, told = root / f"accounts/evil-{place}", json.dumps(name)
        for below in ("contacts", "deals", "interactions"):
            (base / below).mkdir(parents=True)
        (base / "profile.md").write_text(
            f"---\nname: {told}\nstage: customer\nowner: mira\nsegment: {told}\nplan: {told}\narr: 1000\n"
            f"started: 2026-0{place % 9 + 1}-01\nnext_step: {told}\n---\n"
        )
        (base / "contacts/eve.md").write_text(f"---\nname: {told}\nroles: [champion]\n---\n")
        (base / "deals/d.md").write_text(f"---\nname: {told}\nstage: {told}\nstatus: open\n---\n")
        mail = {"id": f"mail:{place}", "at": "2026-11-10T10:00:00Z", "type": "email", "direction": "in",
                "with": ["eve"], "subject": name, "text": MAIL}  # fmt: skip
        (base / "interactions/2026.jsonl").write_text(json.dumps(mail) + "\n")
    made = build(Workspace(root, now=samples.now), tmp_path / "site")
    assert made.accounts == len(NAMES)
    home = f"file://{made.folder}"
    shared = ("index.html", "metrics.html", "cohorts.html", "risk.html", "trend.html")
    for path in (*shared, *(f"accounts/evil-{n}.html" for n in range(len(NAMES)))):
        page = opened(path, home)
        page.evaluate(FOLDS)
        assert page.title().endswith("Rostrum Scheduling"), path
        assert page.locator("script").count() == 1
        assert page.locator("img, iframe, object").count() == 0
    page = opened("index.html", home)
    page.get_by_label("Search").fill("<script>")
    assert names(page) == [NAMES[0]]
