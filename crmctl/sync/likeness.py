"""How much speaks for two records being the same: evidence, weighed, in words. It suggests and never decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from crmctl.model.identity import is_free_mail, is_shared_mailbox
from crmctl.model.record import Event, Record
from crmctl.sync.companies import company
from crmctl.sync.identity import (
    Phone,
    native,
    phone_of,
    same_country,
    same_person,
    same_phone,
    similar,
)
from crmctl.sync.known import addresses, domains_of, folded, profiles_of, reference, stated
from crmctl.sync.places import NO_PLACE, Place, agreement, place_of
from crmctl.workspace.names import name_key

Level = Literal["likely", "possible"]

ALIKE = 0.92  # names so similar suggest a slip of the pen
RELATED = 0.6  # names so similar are no chance beside a shared phone
SAME_PLACE, OTHER_PLACE = (
    0.85,
    0.5,
)  # of two addresses: so much agreement is one place, less than that another
AT_HOME = 0.7  # of two persons' addresses, with about the same name
SAME_STREET = 0.5
STREET_AND_TOWN = 4.5  # the weight of an address that says more than a street
SAME_TIME = dt.timedelta(days=31)  # two closing dates of one deal; renewals lie further apart


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is compared of one record: ``ref`` is an account's folder, else ``account/id``, ``ids`` its ids anywhere."""

    kind: str
    ref: str
    account: str
    name: str
    key: str
    ids: frozenset[str] = frozenset()
    merged_into: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    phones: frozenset[Phone] = frozenset()
    profiles: frozenset[str] = frozenset()
    place: Place = NO_PLACE
    country: str = ""
    form: str = ""
    native: str = ""

    def has_name_of(self, other: Sketch) -> bool:
        """Whether the two names are one, however they are written; in the same foreign script, letter by letter."""
        only_sounds = bool(self.native and other.native) and self.native != other.native
        return self.key == other.key and not only_sounds

    amount: Decimal | None = None
    day: dt.date | None = None
    text: str = ""


@dataclass(slots=True)
class Evidence:
    """What was found: ``reasons`` for, ``doubts`` against."""

    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def shared(self, what: str, a: frozenset[str], b: frozenset[str]) -> bool:
        """Whether the two sets meet; if both say something and do not, that is a doubt."""
        both = sorted(a & b)
        if both:
            self.reasons.append(f"same {what} {both[0]}")
        elif a and b:
            self.doubts.append(f"different {what}")
        return bool(both)

    def phone(self, a: Sketch, b: Sketch) -> bool:
        """Whether the two have a number in common; if both have one and they do not, that is a doubt."""
        both = sorted(
            one.text for one in a.phones if any(same_phone(one, other) for other in b.phones)
        )
        if both:
            self.reasons.append(f"same phone {both[0]}")
        elif a.phones and b.phones:
            self.doubts.append("different phone")
        return bool(both)

    def place(self, a: Sketch, b: Sketch) -> bool:
        """Whether the two are in one place, as far as their addresses tell; another place is a doubt."""
        found = agreement(a.place, b.place)
        if found is None:
            return False
        if found.score >= SAME_PLACE:
            self.reasons.append("same address" if found.street else "same town")
        elif found.score < OTHER_PLACE:
            self.doubts.append("different address")
        return found.score >= SAME_PLACE


def sketch(record: Record, country: str = "") -> Sketch:
    """The sketch of an account, a contact or a deal, of all that people and systems state.

    ``country`` is that of a contact's account, where the contact itself is in none.
    """
    name = record.title
    merged = frozenset(
        f"{system}:{block['merged_into']}"
        for system, block in record.systems.items()
        if block.get("merged_into")
    )
    common: dict[str, Any] = {
        "kind": record.kind,
        "ref": reference(record),
        "account": record.account,
        "name": folded(name),
        "ids": frozenset(record.ids()),
        "merged_into": merged,
    }
    if record.kind == "deal":
        return Sketch(
            **common, key=name_key(name), amount=record.number("amount"), day=record.date("close")
        )
    country = record.text("country") or country
    texts = {str(text).strip() for name in ("phone", "mobile") for text in stated(record, name)}
    common["phones"] = frozenset(phone for t in texts if (phone := phone_of(t, country)).block)
    if record.kind == "account":
        domains = frozenset(d for d in domains_of(record) if not is_free_mail(d))
        return Sketch(
            **common,
            **company(name)._asdict(),
            domains=domains,
            place=place_of(record),
            country=country,
        )
    return Sketch(
        **common,
        key=name_key(name),
        native=native(name),
        emails=frozenset(addresses(record)),
        profiles=frozenset(profiles_of(record)),
        place=place_of(record) if record.get("street") else NO_PLACE,
    )


def ticket(event: Event, account: str) -> Sketch:
    """The sketch of a ticket among an account's traffic."""
    subject = str(event.data.get("subject") or "")
    day = event.at.date() if event.at else None
    text = folded(str(event.data.get("text") or ""))
    ids = frozenset(event.ids())
    return Sketch(
        "ticket",
        f"{account}/{event.id}",
        account,
        folded(subject),
        name_key(subject),
        ids,
        day=day,
        text=text,
    )


Verdict = tuple[Level, float, list[str]]


def compare(a: Sketch, b: Sketch, same_account: bool) -> Verdict | None:
    """(level, score 0 to 1, reasons) if the two may be one; ``same_account``: their accounts are or may well be one."""
    told = a.merged_into & b.ids or b.merged_into & a.ids
    if told:
        return "likely", 1.0, [f"{min(told).partition(':')[0]} says that it merged them"]
    return _COMPARE[a.kind](a, b, same_account)


def _accounts(a: Sketch, b: Sketch, _same_account: bool) -> Verdict | None:
    found = Evidence()
    alike = similar(a.key, b.key)
    same_key = a.has_name_of(b)
    if same_key:
        found.reasons.append("same name")
    elif alike >= RELATED:
        found.reasons.append(f"similar names ({alike:.0%})")
    domain = found.shared("domain", a.domains, b.domains)
    phone = found.phone(a, b)
    place = found.place(a, b)
    agreeing = domain + phone + place
    certain = agreeing > len(found.doubts) or (a.name == b.name and not found.doubts)
    if same_key and certain and not _apart(a, b):
        return "likely", min(1.0, 0.85 + 0.05 * agreeing), found.reasons
    if same_key or domain or (alike >= ALIKE and not found.doubts) or (phone and alike >= RELATED):
        return "possible", round(0.3 + 0.3 * alike + 0.1 * agreeing, 2), found.reasons
    return None


def _apart(a: Sketch, b: Sketch) -> bool:
    """Whether two companies cannot be one, whatever they share: by legal form or country. Groups share the rest."""
    forms = bool(a.form and b.form and a.form != b.form)
    return forms or same_country(a.country, b.country) is False


def _contacts(a: Sketch, b: Sketch, same_account: bool) -> Verdict | None:
    found = Evidence()
    same_name = a.has_name_of(b)
    if same_name:
        found.reasons.append("same name")
    personal = [frozenset(e for e in s.emails if not is_shared_mailbox(e)) for s in (a, b)]
    email = found.shared("e-mail", *personal)
    profile = found.shared("LinkedIn profile", a.profiles, b.profiles)
    phone = found.phone(a, b)
    proof = email or profile
    if proof and (same_name or similar(a.key, b.key) >= RELATED):
        return "likely", 1.0 if same_name else 0.9, found.reasons
    contradicted = (
        "different e-mail" in found.doubts or "different LinkedIn profile" in found.doubts
    )
    if same_name and same_account and not contradicted:
        return "likely", 0.95 if phone else 0.85, found.reasons
    home = _at_home(a, b, found)
    if home == "likely" and not contradicted:
        return "likely", 0.9 if same_name else 0.85, found.reasons
    if proof or home or (same_name and (same_account or phone)):
        return "possible", 0.6, found.reasons
    return None


def _at_home(a: Sketch, b: Sketch, found: Evidence) -> Level | None:
    """What two addresses say of two persons: one of about that name, or two who live together."""
    where = agreement(a.place, b.place)
    if where is None or where.street < SAME_STREET or where.weight < STREET_AND_TOWN:
        return None
    same = same_person(a.key, b.key)
    if same and where.score >= AT_HOME:
        found.reasons += ["same address"] if a.has_name_of(b) else ["similar names", "same address"]
        return "likely"
    if where.score >= SAME_PLACE and (same or not set(a.key.split()).isdisjoint(b.key.split())):
        found.reasons += ["similar names", "same address"]
        return "possible"
    return None


def _deals(a: Sketch, b: Sketch, same_account: bool) -> Verdict | None:
    if not same_account or a.key != b.key:
        return None
    reasons = ["same name"]
    apart = abs(a.day - b.day) if a.day and b.day else dt.timedelta(0)
    if apart > SAME_TIME:
        return None
    if a.day and a.day == b.day:
        reasons.append("same closing date")
    if a.amount is not None and b.amount is not None and a.amount != b.amount:
        return "possible", 0.6, reasons
    if a.amount is not None and a.amount == b.amount:
        reasons.append("same amount")
    return "likely", 0.95 if len(reasons) > 1 else 0.85, reasons


def _tickets(a: Sketch, b: Sketch, same_account: bool) -> Verdict | None:
    if not same_account or a.key != b.key or a.day != b.day:
        return None
    reasons = ["same subject", *(["same day"] if a.day else [])]
    if a.text and b.text and a.text != b.text:
        return "possible", 0.6, reasons
    return "likely", 0.95 if a.text or a.day else 0.85, reasons


_COMPARE: dict[str, Callable[[Sketch, Sketch, bool], Verdict | None]] = {
    "account": _accounts,
    "contact": _contacts,
    "deal": _deals,
    "ticket": _tickets,
}
