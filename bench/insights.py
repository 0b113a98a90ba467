"""Measures what insights cost over all accounts, as ratios to `git status` of the same tree in the same minute.

    python bench/insights.py                  10,000 generated accounts
    python bench/insights.py texts            one of them
    python bench/insights.py --tree DIR       the accounts in another folder
    python bench/insights.py --accounts 1000  a smaller tree

scores  nothing has changed since the last run: the state of each file is asked for, none is opened
warm    the same, for the signals of every account
texts   every file has a new time stamp: all of them are read to the last byte, and compared by digest with what they
        were; none is parsed, and no rule is asked again about words that it has seen
rules   signals.yaml is another: every text is parsed, and sifted by every rule anew
cold    all that was remembered of the accounts is forgotten: every record is parsed, every text sifted

`git status` always knows its files. A miss is reported and is no failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab import CRMCTL, Lab, say
from run import Benchmark, Outcome, crmctl, git_status, row, timed

from crmctl.workspace.templates import shipped

STATE = ".git/crmctl/index.sqlite"
SIGNALS = (CRMCTL, "signals", "--csv")
GOAL = 10.0


def unchanged(lab: Lab, rounds: int) -> Outcome:
    """Score every account when nothing has changed."""
    lab.run(lab.large, *crmctl(lab, "-q", "score").command)
    return timed(crmctl(lab, "score"), git_status(lab), rounds)


def warm(lab: Lab, rounds: int) -> Outcome:
    """The signals of every account when nothing has changed."""
    lab.run(lab.large, *SIGNALS)
    return timed(crmctl(lab, *SIGNALS[1:]), git_status(lab), rounds)


def texts(lab: Lab, rounds: int) -> Outcome:
    """The signals of every account, all of whose files must be read."""
    lab.run(lab.large, *SIGNALS)

    def stamp() -> None:
        for slug in lab.slugs():
            for path in (lab.large / "accounts" / slug).rglob("*.*"):
                os.utime(path)
        lab.run(lab.large, "git", "status")

    return prepared(lab, stamp, rounds)


def rules(lab: Lab, rounds: int) -> Outcome:
    """The signals of every account under other rules."""
    mine = lab.large / "signals.yaml"
    raw, count = shipped("signals.yaml") or b"", itertools.count()
    lab.run(lab.large, *SIGNALS)
    try:
        return prepared(lab, lambda: mine.write_bytes(b"%b# %d\n" % (raw, next(count))), rounds)
    finally:
        mine.unlink()


def cold(lab: Lab, rounds: int) -> Outcome:
    """The signals of every account when none has been read before."""

    def forget() -> None:
        with sqlite3.connect(lab.large / STATE) as db:
            db.execute("DELETE FROM facts")
        db.close()

    return prepared(lab, forget, rounds)


def prepared(lab: Lab, prepare: Callable[[], object], rounds: int) -> Outcome:
    """The signals of every account after some preparation, which is not timed."""
    ours = dataclasses.replace(crmctl(lab, *SIGNALS[1:]), prepare=prepare)
    return timed(ours, git_status(lab), rounds)


WHAT = "`signals` of all / `git status`:"
BENCHMARKS = {
    "scores": Benchmark("`score` of all with nothing changed / `git status`", 3.0, unchanged),
    "warm": Benchmark(f"{WHAT} nothing changed", GOAL, warm),
    "texts": Benchmark(f"{WHAT} every file read again and compared", GOAL, texts),
    "rules": Benchmark(f"{WHAT} every text sifted by other rules", GOAL, rules),
    "cold": Benchmark(f"{WHAT} nothing remembered", GOAL, cold),
}


def main() -> int:
    """Run what the command line names; 1 if something could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--tree", type=Path, help="a folder of accounts to copy instead of generating"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="how many to generate")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, at least 3")
    parser.add_argument("--work", type=Path, help="where workspaces are kept between runs")
    given = parser.parse_args()
    unknown = set(given.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    default = "other" if given.tree else f"{given.accounts}"
    work = given.work or Path(tempfile.gettempdir()) / f"crmctl-bench-{default}"
    lab = Lab(work, given.tree, given.accounts)
    print("| name | what | crmctl | against | ratio | range | goal | |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    broken = False
    for name in given.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
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
