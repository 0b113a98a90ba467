"""How the last sync of each source went on this machine: for `crmctl sources`, never committed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crmctl.sync.live import Outcome
from crmctl.workspace import atomic

_FILE = "sources.json"


def load(state_dir: Path) -> dict[str, dict[str, Any]]:
    """By source: ``at``, ``ok``, ``counts``, ``error``, ``limits``; {} where nothing can be read."""
    try:
        kept = json.loads((state_dir / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, dict)} if isinstance(kept, dict) else {}


def save(state_dir: Path, outcomes: Iterable[Outcome], at: str) -> None:
    """Remember these runs."""
    kept = load(state_dir)
    for outcome in outcomes:
        kept[outcome.system] = {
            "at": at,
            "ok": outcome.ok,
            "counts": outcome.counts(),
            "error": outcome.error or outcome.guard,
            "limits": dict(outcome.limits),
        }
    descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        atomic.replace(descriptor, _FILE, (json.dumps(kept, indent=1) + "\n").encode(), mode=0o600)
    finally:
        os.close(descriptor)
