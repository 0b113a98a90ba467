"""The site in a real browser: no error, no request, no fault for screen readers; sorting, filters and search work.

Chromium is the system's own; without it or without Playwright these are skipped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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
PAGES = ("index.html", "owners/mira.html", "trend.html", "risk.html", "accounts/tamarack-rail.html")
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        shown = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield shown
        shown.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample workspace, as a module of its own, which may be skipped as a whole."""
    return _sample_workspace(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def folder(samples: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(samples, tmp_path_factory.mktemp("browser") / "site").folder


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a page, and fails on any message, error or request that is not for a file of the site."""
    faults: list[str] = []
    contexts = []

    def dismissed(dialog: Any) -> None:
        faults.append("a dialog")
        dialog.dismiss()

    def show(url: str, *, scheme: str = "light", size: str = "wide", script: bool = True) -> Any:
        width, height = SIZES[size]
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", dismissed)
        home = (
            url.split("/accounts/", maxsplit=1)[0]
            .split("/owners/", maxsplit=1)[0]
            .rpartition("/")[0]
        )
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((home.removesuffix("/accounts"), "data:"))
                else faults.append(asked.url)
            ),
        )
        page.goto(url)
        return page

    yield show
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_without_error_and_fit(
    opened: Any, folder: Path, scheme: str, size: str
) -> None:
    for path in PAGES:
        page = opened(f"file://{folder}/{path}", scheme=scheme, size=size)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size][0], path
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(18, 20, 22)") is (scheme == "dark")
        assert page.locator("h1").count() == 1


def test_served_pages_open_too(opened: Any, folder: Path) -> None:
    with serving(folder, 0) as port:
        page = opened(f"http://127.0.0.1:{port}/index.html")
        page.get_by_role("link", name="Tamarack Rail Services").first.click()
        page.wait_for_url("**/accounts/tamarack-rail.html")
        assert page.locator("h1").inner_text() == "Tamarack Rail Services"
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.skip')).position")
            == "absolute"
        )


@pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason="axe is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened: Any, folder: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    for path in PAGES:
        page = opened(f"file://{folder}/{path}", scheme=scheme)
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        # It would fetch the style sheets again, which the policy forbids.
        found = Axe().run(page, options={"preload": False}).response["violations"]
        serious = [
            (fault["id"], [node["html"][:160] for node in fault["nodes"][:3]])
            for fault in found
            if fault["impact"] in {"serious", "critical"}
        ]
        assert serious == [], path


def names(page: Any) -> list[str]:
    found: list[str] = page.locator("#accounts tbody tr:visible th a").all_inner_texts()
    return found


def test_filters_narrow_the_list_and_say_so(opened: Any, folder: Path) -> None:
    page = opened(f"file://{folder}/index.html")
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


def test_columns_sort_by_mouse_and_keyboard_and_unknown_is_last(opened: Any, folder: Path) -> None:
    page = opened(f"file://{folder}/index.html")
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


def test_the_first_tab_skips_to_the_content(opened: Any, folder: Path) -> None:
    page = opened(f"file://{folder}/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_without_javascript_everything_is_there(opened: Any, folder: Path) -> None:
    page = opened(f"file://{folder}/index.html", script=False)
    assert page.locator("#accounts tbody tr:visible").count() == 14
    assert not page.locator(".filters").is_visible()


def test_printing_opens_what_is_folded(opened: Any, folder: Path) -> None:
    page = opened(f"file://{folder}/accounts/tamarack-rail.html")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.pdf().startswith(b"%PDF")


def test_hostile_names_and_mails_run_nothing(
    opened: Any,
    samples: Workspace,
    tmp_path: Path,
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
            f"---\nname: {told}\nstage: customer\nowner: mira\nsegment: {told}\narr: 1000\nnext_step: {told}\n---\n"
        )
        (base / "contacts/eve.md").write_text(f"---\nname: {told}\nroles: [champion]\n---\n")
        (base / "deals/d.md").write_text(f"---\nname: {told}\nstage: {told}\nstatus: open\n---\n")
        mail = {"id": f"mail:{place}", "at": "2026-11-10T10:00:00Z", "type": "email", "direction": "in",
                "with": ["eve"], "subject": name, "text": MAIL}  # fmt: skip
        (base / "interactions/2026.jsonl").write_text(json.dumps(mail) + "\n")
    made = build(Workspace(root, now=samples.now), tmp_path / "site")
    assert made.accounts == len(NAMES)
    paths = [
        "index.html",
        "risk.html",
        "trend.html",
        *(f"accounts/evil-{n}.html" for n in range(len(NAMES))),
    ]
    for path in paths:
        page = opened(f"file://{made.folder}/{path}")
        assert page.title().endswith("Rostrum Scheduling"), path
        assert page.locator("script").count() == 1
        assert page.locator("img, iframe, object").count() == 0
    page = opened(f"file://{made.folder}/index.html")
    page.get_by_label("Search").fill("<script>")
    assert names(page) == [NAMES[0]]
