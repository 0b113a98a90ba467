"""A walk through crmctl on the sample accounts of this repository: what `make demo` runs.

Works in a scratch git repository, under the variable CRMCTL_DEMO_DIR if it is set, on a fixed day. Every command
is the real one, run as a process of its own; long output is cut, and the exit code is shown where it is not 0.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPORT = ROOT / "docs" / "demo-export"
WORKSPACE = (
    "accounts",
    "templates",
    "crmctl.yaml",
    "weights.yaml",
    "workflows.yaml",
    "signals.yaml",
    "technologies.yaml",
    "workflow-tests",
    ".gitignore",
    ".gitattributes",
)
NOW = "2026-11-16T08:00:00Z"
LINES = 14
# Exit codes that are no failure here: findings, and a decision that a person has to take.
ACCEPTED = {0, 1, 5}


class Demo:
    """One scratch workspace and the commands run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failed: list[str] = []

    def say(self, heading: str) -> None:
        """A heading between commands."""
        print(f"\n\n# {heading}", flush=True)

    def git(self, *args: str) -> str:
        """One git command in the workspace, unseen; what it printed."""
        command = ["git", "-C", str(self.root), *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def run(self, *args: str, lines: int = LINES) -> str:
        """Run crmctl, print the command and the beginning of its output, and return all of it."""
        print(f"\n$ crmctl {shlex.join(args)}", flush=True)
        environment = os.environ | {
            "CRMCTL_NOW": NOW,
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-m", "crmctl", *args],
            cwd=self.root,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        shown = done.stdout.splitlines()
        for line in shown[:lines]:
            print(f"  {line}"[:140])
        if len(shown) > lines:
            print(f"  … and {len(shown) - lines} lines more")
        if done.returncode:
            print(f"  (exit code {done.returncode})")
        if done.returncode not in ACCEPTED:
            self.failed.append(f"crmctl {shlex.join(args)}: exit code {done.returncode}")
        return done.stdout

    def must(self, what: str, holds: object) -> None:
        """Note what ought to hold here and does not."""
        if not holds:
            self.failed.append(what)


def prepare(root: Path) -> Demo:
    """Copy the sample workspace to ``root``, commit it there, and lay the export beside it."""
    root.mkdir()
    shutil.copytree(EXPORT, root.parent / "export")
    for name in WORKSPACE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    demo = Demo(root)
    demo.git("init", "--quiet", "--initial-branch=main")
    demo.git("config", "user.name", "Mira Lindqvist")
    demo.git("config", "user.email", "mira@ours.example")
    demo.git("add", "--all")
    demo.git("commit", "--quiet", "--message=The team's accounts")
    return demo


def walk(demo: Demo) -> None:
    """The commands, in the order of a Monday morning."""
    demo.say("What a pull request runs: is everything in the files sound?")
    demo.run("check")

    demo.say(
        "A fresh export of the CRM: first what it would change, then the change, as one commit"
    )
    demo.run("import", "salesforce", "../export/salesforce", "--dry-run", lines=22)
    demo.run("import", "salesforce", "../export/salesforce", "--commit", lines=24)
    columns = ("--map", "Company domain=account")
    demo.run("import", "csv", "usage", "../export/usage.csv", *columns, "--commit")

    demo.say("The same export again: nothing is new, so nothing changes")
    demo.run("import", "salesforce", "../export/salesforce", "--commit")
    demo.must(
        "the second import left the files as they were", not demo.git("status", "--porcelain")
    )

    demo.say(
        "Where a person and the CRM say different things, the person's word stands and both are shown"
    )
    demo.run("conflicts", "harbour-lane-logistics", lines=20)

    demo.say("How are they? Every point of a score can be traced to a file")
    demo.run("score", "--commit", lines=24)
    demo.run("score", "calder-facilities", "--explain", lines=34)

    demo.say("What follows from it: first the plan, then the deed, then nothing twice")
    demo.run("run", "--plan", lines=24)
    demo.run("run", "--commit", lines=30)
    demo.run("run")

    demo.say("A review for the quarter's end; what people write in it survives the next one")
    demo.run("review", "tamarack-rail", "--commit", lines=60)

    demo.say("The book at a glance")
    demo.run(
        "list", "arr>0", "--sort", "renewal", "-c", "account,stage,owner,arr,renewal", lines=20
    )
    demo.run("alerts", lines=16)
    demo.run("insights", "tamarack-rail", lines=24)
    demo.run("today", "--owner", "mira", lines=30)

    demo.say(
        "Before a call, and before the quarter's meeting: the second page holds nothing internal"
    )
    demo.run("brief", "harbour-lane-logistics", lines=30)
    demo.run(
        "review", "harbour-lane-logistics", "--type", "qbr", "--audience", "customer", lines=30
    )

    demo.say("The dashboards: a book, and who may be lost at what cost")
    demo.run("dashboard", lines=40)
    demo.run("dashboard", "risk", lines=24)

    demo.say("The same as pages, for a browser: no server, no request to anybody")
    demo.run("report", "build", "--out", "../site")


def main() -> int:
    """Run the demo; the exit code is 1 if a command failed."""
    base = os.environ.get("CRMCTL_DEMO_DIR")
    if base:
        Path(base).mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="crmctl-demo-", dir=base or None)) / "workspace"
    demo = prepare(root)
    walk(demo)
    print(f"\n\nThe workspace of this demo is {root}. Look at:")
    for path, what in (
        ("accounts/calder-facilities/profile.md", "people's values above, the CRM's block below"),
        ("accounts/calder-facilities/health.md", "a score with its evidence"),
        ("accounts/tamarack-rail/reviews/2026-q4-account-review.md", "the review"),
        ("accounts/nordkap-fisk/plans", "the expansion brief a workflow wrote"),
    ):
        demo.must(f"{path} is missing", (root / path).exists())
        print(f"  {path}: {what}")
    site = root.parent / "site" / "index.html"
    demo.must("the site is missing", site.is_file())
    print(f"  {site}: the site, in a browser")
    print("  git log --stat: one commit a run; `crmctl undo` takes one back")
    for failure in demo.failed:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if demo.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
