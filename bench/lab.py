"""What benchmarks need: a large and a small workspace, and the same accounts in the form that rivals read.

Each is made when it is first asked for, and kept below one folder for the next time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import tree

NOW = "2026-07-01T06:00:00Z"
SMALL = 1_000
CRMCTL = str(Path(sys.executable).with_name("crmctl"))
SITE = 'baseURL = "https://bench.example/"\ndisableKinds = ["taxonomy", "term"]\n'
# Six columns, and none of the upkeep that Taskwarrior does by the way.
TASKRC = """\
data.location={folder}
verbose=nothing
gc=off
hooks=off
defaultwidth=200
report.six.columns=uuid.short,description,project,priority,due,tags
report.six.labels=id,name,stage,priority,renewal,owner
report.six.filter=status:pending
report.six.sort=description+
"""


class Lab:
    """Everything below ``folder``; the accounts are copied from ``source``, or else generated."""

    def __init__(self, folder: Path, source: Path | None, accounts: int) -> None:
        self.folder = folder.resolve()
        self.source = source
        self.accounts = accounts
        self.folder.mkdir(parents=True, exist_ok=True)
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        # gc by itself would run in the background of what is measured.
        settings = "[user]\nname = Bench\nemail = bench@ours.example\n[gc]\nauto = 0\n[maintenance]\nauto = false\n"
        (home / ".gitconfig").write_text(settings)
        self.env = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "CRMCTL_NOW": NOW,
            "LC_ALL": "C",
            # Compiled once, as after any installation, and with ordinary output.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONUNBUFFERED": "",
        }

    def run(self, folder: Path, *command: str, env: dict[str, str] | None = None) -> str:
        """What a command prints; it must succeed."""
        environment = os.environ | self.env | (env or {})
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    @cached_property
    def large(self) -> Path:
        """All accounts: committed, scored, packed, and with a warm index."""
        root = self.folder / "large"
        if not root.is_dir():
            say(f"making {root}: this takes minutes, once")
            part = self.folder / "large.part"
            shutil.rmtree(part, ignore_errors=True)
            if self.source is None:
                tree.build(part, self.accounts)
            else:
                shutil.copytree(self.source, part / "accounts")
                (part / "crmctl.yaml").write_text("{}\n")
            part.rename(root)
        return self._ready(root)

    @cached_property
    def small(self) -> Path:
        """The first thousand accounts of the large workspace."""
        root = self.folder / "small"
        if not root.is_dir():
            say(f"making {root}")
            part = self.folder / "small.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            shutil.copy2(self.large / "crmctl.yaml", part)
            for slug in self.slugs()[:SMALL]:
                shutil.copytree(self.large / "accounts" / slug, part / "accounts" / slug)
            part.rename(root)
        return self._ready(root)

    def _ready(self, root: Path) -> Path:
        """A workspace that nothing is left to do in."""
        mark = root / ".git/bench-ready"
        if not mark.exists():
            say(f"committing, scoring and packing {root}")
            self.run(root, "git", "init", "-q")
            self.run(root, "git", "add", "-A")
            self.run(root, "git", "commit", "-q", "--allow-empty", "-m", "Accounts")
            # What a scoring writes changes what the next one reads: the third finds nothing new.
            for _ in range(3):
                self.run(root, CRMCTL, "-q", "score", "--commit")
            self.run(root, "git", "gc", "-q")
            mark.touch()
        self.run(root, CRMCTL, "list")
        self.run(root, "git", "status")
        return root

    @cached_property
    def nights(self) -> Path:
        """A copy of the large workspace to score night after night."""
        root = self.folder / "nights"
        shutil.rmtree(root, ignore_errors=True)
        self.run(self.folder, "git", "clone", "-q", "--local", str(self.large), str(root))
        return root

    @cached_property
    def site(self) -> Path:
        """A Hugo site whose pages are the profiles."""
        root = self.folder / "site"
        if not root.is_dir():
            part = self.folder / "site.part"
            shutil.rmtree(part, ignore_errors=True)
            (part / "content").mkdir(parents=True)
            (part / "config.toml").write_text(SITE)
            for slug in self.slugs():
                shutil.copyfile(self.profile(slug), part / "content" / f"{slug}.md")
            part.rename(root)
        return root

    @cached_property
    def taskrc(self) -> Path:
        """A Taskwarrior configuration with one pending task an account."""
        folder = self.folder / "tasks"
        taskrc = folder / "taskrc"
        if not taskrc.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            rows = json.loads(self.run(self.large, CRMCTL, "list", "--json"))
            tasks = folder / "tasks.json"
            tasks.write_text(json.dumps([task(row) for row in rows]))
            part = folder / "taskrc.part"
            part.write_text(TASKRC.format(folder=folder))
            self.run(folder, "task", "import", str(tasks), env={"TASKRC": str(part)})
            part.rename(taskrc)
        return taskrc

    def slugs(self) -> list[str]:
        """The accounts of the large workspace, in order."""
        return sorted(e.name for e in os.scandir(self.large / "accounts") if e.name[0] not in "_.")

    def profile(self, slug: str) -> Path:
        """An account's profile in the large workspace."""
        return self.large / "accounts" / slug / "profile.md"


def task(row: dict[str, str | None]) -> dict[str, object]:
    """An account as a task with as many fields as `crmctl list` shows."""
    fields: dict[str, object] = {
        "description": row.get("name") or row["account"],
        "status": "pending",
        "entry": "20260101T000000Z",
        "project": row.get("stage") or "none",
        "priority": "M",
        "tags": [row.get("owner") or "nobody"],
    }
    due = row.get("renewal")
    return fields | ({"due": f"{due.replace('-', '')}T000000Z"} if due else {})


def say(message: str) -> None:
    """Progress, beside the results."""
    print(message, file=sys.stderr, flush=True)
