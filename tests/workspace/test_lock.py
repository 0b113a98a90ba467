"""The workspace lock: one holder, named, and gone when its process is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crmctl.model.errors import BusyError, CrmError
from crmctl.workspace.lock import lock

HOLDER = """
import sys
from pathlib import Path
from crmctl.workspace.lock import lock
with lock(Path(sys.argv[1]), command="crmctl sync\\n\\x1b[31mevil"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(state: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the lock until its input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    with hold(tmp_path) as holder:
        with pytest.raises(BusyError) as caught, lock(tmp_path, command="set", wait=0.05):
            pass
        assert f"process {holder.pid}" in str(caught.value)
        assert "crmctl sync" in str(caught.value)
        assert str(caught.value).isprintable()
        assert caught.value.exit_code == 75
        holder.communicate()
    with lock(tmp_path, command="set", wait=0):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with hold(tmp_path) as holder:
        holder.kill()
    with lock(tmp_path, command="set", wait=0):
        assert f'"pid": {os.getpid()}' in (tmp_path / "lock.holder").read_text()
    assert not (tmp_path / "lock.holder").exists()


def test_a_waiter_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    with hold(tmp_path) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        with lock(tmp_path, command="set", wait=30):
            assert holder.wait() == 0


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock(tmp_path, command="set"):
        raise KeyError
    with lock(tmp_path, command="set", wait=0):
        pass


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"pid": 1}', b"null"])
def test_a_damaged_note_about_the_holder_does_no_harm(tmp_path: Path, content: bytes) -> None:
    with lock(tmp_path, command="sync"):
        (tmp_path / "lock.holder").write_bytes(content)
        with (
            pytest.raises(BusyError, match="another process"),
            lock(tmp_path, command="set", wait=0),
        ):
            pass


def test_a_lock_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(CrmError, match="cannot lock"), lock(tmp_path, command="set"):
        pass
