"""Files that only look changed are known again by their bytes, and all comes out as if nothing had been remembered."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from crmctl.insight import renewing, scoring
from crmctl.insight.cache import unpack_signals
from crmctl.insight.fingerprint import contents, fingerprint
from crmctl.insight.scoring import ScorePlan, plan_scores
from crmctl.workspace import index
from crmctl.workspace.store import Reader
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
MAIL = '{"id":"email:%d","at":"2026-11-1%d","type":"email","direction":"in","text":"%s"}\n'
WORDS = (
    "We are evaluating Deputy as a replacement.",
    "We will not renew the contract.",
    "Thank you, this is excellent.",
)
At = Callable[[Path, dt.date], Workspace]


@pytest.fixture
def settled(root: Path, at: At, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The sample workspace, scored, with a cache that trusts what was written just now."""
    for module in (scoring, renewing, index):
        monkeypatch.setattr(module, "RACY_NS", 0)
    ws = at(root, TODAY)
    for _ in range(3):
        carried_out(ws)
    return ws


def carried_out(ws: Workspace) -> None:
    plan = plan_scores(ws)
    with ws.writing("score") as run:
        ws.apply(plan.changes, run)


def said(plan: ScorePlan) -> dict[str, object]:
    """All that a plan tells, in a form to compare."""
    return {
        "changes": sorted((c.path, c.new) for c in plan.changes),
        "results": dict(plan.results),
        "standing": {slug: plan.results.standing(slug) for slug in plan.results},
        "problems": plan.problems,
        "signals": {slug: unpack_signals(packed) for slug, packed in plan.signals.items()},
    }


def fresh(ws: Workspace) -> dict[str, object]:
    """The same without anything remembered."""
    kept, aside = ws.state_dir / "index.sqlite", ws.state_dir / "aside.sqlite"
    shutil.copyfile(kept, aside)
    kept.unlink()
    try:
        return said(plan_scores(ws, signals=True))
    finally:
        aside.replace(kept)


def stamped(folder: Path) -> None:
    """Every file gets another time and stays what it is."""
    for path in folder.rglob("*.*"):
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - 1_000_000_000))


def test_files_with_new_times_and_the_same_bytes_are_not_parsed_again(
    settled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = said(plan_scores(settled, signals=True))
    stamped(settled.root / "accounts")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(Reader, "account", refused)
    for _ in range(2):
        assert said(plan_scores(settled, signals=True)) == before


def test_what_is_remembered_of_random_changes_equals_what_is_read(
    settled: Workspace, at: At
) -> None:
    random = Random(7)
    ws, traffic = settled, settled.root / "accounts/acme/interactions/2026.jsonl"
    original = traffic.read_bytes()
    profile = settled.root / "accounts/acme/profile.md"
    for step in range(18):
        match random.randrange(6):
            case 0:
                stamped(settled.root / "accounts")
            case 1:
                line = MAIL % (step, random.randrange(10), random.choice(WORDS))
                traffic.write_bytes(traffic.read_bytes() + line.encode())
            case 2:
                traffic.write_bytes(original)
            case 3:
                text = profile.read_text(encoding="utf-8")
                seats = f"seats: {random.choice((80, 100))}"
                profile.write_text(text.replace("seats: 100", seats).replace("seats: 80", seats))
            case 4:
                ws = at(settled.root, TODAY + dt.timedelta(days=random.randrange(3)))
            case 5:
                carried_out(ws)
        found = said(plan_scores(ws, signals=True))
        assert found == fresh(ws), step


def test_the_bytes_tell_files_apart(root: Path) -> None:
    accounts = f"{root}/accounts"
    deals = root / "accounts/acme/deals"
    deals.mkdir(exist_ok=True)

    def digest() -> str | None:
        return contents(accounts, "acme", fingerprint(accounts, "acme").names)

    seen = {digest()}
    for name, data in (("a.md", b"x"), ("a.md", b""), ("b.md", b""), ("a.md", b"b.md"), ("c", b"")):
        (deals / name).write_bytes(data)
        seen.add(digest())
    (deals / "c").rename(deals / "d")
    seen.add(digest())
    assert None not in seen
    assert len(seen) == 7


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_is_left_to_the_reader(root: Path, kind: str) -> None:
    accounts, odd = f"{root}/accounts", root / "accounts/acme/contacts/odd.md"
    if kind == "link":
        odd.symlink_to("/etc/hostname")
    elif kind == "folder":
        odd.mkdir()
    else:
        os.mkfifo(odd)
    assert contents(accounts, "acme", fingerprint(accounts, "acme").names) is None
