"""Net promoter score: 100 times (promoters less detractors) over all valid answers, with an interval."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from crmctl.insight.metrics_binary import Z95, Interval

PROMOTER, PASSIVE, BEST = 9, 7, 10
# Adjusted Wald: three more answers, a quarter of them promoters and a quarter detractors.
ADDED, ADDED_EACH = 3, 0.75


class Nps(NamedTuple):
    """Answers by kind; ``dropped`` were no whole number from 0 to 10.

    ``score`` (-100 to 100) is None without answers.
    """

    number: int
    promoters: int
    passives: int
    detractors: int
    dropped: int
    score: float | None
    interval: Interval | None


def nps(answers: Iterable[float | None]) -> Nps:
    """The score of these answers: 9 and 10 promote, 7 and 8 are passive, 0 to 6 detract."""
    every = list(answers)
    valid = [a for a in every if a is not None and 0 <= a <= BEST and float(a).is_integer()]
    promoters = sum(a >= PROMOTER for a in valid)
    passives = sum(PASSIVE <= a < PROMOTER for a in valid)
    return counted(promoters, passives, len(valid) - promoters - passives, len(every) - len(valid))


def counted(promoters: int, passives: int, detractors: int, dropped: int = 0) -> Nps:
    """The score of so many answers of each kind.

    The interval rests on the variance of +1, 0 and -1, which is p + d - (p - d)^2: no share of one kind has it.
    """
    number = promoters + passives + detractors
    if not number:
        return Nps(0, 0, 0, 0, dropped, None, None)
    score = 100 * (promoters - detractors) / number
    n = number + ADDED
    p, d = (promoters + ADDED_EACH) / n, (detractors + ADDED_EACH) / n
    half = Z95 * sqrt((p + d - (p - d) ** 2) / n)
    low, high = max(-100.0, 100 * (p - d - half)), min(100.0, 100 * (p - d + half))
    return Nps(number, promoters, passives, detractors, dropped, score, Interval(low, high))
