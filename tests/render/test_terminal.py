from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal

import pytest

from crmctl.render.terminal import GAP, RICH_ROWS, Output, fitting, wants_color

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


def test_only_long_columns_give_way_and_then_the_last_are_left_out() -> None:
    assert fitting([22, 30, 11, 6, 5, 6, 10], 80) == [15, 15, 11, 6, 5, 6, 10]
    assert fitting([5, 6], 80) == [5, 6]
    assert fitting([60, 10, 60, 60], 50) == [18, 10, 18]
    assert fitting([60, 60, 60], 20) == [20]
    for widths in ([100, 3, 100], [14, 14, 14], [1] * 30, [200]):
        for room in (16, 40, 80, 120):
            found = fitting(widths, room)
            assert sum(found) + GAP * (len(found) - 1) <= room


def test_a_column_without_room_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed([["x" * 90, "2026-11-16", "y" * 90, "z" * 90, "w" * 90, "v" * 90]], people=True)
    assert "2026-11-16" in out
    assert "v" not in out
    assert capsys.readouterr().err == "a wider terminal also shows: c5\n"


def test_long_cells_go_on_below_where_that_is_wanted() -> None:
    stream = Terminal()
    words = " ".join(f"word{number}" for number in range(40))
    Output(out=stream, color="never").table(["a", "b"], [["one", words]], wrap=True)
    assert " ".join(stream.getvalue().split()).endswith(words)
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_people_have_columns_and_times_of_their_own() -> None:
    row = {"at": "2026-11-16T08:00:00Z", "name": "Acme", "path": "accounts/acme"}
    for stream, expected in (
        (Terminal(), "name at ──── Acme 2026-11-16 08:00"),
        (io.StringIO(), "2026-11-16T08:00:00Z Acme accounts/acme"),
    ):
        Output(out=stream, color="never").records(list(row), [row], people=("name", "at"))
        text = " ".join(stream.getvalue().split())
        assert re.sub("─+", "────", text) == expected


def test_sections_have_headings_and_nothing_raw() -> None:
    stream = Terminal()
    sections = {"acme\x1b[2J": [("name", "said " * 40), ("longer", "short")], "globex": []}
    Output(out=stream, color="never").sections(sections)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "acme\\x1b[2J"
    assert lines[1].startswith("  name    said said")
    assert lines[2].startswith("          said")
    assert lines[-2:] == ["  longer  short", "globex"]
    assert max(map(len, lines)) <= 80


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


@pytest.mark.parametrize("cell", [*HOSTILE, "\x7f", "\U000e0041"])
def test_json_for_people_is_readable_and_as_clean(cell: str) -> None:
    stream = Terminal()
    Output(out=stream).json({"name": f"Müller{cell}"})
    assert json.loads(stream.getvalue()) == {"name": f"Müller{cell}"}
    assert "Müller" in stream.getvalue()
    assert not set(stream.getvalue()) & set("\x1b\u202e\x00\r\u2028\x9b\ud800\x7f\U000e0041")


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
