"""The kinds of CSV file: which fields each may fill, and what people call those columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from crmctl.model.errors import UsageError
from crmctl.model.fields import Field
from crmctl.model.schema import FIELDS

INTERVALS = {"month": 1, "quarter": 3, "year": 12}

_ACCOUNT = Field("account", "text", "the account: our folder, its domain, its id or its name")
_CONTACT = Field("contact", "text", "the contact's e-mail address")
_ID = Field("id", "text", "the record's id in the system the file comes from")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file. ``targets`` are the fields a column may fill, by name.

    Each group in ``needs`` names fields of which one column at least must be mapped.
    """

    name: str
    targets: dict[str, Field]
    needs: tuple[tuple[str, ...], ...]


def _of(record: str, *names: str) -> list[Field]:
    """Fields of a record that a cell can hold: those named, or all but maps and references."""
    known = FIELDS[record]
    if names:
        return [known[name] for name in names]
    return [f for f in known.values() if f.kind not in {"map", "id"} and f.name != "aliases"]


def _kind(name: str, fields: Iterable[Field], *needs: tuple[str, ...]) -> Kind:
    return Kind(name, {field.name: field for field in fields}, needs)


KINDS = {
    kind.name: kind
    for kind in (
        _kind(
            "accounts",
            [_ID, *_of("account"), Field("parent", "text", "the parent company")],
            ("name",),
        ),
        _kind(
            "contacts",
            [
                _ID,
                _ACCOUNT,
                Field("first_name", "text", "first name"),
                Field("last_name", "text", "last name"),
                *_of("contact"),
                Field("reports_to", "text", "e-mail address of the manager"),
            ],
            ("name", "first_name", "last_name"),
            ("id", "email"),
        ),
        _kind(
            "deals",
            [
                _ID,
                _ACCOUNT,
                *_of("deal"),
                Field("people", "text", "e-mail addresses of those who decide", many=True),
            ],
            ("account",),
            ("name",),
        ),
        _kind(
            "interactions",
            [
                _ID,
                _ACCOUNT,
                *_of("interaction"),
                Field("with", "text", "e-mail addresses of those who took part", many=True),
                Field("deal", "text", "the deal's id in the system the file comes from"),
                Field("body", "text", "notes or the message"),
            ],
            ("account", "with"),
            ("at",),
        ),
        _kind(
            "usage",
            [
                _ACCOUNT,
                Field("date", "date", "the day"),
                Field("metric", "text", "what was measured, such as active_users"),
                Field("value", "decimal", "the number"),
            ],
            ("account",),
            ("date",),
            ("metric",),
            ("value",),
        ),
        _kind(
            "tickets",
            [
                _ID,
                _ACCOUNT,
                _CONTACT,
                *_of("event", "number", "at", "subject", "text", "status", "open", "priority"),
                *_of("event", "reason", "escalated", "first_response_at", "closed_at", "reopened"),
                *_of("event", "by"),
            ],
            ("account", "contact"),
        ),
        _kind(
            "subscriptions",
            [
                _ACCOUNT,
                *_of("account", "plan", "seats", "mrr", "arr", "currency", "started", "renewal"),
                *_of("account", "auto_renew", "notice_given", "payment_overdue_since"),
                Field("amount", "decimal", "the price for one interval"),
                Field("interval", "choice", "what amount pays for", choices=tuple(INTERVALS)),
                Field("date", "date", "the day on which this was so"),
            ],
            ("account",),
        ),
        _kind(
            "surveys",
            [_ID, _ACCOUNT, _CONTACT, *_of("event", "at", "score", "text")],
            ("account", "contact"),
            ("score",),
        ),
    )
}

# Further names of columns, most telling first; each stands for the first target its kind has.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "account id": ("account", "id"),
    "account": ("account", "name"),
    "account name": ("account", "name"),
    "company": ("account", "name"),
    "company name": ("account", "name"),
    "company domain": ("domains", "account"),
    "account domain": ("domains", "account"),
    "customer": ("account", "name"),
    "customer name": ("account", "name"),
    "customer id": ("account", "id"),
    "organization": ("account", "name"),
    "organisation": ("account", "name"),
    "contact id": ("id",),
    "deal id": ("id",),
    "ticket id": ("id",),
    "external id": ("id",),
    "response id": ("id",),
    "deal name": ("name",),
    "opportunity name": ("name",),
    "opportunity": ("name",),
    "deal": ("deal", "name"),
    "full name": ("name",),
    "contact name": ("name",),
    "first": ("first_name",),
    "given name": ("first_name",),
    "last": ("last_name",),
    "surname": ("last_name",),
    "family name": ("last_name",),
    "domain": ("domains",),
    "url": ("website",),
    "web site": ("website",),
    "homepage": ("website",),
    "number of employees": ("employees",),
    "headcount": ("employees",),
    "company size": ("employees",),
    "revenue": ("annual_revenue",),
    "zip": ("postcode",),
    "zip code": ("postcode",),
    "postal code": ("postcode",),
    "address": ("street",),
    "region": ("state",),
    "type": ("account_type", "type"),
    "account owner": ("owner",),
    "csm": ("owner",),
    "tech stack": ("technologies",),
    "job title": ("title",),
    "position": ("title",),
    "role": ("roles",),
    "e mail": ("email", "contact"),
    "email": ("email", "contact", "with", "people"),
    "email address": ("email", "contact"),
    "contact email": ("email", "contact", "with", "people"),
    "respondent": ("contact",),
    "requester": ("contact",),
    "requester email": ("contact",),
    "user email": ("contact",),
    "mobile phone": ("mobile",),
    "cell": ("mobile",),
    "telephone": ("phone",),
    "linkedin url": ("linkedin",),
    "manager email": ("reports_to",),
    "unsubscribed": ("no_email",),
    "opted out": ("no_email",),
    "source": ("lead_source",),
    "deal stage": ("stage",),
    "value": ("value", "amount"),
    "deal value": ("amount",),
    "price": ("amount",),
    "close date": ("close",),
    "closing date": ("close",),
    "expected close": ("close",),
    "date": ("date", "at"),
    "day": ("date",),
    "time": ("at",),
    "timestamp": ("at", "date"),
    "created": ("at", "opened"),
    "created at": ("at", "opened"),
    "created date": ("at", "opened"),
    "opened at": ("at",),
    "submitted at": ("at",),
    "responded at": ("at",),
    "attendees": ("with",),
    "participants": ("with",),
    "contacts": ("with", "people"),
    "contact": ("contact", "with", "people"),
    "channel": ("type",),
    "notes": ("body", "description"),
    "note": ("body",),
    "summary": ("body", "text"),
    "duration": ("minutes",),
    "measure": ("metric",),
    "metric name": ("metric",),
    "event": ("metric",),
    "count": ("value",),
    "quantity": ("value", "seats"),
    "ticket number": ("number",),
    "case number": ("number",),
    "title": ("title", "subject"),
    "description": ("description", "text"),
    "state": ("state", "status"),
    "is open": ("open",),
    "closed": ("closed_at",),
    "closed date": ("closed_at",),
    "resolved at": ("closed_at",),
    "solved at": ("closed_at",),
    "first reply at": ("first_response_at",),
    "category": ("reason",),
    "assignee": ("by", "owner"),
    "licenses": ("seats",),
    "licences": ("seats",),
    "users": ("seats",),
    "billing interval": ("interval",),
    "billing period": ("interval",),
    "period": ("interval",),
    "start": ("started",),
    "start date": ("started",),
    "subscription start": ("started",),
    "end": ("renewal",),
    "end date": ("renewal",),
    "renewal date": ("renewal",),
    "renews at": ("renewal",),
    "as of": ("date",),
    "nps": ("score",),
    "nps score": ("score",),
    "rating": ("score",),
    "comment": ("text",),
    "comments": ("text",),
    "feedback": ("text",),
}


def kind_of(name: str) -> Kind:
    """The kind of file a person named; UsageError lists the kinds there are."""
    if name not in KINDS:
        raise UsageError(f"found the kind {name}; allowed: {', '.join(KINDS)}")
    return KINDS[name]


def folded(name: str) -> str:
    """A column's name for comparing: its words in lower case."""
    return " ".join(re.findall(r"[^\W_]+", name.lower()))
