"""Counts what an incremental sync asks each system for: after so many changes, among so many records.

    python bench/counts.py
    python bench/counts.py slack gong

Each system is its local double; waiting takes no time. The count should grow with the changes, a page at a time, and
not with the records.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from crmctl.__main__ import main as crmctl  # noqa: E402
from crmctl.sources import network  # noqa: E402
from crmctl.workspace import yamldump  # noqa: E402
from tests.live.harness import ACCOUNTS, Harness  # noqa: E402
from tests.servers.clock import FakeClock  # noqa: E402

SYSTEMS = ("salesforce", "supabase", "gong", "granola", "slack", "gmail", "graph")
RECORDS = (200, 2_000)
CHANGES = (0, 1, 50)


def call(*arguments: str) -> None:
    """Run a command; it must succeed."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = crmctl(list(arguments))
    if code:
        raise RuntimeError(f"crmctl {' '.join(arguments)}: exit {code}: {told.getvalue()[-500:]}")


def counts(system: str, records: int, root: Path) -> list[int]:
    """The requests of a first read, and of one after each number of changes."""
    os.chdir(root)
    call("init", "--commit")
    harness: Harness = import_module(f"tests.live.{system}").HARNESS()
    settings = harness.settings()
    if settings:
        file = root / "crmctl.yaml"
        more = yamldump.dump_mapping({"sources": {harness.system: settings}})
        file.write_text(file.read_text("utf-8") + more, "utf-8")
    for name, domain in ACCOUNTS.values():
        call("new", name, "--domain", domain, "--no-tasks")
    with harness:
        os.environ.update(harness.environment())
        harness.prepare(root)
        harness.fill(records)
        found = []
        for changes in (None, *CHANGES):
            for _ in range(changes or 0):
                harness.add_one()
            harness.server.calls.clear()
            call("sync", harness.system)
            found.append(len(harness.server.calls))
        for name in harness.environment():
            del os.environ[name]
    return found


def main() -> None:
    """One line for each system and size."""
    network.RealClock = FakeClock  # type: ignore[misc, assignment]
    os.environ["CRMCTL_NOW"] = "2026-11-16T08:00:00Z"
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    print("source\trecords\tfirst read\t" + "\t".join(f"{n} changes" for n in CHANGES))
    for system in sys.argv[1:] or SYSTEMS:
        for records in RECORDS:
            with tempfile.TemporaryDirectory(prefix="crmctl-bench-") as folder:
                home, root = Path(folder, "home"), Path(folder, "ws")
                home.mkdir()
                root.mkdir()
                (home / ".gitconfig").write_text("[user]\nname = B\nemail = b@ours.example\n")
                os.environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
                found = counts(system, records, root)
                os.chdir(HERE)
            print(f"{system}\t{records}\t" + "\t".join(map(str, found)), flush=True)


if __name__ == "__main__":
    main()
