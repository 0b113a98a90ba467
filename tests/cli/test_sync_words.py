"""What a sync says to people when something is wrong or left to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Crm
from tests.live.linkedin import FIRST, Member


@pytest.fixture
def folder(crm: Crm, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where LinkedIn's archives lie, the live system that needs no server."""
    for name, domain in (
        ("Acme Tiles", "acmetiles.example"),
        ("Nordlicht Möbel", "nordlicht.example"),
    ):
        assert crm("new", name, "--domain", domain, "--no-tasks", "--commit").code == 0
    file = workspace / "crmctl.yaml"
    file.write_text(file.read_text() + "sources:\n  linkedin: {contacts: true}\n")
    archives = workspace.parent / "archives"
    archives.mkdir()
    Member.sample().archive(archives, FIRST)
    monkeypatch.setenv("CRMCTL_LINKEDIN_FOLDER", str(archives))
    return archives


def test_without_a_commit_it_counts_the_files_that_wait(crm: Crm, folder: Path) -> None:
    done = crm("sync")
    assert "5 created; nothing is committed" in done.err
    assert "created accounts/acme-tiles/contacts/ida-dal.md" not in done.err
    assert "nothing is committed" not in crm("sync").err


def test_verbose_names_each_file(crm: Crm, folder: Path) -> None:
    assert "created accounts/acme-tiles/contacts/ida-dal.md" in crm("-v", "sync").err


def test_a_source_that_gave_nothing_has_failed(
    crm: Crm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_LINKEDIN_FOLDER", str(folder / "gone"))
    done = crm("sync", "linkedin")
    assert done.out == "linkedin  failed\n"
    assert done.code == 3
    assert "the source failed" in done.err


def test_a_source_that_is_half_set_up_is_named_beside_the_others(
    crm: Crm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_SLACK_URL", "https://slack.example")
    done = crm("sync")
    assert done.code == 3
    assert "linkedin  6 new" in done.out
    assert "slack: token missing" in done.err
    assert "1 of 2 sources failed" in done.err


def test_a_guard_that_does_not_exist_is_a_mistake(crm: Crm, folder: Path) -> None:
    for call in (["sync"], ["import", "linkedin", str(folder)]):
        done = crm(*call, "--allow", "everything")
        assert done.code == 2
        assert "allowed: empty, changes" in done.err


def test_what_is_not_set_up_is_told_how_to_begin(crm: Crm, workspace: Path) -> None:
    done = crm("auth", "slack")
    assert done.code == 0
    assert "crmctl auth slack --set token" in done.err
    assert "CRMCTL_SLACK_TOKEN" in done.err


def test_the_last_sync_is_dated_shortly(crm: Crm, folder: Path) -> None:
    crm("sync")
    rows = {row[0]: row for row in crm("sources").rows}
    assert rows["linkedin"][2] == "2026-11-16T08:00:00Z"
