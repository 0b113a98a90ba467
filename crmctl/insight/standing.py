"""What conditions ask of an account besides its fields, few enough to be kept and read for ten thousand at once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence
    from crmctl.insight.health import Health

LATEST = "days_since_contact"  # the input that knows when we last heard from them


class Standing(NamedTuple):
    """One account's. ``heard`` is a date as ISO text; ``inputs`` has what is known.

    ``counts`` are of contacts who have not left, all and by buying role, and of open deals; ``deals`` has the stage and
    the status of each by id.
    """

    score: float | None
    status: str | None
    coverage: float
    heard: str | None
    gates: list[str]
    inputs: dict[str, float]
    counts: dict[str, int]
    deals: dict[str, list[str]]

    @property
    def last_heard(self) -> dt.date | None:
        return None if self.heard is None else dt.date.fromisoformat(self.heard)


def standing(evidence: Evidence, health: Health) -> Standing:
    """How an account stands, by its evidence and its health."""
    inputs = list(health.inputs())
    heard = next((i.as_of for i in inputs if i.name == LATEST), None)
    here = [person for person in evidence.people if person.left is None]
    return Standing(
        health.score,
        health.status,
        health.coverage,
        None if heard is None else heard.isoformat(),
        [gate.name for gate in health.gates],
        {i.name: i.value for i in reversed(inputs) if i.value is not None},
        {
            "contacts": len(here),
            "champions": sum("champion" in person.roles for person in here),
            "decision_makers": sum("decision_maker" in person.roles for person in here),
            "open_deals": sum(deal.status == "open" for deal in evidence.deals),
        },
        {deal.id: [deal.stage, deal.status] for deal in evidence.deals},
    )
