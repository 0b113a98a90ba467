"""What a recorded conversation becomes: an interaction, the contacts it mentions, the tasks it left behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmctl.model.identity import email_domain, is_free_mail, is_shared_mailbox, normal_email
from crmctl.model.incoming import NOWHERE, Incoming, Link, Waiting
from crmctl.sources.conversation_json import stamp
from crmctl.sources.conversation_text import step_id
from crmctl.sources.source import Interest

_TITLE = 200  # characters of a task's title
CRM = "salesforce"


@dataclass(frozen=True, slots=True, order=True)
class Outsider:
    """Somebody who is not one of us. ``crm_id`` is their contact's id in Salesforce, if the recorder knows it."""

    email: str
    name: str = ""
    title: str = ""
    crm_id: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation. ``fields`` are those of an interaction; ``steps`` is what is to be done, one text each.

    ``mixed``: somebody from outside was there, so an account may claim it, also if nobody's address is known.
    """

    system: str
    id: str
    at: dt.datetime
    fields: Mapping[str, Any]
    outsiders: tuple[Outsider, ...] = ()
    account: Link = NOWHERE
    deal: Link = NOWHERE
    steps: tuple[str, ...] = ()
    owners: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mixed: bool = True

    @property
    def origin(self) -> str:
        """How reports call it."""
        return f"{self.system} {self.fields['type']} {self.id}"


def concerns(talk: Talk, interest: Interest) -> bool:
    """Whether a conversation seems to be with a customer: by the CRM's word, a person's, or the addresses."""
    return bool(talk.account or talk.deal) or interest.any(one.email for one in talk.outsiders)


def waiting(talk: Talk) -> Waiting:
    """What is kept of a conversation with nobody we know: its id and day, and the company it was perhaps with."""
    domains = [email_domain(one.email) for one in talk.outsiders]
    company = next((d for d in domains if d and not is_free_mail(d)), "")
    day = talk.at.date().isoformat()
    return Waiting(talk.system, "interaction", talk.id, day, company, talk.origin)


def interaction(talk: Talk, body: str) -> Incoming:
    """The conversation itself, with its prose."""
    return Incoming(
        talk.system,
        "interaction",
        talk.id,
        talk.fields,
        account=talk.account,
        people=_people(talk),
        links={"deal": talk.deal} if talk.deal else {},
        at=talk.at,
        body=body,
        origin=talk.origin,
    )


def contacts(talk: Talk, *, create: bool) -> Iterator[Incoming]:
    """Those who were there. The newest conversation has the last word on a name or a title."""
    for one in talk.outsiders:
        id = normal_email(one.email)
        if id is None or is_shared_mailbox(id):
            continue
        fields = {"name": one.name, "title": one.title, "email": one.email}
        stated = {name: value for name, value in fields.items() if value}
        yield Incoming(
            talk.system,
            "contact",
            id,
            {**stated, "modified": stamp(talk.at)},
            origin=talk.origin,
            creates=create,
            waits=False,
        )


def tasks(talk: Talk) -> Iterator[Incoming]:
    """What is to be done, each once however often it is said. Whether it was done is for people to say."""
    told: set[str] = set()
    for step in talk.steps:
        id = step_id(talk.id, step)
        if id in told or not step:
            continue
        told.add(id)
        fields = {
            "title": step if len(step) <= _TITLE else f"{step[: _TITLE - 1].rstrip()}…",
            "status": "open",
            "reason": f"agreed in the {talk.fields['type']} of {talk.at.date().isoformat()}",
        }
        owner = talk.fields.get("by")
        yield Incoming(
            talk.system,
            "task",
            id,
            {**fields, "owner": owner} if owner else fields,
            account=talk.account,
            people=_people(talk),
            links={"deal": talk.deal} if talk.deal else {},
            at=talk.at,
            origin=talk.origin,
            waits=False,
        )


def outsiders(people: Iterable[Outsider]) -> tuple[Outsider, ...]:
    """Each once, in an order that does not depend on how they were listed; those without any address left out."""
    found: dict[str, Outsider] = {}
    for one in sorted(people, key=lambda p: (p.email, not p.name, not p.title, p.name, p.crm_id)):
        if one.email or one.crm_id:
            found.setdefault(normal_email(one.email) or one.email or one.crm_id, one)
    return tuple(found.values())


def _people(talk: Talk) -> tuple[tuple[Link, str], ...]:
    return tuple(
        (Link(id=one.crm_id, email=one.email, system=CRM if one.crm_id else ""), "")
        for one in talk.outsiders
    )
