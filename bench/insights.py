"""Measures what insights cost over all accounts, as ratios to `git status` of the same tree in the same minute.

    python bench/insights.py                  10,000 generated accounts
    python bench/insights.py --tree DIR       the accounts in another folder
    python bench/insights.py --accounts 1000  a smaller tree

Scores with nothing changed, and signals after all that was remembered of the accounts' files is forgotten, so
that every record is read and every text sifted anew. A miss is reported and is no failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import sqlite3
import sys
import tempfile
from pathlib import Path

from lab import Lab, say
from run import Benchmark, Outcome, crmctl, git_status, row, timed

STATE = ".git/crmctl/index.sqlite"


def unchanged(lab: Lab, rounds: int) -> Outcome:
    """Score every account when nothing has changed."""
    lab.run(lab.large, *crmctl(lab, "-q", "score").command)
    return timed(crmctl(lab, "score"), git_status(lab), rounds)


def texts_again(lab: Lab, rounds: int) -> Outcome:
    """The signals of every account, from its files."""

    def forget() -> None:
        with sqlite3.connect(lab.large / STATE) as db:
            db.execute("DELETE FROM facts")
        db.close()

    ours = crmctl(lab, "signals", "--csv")
    return timed(dataclasses.replace(ours, prepare=forget), git_status(lab), rounds)


BENCHMARKS = {
    "scores": Benchmark("`score` of all with nothing changed / `git status`", 3.0, unchanged),
    "signals": Benchmark(
        "`signals` of all, every record and text read anew / `git status`", 10.0, texts_again
    ),
}


def main() -> int:
    """Run both; 1 if one could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tree", type=Path, help="a folder of accounts to copy instead of generating"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="how many to generate")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, at least 3")
    parser.add_argument("--work", type=Path, help="where workspaces are kept between runs")
    given = parser.parse_args()
    default = "other" if given.tree else f"{given.accounts}"
    work = given.work or Path(tempfile.gettempdir()) / f"crmctl-bench-{default}"
    lab = Lab(work, given.tree, given.accounts)
    print("| name | what | crmctl | against | ratio | range | goal | |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    broken = False
    for name, benchmark in BENCHMARKS.items():
        try:
            found = benchmark.measure(lab, max(given.rounds, 3))
        except (OSError, RuntimeError, sqlite3.Error) as error:
            say(f"{name}: {error}")
            broken = True
            continue
        print(row(name, benchmark, found), flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
