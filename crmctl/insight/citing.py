"""From a source to its line: ``profile.md#seats`` becomes ``profile.md:12``, so do ``#goals.0`` and ``#body.2``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.workspace import files
from crmctl.workspace.document import Document, parse
from crmctl.workspace.paths import ACCOUNTS

BODY = "body."  # ``path#body.3`` is the third line below the front matter
KEPT_ROWS = 500_000  # of files of measures, most of which few accounts cite

# The first line of each account's measure, by file of measures.
Rows = dict[str, dict[bytes, int]]


class Lines:
    """Finds lines of one account's sources, reading each file once.

    ``rows`` lets the `Lines` of many accounts share what they found in the files of measures.
    """

    def __init__(self, root: Path, slug: str, rows: Rows | None = None) -> None:
        self.root = root
        self.slug = slug
        self._rows: Rows = {} if rows is None else rows
        self._parsed: dict[str, tuple[bytes, Document]] = {}
        self._found: dict[str, str] = {}

    def cite(self, source: str) -> str:
        """``path:line``; the source as it is when it names no field, the path alone when there is no line."""
        path, mark, name = source.partition("#")
        if not mark:
            return source
        if source not in self._found:
            try:
                line = self._line(path, name)
            except CrmError:
                line = 0
            self._found[source] = f"{path}:{line}" if line else path
        return self._found[source]

    def _line(self, path: str, name: str) -> int:
        if path.startswith(f"{ACCOUNTS}/_measures/"):
            return self._row(path, f"{self.slug},{name}".encode())
        if path not in self._parsed:
            raw = files.read(self.root, path)
            if raw is None:
                return 0
            self._parsed[path] = raw, parse(raw, path)
        raw, found = self._parsed[path]
        if name.startswith(BODY):
            return raw.count(b"\n") - found.body.count("\n") + int(name.removeprefix(BODY))
        return found.line_of(tuple(int(k) if k.isdigit() else k for k in name.split(".")))

    def _row(self, path: str, key: bytes) -> int:
        if path not in self._rows:
            rows: dict[bytes, int] = {}
            for number, line in enumerate((files.read(self.root, path) or b"").split(b"\n"), 1):
                rows.setdefault(b",".join(line.split(b",", 2)[:2]), number)
            while self._rows and sum(map(len, self._rows.values())) + len(rows) > KEPT_ROWS:
                del self._rows[next(iter(self._rows))]
            self._rows[path] = rows
        return self._rows[path].get(key, 0)

    def cited(self, data: Any) -> Any:
        """Plain data with a line in every ``source`` and in all ``sources``."""
        if isinstance(data, dict):
            return {key: self._entry(key, value) for key, value in data.items()}
        return [self.cited(item) for item in data] if isinstance(data, list) else data

    def _entry(self, key: str, value: Any) -> Any:
        if key == "source" and isinstance(value, str):
            return self.cite(value)
        if key == "sources" and isinstance(value, list):
            return [self.cite(item) if isinstance(item, str) else item for item in value]
        return self.cited(value)
