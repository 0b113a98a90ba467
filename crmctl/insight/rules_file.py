"""Where the rules for texts are read from. Apart from `text_rules`, so that comparing them costs no model."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from crmctl.workspace import files

SIGNALS = "signals.yaml"


def rules_digest(root: Path) -> str:
    """Of the workspace's ``signals.yaml``, else of the one that comes with crmctl; empty when there is neither."""
    raw = files.read(root, SIGNALS)
    if raw is None:
        from crmctl.workspace.templates import shipped

        raw = shipped(SIGNALS)
    return "" if raw is None else sha256(raw).hexdigest()
