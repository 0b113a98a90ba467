"""`crmctl doctor`: what it notices, what it mends, and that it never touches a record."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crmctl.workspace import gitdir, runs
from crmctl.workspace.lock import lock
from tests.conftest import Crm


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    crm("new", "Acme", "--domain", "acme.example")
    crm("list")
    return workspace / "accounts/acme/profile.md"


@pytest.fixture
def beside(workspace: Path) -> Path:
    return workspace / ".git/crmctl"


def states(crm: Crm, *options: str) -> dict[str, str]:
    return {row["check"]: row["state"] for row in json.loads(crm("doctor", "--json", *options).out)}


def interrupted(workspace: Path, *changes: tuple[str, bytes | None, bytes | None]) -> str:
    """The journal of an import that was killed before it could close it."""
    place = gitdir.locate(workspace)
    run = runs.new_run(datetime(2026, 11, 15, tzinfo=UTC), random.Random(1), "import")
    runs.begin(place.state_dir, run, place.worktree, changes)
    return run.id


def test_a_sound_workspace_is_well(crm: Crm, acme: Path) -> None:
    result = crm("doctor")
    assert result.code == 0
    found = dict(row[:2] for row in result.rows)
    assert set(found.values()) == {"ok"}
    assert {"python", "git", "libyaml", "settings", "templates", "lock", "runs", "index"} <= set(
        found
    )


def test_outside_a_workspace_it_looks_at_the_installation(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = crm("doctor")
    assert result.code == 1
    assert ["crmctl", "ok"] in [row[:2] for row in result.rows]
    assert result.rows[-1][:2] == ["workspace", "wrong"]


def test_broken_settings_and_templates_are_wrong(crm: Crm, acme: Path, workspace: Path) -> None:
    (workspace / "crmctl.yaml").write_text("tema: []\n")
    (workspace / "templates/contact.md.j2").write_text("---\nname: {{ nam }}\n---\n")
    found = states(crm)
    assert (found["settings"], found["templates"]) == ("wrong", "wrong")


def test_a_damaged_or_lying_index_is_built_anew(crm: Crm, acme: Path, beside: Path) -> None:
    db = sqlite3.connect(beside / "index.sqlite")
    # As if read long after it was written, so that nothing makes the index look again.
    db.execute("UPDATE profile SET name = 'Globex', cached = cached + 1000000000000")
    db.commit()
    db.close()
    assert states(crm)["index"] == "wrong"
    assert states(crm, "--fix")["index"] == "ok"
    (beside / "index.sqlite").write_bytes(b"no database at all" * 100)
    for side in ("-wal", "-shm"):
        (beside / f"index.sqlite{side}").unlink(missing_ok=True)
    assert states(crm)["index"] == "wrong"
    assert states(crm, "--fix")["index"] == "ok"
    assert crm("list").rows[0][:2] == ["acme", "Acme"]


def test_left_over_files_are_swept(crm: Crm, acme: Path, beside: Path) -> None:
    left = acme.with_name(".profile.md.crmctl-0123456789ab.tmp")
    left.write_text("half")
    (beside / "commit-abcd").mkdir()
    before = acme.read_bytes()
    assert states(crm)["temporary files"] == "wrong"
    assert states(crm, "--fix")["temporary files"] == "ok"
    assert not left.exists()
    assert not (beside / "commit-abcd").exists()
    assert acme.read_bytes() == before


def test_a_run_that_was_cut_in_half_needs_a_person(crm: Crm, acme: Path, workspace: Path) -> None:
    now = acme.read_bytes()
    name = interrupted(
        workspace,
        ("accounts/acme/profile.md", b"before", now),
        ("accounts/globex/profile.md", None, b"new"),
    )
    result = crm("doctor", "--fix")
    assert result.code == 1
    (row,) = [row for row in result.rows if row[0] == "runs"]
    assert row[1] == "wrong"
    for part in (
        name,
        "it wrote accounts/acme/profile.md, and not accounts/globex/profile.md",
        "crmctl undo",
    ):
        assert part in row[2]


def test_a_run_whose_work_is_done_is_closed(crm: Crm, acme: Path, workspace: Path) -> None:
    interrupted(workspace, ("accounts/acme/profile.md", b"before", acme.read_bytes()))
    assert states(crm)["runs"] == "advice"
    assert crm("doctor").code == 0
    assert states(crm, "--fix")["runs"] == "ok"


def test_the_state_folder_is_private(crm: Crm, acme: Path, beside: Path) -> None:
    os.chmod(beside, 0o755)
    assert states(crm)["state folder"] == "wrong"
    assert states(crm, "--fix")["state folder"] == "ok"
    assert beside.stat().st_mode & 0o777 == 0o700


def test_who_holds_the_lock_is_named_and_left_alone(crm: Crm, acme: Path, beside: Path) -> None:
    with lock(beside, command="sync gong"):
        result = crm("doctor")
    assert result.code == 0
    (row,) = [row for row in result.rows if row[0] == "lock"]
    assert row[1] == "advice"
    assert "sync gong" in row[2]
    assert "temporary files" not in {row[0] for row in result.rows}


def test_a_large_tree_gets_advice_until_git_is_set_up(
    crm: Crm, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmctl.workspace.doctor.tree.MANY_FILES", 5)
    assert states(crm)["git settings"] == "advice"
    subprocess.run(["git", "config", "feature.manyFiles", "true"], cwd=workspace, check=True)
    assert states(crm)["git settings"] == "ok"


def test_it_changes_nothing_that_git_sees(crm: Crm, acme: Path, workspace: Path) -> None:
    def seen() -> bytes:
        return subprocess.run(
            ["git", "status", "--porcelain"], cwd=workspace, check=True, capture_output=True
        ).stdout

    before = seen()
    crm("doctor", "--fix")
    assert seen() == before
