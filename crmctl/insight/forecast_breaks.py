"""Days on which the rule of the scores changed: scores from before and after are two histories.

What was committed of ``weights.yaml`` says when. Only the parts of it count that scores come from, so that a comment,
a threshold of an alert or another section breaks nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from crmctl.insight.weights_file import WEIGHTS, read_bytes
from crmctl.model.errors import CrmError
from crmctl.workspace import yamlio
from crmctl.workspace.git import Git

if TYPE_CHECKING:
    from pathlib import Path

WHY = "weights.yaml changed"
_PARTS = ("coverage_floor", "factors", "measuring", "gates", "scorecards")


def weights_changed(root: Path, today: dt.date, since: dt.date) -> dict[dt.date, str]:
    """The days after ``since`` on which the weights of health became others, each with `WHY`.

    Weights that are not committed yet changed today. Empty where git has no history of them.
    """
    line = ("log", "--first-parent", "--format=%H %cI")
    git = Git(root)
    code, out, _ = git.attempt(*line, "--end-of-options", "HEAD", "--", WEIGHTS)
    if code or not out:
        return {}
    commits: list[tuple[str, dt.date]] = []
    for row in out.decode().splitlines():
        name, _, when = row.partition(" ")
        commits.append((name, dt.datetime.fromisoformat(when).astimezone(dt.UTC).date()))
        # The one before those asked for says what held until then.
        if commits[-1][1] <= since:
            break
    blobs = git.blobs([(name, WEIGHTS) for name, _ in commits])
    found = {}
    newer, day = _parts(read_bytes(root)), today
    for raw, (_, made) in zip(blobs, commits, strict=True):
        older = _parts(raw or b"")
        if older != newer and day > since:
            found[day] = WHY
        newer, day = older, made
    return found


def _parts(raw: bytes) -> Any:
    """The numbers that scores come from; None where the file is none."""
    try:
        found = yamlio.load(raw.decode("utf-8-sig"), path=WEIGHTS)
    except (CrmError, UnicodeDecodeError):
        return None
    health = found.get("health") if isinstance(found, dict) else None
    return {name: health.get(name) for name in _PARTS} if isinstance(health, dict) else None
