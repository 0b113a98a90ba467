"""What must hold for each live system, whatever it is: nothing lost, nothing doubled, nothing brought back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import crmctl
from crmctl.model.errors import CrmError
from crmctl.workspace import files
from tests.live.conftest import HTTP, SYSTEMS, Live, Open
from tests.live.harness import HOSTILE
from tests.servers.base import busy, cut, hang_up, html, status


@pytest.fixture(params=SYSTEMS)
def live(request: pytest.FixtureRequest, open_live: Open) -> Live:
    return open_live(request.param)


@pytest.fixture(params=HTTP)
def web(request: pytest.FixtureRequest, open_live: Open) -> Live:
    return open_live(request.param)


def can(live: Live, what: str) -> None:
    if what not in live.harness.can:
        pytest.skip(f"{live.harness.system} has no such thing as {what}")


def test_a_full_sync_brings_everything(live: Live) -> None:
    live.harness.fill(60)
    live.sync()
    assert live.harness.found(live.root) == live.harness.expected() > 0
    assert live.crm("check").code in {0, 1}
    assert "error" not in live.crm("check", "--json").out.casefold().replace('"error": ""', "")


def test_a_sync_with_nothing_new_changes_no_byte(live: Live) -> None:
    live.filled()
    before, head = live.files(), live.head()
    live.sync("--commit")
    assert live.files() == before
    assert live.dirty() == {}
    assert live.head() == head, "and makes no commit"


def test_a_fresh_clone_goes_on_where_the_last_run_ended(live: Live) -> None:
    live.filled()
    for file in (live.root / ".git" / "crmctl").glob("*.json"):
        file.unlink()
    before = live.files()
    live.sync()
    assert live.files() == before


def test_what_is_new_arrives_and_nothing_else_moves(live: Live) -> None:
    live.filled()
    before = live.data()
    live.harness.add_one()
    live.sync("--commit")
    assert live.harness.found(live.root) == live.harness.expected()
    after = live.data()
    assert before.keys() <= after.keys()
    moved = [path for path in after if before.get(path) != after[path]]
    assert 1 <= len(moved) <= 4, moved
    assert live.dirty() == {}


def test_one_change_is_one_line(live: Live) -> None:
    can(live, "change")
    live.filled()
    text = live.harness.change_one()
    live.sync()
    lines = live.changed_lines()
    assert len([line for line in lines if line[0] == "+"]) == 1, lines
    assert len([line for line in lines if line[0] == "-"]) <= 1, lines
    assert text in next(line for line in lines if line[0] == "+")


def test_a_deletion_is_marked_and_kept(live: Live) -> None:
    can(live, "delete")
    live.filled()
    before = live.data()
    live.harness.delete_one()
    live.sync("--commit")
    after = live.data()
    assert before.keys() == after.keys(), "no file goes away"
    changed = [path for path in after if before[path] != after[path]]
    assert len(changed) == 1, changed
    text = (live.root / changed[0]).read_text("utf-8")
    assert 'deleted": true' in text or "deleted: true" in text
    live.sync("--commit")
    assert live.data() == after, "and it stays marked"


def test_everything_delivered_again_changes_nothing(live: Live) -> None:
    live.filled()
    before = live.data()
    live.sync("--full")
    assert live.data() == before
    for state in (live.root / "accounts" / "_state").iterdir():
        state.unlink()
    live.sync()
    assert live.data() == before
    assert live.dirty() == {}, "and the state comes out as it was"


def test_a_file_that_a_person_removed_does_not_come_back(live: Live) -> None:
    live.filled()
    mine = [
        path
        for path in live.data()
        if path.endswith(".md")
        and f"{live.harness.system}:" in (live.root / path).read_text("utf-8")
        and not path.endswith("/profile.md")
    ]
    if not mine:
        pytest.skip(f"{live.harness.system} makes no files of its own here")
    (live.root / mine[0]).unlink()
    live.sync("--full")
    assert not (live.root / mine[0]).exists()


def test_a_token_that_runs_out_in_the_middle_is_renewed(web: Live) -> None:
    can(web, "expire")
    web.filled()
    web.harness.add_one()
    web.harness.expire()
    web.sync()
    assert web.harness.found(web.root) == web.harness.expected()


def test_a_busy_system_is_given_the_time_it_asks_for(web: Live) -> None:
    web.harness.fill(20)
    web.server.fail([busy("7")])
    web.sync()
    assert 7.0 in web.slept
    assert web.harness.found(web.root) == web.harness.expected()


def test_a_system_that_stumbles_is_asked_again(web: Live) -> None:
    web.harness.fill(20)
    web.server.fail([status(500), html(503), None, hang_up, cut, None, html(502)])
    web.sync()
    assert web.harness.found(web.root) == web.harness.expected()


def test_a_system_that_stays_down_costs_nothing_that_was_there(web: Live) -> None:
    web.filled()
    before = web.files()
    web.harness.add_one()
    web.server.fail([html(503)] * 200)
    result = web.sync(code=3)
    assert web.files() == before
    assert "Traceback" not in result.err
    assert "<html" not in result.err
    web.server.faults.clear()
    web.sync()
    assert web.harness.found(web.root) == web.harness.expected()


def test_pages_that_go_in_circles_end(web: Live) -> None:
    can(web, "loop")
    web.harness.fill(60)
    web.harness.loop()
    result = web.sync(code=3)
    assert "circles" in result.err
    assert web.server.count() < 200


def test_records_that_move_between_pages_are_neither_lost_nor_doubled(web: Live) -> None:
    web.harness.fill(60)
    web.harness.move_between_pages()
    web.sync()
    web.sync()
    assert web.harness.found(web.root) == web.harness.expected()


def test_an_answer_that_is_suddenly_empty_takes_nothing_away(live: Live) -> None:
    can(live, "empty")
    live.filled()
    before = live.files()
    live.harness.go_empty()
    result = live.crm("sync", live.harness.system, "--full")
    assert result.code in {3, 5}, (result.code, result.err)
    assert live.files() == before


def test_hostile_text_stays_text(live: Live) -> None:
    live.harness.fill(5)
    live.sync()
    live.harness.say(HOSTILE)
    result = live.sync()
    for shown in (
        result,
        live.crm("check"),
        live.crm("timeline", "hollis-vane-freight"),
        live.crm("show", "hollis-vane-freight"),
    ):
        assert "\x1b" not in shown.out + shown.err
        assert "Traceback" not in shown.err
    assert live.harness.found(live.root) == live.harness.expected()
    before = live.files()
    live.sync()
    assert live.files() == before


def test_killed_at_any_write_it_ends_in_the_same_bytes(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    live.harness.fill(40)
    rng = random.Random(7)
    write = files.write
    left = [0]

    def dying(*arguments: object, **keywords: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        write(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "write", dying)
    for _ in range(4):
        left[0] = rng.randrange(1, 12)
        try:
            live.crm("sync", live.harness.system)
        except Killed:
            continue
    left[0] = 0
    live.sync()
    killed = live.files()
    live.reset()
    live.sync()
    assert live.files() == killed


def test_killed_at_any_request_it_ends_in_the_same_bytes(web: Live) -> None:
    web.harness.fill(40)
    command = [sys.executable, "-c", "from crmctl.__main__ import main; main()"]
    for at in (1, 3, 5):
        process = subprocess.Popen(
            [*command, "sync", web.harness.system],
            cwd=web.root,
            env=os.environ | {"PYTHONPATH": str(Path(crmctl.__file__).parents[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        first = web.server.count()

        def kill(
            _call: object, process: subprocess.Popen[bytes] = process, limit: int = first + at
        ) -> None:
            if web.server.count() >= limit:
                process.kill()

        web.server.before = kill
        process.wait()
        web.server.before = lambda _call: None
    web.sync()
    killed = web.files()
    assert web.harness.found(web.root) == web.harness.expected()
    web.reset()
    web.sync()
    assert web.files() == killed


def test_a_read_that_breaks_off_and_goes_on_ends_in_the_same_bytes(web: Live) -> None:
    web.harness.fill(60)
    calls = 0

    def sometimes_down(_call: object) -> None:
        nonlocal calls
        calls += 1

    web.server.before = sometimes_down
    for at in (2, 4, 5):
        web.server.fail([None] * at + [html(503)] * 40)
        web.crm("sync", web.harness.system)
        web.server.faults.clear()
    web.sync()
    assert web.harness.found(web.root) == web.harness.expected()
    broken = web.data()
    web.sync("--full")
    assert web.data() == broken


def test_no_secret_is_told_kept_or_committed(web: Live) -> None:
    secrets = [
        value
        for name, value in web.harness.environment().items()
        if name.rpartition("_")[2] in {"TOKEN", "SECRET", "KEY", "PASSWORD"} and len(value) >= 8
    ]
    assert secrets
    web.harness.fill(5)
    told = ""

    def call(*arguments: str) -> None:
        nonlocal told
        try:
            result = web.crm(*arguments)
            told += result.out + result.err
        except CrmError:  # --debug lets it through, with its traceback
            told += traceback.format_exc()

    call("sync", web.harness.system, "--commit", "--json")
    refusal = {"message": f"bad {secrets[0]}", "error": secrets[0], "ok": False}
    for fault in (status(400, refusal), status(401, refusal), html(500)):
        web.server.fail([fault] * 60)
        call("sync", web.harness.system)
        call("--debug", "sync", web.harness.system)
        web.server.faults.clear()
    call("--debug", "sync", web.harness.system)
    call("sources")
    call("auth", web.harness.system)
    assert "GET" in told or "POST" in told
    kept = b"".join(file.read_bytes() for file in web.root.rglob("*") if file.is_file())
    for secret in secrets:
        assert secret not in told
        assert secret.encode() not in kept


def test_nothing_is_lost_or_doubled_when_every_twentieth_request_fails(web: Live) -> None:
    web.harness.fill(120)
    web.server.share = 0.05
    for _ in range(5):
        if web.crm("sync", web.harness.system).code == 0:
            break
    assert web.harness.found(web.root) == web.harness.expected()
