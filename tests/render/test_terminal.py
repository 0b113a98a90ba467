from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest

from crmctl.render.terminal import RICH_ROWS, Output, wants_color

HOSTILE = [
    "a\tb",
    "a\nb",
    "\x1b[31mred",
    "\u202eevil",
    "\x00",
    "a\r\nb",
    "\u2028",
    "\x9b1m",
    "\ud800",
]
ENVIRONMENT = ("NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM", "COLUMNS")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def printed(rows: list[list[str | None]], *, people: bool = False, style: str = "") -> str:
    stream = Terminal() if people else io.StringIO()
    columns = [f"c{place}" for place in range(len(rows[0]))]
    Output(out=stream, color="never").table(columns, rows, style=style)
    return stream.getvalue()


def test_a_pipe_gets_exact_values_parted_by_tabs() -> None:
    rows: list[list[str | None]] = [
        ["acme", None, "Müller & Söhne", "x" * 5_000],
        ["b", "", "1", "2"],
    ]
    assert printed(rows) == f"acme\t\tMüller & Söhne\t{'x' * 5_000}\nb\t\t1\t2\n"


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_hostile_cell_breaks_no_row_and_reaches_nobody_raw(cell: str) -> None:
    for people in (False, True):
        out = printed([["one", cell, "three"], ["four", "five", "six"]], people=people)
        assert not set(out) & set("\x1b\u202e\x00\r\u2028\x9b\ud800")
    lines = printed([["one", cell, "three"], ["four", "five", "six"]]).split("\n")
    assert [line.count("\t") for line in lines] == [2, 2, 0]
    assert lines[1:] == ["four\tfive\tsix", ""]


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_long_table_for_people_is_as_clean(cell: str) -> None:
    out = printed([["one", cell, "three"]] * (RICH_ROWS + 1), people=True)
    assert not set(out) & set("\x1b\u202e\x00\r\u2028\x9b\ud800")
    assert out.count("\n") == RICH_ROWS + 2


def test_people_get_a_table_that_fits_their_terminal() -> None:
    out = printed([["acme", "x" * 300]], people=True)
    assert max(map(len, out.splitlines())) <= 80
    assert "…" in out
    assert "c0" in out.splitlines()[0]


def test_csv_has_a_header_and_no_formulas() -> None:
    out = printed([["acme", '=HYPERLINK("x")'], ["b,c", "two\nlines"]], style="csv")
    assert list(csv.reader(io.StringIO(out))) == [
        ["c0", "c1"], ["acme", "'=HYPERLINK(\"x\")"], ["b,c", "two\nlines"],
    ]  # fmt: skip


def test_records_of_every_type_as_cells_and_as_json() -> None:
    row = {
        "name": "Acme", "day": date(2026, 3, 31), "won": True, "lost": False, "none": None,
        "tags": ["a", "b"], "map": {"k": 1}, "amount": Decimal("12.50"), "seats": 3,
    }  # fmt: skip
    stream = io.StringIO()
    Output(out=stream).records(list(row), [row])
    cells = stream.getvalue().rstrip("\n").split("\t")
    assert cells[:7] == ["Acme", "2026-03-31", "yes", "no", "", "a, b", "k=1"]
    assert Decimal(cells[7]) == Decimal("12.5")
    assert cells[8] == "3"
    stream = io.StringIO()
    Output(out=stream).records(["name"], [row], style="json")
    (found,) = json.loads(stream.getvalue())
    assert found["day"] == "2026-03-31"
    assert found["tags"] == ["a", "b"]
    assert found["none"] is None
    assert list(found) == list(row)


def test_nothing_is_an_empty_list_and_an_empty_page() -> None:
    for style, expected in (("json", "[]\n"), ("", "")):
        stream = io.StringIO()
        Output(out=stream).records(["name"], [], style=style)
        assert stream.getvalue() == expected


PLAIN: dict[str, str] = {}


@pytest.mark.parametrize(
    ("variables", "on_terminal", "in_pipe"),
    [
        (PLAIN, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "0"}, True, False),
    ],
)
def test_when_to_colour(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    on_terminal: bool,
    in_pipe: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for stream, expected in ((Terminal(), on_terminal), (io.StringIO(), in_pipe)):
        assert wants_color(stream) is expected
        assert wants_color(stream, "always")
        assert not wants_color(stream, "never")
        output = Output(out=stream)
        output.line("critical", style="red")
        assert ("\x1b[" in stream.getvalue()) is expected
        assert "critical" in stream.getvalue()


@pytest.mark.parametrize("mode", ["always", "never"])
def test_an_option_is_stronger_than_the_environment(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("NO_COLOR" if mode == "always" else "FORCE_COLOR", "1")
    stream = Terminal()
    Output(out=stream, color=mode).line("critical", style="red")
    assert ("\x1b[" in stream.getvalue()) is (mode == "always")


def test_quiet_keeps_results_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    output.say("by the way")
    output.warn("look \x1b[2J here")
    output.line("a result")
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert err == "look \\x1b[2J here\n"


def test_a_document_is_itself_in_a_pipe_and_laid_out_for_people() -> None:
    text = "# Health\n\n- **good**\x1b[31m\n"
    stream = io.StringIO()
    Output(out=stream).document(text)
    assert stream.getvalue() == "# Health\n\n- **good**\\x1b[31m\n"
    terminal = Terminal()
    Output(out=terminal, color="never").document(text)
    assert "Health" in terminal.getvalue()
    assert "**" not in terminal.getvalue()
