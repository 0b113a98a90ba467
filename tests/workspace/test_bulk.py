from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import crmctl
from crmctl.model.record import Ranking
from crmctl.workspace import bulk

# In a process of its own: a test runner may have threads, and those do not survive a fork.
PARALLEL = """
import sys
from pathlib import Path
from crmctl.model.record import Ranking
from crmctl.workspace import bulk, processes
bulk.MANY, bulk.PART = 1, 7
processes.os.sched_getaffinity = lambda pid: {0, 1, 2}
for found in bulk.read(Path(sys.argv[1]), Ranking(), sys.argv[2:], ("name", "domain", "arr")):
    print(tuple(found))
"""


def test_many_processes_read_what_one_reads_and_in_order(tmp_path: Path) -> None:
    paths = []
    for number in range(40):
        path = f"accounts/a{number}/profile.md"
        (tmp_path / path).parent.mkdir(parents=True)
        text = f"---\nname: A{number}\nstage: customer\ndomains: [a{number}.example]\narr: {number}.25\n---\n"
        (tmp_path / path).write_text(text if number % 9 else "damaged")
        paths.append(path)
    (tmp_path / paths[5]).unlink()
    found = list(bulk.read(tmp_path, Ranking(), paths, ("name", "domain", "arr")))
    assert [summary.path for summary in found] == paths
    assert [s.path for s in found if s.problem] == [paths[n] for n in (0, 5, 9, 18, 27, 36)]
    assert found[1].columns == ["A1", "a1.example", "1.25"]
    done = subprocess.run(
        [sys.executable, "-c", PARALLEL, str(tmp_path), *paths],
        env=os.environ | {"PYTHONPATH": str(Path(crmctl.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(tuple(summary)) for summary in found]
