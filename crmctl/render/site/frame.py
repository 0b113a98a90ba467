"""What every page of one build shares: the day, the weights, the team, and how statuses are coloured."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from crmctl.insight.churn import churn_weights
from crmctl.insight.churn_model import load_model
from crmctl.insight.curves import band
from crmctl.insight.text_rules import load_rules
from crmctl.insight.weights import load_weights

if TYPE_CHECKING:
    from pathlib import Path

    from crmctl.insight.churn_model import Model
    from crmctl.insight.churn_weights import ChurnWeights
    from crmctl.insight.curves import Band
    from crmctl.insight.text_rules import TextRules
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Ranking
    from crmctl.workspace.config import Member
    from crmctl.workspace.workspace import Workspace

# From the best band to the worst; each also has a shape, so that nobody needs the colour.
TONES = ("best", "good", "warn", "bad")
UNKNOWN = "none"


@dataclass(frozen=True)
class Frame:
    """The inputs of a build. ``today`` is the day as of which everything is told."""

    root: Path
    today: dt.date
    weights: Weights
    rules: TextRules
    churn: ChurnWeights
    model: Model | None
    team: Sequence[Member]
    ranking: Ranking
    company: str
    currency: str

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What to call each of us, by id."""
        return {member.id: member.name or member.id for member in self.team}

    @cached_property
    def status_tones(self) -> dict[str, str]:
        """The tone of each health status."""
        return _tones(self.weights.health.status.steps, best_high=True)

    @cached_property
    def risk_tones(self) -> dict[str, str]:
        """The tone of each band of the churn risk."""
        return _tones(self.churn.steps, best_high=False)

    def status_tone(self, status: str | None) -> str:
        return self.status_tones.get(status or "", UNKNOWN)

    def health_tone(self, score: float) -> str:
        """The tone of the band that a score is in."""
        scale = self.weights.health.status
        return self.status_tone(band(score, scale.steps, scale.boundary))

    def risk_tone(self, band: str | None) -> str:
        return self.risk_tones.get(band or "", UNKNOWN)


def frame(ws: Workspace) -> Frame:
    """Of a workspace; ConfigError where its weights or its configuration are wrong."""
    weights = load_weights(ws.root)
    return Frame(
        ws.root,
        ws.today,
        weights,
        load_rules(ws.root),
        churn_weights(weights),
        load_model(ws.root),
        ws.config.team,
        ws.ranking,
        ws.config.company,
        ws.config.currency,
    )


def _tones(steps: Sequence[Band], *, best_high: bool) -> dict[str, str]:
    """Bands spread over the tones, the best band having the best tone and the worst the worst."""
    ordered = sorted(steps, key=lambda step: step.start, reverse=best_high)
    last = max(len(ordered) - 1, 1)
    return {
        step.name: TONES[round(place * (len(TONES) - 1) / last)]
        for place, step in enumerate(ordered)
    }
