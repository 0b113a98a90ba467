"""What an account says and how often, as values for conditions: signals in its texts, and its own rhythm."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from crmctl.insight.cache import Cache, unpack_signals
from crmctl.insight.evidence import gather
from crmctl.insight.fingerprint import FOLDERS
from crmctl.insight.rhythm import Rhythm, rhythm, rhythm_weights
from crmctl.workspace import store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.insight.evidence import Talk
    from crmctl.insight.scoring import ScorePlan
    from crmctl.insight.signals import Signal
    from crmctl.insight.weights import Weights
    from crmctl.workspace.workspace import Workspace

# The kind of signal that a name is about.
KINDS = {
    "competitors_named": "competitor",
    "days_since_competitor": "competitor",
    "buying_said": "buying",
    "expansion_said": "expansion",
    "risk_said": "risk",
}
PACE = {
    "contact_rhythm": "late",
    "usual_gap": "gap",
    "conversation_growth": "growth",
}


class Said:
    """Of many accounts. ``scored`` holds their packed signals, and the marks of their files."""

    def __init__(self, ws: Workspace, weights: Weights, scored: ScorePlan) -> None:
        self.ws = ws
        self.scored = scored
        self.how = rhythm_weights(weights.rhythm)
        self._rhythms: dict[str, Rhythm] = {}
        self._signals: dict[str, list[Signal]] = {}

    def value(self, slug: str, name: str) -> float | None:
        """The value of one of the names in `KINDS` and `PACE`.

        Of an account without a conversation it is not known whether anybody named a competitor.
        """
        if name in PACE:
            found: float | None = getattr(self.rhythm(slug), PACE[name])
            return found
        told = self.signals(slug, KINDS[name])
        if name == "days_since_competitor":
            days = [(self.ws.today - s.as_of).days for s in told if s.as_of is not None]
            return min(days, default=None)
        if not told and not self._talks.get(slug):
            return None
        if name == "competitors_named":
            return len({signal.text.partition(":")[0].casefold() for signal in told})
        return max((signal.strength for signal in told), default=0.0)

    def signals(self, slug: str, kind: str) -> list[Signal]:
        """What was said of one kind, the strongest first: signals of words, which fade, and not of numbers."""
        if slug not in self._signals:
            packed = self.scored.signals.get(slug)
            found = unpack_signals(packed)[1] if packed else []
            self._signals[slug] = [s for s in found if s.half_life_days is not None]
        told = [signal for signal in self._signals[slug] if signal.kind == kind]
        return sorted(told, key=lambda signal: -signal.strength)

    def rhythm(self, slug: str) -> Rhythm:
        """How often an account talks with us."""
        if slug not in self._rhythms:
            talks = self._talks.get(slug, [])
            self._rhythms[slug] = rhythm(talks, self.ws.today, self.how)
        return self._rhythms[slug]

    @cached_property
    def _talks(self) -> Mapping[str, list[Talk]]:
        """The conversations of every account; folders are read only where scoring remembers nothing of them."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            found = Cache(index, self.ws.today, "").talks(self.scored.marks)
        reader = store.Reader(self.ws.root, self.ws.ranking, fast=True)
        for slug in self.scored.marks.keys() - found.keys():
            account = reader.account(slug, only=frozenset(FOLDERS))
            if account is not None:
                found[slug] = gather(account, self.ws.today).talks
        return found
