"""What workflows did, read back from the accounts' ``episodes.jsonl``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from crmctl.workflow.alerts import every_episode
from crmctl.workspace.episodes import DONE

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.workspace.episodes import Episode
    from crmctl.workspace.workspace import Workspace


def history(
    ws: Workspace,
    slugs: Iterable[str] | None = None,
    workflow: str = "",
    since: dt.date | None = None,
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """One row an occasion, the newest first, and the lines that cannot be read.

    ``since`` keeps those that began or ended on that day or later.
    """
    found, problems = every_episode(ws, slugs)
    rows = [
        _row(slug, episode)
        for slug, episodes in found
        for episode in episodes
        if not episode.is_note
        and workflow in ("", episode.workflow)
        and (since is None or max(episode.opened, episode.closed or episode.opened) >= since)
    ]
    rows.sort(key=lambda row: (row["account"], row["workflow"], row["episode"]))
    rows.sort(key=lambda row: row["opened"], reverse=True)
    return rows, problems


def _row(slug: str, episode: Episode) -> dict[str, Any]:
    return {
        "opened": episode.opened,
        "closed": episode.closed,
        "account": slug,
        "workflow": episode.workflow,
        "episode": episode.key,
        "because": episode.because,
        "evidence": episode.evidence,
        "seen": episode.seen or None,
        "steps": [
            {
                "step": step,
                "state": outcome.state,
                "what": outcome.text,
                "path": outcome.path or None,
            }
            for step, outcome in episode.actions.items()
        ],
        "done": sum(outcome.state == DONE for outcome in episode.actions.values()),
    }
