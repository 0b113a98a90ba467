"""Risks, chances and competitors that the records themselves show; each claim names where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import Evidence
from crmctl.insight.health import Health
from crmctl.insight.inputs.fact import Facts

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring
    from crmctl.insight.weights import SignalWeights, Weights


KINDS = ("risk", "buying", "expansion", "competitor")
COMPETITOR, CHANGED_COMPANY = "competitor_known", "changed_company"


class Signal(NamedTuple):
    """One claim. ``kind`` is risk, buying, expansion or competitor; ``action`` is one that workflows know.

    ``quote`` are the words it rests on, empty where it rests on numbers; ``strength`` is 0 to 1 and halves each
    ``half_life_days``, None for what holds as long as the records say so.
    """

    kind: str
    name: str
    text: str
    as_of: dt.date | None
    source: str
    action: str
    quote: str = ""
    strength: float = 1.0
    half_life_days: int | None = None


class Quote(NamedTuple):
    """Somebody's words, and where they stand."""

    quote: str
    source: str


class Competitor(NamedTuple):
    """A vendor named in the profile, in deals or in what was said, with every place that names it."""

    name: str
    sources: tuple[str, ...]
    open_deals: tuple[str, ...]
    quotes: tuple[Quote, ...] = ()


def competitors(
    evidence: Evidence, heard: Mapping[str, Sequence[Quote]] | None = None
) -> list[Competitor]:
    """By name, without regard to case; as first written. ``heard`` are quotes by the name of a vendor."""
    found: dict[str, tuple[str, list[str], list[str]]] = {}
    for vendor in evidence.vendors:
        key = vendor.name.casefold()
        _, sources, deals = found.setdefault(key, (vendor.name, [], []))
        sources.append(vendor.source)
        if vendor.deal:
            deals.append(vendor.deal)
    said = {name.casefold(): tuple(quotes) for name, quotes in (heard or {}).items()}
    for name, quotes in (heard or {}).items():
        sources = found.setdefault(name.casefold(), (name, [], []))[1]
        sources.extend(dict.fromkeys(quote.source for quote in quotes))
    return [
        Competitor(name, tuple(sources), tuple(deals), said.get(key, ()))
        for key, (name, sources, deals) in sorted(found.items())
    ]


def signals(
    evidence: Evidence, facts: Facts, health: Health, today: dt.date, weights: Weights
) -> list[Signal]:
    """All signals of one account that its records and numbers give: risks first, then chances, then competitors."""
    limits, how = weights.signals, weights.health.measuring
    return [
        *(
            Signal("risk", g.name, g.reason, g.as_of, g.source, "escalate_to_manager")
            for g in health.gates
        ),
        *_renewal(evidence, health, today, limits),
        *_usage_risk(facts, limits),
        *_people(facts, limits),
        *_silent_champions(evidence, today, how),
        *_moved_on(evidence),
        *_expansion(facts, limits),
        *map(_considered, competitors(evidence)),
    ]


def _considered(vendor: Competitor) -> Signal:
    where = f"in {', '.join(vendor.open_deals)}" if vendor.open_deals else "in the account"
    text = f"{vendor.name} is considered {where}"
    source, action = vendor.sources[0], "notify_account_team"
    return Signal("competitor", COMPETITOR, text, None, source, action, vendor.name)


def _renewal(
    evidence: Evidence, health: Health, today: dt.date, weights: SignalWeights
) -> Iterator[Signal]:
    day = evidence.dates.get("renewal")
    if day is None or not 0 <= day - today.toordinal() <= weights.renewal_days:
        return
    if health.score is None or health.score >= weights.renewal_score_below:
        return
    text = f"renews in {day - today.toordinal()} days with a health of {health.score:.0f}"
    source = evidence.where["renewal"]
    yield Signal("risk", "renewal_near", text, today, source, "create_intervention_plan")


def _usage_risk(facts: Facts, weights: SignalWeights) -> Iterator[Signal]:
    growth = facts["usage_growth"]
    if growth.value is not None and growth.value <= weights.usage_fall:
        text = f"usage fell by {-growth.value:.0%}: {growth.note}"
        yield Signal(
            "risk", "usage_falls", text, growth.as_of, growth.source, "schedule_check_in_call"
        )


def _people(facts: Facts, weights: SignalWeights) -> Iterator[Signal]:
    since = facts["days_since_contact"]
    if since.value is not None and since.value > weights.silent_days:
        text = f"no word from them for {since.value:.0f} days"
        yield Signal("risk", "silent", text, since.as_of, since.source, "schedule_check_in_call")
    threads = facts["active_contacts"]
    if (
        threads.value is not None
        and threads.value < weights.threads_at_least
        and since.value is not None
    ):
        text = f"{threads.value:.0f} of their people talk with us: {threads.note}"
        action = "research_decision_makers"
        yield Signal("risk", "few_threads", text, threads.as_of, threads.source, action)


def _silent_champions(evidence: Evidence, today: dt.date, how: Measuring) -> Iterator[Signal]:
    """Champions whom we heard once and not for long; of one who never spoke it cannot be said."""
    now = today.toordinal()
    for person in sorted(evidence.people, key=lambda p: p.id):
        if "champion" not in person.roles or (person.left is not None and person.left <= now):
            continue
        days = [t.day for t in evidence.talks if t.heard and t.day <= now and person.id in t.people]
        if days and now - max(days) > how.champion_silent_days:
            last = dt.date.fromordinal(max(days))
            text = f"champion {person.id} silent since {last}"
            action = "schedule_check_in_call"
            yield Signal("risk", "champion_silent", text, last, person.source, action)


def _moved_on(evidence: Evidence) -> Iterator[Signal]:
    for moved in evidence.moved:
        text = f"contact {moved.person} changed company: {moved.before} -> {moved.now}"
        action = "research_decision_makers"
        yield Signal("risk", CHANGED_COMPANY, text, None, moved.source, action, moved.now)


def _expansion(facts: Facts, weights: SignalWeights) -> Iterator[Signal]:
    growth, share = facts["usage_growth"], facts["active_share"]
    if growth.value is not None and growth.value > weights.expansion_growth:
        text = f"usage grew by {growth.value:.0%}: {growth.note}"
        action = "identify_expansion_use_cases"
        yield Signal("expansion", "usage_grows", text, growth.as_of, growth.source, action)
    if share.value is not None and share.value >= weights.expansion_seats:
        text = f"seats are nearly used up: {share.note}"
        action = "create_expansion_opportunity"
        yield Signal("expansion", "seats_used", text, share.as_of, share.source, action)
