"""The index of contacts, deals, tasks and interactions over all accounts, read anew where stale."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from crmctl.workspace.index import RACY_NS, account_folders, stat_key

if TYPE_CHECKING:
    from crmctl.workspace.index import Index, Key

FOLDERS = {"contact": "contacts", "deal": "deals", "task": "tasks", "interaction": "interactions"}


def records(index: Index, kind: str) -> list[dict[str, Any]]:
    """Every record of one kind: its values as JSON knows them, with ``account``, ``id`` and ``path``, by path.

    A file that cannot be read is left out here; `crmctl check` names it.
    """
    refresh(index, kind)
    query = "SELECT account, path, json FROM file WHERE kind = ? AND json IS NOT NULL ORDER BY path"
    return [
        {"account": account, "id": path.rsplit("/", 1)[1][:-3], "path": path, **json.loads(text)}
        for account, path, text in index.db.execute(query, (kind,))
    ]


def each(index: Index, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """As `records`, one after the other, without holding them all: the account and the values."""
    refresh(index, kind)
    query = "SELECT account, json FROM file WHERE kind = ? AND json IS NOT NULL"
    for account, text in index.db.execute(query, (kind,)):
        yield account, json.loads(text)


def refresh(index: Index, kind: str) -> None:
    """Read anew what is stale of one kind."""
    index.check_config()
    known = {
        row[0]: row[1:]
        for row in index.db.execute(
            "SELECT path, mtime, ctime, size, inode, cached FROM file WHERE kind = ?", (kind,)
        )
    }
    started = time.time_ns()
    stale: list[tuple[str, str, Key]] = []
    seen = set()
    for account, path, entry in _files(index, FOLDERS[kind]):
        seen.add(path)
        st = entry.stat(follow_symlinks=False)
        row = known.get(path)
        key = (st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino)
        if row is None or row[:4] != key or key[1] + RACY_NS >= row[4]:
            stale.append((account, path, key))
    gone = known.keys() - seen
    if stale or gone:
        rows = _read(index, kind, stale, started)
        with index.transaction():
            index.db.executemany("DELETE FROM file WHERE path = ?", [(path,) for path in gone])
            index.db.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )


def chosen(index: Index, kind: str, places: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """As `records`, of these (account, path) alone; what is not there or cannot be read is left out."""
    index.check_config()
    started = time.time_ns()
    stale: list[tuple[str, str, Key]] = []
    paths = []
    for account, path in places:
        key = stat_key(f"{index.root}/{path}")
        if key is None:
            continue
        paths.append(path)
        row = index.db.execute(
            "SELECT mtime, ctime, size, inode, cached FROM file WHERE path = ?", (path,)
        ).fetchone()
        if row is None or row[:4] != key or key[1] + RACY_NS >= row[4]:
            stale.append((account, path, key))
    if stale:
        rows = _read(index, kind, stale, started)
        with index.transaction():
            index.db.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
    query = "SELECT account, path, json FROM file WHERE json IS NOT NULL AND path = ?"
    found = [row for path in sorted(paths) for row in index.db.execute(query, (path,))]
    return [
        {"account": account, "id": path.rsplit("/", 1)[1][:-3], "path": path, **json.loads(text)}
        for account, path, text in found
    ]


def _files(index: Index, folder: str) -> Iterator[tuple[str, str, os.DirEntry[str]]]:
    for account in account_folders(index.accounts):
        try:
            with os.scandir(f"{index.accounts}/{account}/{folder}") as entries:
                for entry in entries:
                    if entry.name.endswith(".md") and entry.name[0] != ".":
                        yield account, f"accounts/{account}/{folder}/{entry.name}", entry
        except (FileNotFoundError, NotADirectoryError):
            continue


def _read(
    index: Index, kind: str, stale: list[tuple[str, str, Key]], started: int
) -> list[tuple[Any, ...]]:
    from crmctl.workspace import bulk

    summaries = bulk.read(index.root, index.ranking(), [path for _, path, _ in stale])
    return [
        (path, account, kind, *key, started, found.problem, None if found.problem else found.json)
        for (account, path, key), found in zip(stale, summaries, strict=True)
    ]
