"""From a source to the line where it stands: ``profile.md#seats`` becomes ``profile.md:12``, so does ``#body.2``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.workspace import files
from crmctl.workspace.document import parse
from crmctl.workspace.paths import ACCOUNTS

BODY = "body."  # ``path#body.3`` is the third line below the front matter


class Lines:
    """Finds lines of one account's sources, reading each file once."""

    def __init__(self, root: Path, slug: str) -> None:
        self.root = root
        self.slug = slug
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
        raw = files.read(self.root, path)
        if raw is None:
            return 0
        if path.startswith(f"{ACCOUNTS}/_measures/"):
            start = f"{self.slug},{name},".encode()
            lines = raw.split(b"\n")
            return next((n for n, line in enumerate(lines, 1) if line.startswith(start)), 0)
        found = parse(raw, path)
        if name.startswith(BODY):
            return raw.count(b"\n") - found.body.count("\n") + int(name.removeprefix(BODY))
        return found.line_of(tuple(name.split(".")))

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
