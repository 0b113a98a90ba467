"""report on the command line: what it says it did, what it would do, and why it did not."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from crmctl.render.site import build as building
from crmctl.workspace import atomic
from tests.conftest import Crm

ROOT = Path(__file__).resolve().parents[2]
SHARED = {
    "index.html",
    "metrics.html",
    "cohorts.html",
    "trend.html",
    "risk.html",
    "site.css",
    "site.js",
}


@pytest.fixture
def two(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two of the sample accounts, one of Mira's and one of Aiko's."""
    for slug in ("vega-solar", "nordkap-fisk"):
        shutil.copytree(ROOT / "accounts" / slug, workspace / "accounts" / slug)
    shutil.copy(ROOT / "crmctl.yaml", workspace)
    monkeypatch.setattr(building, "RACY_NS", 0)
    return workspace


@pytest.fixture
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site") / "site"


def report(crm: Crm, out: Path, *more: str) -> dict[str, Any]:
    done = crm("report", "build", "--out", str(out), "--json", *more)
    assert done.code == 0, done
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_it_says_what_it_wrote(crm: Crm, two: Path, out: Path) -> None:
    first = report(crm, out)
    owners = {"owners/mira.html", "owners/aiko.html"}
    accounts = {"accounts/vega-solar.html", "accounts/nordkap-fisk.html"}
    assert set(first["new"]) == SHARED | owners | accounts
    assert (first["folder"], first["index"]) == (str(out), str(out / "index.html"))
    assert (first["accounts"], first["read"], first["same"], first["dry_run"]) == (2, 2, 0, False)
    assert first["changed"] == first["removed"] == first["problems"] == []
    shutil.rmtree(two / "accounts" / "nordkap-fisk")
    again = report(crm, out)
    assert again["removed"] == ["accounts/nordkap-fisk.html", "owners/aiko.html"]
    assert again["read"] == 0
    done = crm("report", "build", "--out", str(out))
    assert done.out == f"{out / 'index.html'}\n"
    assert "1 account, 9 files: nothing to do" in done.err


def test_a_dry_run_says_the_same_and_writes_nothing(crm: Crm, two: Path, out: Path) -> None:
    would = report(crm, out, "--dry-run")
    assert not out.exists()
    did = report(crm, out)
    assert {**would, "dry_run": False} == did
    shutil.rmtree(two / "accounts" / "nordkap-fisk")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    done = crm("report", "build", "--out", str(out), "--dry-run")
    assert ["removed", "accounts/nordkap-fisk.html"] in done.rows
    assert ["changed", "index.html"] in done.rows
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.usefixtures("two")
def test_one_owner_s_book(crm: Crm, out: Path) -> None:
    found = report(crm, out, "--owner", "aiko")
    assert set(found["new"]) == SHARED | {"accounts/nordkap-fisk.html"}
    assert "vega-solar" not in "".join(p.read_text() for p in out.rglob("*.html"))
    done = crm("report", "build", "--owner", "nobody")
    assert (done.code, done.out) == (2, "")
    assert "owns no account; owners are aiko, mira" in done.err


def test_a_damaged_account_is_named_and_the_rest_is_there(crm: Crm, two: Path, out: Path) -> None:
    (two / "accounts/vega-solar/profile.md").write_text("---\nname: [\n---\n")
    done = crm("report", "build", "--out", str(out), "--json")
    assert done.code == 3
    found = json.loads(done.out)
    assert found["accounts"] == 1
    assert "accounts/vega-solar/profile.md" in found["problems"][0]


@pytest.mark.parametrize(
    ("place", "said"),
    [("accounts", "where the workspace keeps its files"), (".", "holds the workspace itself"),
     (".git/hooks", "where the workspace keeps its files"), ("crmctl.yaml", "Not a directory"),
     ("crmctl.yaml/site", "Not a directory"), ("other", "not a site of ours")],
)  # fmt: skip
def test_a_folder_that_is_not_for_a_site_is_refused(
    crm: Crm, two: Path, place: str, said: str
) -> None:
    (two / "other").mkdir()
    (two / "other/thesis.txt").write_text("ten years")
    for more in ((), ("--dry-run",)):
        done = crm("report", "build", "--out", str(two / place), *more)
        assert (done.code, done.out) == (2, ""), done
        assert said in done.err
        assert "choose" in done.err
    assert [path.name for path in (two / "other").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "No space left on device; make room"), (errno.EROFS, "Read-only file system; choose another")],
)  # fmt: skip
def test_a_disk_that_takes_nothing_is_said(
    crm: Crm, two: Path, out: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    report(crm, out)
    (two / "accounts/vega-solar/contacts/new.md").write_text("---\nname: New Person\n---\n")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def refused(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "lay_beside", refused)
    done = crm("report", "build", "--out", str(out))
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert f"{out}/" in done.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("two")
def test_a_new_folder_on_such_a_disk_too(
    crm: Crm, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir

    def refused(path: Path, *more: Any, **named: Any) -> None:
        if path == out:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        made(path, *more, **named)

    monkeypatch.setattr(Path, "mkdir", refused)
    done = crm("report", "build", "--out", str(out))
    assert done.code == 1
    assert f"{out}: cannot be written: Read-only file system; choose another folder" in done.err
