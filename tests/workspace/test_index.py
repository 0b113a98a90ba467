from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import BusyError
from crmctl.workspace import index as indexing
from crmctl.workspace.index import opened

Row = tuple[Any, ...]


def put(root: Path, slug: str, owner: str = "mira") -> Path:
    path = root / "accounts" / slug / "profile.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(slug, owner))
    return path


def text(slug: str, owner: str) -> str:
    return (
        f"---\nname: {slug.title()}\nstage: customer\nowner: {owner}\narr: 1200.50\n---\nNotes.\n"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for slug in ("acme", "beacon", "cobalt"):
        put(tmp_path, slug)
    (tmp_path / "crmctl.yaml").write_text("{}\n")
    return tmp_path


def read(root: Path, *columns: str) -> list[Row]:
    with opened(root, root / "state") as index:
        return index.profiles(columns or ("name", "owner"))


def owners(root: Path) -> dict[str, str]:
    return {slug: owner for slug, _, owner in read(root, "owner")}


def settle(root: Path, path: Path) -> None:
    """Let an edit lie so far back that the index trusts what it read."""
    while True:
        read(root)
        with sqlite3.connect(root / "state/index.sqlite") as db:
            query = "SELECT cached - ctime FROM profile WHERE slug = ?"
            (age,) = db.execute(query, (path.parent.name,)).fetchone()
        db.close()
        if age > indexing.RACY_NS:
            return


def test_accounts_come_in_order_with_what_holds(root: Path) -> None:
    expected = [(s, None, s.title(), "mira") for s in ("acme", "beacon", "cobalt")]
    assert read(root) == expected
    assert read(root) == expected
    assert read(root, "arr", "domain") == [(s, None, "1200.5", None) for s, *_ in expected]


def test_a_warm_index_reads_no_profile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("acme", "beacon", "cobalt"):
        settle(root, root / "accounts" / slug / "profile.md")
    expected = read(root)
    monkeypatch.setattr(os, "open", None)
    assert read(root) == expected


def test_an_edit_of_the_same_size_with_its_time_put_back_is_seen(root: Path) -> None:
    path = root / "accounts/acme/profile.md"
    settle(root, path)
    before = path.stat()
    path.write_text(text("acme", "noor"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert owners(root)["acme"] == "noor"


@pytest.mark.parametrize("way", ["in place", "by rename"])
def test_no_edit_is_missed_however_fast_they_follow(root: Path, way: str) -> None:
    path = root / "accounts/acme/profile.md"
    for number in range(60):
        if way == "in place":
            path.write_text(text("acme", f"o{number:02}"))
        else:
            path.with_name("new").write_text(text("acme", f"o{number:02}"))
            path.with_name("new").rename(path)
        assert owners(root)["acme"] == f"o{number:02}"


def test_accounts_that_come_go_and_are_renamed(root: Path) -> None:
    read(root)
    put(root, "delta")
    assert list(owners(root)) == ["acme", "beacon", "cobalt", "delta"]
    (root / "accounts/beacon/profile.md").unlink()
    (root / "accounts/beacon").rmdir()
    assert list(owners(root)) == ["acme", "cobalt", "delta"]
    (root / "accounts/cobalt").rename(root / "accounts/aurora")
    assert [(slug, name) for slug, _, name, _ in read(root)] == [
        ("acme", "Acme"), ("aurora", "Cobalt"), ("delta", "Delta"),
    ]  # fmt: skip
    with opened(root, root / "state") as index:
        index.profiles()
        assert sorted(index.documents()) == ["acme", "aurora", "delta"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("---\nname: [\n---\n", "accounts/beacon/profile.md:3"),
        ("no front matter\n", "front matter"),
        ("---\nname: Beacon\n", "unclosed"),
        (None, "there is no such file"),
    ],
)
def test_a_damaged_profile_is_named_and_the_rest_is_listed(
    root: Path, damage: str | None, said: str
) -> None:
    path = root / "accounts/beacon/profile.md"
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    for _ in range(2):
        found = read(root)
        assert [row[0] for row in found] == ["acme", "beacon", "cobalt"]
        assert [row[0] for row in found if row[1] is None] == ["acme", "cobalt"]
        assert said in found[1][1]
        assert "accounts/beacon/profile.md" in found[1][1]
    put(root, "beacon")
    assert read(root)[1] == ("beacon", None, "Beacon", "mira")


def test_a_folder_that_cannot_be_an_account_is_named(root: Path) -> None:
    put(root, "Über Straße")
    (root / "accounts/stray.txt").write_text("x")
    (root / "accounts/README.md").write_text("x")
    (root / "accounts/_measures").mkdir()
    found = {slug: problem for slug, problem, *_ in read(root)}
    assert sorted(found) == ["acme", "beacon", "cobalt", "stray.txt", "Über Straße"]
    assert found["acme"] is None
    assert found["stray.txt"]
    assert found["Über Straße"]


def test_a_workspace_without_accounts_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == []


@pytest.mark.parametrize("damage", ["truncate", "overwrite", "garbage"])
def test_a_corrupted_index_costs_only_time(root: Path, damage: str) -> None:
    expected = read(root)
    path = root / "state/index.sqlite"
    data = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 3])
    elif damage == "overwrite":
        path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    else:
        path.write_bytes(b"this is no database\n" * 50)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    # Damage that shows only in use ends one command; the file is gone then.
    with suppress(BusyError):
        read(root)
    assert read(root) == expected


def test_an_index_of_another_version_is_made_anew(root: Path) -> None:
    expected = read(root)
    db = sqlite3.connect(root / "state/index.sqlite")
    db.execute("UPDATE profile SET owner = 'nobody'")
    db.execute("CREATE TABLE later (x)")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    assert read(root) == expected


def test_a_locked_index_is_waited_for_and_then_said_to_be_busy(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(root)
    monkeypatch.setattr(indexing, "WAIT", 0.05)
    holder = sqlite3.connect(root / "state/index.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    put(root, "acme", "noor")
    with pytest.raises(BusyError, match="try again"):
        read(root)
    holder.execute("ROLLBACK")
    holder.close()
    assert read(root) == [("acme", None, "Acme", "noor"), *expected[1:]]


def test_a_change_of_whom_to_believe_reads_anew(root: Path) -> None:
    front = "name: Acme\nstage: customer\nsources:\n  csv:\n    owner: noor\n  salesforce:\n    owner: ines\n"
    (root / "accounts/acme/profile.md").write_text(f"---\n{front}---\n")
    assert owners(root)["acme"] == "ines"
    (root / "crmctl.yaml").write_text("field_ranking: {account.owner: [csv]}\n")
    assert owners(root)["acme"] == "noor"
    (root / "crmctl.yaml").write_text("ranking: [salesforce, csv]\n")
    assert owners(root)["acme"] == "ines"


def test_a_change_elsewhere_in_the_configuration_reads_nothing_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("acme", "beacon", "cobalt"):
        settle(root, root / "accounts" / slug / "profile.md")
    (root / "crmctl.yaml").write_text("team: [{id: mira}]\n")
    with opened(root, root / "state") as index:
        read_anew: list[str] = []
        real = index._read

        def watched(stale: list[tuple[str, Any]], *rest: Any) -> list[Row]:
            read_anew.extend(slug for slug, _ in stale)
            return real(stale, *rest)

        monkeypatch.setattr(index, "_read", watched)
        index.profiles()
    assert read_anew == []


def test_two_processes_at_once_both_see_everything(root: Path) -> None:
    for number in range(150):
        put(root, f"more-{number:03}", f"o{number}")
    code = (
        "import sys; from pathlib import Path; from crmctl.workspace.index import opened\n"
        "root = Path(sys.argv[1])\n"
        "with opened(root, root / 'state') as index: print(index.profiles(('owner',)))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    expected = f"{read(root, 'owner')}\n"
    assert outputs == [expected, expected]


def test_many_open_a_new_index_in_the_same_moment(tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    code = (
        "import os, sys; from pathlib import Path; from crmctl.workspace.index import opened\n"
        "root, me, everyone = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])\n"
        "for round in range(25):\n"
        "    ready = root / f'ready-{round}'\n"
        "    ready.mkdir(exist_ok=True)\n"
        "    (ready / me).touch()\n"
        "    while len(os.listdir(ready)) < everyone: pass\n"
        "    try:\n"
        "        with opened(root, root / f'state-{round}') as index: index.profiles(('owner',))\n"
        "    except Exception as error: print(repr(error), file=sys.stderr)\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(me), "4"], stderr=subprocess.PIPE
        )
        for me in range(4)
    ]
    assert [process.communicate()[1].decode() for process in running] == [""] * 4


def test_dropping_the_index_changes_nothing(root: Path) -> None:
    put(root, "beacon").write_text("damaged")
    warm = read(root, *indexing.COLUMNS)
    with opened(root, root / "state") as index:
        documents = index.documents()
    for file in (root / "state").iterdir():
        file.unlink()
    assert read(root, *indexing.COLUMNS) == warm
    with opened(root, root / "state") as index:
        index.profiles()
        assert index.documents() == documents


def test_a_link_in_place_of_an_account_is_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "secret")
    (root / "accounts/linked").symlink_to(outside / "accounts/secret")
    found = {slug: problem for slug, problem, *_ in read(root)}
    assert "link" in found["linked"]
