"""Tables as files: Parquet, CSV, JSON lines or a DuckDB database in a folder that holds nothing else.

DuckDB (extra ``analytics``) writes Parquet and the database, and answers queries; it is never allowed to open a file
or a connection on behalf of a query.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.model.text import csv_cell, one_line
from crmctl.privacy.tables import VERSION, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FORMATS = ("parquet", "csv", "jsonl", "duckdb")
MANIFEST = "crmctl-export.json"
_BATCH = 20_000


def write(tables: Sequence[Table], folder: Path, form: str, *, personal: bool) -> dict[str, int]:
    """Write tables into a folder; how many rows each has.

    The folder is made, or holds an earlier export, which is replaced as a whole; UsageError for any other folder, so
    that nothing of anybody else's is lost. Killed at any instant, the earlier or the new export is there.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} holds other files; name a new folder, or one of an earlier export"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            counts = _WRITERS[form](tables, made)
            _manifest(tables, made, form, counts, personal=personal)
            _swap(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise CrmError(f"cannot write {folder}: {error.strerror}") from error
    return counts


def write_text(text: str, path: Path) -> None:
    """Write one file beside whatever lies there, for this person alone; a whole one or none."""
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            dir=path.parent,
            prefix=f".{path.name}-",
            delete=False,
            encoding="utf-8",
            newline="",
        ) as target:
            target.write(text)
        Path(target.name).replace(path)
    except OSError as error:
        raise CrmError(f"cannot write {path}: {error.strerror}") from error


def _swap(made: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    made.chmod(0o700)
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _manifest(
    tables: Sequence[Table], folder: Path, form: str, counts: dict[str, int], *, personal: bool
) -> None:
    described = {
        table.name: {
            "doc": table.doc,
            "rows": counts[table.name],
            "partitioned_by": f"year of {table.by_year}" if table.by_year else None,
            "columns": [column._asdict() for column in table.columns],
        }
        for table in tables
    }
    data = {"version": VERSION, "format": form, "personal": personal, "tables": described}
    (folder / MANIFEST).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _csv(tables: Sequence[Table], folder: Path) -> dict[str, int]:
    """Lists are joined by ``; ``; what a spreadsheet would take for a formula is guarded."""
    counts = {}
    for table in tables:
        names = [column.name for column in table.columns]
        with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as target:
            out = csv.writer(target)
            out.writerow(names)
            counts[table.name] = 0
            for row in table.rows():
                out.writerow([_csv_value(row.get(name)) for name in names])
                counts[table.name] += 1
    return counts


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return csv_cell(value) if isinstance(value, str) else value


def _jsonl(tables: Sequence[Table], folder: Path) -> dict[str, int]:
    return {table.name: _lines(table, folder / f"{table.name}.jsonl") for table in tables}


def _lines(table: Table, path: Path) -> int:
    names = [column.name for column in table.columns]
    count = 0
    with path.open("w", encoding="utf-8") as target:
        for row in table.rows():
            count += 1
            whole = {name: row.get(name) for name in names}
            target.write(json.dumps(whole, ensure_ascii=False) + "\n")
    return count


def _parquet(tables: Sequence[Table], folder: Path) -> dict[str, int]:
    db = _loaded(tables)
    for table in tables:
        name = table.name
        if not table.by_year:
            db.execute(f"COPY {name} TO '{_quoted(folder / f'{name}.parquet')}' (FORMAT parquet)")
            continue
        part = f'SELECT *, coalesce(year("{table.by_year}"), 0) AS year FROM {name}'  # noqa: S608  as above
        how = "FORMAT parquet, PARTITION_BY (year), FILENAME_PATTERN 'part-{i}'"
        db.execute(f"COPY ({part}) TO '{_quoted(folder / name)}' ({how})")
        (folder / name).mkdir(exist_ok=True)
    return _counts(db, tables)


def _duckdb(tables: Sequence[Table], folder: Path) -> dict[str, int]:
    db = _loaded(tables, folder / "crmctl.duckdb")
    counts = _counts(db, tables)
    db.close()
    return counts


def _counts(db: DuckDBPyConnection, tables: Sequence[Table]) -> dict[str, int]:
    found = {}
    for table in tables:
        row = db.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608  our own names
        found[table.name] = row[0] if row else 0
    return found


_WRITERS: dict[str, Callable[[Sequence[Table], Path], dict[str, int]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "jsonl": _jsonl,
    "duckdb": _duckdb,
}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _loaded(tables: Sequence[Table], database: Path | None = None) -> DuckDBPyConnection:
    """The tables in DuckDB, in memory or in a database file."""
    try:
        import duckdb
    except ImportError:
        raise ConfigError(
            "this needs DuckDB: install crmctl with the extra analytics (pip install 'crmctl[analytics]')"
        ) from None

    db = duckdb.connect(str(database) if database else ":memory:")
    with tempfile.TemporaryDirectory(prefix="crmctl-") as folder:
        for table in tables:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            db.execute(f"CREATE TABLE {table.name} ({columns})")
            lines = Path(folder) / f"{table.name}.jsonl"
            if _lines(table, lines):
                kinds = ", ".join(f"'{c.name}': '{c.type}'" for c in table.columns)
                size = max(16_777_216, os.path.getsize(lines))
                db.execute(
                    f"INSERT INTO {table.name} SELECT * FROM read_json('{_quoted(lines)}',"  # noqa: S608  our own
                    f" format = 'newline_delimited', columns = {{{kinds}}}, maximum_object_size = {size})"
                )
            lines.unlink()
    return db


def query(tables: Sequence[Table], sql: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The columns and rows of one SQL statement over the tables; UsageError says what is wrong with it."""
    import duckdb

    if not sql.strip():
        raise UsageError("the query cannot be answered: it is empty; write a SELECT")
    db = _loaded(tables)
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    try:
        found = db.execute(sql)
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"the query cannot be answered: {one_line(first, 300)}") from None
    names = [column[0] for column in found.description or ()]
    if not names:
        raise UsageError("the query cannot be answered: it asks for nothing; write a SELECT")
    return names, _rows(found)


def _rows(found: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := found.fetchmany(_BATCH):
        yield from batch
