"""Full-text search over everything under ``accounts/``: an FTS5 table that follows the files."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError, UsageError
from crmctl.workspace.index import RACY_NS, Key, account_folders

if TYPE_CHECKING:
    from crmctl.workspace.files import Reading
    from crmctl.workspace.index import Index

FOLDERS = ("", "contacts", "deals", "interactions", "tasks", "plans", "reviews")


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where the words stand: the file, its line (0 for the whole file), a title, and a passage."""

    account: str
    path: str
    line: int
    title: str
    passage: str


def search(index: Index, words: str, *, account: str | None = None, limit: int = 50) -> list[Hit]:
    """The best matches first. All words must occur; ``"a phrase"`` stays together, ``word*`` matches beginnings."""
    refresh(index)
    where, parameters = "fulltext MATCH ?", [_query(words)]
    if account is not None:
        where += " AND path LIKE ?"
        parameters.append(f"accounts/{account}/%")
    try:
        rows = index.db.execute(
            "SELECT path, line, passage.title, snippet(fulltext, 1, '', '', ' … ', 18) FROM fulltext"
            f" JOIN passage ON passage.id = fulltext.rowid WHERE {where} ORDER BY rank, path, line LIMIT ?",
            (*parameters, limit),
        ).fetchall()
    except sqlite3.OperationalError as error:
        raise UsageError(f"{words!r} is no search: {error}") from None
    return [
        Hit(path.split("/")[1], path, line, title, " ".join(text.split()))
        for path, line, title, text in rows
    ]


def _query(words: str) -> str:
    """People's words as an FTS5 query: everything quoted, so that no character has another meaning."""
    terms = []
    for place, part in enumerate(words.split('"')):
        pieces = [part] if place % 2 else part.split()
        for piece in pieces:
            prefix = piece.endswith("*") and not place % 2
            clean = piece.rstrip("*").replace('"', "").replace("\0", "").strip()
            if any(c.isalnum() for c in clean):
                terms.append(f'"{clean}"' + ("*" if prefix else ""))
    if not terms:
        raise UsageError("say at least one word to search for")
    return " ".join(terms)


def refresh(index: Index) -> int:
    """Read the files that changed since the last search into the index; how many there were."""
    known = {
        row[0]: row[1:]
        for row in index.db.execute("SELECT path, mtime, ctime, size, inode, cached FROM text_file")
    }
    started = time.time_ns()
    stale: list[tuple[str, Key]] = []
    seen = set()
    for path, entry in _texts(index):
        st = entry.stat(follow_symlinks=False)
        key = (st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino)
        seen.add(path)
        row = known.get(path)
        if row is None or row[:4] != key or key[1] + RACY_NS >= row[4]:
            stale.append((path, key))
    gone = known.keys() - seen
    if stale or gone:
        from crmctl.workspace.files import Reading

        with index.transaction(), Reading(index.root) as reading:
            for path in [*gone, *(path for path, _ in stale if path in known)]:
                _forget(index, path)
            for path, key in stale:
                _learn(index, path, reading)
                index.db.execute(
                    "INSERT OR REPLACE INTO text_file VALUES (?, ?, ?, ?, ?, ?)",
                    (path, *key, started),
                )
    return len(stale)


def _texts(index: Index) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for account in account_folders(index.accounts):
        for folder in FOLDERS:
            base = f"accounts/{account}/{folder}".rstrip("/")
            try:
                with os.scandir(f"{index.root}/{base}") as entries:
                    for entry in entries:
                        if entry.name.endswith((".md", ".jsonl")) and entry.name[0] != ".":
                            yield f"{base}/{entry.name}", entry
            except (FileNotFoundError, NotADirectoryError):
                continue


def _forget(index: Index, path: str) -> None:
    ids = index.db.execute("SELECT id FROM passage WHERE path = ?", (path,)).fetchall()
    index.db.executemany("DELETE FROM fulltext WHERE rowid = ?", ids)
    index.db.execute("DELETE FROM passage WHERE path = ?", (path,))
    index.db.execute("DELETE FROM text_file WHERE path = ?", (path,))


def _learn(index: Index, path: str, reading: Reading) -> None:
    try:
        text = (reading.read(path) or b"").decode("utf-8", "replace")
    except CrmError:
        return
    for line, title, body in _lines(text) if path.endswith(".jsonl") else [_page(path, text)]:
        cursor = index.db.execute(
            "INSERT INTO passage (path, line, title) VALUES (?, ?, ?)", (path, line, title)
        )
        index.db.execute(
            "INSERT INTO fulltext (rowid, title, body) VALUES (?, ?, ?)",
            (cursor.lastrowid, title, body),
        )


def _page(path: str, text: str) -> tuple[int, str, str]:
    title = path.rsplit("/", 1)[1].removesuffix(".md")
    for line in text.splitlines():
        for key in ("name: ", "title: ", "subject: ", "# "):
            if line.startswith(key):
                return 0, line[len(key) :].strip("\"' "), text
    return 0, title, text


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        try:
            data = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            subject, body = str(data.get("subject") or ""), str(data.get("text") or "")
            if subject or body:
                yield number, subject or body[:80], f"{subject}\n{body}"
