"""The relationship map of one account: who stands where, who is covered, who has gone, who knows whom.

`relationships` is the short form that every review reads; this is the whole, made for one account when asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import Answer, Evidence
from crmctl.insight.provenance import field_source
from crmctl.insight.relationships_findings import (
    Alert,
    Champion,
    Cover,
    Executive,
    alerts,
    champions,
    cover,
    executives,
)
from crmctl.insight.relationships_parts import support
from crmctl.insight.relationships_people import Standing, standing
from crmctl.insight.relationships_routes import Route, routes, ties
from crmctl.insight.relationships_talks import Ours, Pair, by_person, conversations, pairs
from crmctl.insight.weights import Weights
from crmctl.insight.weights_file import WEIGHTS
from crmctl.model.errors import ConfigError
from crmctl.model.record import Account
from crmctl.workspace.config import member_of, parse_model

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring
    from crmctl.insight.relationship_weights import RelationshipWeights
    from crmctl.insight.sentiment import Sentiment
    from crmctl.workspace.config import Member


class StakeholderMap(NamedTuple):
    """All of it. ``people`` in order of power, those who are gone last; ``threads`` are ids.

    ``ours`` are those of us who know somebody there; ``unattributed`` counts conversations that do not say who of us.
    ``threads`` is None while no conversation names anybody: then nobody knows.
    """

    people: tuple[Standing, ...]
    coverage: tuple[Cover, ...]
    threads: tuple[str, ...] | None
    champions: tuple[Champion, ...]
    executives: tuple[Executive, ...]
    alerts: tuple[Alert, ...]
    ours: tuple[Ours, ...]
    pairs: tuple[Pair, ...]
    unattributed: int
    routes: tuple[Route, ...]


def relationship_weights(weights: Weights) -> RelationshipWeights:
    """The part ``relationships:``, the shipped one in a workspace made before there was one."""
    if weights.relationships is not None:
        return weights.relationships
    from crmctl.workspace.templates import shipped

    found = parse_model(shipped(WEIGHTS) or b"", WEIGHTS, Weights).relationships
    if found is None:
        raise ConfigError(f"{WEIGHTS} has no part `relationships:`")
    return found


def stakeholder_map(
    account: Account,
    evidence: Evidence,
    sentiment: Sentiment,
    today: dt.date,
    how: RelationshipWeights,
    measuring: Measuring,
    team: Sequence[Member] = (),
) -> StakeholderMap:
    """The map as of ``today``; ``evidence`` is what was gathered of the account, ``team`` says who we are.

    Which roles a purchase needs and who is an executive is said where health is measured (``measuring``).
    """
    us = _Team(team)
    talks = conversations(account, today, us.id)
    said = by_person(talks)
    records = {id: record for id, record in account.contacts.items() if not record.deleted}
    moved = {one.person: one for one in evidence.moved}
    answers: dict[str, list[Answer]] = {}
    for answer in sorted(evidence.answers, key=lambda answer: answer.day):
        answers.setdefault(answer.person, []).append(answer)
    people = tuple(
        sorted(
            (
                standing(
                    record,
                    said.get(id, []),
                    moved.get(id),
                    support(record, sentiment, answers.get(id, []), today, how.support),
                    today,
                    how,
                    named=bool(talks),
                )
                for id, record in records.items()
            ),
            key=lambda p: (
                bool(p.gone),
                -1.0 if p.power.value is None else -p.power.value - 2,
                -(p.strength.value or 0.0),
                p.id,
            ),
        )
    )
    here = [person for person in people if not person.gone]
    owners = {
        id: (us.id(record.text("owner")), field_source(record, "owner"))
        for id, record in records.items()
        if record.text("owner")
    }
    known = pairs(talks, owners, today.toordinal(), how)
    staying = {person.id: records[person.id] for person in here}
    wanted = [person.id for person in here if not person.thread]
    threads = tuple(p.id for p in here if p.thread) if talks else None
    theirs = champions(people, how)
    leaders = executives(
        here, said, us.leads, today, how, measuring.executive_levels, heard=bool(talks)
    )
    return StakeholderMap(
        people,
        tuple(cover(role, here) for role in measuring.buying_roles),
        threads,
        theirs,
        leaders,
        tuple(alerts(people, threads, theirs, leaders)),
        tuple(us.one(id) for id in dict.fromkeys(pair.ours for pair in known)),
        known,
        sum(not talk.ours for talk in talks),
        routes(wanted, staying, known, ties(staying, talks, how), how),
    )


class _Team:
    """Who we are, by what ``by`` and ``owner`` may say."""

    def __init__(self, team: Sequence[Member]) -> None:
        self._team = team
        self._leaders = {member.manager for member in team if member.manager}
        self._names = {member.id: member.name or member.id for member in team}

    def id(self, text: str) -> str:
        """The id of a member; of somebody who is none, the text itself."""
        member = member_of(self._team, text)
        return text if member is None else member.id

    def leads(self, id: str) -> bool:
        """Whether somebody has them as manager."""
        return id in self._leaders

    def one(self, id: str) -> Ours:
        return Ours(id, self._names.get(id, id), self.leads(id))
