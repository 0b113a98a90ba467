"""Where rule files such as ``signals.yaml`` are read from. Apart from their models, so that comparing costs none."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from crmctl.model.errors import ConfigError
from crmctl.workspace import files

SIGNALS = "signals.yaml"


def rules_bytes(root: Path, path: str) -> bytes:
    """The workspace's rule file, else the one that comes with crmctl; `ConfigError` when there is neither."""
    raw = files.read(root, path)
    if raw is None:
        from crmctl.workspace.templates import shipped

        raw = shipped(path)
    if raw is None:
        raise ConfigError(f"{path}: there is no such file; put one at the workspace's root")
    return raw


def rules_digest(root: Path) -> str:
    """Of the rules for texts that hold in a workspace."""
    return sha256(rules_bytes(root, SIGNALS)).hexdigest()
