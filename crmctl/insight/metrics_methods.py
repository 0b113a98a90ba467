"""The ways in which churn and retention are counted, by name: each gives figures whose parts are accounts.

``snapshot`` compares two days; ``movement`` adds up what happened between them; the others are those of the systems
they are named after, so that figures can be reconciled with theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from crmctl.insight.metrics_history import BACK, GREW, LOST, NEW, SHRANK
from crmctl.insight.metrics_ledger import Customer, in_currencies, standings
from crmctl.insight.metrics_period import Period
from crmctl.insight.metrics_revenue import (
    NOTHING,
    ONE,
    Figure,
    Part,
    Standing,
    complement,
    figure,
    parts,
    standing,
    total,
)
from crmctl.insight.metrics_weights import MetricWeights

REVENUE, LOGO = "revenue", "logo"


Compute = Callable[[Sequence[Customer], Period, MetricWeights], list[Figure]]


class Method(NamedTuple):
    """A way to count. ``says`` is what it does, ``figures`` what it gives."""

    says: str
    figures: tuple[str, ...]
    compute: Compute


def _base(found: Sequence[Standing]) -> list[Standing]:
    """Who paid something known at the start, and of whom the end is known."""
    return [s for s in found if s.start is not None and s.start.value > 0 and s.end is not None]


def _logos(found: Sequence[Standing]) -> list[Standing]:
    return [s for s in found if s.active and s.stays is not None]


def _start(each: Standing) -> Fraction:
    return each.m0


def _count(yes: object) -> Fraction:
    return ONE if yes else NOTHING


def _one(_: Standing) -> Fraction:
    return ONE


def snapshot(book: Sequence[Customer], period: Period, _: MetricWeights) -> list[Figure]:
    """The account-level set: m0 and m1 of who paid at the start."""
    found = standings(book, period)
    base, logos = _base(found), _logos(found)
    tops: dict[str, Callable[[Standing], Fraction]] = {
        "expansion": lambda s: s.m1 - s.m0 if s.m1 > s.m0 else NOTHING,
        "contraction": lambda s: s.m0 - s.m1 if s.m1 and s.m0 > s.m1 else NOTHING,
        "churned": lambda s: NOTHING if s.m1 else s.m0,
    }
    nrr = figure("nrr", REVENUE, parts(base, lambda s: s.m1, _start))
    grr = figure("grr", REVENUE, parts(base, lambda s: min(s.m0, s.m1), _start))
    churn = figure("logo_churn", LOGO, parts(logos, lambda s: _count(not s.stays), _one))
    return [
        *_pairs(nrr, grr),
        *(figure(name, REVENUE, parts(base, top, _start)) for name, top in tops.items()),
        churn,
        complement("logo_retention", churn),
    ]


def _pairs(nrr: Figure, grr: Figure) -> list[Figure]:
    return [nrr, grr, complement("gross_churn", grr), complement("net_churn", nrr)]


def _before_leaving(each: Standing, *kinds: str) -> Fraction:
    """What of these kinds happened until the account left, if it did: what follows is a new beginning."""
    found = NOTHING
    for change in each.changes:
        if change.kind in kinds:
            found += Fraction(change.amount)
        if change.kind == LOST:
            break
    return found


def movements(book: Sequence[Customer], period: Period, _: MetricWeights) -> list[Figure]:
    """The component set: start, expansion, contraction and churn of who paid at the start; GRR is no less than 0."""
    found = standings(book, period)
    base, logos = _base(found), _logos(found)

    def kept(each: Standing) -> Fraction:
        return each.m0 - _before_leaving(each, SHRANK, LOST) if each.changes else each.m0

    nrr = figure("nrr", REVENUE, parts(base, lambda s: kept(s) + _before_leaving(s, GREW), _start))
    grr = figure("grr", REVENUE, parts(base, kept, _start), floor=True)
    churn = figure(
        "logo_churn", LOGO, parts(logos, lambda s: _count(LOST in s.kinds or not s.stays), _one)
    )
    named = {"expansion": GREW, "contraction": SHRANK, "churned": LOST}
    return [
        *_pairs(nrr, grr),
        *(
            figure(
                name,
                REVENUE,
                [Part(s.account, s.rule, _before_leaving(s, kind), s.m0) for s in base],
            )
            for name, kind in named.items()
        ),
        churn,
        complement("logo_retention", churn),
    ]


def _sum(each: Standing, *kinds: str) -> Fraction:
    return sum((Fraction(c.amount) for c in each.changes if c.kind in kinds), NOTHING)


def chartmogul(book: Sequence[Customer], period: Period, _: MetricWeights) -> list[Figure]:
    """Churn and contraction of everybody, new ones too, over the MRR at the start; net less expansion and return."""
    known = [s for s in standings(book, period) if s.start is not None]
    gross = parts(known, lambda s: _sum(s, LOST, SHRANK), _start)
    net = parts(known, lambda s: _sum(s, LOST, SHRANK) - _sum(s, GREW, BACK), _start)
    return [figure("gross_churn", REVENUE, gross), figure("net_churn", REVENUE, net)]


def chartmogul_daily(book: Sequence[Customer], period: Period, _: MetricWeights) -> list[Figure]:
    """The sum of each day's rate: churn and contraction of the day over the MRR at its start.

    So that parts can be compared, each day's losses are given in MRR of the first day.
    """
    known = [s for s in standings(book, period) if s.start is not None]
    first = mrr = total(map(_start, known))
    signs = {NEW: 1, BACK: 1, GREW: 1, SHRANK: -1, LOST: -1}
    days: dict[int, list[tuple[str, str, Fraction]]] = {}
    for each in known:
        for change in each.changes:
            row = (each.account, change.kind, Fraction(change.amount))
            days.setdefault(change.day, []).append(row)
    gross: dict[str, Fraction] = {}
    net: dict[str, Fraction] = {}
    for day in sorted(days):
        rows = days[day]
        for account, kind, amount in rows:
            part = amount * first / mrr if mrr else NOTHING
            if kind in {LOST, SHRANK}:
                gross[account] = gross.get(account, NOTHING) + part
            if kind != NEW:
                net[account] = net.get(account, NOTHING) - signs[kind] * part
        mrr += sum((signs[kind] * amount for _, kind, amount in rows), NOTHING)
    return [
        figure(name, REVENUE, parts(known, lambda s, t=tops: t.get(s.account, NOTHING), _start))  # type: ignore[misc]
        for name, tops in (("gross_churn", gross), ("net_churn", net))
    ]


def stripe(book: Sequence[Customer], period: Period, rules: MetricWeights) -> list[Figure]:
    """Who left in the last days, over who paid at their start and who came since."""
    opening = period.closing - rules.window_days
    found = [standing(each.history, opening, period.closing) for each in book]
    known = [s for s in found if s.active is not None and s.stays is not None]
    rows = parts(
        known,
        lambda s: _count(LOST in s.kinds or _gone(s)),
        lambda s: _count(s.active or NEW in s.kinds),
    )
    return [figure("logo_churn", LOGO, rows)]


def _gone(each: Standing) -> bool:
    """Left, though nobody knows with how much."""
    return bool(each.active) and not each.stays


def baremetrics(book: Sequence[Customer], period: Period, rules: MetricWeights) -> list[Figure]:
    """Who cancelled in the last days, new ones too, over who paid at their start.

    An invoice long overdue is a cancellation; who pays by the year is looked at for longer.
    """
    rows = []
    for each in book:
        window = rules.annual_window_days if each.annual else rules.window_days
        opening = period.closing - window
        found = standing(each.history, opening, period.closing)
        if found.active is None or found.stays is None:
            continue
        late = None if each.overdue is None else each.overdue + rules.delinquent_days
        written_off = late is not None and late <= opening
        in_time = late is not None and opening < late <= period.closing
        gone = not written_off and (
            LOST in found.kinds or _gone(found) or (in_time and found.active)
        )
        rule = "overdue for too long" if (written_off or in_time) and found.stays else found.rule
        rows.append(
            Part(found.account, rule, _count(gone), _count(found.active and not written_off))
        )
    return [figure("logo_churn", LOGO, rows)]


def growslash(book: Sequence[Customer], period: Period, _: MetricWeights) -> list[Figure]:
    """Who left, less who came and left within the period, less who returned, over who paid at the start."""
    found = [s for s in standings(book, period) if s.active is not None and s.stays is not None]

    def left(each: Standing) -> Fraction:
        gone = LOST in each.kinds or _gone(each)
        return _count(gone and NEW not in each.kinds) - _count(BACK in each.kinds)

    return [figure("logo_churn", LOGO, parts(found, left, lambda s: _count(s.active)))]


_FULL = (
    "nrr", "grr", "gross_churn", "net_churn", "expansion", "contraction", "churned", "logo_churn", "logo_retention",
)  # fmt: skip
METHODS: Mapping[str, Method] = {
    "snapshot": Method(
        "MRR at the start against MRR at the end, account by account", _FULL, snapshot
    ),
    "movement": Method("every rise and fall of who paid at the start, added up", _FULL, movements),
    "chartmogul": Method(
        "all churn and contraction over the MRR at the start",
        ("gross_churn", "net_churn"),
        chartmogul,
    ),
    "chartmogul-daily": Method(
        "the sum of the rates of each day", ("gross_churn", "net_churn"), chartmogul_daily
    ),
    "stripe": Method(
        "who left in the last days, over old and new customers", ("logo_churn",), stripe
    ),
    "baremetrics": Method(
        "who cancelled in the last days or is long overdue, over customers then",
        ("logo_churn",),
        baremetrics,
    ),
    "growslash": Method(
        "who left, less who also joined in the period, less who returned",
        ("logo_churn",),
        growslash,
    ),
}


def compute(
    method: str, book: Sequence[Customer], period: Period, rules: MetricWeights
) -> list[tuple[str, Figure]]:
    """A method's figures: of revenue for each currency, of customers for all (currency empty)."""
    how = METHODS[method]
    by_currency, _ = in_currencies(book, rules)
    if len(by_currency) == 1:
        # What is counted of customers is the same in any currency.
        ((only, own),) = by_currency.items()
        every = how.compute(own, period, rules)
        return sorted(
            ((only if each.kind == REVENUE else "", each) for each in every), key=lambda row: row[0]
        )
    found = [("", each) for each in how.compute(book, period, rules) if each.kind == LOGO]
    for currency, own in by_currency.items():
        figures = how.compute(own, period, rules)
        found += [(currency, each) for each in figures if each.kind == REVENUE]
    return found
