"""Guards, commits, and what happens beside a person's own work."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmctl.model.errors import DecisionNeeded
from crmctl.model.incoming import Batch
from crmctl.sync.carry import import_batch
from crmctl.workspace.undo import plan_undo
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import Make, account, batch, contact, git, org, snapshot

PROFILE = "accounts/birch-sons/profile.md"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_commit_holds_exactly_the_import_and_names_its_run(ws: Workspace) -> None:
    (ws.root / "draft.txt").write_text("mine", "utf-8")
    (ws.root / "staged.txt").write_text("mine too", "utf-8")
    git(ws.root, "add", "staged.txt")

    report = import_batch(ws, batch(*org()), commit=True)

    names = git(ws.root, "show", "--format=", "--name-only", report.commit).split()
    assert names == report.plan.changes.paths
    message = git(ws.root, "show", "--format=%B", "--no-patch", report.commit)
    assert message.startswith("Import from salesforce: 13 files of 3 accounts\n")
    assert f"Crmctl-Run: {report.run_id}" in message
    assert "Okafor" not in message
    assert git(ws.root, "status", "--porcelain").split() == ["A", "staged.txt", "??", "draft.txt"]


def test_a_commit_also_takes_what_an_earlier_run_left_uncommitted(ws: Workspace) -> None:
    import_batch(ws, batch(*org()))

    report = import_batch(ws, batch(*org()), commit=True)

    assert not report.plan.changes
    assert len(git(ws.root, "show", "--format=", "--name-only", report.commit).split()) == 13
    assert git(ws.root, "status", "--porcelain") == ""


def test_a_file_with_a_persons_edit_is_skipped_and_reported(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    edit(ws.root / PROFILE, "next_step:", "next_step: call them")
    mine = (ws.root / PROFILE).read_bytes()
    newer = [
        account("A2", "Birch & Sons", employees=99),
        account("A1", "Alder Freight Ltd", city="Hull"),
    ]

    report = import_batch(ws, batch(*newer), commit=True)

    assert report.skipped == [PROFILE]
    assert report.partial
    assert (ws.root / PROFILE).read_bytes() == mine
    assert git(ws.root, "status", "--porcelain").split() == ["M", PROFILE]
    assert any(PROFILE in line for line in report.lines())
    git(ws.root, "commit", "--quiet", "-am", "mine")
    assert import_batch(ws, batch(*newer), commit=True).skipped == []
    assert "employees: 99" in (ws.root / PROFILE).read_text("utf-8")


def test_a_persons_edit_of_a_file_that_does_not_change_is_no_obstacle(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    edit(ws.root / PROFILE, "next_step:", "next_step: call them")

    report = import_batch(ws, batch(*org()), commit=True)

    assert (report.skipped, report.commit) == ([], "")


def test_without_a_commit_the_import_edits_beside_the_person(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    edit(ws.root / PROFILE, "next_step:", "next_step: call them")

    import_batch(ws, batch(account("A2", "Birch & Sons", employees=99)))

    text = (ws.root / PROFILE).read_text("utf-8")
    assert "next_step: call them" in text
    assert "employees: 99" in text


def test_an_import_can_be_undone(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    before = snapshot(ws.root)
    report = import_batch(
        ws, batch(account("A2", "Birch", employees=99), account("A9", "New")), commit=True
    )

    changes, _ = plan_undo(ws.root, ws.git, report.run_id)
    with ws.writing("undo") as run:
        ws.apply(changes, run)

    assert snapshot(ws.root) == before


def test_a_commit_is_refused_in_the_middle_of_a_merge(ws: Workspace) -> None:
    (ws.root / ".git/MERGE_HEAD").write_text("0" * 40, "utf-8")

    with pytest.raises(DecisionNeeded, match="merge"):
        import_batch(ws, batch(*org()), commit=True)
    assert not (ws.root / "accounts").exists()


def test_an_empty_answer_stops_where_there_was_something_before(ws: Workspace) -> None:
    assert import_batch(ws, Batch("salesforce")).plan.guards == []
    import_batch(ws, batch(*org()))

    with pytest.raises(DecisionNeeded, match="--allow empty"):
        import_batch(ws, Batch("salesforce"))
    assert not import_batch(ws, Batch("salesforce"), allow={"empty"}).plan.changes
    assert import_batch(ws, Batch("supabase")).plan.guards == []


@pytest.fixture
def many(make: Make) -> Workspace:
    ws = make("many")
    import_batch(ws, batch(*(account(f"A{n}", f"Account {n}", city="Hull") for n in range(30))))
    return ws


def test_a_source_that_contradicts_itself_almost_everywhere_stops(many: Workspace) -> None:
    moved = [account(f"A{n}", f"Account {n}", city="York") for n in range(21)]
    before = snapshot(many.root)

    with pytest.raises(DecisionNeeded, match=r"21 of 30 accounts.*--allow changes"):
        import_batch(many, batch(*moved))
    assert snapshot(many.root) == before
    preview = import_batch(many, batch(*moved), dry_run=True)
    assert [guard.allow for guard in preview.plan.guards] == ["changes"]
    assert len(import_batch(many, batch(*moved), allow={"changes"}).plan.changes) == 21


def test_below_the_share_or_with_new_files_only_nothing_stops(many: Workspace) -> None:
    few = [account(f"A{n}", f"Account {n}", city="York") for n in range(20)]
    people = [contact(f"C{n}", f"Person {n}", f"A{n}") for n in range(30)]

    assert import_batch(many, batch(*few, *people)).plan.guards == []
