from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

import crmctl
from crmctl.model.record import Ranking
from crmctl.workspace.measures import parse_day
from crmctl.workspace.paths import kind_of
from crmctl.workspace.store import Reader

BENCH = Path(__file__).resolve().parents[2] / "bench"


def script(name: str, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(crmctl.__file__).parents[1])}
    command = [sys.executable, str(BENCH / name), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large")
    script("tree.py", str(root), "--accounts", "4")
    return root


def test_a_tree_is_the_same_every_time_and_a_smaller_one_is_part_of_it(
    made: Path, tmp_path: Path
) -> None:
    script("tree.py", str(tmp_path), "--accounts", "2")
    files = contents(made)
    smaller = {path: data for path, data in contents(tmp_path).items() if "/_" not in path}
    assert smaller.items() <= files.items()
    assert len({path.split("/")[1] for path in smaller if path.startswith("accounts/")}) == 2


def test_every_file_of_a_tree_is_valid_and_in_its_place(made: Path) -> None:
    reader = Reader(made, Ranking())
    accounts = list(reader.accounts())
    assert reader.problems == []
    assert len(accounts) == 4
    for account in accounts:
        assert (len(account.contacts), len(account.deals)) == (5, 3)
        assert len(account.interactions) >= 10
        assert {event.type for event in account.events} == {"email", "ticket", "survey"}
        profile = (made / account.profile.path).read_text()
        assert 3_000 < len(profile) < 5_500
        assert profile[: profile.index("\n---\n")].count("\n") > 45
    paths = [path for path in contents(made) if path.startswith("accounts/")]
    assert all(map(kind_of, paths))
    days = [path for path in paths if "/_measures/" in path]
    assert len(days) == 12


def test_the_measures_of_a_tree_are_valid(made: Path) -> None:
    for path in sorted((made / "accounts/_measures").iterdir()):
        rows, problems = parse_day(path.read_bytes(), dt.date.fromisoformat(path.stem))
        assert problems == []
        assert len(rows) == 4


def test_a_benchmark_prints_its_row_and_a_verdict() -> None:
    *_, line = script("run.py", "pipe", "--rounds", "5").splitlines()
    assert line.startswith("| pipe | ")
    assert line.endswith((" met |", "% |"))
