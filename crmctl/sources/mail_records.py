"""A message as crmctl's records: one event in the traffic of the customer it was exchanged with.

What no person wrote to a person (lists, bulk mail, automatic answers, bounces, receipts, invitations) and what we
write among ourselves is left out. What concerns no customer keeps neither subject nor text: if strangers of a company
are on it, it waits under their domain, else nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from crmctl.model.identity import (
    email_domain,
    is_free_mail,
    is_shared_mailbox,
    normal_email,
    registrable_domain,
)
from crmctl.model.incoming import NOWHERE, Batch, Incoming, Link
from crmctl.sources import mail_signature, mail_text
from crmctl.sources.mail_header import Address
from crmctl.sources.mail_message import Message
from crmctl.sources.mail_threads import thread_key
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import EmailSettings

SYSTEM = "email"
MOST_NAMES = 20  # attachments named of one message


@dataclass(frozen=True, slots=True)
class Side:
    """Who is on a message: ``ours``, and of the others the ``customers``, and those at a ``company`` nobody knows.

    ``engaged``: a person wrote it to a person, across the border between us and others.
    """

    ours: tuple[Address, ...]
    others: tuple[Address, ...]
    customers: tuple[Address, ...]
    company: tuple[Address, ...]
    engaged: bool

    @property
    def matches(self) -> bool:
        """Whether it is a customer's by its own addresses: then it is worth reading whole."""
        return self.engaged and bool(self.customers)

    @property
    def waits(self) -> bool:
        """Whether it may turn out to be a customer's, because a company's people are on it."""
        return self.engaged and bool(self.company) and not self.customers


def side(message: Message, interest: Interest, own: Collection[str] = ()) -> Side:
    """Who is on a message (headers are enough). ``own`` are further addresses of ours, such as the mailbox's."""
    mine = {normal_email(address) for address in own}

    def our(address: Address) -> bool:
        return interest.is_ours(address.email) or normal_email(address.email) in mine

    ours = tuple(address for address in message.people if our(address))
    others = tuple(address for address in message.people if not our(address))
    customers = tuple(address for address in others if interest.account(address.email))
    company = tuple(
        a for a in others if a not in customers and not is_free_mail(email_domain(a.email) or "")
    )
    group = registrable_domain(message.list_id) or ""
    written = not message.kind or (message.kind == "list" and group in interest.ours)
    return Side(ours, others, customers, company, written and bool(others))


def to_records(
    message: Message,
    interest: Interest,
    settings: EmailSettings,
    *,
    own: Collection[str] = (),
    account: str = "",
    origin: str = "",
) -> Batch:
    """The records of one message, an empty batch if none.

    ``own`` as in `side`. ``account`` is the account that the message belongs to whoever is on it, by its folder or by
    the address of a customer: that of its thread, or the one a person gave it. ``origin`` is where it was read, for
    reports. From the headers alone (`crmctl.sources.mail_message.parse_headers`) the event has no text.
    """
    who = side(message, interest, own)
    batch = Batch(SYSTEM)
    if not who.engaged or not (account or who.customers or who.company):
        return batch
    known = bool(account or who.customers)
    outgoing = any(sender in who.ours for sender in message.senders)
    fields: dict[str, Any] = {"type": "email", "direction": "out" if outgoing else "in"}
    if known:
        written = mail_text.signed(mail_text.new_text(message.text))
        fields |= _told(message, written.text, settings)
        by = next((a for a in (message.senders if outgoing else who.ours) if a in who.ours), None)
        if by is not None:
            fields["by"] = by.email.lower()
            batch.owners[fields["by"]] = (by.name, by.email.lower())
    people = who.others if known else who.company
    batch.records.append(
        Incoming(
            SYSTEM,
            "event",
            message.id,
            fields,
            account=_account(who, account),
            people=tuple((Link(email=person.email), "") for person in people),
            at=message.at,
            origin=origin,
        )
    )
    if known:
        batch.records += _contacts(message, written.signature, who, settings, origin)
    return batch


def _told(message: Message, new: str, settings: EmailSettings) -> dict[str, Any]:
    """What the message says, as far as the team keeps it."""
    fields: dict[str, Any] = {"thread": thread_key(message)}
    if message.subject:
        fields["subject"] = message.subject
    if message.attachments:
        fields["attachments"] = list(message.attachments[:MOST_NAMES])
    if settings.text == "all":
        fields["text"] = message.text
    elif settings.text == "new":
        whole = len(new) <= settings.text_limit
        fields["text"] = new if whole else f"{new[: settings.text_limit - 1].rstrip()}…"
    return {name: value for name, value in fields.items() if value}


def _account(who: Side, account: str) -> Link:
    """Where customers of several accounts are on a message, the first named one has it: senders come first."""
    if account:
        return Link(email=account) if "@" in account else Link(slug=account)
    return Link(email=who.customers[0].email) if who.customers else NOWHERE


def _contacts(
    message: Message, signature: str, who: Side, settings: EmailSettings, origin: str
) -> list[Incoming]:
    """The customers on it. Only the sender's own spelling of a name counts, or it would change with every mail."""
    stamp = {"modified": message.at.strftime("%Y-%m-%dT%H:%M:%SZ")} if message.at else {}
    found = []
    for person in who.customers:
        email = normal_email(person.email)
        if email is None or is_shared_mailbox(email):
            continue
        fields: dict[str, Any] = {}
        if person in message.senders and len(message.senders) == 1:
            if settings.signatures and signature:
                fields |= mail_signature.details(signature, person.name)
            fields |= {"name": person.name} if settings.contacts and person.name else {}
            fields |= stamp if fields else {}
        if fields or settings.contacts:
            fields["email"] = email
            found.append(
                Incoming(
                    SYSTEM,
                    "contact",
                    email,
                    fields,
                    origin=origin,
                    creates=settings.contacts,
                    waits=False,
                )
            )
    return found
