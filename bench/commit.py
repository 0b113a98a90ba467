"""Commits the files whose paths stand on standard input, as `--commit` does after a command has written them."""

from __future__ import annotations

import sys
from pathlib import Path

from crmctl.workspace.git import Git

Git(Path.cwd()).commit(sys.stdin.read().split("\n"), "Change what changed")
