"""A score that a person sets by hand: with a reason, an author and an expiry, beside the computed one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import OVERRIDES

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence
    from crmctl.insight.health import Gate


class ByHand(NamedTuple):
    """What a person set the score to, whether or not it still holds (``in_force``).

    It lifts the score above the cap of a shut gate only if ``despite`` names that gate.
    """

    score: float
    reason: str
    by: str
    at: dt.date
    expires: dt.date
    despite: tuple[str, ...]
    source: str
    in_force: bool

    def under(self, gates: Iterable[Gate]) -> float:
        """The score that it makes while these gates are shut."""
        return min([self.score, *(g.cap for g in gates if g.name not in self.despite)])


def latest(evidence: Evidence, day: dt.date) -> ByHand | None:
    """The override that counts on a day: the last of those in force, else the last that has expired.

    One is in force from the day on which it was set, and before the day on which it expires.
    """
    now = day.toordinal()
    begun = [row for row in evidence.overrides if row.day <= now]
    held = [row for row in begun if now < row.expires]
    if not begun:
        return None
    row = (held or begun)[-1]
    return ByHand(
        row.score,
        row.reason,
        row.by,
        dt.date.fromordinal(row.day),
        dt.date.fromordinal(row.expires),
        tuple(row.despite),
        evidence.where.get(OVERRIDES, ""),
        bool(held),
    )
