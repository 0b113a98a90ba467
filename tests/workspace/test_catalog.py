from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmctl.workspace import catalog
from crmctl.workspace.index import opened


def put(root: Path, path: str, text: str) -> Path:
    file = root / "accounts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def task(title: str, due: str = "2026-12-01") -> str:
    return f"---\ntitle: {title}\nstatus: open\ndue: {due}\n---\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "beacon/tasks/2026-12-01-call-ab12.md", task("Call"))
    put(tmp_path, "acme/tasks/2026-12-02-write-cd34.md", task("Write", "2026-12-02"))
    put(tmp_path, "acme/contacts/ann-lee.md", "---\nname: Ann Lee\nroles: [champion]\n---\n")
    put(tmp_path, "acme/deals/pilot.md", "---\nname: Pilot\nstage: proposal\namount: 900\n---\n")
    put(
        tmp_path,
        "acme/interactions/2026-11-02-call-x1y2.md",
        "---\ntype: call\nat: 2026-11-02T09:30:00Z\nwith: [ann-lee]\n---\n",
    )
    put(tmp_path, "acme/interactions/2026.jsonl", '{"id": "email:1", "type": "email"}\n')
    return tmp_path


def records(root: Path, kind: str) -> list[dict[str, Any]]:
    with opened(root, root / "state") as index:
        return catalog.records(index, kind)


def titles(root: Path) -> list[str]:
    return [row["title"] for row in records(root, "task")]


def test_records_of_all_accounts_come_by_path_with_their_place(root: Path) -> None:
    for _ in range(2):
        assert records(root, "task") == [
            {
                "account": account,
                "id": name,
                "path": f"accounts/{account}/tasks/{name}.md",
                "title": title,
                "due": due,
                "status": "open",
            }
            for account, name, title, due in (
                ("acme", "2026-12-02-write-cd34", "Write", "2026-12-02"),
                ("beacon", "2026-12-01-call-ab12", "Call", "2026-12-01"),
            )
        ]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("contact", "roles", ["champion"]),
        ("deal", "amount", 900),
        ("interaction", "at", "2026-11-02T09:30:00Z"),
    ],
)
def test_values_are_as_json_knows_them(root: Path, kind: str, field: str, value: object) -> None:
    (row,) = records(root, kind)
    assert row[field] == value
    assert row["account"] == "acme"


def test_edited_added_and_deleted_files_are_seen(root: Path) -> None:
    assert titles(root) == ["Write", "Call"]
    put(root, "acme/tasks/2026-12-02-write-cd34.md", task("Ring!"))
    assert titles(root) == ["Ring!", "Call"]
    put(root, "acme/tasks/2026-12-03-more-ef56.md", task("More"))
    assert titles(root) == ["Ring!", "More", "Call"]
    (root / "accounts/beacon/tasks/2026-12-01-call-ab12.md").unlink()
    assert titles(root) == ["Ring!", "More"]
    (root / "accounts/acme").rename(root / "accounts/zeta")
    assert [row["account"] for row in records(root, "task")] == ["zeta", "zeta"]


def test_a_damaged_file_is_left_out_until_it_is_mended(root: Path) -> None:
    file = put(root, "acme/tasks/2026-12-02-write-cd34.md", "---\ntitle: [\n---\n")
    assert titles(root) == ["Call"]
    assert titles(root) == ["Call"]
    file.write_text(task("Write"))
    assert titles(root) == ["Write", "Call"]


def test_one_kind_says_nothing_of_another(root: Path) -> None:
    records(root, "deal")
    (root / "accounts/acme/contacts/ann-lee.md").unlink()
    assert [row["name"] for row in records(root, "deal")] == ["Pilot"]
    assert records(root, "contact") == []


def test_what_is_no_record_is_passed_over(root: Path) -> None:
    put(root, "acme/tasks/.hidden.md", "x")
    put(root, "acme/tasks/notes.txt", "x")
    put(root, "_drafts/tasks/2026-12-09-idea-ab12.md", task("Idea"))
    (root / "accounts/acme/plans").write_text("a file where a folder is expected")
    assert titles(root) == ["Write", "Call"]


def test_chosen_records_are_read_alone_and_anew_where_stale(root: Path) -> None:
    path = "accounts/acme/tasks/2026-12-02-write-cd34.md"

    def titles_of(*places: str) -> list[str]:
        with opened(root, root / ".git/crmctl") as index:
            found = catalog.chosen(index, "task", [("acme", place) for place in places])
        assert [row["path"] for row in found] == sorted(row["path"] for row in found)
        return [row["title"] for row in found]

    assert titles_of(path, "accounts/acme/tasks/2026-12-09-none-ab12.md") == ["Write"]
    (root / path).write_text(task("Ring!"))
    assert titles_of(path) == ["Ring!"]
    (root / path).write_text("---\ntitle: [\n---\n")
    assert titles_of(path) == []
    assert titles_of() == []
    (root / path).write_text(task("Write"))
    assert titles_of(path) == ["Write"]
    assert titles(root) == ["Write", "Call"]
