"""Plain data for documents: everything a template or a caller needs of an account, and nothing else.

Plain data is text, numbers, dates, lists and maps of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmctl.insight.churn import CUSTOMERS, assess
from crmctl.insight.evidence import Evidence, Goal, gather
from crmctl.insight.facts import by_measure
from crmctl.insight.health import Health
from crmctl.insight.icp import fit
from crmctl.insight.inputs.fact import Facts, Series
from crmctl.insight.inputs.outcomes import pace
from crmctl.insight.judging import judged, uncarded
from crmctl.insight.qualification import qualify, warnings
from crmctl.insight.qualification_evidence import Sources
from crmctl.insight.relationships import relationships
from crmctl.insight.signals import competitors, signals
from crmctl.insight.text_signals import heard
from crmctl.model.plain import plain
from crmctl.model.record import Account, Record
from crmctl.workspace.measures import Measure

if TYPE_CHECKING:
    from crmctl.insight.text_rules import TextRules
    from crmctl.insight.text_signals import Heard
    from crmctl.insight.weights import Weights


def health_page(
    slug: str, name: str, health: Health, today: dt.date, said: list[dict[str, Any]]
) -> dict[str, Any]:
    """The context of ``templates/health.md.j2``: ``name``, ``account`` (the folder), ``as_of``, ``health``, ``said``.

    ``said`` are `crmctl.insight.claims.plain_claims`.
    """
    page = {"name": name, "account": slug, "as_of": today, "health": plain_health(health)}
    return page | {"said": said}


def plain_health(health: Health) -> dict[str, Any]:
    """A health as plain data.

    Scores are 0 to 100, shares 0 to 1, None is what nobody knows. ``override`` is always there and None
    unless a person set the score by hand and it still holds. ``card`` is the scorecard, empty for the base.
    """
    return {
        "score": health.score,
        "status": health.status,
        "coverage": health.coverage,
        "low": health.low,
        "high": health.high,
        "mean": health.mean,
        "reason": health.reason,
        "reasons": health.reasons,
        "computed": health.computed,
        "card": health.card,
        "override": plain(health.by_hand),
        "override_text": health.override_text,
        "gates": plain(health.gates),
        "recommendations": plain(health.recommendations),
        "factors": plain(health.factors),
    }


def picture(
    account: Account,
    measures: Sequence[Measure],
    today: dt.date,
    weights: Weights,
    rules: TextRules | None = None,
    root: Path | None = None,
    *,
    evidence: Evidence | None = None,
    said: Heard | None = None,
    series: Series | None = None,
    judgement: tuple[Facts, Health] | None = None,
) -> dict[str, Any]:
    """All that reviews, plans and briefs need of one account, as of ``today``; texts are read by ``rules``, if given.

    ``root`` is the workspace, in which files that deals cite are looked up; without it there are none. ``evidence``,
    ``said`` (what the texts say), ``series`` (the measures by name) and ``judgement`` (`judged`), all as of ``today``,
    spare the work where they are known already.

    Keys: ``slug``, ``name``, ``today``, ``profile`` (effective values), ``health`` (`plain_health`),
    ``churn`` (`crmctl.insight.churn.Risk`, None for who is no customer), ``usage`` (by measure: day and value,
    oldest first), ``relationships``, ``icp``, ``opportunities``
    (open deals with qualification and warnings), ``decided`` (won and lost deals), ``competitors``,
    ``risks``, ``buying``, ``expansion``, ``sentiment`` (`crmctl.insight.sentiment.Sentiment`, None without rules),
    ``goals``, ``tasks`` (open), ``conversations`` (latest first).
    """
    evidence = evidence or gather(account, today)
    series = by_measure(measures) if series is None else series
    facts, health = judgement or judged(evidence, series, today, weights)
    people = relationships(account, evidence, today, weights.health.measuring)
    found = signals(evidence, facts, health, today, weights)
    said = said or (heard(account, rules, today) if rules else None)
    found += said.signals if said else ()
    cited = Sources(account, root)
    deals = sorted(account.deals.values(), key=lambda d: (d.date("close") or dt.date.max, d.id))
    return {
        "slug": account.slug,
        "name": account.profile.title,
        "today": today,
        "profile": account.profile.effective(),
        "health": plain_health(health),
        "churn": _churn(
            account,
            evidence,
            uncarded(facts, health, evidence, series, today, weights),
            today,
            weights,
        ),
        "usage": {name: _days(days) for name, days in series.items() if name.startswith("usage.")},
        "relationships": plain(people),
        "icp": plain(fit(account.profile, weights.icp)),
        "opportunities": [
            _opportunity(deal, cited, today, weights) for deal in deals if _status(deal) == "open"
        ],
        "decided": [_deal(deal) for deal in deals if _status(deal) != "open"],
        "competitors": plain(competitors(evidence, said.vendors if said else None)),
        "risks": [plain(s) for s in found if s.kind == "risk"],
        "buying": [plain(s) for s in found if s.kind == "buying"],
        "expansion": [plain(s) for s in found if s.kind == "expansion"],
        "sentiment": plain(said.sentiment) if said else None,
        "goals": [_goal(account, goal, evidence, today, weights) for goal in evidence.goals],
        "tasks": [
            {"id": t.id, "path": t.path} | t.effective()
            for t in sorted(
                account.tasks.values(), key=lambda t: (t.date("due") or dt.date.max, t.id)
            )
            if t.text("status") == "open"
        ],
        "conversations": conversations(account),
    }


def _churn(
    account: Account, evidence: Evidence, facts: Facts, today: dt.date, weights: Weights
) -> dict[str, Any] | None:
    if weights.churn is None or account.profile.text("stage") not in CUSTOMERS:
        return None
    risk: dict[str, Any] = plain(assess(evidence, facts, today, weights.churn))
    return risk


def conversations(account: Account) -> list[dict[str, Any]]:
    """Every dated conversation and event, latest first, with its ``path`` (and ``line``)."""
    found = [
        r.effective() | {"id": r.id, "path": r.path, "line": None} for r in account.interactions
    ]
    found += [dict(e.data) | {"path": e.path, "line": e.line} for e in account.events]
    dated = [item for item in found if isinstance(item.get("at"), dt.datetime)]
    dated.sort(key=lambda item: (item["at"], str(item["id"])), reverse=True)
    return dated


def _days(days: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
    return [{"day": dt.date.fromordinal(day), "value": value} for day, value in days]


def _status(deal: Record) -> str:
    return deal.text("status") or "open"


def _deal(deal: Record) -> dict[str, Any]:
    return deal.effective() | {"id": deal.id, "path": deal.path, "status": _status(deal)}


def _opportunity(deal: Record, cited: Sources, today: dt.date, weights: Weights) -> dict[str, Any]:
    close, step_due = deal.date("close"), deal.date("next_step_due")
    told = []
    if close is None:
        told.append("has no closing date")
    elif close < today:
        told.append(f"should have closed on {close}")
    if not deal.text("next_step"):
        told.append("has no next step")
    elif step_due is not None and step_due < today:
        told.append(f"next step was due on {step_due}")
    found = qualify(deal, cited, weights.qualification, today)
    told += warnings(found, weights.qualification.frameworks[found.framework])
    return _deal(deal) | {"qualification": plain(found), "warnings": told}


def _goal(
    account: Account, goal: Goal, evidence: Evidence, today: dt.date, weights: Weights
) -> dict[str, Any]:
    earliest = weights.health.measuring.goal_earliest
    row = next(g for g in account.profile.items("goals") if str(g.get("name", "")) == goal.name)
    return dict(row) | {
        "pace": pace(goal, evidence.dates.get("started"), today.toordinal(), earliest)
    }
