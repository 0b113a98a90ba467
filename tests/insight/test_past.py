"""An account as of a commit: everything as it was then, nothing that came later, no other account."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from math import fsum
from pathlib import Path

import pytest

from crmctl.insight import past
from crmctl.insight.explain import change
from crmctl.insight.weights_file import WEIGHTS, read_bytes
from crmctl.model.errors import ConfigError, DamagedFile, UsageError
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
OLD, MIDDLE = dt.date(2026, 10, 20), dt.date(2026, 11, 5)
PROFILE = "accounts/acme/profile.md"
At = Callable[[Path, dt.date], Workspace]
Commit = Callable[[dt.date], str]


@pytest.fixture
def commit(root: Path) -> Commit:
    """Commits everything as of noon of a day; the commit's id."""

    def run(day: dt.date) -> str:
        when = f"{day}T12:00:00+00:00"
        mine = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_COMMITTER_DATE": when,
            "GIT_AUTHOR_DATE": when,
        }
        named = {
            f"GIT_{who}_{what}": "ana@ours.example"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        for call in (["add", "-A"], ["commit", "-qm", "As it was"]):
            subprocess.run(
                ["git", "-C", str(root), *call], check=True, env=os.environ | mine | named
            )
        head = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            check=True,
            capture_output=True,
            text=True,
        )
        return head.stdout.strip()

    return run


def edit(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def stood(ws: Workspace, day: dt.date) -> past.Standing:
    return past.at(ws, "acme", past.head_on(ws.git, day), day)


def test_a_commit_of_now_says_what_the_files_say(root: Path, at: At, commit: Commit) -> None:
    commit(MIDDLE)
    ws = at(root, TODAY)
    here, there = past.now(ws, "acme"), stood(ws, TODAY)
    assert there.commit
    assert replace(there, commit="") == here
    assert there.health() == here.health()


def test_profile_measures_people_and_weights_are_those_of_then(
    root: Path, at: At, commit: Commit
) -> None:
    (root / WEIGHTS).write_bytes(read_bytes(root))
    first = commit(OLD)
    ws = at(root, TODAY)
    before = stood(ws, OLD).health()
    # From now on nothing is as it was.
    edit(root, PROFILE, "seats: 100", "seats: 50")
    edit(root, "accounts/_measures/2026-10-10.csv", ",44,", ",12,")
    edit(root, WEIGHTS, "weight: 30\n", "weight: 60\n")
    (root / "accounts/acme/contacts/ann.md").unlink()
    (root / "accounts/acme/deals/renewal.md").unlink()
    (root / "accounts/_measures/2026-09-01.csv").write_text(
        "account,measure,value,source\nacme,usage.active_users,5,csv\n"
    )
    second = commit(MIDDLE)
    then = stood(ws, dt.date(2026, 10, 31))
    assert then.commit == first
    assert then.weights.health.factors["usage"].weight == 30
    assert then.evidence.seats == 100
    assert then.health().value("active_share") == 0.44
    assert [person.id for person in then.evidence.people] == ["ann", "bob"]
    assert stood(ws, OLD).health() == before
    later = stood(ws, MIDDLE)
    assert later.commit == second
    assert later.weights.health.factors["usage"].weight == 60
    assert later.health().value("active_share") == 12 / 50
    assert [person.id for person in later.evidence.people] == ["bob"]


def test_a_change_between_two_commits_has_no_remainder(root: Path, at: At, commit: Commit) -> None:
    (root / WEIGHTS).write_bytes(read_bytes(root))
    commit(OLD)
    edit(root, WEIGHTS, "weight: 30\n", "weight: 60\n")
    edit(root, PROFILE, "renewal: 2026-12-20", "renewal: 2026-12-20\nnotice_given: 2026-11-02")
    (root / "accounts/acme/contacts/ann.md").unlink()
    (root / "accounts/acme/interactions/2026-11-01-call-x1.md").unlink()
    commit(MIDDLE)
    ws = at(root, TODAY)
    found = change(stood(ws, OLD), past.now(ws, "acme"))
    parts = (found.data, found.weights, found.missingness, found.override)
    assert all(part for part in parts)
    assert found.after.score == 39
    assert fsum(part or 0.0 for part in parts) == pytest.approx(found.total, abs=1e-9)


def test_what_happened_later_is_not_seen(root: Path, at: At, commit: Commit) -> None:
    commit(OLD)
    then = stood(at(root, TODAY), OLD)
    days = [day for rows in then.series.values() for day, _ in rows]
    assert max(days) <= OLD.toordinal()
    assert then.health().value("usage_age") == 10


def test_only_the_accounts_own_folder_is_read(
    root: Path, at: At, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(OLD)
    ws = at(root, TODAY)
    past.now(ws, "acme")
    touched: set[str] = set()
    for name in ("open", "listdir", "scandir", "stat", "lstat"):
        call = getattr(os, name)

        def noting(
            path: object, *more: object, call: Callable[..., object] = call, **named: object
        ) -> object:
            touched.add(os.fspath(path) if isinstance(path, (str, os.PathLike)) else str(path))
            return call(path, *more, **named)

        monkeypatch.setattr(os, name, noting)
    past.now(ws, "acme")
    stood(ws, OLD)
    assert any(path.endswith("profile.md") for path in touched)
    assert not [path for path in touched if "blank" in path]
    assert str(root / "accounts") not in touched


def test_the_branchs_own_line_counts_and_not_what_was_merged_into_it(
    root: Path, at: At, commit: Commit
) -> None:
    first = commit(OLD)
    git = ["git", "-C", str(root), "-c", "user.name=Ana", "-c", "user.email=ana@ours.example"]
    main = subprocess.run(
        [*git, "branch", "--show-current"], check=True, capture_output=True, text=True
    )
    subprocess.run([*git, "switch", "-qc", "side"], check=True)
    edit(root, PROFILE, "seats: 100", "seats: 50")
    commit(MIDDLE)
    subprocess.run([*git, "switch", "-q", main.stdout.strip()], check=True)
    date = os.environ | {"GIT_COMMITTER_DATE": f"{TODAY}T12:00:00+00:00"}
    subprocess.run([*git, "merge", "-q", "--no-ff", "-m", "Merge", "side"], check=True, env=date)
    ws = at(root, TODAY)
    assert past.head_on(ws.git, MIDDLE).id == first
    assert stood(ws, TODAY).evidence.seats == 50


def test_a_workspace_below_the_top_of_its_repository(tmp_path: Path, root: Path, at: At) -> None:
    top = tmp_path / "top"
    inner = top / "our customers"
    top.mkdir()
    inner.mkdir()
    for name in ("crmctl.yaml", "accounts"):
        (root / name).rename(inner / name)
    mine = ["-c", "user.name=Ana", "-c", "user.email=ana@ours.example"]
    for call in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
        subprocess.run(["git", "-C", str(top), *mine, *call], check=True)
    ws = at(inner, TODAY)
    there = past.at(ws, "acme", past.named(ws.git, "HEAD"), TODAY)
    assert there.health() == past.now(ws, "acme").health()


def test_before_the_history_and_before_the_account(root: Path, at: At, commit: Commit) -> None:
    ws = at(root, TODAY)
    with pytest.raises(UsageError, match="no commit yet"):
        past.head_on(ws.git, OLD)
    commit(OLD)
    with pytest.raises(UsageError, match="the history begins on 2026-10-20"):
        past.head_on(ws.git, OLD - dt.timedelta(days=1))
    with pytest.raises(UsageError, match="zebra was not there yet on 2026-10-20"):
        past.at(ws, "zebra", past.head_on(ws.git, OLD), OLD)
    with pytest.raises(UsageError, match="neither a date nor a commit"):
        past.named(ws.git, "--output=x")


def test_what_was_damaged_then_is_said(root: Path, at: At, commit: Commit) -> None:
    (root / WEIGHTS).write_text("health: {}\n")
    commit(OLD)
    (root / WEIGHTS).unlink()
    (root / "crmctl.yaml").write_text("colour: red\n")
    (root / "accounts/acme/contacts/bob.md").write_text("---\nroles: [\n---\n")
    link = root / "accounts/acme/contacts/link.md"
    link.symlink_to("ann.md")
    commit(MIDDLE)
    (root / "crmctl.yaml").write_text("{}\n")
    ws = at(root, TODAY)
    with pytest.raises(ConfigError, match="at commit"):
        stood(ws, OLD)
    then = stood(ws, MIDDLE)
    named = {problem.path.partition(" at ")[0] for problem in then.problems}
    assert named == {"crmctl.yaml", "accounts/acme/contacts/bob.md"}
    assert [person.id for person in then.evidence.people] == ["ann"]
    (root / PROFILE).write_text("---\n[\n---\n")
    commit(TODAY)
    with pytest.raises(DamagedFile):
        stood(ws, TODAY)


def test_a_history_has_the_days_on_which_something_moved(root: Path, at: At) -> None:
    rows = {
        "2026-11-01": [("coverage", "0.80"), ("score", "70"), ("usage", "80")],
        "2026-11-08": [("score", "64")],
        "2026-11-15": [("coverage", "0.30")],
        "2026-12-01": [("score", "99")],
    }
    for day, written in rows.items():
        lines = "".join(f"acme,health.{name},{value},crmctl\n" for name, value in written)
        path = root / f"accounts/_measures/{day}.csv"
        path.write_text(f"account,measure,value,source\n{lines}")
    found = past.history(at(root, TODAY), "acme")
    assert [(row.day.day, row.score, row.change) for row in found] == [
        (1, 70, None),
        (8, 64, -6),
        # Too little is known since then, and nobody says that the score was 0.
        (15, None, None),
    ]
    assert found[1].factors == {
        "usage": 80,
        "support": None,
        "relationship": None,
        "outcomes": None,
    }
    assert past.history(at(root, TODAY), "blank") == []
