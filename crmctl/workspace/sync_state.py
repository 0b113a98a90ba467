"""How far each source has been read: ``accounts/_state/<source>.yaml``, committed beside what was read.

So a fresh clone goes on where the last run ended, and a reverted commit is read again: data and mark cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.model.errors import DamagedFile, Problem
from crmctl.workspace import files, paths, yamldump, yamlio

_HEAD = "# How far crmctl has read this source, written by crmctl. `crmctl sync --full` reads everything again.\n"


@dataclass(frozen=True, slots=True)
class State:
    """``mark`` is the source's own; ``claims`` are accounts that people gave to its records, by ``kind:id``."""

    mark: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None


def load(root: Path, source: str) -> State:
    """The state of a source, an empty one if it was never read. `DamagedFile` if the file cannot be understood."""
    path = paths.state(source)
    raw = files.read(root, path)
    if raw is None:
        return State()
    data = _parsed(raw.decode("utf-8", "replace"), path)
    if data is None:
        return State(raw=raw)
    mark = data.get("mark") or {} if isinstance(data, dict) else None
    claims = data.get("claims") or {} if isinstance(data, dict) else None
    if not isinstance(mark, dict) or not isinstance(claims, dict):
        message = (
            "must hold maps `mark` and `claims`; restore it with git, or delete it and sync again"
        )
        raise DamagedFile([Problem(path, 1, "", message, "type")])
    return State(mark, {str(key): str(slug) for key, slug in claims.items()}, raw)


def dump(state: State) -> bytes:
    """The file of a state; the same state gives the same bytes."""
    parts = _sorted(
        {n: part for n, part in (("mark", state.mark), ("claims", state.claims)) if part}
    )
    text = _HEAD + yamldump.dump_mapping(parts)
    if len(text.encode()) > yamlio.MAX_BYTES or _size(parts) > yamlio.MAX_NODES:
        text = f"{_HEAD}{json.dumps(parts, ensure_ascii=False, indent=1)}\n"
    return text.encode()


def _parsed(text: str, path: str) -> Any:
    """The data of a state file. One that is too much for our YAML, as of thousands of channels, is in JSON."""
    whole = text.removeprefix(_HEAD)
    if not whole.startswith("{"):
        return yamlio.load(text, path=path)
    try:
        return json.loads(whole)
    except (ValueError, RecursionError):
        message = "is no whole JSON; delete it to have everything read again"
        raise DamagedFile([Problem(path, 1, "", message, "json")]) from None


def _size(value: Any) -> int:
    """How many values and keys there are, as the YAML reader counts them."""
    if isinstance(value, Mapping):
        return 1 + sum(1 + _size(part) for part in value.values())
    return 1 + (sum(map(_size, value)) if isinstance(value, list) else 0)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _sorted(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value
