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
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmctl.model.record import Ranking

VERSION = "5"
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
NO_KEY = (None, None, None, None)
CONFIG = "crmctl.yaml"
NAME = "index.sqlite"
WAIT = 10.0  # seconds for another process to finish writing

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE profile (
  slug TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, cached INTEGER, problem TEXT,
  {", ".join(f"{column} TEXT" for column in COLUMNS)}
) WITHOUT ROWID;
CREATE TABLE document (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE measure_file (
  day TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, cached INTEGER, digest TEXT
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
CREATE TABLE facts (
  account TEXT PRIMARY KEY, fingerprint TEXT, key TEXT, result TEXT, json TEXT, said_key TEXT, said TEXT, signals TEXT,
  content TEXT
);
"""


def plain(value: Any) -> Any:
    """A record's value as JSON knows it: dates and times as ISO text, decimals as numbers."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _leaf(value)


def _leaf(value: Any) -> str | int | float:
    if isinstance(value, Decimal):
        # Up to fifteen digits both say exactly what the decimal says.
        number = float(value)
        return int(number) if number.is_integer() else number
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text.replace("+00:00", "Z")
    return str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_leaf).encode


def as_json(value: Any) -> str:
    """`plain`, as one line of JSON."""
    return _encode(value)


_UNWRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


class Index:
    """The cache of one workspace. Open it with `opened`."""

    def __init__(self, root: Path, state_dir: Path) -> None:
        self.root = root
        self.accounts = f"{root}/accounts"
        self.path = state_dir / NAME
        self.db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._open(str(self.path))
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _UNWRITABLE:
                raise
            # Where nothing can be written, everything can still be read: only slower.
            return self._open(":memory:")
        except sqlite3.DatabaseError:
            drop(self.path)
            return self._open(str(self.path))

    def _open(self, path: str) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    @staticmethod
    def _prepare(db: sqlite3.Connection) -> None:
        _write_ahead(db)
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
        """Whom to believe when people say nothing, as crmctl.yaml has it."""
        from crmctl.model.record import Ranking

        known = self.check_config()
        fields = {name: tuple(order) for name, order in known["fields"].items()}
        return Ranking(tuple(known["default"]), fields)

    def check_config(self) -> dict[str, Any]:
        """The ranking that the records here were read with; they are forgotten if it is another now."""
        key = repr(stat_key(f"{self.root}/{CONFIG}"))
        kept = self.meta("config")
        known: dict[str, Any] = json.loads(kept) if kept is not None else {}
        if known.get("key") == key:
            return known
        from crmctl.workspace.config import load_config

        ranking = load_config(self.root).rank()
        orders = {name: list(order) for name, order in ranking.fields.items()}
        fresh = {"key": key, "default": list(ranking.default), "fields": orders}
        with self.transaction():
            if {**known, "key": key} != fresh:
                for table in ("profile", "document", "file", "facts"):
                    self.db.execute(f"DELETE FROM {table}")
            self.set_meta("config", json.dumps(fresh))
        return fresh

    def profiles(self, columns: Sequence[str] = COLUMNS) -> list[tuple[Any, ...]]:
        """A row for every account: slug, problem, then ``columns``, in the order of the slugs, read anew where stale.

        ``problem`` is None, or the sentence that says why a profile could not be read.
        """
        self.check_config()
        wanted = ", ".join(("slug, mtime, ctime, size, inode, cached, problem", *columns))
        query = f"SELECT {wanted} FROM profile"
        rows = {row[0]: row for row in self.db.execute(query)}
        started = time.time_ns()
        stale: list[tuple[str, Key | None]] = []
        stat, base = os.lstat, self.accounts
        slugs = account_folders(base)
        for slug in slugs:
            row = rows.get(slug)
            try:
                st = stat(f"{base}/{slug}/profile.md")
            except OSError:
                if row is None or row[1] is not None:
                    stale.append((slug, None))
                continue
            if (
                row is None
                or row[1] != st.st_mtime_ns
                or row[2] != st.st_ctime_ns
                or row[3] != st.st_size
                or row[4] != st.st_ino
                or row[2] + RACY_NS >= row[5]
            ):
                key = (st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino)
                stale.append((slug, key))
        gone = rows.keys() - set(slugs) if len(rows) != len(slugs) or stale else ()
        if stale or gone:
            fresh = self._read(stale, gone, started)
            places = [*range(7), *(7 + COLUMNS.index(name) for name in columns)]
            rows.update((row[0], tuple(row[place] for place in places)) for row in fresh)
        return [(slug, *rows[slug][6:]) for slug in slugs]

    def _read(
        self, stale: Iterable[tuple[str, Key | None]], gone: Iterable[str], started: int
    ) -> list[tuple[Any, ...]]:
        """Take profiles in anew, whose keys were gathered from ``started`` on; their whole rows."""
        from crmctl.workspace import bulk

        keys = {f"accounts/{slug}/profile.md": (slug, key) for slug, key in stale}
        rows, documents = [], []
        for found in bulk.read(self.root, self.ranking(), list(keys), COLUMNS):
            slug, key = keys[found.path]
            rows.append((slug, *(key or NO_KEY), started, found.problem, *found.columns))
            documents.append((slug, found.json))
        marks = ", ".join("?" * (7 + len(COLUMNS)))
        with self.transaction():
            self.db.executemany("DELETE FROM profile WHERE slug = ?", [(slug,) for slug in gone])
            self.db.executemany("DELETE FROM document WHERE slug = ?", [(slug,) for slug in gone])
            self.db.executemany(f"INSERT OR REPLACE INTO profile VALUES ({marks})", rows)
            self.db.executemany(
                "INSERT INTO document (slug, json) VALUES (?, ?) ON CONFLICT (slug) DO UPDATE SET json = excluded.json",
                documents,
            )
        return rows

    def documents(self, slugs: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """The values that hold in each profile or in these, as JSON knows them, by slug. Call `profiles` first."""
        query, given = "SELECT slug, json FROM document", []
        if slugs is not None:
            query += " WHERE slug IN (SELECT value FROM json_each(?))"
            given = [json.dumps(list(slugs))]
        return {slug: json.loads(text) for slug, text in self.db.execute(query, given)}


def account_folders(accounts: str) -> list[str]:
    """The names of the account folders, sorted; those with ``_`` or ``.`` in front are others."""
    try:
        names = os.listdir(accounts)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name[0] not in "_." and name != "README.md")


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, however many switch the same new file at the same time.

    SQLite does not wait here by itself: two who both hold a read lock would wait for each other.
    """
    deadline = time.monotonic() + WAIT
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


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
    """The index of a workspace, closed afterwards. `BusyError` if another process is filling it for too long."""
    index = None
    try:
        index = Index(root, state_dir)
        yield index
    except sqlite3.DatabaseError as error:
        trouble = _trouble(error, state_dir / NAME)
        if trouble is None:
            raise
        raise trouble from error
    finally:
        if index is not None:
            index.close()


def _trouble(error: sqlite3.DatabaseError, path: Path) -> Exception | None:
    """What to tell people of a trouble with the file; None for anything else, which is a bug of ours."""
    from crmctl.model.errors import BusyError, CrmError

    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError("another crmctl is filling the index: try again")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        drop(path)
        return BusyError(f"the index {path} was damaged and has been dropped: run again")
    if code in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    ):
        return CrmError(f"cannot use the index {path}: {error}; mend that or delete the file")
    return None


def drop(path: Path) -> None:
    """Remove an index: it is only a cache."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
