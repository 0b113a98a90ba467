"""One contact as the map sees them: strength, power and support, and whether they have gone silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import band
from crmctl.insight.provenance import field_source
from crmctl.insight.relationships_parts import Scored, power, seniority, strength

if TYPE_CHECKING:
    from crmctl.insight.evidence import Moved
    from crmctl.insight.relationship_weights import RelationshipWeights
    from crmctl.insight.relationships_talks import Conversation
    from crmctl.model.record import Record

UNKNOWN = "unknown"


class Silence(NamedTuple):
    """``days`` since last heard, against the ``limit`` from which on it is silence; ``why`` that is the limit."""

    days: int
    limit: int
    why: str
    silent: bool


class Standing(NamedTuple):
    """One contact. ``gone`` says how: left on a day, or works elsewhere now; empty for those still there.

    ``level`` and ``stance`` are the bands of power and support, `UNKNOWN` where nothing is known.
    """

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    seniority: str
    influence: int | None
    sentiment: str
    reports_to: str
    left: dt.date | None
    gone: str
    gone_source: str
    strength: Scored
    power: Scored
    support: Scored
    level: str
    stance: str
    thread: bool
    talks: int
    last_heard: dt.date | None
    last_source: str
    silence: Silence | None
    roles_source: str
    source: str

    @property
    def silent(self) -> bool:
        return self.silence is not None and self.silence.silent


def standing(
    record: Record,
    said: Sequence[Conversation],
    moved: Moved | None,
    side: Scored,
    today: dt.date,
    how: RelationshipWeights,
    *,
    named: bool,
) -> Standing:
    """What is known of a contact. ``said`` are the conversations that name them, ``side`` is their support.

    Without ``named`` no conversation of the account names anybody.
    """
    now = today.toordinal()
    heard = [talk for talk in said if talk.heard]
    left = record.date("left")
    left = left if left is not None and left <= today else None
    gone, where = ("", "")
    if left is not None:
        gone, where = f"left on {left}", field_source(record, "left")
    elif moved is not None:
        gone, where = f"works at {moved.now} now", moved.source
    strong = strength(record, said, now, how, named=named)
    say = power(record, how.power)
    influence = record.get("influence")
    return Standing(
        record.id,
        record.title,
        record.text("title"),
        tuple(map(str, record.items("roles"))),
        seniority(record)[0],
        influence if isinstance(influence, int) else None,
        record.text("sentiment"),
        record.text("reports_to"),
        left,
        gone,
        where,
        strong,
        say,
        side,
        UNKNOWN if say.value is None else band(say.value, how.power.steps, "inclusive"),
        UNKNOWN if side.value is None else band(side.value, how.support.steps, "inclusive"),
        strong.value is not None and strong.value > how.thread_above and not gone,
        sum(talk.day > now - how.window_days for talk in heard),
        heard[-1].date if heard else None,
        heard[-1].source if heard else "",
        _silence(heard, "champion" in record.items("roles"), now, how),
        field_source(record, "roles"),
        field_source(record, "name") or record.path,
    )


def _silence(
    heard: Sequence[Conversation], champion: bool, now: int, how: RelationshipWeights
) -> Silence | None:
    """Against their own rhythm; None for who was never heard."""
    if not heard:
        return None
    rules = how.silence
    days = sorted({talk.day for talk in heard})
    gaps = [after - before for before, after in pairwise(days)]
    limit, why = rules.otherwise_days, "no rhythm is known"
    if len(gaps) >= rules.gaps:
        every = median(gaps)
        limit = max(rules.at_least_days, round(rules.times * every))
        why = f"they used to talk every {every:g} days"
    if champion and rules.champion_days < limit:
        limit, why = rules.champion_days, "a champion"
    since = now - days[-1]
    return Silence(since, limit, why, since >= limit)
