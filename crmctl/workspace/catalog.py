"""The index of contacts, deals, tasks and interactions over all accounts, read anew where stale."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmctl.workspace.index import RACY_NS, as_json

if TYPE_CHECKING:
    from crmctl.workspace.index import Index

FOLDERS = {"contact": "contacts", "deal": "deals", "task": "tasks", "interaction": "interactions"}


def records(index: Index, kind: str) -> list[dict[str, Any]]:
    """Every record of one kind: its values as JSON knows them, with ``account``, ``id`` and ``path``, by path.

    A file that cannot be read is left out here; `crmctl check` names it.
    """
    ranking = index.ranking()
    known = {
        row[0]: row[1:]
        for row in index.db.execute(
            "SELECT path, mtime, ctime, size, inode, cached FROM file WHERE kind = ?", (kind,)
        )
    }
    stale: list[tuple[str, str]] = []
    seen = set()
    for account, path, entry in _files(index, FOLDERS[kind]):
        seen.add(path)
        st = entry.stat(follow_symlinks=False)
        row = known.get(path)
        key = (st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino)
        if row is None or row[:4] != key or st.st_ctime_ns + RACY_NS >= row[4]:
            stale.append((account, path))
    gone = known.keys() - seen
    if stale or gone:
        rows = [_read(index, account, path, kind, ranking) for account, path in stale]
        with index.transaction():
            index.db.executemany("DELETE FROM file WHERE path = ?", [(path,) for path in gone])
            index.db.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
    query = "SELECT account, path, json FROM file WHERE kind = ? AND json IS NOT NULL ORDER BY path"
    return [
        {"account": account, "id": path.rsplit("/", 1)[1][:-3], "path": path, **json.loads(text)}
        for account, path, text in index.db.execute(query, (kind,))
    ]


def _files(index: Index, folder: str) -> Iterator[tuple[str, str, os.DirEntry[str]]]:
    try:
        accounts = sorted(os.listdir(index.accounts))
    except FileNotFoundError:
        return
    for account in accounts:
        if account[0] in "_.":
            continue
        try:
            with os.scandir(f"{index.accounts}/{account}/{folder}") as entries:
                for entry in entries:
                    if entry.name.endswith(".md") and entry.name[0] != ".":
                        yield account, f"accounts/{account}/{folder}/{entry.name}", entry
        except (FileNotFoundError, NotADirectoryError):
            continue


def _read(index: Index, account: str, path: str, kind: str, ranking: Any) -> tuple[Any, ...]:
    from crmctl.model.errors import CrmError
    from crmctl.workspace.index import stat_key
    from crmctl.workspace.store import read_file

    key = stat_key(f"{index.root}/{path}") or (None,) * 4
    cached = time.time_ns()
    try:
        record, _ = read_file(index.root, path, ranking, fast=True)
    except CrmError as error:
        return (path, account, kind, *key, cached, str(error), None)
    return (path, account, kind, *key, cached, None, as_json(record.effective()))
