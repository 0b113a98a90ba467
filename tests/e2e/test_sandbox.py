"""The sandbox walks through a sync of all systems by itself, and leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crmctl.sources.registry import SYSTEMS
from crmctl.workspace import yamlio
from tests.e2e.conftest import PROJECT, git
from tests.servers import dovecot, postgres

TEXT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Walked(NamedTuple):
    """The folder of a sandbox, and what each command of its tour printed, in order."""

    folder: Path
    said: list[tuple[str, str]]
    before: str

    def all(self, command: str) -> list[str]:
        return [said for called, said in self.said if called == command]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp("sandbox")
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.sandbox", "--try", "--folder", str(folder)],
        cwd=PROJECT,
        env=os.environ | {"CRMCTL_SLACK_TOKEN": "of somebody's own"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    before, *parts = re.split(r"^\n# .*\n\$ crmctl (.*)\n", done.stdout, flags=re.MULTILINE)
    return Walked(folder, list(zip(parts[::2], parts[1::2], strict=True)), before)


@pytest.fixture(scope="module")
def systems() -> set[str]:
    """Those whose doubles run on this machine."""
    absent = {"supabase"} if postgres.missing() else set()
    absent |= {"email"} if dovecot.missing() else set()
    return SYSTEMS.keys() - absent


def settings(walked: Walked) -> Mapping[str, Any]:
    found = yamlio.load((walked.folder / "credentials.yaml").read_text("utf-8"), path="credentials")
    assert isinstance(found, dict)
    return found


def test_every_system_is_read_and_what_is_missing_is_said(
    walked: Walked, systems: set[str]
) -> None:
    kept = json.loads((walked.folder / "customers/.git/crmctl/sources.json").read_text("utf-8"))
    assert {system for system, run in kept.items() if run["ok"]} == kept.keys() == systems
    first, *_ = walked.all("sync --commit")
    brought = {line.split()[0]: line for line in first.splitlines() if " new" in line}
    assert brought.keys() == systems
    left_out = set(re.findall(r"^(\w+): left out, ", walked.before, flags=re.MULTILINE))
    assert left_out == SYSTEMS.keys() - systems


def test_the_second_sync_finds_nothing_new(walked: Walked) -> None:
    _, second = walked.all("sync --commit")
    assert " new" not in second.replace("nothing new", "")
    assert "updated" not in second
    assert "committed" not in second


def test_what_was_claimed_is_read_then(walked: Walked) -> None:
    assert "C07PORTLN1" in walked.all("unmatched")[0]
    assert "slack  2 new" in walked.all("sync slack --commit")[0]
    assert "#customs-papers" in walked.all("timeline hollis-vane-freight --since 30d")[0]
    assert git(walked.folder / "customers", "log", "-1", "--format=%s").startswith("Sync slack: ")


def test_a_list_is_said_in_words(walked: Walked) -> None:
    assert "person says hollisvane.example; sales" in walked.all("conflicts hollis-vane-freight")[0]


def test_the_credentials_are_ones_own_and_outside_of_the_workspace(walked: Walked) -> None:
    assert (walked.folder / "credentials.yaml").stat().st_mode & 0o777 == 0o600
    secrets = {
        value
        for section in settings(walked).values()
        for name, value in section.items()
        if name in {"token", "key", "password", "client_secret", "access_key_secret"}
    }
    assert secrets
    files = [p for p in (walked.folder / "customers").rglob("*") if p.is_file()]
    assert not any(secret.encode() in file.read_bytes() for file in files for secret in secrets)


@pytest.mark.parametrize("page", ["README.md", "docs/sync.md"])
def test_the_pages_show_what_the_sandbox_prints(
    walked: Walked, systems: set[str], page: str
) -> None:
    if systems != SYSTEMS.keys():
        pytest.skip("the pages show all systems")
    shown = [
        (command, without_ids(said))
        for block in TEXT.findall((PROJECT / page).read_text("utf-8"))
        for command, said in re.findall(r"^\$ crmctl (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]
    assert len(shown) > 1
    for command, said in shown:
        assert said in [without_ids(one) for one in walked.all(command)], command


def without_ids(said: str) -> str:
    return re.sub(r"^committed .*$", "committed", said, flags=re.MULTILINE).strip()


def test_nothing_goes_on_running(walked: Walked) -> None:
    for section in settings(walked).values():
        port = re.search(r":(\d+)", section.get("url", f":{section.get('port', '')}"))
        if port is not None:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(port[1])), 5)
        assert not Path(section.get("folder", "/nowhere/at/all")).exists()
