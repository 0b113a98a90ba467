"""Everything known of one customer in one call, for scripts and notebooks."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmctl.insight.citing import Lines
from crmctl.insight.insights import insights, plain
from crmctl.insight.picture import picture
from crmctl.insight.text_rules import load_rules
from crmctl.insight.weights import load_weights
from crmctl.model.errors import DamagedFile, UsageError
from crmctl.workspace import measures, resolve, store
from crmctl.workspace.index import opened
from crmctl.workspace.workspace import Workspace, find_root

if TYPE_CHECKING:
    from crmctl.model.record import Account

INSIGHTS = (
    "summary",
    "icp",
    "relationships",
    "opportunities",
    "competitors",
    "risks",
    "buying",
    "expansion",
    "sentiment",
    "goals",
)


def aggregate_customer_data(customer_id: str, root: Path | None = None) -> dict[str, Any]:
    """Profile, usage, conversations, health score and insights of one customer.

    ``customer_id`` is the account's folder, its name, a domain, or its id in a system
    (``salesforce:001…`` or the id alone). ``root`` is the workspace, by default the one around the
    current folder. All values are plain: text, numbers, lists and maps; dates as ISO text; None is
    what nobody knows. Scores are 0 to 100, shares 0 to 1. ``insights`` has the same sentences as `crmctl insights` in
    ``summary``, the weightiest first.

    Raises UsageError when no account, or more than one, is meant; DamagedFile when its profile
    cannot be read.
    """
    ws = Workspace(find_root(root or Path.cwd()))
    slug = _resolve(ws, customer_id)
    reader = store.Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        series = measures.series(index, slug)
    weights = load_weights(ws.root)
    found = picture(account, series, ws.today, weights, load_rules(ws.root), ws.root)
    found["summary"] = [plain(told) for told in insights(account, found, series, weights)]
    seen = Lines(ws.root, slug).cited(found)
    health = seen["health"]
    overall = {
        "overall": health["score"],
        "status": health["status"],
        "factors": {factor["name"]: factor["score"] for factor in health["factors"]},
        "recommendations": health["recommendations"],
        "coverage": health["coverage"],
        "range": [health["low"], health["high"]],
        "reason": health["reason"],
        "gates": health["gates"],
    }
    aggregated = {
        "profile": {"slug": slug, **seen["profile"], **_records(account)},
        "usage": seen["usage"],
        "conversations": seen["conversations"],
        "health_score": overall,
        "insights": {name: seen[name] for name in INSIGHTS},
    }
    result: dict[str, Any] = _plain(aggregated)
    return result


def _records(account: Account) -> dict[str, Any]:
    return {
        kind: [{"id": r.id, "path": r.path, **r.effective()} for r in records.values()]
        for kind, records in (("contacts", account.contacts), ("deals", account.deals))
    }


def _resolve(ws: Workspace, customer_id: str) -> str:
    try:
        return resolve.account(ws, customer_id)
    except UsageError as error:
        # Ids of systems are in the files only: looked for when nothing else is meant.
        found = [
            account.slug
            for account in store.Reader(ws.root, ws.ranking, fast=True).accounts(only=frozenset())
            if any(customer_id in {id, id.partition(":")[2]} for id in account.profile.ids())
        ]
        if not found:
            raise error from None
        return resolve.one(found, customer_id, "account")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else value
