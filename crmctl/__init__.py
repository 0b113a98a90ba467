"""crmctl: a team's customer knowledge as Markdown and YAML files in git."""

from __future__ import annotations

__version__ = "0.1.0"
