"""Risks, chances and competitors that the records themselves show; each claim names where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import Evidence
from crmctl.insight.health import Health
from crmctl.insight.inputs.fact import Facts
from crmctl.insight.provenance import field_source
from crmctl.insight.relationships import Relationships
from crmctl.model.record import Account
from crmctl.model.text import one_line
from crmctl.workspace.names import company_key

if TYPE_CHECKING:
    from crmctl.insight.weights import SignalWeights


class Signal(NamedTuple):
    """One claim. ``kind`` is risk, buying, expansion or competitor; ``action`` is one that workflows know.

    ``quote`` are the words it rests on, empty where it rests on numbers; ``strength`` is 0 to 1.
    """

    kind: str
    name: str
    text: str
    as_of: dt.date | None
    source: str
    action: str
    quote: str = ""
    strength: float = 1.0


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
    account: Account, heard: Mapping[str, Sequence[Quote]] | None = None
) -> list[Competitor]:
    """By name, without regard to case; as first written. ``heard`` are quotes by the name of a vendor."""
    found: dict[str, tuple[str, list[str], list[str]]] = {}
    for record in (account.profile, *account.deals.values()):
        for name in map(str, record.items("competitors")):
            _, sources, deals = found.setdefault(name.casefold(), (name, [], []))
            sources.append(field_source(record, "competitors"))
            if record.kind == "deal" and (record.text("status") or "open") == "open":
                deals.append(record.id)
    said = {name.casefold(): tuple(quotes) for name, quotes in (heard or {}).items()}
    for name, quotes in (heard or {}).items():
        sources = found.setdefault(name.casefold(), (name, [], []))[1]
        sources.extend(dict.fromkeys(quote.source for quote in quotes))
    return [
        Competitor(name, tuple(sources), tuple(deals), said.get(key, ()))
        for key, (name, sources, deals) in sorted(found.items())
    ]


def signals(
    account: Account,
    evidence: Evidence,
    facts: Facts,
    health: Health,
    people: Relationships,
    today: dt.date,
    weights: SignalWeights,
) -> list[Signal]:
    """All signals of one account: risks first, then chances, then competitors."""
    return [
        *(
            Signal("risk", g.name, g.reason, g.as_of, g.source, "escalate_to_manager")
            for g in health.gates
        ),
        *_renewal(evidence, health, today, weights),
        *_usage_risk(facts, weights),
        *_people(account, facts, people, weights),
        *_moved_on(account),
        *_expansion(facts, weights),
        *(
            Signal("competitor", c.name, _named(c), None, c.sources[0], "notify_account_team")
            for c in competitors(account)
        ),
    ]


def _named(competitor: Competitor) -> str:
    where = f"in {', '.join(competitor.open_deals)}" if competitor.open_deals else "in the account"
    return f"{competitor.name} is considered {where}"


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


def _people(
    account: Account, facts: Facts, people: Relationships, weights: SignalWeights
) -> Iterator[Signal]:
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
    for id in people.champions:
        if id in people.silent:
            record = account.contacts[id]
            last = next(p.last_heard for p in people.people if p.id == id)
            text = f"champion {record.id} silent since {last}"
            yield Signal(
                "risk", "champion_silent", text, last, record.path, "schedule_check_in_call"
            )


def _moved_on(account: Account) -> Iterator[Signal]:
    """Contacts of whom a system says that they work elsewhere now; those who came here from elsewhere are none."""
    for record in account.contacts.values():
        if record.deleted or record.date("left") is not None:
            continue
        for system, block in sorted(record.systems.items()):
            before, now = (str(block.get(name) or "") for name in ("company_before", "company"))
            keys = {company_key(before), company_key(account.profile.title)}
            if not before or not now or company_key(now) in keys:
                continue
            text = f"contact {record.id} changed company: {one_line(before, 80)} -> {one_line(now, 80)}"
            source = f"{record.path}#sources.{system}.company"
            yield Signal("risk", "changed_company", text, None, source, "research_decision_makers")
            break


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
