"""Two who save at once, a process that runs for weeks, a real keyring: no renewed token is ever lost."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from crmctl.model.errors import ConfigError, CrmError
from crmctl.workspace import machine as module
from crmctl.workspace.machine import Machine


@pytest.fixture
def file(home: Path) -> Path:
    return home / "credentials.yaml"


def test_a_save_keeps_what_another_process_saved_meanwhile(file: Path) -> None:
    old, other = Machine({}, file), Machine({}, file)
    old.save("gong", "refresh_token", "g1")
    assert other.get("gong", "refresh_token") == "g1"
    other.save("salesforce", "refresh_token", "s2")
    old.save("gong", "refresh_token", "g2")
    found = Machine({}, file)
    assert found.get("salesforce", "refresh_token") == "s2"
    assert found.get("gong", "refresh_token") == "g2"


def test_a_process_that_runs_for_weeks_sees_what_was_renewed(file: Path) -> None:
    long, cron = Machine({}, file), Machine({}, file)
    long.save("gong", "refresh_token", "g1")
    cron.save("gong", "refresh_token", "g2")
    assert long.get("gong", "refresh_token") == "g2"


def test_threads_that_save_at_once_lose_nothing(file: Path) -> None:
    one = Machine({}, file)
    names = [f"system{number}" for number in range(12)]
    start = threading.Barrier(len(names))

    def save(name: str) -> None:
        start.wait(5)
        one.save(name, "refresh_token", f"of {name}")

    threads = [threading.Thread(target=save, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Machine({}, file)
    assert [found.get(name, "refresh_token") for name in names] == [f"of {n}" for n in names]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    kept: dict[str, str] = {}
    double = SimpleNamespace(
        get_password=lambda _service, name: kept.get(name),
        set_password=lambda _service, name, value: kept.__setitem__(name, value),
    )
    monkeypatch.setattr(module, "_keyring", lambda: double)
    return kept


def test_what_the_keyring_alone_holds_is_set_up(file: Path, keyring: dict[str, str]) -> None:
    first = Machine({}, file)
    first.save("slack", "token", "xoxb-1")
    assert keyring == {"slack.token": "xoxb-1"}
    assert b"xoxb-1" not in file.read_bytes()
    found = Machine({}, file)
    assert found.has("slack")
    assert found.get("slack", "token") == "xoxb-1"
    found.save("slack", "token", "xoxb-2")
    assert keyring == {"slack.token": "xoxb-2"}
    assert list(found.secrets()) == []
    found.forget("slack")
    assert not Machine({}, file).has("slack")


def test_a_folder_that_cannot_be_made_is_a_sentence(home: Path) -> None:
    with pytest.raises(CrmError, match="cannot write"):
        Machine({}, Path("/proc/nowhere/credentials.yaml")).save("slack", "token", "x")


def test_a_setting_that_was_removed_by_hand_is_gone(file: Path) -> None:
    found = Machine({}, file)
    found.save("slack", "token", "x")
    file.unlink()
    assert found.get("slack", "token") == ""


def test_a_file_in_a_workspace_is_refused(workspace: Path) -> None:
    file = workspace / "private" / "credentials.yaml"
    file.parent.mkdir()
    file.write_text("slack: {token: planted-secret}\n")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="lies in a workspace") as caught:
        Machine({}, file).get("slack", "token")
    assert "planted-secret" not in str(caught.value)
