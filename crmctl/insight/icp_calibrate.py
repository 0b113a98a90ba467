"""The fit held against the team's own won and lost deals: which tiers and which values really win.

Everything here is arithmetic over deals that were read elsewhere (`crmctl.insight.icp_deals`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.icp import Fitter, Icp, buckets
from crmctl.insight.icp_chance import by_chance
from crmctl.insight.icp_frequencies import Frequencies, on_later
from crmctl.insight.icp_suggest import Suggestion, suggestions
from crmctl.insight.metrics_binary import (
    LEVEL,
    Interval,
    Share,
    auc,
    auc_interval,
    brier,
    wilson,
)

if TYPE_CHECKING:
    from crmctl.insight.icp_deals import Decided, Open
    from crmctl.insight.icp_funnel import Funnel
    from crmctl.insight.icp_weights import Calibration, IcpWeights

UNKNOWN = "unknown"
SEPARATES, REVERSED, NOT_SHOWN = "separates", "the wrong way round", "not shown to separate"
POINTS_OFF = "its values do, its points do not follow them"


class Rate(NamedTuple):
    """How many of these deals were won; ``lift`` is the rate against that of all deals, None of nobody."""

    name: str
    won: Share
    lift: float | None


class Area(NamedTuple):
    """How well one number tells won from lost: the AUC (0.5 is chance) with its bootstrap interval."""

    auc: float | None
    interval: Interval | None
    deals: int

    @property
    def verdict(self) -> str:
        if self.interval is None:
            return NOT_SHOWN
        if self.interval.low > 0.5:
            return SEPARATES
        return REVERSED if self.interval.high < 0.5 else NOT_SHOWN


class CriterionTrial(NamedTuple):
    """One criterion: how its points tell won from lost, and the win rate of each of its values.

    ``by_chance`` is how often shuffled outcomes make the values differ as much, 0 to 1; None if there is nothing to
    compare.
    """

    name: str
    area: Area
    buckets: tuple[Rate, ...]
    by_chance: float | None

    @property
    def differs(self) -> bool:
        """Whether the values win more or less often than chance would have it."""
        return self.by_chance is not None and self.by_chance < 1 - LEVEL

    @property
    def verdict(self) -> str:
        if self.differs and self.area.verdict == NOT_SHOWN:
            return POINTS_OFF
        return self.area.verdict


class Chance(NamedTuple):
    """An open deal and its chance of being won, 0 to 1, by the frequencies; ``known`` is what it rests on."""

    account: str
    deal: str
    probability: float
    tier: str | None
    known: tuple[str, ...]
    source: str


class Foretelling(NamedTuple):
    """The frequencies tried on the latest deals, learnt from the earlier ones of other accounts.

    ``base`` is the Brier score of the mere win rate of those.
    """

    area: Area
    brier: float | None
    base: float | None
    open: tuple[Chance, ...]


class Calibrated(NamedTuple):
    """What the past says of the fit. With a ``reason`` there were too few deals, and nothing is concluded.

    ``basis`` counts the deals by whose state of the profile was used. ``coverage`` is how well the mere share of
    known criteria tells won from lost: well above chance, the files know more of those who bought.
    """

    deals: int
    accounts: int
    won: Share
    left_out: dict[str, int]
    basis: dict[str, int]
    funnel: Funnel
    reason: str
    fit: Area | None = None
    coverage: Area | None = None
    tiers: tuple[Rate, ...] = ()
    criteria: tuple[CriterionTrial, ...] = ()
    suggested: tuple[Suggestion, ...] = ()
    foretelling: Foretelling | None = None


def calibrate(
    decided: Sequence[Decided],
    open_deals: Sequence[Open],
    left_out: dict[str, int],
    funnel: Funnel,
    weights: IcpWeights,
    how: Calibration,
) -> Calibrated:
    """Hold the fit of these deals' accounts against how they ended."""
    won = [deal.won for deal in decided]
    basis: dict[str, int] = defaultdict(int)
    for deal in decided:
        basis[deal.basis] += 1
    head = Calibrated(
        len(decided),
        len({deal.account for deal in decided}),
        wilson(sum(won), len(won)),
        left_out,
        dict(basis),
        funnel,
        _too_few(sum(won), len(won) - sum(won), how),
    )
    if head.reason:
        return head
    fitter = Fitter(weights)
    fits = [fitter.of(deal.get) for deal in decided]
    groups = [deal.account for deal in decided]

    def area(values: Sequence[float | None]) -> Area:
        return _area(values, won, groups, how)

    overall = head.won.rate or 0.0
    trials = tuple(
        CriterionTrial(
            name,
            area([f.criteria[place].normalised for f in fits]),
            _by_bucket(weights, fits, won, place, overall),
            by_chance([f.criteria[place].buckets for f in fits], won, rounds=how.bootstrap),
        )
        for place, name in enumerate(weights.criteria)
    )
    return head._replace(
        fit=area([None if f.disqualified else f.score for f in fits]),
        coverage=area([f.coverage for f in fits]),
        tiers=_by_tier(weights, fits, won, overall),
        criteria=trials,
        suggested=tuple(suggestions(weights, trials, overall, how)),
        foretelling=_foretell(fitter, fits, decided, open_deals, how),
    )


def _too_few(won: int, lost: int, how: Calibration) -> str:
    wanting = [
        f"{least - number} more {word}"
        for word, number, least in (("won", won, how.least_won), ("lost", lost, how.least_lost))
        if number < least
    ]
    if not wanting:
        return ""
    return (
        f"too few to conclude anything: {won} won and {lost} lost, and it takes {how.least_won} won and "
        f"{how.least_lost} lost (weights.yaml: icp.calibration); {' and '.join(wanting)} to go"
    )


def _rate(name: str, outcomes: Sequence[bool], overall: float) -> Rate:
    share = wilson(sum(outcomes), len(outcomes))
    lift = None if share.rate is None or not overall else share.rate / overall
    return Rate(name, share, lift)


def _by_tier(
    weights: IcpWeights, fits: Sequence[Icp], won: Sequence[bool], overall: float
) -> tuple[Rate, ...]:
    found: dict[str, list[bool]] = defaultdict(list)
    for each, outcome in zip(fits, won, strict=True):
        found[each.tier or UNKNOWN].append(outcome)
    ordered = sorted(weights.tiers.bands, key=lambda t: -weights.tiers.bands[t])
    names = [*ordered, *sorted(found.keys() - set(ordered))]
    return tuple(_rate(name, found.get(name, []), overall) for name in names)


def _by_bucket(
    weights: IcpWeights, fits: Sequence[Icp], won: Sequence[bool], place: int, overall: float
) -> tuple[Rate, ...]:
    """By value; a deal whose list field has several values counts for each of them."""
    found: dict[str, list[bool]] = defaultdict(list)
    for each, outcome in zip(fits, won, strict=True):
        for bucket in each.criteria[place].buckets or (UNKNOWN,):
            found[bucket].append(outcome)
    first = buckets(list(weights.criteria.values())[place])
    others = sorted(found.keys() - {*first, UNKNOWN})
    order = [name for name in (*first, *others, UNKNOWN) if name in found]
    return tuple(_rate(name, found[name], overall) for name in order)


def _area(
    values: Sequence[float | None], won: Sequence[bool], groups: Sequence[str], how: Calibration
) -> Area:
    """Of the deals whose value is known."""
    known = [n for n, value in enumerate(values) if value is not None]
    numbers = [value for value in values if value is not None]
    labels, own = [won[n] for n in known], [groups[n] for n in known]
    interval = auc_interval(numbers, labels, own, rounds=how.bootstrap)
    return Area(auc(numbers, labels), interval, len(known))


def _foretell(
    fitter: Fitter,
    fits: Sequence[Icp],
    decided: Sequence[Decided],
    open_deals: Sequence[Open],
    how: Calibration,
) -> Foretelling:
    labels, won = [_labels(each) for each in fits], [deal.won for deal in decided]
    groups, days = [deal.account for deal in decided], [deal.day for deal in decided]
    tried = on_later(labels, won, groups, days, share=how.test_share, smoothing=how.smoothing)
    happened = [won[n] for n in tried.places]
    counted = Frequencies(how.smoothing)
    for each, outcome in zip(labels, won, strict=True):
        counted.learn(each, won=outcome)
    found = []
    for deal in open_deals:
        now = fitter.of(deal.get)
        seen = _labels(now)
        known = tuple(f"{name} {', '.join(values)}" for name, values in seen.items())
        chance = counted.probability(seen)
        found.append(Chance(deal.account, deal.id, chance, now.tier, known, deal.path))
    found.sort(key=lambda c: (-c.probability, c.account, c.deal))
    return Foretelling(
        _area(tried.chances, happened, [groups[n] for n in tried.places], how),
        brier(tried.chances, happened),
        brier([tried.base] * len(happened), happened),
        tuple(found),
    )


def _labels(found: Icp) -> dict[str, tuple[str, ...]]:
    return {c.name: c.buckets for c in found.criteria if c.buckets}
