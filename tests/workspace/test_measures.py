from __future__ import annotations

import csv
import datetime as dt
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.workspace import measures
from crmctl.workspace.index import Index, opened
from crmctl.workspace.measures import Measure

DAY = dt.date(2026, 3, 31)
HEADER = b"account,measure,value,source\n"


def row(
    account: str, value: str, day: dt.date = DAY, source: str = "csv", name: str = "mrr"
) -> Measure:
    return Measure(account, name, day, Decimal(value), source)


def put(root: Path, day: dt.date, *rows: Measure) -> Path:
    path = root / measures.file_of(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(measures.merge_day(None, rows, day))
    return path


def latest(root: Path, name: str = "mrr") -> dict[str, tuple[str, str]]:
    with opened(root, root / "state") as index:
        assert measures.refresh(index) == []
        return measures.latest(index, name)


# --- one day's file


def test_a_day_is_sorted_and_says_numbers_plainly() -> None:
    rows = [row("beacon", "1E+3"), row("acme", "12.500"), row("acme", "-0.0", source="a", name="x")]
    raw = measures.merge_day(None, rows, DAY)
    assert raw == HEADER + b"acme,mrr,12.5,csv\nacme,x,0,a\nbeacon,mrr,1000,csv\n"
    assert measures.merge_day(raw, [], DAY) == raw


def test_a_row_replaces_that_of_its_source_and_no_other() -> None:
    raw = measures.merge_day(None, [row("acme", "1"), row("acme", "2", source="other")], DAY)
    assert measures.merge_day(raw, [row("acme", "3")], DAY) == (
        HEADER + b"acme,mrr,3,csv\nacme,mrr,2,other\n"
    )


def test_wrong_rows_are_named_and_the_others_read() -> None:
    raw = (
        HEADER + b"acme,mrr,1,csv\nacme,MRR,1,csv\nacme,mrr,many,csv\nacme,mrr\nbeacon,mrr,2,csv\n"
    )
    rows, problems = measures.parse_day(raw, DAY)
    assert rows == [row("acme", "1"), row("beacon", "2")]
    assert [problem.line for problem in problems] == [3, 4, 5]
    assert {problem.path for problem in problems} == {"accounts/_measures/2026-03-31.csv"}


@pytest.mark.parametrize("raw", [b"", b"a,b\n", b"\xff\xfe", HEADER + b'"open\n', b"x" * 200_000])
def test_what_is_no_measures_file_is_a_problem(raw: bytes) -> None:
    rows, problems = measures.parse_day(raw, DAY)
    assert rows == []
    assert len(problems) == 1


CELL = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["acme", "mrr", "usage.active", "1", "-2.50", "1e3", "NaN", "csv", "", "a b", '"', "1\n"]
)


@given(st.lists(st.lists(CELL, min_size=3, max_size=5), max_size=6))
def test_the_quick_reader_finds_what_the_careful_one_finds(table: list[list[str]]) -> None:
    raw = HEADER + "".join(",".join(cells) + "\n" for cells in table).encode()
    text = raw.decode().replace("\r\n", "\n").partition("\n")[2]
    rows, problems = measures.parse_day(raw, DAY)
    try:
        cells, wrong = measures._careful(text, measures.file_of(DAY))
    except csv.Error:
        assert rows == []
        assert problems
    else:
        assert [(m.account, m.measure, m.value, m.source) for m in rows] == [
            (a, m, Decimal(v), s) for a, m, v, s in cells
        ]
        assert problems == wrong


# --- the index of all days


def test_the_newest_day_counts_and_of_two_sources_the_first(tmp_path: Path) -> None:
    put(tmp_path, DAY, row("acme", "1"), row("beacon", "5"))
    put(tmp_path, dt.date(2026, 4, 30), row("acme", "3", source="z"), row("acme", "2", source="a"))
    put(tmp_path, dt.date(2026, 2, 28), row("acme", "9"), row("cobalt", "9"))
    assert latest(tmp_path) == {
        "acme": ("2026-04-30", "2"),
        "beacon": ("2026-03-31", "5"),
        "cobalt": ("2026-02-28", "9"),
    }
    assert latest(tmp_path, "other") == {}


def test_a_file_that_is_wrong_is_named_and_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path, DAY, row("acme", "1"))
    (tmp_path / "accounts/_measures/2026-02-30.csv").write_bytes(HEADER + b"acme,mrr,9,csv\n")
    (tmp_path / "accounts/_measures/2026-05-01.csv").write_bytes(b"nothing\n")
    (tmp_path / "accounts/_measures/notes.txt").write_text("x")
    with opened(tmp_path, tmp_path / "state") as index:
        problems = measures.refresh(index)
        assert [problem.path.rpartition("/")[2] for problem in problems] == [
            "2026-02-30.csv", "2026-05-01.csv",
        ]  # fmt: skip
        assert measures.latest(index, "mrr") == {"acme": ("2026-03-31", "1")}


def test_series_are_in_order_and_can_begin_late(tmp_path: Path) -> None:
    days = [DAY.replace(day=day) for day in (3, 1, 2)]
    for day in days:
        put(tmp_path, day, row("acme", str(day.day), day), row("beacon", "7", day))
    with opened(tmp_path, tmp_path / "state") as index:
        measures.refresh(index)
        assert [m.value for m in measures.series(index, "acme")] == [1, 2, 3]
        assert [m.day.day for m in measures.series(index, "acme", days[2])] == [2, 3]
        every = measures.all_series(index, days[2])
        assert every == {
            account: measures.series(index, account, days[2]) for account in ("acme", "beacon")
        }


DAYS = [dt.date(2026, month, 1) for month in range(1, 6)]
TABLE = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["mrr", "seats"]), st.sampled_from("xyz")),
    st.integers(-3, 3),
    max_size=4,
)
STEP = st.tuples(st.sampled_from(DAYS), st.none() | TABLE, st.booleans())
STEPS = st.lists(STEP, min_size=1, max_size=8)


@given(STEPS)
def test_the_latest_are_those_of_a_plain_recomputation(
    steps: list[tuple[dt.date, dict[tuple[str, str, str], int] | None, bool]],
) -> None:
    root = Path(tempfile.mkdtemp())
    held: dict[dt.date, dict[tuple[str, str, str], int]] = {}
    try:
        with opened(root, root / "state") as index:
            for day, table, only_latest in steps:
                if table is None:
                    held.pop(day, None)
                    (root / measures.file_of(day)).unlink(missing_ok=True)
                else:
                    held[day] = table
                    rows = [row(a, str(v), day, s, m) for (a, m, s), v in table.items()]
                    put(root, day, *rows)
                assert measures.refresh(index, only_latest=only_latest) == []
                for name in ("mrr", "seats"):
                    assert measures.latest(index, name) == recomputed(held, name)
                assert only_latest or stored(index) == {
                    (day.isoformat(), *key): str(value)
                    for day, table in held.items()
                    for key, value in table.items()
                }
    finally:
        shutil.rmtree(root)


def recomputed(
    held: dict[dt.date, dict[tuple[str, str, str], int]], name: str
) -> dict[str, tuple[str, str]]:
    found = {}
    for day in sorted(held):
        for account, measure, source in sorted(held[day], reverse=True):
            if measure == name:
                value = str(held[day][account, measure, source])
                found[account] = (day.isoformat(), value)
    return found


def stored(index: Index) -> dict[tuple[str, str, str, str], str]:
    rows = index.db.execute("SELECT day, account, measure, source, value FROM measure")
    return {(day, account, measure, source): value for day, account, measure, source, value in rows}
