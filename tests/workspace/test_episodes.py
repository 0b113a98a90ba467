"""The record of what workflows did: read, written, and joined when two accounts become one."""

from __future__ import annotations

import datetime as dt

import pytest

from crmctl.model.errors import DamagedFile
from crmctl.workspace.episodes import DONE, FAILED, Episode, Outcome, dump, join, parse

DAY = dt.date(2026, 3, 31)
LATER = dt.date(2026, 5, 1)
PATH = "accounts/acme/episodes.jsonl"


def held(key: str, opened: dt.date = DAY, closed: dt.date | None = None) -> Episode:
    done = {"schedule_outreach": Outcome(DONE, "task due", f"accounts/old/tasks/{key[-1]}.md")}
    return Episode("w", key, opened, closed, "seats > 1: seats is 2 – naïve", done)


def test_what_is_written_is_what_is_read() -> None:
    episodes = [
        held("contacts/jane-doe", closed=DAY),
        held("2", LATER),
        Episode("w", "contacts", DAY, DAY, "there before", known=["ann", "bob"]),
        Episode("v", "1", DAY, actions={"assign_owner": Outcome(FAILED, "no")}),
    ]
    raw = dump(episodes)
    assert raw is not None
    read = parse(raw, PATH)
    assert sorted(map(repr, read)) == sorted(map(repr, episodes))
    assert dump(reversed(read)) == raw
    assert dump([]) is None


def test_lines_are_sorted_by_day_workflow_and_key_as_a_number() -> None:
    raw = dump([held("10"), held("9"), held("2", LATER), Episode("a", "1", DAY)])
    assert raw is not None
    assert [(e.workflow, e.key) for e in parse(raw, PATH)] == [
        ("a", "1"),
        ("w", "9"),
        ("w", "10"),
        ("w", "2"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"workflow": "w", "key": "1", "opened": null, "closed": null}',
        '{"workflow": "w", "key": 1, "opened": "2026-03-31", "closed": null}',
        '{"workflow": "w", "key": "1", "opened": "2026-03-32", "closed": null}',
        '{"workflow": "w", "key": "1", "opened": "2026-03-31", "closed": null, "actions": []}',
        '{"workflow": "w", "key": "1", "opened": "2026-03-31", "closed": null, "actions": {"a": {}}}',
        "[" * 100_000,
        "<<<<<<< HEAD",
    ],
)
def test_every_line_that_cannot_be_read_is_named(line: str) -> None:
    good = dump([held("1")]) or b""
    with pytest.raises(DamagedFile) as caught:
        parse(good + line.encode() + b"\n" + good + b"nor this\n", PATH)
    assert [problem.line for problem in caught.value.problems] == [2, 4]


def test_two_accounts_become_one_without_doing_anything_again() -> None:
    kept = [
        held("1"),
        held("contacts/ann"),
        Episode("w", "contacts", DAY, DAY, known=["bob"]),
    ]
    moved = [
        held("1", DAY),
        Episode("v", "1", DAY),
        held("contacts/ann"),
        held("contacts/eve"),
        Episode("w", "contacts", DAY, DAY, known=["joe"]),
        Episode("v", "contacts", DAY, DAY, known=["joe"]),
    ]
    places = {
        "accounts/old/contacts/ann.md": "accounts/acme/contacts/ann-3f2a.md",
        "accounts/old/contacts/joe.md": "accounts/acme/contacts/joe-77aa.md",
        "accounts/old/tasks/1.md": "accounts/acme/tasks/1.md",
    }
    joined = {(e.workflow, e.key): e for e in join(kept, moved, places, LATER)}
    assert set(joined) == {
        ("w", "1"),
        ("w", "2"),
        ("w", "contacts/ann"),
        ("w", "contacts/ann-3f2a"),
        ("w", "contacts/eve"),
        ("w", "contacts"),
        ("v", "contacts"),
        ("v", "1"),
    }
    assert joined["w", "1"].closed is None
    assert joined["w", "2"].closed == LATER
    assert joined["v", "1"].closed is None
    assert joined["w", "2"].actions["schedule_outreach"].path == "accounts/acme/tasks/1.md"
    assert joined["w", "contacts"].known == ["bob", "joe-77aa"]
    assert joined["v", "contacts"].known == ["joe-77aa"]
