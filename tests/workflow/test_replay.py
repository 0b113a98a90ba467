"""Replaying workflows on history: what real runs did is what comes out, and nothing that came later counts."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crmctl.workflow.replay import Replayed
from crmctl.workflow.replay_history import Line
from crmctl.workspace import splice
from crmctl.workspace.episodes import Episode

from .past import FIRST, ONE, Past, replayed, three


def live(past: Past, day: dt.date, chance: Random) -> None:
    """What people and systems do on a day."""
    for slug in ("alder", "birch", "cedar"):
        if chance.random() < 0.3:
            past.set(slug, seats=chance.randint(10, 40))
        if chance.random() < 0.06:
            past.set(slug, stage=chance.choice(["customer", "churn_risk", "opportunity"]))
        if chance.random() < 0.08:
            past.contact(slug, f"person-{day:%m%d}")
        if chance.random() < 0.1:
            past.deal(slug, "renewal", chance.choice(["discovery", "proposal", "negotiation"]))
        if chance.random() < 0.05:
            past.deal(slug, f"more-{day:%m%d}", "discovery")
        if chance.random() < 0.08:
            path = f"accounts/{slug}/interactions/{day}-call-1.md"
            data = {"type": "call", "at": f"{day}T10:00:00Z", "with": ["ines-okafor"]}
            past.write(path, splice.new_document(data, "Spoke.\n").decode())
        if chance.random() < 0.4:
            past.measured(day, slug, chance.randint(20, 60))


Lived = tuple[Past, dict[tuple[str, str, str], Episode]]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Sixty days, a run on each night; all episodes that the runs recorded. No test changes it."""
    past = three(tmp_path_factory.mktemp("lived") / "w")
    chance = Random(7)
    recorded: dict[tuple[str, str, str], Episode] = {}
    past.commit(FIRST - ONE)
    for number in range(60):
        day = FIRST + number * ONE
        live(past, day, chance)
        past.commit(day)
        past.night(day)
        recorded |= past.episodes()
    return past, recorded


@pytest.fixture(scope="module")
def whole(lived: Lived) -> Replayed:
    """All of it, replayed."""
    return lived[0].replay(FIRST, FIRST + 59 * ONE)


def told(episode: Episode) -> tuple[Any, ...]:
    acts = {
        name: o.state for name, o in episode.actions.items() if not name.startswith(("wait", "if"))
    }
    return episode.opened, episode.because, episode.closed, acts


def fired(recorded: dict[tuple[str, str, str], Episode]) -> dict[tuple[str, str, str], Episode]:
    """Without notes, and without what `when` and `unless` ruled out."""
    return {
        key: each
        for key, each in recorded.items()
        if not each.is_note and (each.actions or each.closed is None)
    }


def test_a_replay_is_what_real_runs_recorded_and_writes_nothing(
    lived: Lived,
) -> None:
    past, recorded = lived
    before, state = past.files(), sorted(os.listdir(past.ws.state_dir))
    head = past.git("rev-parse", "HEAD")
    found = past.replay(FIRST, FIRST + 59 * ONE)
    expected = {key: told(each) for key, each in fired(recorded).items()}
    assert {key[1] for key in expected} == set(found.workflows)
    assert replayed(found) == expected
    assert found.problems == {}
    assert (past.files(), sorted(os.listdir(past.ws.state_dir))) == (before, state)
    assert (past.git("status", "--porcelain"), past.git("rev-parse", "HEAD")) == ("", head)


def test_a_replay_from_the_middle_goes_on_from_what_had_been_done(
    lived: Lived,
) -> None:
    past, recorded = lived
    middle = FIRST + 30 * ONE
    found = past.replay(middle, FIRST + 59 * ONE)
    expected = {k: told(e) for k, e in fired(recorded).items() if e.opened >= middle}
    assert replayed(found) == expected


def test_what_came_later_does_not_count(lived: Lived, whole: Replayed, tmp_path: Path) -> None:
    past = Past(Path(shutil.copytree(lived[0].root, tmp_path / "copy")))
    last = FIRST + 40 * ONE
    past.git("reset", "-q", "--hard", str(Line(past.ws.git).ended(last)))
    past.set("alder", seats=1)
    past.commit(last + ONE)
    until = past.replay(FIRST, last)
    earlier = {k: v[:2] for k, v in replayed(whole).items() if v[0] <= last}
    assert {k: v[:2] for k, v in replayed(until).items()} == earlier


def test_one_account_alone_is_replayed_as_among_all(lived: Lived, whole: Replayed) -> None:
    past, _ = lived
    alone = past.replay(FIRST, FIRST + 59 * ONE, account="birch")
    assert alone.accounts == {"birch"}
    assert replayed(alone) == {k: v for k, v in replayed(whole).items() if k[0] == "birch"}
