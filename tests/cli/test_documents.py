"""plan, brief, and every document as a page or a PDF, on the command line."""

from __future__ import annotations

import builtins
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from crmctl.workspace.paths import kind_of
from tests.conftest import Crm

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PLAN = "accounts/acme/plans/account-plan.md"
BRIEF = "accounts/acme/plans/2026-11-16-brief.md"
needs_pdf = pytest.mark.skipif(find_spec("weasyprint") is None, reason="WeasyPrint is missing")


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    """A customer with somebody who wrote, a deal and a task."""
    crm("new", "Acme", "--no-tasks", "--owner", "mira", "--stage", "customer")
    crm("contact", "add", "acme", "Ann Lee", "roles=champion,user", "title=Head of Ops")
    crm("deal", "add", "acme", "Fleet", "amount=48000")
    crm("task", "add", "acme", "Send the quote", "--due", "2026-11-20")
    crm("log", "acme", "Pricing call", "--with", "ann")
    return workspace


def changed(root: Path) -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_plan_is_written_shown_and_made_again(crm: Crm, acme: Path) -> None:
    done = crm("plan", "acme")
    assert (done.code, done.err) == (0, f"created {PLAN}\n")
    assert done.out == (acme / PLAN).read_text()
    assert "| Send the quote | mira | 2026-11-20 |" in done.out
    assert crm("plan", "acme").err == "nothing to do\n"
    page = json.loads(crm("plan", "acme", "--json").out)
    assert (page["account"], page["paths"], page["kept"]) == ("acme", [], [])
    assert "files" not in page


def test_a_dry_run_of_a_plan_writes_neither_document_nor_page(crm: Crm, acme: Path) -> None:
    before = changed(acme)
    target = acme.parent / "plan.html"
    done = crm("plan", "acme", "--dry-run", "--html", str(target))
    assert done.code == 0
    assert f"+++ b/{PLAN}" in done.out
    assert f"would write {target}" in done.err
    assert not target.exists()
    assert changed(acme) == before


def test_a_plan_is_committed_alone(crm: Crm, acme: Path) -> None:
    assert crm("plan", "acme", "--commit").code == 0
    assert [line for line in changed(acme) if "plans" in line] == []


def test_a_brief_is_printed_and_nothing_is_written(crm: Crm, acme: Path) -> None:
    before = changed(acme)
    done = crm("brief", "acme")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("# Brief: Acme\n")
    assert "| Ann Lee, Head of Ops | champion, user |" in done.out
    assert "crmctl:" not in done.out
    page = json.loads(crm("brief", "acme", "--json").out)
    assert [person["name"] for person in page["people"]] == ["Ann Lee"]
    assert page["day"] == "2026-11-16"
    assert {
        "next",
        "last",
        "changed",
        "ours",
        "theirs",
        "goals",
        "risks",
        "questions",
        "points",
    } <= page.keys()
    assert changed(acme) == before


def test_a_brief_is_kept_only_if_asked(crm: Crm, acme: Path) -> None:
    assert crm("brief", "acme", "--commit").code == 2
    assert crm("brief", "acme", "--dry-run").code == 2
    done = crm("brief", "acme", "--write")
    assert (done.code, done.err) == (0, f"created {BRIEF}\n")
    assert "## Notes" in (acme / BRIEF).read_text()
    assert kind_of(BRIEF) == ("plan", "acme", "2026-11-16-brief")


DOCUMENTS = {
    "review": ["review", "acme"], "plan": ["plan", "acme"], "brief": ["brief", "acme"], "map": ["map", "acme"],
    "qualify": ["qualify", "acme", "fleet"], "onboarding": ["onboarding", "acme"],
}  # fmt: skip


@pytest.mark.parametrize("words", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_document_is_a_page_for_this_person_alone(
    crm: Crm, acme: Path, words: list[str]
) -> None:
    target = acme.parent / "page.html"
    done = crm(*words, "--html", str(target))
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-1] == f"wrote {target}"
    text = target.read_text()
    assert text.startswith("<!doctype html>")
    assert "16 November 2026" in text
    assert (text.count("<svg") == 1) is (words[0] == "map")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert crm(*words, "--html", "-").out == text


def test_a_page_that_crmctl_made_is_made_again(crm: Crm, acme: Path) -> None:
    target = acme.parent / "page.html"
    assert crm("brief", "acme", "--html", str(target)).code == 0
    first = target.read_bytes()
    assert crm("plan", "acme", "--html", str(target)).code == 0
    assert target.read_bytes() != first


def test_a_page_names_its_files_in_json(crm: Crm, acme: Path) -> None:
    target = acme.parent / "page.html"
    for words in DOCUMENTS.values():
        done = crm(*words, "--json", "--html", str(target))
        assert json.loads(done.out)["files"] == {"html": str(target)}
    assert crm("plan", "acme", "--json", "--html", "-").code == 2


def test_a_page_lies_neither_among_the_accounts_nor_over_what_is_not_ours(
    crm: Crm, acme: Path
) -> None:
    before = changed(acme)
    theirs = acme.parent / "theirs.html"
    theirs.write_text("<!doctype html> mine")
    link = acme.parent / "link.html"
    link.symlink_to(acme.parent / "elsewhere.html")
    refused = {
        str(acme / "accounts" / "acme" / "x.html"): "lies among the accounts",
        "accounts/x.html": "lies among the accounts",
        str(theirs): "not made by crmctl",
        str(link): "not made by crmctl",
        str(acme.parent / "no" / "x.html"): "there is no folder",
        "x.pdf": "ends in .html",
    }
    for name, words in refused.items():
        done = crm("plan", "acme", "--html", name)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
    assert theirs.read_text() == "<!doctype html> mine"
    assert not (acme.parent / "elsewhere.html").exists()
    assert changed(acme) == before


def test_a_folder_that_takes_nothing_is_named(
    crm: Crm, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crmctl.workspace import atomic

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    target = acme.parent / "x.html"
    assert crm("plan", "acme").code == 0
    monkeypatch.setattr(atomic, "replace", full)
    done = crm("plan", "acme", "--html", str(target))
    assert done.code == 1
    assert f"{target}: cannot be written: No space left on device" in done.err


def test_pages_go_with_documents_only(crm: Crm, acme: Path) -> None:
    for words in (
        ["map", "acme", "--show", "--html", "-"],
        ["map", "acme", "--person", "ann", "--pdf", "x.pdf"],
        ["qualify", "--html", "-"],
        ["qualify", "acme", "fleet", "--set", "budget=1", "--pdf", "x.pdf"],
    ):
        assert crm(*words).code == 2, words


@needs_pdf
def test_a_pdf_is_written_beside_the_page_on_the_paper_we_use(crm: Crm, acme: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    target, page = acme.parent / "plan.pdf", acme.parent / "plan.html"
    with (acme / "crmctl.yaml").open("a") as file:
        file.write("documents: {paper: letter}\n")
    done = crm("plan", "acme", "--pdf", str(target), "--html", str(page))
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-2:] == [f"wrote {page}", f"wrote {target}"]
    with target.open("rb") as file:
        sheet = pypdf.PdfReader(file).pages[0]
        assert "Account plan" in sheet.extract_text()
        assert round(sheet.mediabox.height) == 792
    first = target.read_bytes()
    assert crm("plan", "acme", "--pdf", str(target)).code == 0
    assert target.read_bytes() == first


def test_without_the_extra_nothing_is_written(
    crm: Crm, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def fail(name: str, *given: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)
    before = changed(acme)
    done = crm("plan", "acme", "--pdf", str(acme.parent / "x.pdf"))
    assert done.code == 4
    assert "pip install 'crmctl[pdf]'" in done.err
    assert changed(acme) == before


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    driver = pytest.importorskip("playwright.sync_api")
    with driver.sync_playwright() as started:
        shown = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield shown
        shown.close()


HOSTILE = "<script>document.title='run'</script><img src=https://evil.example/x.png>"


def test_the_pages_are_quiet_and_sound_in_a_browser(crm: Crm, acme: Path, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    crm("contact", "add", "acme", HOSTILE, "roles=decision_maker")
    for name, scheme, width in (("map", "light", 1200), ("review", "dark", 390)):
        target = acme.parent / f"{name}.html"
        assert crm(*DOCUMENTS[name], "--html", str(target)).code == 0
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(target.as_uri())
        assert said == []
        assert asked == [target.as_uri()]
        assert "<script>" in page.inner_text("main")
        assert page.title() != "run"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = axe.Axe().run(page).response["violations"]
        assert [v["id"] for v in found if v["impact"] in {"serious", "critical", "moderate"}] == []
        context.close()
