"""The reviews that the night writes: this quarter's month by month, the last one's once it is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.model.errors import CrmError
from crmctl.render.quarter import Quarter
from crmctl.render.review import plan_review
from crmctl.render.review_kinds import INTERNAL, document_name
from crmctl.workflow import nightly_trends, outbox
from crmctl.workflow.nightly_writing import write
from crmctl.workspace import paths
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.workflow.nightly import Did
    from crmctl.workspace.runs import Run
    from crmctl.workspace.workspace import Workspace


class _Planned(NamedTuple):
    changes: ChangeSet
    kept: int
    errors: list[str]


def reviews(ws: Workspace, _day: dt.date, *, commit: bool) -> Did:
    """Bring the reviews of the present quarter up to date: the types set, for each account that is reviewed.

    What people wrote in one stays. An account that cannot be read is named, and the others are done.
    """
    return _written(ws, "reviews", "Reviews of the quarter", None, commit=commit)


def preparation(ws: Workspace, day: dt.date, *, commit: bool) -> Did:
    """Write the reviews of the quarter that ended before the one of ``day``, and tell the owners where they lie."""
    over = Quarter.of(day).previous
    subject = f"Reviews of {over}"
    return _written(ws, "preparation", subject, over, commit=commit)


def _written(
    ws: Workspace, name: str, subject: str, quarter: Quarter | None, *, commit: bool
) -> Did:
    planned: list[_Planned] = []
    profiles = _reviewed(ws)

    def plan() -> ChangeSet:
        planned[:] = [_plan(ws, list(profiles), quarter)]
        return planned[0].changes

    def apply(changes: ChangeSet, run: Run) -> None:
        if quarter is not None:
            outbox.write(ws.state_dir, _notes(ws, profiles, quarter))
        ws.apply(changes, run)

    did = write(ws, name, plan, subject, commit=commit, apply=apply)
    made = planned[0]
    did.errors += made.errors
    did.text = f"{len(profiles)} accounts: {did.text}"
    if made.kept:
        did.text += f"; {made.kept} sections that people edited stay as they are"
    return did


def _plan(ws: Workspace, slugs: Sequence[str], quarter: Quarter | None) -> _Planned:
    every, kept, errors = ChangeSet(), 0, []
    wanted = [(slug, kind) for slug in slugs for kind in ws.config.reviews.prepared]
    for slug, kind in wanted:
        try:
            changes, _, conflicts = plan_review(
                ws, slug, quarter=quarter.slug if quarter else None, kind=kind
            )
        except CrmError as error:
            errors.append(f"{slug}: {error}")
            continue
        kept += len(conflicts)
        for change in changes:
            every.add(change)
    return _Planned(every, kept, errors)


def _reviewed(ws: Workspace) -> dict[str, dict[str, object]]:
    """The profiles of the accounts in a stage that is reviewed."""
    stages = ws.config.nightly.stages
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("name", "stage", "owner"))
    return {
        slug: {"name": name, "owner": owner}
        for slug, problem, name, stage, owner in rows
        if problem is None and stage in stages
    }


def _notes(
    ws: Workspace, profiles: dict[str, dict[str, object]], quarter: Quarter
) -> list[outbox.Message]:
    """One message to each owner: which reviews are to be gone through."""
    mine: dict[str, list[str]] = {}
    for slug, profile in sorted(profiles.items()):
        owner = nightly_trends.owner_of(ws, profile)
        for kind in ws.config.reviews.prepared:
            path = paths.review(slug, document_name(kind, INTERNAL, quarter))
            mine.setdefault(owner, []).append(f"- {profile.get('name') or slug}: {path}")
    head = [f"The reviews of {quarter} are written. Go through them before you meet:", ""]
    return [
        nightly_trends.note(
            ws,
            f"preparation/{quarter.slug}",
            owner,
            f"Prepare {len(lines)} reviews of {quarter}",
            [*head, *lines],
        )
        for owner, lines in sorted(mine.items())
        if owner
    ]
