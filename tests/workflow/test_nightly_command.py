"""`crmctl nightly` on real accounts: commits, failures of single steps, messages, documents."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crmctl.__main__ import main
from crmctl.model.errors import BusyError
from crmctl.workspace import atomic
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

CONFIG = """\
company: Ours
our_domains: [ours.example]
team:
  - {id: ana, name: Ana Test, email: ana@ours.example}
  - {id: ben, name: Ben Berg, email: ben@ours.example}
default_owner: ben
"""


@pytest.fixture
def accounts(crm: Crm, workspace: Path) -> Path:
    """Two customers, one of them with nobody in charge, and a prospect; committed."""
    (workspace / "crmctl.yaml").write_text(CONFIG)
    crm(
        "new",
        "Acme Freight",
        "--domain",
        "acme.example",
        "--owner",
        "ana",
        "--stage",
        "customer",
        "--no-tasks",
    )
    crm("new", "Beacon Mills", "--domain", "beacon.example", "--stage", "customer", "--no-tasks")
    crm("new", "Cedar", "--domain", "cedar.example", "--owner", "ana", "--no-tasks")
    crm(
        "contact", "add", "acme-freight", "Ines Okafor", "roles=champion", "email=ines@acme.example"
    )
    commit_all(workspace)
    return workspace


def commit_all(root: Path) -> None:
    git = Git(root)
    git.commit([path for path in git.status() if not path.endswith("/")] or [], "Everything")


def subjects(root: Path) -> list[str]:
    return Git(root).run("log", "--format=%s").decode().splitlines()


def outbox(root: Path) -> list[dict[str, object]]:
    folder = root / ".git/crmctl/outbox"
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def at(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setenv("CRMCTL_NOW", f"{day}T03:30:00Z")


def scores(root: Path, day: str, **values: int) -> None:
    rows = "".join(
        f"{slug.replace('_', '-')},health.score,{v},crmctl\n" for slug, v in sorted(values.items())
    )
    folder = root / "accounts/_measures"
    folder.mkdir(exist_ok=True)
    (folder / f"{day}.csv").write_text(f"account,measure,value,source\n{rows}")


def test_a_night_does_what_is_due_and_the_next_call_nothing(crm: Crm, accounts: Path) -> None:
    done = crm("nightly")
    assert done.code == 0, done
    lines = [line.split()[:2] for line in done.out.splitlines()]
    assert ["sync", "skipped"] in lines
    assert ["score", "done"] in lines
    assert ["workflows", "done"] in lines
    assert Git(accounts).status() == {}
    again = crm("nightly")
    assert (again.code, again.out, again.err) == (0, "", "nothing is due\n")


def test_each_step_is_a_commit_of_its_own_that_undo_knows(crm: Crm, accounts: Path) -> None:
    (accounts / "workflows.yaml").write_text(
        "customer_workflows:\n  look:\n    trigger: stage == customer\n    actions: [schedule_check_in_call]\n"
    )
    commit_all(accounts)
    scores(accounts, "2026-11-10", acme_freight=50)
    commit_all(accounts)
    before = len(subjects(accounts))
    result = json.loads(crm("nightly", "--json").out)
    commits = {step["step"]: step["commit"] for step in result["steps"] if step["commit"]}
    assert list(commits) == ["score", "workflows"] or list(commits) == ["workflows"]
    assert len(subjects(accounts)) == before + len(commits)
    assert crm("undo").code == 0
    assert not list(accounts.glob("accounts/*/tasks/*check-in*"))


def test_no_commit_leaves_it_to_people(crm: Crm, accounts: Path) -> None:
    before = subjects(accounts)
    assert crm("nightly", "--no-commit", "--step", "reviews").code == 0
    assert subjects(accounts) == before
    assert (accounts / "accounts/acme-freight/reviews/2026-q4-account-review.md").is_file()
    assert crm("nightly", "--no-commit", "--push").code == 2


def test_what_a_killed_night_wrote_goes_with_the_next_commit(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Workspace.commit

    def killed(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Workspace, "commit", killed)
    assert crm("nightly", "--step", "reviews").code == 130
    assert Git(accounts).status() != {}
    monkeypatch.setattr(Workspace, "commit", real)
    assert crm("nightly", "--step", "reviews").code == 0
    assert Git(accounts).status() == {}
    assert subjects(accounts)[0] == "Reviews of the quarter"


def test_a_file_with_a_persons_edit_stays_out_of_the_commit_and_is_named(
    crm: Crm, accounts: Path
) -> None:
    crm("nightly", "--step", "reviews")
    path = "accounts/acme-freight/reviews/2026-q4-account-review.md"
    (accounts / path).write_text((accounts / path).read_text().replace("Acme", "ACME", 1))
    crm("set", "acme-freight", "arr=90000", "currency=EUR", "--commit")
    done = crm("nightly", "--step", "reviews")
    assert done.code == 3
    assert f"reviews: not committed: {path} has an edit of yours" in done.err
    assert path in Git(accounts).status()


def test_a_source_that_fails_costs_the_others_nothing(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_LINKEDIN_FOLDER", str(accounts / "nowhere"))
    done = crm("-q", "nightly")
    assert done.code == 3
    assert done.out == ""
    assert "crmctl: sync failed" in done.err
    states = {
        s["step"]: s["state"] for s in json.loads(crm("nightly", "--last", "--json").out)["steps"]
    }
    assert states["score"] == states["workflows"] == "done"
    assert states["sync"] in ("failed", "partly")
    # And it is tried again, while the others are done.
    assert [s["step"] for s in json.loads(crm("nightly", "--json").out)["steps"]] == ["sync"]


def test_an_account_that_cannot_be_read_is_named_and_the_others_are_done(
    crm: Crm, accounts: Path
) -> None:
    (accounts / "accounts/cedar/profile.md").write_text("---\nname: [\n---\n")
    done = crm("nightly")
    assert done.code == 3
    assert "score: accounts/cedar/profile.md" in done.err
    assert "score failed in part" in done.err


def test_a_merge_in_progress_stops_the_night_before_it_begins(crm: Crm, accounts: Path) -> None:
    (accounts / ".git/MERGE_HEAD").write_text(f"{'0' * 40}\n")
    done = crm("nightly")
    assert done.code != 0
    assert "a merge" in done.err
    (accounts / ".git/MERGE_HEAD").unlink()
    assert "score" in crm("nightly").out


def test_the_plan_says_what_is_due_and_why_and_does_nothing(crm: Crm, accounts: Path) -> None:
    rows = {row[0]: row[1:] for row in crm("nightly", "--plan").rows}
    assert rows["score"] == ["yes", "daily", "due today, for the first time"]
    assert rows["trends"][0] == "yes"
    assert rows["reviews"] == [
        "no",
        "monthly on 1",
        "was last due on 2026-11-01, before the first night here",
    ]
    assert not (accounts / ".git/crmctl/night/memory.json").exists()
    crm("nightly")
    (score,) = [
        row for row in json.loads(crm("nightly", "--plan", "--json").out) if row["step"] == "score"
    ]
    assert score == {
        "step": "score", "due": False, "when": "daily", "why": "not due again since 2026-11-16",
        "for": "2026-11-16", "last": "2026-11-16", "what": "score all accounts",
    }  # fmt: skip


def test_steps_that_are_asked_for(crm: Crm, accounts: Path) -> None:
    assert "allowed: sync, recalculate, score" in crm("nightly", "--step", "dance").err
    done = json.loads(crm("nightly", "--step", "score", "--step", "recalculate", "--json").out)
    assert [step["step"] for step in done["steps"]] == ["recalculate", "score"]
    # A monthly one that is done by hand is due on its day all the same.
    (row,) = [r for r in crm("nightly", "--plan").rows if r[0] == "recalculate"]
    assert row[1] == "no"


def test_trends_go_to_the_owners_once_a_week(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(accounts, "2026-11-02", acme_freight=70, beacon_mills=40, cedar=50)
    scores(accounts, "2026-11-12", acme_freight=52, beacon_mills=55, cedar=51)
    commit_all(accounts)
    assert crm("nightly", "--step", "trends").code == 0
    told = {str(m["to"]): m for m in outbox(accounts)}
    assert told["['ana']"]["subject"] == "The week: 1 down"
    assert "Acme Freight (acme-freight): 70 to 52" in str(told["['ana']"]["body"])
    # Nobody owns Beacon Mills, so the default owner hears of it.
    assert "Beacon Mills (beacon-mills): 40 to 55" in str(told["['ben']"]["body"])
    crm("nightly", "--step", "trends")
    assert len(outbox(accounts)) == 2
    at(monkeypatch, "2026-11-23")
    assert "nothing moved" in crm("nightly", "--step", "trends").out


def test_trends_name_usage_that_fell(crm: Crm, accounts: Path) -> None:
    folder = accounts / "accounts/_measures"
    folder.mkdir(exist_ok=True)
    for number in range(60):
        day = dt.date(2026, 9, 17) + dt.timedelta(days=number)
        rows = "".join(
            f"{slug},usage.active_users,{value if number >= 31 else 40},csv\n"
            for slug, value in (("acme-freight", 20), ("beacon-mills", 38))
        )
        (folder / f"{day}.csv").write_text(f"account,measure,value,source\n{rows}")
    commit_all(accounts)
    crm("nightly", "--step", "trends")
    (told,) = outbox(accounts)
    assert (told["to"], told["subject"]) == (["ana"], "The week: 1 used less")
    assert "Acme Freight (acme-freight): -" in str(told["body"])


def test_the_turn_of_a_quarter(crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "2026-12-30")
    crm("nightly")
    at(monkeypatch, "2027-01-02")  # the night of the first was missed
    done = crm("nightly")
    assert done.code == 0, done
    names = sorted(p.name for p in accounts.glob("accounts/acme-freight/reviews/*"))
    assert names == ["2026-q4-account-review.md", "2027-q1-account-review.md"]
    assert not list(accounts.glob("accounts/cedar/reviews/*"))  # a prospect
    (ana, ben) = [m for m in outbox(accounts) if str(m["episode"]) == "preparation/2026-q4"]
    bodies = f"{ana['body']}{ben['body']}"
    assert "accounts/acme-freight/reviews/2026-q4-account-review.md" in bodies
    assert "accounts/beacon-mills/reviews/2026-q4-account-review.md" in bodies
    assert "Reviews of 2026 Q4" in subjects(accounts)
    assert crm("nightly").err == "nothing is due\n"


def test_a_team_ahead_of_utc_reviews_the_quarter_that_has_begun(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (accounts / "crmctl.yaml").write_text(CONFIG + "timezone: Asia/Tokyo\n")
    commit_all(accounts)
    at(monkeypatch, "2026-12-30")
    crm("nightly")
    monkeypatch.setenv("CRMCTL_NOW", "2026-12-31T18:30:00Z")  # 03:30 of the first in Tokyo
    done = crm("nightly")
    assert done.code == 0, done
    assert "preparation" in done.out


def test_recalculation_forgets_the_index_and_gives_the_same(crm: Crm, accounts: Path) -> None:
    crm("score", "--commit")
    before = crm("score", "--explain", "--json").out
    index = accounts / ".git/crmctl/index.sqlite"
    with closing(sqlite3.connect(index)) as db, db:
        db.execute("INSERT INTO meta VALUES ('old', 'one')")
    assert crm("nightly", "--step", "recalculate").code == 0
    with closing(sqlite3.connect(index)) as db:
        assert db.execute("SELECT * FROM meta WHERE key = 'old'").fetchall() == []
    assert crm("score", "--explain", "--json").out == before


def test_the_last_night_is_told(crm: Crm, accounts: Path) -> None:
    assert crm("nightly", "--last").err == "there was no night yet\n"
    assert json.loads(crm("nightly", "--last", "--json").out) == {}
    crm("nightly")
    assert [row[0] for row in crm("nightly", "--last").rows][:2] == ["sync", "score"]
    night = json.loads(crm("nightly", "--last", "--json").out)
    assert (night["day"], night["started"]) == ("2026-11-16", "2026-11-16T08:00:00Z")
    assert set(night["steps"][0]) == {
        "step",
        "state",
        "day",
        "seconds",
        "text",
        "counts",
        "errors",
        "commit",
    }
    assert crm("nightly", "--last", "--plan").code == 2


def test_a_push_that_fails_is_named_and_everything_is_kept(crm: Crm, accounts: Path) -> None:
    done = crm("nightly", "--push")
    assert done.code == 3
    assert "the push failed" in done.err
    assert "score" in done.out


def test_digests_are_delivered_and_what_has_no_way_waits(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(accounts, "2026-11-02", acme_freight=70)
    scores(accounts, "2026-11-12", acme_freight=52)
    commit_all(accounts)
    (trends, digests) = json.loads(
        crm("nightly", "--json", "--step", "trends", "--step", "digests").out
    )["steps"]
    assert (trends["counts"], digests["state"]) == ({"messages": 1}, "skipped")
    assert digests["counts"] == {"waiting": 1}
    assert len(outbox(accounts)) == 1
    # A server that cannot be reached is a failure of this step, and the message stays.
    (accounts / "crmctl.yaml").write_text(CONFIG + "notifications: {channel: email}\n")
    for name, value in (
        ("HOST", "127.0.0.1"),
        ("PORT", "1"),
        ("FROM", "crm@ours.example"),
        ("SECURITY", "none"),
    ):
        monkeypatch.setenv(f"CRMCTL_SMTP_{name}", value)
    done = crm("nightly", "--step", "digests")
    assert done.code == 3, done
    assert "digests: ana" in done.err
    assert len(outbox(accounts)) == 1


def test_a_workspace_that_is_busy_is_told_of_and_done_later(
    crm: Crm, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object, **__: object) -> None:
        raise BusyError("the workspace is busy: `import csv` holds it")

    with monkeypatch.context() as patch:
        patch.setattr("crmctl.workspace.lock.lock", held)
        done = crm("nightly", "--step", "score", "--step", "workflows")
    assert done.code == 75, done
    assert "score: the workspace is busy: `import csv` holds it" in done.err
    assert "score, workflows" in done.err
    assert crm("nightly", "--step", "score", "--step", "workflows").code == 0


def test_killed_anywhere_the_next_nights_come_to_the_same(crm: Crm, accounts: Path) -> None:
    """A night that ends at any write, however that ends, leaves nothing undone and nothing done twice."""
    scores(accounts, "2026-11-02", acme_freight=70)
    scores(accounts, "2026-11-12", acme_freight=52)
    (accounts / "workflows.yaml").write_text(
        "customer_workflows:\n"
        "  look:\n    trigger: stage == customer\n"
        "    actions: [schedule_check_in_call, notify_account_manager]\n"
    )
    commit_all(accounts)
    start = Git(accounts).head()
    whole: tuple[dict[str, bytes], list[str]] | None = None
    for place in (None, 0, 1, 2, 4, 7, 9, 11, 13, 15, 17, 20):
        copy = accounts.parent / f"copy-{place}"
        shutil.copytree(accounts, copy)
        if place is not None and killed_after(place, copy) == 0:
            shutil.rmtree(copy)
            break
        while crm("-C", str(copy), "nightly").err != "nothing is due\n":
            pass
        git = Git(copy)
        assert git.status() == {}, place
        assert git.head() != start
        found = files_of(copy), sorted(str(m["subject"]) for m in outbox(copy))
        whole = whole or found
        assert found == whole, place
        shutil.rmtree(copy)
    else:
        raise AssertionError("a night writes more often than this test kills it")


def killed_after(writes: int, root: Path) -> int:
    """Run a night in a process of its own that ends, without a word, before its next write; its exit code."""
    pid = os.fork()
    if pid == 0:
        real, left = atomic.replace, [writes]

        def replace(*given: Any, **named: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            real(*given, **named)

        atomic.replace = replace
        os._exit(main(["-q", "-C", str(root), "nightly"]))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def files_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
