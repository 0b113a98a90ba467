"""Which file a record on its way in belongs to.

In order: its external id, aliases included; for a contact the exact e-mail address, then the exact LinkedIn
profile; for an account the exact domain, never one of a mail provider, never one that several accounts have. A
name never matches, it only suggests (see `crmctl.sync.dupes`). Two ids of one system are two records: a file that
already has another id of the same system is no match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crmctl.model.identity import (
    email_domain,
    is_free_mail,
    is_shared_mailbox,
    normal_email,
    normal_profile,
    registrable_domain,
)
from crmctl.model.incoming import Incoming, Link
from crmctl.model.record import Ranking, Record
from crmctl.sync.known import Known, folded, only_one
from crmctl.workspace.config import Config

# Whoever writes such a table by hand knows a company by its name, LinkedIn knows nothing else of it; other systems
# know it by its id.
NAMED_IN = frozenset({"csv", "linkedin"})


@dataclass(frozen=True, slots=True)
class Matched:
    """The file that means this record. Found by an alias, it has its own statement elsewhere and takes no other."""

    ref: str
    by: str

    @property
    def alias(self) -> bool:
        return self.by == "alias"


@dataclass(frozen=True, slots=True)
class New:
    """No file means this record; it belongs into this account ("" for an account of its own)."""

    account: str


@dataclass(frozen=True, slots=True)
class Nowhere:
    """There is no place for it, and why. One that ``waits`` is read again when an account claims it."""

    reason: str
    waits: bool = False
    damaged: bool = False


Match = Matched | New | Nowhere


class Matcher:
    """Matches the records of one batch against what is known; the caller adds to ``known`` what it creates."""

    def __init__(self, known: Known, config: Config, records: Sequence[Incoming]) -> None:
        self.known = known
        self._config = config
        self._ours = {registrable_domain(d) or d.lower() for d in config.our_domains}
        self._claimed: set[tuple[str, str, str]] = set()
        self._claims = Counter(
            (record.system, domain)
            for record in records
            if record.kind == "account" and not record.deleted
            for domain in self._domains_in(record.fields)
        )

    def match(self, record: Incoming, stated: dict[str, Any]) -> Match:
        """Where an account, contact, deal, interaction or task belongs; ``stated`` are its checked fields."""
        ref = self.known.find(record.kind, record.system, record.id)
        if ref is not None:
            block = self.known.records[record.kind][ref].systems.get(record.system, {})
            return Matched(ref, "id" if str(block.get("id")) == record.id else "alias")
        damaged = self.known.damaged_with(record.kind, record.system, record.id)
        if damaged is not None:
            reason = f"its file is damaged; mend it and run again ({damaged.reason})"
            return Nowhere(reason, damaged=True)
        if record.deleted:
            return Nowhere("")
        if record.kind == "account" and record.account:
            # A subscription speaks of an account that is there; it never makes one.
            named = self.account(record.account, record.system, by_name=True)
            missing = Nowhere("no account is known for it", waits=True)
            return Matched(named, "named") if named else missing
        if record.kind == "account":
            found = self._by_domain(record, stated)
            return Matched(found, "domain") if found else New("")
        if record.kind == "contact":
            if self._is_ours(stated):
                return Nowhere("is one of us")
            found = self._by_email(record, stated)
            if found:
                return Matched(found, "email")
            found = self._by_profile(record, stated)
            if found:
                return Matched(found, "profile")
        account = self.account_of(record, stated)
        return New(account) if account else Nowhere("no account is known for it", waits=True)

    def account_of(self, record: Incoming, stated: dict[str, Any]) -> str | None:
        """The account that a record other than an account belongs to; None if that is not certain."""
        found = self.account(record.account, record.system, by_name=record.kind != "contact")
        if found is None and record.kind == "contact":
            found = only_one(filter(None, map(self._account_at, _emails(stated))))
        if found is None and "deal" in record.links:
            deal = self._linked("deal", record.links["deal"], record.system)
            found = deal.partition("/")[0] if deal else None
        if found is None and record.people:
            found = only_one(
                filter(None, (self._account_of_person(p, record.system) for p, _ in record.people))
            )
        return found

    def account(self, link: Link, system: str, *, by_name: bool) -> str | None:
        """The account a link names: by id, folder, address, domain, and a name of its own if that may count."""
        if link.id:
            holder = link.system or system
            found = self.known.find("account", holder, link.id)
            damaged = None if found else self.known.damaged_with("account", holder, link.id)
            if found or damaged:
                return found or (damaged.account if damaged else None)
        if link.slug:
            found = self.known.account_named(link.slug)
            if found:
                return found
        if link.email:
            found = self._account_of_person(link, system)
            if found:
                return found
        if link.domain:
            found = self._account_with(link.domain)
            if found:
                return found
        name = link.name or link.slug
        return (
            only_one(self.known.names.get(folded(name), ()))
            if name and (by_name or system in NAMED_IN)
            else None
        )

    def person(self, link: Link, system: str) -> str | None:
        """The contact a link names: by id or by an address that one contact alone has."""
        found = self._linked("contact", link, system)
        return found or only_one(self.known.emails.get(normal_email(link.email) or "", ()))

    def linked(self, field: str, link: Link, system: str) -> str | None:
        """The reference that a field such as ``parent``, ``reports_to`` or ``deal`` is to hold."""
        if field == "parent":
            return self.account(link, system, by_name=True)
        return self._linked("deal", link, system) if field == "deal" else self.person(link, system)

    def _linked(self, kind: str, link: Link, system: str) -> str | None:
        if link.id:
            return self.known.find(kind, link.system or system, link.id)
        return link.slug if link.slug in self.known.records[kind] else None

    def _by_domain(self, record: Incoming, stated: dict[str, Any]) -> str | None:
        domains = self._domains_in(stated)
        if any(self._claims[record.system, domain] > 1 for domain in domains):
            return None
        holder = only_one({ref for domain in domains for ref in self.known.domains.get(domain, ())})
        named = self.known.names.get(folded(str(stated.get("name") or "")), set())
        # A group shares its domain: if the name is another company's that is known, the domain proves nothing.
        return self._free(record, None if named and holder not in named else holder)

    def _by_email(self, record: Incoming, stated: dict[str, Any]) -> str | None:
        personal = [a for a in _emails(stated) if not is_shared_mailbox(a)]
        return self._free(
            record, only_one(r for a in personal for r in self.known.emails.get(a, ()))
        )

    def _by_profile(self, record: Incoming, stated: dict[str, Any]) -> str | None:
        profile = normal_profile(str(stated.get("linkedin") or ""))
        return self._free(record, only_one(self.known.profiles.get(profile or "", ())))

    def _free(self, record: Incoming, ref: str | None) -> str | None:
        """``ref`` unless it means another record of the same system already."""
        if ref is None:
            return None
        claim = (record.kind, record.system, ref)
        prefix = f"{record.system}:"
        if claim in self._claimed or any(
            k.startswith(prefix) for k in self.known.records[record.kind][ref].ids()
        ):
            return None
        self._claimed.add(claim)
        return ref

    def _account_with(self, domain: str) -> str | None:
        found = registrable_domain(domain)
        if found is None or is_free_mail(found, self._config.free_mail) or found in self._ours:
            return None
        return only_one(self.known.domains.get(found, ()))

    def _account_at(self, address: str) -> str | None:
        domain = email_domain(address)
        return self._account_with(domain) if domain else None

    def _account_of_person(self, link: Link, system: str) -> str | None:
        ref = self.person(link, system)
        if ref is not None:
            return ref.partition("/")[0]
        return self._account_at(link.email) if link.email else None

    def _is_ours(self, stated: dict[str, Any]) -> bool:
        return any(email_domain(address) in self._ours for address in _emails(stated))

    def _domains_in(self, stated: Any) -> list[str]:
        texts = [*(stated.get("domains") or ()), stated.get("website") or ""]
        found = (registrable_domain(str(text)) for text in texts)
        return [
            d for d in dict.fromkeys(found) if d and not is_free_mail(d, self._config.free_mail)
        ]


def _emails(stated: dict[str, Any]) -> Iterable[str]:
    found = (
        normal_email(str(text))
        for text in (stated.get("email") or "", *(stated.get("emails") or ()))
    )
    return dict.fromkeys(filter(None, found))


def provisional(
    record: Incoming, account: str, id: str, path: str, stated: dict[str, Any]
) -> Record:
    """A record that is about to be created, as far as later records of the batch need it to be found."""
    block = {
        "id": record.id,
        **{name: value for name, value in stated.items() if value is not None},
    }
    return Record(record.kind, account, id, path, {}, {record.system: block}, "", Ranking())
