"""Salesforce objects as crmctl's records: one pure mapping for exports and the REST API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from crmctl.model.incoming import NOWHERE, RECORD_KINDS, Batch, Incoming, Link, Rejected
from crmctl.sources import salesforce_activities, salesforce_leads
from crmctl.sources.salesforce_rows import SObject
from crmctl.sources.salesforce_stated import (
    HISTORIES,
    PERSON,
    SYSTEM,
    Org,
    account_of,
    further,
    incoming,
    link,
    person,
    person_name,
    stated,
    web,
)

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


def to_batch(
    sobjects: Iterable[SObject],
    *,
    leads: bool = False,
    mapped: Mapping[str, Mapping[str, str]] | None = None,
    known: Collection[str] = (),
    complete: Collection[str] = (),
) -> Batch:
    """The records that ``sobjects`` state, accounts first.

    With ``leads``, a lead whose company is no account, neither here nor among ``known`` (see
    `salesforce_leads.companies`), makes it one. ``mapped`` are the team's own fields by object. ``complete`` are
    opportunities of which all contact roles are here: one without any has nobody. Users fill ``owners``; types that
    crmctl does not read are counted in ``notes``. Two rows about one record add up, the later one wins.
    """
    batch = Batch(SYSTEM)
    org = Org(_merged(sobjects))
    _owners(org, batch)
    unread: Counter[str] = Counter()
    converted = 0
    for sobject in org:
        if sobject.type in _MAPPINGS:
            _add(sobject, org, batch, (mapped or {}).get(sobject.type, {}))
            converted += _left_out(sobject)
        elif sobject.type not in {"User", "OpportunityContactRole", *HISTORIES}:
            unread[sobject.type or "unnamed type"] += 1
    if leads:
        batch.records += salesforce_leads.companies(org.of("Lead"), batch, known)
    for opportunity_id in org.orphaned():
        batch.records.append(_part(opportunity_id, org, batch.rejected))
    batch.records += [_nobody(id) for id in sorted(set(complete) - org.roles.keys())]
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
        batch.owners[user.id] = (person_name(user) or user.text("Username"), user.text("Email"))


Mapper = Callable[[SObject, Org, list[Rejected]], Incoming | None]


def _add(sobject: SObject, org: Org, batch: Batch, mapped: Mapping[str, str]) -> None:
    record = _MAPPINGS[sobject.type](sobject, org, batch.rejected)
    if record is not None and mapped:
        fields, links = further(sobject, record.kind, mapped, batch.rejected)
        record = replace(
            record, fields={**record.fields, **fields}, links={**record.links, **links}
        )
    if record is not None:
        batch.records.append(record)


def _account(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "account", _ACCOUNT, rejected) | web(sobject, rejected)
    links: dict[str, Link] = {}
    if "ParentId" in sobject.fields or sobject.text("Parent.Name"):
        links, fields = _linking("parent", link(sobject, "ParentId", "Parent.Name"), fields)
    return incoming(sobject, "account", fields, rejected, needs="name", links=links)


def _contact(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    fields = stated(sobject, "contact", PERSON, rejected) | person(sobject)
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
    if sobject.id in org.moves:
        fields["stage_history"] = org.stages_of(sobject.id, rejected)
    account = account_of(sobject, org)
    return incoming(
        sobject,
        "deal",
        fields,
        rejected,
        needs="name",
        account=account,
        people=org.people_of(sobject.id),
        primary=org.main_person_of(sobject.id),
    )


def _status(sobject: SObject) -> str | None:
    won, closed = sobject.true("IsWon"), sobject.true("IsClosed")
    stage = sobject.text("StageName").casefold()
    if won or (won is None and stage == "closed won"):
        return "won"
    if closed or (closed is None and stage == "closed lost"):
        return "lost"
    return "open" if closed is False or stage else None


def _part(opportunity_id: str, org: Org, rejected: list[Rejected]) -> Incoming:
    """Roles and history of an opportunity that is not among the records, and nothing else of it.

    They say nothing that would be enough to make a deal of.
    """
    people = org.people_of(opportunity_id)
    moved = opportunity_id in org.moves
    fields = {"stage_history": org.stages_of(opportunity_id, rejected)} if moved else {}
    first = (org.roles.get(opportunity_id) or org.moves[opportunity_id])[0]
    return Incoming(
        SYSTEM,
        "deal",
        opportunity_id,
        fields,
        people=people,
        primary=org.main_person_of(opportunity_id),
        origin=first.origin,
        creates=False,
        waits=False,
    )


def _nobody(opportunity_id: str) -> Incoming:
    """An opportunity that has no contact roles any more."""
    return Incoming(SYSTEM, "deal", opportunity_id, {"people": None}, creates=False, waits=False)


def _lead(sobject: SObject, _org: Org, rejected: list[Rejected]) -> Incoming | None:
    if sobject.true("IsConverted"):
        return salesforce_leads.converted(sobject)
    return salesforce_leads.lead(sobject, rejected)


def _left_out(sobject: SObject) -> bool:
    """Whether this is a lead that became a contact nobody knows."""
    converted = sobject.type == "Lead" and sobject.true("IsConverted")
    return bool(converted and not sobject.text("ConvertedContactId"))


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
    "Lead": _lead,
    "Opportunity": _deal,
    "Task": salesforce_activities.task,
}
