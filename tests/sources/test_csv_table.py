from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.sources import csv_table
from crmctl.sources.csv_table import parse


def cells(raw: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in parse(raw, "x.csv").rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    raw = f'name{delimiter}"a, b; c"\nHollis{delimiter}1,5\n'.replace("1,5", '"1,5"').encode()
    table = parse(raw, "x.csv")
    assert table.header == ("name", "a, b; c")
    assert cells(raw) == [("Hollis", "1,5")]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert parse(b"\xef\xbb\xbfname\nHollis\n", "x.csv").header == ("name",)
    assert parse("name\nHollis\n".encode("utf-16"), "x.csv").header == ("name",)


def test_windows_1252_is_read_and_noted() -> None:
    table = parse("name\nCafé Zürich\n".encode("cp1252"), "x.csv")
    assert table.rows[0].cells == ("Café Zürich",)
    assert "Windows-1252" in table.notes[0]


def test_rows_keep_the_line_they_begin_on() -> None:
    table = parse(b'a,b\r\n"two\r\nlines",1\r\n\r\nlast,2\r\n', "x.csv")
    assert [(row.line, row.cells) for row in table.rows] == [
        (2, ("two\r\nlines", "1")),
        (5, ("last", "2")),
    ]


def test_rows_of_another_length_are_rejected_with_their_line() -> None:
    table = parse(b"a,b\n1,2\n1\n1,2,3\n1,2,,\n", "x.csv")
    assert [row.line for row in table.rows] == [2, 5]
    assert [(r.origin, r.reason) for r in table.rejected] == [
        ("x.csv:3", "found 1 cells; the header has 2"),
        ("x.csv:4", "found 3 cells; the header has 2"),
    ]


def test_a_quote_left_open_costs_one_row() -> None:
    table = parse(b'a,b\n1,2\n3,"open\n5,6\n7,8\n', "x.csv")
    assert [row.cells for row in table.rows] == [("1", "2"), ("5", "6"), ("7", "8")]
    assert [r.origin for r in table.rejected] == ["x.csv:3"]
    assert "never closed" in table.rejected[0].reason


def test_huge_cells_are_read_up_to_the_cap() -> None:
    assert len(cells(b"a,b\n1," + b"x" * 200_000 + b"\n")[0][1]) == 200_000
    before = csv.field_size_limit()
    table = parse(b"a,b\n1," + b"x" * (csv_table.MAX_FIELD + 1) + b"\n3,4\n", "x.csv")
    assert [row.cells for row in table.rows] == [("3", "4")]
    assert "longer" in table.rejected[0].reason
    assert csv.field_size_limit() == before


def test_nul_is_dropped() -> None:
    assert cells(b"a\n\0x\0\n") == [("x",)]


def test_columns_have_distinct_names() -> None:
    header = parse(b"Phone,Phone,,Phone (2)\n", "x.csv").header
    assert header[:3] == ("Phone", "Phone (2)", "column 3")
    assert len(set(header)) == 4


def test_a_reports_footer_is_left_out_only_when_asked() -> None:
    raw = b'a,b\n1,2\n\n"Grand Totals (1 records)"\nCopyright,\n'
    assert len(parse(raw, "x.csv", footer=True).rows) == 1
    assert parse(raw, "x.csv", footer=True).rejected == []
    assert len(parse(raw, "x.csv").rejected) == 1


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xff\xfea"])
def test_what_is_no_table_is_one_sentence(raw: bytes) -> None:
    with pytest.raises(CrmError, match=r"x\.csv"):
        parse(raw, "x.csv")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CrmError, match="cannot be read"):
        csv_table.read(tmp_path / "missing.csv")
    with pytest.raises(CrmError, match="cannot be read"):
        csv_table.read(tmp_path)
    monkeypatch.setattr(csv_table, "MAX_BYTES", 10)
    (tmp_path / "big.csv").write_bytes(b"a,b\n" * 9)
    with pytest.raises(CrmError, match="larger than"):
        csv_table.read(tmp_path / "big.csv")


def test_damage_everywhere_is_no_table() -> None:
    with pytest.raises(CrmError, match="damaged in over"):
        parse(b"a,b\n" + b'"x"y,1\n' * (csv_table.MAX_DAMAGED + 1), "x.csv")


@given(st.binary(max_size=400) | st.text('a",;\t\n\r\0é', max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_a_named_error(raw: bytes) -> None:
    with suppress(CrmError):
        table = parse(raw, "x.csv", footer=True)
        assert len(set(table.header)) == len(table.header)
        assert all(len(row.cells) == len(table.header) for row in table.rows)
