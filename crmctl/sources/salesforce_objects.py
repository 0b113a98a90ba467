"""Salesforce objects as crmctl's records: one pure mapping for exports and the REST API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crmctl.model.identity import email_domain, is_free_mail, registrable_domain
from crmctl.model.incoming import NOWHERE, RECORD_KINDS, Batch, Incoming, Link, Rejected
from crmctl.model.schema import FIELDS
from crmctl.sources import job_titles, salesforce_activities, values
from crmctl.sources.salesforce_rows import SObject
from crmctl.sources.salesforce_stated import SYSTEM, Org, account_of, incoming, link, stated

_ACCOUNT = {
    "Name": "name",
    "Description": "description",
    "Type": "account_type",
    "Industry": "industry",
    "AccountSource": "lead_source",
    "NumberOfEmployees": "employees",
    "AnnualRevenue": "annual_revenue",
    "CurrencyIsoCode": "currency",
    "Phone": "phone",
    "BillingStreet": "street",
    "BillingCity": "city",
    "BillingState": "state",
    "BillingPostalCode": "postcode",
    "BillingCountry": "country",
    "OwnerId": "owner",
}
_CONTACT = {
    "Title": "title",
    "Department": "department",
    "Email": "email",
    "Phone": "phone",
    "MobilePhone": "mobile",
    "MailingCity": "city",
    "MailingCountry": "country",
    "LeadSource": "lead_source",
    "OwnerId": "owner",
    "HasOptedOutOfEmail": "no_email",
}
_DEAL = {
    "Name": "name",
    "StageName": "stage",
    "Amount": "amount",
    "CurrencyIsoCode": "currency",
    "Probability": "probability",
    "CloseDate": "close",
    "CreatedDate": "opened",
    "Type": "type",
    "OwnerId": "owner",
    "NextStep": "next_step",
    "ForecastCategoryName": "forecast",
    "LeadSource": "lead_source",
    "Description": "description",
}
_LEAD = _CONTACT | {"City": "city", "Country": "country"}
_LEAD_COMPANY = {
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


def to_batch(sobjects: Iterable[SObject], *, leads: bool = False) -> Batch:
    """The records that ``sobjects`` state, accounts first.

    With ``leads``, a lead whose company is no account among them makes it one. Users fill
    ``owners``; types that crmctl does not read are counted in ``notes``. Two rows about one record
    add up, the later one wins.
    """
    batch = Batch(SYSTEM)
    org = Org(_merged(sobjects))
    _owners(org, batch)
    unread: Counter[str] = Counter()
    converted = 0
    for sobject in org:
        if sobject.type == "Lead":
            if sobject.true("IsConverted"):
                converted += 1
            else:
                _add(_lead, sobject, org, batch)
        elif sobject.type in _MAPPINGS:
            _add(_MAPPINGS[sobject.type], sobject, org, batch)
        elif sobject.type not in {"User", "OpportunityContactRole"}:
            unread[sobject.type or "unnamed type"] += 1
    if leads:
        batch.records += _lead_companies(org, batch)
    for opportunity_id in org.orphaned_roles():
        batch.records.append(_deal_people(opportunity_id, org))
    batch.records.sort(key=lambda record: RECORD_KINDS.index(record.kind))
    if converted:
        batch.notes.append(f"{converted} converted leads were left out: they are contacts now")
    batch.notes += [
        f"{count} records of {name} were left out" for name, count in sorted(unread.items())
    ]
    return batch


def _merged(sobjects: Iterable[SObject]) -> list[SObject]:
    found: dict[tuple[str, str], SObject] = {}
    for new in sobjects:
        key = new.type, new.id
        before = found[key].fields if key in found else {}
        found[key] = SObject(new.type, new.id, {**before, **new.fields}, new.origin)
    return list(found.values())


def _owners(org: Org, batch: Batch) -> None:
    for sobject in org:
        owner = sobject.text("OwnerId")
        if owner and sobject.text("Owner.Name"):
            batch.owners[owner] = (sobject.text("Owner.Name"), sobject.text("Owner.Email"))
    for user in org.of("User"):
        batch.owners[user.id] = (_person_name(user) or user.text("Username"), user.text("Email"))


Mapper = Callable[[SObject, Org, list[Rejected]], Incoming | None]


def _add(mapper: Mapper, sobject: SObject, org: Org, batch: Batch) -> None:
    record = mapper(sobject, org, batch.rejected)
    if record is not None:
        batch.records.append(record)


def _account(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "account", _ACCOUNT, rejected) | _web(sobject, rejected)
    links: dict[str, Link] = {}
    if "ParentId" in sobject.fields or sobject.text("Parent.Name"):
        links, fields = _linking("parent", link(sobject, "ParentId", "Parent.Name"), fields)
    return incoming(sobject, "account", fields, rejected, needs="name", links=links)


def _contact(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "contact", _CONTACT, rejected) | _person(sobject)
    links: dict[str, Link] = {}
    if "ReportsToId" in sobject.fields:
        links, fields = _linking("reports_to", link(sobject, "ReportsToId"), fields)
    account = link(sobject, "AccountId", "Account.Name")
    return incoming(
        sobject, "contact", fields, rejected, needs="name", account=account, links=links
    )


def _deal(sobject: SObject, org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "deal", _DEAL, rejected)
    status = _status(sobject)
    if status:
        fields["status"] = status
    account = account_of(sobject, org)
    people = org.people_of(sobject.id)
    return incoming(sobject, "deal", fields, rejected, needs="name", account=account, people=people)


def _status(sobject: SObject) -> str | None:
    won, closed = sobject.true("IsWon"), sobject.true("IsClosed")
    stage = sobject.text("StageName").casefold()
    if won or (won is None and stage == "closed won"):
        return "won"
    if closed or (closed is None and stage == "closed lost"):
        return "lost"
    return "open" if closed is False or stage else None


def _deal_people(opportunity_id: str, org: Org) -> Incoming:
    """Roles of an opportunity that is not among the records: who takes part, and nothing else."""
    people = org.people_of(opportunity_id)
    origin = org.roles[opportunity_id][0].origin
    return Incoming(SYSTEM, "deal", opportunity_id, {}, people=people, origin=origin)


def _lead(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "contact", _LEAD, rejected) | _person(sobject)
    account = _lead_account(sobject)
    return incoming(sobject, "contact", fields, rejected, needs="name", account=account)


def _lead_account(sobject: SObject) -> Link:
    """The lead's company; its id is that of the account which the lead may make."""
    name, domain = values.clean(sobject.text("Company")), _lead_domain(sobject)
    key = domain or name.casefold()
    return Link(id=f"lead:{key}" if key else "", domain=domain, name=name)


def _lead_domain(sobject: SObject) -> str:
    for domain in (
        email_domain(sobject.text("Email")),
        registrable_domain(sobject.text("Website")),
    ):
        if domain and not is_free_mail(domain):
            return domain
    return ""


def _lead_companies(org: Org, batch: Batch) -> list[Incoming]:
    """One account for each company that has leads but no account among the records."""
    known = {r.fields.get("name") for r in batch.records if r.kind == "account"}
    known |= {
        d for r in batch.records if r.kind == "account" for d in r.fields.get("domains") or ()
    }
    companies: dict[str, Incoming] = {}
    for lead in sorted(org.of("Lead"), key=lambda lead: lead.id):
        company = _lead_account(lead)
        if lead.true("IsConverted") or lead.true("IsDeleted") or not company.name:
            continue
        if company.id in companies or {company.name, company.domain} & known:
            continue
        fields = stated(lead, "account", _LEAD_COMPANY, batch.rejected) | _web(lead, batch.rejected)
        if company.domain:
            fields["domains"] = [company.domain]
        fields |= {"stage": "prospect", "step": "research"}
        companies[company.id] = Incoming(SYSTEM, "account", company.id, fields, origin=lead.origin)
    return list(companies.values())


def _web(sobject: SObject, rejected: list[Rejected]) -> dict[str, Any]:
    """``website`` and ``domains``; a mailbox provider's domain says nothing about a company."""
    if "Website" not in sobject.fields:
        return {}
    text = values.clean(sobject.text("Website"))
    if not text:
        return {"website": None, "domains": None}
    domain = registrable_domain(text)
    url = text if "://" in text else f"https://{text}"
    try:
        fields: dict[str, Any] = {"website": FIELDS["account"]["website"].check(url)}
    except ValueError as error:
        rejected.append(Rejected(sobject.origin, f"Website: {error}"))
        return {}
    return fields | ({"domains": [domain]} if domain and not is_free_mail(domain) else {})


def _person(sobject: SObject) -> dict[str, Any]:
    """``name``, and ``seniority`` as far as the title settles it."""
    name = _person_name(sobject)
    fields: dict[str, Any] = {"name": name} if name else {}
    if "Title" in sobject.fields:
        fields["seniority"] = job_titles.seniority(sobject.text("Title"))
    return fields


def _person_name(sobject: SObject) -> str:
    names = (sobject.text("FirstName"), sobject.text("LastName"))
    return values.clean(sobject.text("Name") or " ".join(filter(None, names)))


def _linking(
    name: str, target: Link, fields: Mapping[str, Any]
) -> tuple[dict[str, Link], dict[str, Any]]:
    """A field that holds another record: linked, or cleared where the system holds none."""
    if target is NOWHERE or not target:
        return {}, {**fields, name: None}
    return {name: target}, dict(fields)


_MAPPINGS: dict[str, Mapper] = {
    "Account": _account,
    "Case": salesforce_activities.case,
    "Contact": _contact,
    "Event": salesforce_activities.event,
    "Opportunity": _deal,
    "Task": salesforce_activities.task,
}
