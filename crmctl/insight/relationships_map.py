"""The relationship map of one account: who stands where, who is covered, who has gone, who knows whom.

`relationships` is the short form that every review reads; this is the whole, made for one account when asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

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


def relationship_weights(weights: Weights) -> RelationshipWeights:
    """The part ``relationships:``, the shipped one in a workspace made before there was one."""
    if weights.relationships is not None:
        return weights.relationships
    from crmctl.workspace.templates import shipped

    found = parse_model(shipped(WEIGHTS) or b"", WEIGHTS, Weights).relationships
    if found is None:
        raise ConfigError(f"{WEIGHTS} has no part `relationships:`")
    return found


class StakeholderMap:
    """All of it as of a day, each part made when it is asked for: most readers want only the people.

    ``evidence`` is what was gathered of the account, ``team`` says who we are. Which roles a purchase needs and who
    is an executive is said where health is measured (``measuring``).
    """

    PARTS = (
        "people", "coverage", "threads", "champions", "executives", "alerts", "ours", "pairs", "unattributed", "routes",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        evidence: Evidence,
        sentiment: Sentiment,
        today: dt.date,
        how: RelationshipWeights,
        measuring: Measuring,
        team: Sequence[Member] = (),
    ) -> None:
        self._evidence, self._sentiment = evidence, sentiment
        self._today, self._how, self._measuring = today, how, measuring
        self._us = _Team(team)
        self._talks = conversations(account, today, self._us.id)
        self._said = by_person(self._talks)
        self._records = {id: one for id, one in account.contacts.items() if not one.deleted}

    @cached_property
    def people(self) -> tuple[Standing, ...]:
        """Everybody in order of power, those who are gone last."""
        moved = {one.person: one for one in self._evidence.moved}
        answers: dict[str, list[Answer]] = {}
        for answer in sorted(self._evidence.answers, key=lambda answer: answer.day):
            answers.setdefault(answer.person, []).append(answer)
        found = (
            standing(
                record,
                self._said.get(id, []),
                moved.get(id),
                support(
                    record, self._sentiment, answers.get(id, []), self._today, self._how.support
                ),
                self._today,
                self._how,
                named=bool(self._talks),
            )
            for id, record in self._records.items()
        )
        return tuple(
            sorted(
                found,
                key=lambda p: (
                    bool(p.gone),
                    -1.0 if p.power.value is None else -p.power.value - 2,
                    -(p.strength.value or 0.0),
                    p.id,
                ),
            )
        )

    @cached_property
    def here(self) -> list[Standing]:
        """Those who are still there."""
        return [person for person in self.people if not person.gone]

    @property
    def coverage(self) -> tuple[Cover, ...]:
        """The roles that a purchase needs, and who plays them."""
        return tuple(cover(role, self.here) for role in self._measuring.buying_roles)

    @property
    def threads(self) -> tuple[str, ...] | None:
        """Who talks with us, by id; None while no conversation names anybody: then nobody knows."""
        return tuple(p.id for p in self.here if p.thread) if self._talks else None

    @cached_property
    def champions(self) -> tuple[Champion, ...]:
        return champions(self.people, self._how)

    @cached_property
    def executives(self) -> tuple[Executive, ...]:
        levels = self._measuring.executive_levels
        return executives(
            self.here,
            self._said,
            self._us.leads,
            self._today,
            self._how,
            levels,
            heard=bool(self._talks),
        )

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(alerts(self.people, self.threads, self.champions, self.executives))

    @property
    def ours(self) -> tuple[Ours, ...]:
        """Those of us who know somebody there."""
        return tuple(self._us.one(id) for id in dict.fromkeys(pair.ours for pair in self.pairs))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Who of us knows whom of them."""
        owners = {
            id: (self._us.id(record.text("owner")), field_source(record, "owner"))
            for id, record in self._records.items()
            if record.text("owner")
        }
        return pairs(self._talks, owners, self._today.toordinal(), self._how)

    @property
    def unattributed(self) -> int:
        """How many conversations do not say who of us took part."""
        return sum(not talk.ours for talk in self._talks)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """How to reach those who do not talk with us."""
        wanted = [person.id for person in self.here if not person.thread]
        staying = {person.id: self._records[person.id] for person in self.here}
        joined = ties(staying, self._talks, self._how)
        return routes(wanted, staying, self.pairs, joined, self._how)


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
