"""Other programs read what crmctl writes: python-frontmatter the files, GitPython the commits."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import frontmatter
import pytest

from crmctl.workspace import splice
from crmctl.workspace.git import Git

git = pytest.importorskip("git")


def test_python_frontmatter_reads_a_new_document() -> None:
    data = {
        "name": "Hollis: & Vane",
        "started": dt.date(2026, 3, 1),
        "tags": ["a", "no"],
        "seats": 4,
    }
    raw = splice.new_document({**data, "sources": {"csv": {"id": "0012e3"}}}, "\n# Body\n\n---\n")
    post = frontmatter.loads(raw.decode())
    assert post.metadata == {**data, "sources": {"csv": {"id": "0012e3"}}}
    assert post.content.endswith("---")


def test_gitpython_reads_a_commit_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ana\nemail = ana@ours.example\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "w"
    root.mkdir()
    ours = Git.init(root)
    (root / "a.md").write_text("a\n")
    (root / "b.md").write_text("b\n")
    commit = ours.commit(["a.md"], "first: a", "body", {"Crmctl-Run": "r1"})
    with git.Repo(root) as repo:
        assert repo.head.commit.hexsha == commit
        assert repo.head.commit.author.email == "ana@ours.example"
        assert repo.head.commit.trailers_dict == {"Crmctl-Run": ["r1"]}
        assert [blob.path for blob in repo.head.commit.tree.blobs] == ["a.md"]
        assert repo.untracked_files == ["b.md"]
