"""How much speaks for two records being the same: evidence, weighed, in words. It suggests and never decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from crmctl.model.identity import is_free_mail, is_shared_mailbox
from crmctl.model.record import Event, Record
from crmctl.sync.identity import phone_key, similar
from crmctl.sync.known import addresses, domains_of, folded, reference, stated
from crmctl.workspace.names import company_key, name_key

Level = Literal["likely", "possible"]

ALIKE = 0.92  # names so similar suggest a slip of the pen
RELATED = 0.6  # names so similar are no chance beside a shared phone
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
    phones: frozenset[str] = frozenset()
    place: str = ""
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


def sketch(record: Record) -> Sketch:
    """The sketch of an account, a contact or a deal, of all that people and systems state."""
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
    phones = frozenset(
        filter(None, (phone_key(str(t)) for n in ("phone", "mobile") for t in stated(record, n)))
    )
    if record.kind == "account":
        place = folded(f"{record.text('street')} {record.text('city')}")
        domains = frozenset(d for d in domains_of(record) if not is_free_mail(d))
        return Sketch(**common, key=company_key(name), domains=domains, phones=phones, place=place)
    if record.kind == "contact":
        return Sketch(
            **common, key=name_key(name), emails=frozenset(addresses(record)), phones=phones
        )
    return Sketch(
        **common, key=name_key(name), amount=record.number("amount"), day=record.date("close")
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
    same_key = a.key == b.key
    if same_key:
        found.reasons.append("same name")
    elif alike >= RELATED:
        found.reasons.append(f"similar names ({alike:.0%})")
    domain = found.shared("domain", a.domains, b.domains)
    phone = found.shared("phone", a.phones, b.phones)
    place = found.shared("address", _one(a.place), _one(b.place))
    agreeing = domain + phone + place
    if same_key and (agreeing > len(found.doubts) or (a.name == b.name and not found.doubts)):
        return "likely", min(1.0, 0.85 + 0.05 * agreeing), found.reasons
    if same_key or domain or (alike >= ALIKE and not found.doubts) or (phone and alike >= RELATED):
        return "possible", round(0.3 + 0.3 * alike + 0.1 * agreeing, 2), found.reasons
    return None


def _contacts(a: Sketch, b: Sketch, same_account: bool) -> Verdict | None:
    found = Evidence()
    same_name = a.key == b.key
    if same_name:
        found.reasons.append("same name")
    personal = [frozenset(e for e in s.emails if not is_shared_mailbox(e)) for s in (a, b)]
    email = found.shared("e-mail", *personal)
    phone = found.shared("phone", a.phones, b.phones)
    if email and (same_name or similar(a.key, b.key) >= RELATED):
        return "likely", 1.0 if same_name else 0.9, found.reasons
    if same_name and same_account and "different e-mail" not in found.doubts:
        return "likely", 0.95 if phone else 0.85, found.reasons
    if email or (same_name and (same_account or phone)):
        return "possible", 0.6, found.reasons
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


def _one(text: str) -> frozenset[str]:
    return frozenset([text]) if text else frozenset()


_COMPARE: dict[str, Callable[[Sketch, Sketch, bool], Verdict | None]] = {
    "account": _accounts,
    "contact": _contacts,
    "deal": _deals,
    "ticket": _tickets,
}
