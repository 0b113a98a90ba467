"""The account plan: ``plans/account-plan.md``, one for each account, renewed as the weeks go by."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from crmctl.insight.weights import load_weights
from crmctl.model.errors import CrmError, DamagedFile
from crmctl.render.account import merged
from crmctl.workflow.briefing import briefing
from crmctl.workspace import document, files, paths, store, templates

if TYPE_CHECKING:
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

TEMPLATE = "account-plan"


def plan_account_plan(ws: Workspace, slug: str) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan it: the plan of changes, the document as it will be, and the sections that a person must settle.

    It is the document that the workflow action ``render`` makes with this template, from the same context. Its days
    count from ``created`` in the file that is there, so that they stay what they are until the term is over.
    """
    reader = store.Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    path = paths.plan(slug, TEMPLATE)
    context = briefing(ws, account, load_weights(ws.root), _begun(ws, path))
    owner = ws.config.member(account.profile.text("owner"))
    context |= {
        "workflow": None,
        "because": None,
        "assignee": owner.id if owner else account.profile.text("owner"),
    }
    return merged(ws, path, templates.render(ws.root, TEMPLATE, context), "account plan")


def _begun(ws: Workspace, path: str) -> dt.date | None:
    """When the plan that is there was made; None for a new one, or one that does not say."""
    raw = files.read(ws.root, path)
    if raw is None:
        return None
    try:
        created = document.parse(raw, path).data.get("created")
    except CrmError:
        return None
    if isinstance(created, dt.datetime):
        return created.date()
    return created if isinstance(created, dt.date) and created <= ws.today else None
