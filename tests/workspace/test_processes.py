"""Work that is spread over processes gives what one process gives, and each has what it works with for itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import crmctl

# In a process of its own: a test runner may have threads, and those do not survive a fork.
SPREAD = """
import os, sqlite3, sys
from contextlib import contextmanager
from crmctl.workspace import processes
processes.os.sched_getaffinity = lambda pid: {0, 1}
home = os.getpid()

@contextmanager
def work():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE made AS SELECT ? AS by", (os.getpid(),))
    def double(thing):
        if thing < 0:
            raise ValueError("less than nothing")
        ((by,),) = connection.execute("SELECT by FROM made")
        return thing * 2, by == os.getpid(), by == home
    yield double
    connection.close()

apart = sys.argv[1] == "apart"
try:
    for found in processes.spread(work, [int(text) for text in sys.argv[2:]], apart=apart):
        print(*found)
except ValueError as error:
    print(error)
"""


def spread(how: str, *things: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SPREAD, how, *map(str, things)],
        cwd=Path(crmctl.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_each_process_works_with_its_own_and_the_results_are_in_order() -> None:
    assert spread("apart", *range(40)) == [f"{2 * n} True False" for n in range(40)]
    assert spread("here", *range(3)) == [f"{2 * n} True True" for n in range(3)]


def test_one_thing_and_none_are_worked_on_here() -> None:
    assert spread("apart", 4) == ["8 True True"]
    assert spread("apart") == []


def test_what_goes_wrong_in_another_process_goes_wrong_here() -> None:
    assert spread("apart", 1, 2, -1, 3)[-1] == "less than nothing"
