"""Documents an account has one of: relationship map, onboarding, and a review of each deal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import UsageError
from crmctl.render.account import Seen, merged, read
from crmctl.render.deal_review import deal_context
from crmctl.render.map_document import map_context
from crmctl.render.map_view import view_of
from crmctl.workspace import paths, templates

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

KINDS = ("relationship-map", "onboarding", "deal-review")
WEEKS = {"before": 0, "w1": 7, "w2": 14, "w4": 28, "w8": 56, "w12": 84}


def plan_document(
    ws: Workspace, slug: str, kind: str, *, deal: str = "", framework: str = ""
) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan one of `KINDS`: the plan, the document as it will be, and sections that a person must settle.

    ``deal`` names the deal of a deal review, ``framework`` how it is qualified if not as the weights say.
    UsageError for an unknown kind or deal.
    """
    seen = read(ws, slug)
    if kind == "relationship-map":
        path, context = (
            paths.document(slug, kind),
            map_context(view_of(seen, ws.today, ws.config.team)),
        )
    elif kind == "onboarding":
        path, context = paths.document(slug, kind), onboarding_context(seen, ws.today)
    elif kind == "deal-review":
        path = paths.review(slug, f"deal-{_deal(seen, deal).id}")
        context = deal_context(seen, _deal(seen, deal), ws.today, ws.config.currency, framework)
    else:
        raise UsageError(f"{kind!r} is no document; there are: {', '.join(KINDS)}")
    return merged(ws, path, templates.render(ws.root, kind, context), kind.replace("-", " "))


def _deal(seen: Seen, deal: str) -> Record:
    found = seen.account.deals.get(deal)
    if found is None:
        known = ", ".join(seen.account.deals) or "none"
        raise UsageError(f"{deal!r} is no deal of {seen.account.slug}; there are: {known}")
    return found


def onboarding_context(seen: Seen, today: dt.date) -> dict[str, Any]:
    """What ``templates/onboarding.md.j2`` is given; weeks count from the start of the subscription."""
    profile = seen.account.profile
    here = [person for person in seen.account.contacts.values() if person.date("left") is None]
    names = {
        role: next((p.title for p in here if role in p.items("roles")), None)
        for role in ("champion", "decision_maker")
    }
    start = profile.date("started") or today
    goal = dict.fromkeys(("name", "unit", "baseline", "target", "current", "due"))
    return {
        "name": profile.title,
        "account": seen.account.slug,
        "owner": profile.get("owner"),
        **names,
        "started": profile.date("started"),
        "plan": profile.get("plan"),
        "seats": profile.get("seats"),
        "weeks": {name: start + dt.timedelta(days=days) for name, days in WEEKS.items()},
        "goals": [goal | dict(row) for row in profile.items("goals")],
    }
