"""Measures a sync: its time beside a bare loop over the same pages, and what an incremental one asks for.

    python bench/sync.py                         20,000 records of 2,000 accounts, three rounds
    python bench/sync.py --records 2000 --rounds 1

The other system is a local double in this process; crmctl and the bare loop are processes of their own. Goals: a
full sync at most 2.5 times the bare loop and the plain writing of the same files; requests of an incremental sync
that do not grow with the number of records.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lab import CRMCTL  # noqa: E402

from tests.servers.salesforce import CLIENT, SECRET, Salesforce  # noqa: E402

NOW = "2026-11-16T08:00:00Z"
CHANGES = (0, 10, 1_000, 5_000)
_EACH = 10  # records of an account, itself included


def crowd(server: Salesforce, accounts: int) -> list[str]:
    """An org of that many accounts, each with three contacts, two deals, two tasks and two cases; the contacts."""
    org = server.org
    owner = org.add("User", Name="Ana Reyes", Email="ana@ours.example", Username="ana@ours.example")
    people: list[str] = []
    for number in range(accounts):
        domain = f"firm{number}.example"
        firm = org.add(
            "Account", Name=f"Firm {number} Ltd", Website=f"https://{domain}", OwnerId=owner,
            Industry="Transportation", BillingCity="Leeds", NumberOfEmployees=number,
        )  # fmt: skip
        about = {"WhatId": firm, "OwnerId": owner, "ActivityDate": "2026-05-04"}
        people += [
            org.add(
                "Contact",
                FirstName="Kim",
                LastName=f"Person {number} {part}",
                AccountId=firm,
                Email=f"kim{part}@{domain}",
                Title="Head of Operations",
                OwnerId=owner,
            )
            for part in range(3)
        ]
        for part in range(2):
            org.add(
                "Opportunity", Name=f"Deal {part}", AccountId=firm, StageName="Proposal", Amount=1000.0,
                CloseDate="2026-12-01", OwnerId=owner,
            )  # fmt: skip
            org.add("Task", Subject=f"Prepare {part}", Status="Not Started", **about)
            org.add(
                "Case",
                CaseNumber=f"{number}{part:03}",
                Subject="Offline",
                Status="Working",
                AccountId=firm,
            )
    return people


class Bench:
    """One workspace, one double."""

    def __init__(self, folder: Path, server: Salesforce) -> None:
        self.folder, self.server, self.root = folder, server, folder / "ws"
        home = folder / "home"
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\nname = Bench\nemail = bench@ours.example\n")
        self.env = os.environ | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "CRMCTL_NOW": NOW,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "CRMCTL_SALESFORCE_URL": server.url,
            "CRMCTL_SALESFORCE_CLIENT_ID": CLIENT,
            "CRMCTL_SALESFORCE_CLIENT_SECRET": SECRET,
        }

    def crmctl(self, *arguments: str) -> float:
        """Run a command; the seconds it took."""
        begin = time.perf_counter()
        done = subprocess.run(
            [CRMCTL, *arguments],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"crmctl {' '.join(arguments)}: {done.stderr[-800:]}")
        return time.perf_counter() - begin

    def fresh(self) -> None:
        """A workspace without accounts."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        self.crmctl("init", "--commit")

    def floor(self) -> tuple[float, float]:
        """Seconds of the bare loop over the pages that the last sync asked for, and of plain writing."""
        pages = [
            [
                f"{self.server.url}{call.path}?{query(call.pairs)}".rstrip("?"),
                {"Authorization": call.headers["authorization"]},
            ]
            for call in self.server.calls
            if call.method == "GET" and "authorization" in call.headers
        ]
        listed, target = self.folder / "pages.json", self.folder / "plain"
        listed.write_text(json.dumps(pages))
        shutil.rmtree(target, ignore_errors=True)
        os.sync()
        command = [
            sys.executable,
            str(HERE / "pages.py"),
            str(listed),
            str(self.root / "accounts"),
            str(target),
        ]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        paged, wrote = map(float, done.stdout.split())
        return paged, wrote


def query(pairs: tuple[tuple[str, str], ...]) -> str:
    """A query string again."""
    from urllib.parse import urlencode

    return urlencode(pairs)


def main() -> None:
    """Print one table for the time, one for the requests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crmctl-bench-") as folder, Salesforce() as server:
        people = crowd(server, options.records // _EACH)
        bench = Bench(Path(folder), server)
        ratios = []
        print(f"full sync of {options.records} records\nround\tcrmctl\tpages\twriting\tratio")
        for number in range(options.rounds):
            bench.fresh()
            server.calls.clear()
            os.sync()  # neither is to wait for what was written before it
            ours = bench.crmctl("sync", "salesforce")
            paged, wrote = bench.floor()
            ratios.append(ours / (paged + wrote))
            print(
                f"{number + 1}\t{ours:.1f} s\t{paged:.1f} s\t{wrote:.1f} s\t{ratios[-1]:.2f}",
                flush=True,
            )
        print(f"median ratio {statistics.median(ratios):.2f}, goal 2.5\n")
        print("incremental sync\nchanged\trequests\tseconds")
        for count in CHANGES:
            for place, person in enumerate(people[: min(count, len(people))]):
                server.org.change(person, Title=f"Title {count} {place}")
            server.calls.clear()
            took = bench.crmctl("sync", "salesforce", "--allow", "changes")
            print(f"{min(count, len(people))}\t{len(server.calls)}\t{took:.1f} s", flush=True)


if __name__ == "__main__":
    main()
