"""Measures crmctl against its goals, each a ratio to another program over the same accounts.

    python bench/run.py                     all benchmarks
    python bench/run.py warm help           some of them
    python bench/run.py --tree DIR          on the accounts in another folder

Misses are reported, they are no failure: the exit code is 0 unless a benchmark could not run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from lab import CRMCTL, NOW, Lab, say
from measure import Program, compare

from crmctl.workspace import measures, paths

HERE = Path(__file__).resolve().parent
CHANGED = 1_000
NIGHTS = 30
NIGHTLY = 0.05  # of the accounts


class Outcome(NamedTuple):
    """One row of the table; ``ratio`` (or megabytes, for growth) is what the goal bounds."""

    ours: str
    base: str
    ratio: float
    spread: str = ""


class Benchmark(NamedTuple):
    """What is compared with what, the goal, and the program that must be installed."""

    what: str
    goal: float
    measure: Callable[[Lab, int], Outcome]
    needs: str = "git"
    unit: str = "x"


def timed(ours: Program, base: Program, rounds: int) -> Outcome:
    """An outcome in milliseconds."""
    found = compare(ours, base, rounds)
    spread = f"{found.low:.2f}-{found.high:.2f}"
    return Outcome(f"{found.ours:,.0f} ms", f"{found.base:,.0f} ms", found.ratio, spread)


def crmctl(lab: Lab, *arguments: str, at: Path | None = None) -> Program:
    """A command in the large workspace, or in another."""
    return Program([CRMCTL, *arguments], at or lab.large, lab.env)


def git_status(lab: Lab) -> Program:
    """How git itself looks at the whole tree."""
    return Program(["git", "status"], lab.large, lab.env)


def cold(lab: Lab, rounds: int) -> Outcome:
    """Read and check every profile."""

    def drop() -> None:
        for file in (lab.large / ".git/crmctl").glob("index.sqlite*"):
            file.unlink()

    lab.run(lab.large, CRMCTL, "list")
    ours = Program([CRMCTL, "list"], lab.large, lab.env, drop)
    found = timed(ours, Program(["hugo", "list", "all"], lab.site, lab.env), rounds)
    for _ in range(2):
        lab.run(lab.large, CRMCTL, "-q", "score")
    return found


def warm(lab: Lab, rounds: int) -> Outcome:
    """List, with every profile checked for changes."""
    return timed(crmctl(lab, "list"), git_status(lab), rounds)


def task(lab: Lab, rounds: int) -> Outcome:
    """List, beside a list of as many tasks."""
    rival = Program(["task", "six"], lab.folder, lab.env | {"TASKRC": str(lab.taskrc)})
    return timed(crmctl(lab, "list"), rival, rounds)


def edit(lab: Lab, rounds: int) -> Outcome:
    """List after one profile changed, beside a list after none did."""
    profile = lab.profile(lab.slugs()[77])
    original = profile.read_bytes()
    count = 0

    def change() -> None:
        nonlocal count
        count += 1
        profile.write_bytes(original + b"\n" * count)

    def settle() -> None:
        lab.run(lab.large, CRMCTL, "list")

    ours = Program([CRMCTL, "list"], lab.large, lab.env, change)
    base = Program([CRMCTL, "list"], lab.large, lab.env, settle)
    try:
        return timed(ours, base, rounds)
    finally:
        profile.write_bytes(original)


def show(lab: Lab, rounds: int) -> Outcome:
    """Show one account of many, beside the same of few."""
    slug = lab.slugs()[77]
    return timed(crmctl(lab, "show", slug), crmctl(lab, "show", slug, at=lab.small), rounds)


def score(lab: Lab, rounds: int) -> Outcome:
    """Score every account when nothing has changed."""
    return timed(crmctl(lab, "score"), git_status(lab), rounds)


def commit(lab: Lab, rounds: int) -> Outcome:
    """Commit a thousand changed files of all."""
    chosen = random.Random(1).sample(lab.slugs(), CHANGED)
    originals = {lab.profile(slug): lab.profile(slug).read_bytes() for slug in chosen}
    listed = lab.folder / "changed.txt"
    listed.write_text("\n".join(paths.profile(slug) for slug in chosen))
    start = lab.run(lab.large, "git", "rev-parse", "HEAD").strip()
    count = 0

    def change() -> None:
        nonlocal count
        count += 1
        for path, data in originals.items():
            path.write_bytes(data + b"%d\n" % count)

    script = f'exec "{sys.executable}" "{HERE / "commit.py"}" < "{listed}"'
    ours = Program(["sh", "-c", script], lab.large, lab.env, change)
    base = Program(["git", "commit", "-q", "-a", "-m", "Change"], lab.large, lab.env, change)
    try:
        return timed(ours, base, rounds)
    finally:
        lab.run(lab.large, "git", "reset", "-q", "--hard", start)
        lab.run(lab.large, CRMCTL, "list")


def pipe(lab: Lab, rounds: int) -> Outcome:
    """Print 10,000 rows into a pipe."""
    programs = [
        Program([sys.executable, str(HERE / "rows.py"), how], HERE, lab.env)
        for how in ("output", "join")
    ]
    return timed(programs[0], programs[1], rounds)


def help_(lab: Lab, rounds: int) -> Outcome:
    """Start, and print the help."""
    base = Program([sys.executable, "-c", "pass"], HERE, lab.env)
    return timed(crmctl(lab, "--help", at=HERE), base, max(rounds, 15))


def nights(lab: Lab, rounds: int) -> Outcome:  # noqa: ARG001  counted, not timed
    """Score every account for thirty nights; each night some have a new number of users."""
    root = lab.nights
    before = packed(lab, root)
    slugs = lab.slugs()
    for night in range(1, NIGHTS + 1):
        now = dt.datetime.fromisoformat(NOW) + dt.timedelta(days=night)
        chooser = random.Random(night)
        rows = [
            measures.Measure(
                slug,
                "usage.active_users",
                now.date(),
                Decimal(chooser.randint(20, 200)),
                "supabase",
            )
            for slug in chooser.sample(slugs, round(NIGHTLY * len(slugs)))
        ]
        path = root / paths.measures(now.date())
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(measures.merge_day(None, rows, now.date()))
        lab.run(root, "git", "add", "-A")
        lab.run(root, "git", "commit", "-q", "-m", "Usage")
        lab.run(root, CRMCTL, "-q", "score", "--commit", env={"CRMCTL_NOW": now.isoformat()})
        say(f"night {night} of {NIGHTS}")
    after = packed(lab, root)
    shutil.rmtree(root)
    grown = (after - before) / 1024
    return Outcome(f"{after / 1024:.1f} MB", f"{before / 1024:.1f} MB", grown)


def packed(lab: Lab, root: Path) -> int:
    """The size of a repository's packs in kB, once everything is packed."""
    lab.run(root, "git", "gc", "-q")
    counted = lab.run(root, "git", "count-objects", "-v")
    return int(counted.partition("size-pack: ")[2].split()[0])


BENCHMARKS = {
    "cold": Benchmark(
        "first `list`: all profiles read and checked / `hugo list all`", 0.6, cold, "hugo"
    ),
    "warm": Benchmark("`list` of six fields, files checked for changes / `git status`", 0.22, warm),
    "task": Benchmark("the same / `task` listing as many tasks", 1.0, task, "task"),
    "edit": Benchmark("one profile edited, then `list` / `list` with nothing edited", 1.4, edit),
    "show": Benchmark("`show` of one account of all / of 1,000", 1.2, show),
    "score": Benchmark("`score` of all with nothing changed / `git status`", 3.0, score),
    "commit": Benchmark("`--commit` of 1,000 changed files / `git commit -q -a`", 1.6, commit),
    "pipe": Benchmark("10,000 rows into a pipe / a plain join", 2.0, pipe),
    "help": Benchmark("`crmctl --help` / `python -c pass`", 8.0, help_),
    "nights": Benchmark("growth of the packs over 30 nightly scorings", 5.0, nights, unit=" MB"),
}


def row(name: str, benchmark: Benchmark, found: Outcome) -> str:
    """One line of the table."""
    over = found.ratio - benchmark.goal
    verdict = "met" if over <= 0 else f"missed by {over / benchmark.goal:.0%}"
    figures = (
        f"{found.ratio:.2f}{benchmark.unit} | {found.spread} | {benchmark.goal:g}{benchmark.unit}"
    )
    return f"| {name} | {benchmark.what} | {found.ours} | {found.base} | {figures} | {verdict} |"


def main() -> int:
    """Run what the command line names; 1 if something could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--tree", type=Path, help="a folder of accounts to copy instead of generating"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="how many to generate")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each, at least 5")
    parser.add_argument(
        "--work", type=Path, help="where workspaces are kept from one run to the next"
    )
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
        if shutil.which(benchmark.needs) is None:
            say(f"{name}: skipped, {benchmark.needs} is not installed")
            continue
        try:
            found = benchmark.measure(lab, max(given.rounds, 5))
        except (OSError, RuntimeError) as error:
            say(f"{name}: {error}")
            broken = True
            continue
        print(row(name, benchmark, found), flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
