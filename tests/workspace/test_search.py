from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from crmctl.model.errors import CrmError, UsageError
from crmctl.workspace import search as searching
from crmctl.workspace.index import opened
from crmctl.workspace.search import Hit


def put(root: Path, path: str, text: str) -> Path:
    file = root / "accounts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "acme/profile.md", "---\nname: Acme Freight\n---\nMoves cold goods to Zürich.\n")
    put(
        tmp_path,
        "acme/interactions/2026-11-02-call-a1b2.md",
        "---\nsubject: Renewal\n---\nA security review.\n",
    )
    put(
        tmp_path,
        "beacon/profile.md",
        "---\nname: Beacon\n---\nReview of the security desk; cold calls.\n",
    )
    put(tmp_path, "beacon/plans/next.md", "# Next year\n\nBudget talks.\n")
    lines = [
        {"id": "email:1", "type": "email", "subject": "Offer", "text": "the price of pallets"},
        {"id": "email:2", "type": "email", "subject": "Pallets again", "text": ""},
        {"id": "email:3", "type": "email"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    put(tmp_path, "acme/interactions/2026.jsonl", f"{text}no json\n[1, 2]\n")
    return tmp_path


def search(root: Path, words: str, account: str | None = None, limit: int = 50) -> list[Hit]:
    with opened(root, root / "state") as index:
        return searching.search(index, words, account=account, limit=limit)


def places(root: Path, words: str, account: str | None = None) -> list[tuple[str, int]]:
    return sorted(
        (hit.path.removeprefix("accounts/"), hit.line) for hit in search(root, words, account)
    )


CALL = "acme/interactions/2026-11-02-call-a1b2.md"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cold", [("acme/profile.md", 0), ("beacon/profile.md", 0)]),
        ("security review", [(CALL, 0), ("beacon/profile.md", 0)]),
        ('"security review"', [(CALL, 0)]),
        ("COLD", [("acme/profile.md", 0), ("beacon/profile.md", 0)]),
        ("zurich", [("acme/profile.md", 0)]),
        ("budg*", [("beacon/plans/next.md", 0)]),
        ("budg", []),
        ("pallets", [("acme/interactions/2026.jsonl", 1), ("acme/interactions/2026.jsonl", 2)]),
        ("price pallets", [("acme/interactions/2026.jsonl", 1)]),
        ("cold security", [("beacon/profile.md", 0)]),
    ],
)
def test_all_words_must_stand_in_one_place(
    root: Path, words: str, found: list[tuple[str, int]]
) -> None:
    assert places(root, words) == sorted(found)


def test_a_hit_has_a_title_and_a_passage(root: Path) -> None:
    (hit,) = search(root, '"security review"')
    assert (hit.account, hit.title) == ("acme", "Renewal")
    assert "security review" in hit.passage
    assert "\n" not in hit.passage
    assert [hit.title for hit in search(root, "budget")] == ["Next year"]


def test_one_account_and_a_limit(root: Path) -> None:
    assert places(root, "cold", "beacon") == [("beacon/profile.md", 0)]
    assert len(search(root, "cold", limit=1)) == 1


def test_changed_added_and_deleted_files_are_seen(root: Path) -> None:
    assert places(root, "submarine") == []
    put(root, "acme/tasks/2026-12-01-dive-a1b2.md", "---\ntitle: Dive\n---\nBy submarine.\n")
    assert places(root, "submarine") == [("acme/tasks/2026-12-01-dive-a1b2.md", 0)]
    put(root, "beacon/plans/next.md", "# Next year\n\nA submarine.\n")
    assert len(places(root, "submarine")) == 2
    assert places(root, "budget") == []
    (root / "accounts/acme/tasks/2026-12-01-dive-a1b2.md").unlink()
    assert places(root, "submarine") == [("beacon/plans/next.md", 0)]


def test_an_unchanged_tree_is_not_read_again(root: Path) -> None:
    with opened(root, root / "state") as index:
        while searching.refresh(index):
            continue
        assert searching.refresh(index) == 0


@pytest.mark.parametrize(
    "words",
    [
        "cold AND",
        "NEAR(cold",
        "title:cold",
        '"cold',
        "col^d",
        "cold)",
        "-cold",
        "a' OR 1=1 --",
        "cold\0",
    ],
)
def test_no_character_of_a_query_has_another_meaning(root: Path, words: str) -> None:
    assert {path for path, _ in places(root, words)} <= {"acme/profile.md", "beacon/profile.md"}


@pytest.mark.parametrize("words", ["", "  ", '""', "***", "-- ()"])
def test_a_query_without_a_word_is_refused(root: Path, words: str) -> None:
    with pytest.raises(UsageError, match="word"):
        search(root, words)


def test_a_file_that_cannot_be_read_hides_no_other(root: Path) -> None:
    (root / "accounts/acme/contacts").mkdir()
    (root / "accounts/acme/contacts/ann.md").symlink_to(root / "accounts/acme/profile.md")
    (root / "accounts/acme/contacts/bo.md").write_bytes(b"---\nname: Bo\n---\ncold \xff\n")
    found = places(root, "cold")
    assert ("acme/contacts/ann.md", 0) not in found
    assert {("acme/profile.md", 0), ("acme/contacts/bo.md", 0)} <= set(found)


@pytest.mark.parametrize("words", ["a" * 100_000, '"' * 999 + "cold", "* " * 500 + "x"])
def test_a_query_of_any_size_finds_or_is_refused(root: Path, words: str) -> None:
    with suppress(CrmError):
        assert len(search(root, words)) <= 2
