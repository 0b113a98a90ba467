"""Salesforce leads: contacts of companies that are no account yet, and those companies."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from crmctl.model.identity import email_domain, is_free_mail, registrable_domain
from crmctl.model.incoming import Batch, Incoming, Link, Rejected
from crmctl.sources import values
from crmctl.sources.salesforce_rows import SObject
from crmctl.sources.salesforce_stated import PERSON, SYSTEM, incoming, modified, person, stated, web

_LEAD = {**PERSON, "City": "city", "Country": "country"}
_COMPANY = {
    "Company": "name",
    "Industry": "industry",
    "NumberOfEmployees": "employees",
    "AnnualRevenue": "annual_revenue",
    "CurrencyIsoCode": "currency",
    "Phone": "phone",
    "Street": "street",
    "City": "city",
    "State": "state",
    "PostalCode": "postcode",
    "Country": "country",
    "LeadSource": "lead_source",
    "OwnerId": "owner",
}


def lead(sobject: SObject, rejected: list[Rejected]) -> Incoming | None:
    """An open lead as a contact of its company."""
    fields = stated(sobject, "contact", _LEAD, rejected) | person(sobject)
    return incoming(sobject, "contact", fields, rejected, needs="name", account=company(sobject))


def converted(sobject: SObject) -> Incoming | None:
    """The end of a lead that became a contact, None if it is not told which."""
    heir = sobject.text("ConvertedContactId")
    if not heir:
        return None
    stamp = modified(sobject)
    fields = {"modified": stamp} if stamp else {}
    return Incoming(
        SYSTEM, "contact", sobject.id, fields, deleted=True, merged_into=heir, origin=sobject.origin
    )


def company(sobject: SObject) -> Link:
    """A lead's company; its id is that of the account which the lead may make."""
    name, domain = values.clean(sobject.text("Company")), _domain(sobject)
    key = domain or name.casefold()
    return Link(id=f"lead:{key}" if key else "", domain=domain, name=name)


def companies(
    leads: Iterable[SObject], batch: Batch, known: Collection[str] = ()
) -> list[Incoming]:
    """One account for each company of an open lead that is no account: neither in ``batch`` nor among ``known``.

    ``known`` holds names in lower case (casefold) and domains.
    """
    accounts = [record.fields for record in batch.records if record.kind == "account"]
    taken = {str(fields.get("name") or "").casefold() for fields in accounts} | set(known)
    taken |= {domain for fields in accounts for domain in fields.get("domains") or ()}
    found: dict[str, Incoming] = {}
    for sobject in sorted(leads, key=lambda one: one.id):
        of = company(sobject)
        if sobject.true("IsConverted") or sobject.true("IsDeleted") or not of.name:
            continue
        if of.id in found or {of.name.casefold(), of.domain} & taken:
            continue
        fields = stated(sobject, "account", _COMPANY, batch.rejected) | web(sobject, batch.rejected)
        if of.domain:
            fields["domains"] = [of.domain]
        fields |= {"stage": "prospect", "step": "research"}
        found[of.id] = Incoming(SYSTEM, "account", of.id, fields, origin=sobject.origin)
    return list(found.values())


def _domain(sobject: SObject) -> str:
    for domain in (
        email_domain(sobject.text("Email")),
        registrable_domain(sobject.text("Website")),
    ):
        if domain and not is_free_mail(domain):
            return domain
    return ""
