"""PDFs of documents: tagged, numbered, the same bytes each time, and nothing fetched."""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.render import paper_pdf
from crmctl.render.paper import page
from tests.render.test_paper import HOSTILE, document, paper

pypdf = pytest.importorskip("pypdf")
pytest.importorskip("weasyprint")


@pytest.fixture(scope="module")
def made() -> bytes:
    rows = "".join(f"| row {n} | profile.md:{n} |\n" for n in range(80))
    body = f"text\n\n| What | Source |\n| --- | --- |\n{rows}\n" + "\n\n".join(HOSTILE)
    return paper_pdf.pdf(page(document(body), paper("Ærø “& Søn”, <b>"), "a4"))


def test_it_says_what_the_page_says_with_a_number_on_each_sheet(made: bytes) -> None:
    read = pypdf.PdfReader(io.BytesIO(made))
    text = [sheet.extract_text() for sheet in read.pages]
    assert len(text) > 2
    assert "row 1 profile.md:1" in text[0].replace("\n", " ")
    for number, sheet in enumerate(text, 1):
        assert f"{number} of {len(text)}" in sheet
        assert "Ærø “& Søn”, <b>" in sheet.replace("\n", "")
    assert "16 November 2026, internal" in text[1]
    assert "16 November 2026, internal" not in text[0]


def test_it_is_tagged_and_dated_by_the_clock_that_is_given(made: bytes) -> None:
    read = pypdf.PdfReader(io.BytesIO(made))
    root = read.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert read.metadata.title == "Acme: review"
    assert read.metadata.author == "Rostrum"
    assert read.metadata["/CreationDate"] == read.metadata["/ModDate"] == "D:20261116"


def test_it_holds_nothing_that_acts(made: bytes) -> None:
    read = pypdf.PdfReader(io.BytesIO(made))
    links = [
        note.get_object()["/A"].get("/URI", "")
        for sheet in read.pages
        for note in sheet.get("/Annots", [])
    ]
    assert set(links) == {"https://ok.example"}
    for name in (b"/JavaScript", b"/Launch", b"/EmbeddedFile"):
        assert name not in made


def test_the_same_page_gives_the_same_bytes(made: bytes) -> None:
    once = page(document("x [a](https://a.example)"), paper(), "letter")
    assert paper_pdf.pdf(once) == paper_pdf.pdf(once)
    size = pypdf.PdfReader(io.BytesIO(paper_pdf.pdf(once))).pages[0].mediabox
    assert (round(size.width), round(size.height)) == (612, 792)


def test_whatever_would_be_fetched_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(url: str) -> Any:
        asked.append(url)
        raise ValueError(url)

    monkeypatch.setattr(paper_pdf, "refuse", refuse)
    leaking = (
        "<img src='https://evil.example/a.png'><link rel=stylesheet href='file:///etc/passwd'>"
    )
    paper_pdf.pdf(page(document("x"), paper(), "a4").replace("<main", leaking + "<main"))
    assert sorted(asked) == ["file:///etc/passwd", "https://evil.example/a.png"]


def test_nothing_at_all_may_be_fetched() -> None:
    with pytest.raises(ValueError, match=r"a document loads nothing: https://evil.example"):
        paper_pdf.refuse("https://evil.example")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("no"), r"crmctl\[pdf\]"),
        (OSError("cannot load library 'libpango-1.0-0'\nmore"), "needs the library Pango"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    real = builtins.__import__

    def fail(name: str, *given: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise error
        return real(name, *given, **more)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ConfigError, match=words) as caught:
        paper_pdf.library()
    assert "\n" not in str(caught.value)
