"""Why two methods give different figures: account by account, and the effects add up to the difference exactly.

With T and B the sums above and below the line, TB/BB - TA/BA is the sum over the accounts of (dt - rA db) / BB, where
rA = TA/BA: no order of the accounts matters, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from crmctl.insight.metrics_ledger import Customer
from crmctl.insight.metrics_methods import METHODS, compute
from crmctl.insight.metrics_period import Period
from crmctl.insight.metrics_revenue import Figure
from crmctl.insight.metrics_weights import MetricWeights
from crmctl.model.errors import UsageError

FLOOR = "floor at 0"


class Effect(NamedTuple):
    """What one account, or the floor, adds to the difference of ``second`` from ``first``; shares of 1.

    The rules are how each method sees the account, empty where it does not count it.
    """

    account: str
    first: str
    second: str
    top: Fraction
    bottom: Fraction
    effect: Fraction


class Reconciled(NamedTuple):
    """Two figures of one name. ``reason`` says why they cannot be compared; the effects sum to second - first."""

    name: str
    currency: str
    first: Figure
    second: Figure
    effects: tuple[Effect, ...]
    reason: str = ""


def shared(first: str, second: str) -> list[str]:
    """The figures that both methods give; UsageError if there are none."""
    found = [name for name in METHODS[first].figures if name in METHODS[second].figures]
    if not found:
        raise UsageError(
            f"{first} gives {', '.join(METHODS[first].figures)}, {second} {', '.join(METHODS[second].figures)}: "
            "nothing to compare"
        )
    return found


def reconcile(
    first: str, second: str, book: Sequence[Customer], period: Period, rules: MetricWeights
) -> list[Reconciled]:
    """Every figure that both methods give, compared."""
    wanted = shared(first, second)
    own = {(f.name, c): f for c, f in compute(first, book, period, rules) if f.name in wanted}
    other = {(f.name, c): f for c, f in compute(second, book, period, rules) if f.name in wanted}
    return [explain(own[key], other[key], key[1]) for key in own if key in other]


def explain(first: Figure, second: Figure, currency: str = "") -> Reconciled:
    """Two figures of one name, account by account."""
    if first.value is None or second.value is None:
        which = "neither is" if first.value is second.value else "one is not"
        return Reconciled(
            first.name, currency, first, second, (), f"{which} defined: nothing below the line"
        )
    before = {part.account: part for part in first.parts}
    after = {part.account: part for part in second.parts}
    raw = first.top / first.bottom
    effects = []
    for account in sorted(before.keys() | after.keys()):
        a, b = before.get(account), after.get(account)
        top = (b.top if b else 0) - (a.top if a else Fraction(0))
        bottom = (b.bottom if b else 0) - (a.bottom if a else Fraction(0))
        effect = (top - raw * bottom) / second.bottom
        if top or bottom:
            effects.append(
                Effect(account, a.rule if a else "", b.rule if b else "", top, bottom, effect)
            )
    floor = second.floored - first.floored
    if floor:
        effects.append(Effect(FLOOR, "", "", Fraction(0), Fraction(0), floor))
    effects.sort(key=lambda e: (-abs(e.effect), e.account))
    return Reconciled(first.name, currency, first, second, tuple(effects))
