"""Two processes at once: nothing is lost, and whoever waits too long is told for whom."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path

import pytest

from crmctl.workspace import lock as locking
from crmctl.workspace.lock import lock
from tests.conftest import Crm
from tests.e2e.conftest import Load, process, shown, values

MANY = """
import itertools, json
from crmctl import __main__
codes = []
for words in json.loads(sys.argv.pop(1)):
    codes.append(__main__.main(words))
print("codes", *codes)
sys.exit(0)
"""


def codes(started: object) -> list[int]:
    """The exit codes of all commands that a process ran; it must not have said anything like a traceback."""
    out, err = started.communicate(timeout=120)  # type: ignore[attr-defined]
    assert "Traceback" not in err
    (line,) = [line for line in out.splitlines() if line.startswith("codes")]
    return [int(code) for code in line.split()[1:]]


def test_forty_entries_of_two_processes_are_all_there(crm: Crm, workspace: Path) -> None:
    crm("new", "Acme Freight", "--no-tasks")
    running = [
        process(
            workspace,
            json.dumps([["log", "acme", f"{name} {n}", "--commit"] for n in range(20)]),
            code=MANY,
        )
        for name in ("Ana", "Bo")
    ]
    ended = [code for one in running for code in codes(one)]
    assert set(ended) <= {0, 75}
    subjects = [row["subject"] for row in shown(crm, "timeline", "acme", "--type", "note")]
    assert len(subjects) == len(set(subjects)) == ended.count(0)
    assert ended.count(0) == 40
    assert crm("check", "--format", "json").code in {0, 1}


def test_an_import_beside_edits_loses_neither(crm: Crm, workspace: Path, exports: Load) -> None:
    path = exports("csv-a")
    crm("import", "salesforce", str(path))
    for file in path.glob("*.csv"):
        file.write_text(file.read_text("utf-8-sig").replace("Leeds", "Hull"), "utf-8")
    fields = [f"note_{n}" for n in range(12)]
    profile = workspace / "accounts/alder-freight-ltd/profile.md"
    profile.write_text(
        profile.read_text().replace("---\n", "---\n" + "".join(f"{f}: 0\n" for f in fields), 1)
    )
    running = [
        process(workspace, json.dumps([["set", "alder-freight-ltd", f"{field}=1"] for field in fields]), code=MANY),
        process(workspace, json.dumps([["import", "salesforce", str(path)]] * 6), code=MANY),
    ]  # fmt: skip
    ended = [codes(one) for one in running]
    assert set(ended[0]) | set(ended[1]) <= {0, 75}
    held = values(shown(crm, "show", "alder-freight-ltd"))
    assert [held[field] for field in fields] == [1 if code == 0 else 0 for code in ended[0]]
    assert set(ended[0]) == {0}
    assert held["city"] == "Hull"
    assert shown(crm, "import", "salesforce", str(path))["files"] == []


def test_a_held_lock_gives_75_and_names_the_holder_in_bounded_time(
    crm: Crm, workspace: Path, monkeypatch: pytest.MonkeyPatch, exports: Load
) -> None:
    crm("new", "Acme Freight", "--no-tasks")
    path = exports("csv-a")
    before = (workspace / "accounts/acme-freight/profile.md").read_bytes()
    defaults = dict(locking.lock.__wrapped__.__kwdefaults__)  # type: ignore[attr-defined]
    assert 0 < defaults["wait"] <= 60
    from crmctl.workspace.workspace import Workspace

    monkeypatch.setitem(Workspace.writing.__wrapped__.__kwdefaults__, "wait", 0.2)  # type: ignore[attr-defined]
    held, release = threading.Event(), threading.Event()

    def holder() -> None:
        with lock(workspace / ".git/crmctl", command="import salesforce"):
            held.set()
            release.wait(60)

    other = threading.Thread(target=holder)
    other.start()
    assert held.wait(10)
    try:
        for command in (
            ["set", "acme", "city=Leeds"], ["log", "acme", "Call"], ["score"], ["run"], ["new", "Globex"],
            ["import", "salesforce", str(path)], ["review", "acme"], ["undo"], ["dupes", "--merge-likely", "--yes"],
        ):  # fmt: skip
            begun = time.monotonic()
            done = crm(*command)
            if command[0] == "dupes" and done.code == 0:
                continue  # no pair to merge, so nothing to wait for
            assert (done.code, done.out) == (75, ""), done
            assert re.search(r"import salesforce.*process \d+ on ", done.err), done.err
            assert time.monotonic() - begun < 60
        assert crm("list").code == 0
        assert crm("show", "acme").code == 0
        assert crm("set", "acme", "city=Leeds", "--dry-run").code == 0
    finally:
        release.set()
        other.join()
    assert (workspace / "accounts/acme-freight/profile.md").read_bytes() == before
    assert crm("set", "acme", "city=Leeds").code == 0
