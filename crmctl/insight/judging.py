"""The health of one account as it is judged: by its scorecard, with what a person set by hand."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from crmctl.insight.facts import measured
from crmctl.insight.health import Health, score
from crmctl.insight.overrides import latest
from crmctl.insight.scorecards import chosen

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence
    from crmctl.insight.inputs.fact import Facts, Series
    from crmctl.insight.weights import Weights


def carded(weights: Weights, evidence: Evidence, day: dt.date) -> Weights:
    """The weights with the health numbers of the account's scorecard."""
    name = chosen(weights.health.scorecards, evidence, day)
    return weights.model_copy(update={"health": weights.health.by_card(name)}) if name else weights


def judged(
    evidence: Evidence, series: Series, day: dt.date, weights: Weights
) -> tuple[Facts, Health]:
    """What was measured as of ``day``, and the health that it gives."""
    used = carded(weights, evidence, day)
    facts = measured(evidence, series, day, used)
    return facts, score(facts, used, latest(evidence, day))


def uncarded(
    facts: Facts,
    health: Health,
    evidence: Evidence,
    series: Series,
    day: dt.date,
    weights: Weights,
) -> Facts:
    """What was measured by the weights of all accounts, on which the risk of a loss rests; ``facts`` without a card."""
    return measured(evidence, series, day, weights) if health.card else facts
