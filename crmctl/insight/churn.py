"""The risk of losing a customer: a hazard that named signs raise, each for its lead time.

Without a sign a customer is lost at the base rate. A sign multiplies the daily hazard: an event (a champion who
left) from its day on for its lead time, a state (falling usage) from today on as long. Of signs of one group only
the strongest counts, because they tell of the same thing. The probability is that of a loss within the horizon:
1 - exp(-sum of the daily hazards). What nobody knows raises nothing; the upper end says how far it could.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from math import exp
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.churn_weights import EVENTS, ChurnWeights, Indicator
from crmctl.insight.curves import band
from crmctl.insight.inputs.fact import Fact, Facts, unknown
from crmctl.model.errors import ConfigError, CrmError, Problem

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence
    from crmctl.insight.inputs.fact import Series
    from crmctl.insight.weights import Weights
    from crmctl.workspace.workspace import Workspace

CUSTOMERS = frozenset({"customer", "churn_risk"})


class Sign(NamedTuple):
    """One indicator. ``state`` is seen, absent, past (its lead time is over) or unknown.

    ``adds`` is by how much the probability would be lower without it; 0 where a stronger sign of its ``group``
    covers it.
    """

    name: str
    state: str
    value: float | None
    times: float
    lead_days: int
    group: str
    adds: float
    as_of: dt.date | None
    source: str
    note: str


class Risk(NamedTuple):
    """The risk of one account within ``horizon_days``; no probability, with the ``reason``, below the coverage floor.

    ``base`` is the probability without any sign, ``high`` the one if every unknown sign were seen. ``model`` is what
    the team's own trained model says, None without one.
    """

    account: str
    probability: float | None
    band: str | None
    horizon_days: int
    base: float
    high: float
    coverage: float
    reason: str
    signs: tuple[Sign, ...]
    model: float | None = None


class _Acting(NamedTuple):
    times: float
    group: str
    days: int


def assess(evidence: Evidence, facts: Facts, today: dt.date, churn: ChurnWeights) -> Risk:
    """The risk as of ``today``, from the facts that health is scored on."""
    found = [
        (name, spec, *_state(spec, _fact(spec, evidence, facts, today), today))
        for name, spec in churn.indicators.items()
    ]
    acting = {name: a for name, _, _, _, a in found if a is not None}
    probability = _probability(acting.values(), churn)
    wanting = [
        _Acting(spec.times, spec.group, spec.lead_days)
        for _, spec, state, _, _ in found
        if state == "unknown"
    ]
    signs = tuple(
        Sign(
            name,
            state,
            fact.value,
            spec.times,
            spec.lead_days,
            spec.group,
            _adds(name, acting, probability, churn) if name in acting else 0.0,
            fact.as_of,
            fact.source,
            fact.note,
        )
        for name, spec, state, fact, _ in found
    )
    known = sum(sign.state != "unknown" for sign in signs) / len(signs)
    high = _probability([*acting.values(), *wanting], churn)
    base = _probability((), churn)
    if known < churn.coverage_floor:
        reason = f"{known:.0%} of the signs are known and a risk needs {churn.coverage_floor:.0%}"
        return Risk(evidence.slug, None, None, churn.horizon_days, base, high, known, reason, signs)
    name = band(probability, churn.steps, "inclusive")
    return Risk(evidence.slug, probability, name, churn.horizon_days, base, high, known, "", signs)


def _fact(spec: Indicator, evidence: Evidence, facts: Facts, today: dt.date) -> Fact:
    if spec.sign != "renewal":
        return facts.get(spec.sign) or unknown("is not measured")
    day = evidence.dates.get("renewal")
    if day is None:
        return unknown("the day of the next renewal is not known")
    due, left = dt.date.fromordinal(day), day - today.toordinal()
    note = f"renews on {due}" if left >= 0 else f"was to renew on {due}"
    return Fact(left, due, evidence.where["renewal"], note)


def _state(spec: Indicator, fact: Fact, today: dt.date) -> tuple[str, Fact, _Acting | None]:
    if fact.value is None:
        # Nothing says that notice was given: that is known, it is no gap.
        known = spec.sign in EVENTS and spec.sign != "renewal"
        return ("absent" if known else "unknown"), fact, None
    if not spec.shows(fact.value):
        return "absent", fact, None
    days = spec.lead_days
    if spec.sign in EVENTS and fact.as_of is not None:
        days -= max(0, (today - fact.as_of).days)
        if days <= 0:
            return "past", fact, None
    return "seen", fact, _Acting(spec.times, spec.group, days)


def _probability(acting: Iterable[_Acting], churn: ChurnWeights) -> float:
    """Of a loss within the horizon: the hazard is level between two days on which a sign ends."""
    signs, horizon = list(acting), churn.horizon_days
    total, start = 0.0, 0
    for end in sorted({horizon, *(s.days for s in signs if s.days < horizon)}):
        strongest: dict[str, float] = {}
        for sign in signs:
            if sign.days >= end:
                strongest[sign.group] = max(sign.times, strongest.get(sign.group, 1.0))
        times = 1.0
        for factor in strongest.values():
            times *= factor
        total += churn.daily_hazard * times * (end - start)
        start = end
    return 1 - exp(-total)


def _adds(name: str, acting: dict[str, _Acting], probability: float, churn: ChurnWeights) -> float:
    others = [sign for other, sign in acting.items() if other != name]
    return probability - _probability(others, churn)


def churn_weights(weights: Weights) -> ChurnWeights:
    """The part ``churn:``; ConfigError in a workspace made before there was one."""
    if weights.churn is None:
        raise ConfigError(
            "weights.yaml has no part `churn:`; copy it from a fresh workspace (`crmctl init DIR`)"
        )
    return weights.churn


def plan_risks(
    ws: Workspace, slugs: Sequence[str] | None = None
) -> tuple[list[Risk], list[Problem]]:
    """The risk of these accounts, by default of every customer, the highest first; and what could not be read.

    CrmError for an account that is no customer.
    """
    from crmctl.insight.churn_history import features
    from crmctl.insight.churn_model import load_model
    from crmctl.insight.facts import measured
    from crmctl.insight.weights import load_weights
    from crmctl.workspace import paths, store

    weights = load_weights(ws.root)
    for slug in slugs or ():
        stage = store.read_file(ws.root, paths.profile(slug), ws.ranking)[0].text("stage")
        if stage not in CUSTOMERS:
            raise CrmError(f"{slug} is no customer that could be lost: its stage is {stage}")
    churn, model = churn_weights(weights), load_model(ws.root)
    problems: list[Problem] = []
    risks = []
    for evidence, series in _evidences(ws, slugs, problems):
        facts = measured(evidence, series, ws.today, weights)
        risk = assess(evidence, facts, ws.today, churn)
        if model is not None:
            values = features(evidence, series, ws.today, weights.health.measuring)
            risk = risk._replace(model=model.probability({n: f.value for n, f in values.items()}))
        risks.append(risk)
    risks.sort(
        key=lambda r: (-1.0 if r.probability is None else r.probability, r.high), reverse=True
    )
    return risks, problems


def _evidences(
    ws: Workspace, slugs: Sequence[str] | None, problems: list[Problem]
) -> Iterator[tuple[Evidence, Series]]:
    """Evidence and measures by account; evidence comes from what scoring remembers where the files are unchanged."""
    from crmctl.insight.cache import Cache
    from crmctl.insight.evidence import KEPT_DAYS, gather
    from crmctl.insight.facts import by_measure
    from crmctl.insight.fingerprint import fingerprint
    from crmctl.insight.scoring import READ
    from crmctl.workspace import measures, store
    from crmctl.workspace.index import opened

    since = ws.today - dt.timedelta(days=KEPT_DAYS)
    with opened(ws.root, ws.state_dir) as index:
        reader = store.Reader(ws.root, index.ranking(), fast=True)
        problems += measures.refresh(index)
        if slugs is None:
            rows = index.profiles(("stage",))
            slugs = [slug for slug, problem, stage in rows if problem or stage in CUSTOMERS]
            every = measures.all_series(index, since)
        else:
            every = {slug: measures.series(index, slug, since) for slug in slugs}
        cache = Cache(index, ws.today, "")
        for slug in slugs:
            kept = cache.gathered(slug, fingerprint(index.accounts, slug).digest)
            if kept is not None:
                evidence = kept[0].evidence
                problems += kept[0].problems
            else:
                account = reader.account(slug, only=READ)
                if account is None:
                    continue
                evidence = gather(account, ws.today)
            yield evidence, by_measure(every.get(slug, ()))
        problems += [p for p in reader.problems if p.code != "required"]
