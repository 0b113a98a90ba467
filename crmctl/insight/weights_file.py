"""Where the weights are read from. Apart from `weights`, so that comparing them costs no model."""

from __future__ import annotations

from pathlib import Path

from crmctl.model.errors import ConfigError
from crmctl.workspace import files

WEIGHTS = "weights.yaml"


def read_bytes(root: Path) -> bytes:
    """The workspace's ``weights.yaml``, else the one that comes with crmctl."""
    raw = files.read(root, WEIGHTS)
    if raw is None:
        from crmctl.workspace.templates import shipped

        raw = shipped(WEIGHTS)
    if raw is None:
        raise ConfigError(f"{WEIGHTS}: there is no such file; put one at the workspace's root")
    return raw
