"""From a source to its line: ``profile.md#seats`` becomes ``profile.md:12``, so do ``#goals.0`` and ``#body.2``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.plain import BARE
from crmctl.workspace import files, yamlfast
from crmctl.workspace.document import HEADER_LINE, parse, split
from crmctl.workspace.paths import ACCOUNTS

BODY = "body."  # ``path#body.3`` is the third line below the front matter
KEPT_ROWS = 500_000  # of files of measures, most of which few accounts cite

# The first line of each account's measure, by file of measures.
Rows = dict[str, dict[bytes, int]]


class Lines:
    """Finds lines of one account's sources, reading each file once.

    ``rows`` lets the `Lines` of many accounts share what they found in the files of measures, ``read`` are files
    that were read already, by path.
    """

    def __init__(
        self,
        root: Path,
        slug: str,
        rows: Rows | None = None,
        read: Mapping[str, bytes] | None = None,
    ) -> None:
        self.root = root
        self.slug = slug
        self._rows: Rows = {} if rows is None else rows
        self._read: Mapping[str, bytes] = read or {}
        self._places: dict[str, _Places | None] = {}
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
        if path not in self._places:
            raw = self._read.get(path) or files.read(self.root, path)
            self._places[path] = None if raw is None else _Places(raw, path)
        places = self._places[path]
        if places is None:
            return 0
        if name.startswith(BODY):
            return places.body + int(name.removeprefix(BODY))
        return places.line_of(tuple(int(k) if k.isdigit() else k for k in name.split(".")))

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
        return self._shown(data, "", "")

    def near(self, data: Any) -> Any:
        """As `cited`, every text without the account's own folder in front."""
        return self._shown(data, "", f"{ACCOUNTS}/{self.slug}/")

    def _shown(self, value: Any, key: str, prefix: str) -> Any:
        if isinstance(value, str):
            return (self.cite(value) if key == "source" else value).removeprefix(prefix)
        if isinstance(value, dict):
            # Of an account there are thousands of values, and most are plain.
            found = {}
            for name, item in value.items():
                if type(item) is str:
                    shown = self.cite(item) if name == "source" else item
                    found[name] = shown.removeprefix(prefix)
                else:
                    found[name] = item if type(item) in BARE else self._shown(item, name, prefix)
            return found
        if isinstance(value, list):
            inner = "source" if key == "sources" else ""
            return [self._shown(item, inner, prefix) for item in value]
        return value


class _Places:
    """Where things stand in one file; DamagedFile if it cannot be read."""

    def __init__(self, raw: bytes, path: str) -> None:
        self._raw = raw
        self._path = path
        self._header, body = split(raw, path)
        self._plain = yamlfast.is_plain(self._header)
        self._document = None if self._plain else parse(raw, path)
        self.body = raw.count(b"\n") - body.count("\n")
        """The lines above the text below the front matter."""

    def line_of(self, key_path: tuple[str | int, ...]) -> int:
        """The line of a key or a list item; 0 where there is none."""
        if self._document is None:
            try:
                start = yamlfast.start_of(self._header, key_path)
            except yamlfast.NotPlain:
                self._document = parse(self._raw, self._path)
            else:
                return 0 if start is None else HEADER_LINE + self._header.count("\n", 0, start)
        return self._document.line_of(key_path)
