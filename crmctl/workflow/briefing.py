"""What the documents in ``plans/`` may say of an account: plain data, and as plainly what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.insight.account_plan import account_plan, term
from crmctl.insight.citing import Lines
from crmctl.insight.picture import picture
from crmctl.insight.technographics import technologies
from crmctl.insight.technographics_rules import load_technologies
from crmctl.insight.text_rules import load_rules
from crmctl.model.schema import FIELDS
from crmctl.workspace import measures
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account
    from crmctl.workspace.workspace import Workspace

# What a researcher fills in, in the order in which people ask for it, and the question.
RESEARCHED = {
    "description": "what they do, in one sentence",
    "website": "their public site",
    "industry": "their industry",
    "segment": "their market segment",
    "employees": "how many people work there",
    "annual_revenue": "their revenue a year",
    "country": "where they are at home",
    "technologies": "what they run",
    "competitors": "whom they use or consider instead of us",
    "business_intelligence": "initiatives, priorities and news worth knowing",
}


def briefing(
    ws: Workspace, account: Account, weights: Weights, begun: dt.date | None = None
) -> dict[str, Any]:
    """The context of the templates: `crmctl.insight.picture.picture`, with lines where they cite, and more.

    ``profile`` has every field of the schema, None where nobody states it. ``known`` (field, value, by)
    and ``unknown`` (field, question) are the `RESEARCHED` fields; ``people`` are those who have not left;
    ``technologies`` (name, category, status, strength, age in days, source, quote) are cited by their newest evidence;
    ``plan`` is `crmctl.insight.account_plan.account_plan`, for a plan that was ``begun`` on a day, by default today.
    """
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        series = measures.series(index, account.slug)
    rules = load_rules(ws.root)
    seen = picture(account, series, ws.today, weights, rules, ws.root)
    lines = Lines(ws.root, account.slug)
    wanted = ws.config.documents
    seen["plan"] = account_plan(
        account,
        seen,
        series,
        weights,
        lines,
        term(begun or ws.today, wanted.plan_days, ws.today),
        currency=ws.config.currency,
        suggestions=wanted.plan_suggestions,
    )
    for name in ("risks", "buying", "expansion", "competitors"):
        seen[name] = lines.cited(seen[name])
    seen["health"]["recommendations"] = lines.cited(seen["health"]["recommendations"])
    profile = account.profile
    runs = technologies(account, load_technologies(ws.root), rules, ws.today)
    stated = {name: profile.stated(name) for name in RESEARCHED}
    return seen | {
        "profile": {name: profile.get(name) for name in FIELDS["account"]},
        "known": [
            {"field": name, "value": value, "by": by}
            for name, (value, by) in stated.items()
            if value is not None
        ],
        "unknown": [
            {"field": name, "question": question}
            for name, question in RESEARCHED.items()
            if stated[name][0] is None
        ],
        "technologies": [
            {
                "name": each.name,
                "category": each.category,
                "status": each.status,
                "strength": each.strength,
                "age": each.age,
                "source": lines.cite(each.evidence[0].source),
                "quote": each.evidence[0].quote,
            }
            for each in runs
        ],
        "people": [p for p in seen["relationships"]["people"] if p["left"] is None],
    }
