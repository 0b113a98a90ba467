"""Whether values differ in their win rates by more than chance: outcomes are shuffled and the spread compared."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum


def by_chance(
    values: Sequence[Sequence[str]], won: Sequence[bool], *, rounds: int, seed: int = 1
) -> float | None:
    """How often shuffled outcomes spread over the values at least as far as the real ones, above 0 and up to 1.

    ``values`` are those of each deal; a deal without any is left out. None with fewer than two values or outcomes.
    The spread is that of chi-square; the same seed gives the same answer.
    """
    known = [place for place, each in enumerate(values) if each]
    outcomes = [won[place] for place in known]
    members: dict[str, list[int]] = defaultdict(list)
    for row, place in enumerate(known):
        for value in values[place]:
            members[value].append(row)
    if len(members) < 2 or len(set(outcomes)) < 2:
        return None
    rate = sum(outcomes) / len(outcomes)
    real = _spread(members, outcomes, rate)
    rng = random.Random(seed)
    reached = 0
    for _ in range(rounds):
        rng.shuffle(outcomes)
        # What differs by the last digit alone is the same spread, summed in another order.
        reached += _spread(members, outcomes, rate) >= real * (1 - 1e-12)
    return (reached + 1) / (rounds + 1)


def _spread(members: Mapping[str, Sequence[int]], won: Sequence[bool], rate: float) -> float:
    return fsum(
        (sum(won[row] for row in rows) - rate * len(rows)) ** 2 / len(rows)
        for rows in members.values()
    )
