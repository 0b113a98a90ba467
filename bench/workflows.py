"""Measures what workflows cost over all accounts, as ratios to `git status` of the same tree in the same minute.

    python bench/workflows.py                  10,000 generated accounts against 50 workflows
    python bench/workflows.py --tree DIR       the accounts in another folder
    python bench/workflows.py --accounts 1000  a smaller tree
    python bench/workflows.py --loop           and a run that does something in each account, in a copy of the tree

Evaluating all workflows while nothing is due: `run --plan`, and `run` with its lock. What the fifty do is in
`bench/workflows.yaml`. A miss is reported and is no failure.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from lab import CRMCTL, NOW, Lab, say
from run import Benchmark, Outcome, crmctl, git_status, row, timed

FIFTY = Path(__file__).resolve().with_suffix(".yaml")
GOAL = 5.0
ONE = """\
customer_workflows:
  review_everybody:
    trigger: "known(stage)"
    actions: [schedule_check_in_call]
"""


def planned(lab: Lab, rounds: int) -> Outcome:
    """Look at every account with every workflow, and say what is due."""
    return timed(crmctl(lab, "run", "--plan"), git_status(lab), rounds)


def carried_out(lab: Lab, rounds: int) -> Outcome:
    """The same under the lock, and write what is due: nothing."""
    return timed(crmctl(lab, "run"), git_status(lab), rounds)


BENCHMARKS = {
    "plan": Benchmark("`run --plan` with nothing due / `git status`", GOAL, planned),
    "run": Benchmark("`run` with nothing due / `git status`", GOAL, carried_out),
}


def settle(lab: Lab) -> None:
    """Lets the fifty do what they are there for, until nothing is left to do."""
    shutil.copyfile(FIFTY, lab.large / "workflows.yaml")
    mark = lab.large / ".git/bench-workflows"
    if mark.exists() and mark.read_bytes() == FIFTY.read_bytes():
        return
    say("running the workflows until nothing is due: this takes minutes, once")
    while lab.run(lab.large, CRMCTL, "run", "--plan").strip():
        lab.run(lab.large, CRMCTL, "-q", "run")
        lab.run(lab.large, CRMCTL, "-q", "score", "--commit")
        lab.run(lab.large, "git", "add", "-A")
        lab.run(lab.large, "git", "commit", "-q", "--allow-empty", "-m", "Workflows")
    for _ in range(2):
        lab.run(lab.large, CRMCTL, "-q", "score", "--commit")
    lab.run(lab.large, "git", "gc", "-q")
    lab.run(lab.large, "git", "status")
    mark.write_bytes(FIFTY.read_bytes())


def loop(lab: Lab) -> None:
    """One run with an action in each account: how long it takes, and how much memory."""
    root = lab.folder / "loop"
    shutil.rmtree(root, ignore_errors=True)
    lab.run(lab.folder, "git", "clone", "-q", "--local", str(lab.large), str(root))
    (root / "workflows.yaml").write_text(ONE)
    # What was done in them before is of no account here.
    for path in root.glob("accounts/*/episodes.jsonl"):
        path.unlink()
    lab.run(root, CRMCTL, "-q", "score", env={"CRMCTL_NOW": NOW})
    started = time.perf_counter()
    lab.run(root, CRMCTL, "-q", "run", env={"CRMCTL_NOW": NOW})
    taken = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    made = sum(1 for _ in root.glob("accounts/*/tasks/*.md"))
    again = lab.run(root, CRMCTL, "run", "--plan", env={"CRMCTL_NOW": NOW}).count("\n")
    print(
        f"\none action in each account: {made:,} tasks in {taken:,.0f} s, at most {memory:,.0f} MB"
    )
    print(f"the next run: {again} things due")
    shutil.rmtree(root)


def main() -> int:
    """Run both; 1 if one could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tree", type=Path, help="a folder of accounts to copy instead of generating"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="how many to generate")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, at least 3")
    parser.add_argument("--work", type=Path, help="where workspaces are kept between runs")
    parser.add_argument("--loop", action="store_true", help="also act in each account")
    given = parser.parse_args()
    default = "other" if given.tree else f"{given.accounts}"
    work = given.work or Path(tempfile.gettempdir()) / f"crmctl-bench-workflows-{default}"
    lab = Lab(work, given.tree, given.accounts)
    try:
        settle(lab)
        print("| name | what | crmctl | against | ratio | range | goal | |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
        for name, benchmark in BENCHMARKS.items():
            print(row(name, benchmark, benchmark.measure(lab, max(given.rounds, 3))), flush=True)
        if given.loop:
            loop(lab)
    except (OSError, RuntimeError) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
