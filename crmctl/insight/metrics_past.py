"""What profiles stated of MRR on earlier days, from git: for accounts whose MRR nobody measured then."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.metrics_history import Point, stated
from crmctl.insight.past import head_on
from crmctl.model.errors import CrmError, UsageError
from crmctl.workspace import paths
from crmctl.workspace.index import as_json
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def past_points(
    ws: Workspace, profiles: Mapping[str, Mapping[str, Any]], days: Sequence[int]
) -> dict[str, list[Point]]:
    """By account, what its profile stated at the end of each of the days, oldest first; empty before the first commit.

    A profile that is the same as now is not read again.
    """
    found: dict[str, list[Point]] = {}
    held: dict[str, dict[str, Mapping[str, Any]]] = {}
    uncommitted: set[str] | None = None
    for day in sorted(days):
        try:
            commit = head_on(ws.git, dt.date.fromordinal(day))
        except UsageError:
            continue
        if uncommitted is None:
            uncommitted = _names(ws.git.run("ls-files", "-z", "--others", "--", paths.ACCOUNTS))
        if commit.id not in held:
            held[commit.id] = _at(ws, commit.id, profiles, uncommitted)
        for slug, profile in held[commit.id].items():
            said = stated(profile, paths.profile(slug))
            if said is not None:
                value, source = said
                place = f"{source.partition('#')[0]}@{commit.short}"
                found.setdefault(slug, []).append(Point(day, value, place))
    return found


def _names(output: bytes) -> set[str]:
    return {os.fsdecode(name) for name in output.split(b"\0")}


def _at(
    ws: Workspace, commit: str, profiles: Mapping[str, Mapping[str, Any]], uncommitted: set[str]
) -> dict[str, Mapping[str, Any]]:
    """The profiles as a commit holds them; those that it does not hold, or that cannot be read, are left out."""
    options = ("-z", "--name-only", "--no-renames", "--relative")
    differing = _names(ws.git.run("diff-index", *options, commit, "--", paths.ACCOUNTS))
    # Of files that git does not know, it says no difference either.
    changed = differing | uncommitted
    wanted = [path for slug in profiles if (path := paths.profile(slug)) in changed]
    found = {slug: each for slug, each in profiles.items() if paths.profile(slug) not in changed}
    blobs = ws.git.blobs([(commit, path) for path in wanted])
    for path, raw in zip(wanted, blobs, strict=True):
        if raw is None:
            continue
        try:
            record, _ = read_record(raw, path, ws.ranking, fast=True)
        except CrmError:
            continue
        found[path.split("/")[1]] = json.loads(as_json(record.effective()))
    return found
