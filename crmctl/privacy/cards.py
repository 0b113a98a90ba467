"""People as vCards (RFC 2426) and days as a calendar (RFC 5545), for phones and calendars to take in."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line
from crmctl.workspace import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmctl.model.record import Account, Record
    from crmctl.workspace.workspace import Workspace

_DOMAIN = "crmctl.invalid"  # RFC 2606: an identity that can never be an address


def vcards(ws: Workspace) -> tuple[str, int]:
    """Every contact who is still there, as one text of vCards, and how many they are."""
    vobject = _library()
    cards = [
        str(_card(vobject, account, record).serialize())
        for account in _read(ws, "contacts")
        for record in account.contacts.values()
        if record.get("left") is None and not record.deleted
    ]
    return "".join(cards), len(cards)


def _card(vobject: Any, account: Account, record: Record) -> Any:
    card = vobject.vCard()
    name = one_line(record.title, 200)
    given, _, family = name.rpartition(" ")
    card.add("n").value = vobject.vcard.Name(family=family, given=given)
    card.add("fn").value = name
    card.add("uid").value = _uid(f"{account.slug}/{record.id}")
    card.add("org").value = [one_line(account.profile.title, 200)]
    if record.text("title"):
        card.add("title").value = one_line(record.text("title"), 200)
    for address in filter(None, [record.get("email"), *record.items("emails")]):
        card.add("email").value = str(address)
    for field, kind in (("phone", "WORK"), ("mobile", "CELL")):
        if record.text(field):
            number = card.add("tel")
            number.value, number.type_param = one_line(record.text(field), 60), kind
    if record.text("linkedin"):
        card.add("url").value = record.text("linkedin")
    return card


def calendar(ws: Workspace) -> tuple[str, int]:
    """Renewals, expected closings and open tasks as whole days of a calendar, and how many they are."""
    vobject = _library()
    found = vobject.iCalendar()
    found.add("prodid").value = "-//crmctl//EN"
    count = 0
    for account in _read(ws, "deals", "tasks"):
        for key, day, text in _days(account):
            event = found.add("vevent")
            event.add("uid").value = _uid(f"{account.slug}/{key}")
            event.add("summary").value = one_line(text, 200)
            event.add("dtstart").value = day
            # The day that a calendar shows must not depend on when the file was made.
            event.add("dtstamp").value = dt.datetime(day.year, 1, 1, tzinfo=vobject.icalendar.utc)
            count += 1
    return str(found.serialize()), count


def _days(account: Account) -> Iterator[tuple[str, dt.date, str]]:
    company = account.profile.title
    renewal = account.profile.date("renewal")
    if renewal is not None:
        yield "renewal", renewal, f"{company} renews"
    for id, deal in sorted(account.deals.items()):
        close = deal.date("close")
        if close is not None and (deal.text("status") or "open") == "open":
            yield f"deals/{id}", close, f"{company}: {deal.title} should close"
    for id, task in sorted(account.tasks.items()):
        due = task.date("due")
        if due is not None and task.text("status") == "open":
            yield f"tasks/{id}", due, f"{company}: {task.text('title')}"


def _read(ws: Workspace, *folders: str) -> Iterator[Account]:
    yield from store.Reader(ws.root, ws.ranking, fast=True).accounts(only=frozenset(folders))


def _uid(text: str) -> str:
    return f"{sha256(text.encode()).hexdigest()[:32]}@{_DOMAIN}"


def _library() -> Any:
    try:
        import vobject
    except ImportError:
        raise ConfigError(
            "this needs vobject: install crmctl with the extra analytics (pip install 'crmctl[analytics]')"
        ) from None
    return vobject
