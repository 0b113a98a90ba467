"""The index: a cache of the profiles in SQLite. Dropping it changes nothing but time.

A file is read again when its (mtime, ctime, size, inode) differ from what was cached, or when it was cached in the
same moment in which it was written. A warm read imports neither yaml nor pydantic.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmctl.model.record import Ranking, Record

VERSION = "2"
# File systems stamp files with a coarse clock: an entry cached so soon after a change may be older than it looks.
RACY_NS = 50_000_000
COLUMNS = (
    "name",
    "stage",
    "step",
    "owner",
    "segment",
    "industry",
    "country",
    "arr",
    "currency",
    "renewal",
    "domain",
)
Key = tuple[int, int, int, int]

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE profile (
  slug TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, cached INTEGER, problem TEXT,
  {", ".join(f"{column} TEXT" for column in COLUMNS)}
) WITHOUT ROWID;
CREATE TABLE document (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE measure_file (
  day TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, cached INTEGER
) WITHOUT ROWID;
CREATE TABLE measure (
  day TEXT, account TEXT, measure TEXT, source TEXT, value TEXT, PRIMARY KEY (day, account, measure, source)
) WITHOUT ROWID;
CREATE TABLE latest (measure TEXT, account TEXT, day TEXT, value TEXT, PRIMARY KEY (measure, account)) WITHOUT ROWID;
CREATE TABLE file (
  path TEXT PRIMARY KEY, account TEXT, kind TEXT, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER,
  cached INTEGER, problem TEXT, json TEXT
) WITHOUT ROWID;
CREATE INDEX file_kind ON file (kind, account);
CREATE TABLE passage (id INTEGER PRIMARY KEY, path TEXT, line INTEGER, title TEXT);
CREATE INDEX passage_path ON passage (path);
CREATE VIRTUAL TABLE fulltext USING fts5 (title, body, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE text_file (
  path TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, cached INTEGER
) WITHOUT ROWID;
CREATE TABLE facts (account TEXT PRIMARY KEY, fingerprint TEXT, json TEXT, key TEXT, result TEXT);
"""


def plain(value: Any) -> Any:
    """A record's value as JSON knows it: dates and times as ISO text, decimals as text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _leaf(value)


def _leaf(value: Any) -> str:
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text.replace("+00:00", "Z")
    return str(value)


def as_json(value: Any) -> str:
    """`plain`, as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=_leaf)


class Index:
    """The cache of one workspace. Open it with `opened`."""

    def __init__(self, root: Path, state_dir: Path) -> None:
        self.root = root
        self.accounts = f"{root}/accounts"
        self.path = state_dir / "index.sqlite"
        self.db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
        except sqlite3.DatabaseError:
            pass
        # Damaged: it is only a cache.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        wanted = int(VERSION)
        if version != wanted:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA user_version").fetchone()[0] != wanted:
                for kind, name in db.execute(
                    "SELECT type, name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE%'"
                    " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'fulltext_%'"
                ).fetchall():
                    db.execute(f'DROP {kind} IF EXISTS "{name}"')
                for statement in _SCHEMA.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {wanted}")
            db.execute("COMMIT")
        return db

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a second process waits."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def ranking(self) -> Ranking:
        """Whom to believe, from the index unless crmctl.yaml changed; then the profiles are read anew."""
        from crmctl.model.record import Ranking

        key = repr(stat_key(f"{self.root}/crmctl.yaml"))
        known = self.meta("config")
        if known is not None:
            cached = json.loads(known)
            if cached["key"] == key:
                fields = {name: tuple(order) for name, order in cached["fields"].items()}
                return Ranking(tuple(cached["default"]), fields)
        from crmctl.workspace.config import load_config

        ranking = load_config(self.root).rank()
        fresh = {"key": key, "default": ranking.default, "fields": dict(ranking.fields)}
        with self.transaction():
            if known is None or {**json.loads(known), "key": key} != json.loads(json.dumps(fresh)):
                self.db.execute("DELETE FROM profile")
                self.db.execute("DELETE FROM document")
                self.db.execute("DELETE FROM file")
                self.db.execute("DELETE FROM facts")
            self.set_meta("config", json.dumps(fresh))
        return ranking

    def profiles(self, columns: Sequence[str] = COLUMNS) -> list[tuple[Any, ...]]:
        """A row for every account: slug, problem, then ``columns``, in the order of the slugs, read anew where stale.

        ``problem`` is None, or the sentence that says why a profile could not be read.
        """
        ranking = self.ranking()
        wanted = ", ".join(columns)
        query = f"SELECT slug, mtime, ctime, size, inode, cached, problem{', ' if wanted else ''}{wanted} FROM profile"
        rows = {row[0]: row for row in self.db.execute(query)}
        stale: list[str] = []
        stat, base = os.lstat, self.accounts
        try:
            names = os.listdir(base)
        except FileNotFoundError:
            names = []
        slugs = [name for name in names if name[0] not in "_." and name != "README.md"]
        for slug in slugs:
            try:
                st = stat(f"{base}/{slug}/profile.md")
            except OSError:
                st = None
            row = rows.get(slug)
            if row is None or st is None:
                if st is not None or row is None or row[1] is not None:
                    stale.append(slug)
            elif (
                row[1] != st.st_mtime_ns
                or row[2] != st.st_ctime_ns
                or row[3] != st.st_size
                or row[4] != st.st_ino
                or st.st_ctime_ns + RACY_NS >= row[5]
            ):
                stale.append(slug)
        gone = rows.keys() - set(slugs) if len(rows) != len(slugs) or stale else ()
        if stale or gone:
            self._read(stale, gone, ranking)
            rows = {row[0]: row for row in self.db.execute(query)}
        slugs.sort()
        return [(slug, *rows[slug][6:]) for slug in slugs if slug in rows]

    def _read(self, stale: Iterable[str], gone: Iterable[str], ranking: Ranking) -> None:
        from crmctl.model.errors import CrmError
        from crmctl.workspace import paths
        from crmctl.workspace.store import read_file

        rows, documents = [], []
        for slug in stale:
            key = stat_key(f"{self.accounts}/{slug}/profile.md")
            cached = time.time_ns()
            try:
                path = paths.profile(slug)
                record, _ = read_file(self.root, path, ranking, fast=True)
            except CrmError as error:
                rows.append(
                    (slug, *(key or (None,) * 4), cached, str(error), *(None for _ in COLUMNS))
                )
                documents.append((slug, "{}"))
                continue
            values = record.effective()
            rows.append(
                (
                    slug,
                    *(key or (None,) * 4),
                    cached,
                    None,
                    *(_column(record, name) for name in COLUMNS),
                )
            )
            documents.append((slug, as_json(values)))
        marks = ", ".join("?" * (7 + len(COLUMNS)))
        with self.transaction():
            self.db.executemany("DELETE FROM profile WHERE slug = ?", [(slug,) for slug in gone])
            self.db.executemany("DELETE FROM document WHERE slug = ?", [(slug,) for slug in gone])
            self.db.executemany(f"INSERT OR REPLACE INTO profile VALUES ({marks})", rows)
            self.db.executemany(
                "INSERT INTO document (slug, json) VALUES (?, ?) ON CONFLICT (slug) DO UPDATE SET json = excluded.json",
                documents,
            )

    def documents(self) -> dict[str, dict[str, Any]]:
        """The values that hold in each profile, as JSON knows them, by slug. Call `profiles` first."""
        return {
            slug: json.loads(text)
            for slug, text in self.db.execute("SELECT slug, json FROM document")
        }


def _column(record: Record, name: str) -> str | None:
    if name == "domain":
        domains = record.items("domains")
        return str(domains[0]) if domains else None
    value = record.get(name)
    return None if value is None else str(plain(value))


def stat_key(path: str) -> Key | None:
    """(mtime, ctime, size, inode) of a file, None when there is none.

    ctime is what sees an edit of the same size whose mtime was put back.
    """
    try:
        st = os.lstat(path)
    except OSError:
        return None
    return st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino


@contextmanager
def opened(root: Path, state_dir: Path) -> Iterator[Index]:
    """The index of a workspace, closed afterwards."""
    index = Index(root, state_dir)
    try:
        yield index
    finally:
        index.close()
