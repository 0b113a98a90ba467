"""A workspace with a past, lived through day by day."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

from crmctl.workflow import engine, replay_files
from crmctl.workflow.replay import Replayed, replay
from crmctl.workspace import episodes, splice
from crmctl.workspace.episodes import Episode

from .conftest import CONFIG, World

FIRST = dt.date(2026, 1, 5)  # a Monday
ONE = dt.timedelta(days=1)
MIXED = dedent(
    """\
    customer_workflows:
      few_seats:
        trigger: "seats < 20"
        actions: [notify_account_manager, {create_task: {title: "Call {account}"}}]
        dwell: 3d
        cooldown: 4d
        clear: "seats >= 25"
      steadily_few:
        trigger: "seats < 30 and stage == customer"
        for: 3d
        unless: "open_deals >= 2"
        actions:
          - notify_account_manager
          - wait: {days: 6d, until: "seats >= 30"}
          - if: "seats < 15"
            then: [escalate_to_manager]
            else: [{create_task: {title: "Write to {account}", due: 2d}}]
        on_clear: finish
      unowned:
        trigger: "not known(owner)"
        actions: [assign_owner]
      met:
        trigger: contact_created
        when: "stage == customer"
        actions: [schedule_outreach]
      moved:
        trigger: stage_moved
        actions: [notify_account_manager]
      deal_moved:
        trigger: deal_stage_moved
        actions: [notify_account_manager]
      weekly_look:
        schedule: weekly on friday
        trigger: "known(owner)"
        actions: [{create_task: {title: "Look at {account}"}}]
      fewer_users:
        trigger: "usage.active_users.drop(14d) >= 10"
        actions: [notify_account_manager]
      quiet:
        trigger: "days_since(last_interaction) > 12"
        actions: [create_intervention_plan, notify_account_manager]
    """
)


class Past(World):
    """A workspace with a past: days are lived through one by one."""

    def git(self, *words: str, at: str = "") -> str:
        when = {"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at} if at else {}
        who = {
            f"GIT_{role}_{part}": "ana"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", "-C", str(self.root), *words],
            env=os.environ | who | when,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def commit(self, day: dt.date, hour: int = 12, *, run: bool = False) -> None:
        """Commit everything; ``run`` says that a run of workflows did it."""
        self.git("add", "-A")
        text = f"Run workflows\n\nCrmctl-Run: {day:%Y%m%d}-{hour}" if run else "Edit"
        self.git("commit", "-q", "--allow-empty", "-m", text, at=f"{day}T{hour:02}:00:00+00:00")

    def night(self, day: dt.date) -> None:
        """A real run at eleven in the evening, committed."""
        self.on(day.isoformat())
        self.ws.now = self.ws.now.replace(hour=23)
        with self.ws.writing("run") as run:
            engine.carry_out(self.ws, engine.plan(self.ws), run)
        if self.git("status", "--porcelain"):
            self.commit(day, 23, run=True)

    def episodes(self) -> dict[tuple[str, str, str], Episode]:
        found = {}
        for path in self.root.glob("accounts/*/episodes.jsonl"):
            for episode in episodes.parse(path.read_bytes(), path.name):
                found[path.parent.name, episode.workflow, episode.key] = episode
        return found

    def replay(
        self, first: dt.date, last: dt.date, file: str = "", account: str | None = None
    ) -> Replayed:
        self.ws.now = dt.datetime.combine(last, dt.time(23, 59), dt.UTC)
        return replay(self.ws, replay_files.read(self.ws, file), first, last, account=account)

    def set(self, slug: str, **values: object) -> None:
        """People change values of a profile."""
        path = f"accounts/{slug}/profile.md"
        raw = (self.root / path).read_bytes()
        edits = [splice.Set((name,), value) for name, value in values.items()]
        (self.root / path).write_bytes(splice.edit(raw, edits, path=path))

    def deal(self, slug: str, name: str, stage: str) -> None:
        data = {"name": name.title(), "stage": stage, "status": "open"}
        self.write(f"accounts/{slug}/deals/{name}.md", splice.new_document(data, "").decode())

    def measured(self, day: dt.date, slug: str, users: int) -> None:
        path = f"accounts/_measures/{day}.csv"
        file = self.root / path
        head = file.read_text() if file.exists() else "account,measure,value,source\n"
        self.write(path, f"{head}{slug},usage.active_users,{users},supabase\n")


def three(root: Path) -> Past:
    """A workspace without commits, three accounts in it."""
    root.mkdir()
    found = Past(root)
    found.git("init", "-q", "-b", "main")
    found.write("crmctl.yaml", CONFIG)
    found.write("workflows.yaml", MIXED)
    for slug, values in (
        ("alder", {"seats": 40, "owner": "ana"}),
        ("birch", {"seats": 18}),
        ("cedar", {"seats": 28, "owner": "ben"}),
    ):
        found.account(slug, **values)
        found.contact(slug, "ines-okafor", roles=["champion"])
        found.deal(slug, "renewal", "discovery")
    return found


def replayed(found: Replayed) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    return {
        f.key: (f.day, f.why, f.closed, {act.action: act.state for act in f.acts})
        for f in found.firings
    }
