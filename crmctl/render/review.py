"""Reviews: ``reviews/<yyyy>-q<n>-<type>.md``, for ourselves or for the customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from crmctl.insight.churn import CUSTOMERS
from crmctl.model.errors import UsageError
from crmctl.render.account import Seen, merged, read
from crmctl.render.quarter import Quarter
from crmctl.render.review_customer import customer_context
from crmctl.render.review_ebr import ebr_context
from crmctl.render.review_ground import Ground, ground
from crmctl.render.review_handover import handover_context
from crmctl.render.review_kinds import CUSTOMER, INTERNAL, check, document_name, template_name
from crmctl.render.review_renewal import renewal_context
from crmctl.workspace import paths, templates

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

_MORE: Final[dict[str, Callable[[Workspace, Ground], dict[str, Any]]]] = {
    "ebr": ebr_context,
    "renewal": renewal_context,
    "handover": handover_context,
}
"""What the templates of some types are given beside what all are."""


def plan_review(
    ws: Workspace,
    slug: str,
    *,
    quarter: str | None = None,
    kind: str = "account",
    audience: str = INTERNAL,
    deal: str = "",
) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan one review of an account: of a quarter (such as ``2026-q4``, by default the present one), or of a ``deal``.

    Gives the plan, the document as it will be, and the sections that a person edited and that would
    now read differently. A past quarter is seen as its last day saw it, the profile apart, which
    keeps no history. UsageError for a type, audience, quarter or deal that there is not,
    and for the renewal of somebody who is no customer.
    """
    check(kind, audience)
    if kind == "deal":
        return _deal(ws, slug, quarter, deal)
    if deal:
        raise UsageError(
            f"--deal: a review of type {kind} is of the whole account; use --type deal"
        )
    chosen = Quarter.parse(quarter) if quarter else Quarter.of(ws.today)
    if chosen.start > ws.today:
        raise UsageError(f"{chosen} begins on {chosen.start}; review a quarter that has begun")
    context = _context(ws, read(ws, slug), kind, audience, chosen)
    rendered = templates.render(ws.root, template_name(kind, audience), context)
    path = paths.review(slug, document_name(kind, audience, chosen))
    return merged(ws, path, rendered, f"{kind} review of {chosen}")


def _context(
    ws: Workspace, seen: Seen, kind: str, audience: str, quarter: Quarter
) -> dict[str, Any]:
    today: dt.date = min(ws.today, quarter.end)
    profile = seen.account.profile
    if kind == "renewal" and profile.text("stage") not in CUSTOMERS and not profile.get("renewal"):
        raise UsageError(f"{seen.account.slug} is a {profile.text('stage')}: nothing renews yet")
    if audience == CUSTOMER:
        return customer_context(ws, seen, kind, quarter, today)
    found = ground(ws, seen, kind, quarter, today)
    return found.shared | (_MORE[kind](ws, found) if kind in _MORE else {})


def _deal(
    ws: Workspace, slug: str, quarter: str | None, deal: str
) -> tuple[ChangeSet, str, list[Conflict]]:
    """The deal review that `crmctl qualify` writes; without a name that of the only open deal."""
    from crmctl.render.documents import plan_document

    if quarter:
        raise UsageError("--quarter: a deal is reviewed as it is now")
    if not deal:
        deals = read(ws, slug).account.deals
        opened = [id for id, one in deals.items() if (one.text("status") or "open") == "open"]
        if len(opened) != 1:
            known = ", ".join(opened) or "none"
            raise UsageError(f"--deal: name the deal; open deals of {slug}: {known}")
        deal = opened[0]
    return plan_document(ws, slug, "deal-review", deal=deal)
