"""Salesforce tasks, events and cases: work to do, conversations had, and support tickets."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from crmctl.model.incoming import Incoming, Link, Rejected
from crmctl.sources import values
from crmctl.sources.salesforce_rows import SObject
from crmctl.sources.salesforce_stated import Org, account_of, incoming, link, moment, stated

_TASK = {"Subject": "title", "ActivityDate": "due", "OwnerId": "owner"}
_TALK = {"Subject": "subject", "OwnerId": "by"}
_TICKET = {
    "CaseNumber": "number",
    "Subject": "subject",
    "Status": "status",
    "Priority": "priority",
    "Reason": "reason",
    "IsEscalated": "escalated",
    "ClosedDate": "closed_at",
}
_CALL_SUBJECT = re.compile(r"(phone )?call\b", re.IGNORECASE)
_EMAIL_SUBJECT = re.compile(r"(e-?mail|re|fwd?)\s*:", re.IGNORECASE)
_DIRECTIONS = {"inbound": "in", "outbound": "out"}
_UNTITLED = "(no subject)"


def task(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    """A task: open ones are work; closed ones a call, a mail, or work that is done."""
    closed = sobject.true("IsClosed")
    if closed is None:
        closed = sobject.text("Status").casefold() == "completed"
    subtype = sobject.text("TaskSubtype").casefold()
    subject = sobject.text("Subject")
    if closed and (subtype == "call" or _is_call(sobject) or _CALL_SUBJECT.match(subject)):
        return _call(sobject, org, rejected)
    if closed and (subtype in {"email", "listemail"} or _EMAIL_SUBJECT.match(subject)):
        return _email(sobject, org, rejected)
    return _work(sobject, org, rejected, closed=closed)


def event(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    """A calendar entry as a meeting; an invitee's copy (``IsChild``) is none of its own."""
    if sobject.true("IsChild"):
        return None
    fields: dict[str, Any] = stated(sobject, "interaction", _TALK, rejected) | {"type": "meeting"}
    at = moment(sobject, ("StartDateTime", "ActivityDateTime", "ActivityDate"), rejected)
    if not sobject.true("IsAllDayEvent"):
        fields |= stated(sobject, "interaction", {"DurationInMinutes": "minutes"}, rejected)
        end = moment(sobject, ("EndDateTime",), rejected)
        if (
            not fields.get("minutes")
            and isinstance(at, dt.datetime)
            and isinstance(end, dt.datetime)
        ):
            fields["minutes"] = max(0, round((end - at).total_seconds() / 60))
    return _dated(sobject, "interaction", fields, at, org, rejected)


def case(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    """A support case as a ticket; exports without dates give one without."""
    fields: dict[str, Any] = stated(sobject, "event", _TICKET, rejected) | {"type": "ticket"}
    closed = sobject.true("IsClosed")
    if closed is None and sobject.text("Status"):
        closed = sobject.text("Status").casefold().startswith("closed")
    if closed is not None:
        fields["open"] = not closed
    person = link(sobject, "ContactId") or Link(
        email=sobject.text("SuppliedEmail") or sobject.text("ContactEmail"),
        name=values.clean(sobject.text("Contact.Name")),
    )
    return incoming(
        sobject,
        "event",
        fields,
        rejected,
        account=account_of(sobject, org),
        people=((person, ""),) if person else (),
        at=moment(sobject, ("CreatedDate",), rejected),
        body=sobject.text("Description"),
    )


def _is_call(sobject: SObject) -> bool:
    return bool(sobject.text("CallType") or sobject.fields.get("CallDurationInSeconds"))


def _call(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    names = _TALK | {"CallDisposition": "outcome", "CallDurationInSeconds": "minutes"}
    fields = stated(sobject, "interaction", names, rejected) | {"type": "call"}
    if fields.get("minutes"):
        fields["minutes"] = -(-fields["minutes"] // 60)  # a started minute counts
    direction = _DIRECTIONS.get(sobject.text("CallType").casefold())
    if direction:
        fields["direction"] = direction
    return _dated(sobject, "interaction", fields, _done_at(sobject, rejected), org, rejected)


def _email(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "event", _TALK, rejected) | {"type": "email"}
    return _dated(sobject, "event", fields, _done_at(sobject, rejected), org, rejected)


def _work(sobject: SObject, org: Org, rejected: list[Rejected], *, closed: bool) -> Incoming | None:
    fields = stated(sobject, "task", _TASK, rejected)
    fields["title"] = fields.get("title") or _UNTITLED
    fields["status"] = "done" if closed else "open"
    priority = sobject.text("Priority").casefold()
    if sobject.true("IsHighPriority"):
        priority = "high"
    if priority in {"high", "normal", "low"}:
        fields["priority"] = priority
    finished = moment(sobject, ("CompletedDateTime",), rejected) if closed else None
    if finished:
        fields["done"] = values.day(finished)
    return _about(sobject, "task", fields, fields.get("due"), org, rejected)


def _done_at(sobject: SObject, rejected: list[Rejected]) -> dt.datetime | dt.date | None:
    return moment(sobject, ("CompletedDateTime", "ActivityDate", "CreatedDate"), rejected)


def _dated(
    sobject: SObject,
    kind: str,
    fields: dict[str, Any],
    at: dt.datetime | dt.date | None,
    org: Org,
    rejected: list[Rejected],
) -> Incoming | None:
    if at is None and kind == "interaction" and not sobject.true("IsDeleted"):
        rejected.append(Rejected(sobject.origin, "has no date; a conversation needs one"))
        return None
    return _about(sobject, kind, fields, at, org, rejected)


def _about(
    sobject: SObject,
    kind: str,
    fields: dict[str, Any],
    at: dt.datetime | dt.date | None,
    org: Org,
    rejected: list[Rejected],
) -> Incoming | None:
    """An activity with its account, its person, and the deal it is about."""
    about = sobject.text("WhatId")
    target = org.get(about)
    is_deal = target.type == "Opportunity" if target else about.startswith("006")
    person = link(sobject, "WhoId", "Who.Name")
    return incoming(
        sobject,
        kind,
        fields,
        rejected,
        account=account_of(sobject, org),
        people=((person, ""),) if person else (),
        links={"deal": Link(id=about)} if is_deal and kind != "event" else {},
        at=at,
        body=sobject.text("Description"),
    )
