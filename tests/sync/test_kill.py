"""A killed import leaves whole files, and the next run ends where an undisturbed one would have."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Incoming, Link
from crmctl.sync.carry import import_batch
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import (
    NOW,
    Make,
    account,
    batch,
    call,
    contact,
    deal,
    git,
    org,
    snapshot,
    task,
    ticket,
    under_other_ids,
)

KILLS = 200
OPERATIONS = ("replace", "fsync", "open", "unlink", "mkdir", "write")


def before() -> list[Incoming]:
    return org()


def after() -> list[Incoming]:
    """Some sixty files: new ones of every kind, among them names that meet, and changes of old ones."""
    records = [*org(), account("A2", "Birch & Sons", employees=77), *under_other_ids(org())]
    records += [ticket("S1", "A1", "Printer on fire", status="Closed")]
    for n in range(6):
        records += [
            account(f"B{n}", f"Cedar {n % 3}", domains=[f"cedar{n}.example"]),
            contact(f"BC{n}", "Ana Roy", f"B{n}"),
        ]
        records += [
            deal(f"BD{n}", "Licence", f"B{n}", (f"BC{n}",)),
            call(f"BI{n}", f"B{n}", "Notes.", (f"BC{n}",)),
        ]
        records += [
            task(f"BT{n}", f"B{n}", "Follow up", deal=Link(id=f"BD{n}")),
            ticket(f"BS{n}", f"B{n}", "Help"),
        ]
    return records


def killed_at(point: int, root: Path) -> bool:
    """Run the import in a child that kills itself before file operation number ``point``; False if it got through."""
    child = os.fork()
    if child == 0:
        left = point

        def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **keywords: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return operation(*args, **keywords)

            return run

        for name in OPERATIONS:
            setattr(os, name, counted(getattr(os, name)))
        import_batch(Workspace(root, now=NOW, seed=1), batch(*after()))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def operations(root: Path) -> int:
    """How many file operations the import takes, by bisection over kills."""
    low, high = 0, 1
    while killed_at(high, copy(root, f"probe{high}")):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if killed_at(middle, copy(root, f"probe{middle}")) else (low, middle)
        )
    return high


def copy(root: Path, name: str) -> Path:
    target = root.parent / name
    shutil.copytree(root, target)
    return target


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_import_killed_anywhere_is_whole_and_the_next_one_completes_it(make: Make) -> None:
    start = make("start")
    import_batch(start, batch(*before()))
    old = snapshot(start.root)
    import_batch(Workspace(copy(start.root, "whole"), now=NOW, seed=1), batch(*after()))
    new = snapshot(start.root.parent / "whole")
    assert len(new) >= 60
    total = operations(start.root)
    points = sorted(random.Random(20260302).choices(range(total), k=KILLS))

    for number, point in enumerate(points):
        root = copy(start.root, f"k{number}")
        assert killed_at(point, root)
        for path, data in snapshot(root).items():
            if not path.endswith(".tmp"):
                assert data in (old.get(path), new.get(path)), (point, path)
        import_batch(Workspace(root, now=NOW, seed=2), batch(*after()))
        assert snapshot(root) == new, point
        shutil.rmtree(root)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_commit_after_a_kill_holds_what_the_killed_run_wrote(make: Make) -> None:
    start = make("start")
    import_batch(start, batch(*before()), commit=True)
    assert killed_at(operations(start.root) // 2, start.root)

    report = import_batch(Workspace(start.root, now=NOW, seed=2), batch(*after()), commit=True)

    assert report.skipped == []
    assert git(start.root, "status", "--porcelain") == ""
