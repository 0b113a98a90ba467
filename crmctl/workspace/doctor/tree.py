"""The working tree as a whole, and git itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.workspace import atomic
from crmctl.workspace.doctor.finding import Finding, State

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

OLDEST_GIT = (2, 38)  # the first that can be told not to trust a repository inside the repository
MANY_FILES = 10_000  # from here on, git's own caches are felt


def survey(root: Path) -> tuple[int, list[str]]:
    """How many files the workspace has, and which of them are temporary ones of ours."""
    number = 0
    temporary = []
    for folder, inner, names in os.walk(root):
        if ".git" in inner:
            inner.remove(".git")
        number += len(names)
        place = Path(folder).relative_to(root).as_posix()
        prefix = "" if place == "." else f"{place}/"
        temporary += [f"{prefix}{name}" for name in names if atomic.is_leftover(name)]
    return number, sorted(temporary)


def repository(ws: Workspace, number: int) -> Iterator[Finding]:
    """Git's version, and the settings that make it quick on a tree of ``number`` files."""
    try:
        version = ws.git.run("version").decode().strip()
        listed = ws.git.run("var", "-l").decode("utf-8", "replace").splitlines()
    except CrmError as error:
        yield Finding("git", State.WRONG, str(error))
        return
    digits = re.search(r"(\d+)\.(\d+)", version)
    enough = digits is not None and (int(digits[1]), int(digits[2])) >= OLDEST_GIT
    old = f"{version}; crmctl needs {'.'.join(map(str, OLDEST_GIT))} or newer"
    yield Finding("git", State.OK if enough else State.WRONG, version if enough else old)
    settings = dict(line.split("=", 1) for line in listed if "=" in line)
    quick = "true" in (settings.get("feature.manyfiles"), settings.get("core.untrackedcache"))
    if number >= MANY_FILES and not quick:
        advice = f"{number:,} files: `git config feature.manyFiles true` makes git quicker here"
        yield Finding("git settings", State.ADVICE, advice)
    else:
        yield Finding("git settings", State.OK, f"as {number:,} files need")
