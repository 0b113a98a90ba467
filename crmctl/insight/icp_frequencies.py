"""The chance of winning a deal from how often deals like it were won: naive Bayes over counts.

Each field counts as if it were independent of the others. It seldom is, so the chance is too sure of itself: an order
to work in rather than a forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

Labels = Mapping[str, Sequence[str]]
"""By field, what it was counted as. A field nobody knows has none, and says nothing."""
WON, LOST = 0, 1


class Frequencies:
    """Counts of won and lost deals, by the values of each field.

    ``smoothing`` is added to each count, so that what has not happened yet is not impossible.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self._ended = [0, 0]
        self._fields: dict[str, dict[str, list[int]]] = defaultdict(dict)

    def learn(self, labels: Labels, *, won: bool, times: int = 1) -> None:
        """Count a deal that ended; ``times`` -1 takes it out again, as when it is opened once more."""
        side = WON if won else LOST
        self._ended[side] += times
        for field, values in labels.items():
            for value in values:
                self._fields[field].setdefault(value, [0, 0])[side] += times

    def probability(self, labels: Labels) -> float:
        """The chance of winning, 0 to 1; a value that no ended deal had says nothing."""
        chances = [self._ended[side] + self.smoothing for side in (WON, LOST)]
        for field, values in labels.items():
            counts = {v: c for v, c in self._fields.get(field, {}).items() if any(c)}
            for side in (WON, LOST):
                total = fsum(count[side] + self.smoothing for count in counts.values())
                for value in values:
                    if value in counts:
                        chances[side] *= (counts[value][side] + self.smoothing) / total
        return chances[WON] / (chances[WON] + chances[LOST])


class Tried(NamedTuple):
    """Chances of deals that were not learnt from: their ``places``, and the ``base``: the rate of those learnt from."""

    places: list[int]
    chances: list[float]
    base: float


def on_later(
    labels: Sequence[Labels],
    won: Sequence[bool],
    groups: Sequence[str],
    days: Sequence[str],
    *,
    share: float,
    smoothing: float,
) -> Tried:
    """Learn from the earlier deals and try it on the latest ``share`` of them, by ``days`` in ISO form.

    What is learnt is nothing of a group that is tried. (Leaving out one deal at a time would be worse than it looks:
    each deal taken out lowers the rate of its own kind.)
    """
    order = sorted(range(len(days)), key=lambda n: (days[n], groups[n]))
    cut = len(order) - round(share * len(order))
    tried = sorted(order[cut:])
    own = {groups[n] for n in tried}
    counted = Frequencies(smoothing)
    for n in order[:cut]:
        if groups[n] not in own:
            counted.learn(labels[n], won=won[n])
    return Tried(tried, [counted.probability(labels[n]) for n in tried], counted.probability({}))
