"""What every Salesforce mapping needs: checked fields, links, and the records around a record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from crmctl.model.fields import Field
from crmctl.model.identity import is_free_mail, registrable_domain
from crmctl.model.incoming import NOWHERE, Incoming, Link, Rejected
from crmctl.model.schema import FIELDS
from crmctl.sources import job_titles, salesforce_ids, values
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.salesforce_rows import SObject

SYSTEM = "salesforce"
PERSON = {
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
"""What a contact and a lead say of a person, by Salesforce's names."""
HISTORIES = ("OpportunityHistory", "OpportunityFieldHistory")
"""Where Salesforce keeps the stages that an opportunity passed; the first of them that is there counts."""


class Org:
    """The records of one reading by type and id, to look up what belongs to what."""

    def __init__(self, sobjects: Iterable[SObject]) -> None:
        self._all = list(sobjects)
        self._by_id = {sobject.id: sobject for sobject in self._all}
        self.roles: dict[str, list[SObject]] = {}
        self.moves: dict[str, list[SObject]] = {}
        for role in self.of("OpportunityContactRole"):
            if role.text("ContactId") and role.text("OpportunityId") and not role.true("IsDeleted"):
                self.roles.setdefault(role.text("OpportunityId"), []).append(role)
        for move in next(filter(None, map(self.of, HISTORIES)), ()):
            if move.text("OpportunityId") and _stage(move) and not move.true("IsDeleted"):
                self.moves.setdefault(move.text("OpportunityId"), []).append(move)

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._all)

    def get(self, record_id: str) -> SObject | None:
        """The record with this id, if it was read."""
        return self._by_id.get(record_id)

    def of(self, kind: str) -> list[SObject]:
        """All records of one Salesforce type."""
        return [sobject for sobject in self._all if sobject.type == kind]

    def people_of(self, opportunity_id: str) -> tuple[tuple[Link, str], ...]:
        """The contacts of an opportunity with their roles, the primary one first."""
        roles = sorted(
            self.roles.get(opportunity_id, ()),
            key=lambda role: (not role.true("IsPrimary"), role.id),
        )
        return tuple((Link(id=r.text("ContactId")), values.clean(r.text("Role"))) for r in roles)

    def main_person_of(self, opportunity_id: str) -> Link:
        """The primary contact of an opportunity, if it has one."""
        for role in self.roles.get(opportunity_id, ()):
            if role.true("IsPrimary"):
                return Link(id=role.text("ContactId"))
        return NOWHERE

    def stages_of(self, opportunity_id: str, rejected: list[Rejected]) -> list[dict[str, Any]]:
        """The stages of an opportunity and when it entered them, oldest first. Rows of other changes repeat one."""
        moves = sorted(
            self.moves.get(opportunity_id, ()), key=lambda move: (move.text("CreatedDate"), move.id)
        )
        stages: list[dict[str, Any]] = []
        for move in moves:
            at = moment(move, ("CreatedDate",), rejected)
            if at is not None and (not stages or stages[-1]["stage"] != _stage(move)):
                stages.append({"stage": _stage(move), "at": values.day(at)})
        return stages

    def orphaned(self) -> list[str]:
        """Opportunities that have contact roles or a history but were not read themselves."""
        return sorted((self.roles.keys() | self.moves.keys()) - self._by_id.keys())


def _stage(move: SObject) -> str:
    """The stage that a row of history leads to, "" if it is about something else."""
    if move.text("Field"):
        return values.clean(move.text("NewValue")) if move.text("Field") == "StageName" else ""
    return values.clean(move.text("StageName"))


def stated(
    sobject: SObject, kind: str, names: Mapping[str, str], rejected: list[Rejected]
) -> dict[str, Any]:
    """The fields of ``kind`` that the object states, by crmctl's names.

    An empty value is None: the system holds nothing there. A wrong one is left out and reported.
    """
    fields: dict[str, Any] = {}
    for api_name, name in names.items():
        if api_name not in sobject.fields:
            if api_name == "OwnerId" and sobject.text("Owner.Name"):
                fields["owner"] = values.clean(sobject.text("Owner.Name"))
            continue
        value = sobject.fields[api_name]
        if value is None or (isinstance(value, str) and not values.clean(value).strip()):
            fields[name] = None
            continue
        try:
            fields[name] = values.convert(FIELDS[kind][name], value)
        except ValueError as error:
            rejected.append(Rejected(sobject.origin, f"{api_name}: {error}"))
    return fields


def further(
    sobject: SObject, kind: str, names: Mapping[str, str], rejected: list[Rejected]
) -> tuple[dict[str, Any], dict[str, Link]]:
    """The fields and links that a team maps itself, by crmctl's names or any other names."""
    fields: dict[str, Any] = {}
    links: dict[str, Link] = {}
    for api_name, name in names.items():
        parent = api_name.partition(".")[0]
        if api_name not in sobject.fields and sobject.fields.get(parent, "") is not None:
            continue
        value = sobject.fields.get(api_name)
        field = FIELDS[kind].get(name)
        if isinstance(value, str) and not values.clean(value).strip():
            value = None
        if value is not None and field and field.kind == "id" and not field.many:
            links[name] = Link(id=str(value).strip())
            continue
        try:
            fields[name] = None if value is None else _as_mapped(field, value)
        except ValueError as error:
            rejected.append(Rejected(sobject.origin, f"{api_name}: {error}"))
    return fields, links


def _as_mapped(field: Field | None, value: Any) -> Any:
    """A value for a field of crmctl's, or for one of the team's own."""
    if field and field.many and isinstance(value, str):
        return field.check([part.strip() for part in values.clean(value).split(";")])
    if field:
        return values.convert(field, value)
    if isinstance(value, Decimal):
        value = values.plain(value)
        return int(value) if value == value.to_integral_value() else value
    return values.clean(value).strip() if isinstance(value, str) else value


def moment(
    sobject: SObject, names: Iterable[str], rejected: list[Rejected]
) -> dt.datetime | dt.date | None:
    """The first date or time that the object states under one of ``names``."""
    for name in names:
        if sobject.text(name):
            try:
                return values.moment(sobject.text(name))
            except ValueError as error:
                rejected.append(Rejected(sobject.origin, f"{name}: {error}"))
    return None


def modified(sobject: SObject) -> str:
    """When a record last changed, as text that sorts; "" if that is not told."""
    for name in ("SystemModstamp", "LastModifiedDate"):
        try:
            found = values.moment(sobject.text(name))
        except ValueError:
            continue
        return soql.time(found) if isinstance(found, dt.datetime) else found.isoformat()
    return ""


def web(sobject: SObject, rejected: list[Rejected]) -> dict[str, Any]:
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


def person(sobject: SObject) -> dict[str, Any]:
    """``name``, and ``seniority`` as far as the title settles it."""
    name = person_name(sobject)
    fields: dict[str, Any] = {"name": name} if name else {}
    if "Title" in sobject.fields:
        fields["seniority"] = job_titles.seniority(sobject.text("Title"))
    return fields


def person_name(sobject: SObject) -> str:
    """A person's whole name."""
    names = (sobject.text("FirstName"), sobject.text("LastName"))
    return values.clean(sobject.text("Name") or " ".join(filter(None, names)))


def link(sobject: SObject, id_name: str, text_name: str = "") -> Link:
    """The record that a reference field points at; its name where a report shows only that."""
    target = sobject.text(id_name)
    if target:
        return Link(id=target)
    name = values.clean(sobject.text(text_name)) if text_name else ""
    return Link(name=name) if name else NOWHERE


def account_of(sobject: SObject, org: Org, depth: int = 3) -> Link:
    """The account of a deal, an activity or a case: its own or that of what it is about."""
    own = link(sobject, "AccountId", "Account.Name")
    if own:
        return own
    for pointer in ("WhatId", "OpportunityId", "WhoId", "ContactId"):
        target = org.get(sobject.text(pointer))
        if target is None and salesforce_ids.type_of(sobject.text(pointer)) == "Account":
            return Link(id=sobject.text(pointer))
        if target is None or depth == 0:
            continue
        if target.type == "Account":
            return Link(id=target.id)
        if found := account_of(target, org, depth - 1):
            return found
    return NOWHERE


def incoming(
    sobject: SObject,
    kind: str,
    fields: Mapping[str, Any],
    rejected: list[Rejected],
    *,
    needs: str = "",
    account: Link = NOWHERE,
    people: tuple[tuple[Link, str], ...] = (),
    primary: Link = NOWHERE,
    links: Mapping[str, Link] | None = None,
    at: dt.datetime | dt.date | None = None,
    body: str = "",
) -> Incoming | None:
    """The record, unless it lacks the field it ``needs`` (only a deleted one may)."""
    deleted = bool(sobject.true("IsDeleted"))
    stamp = modified(sobject)
    if needs and not fields.get(needs) and not deleted:
        rejected.append(Rejected(sobject.origin, f"{needs}: is missing; a {kind} needs one"))
        return None
    return Incoming(
        SYSTEM,
        kind,
        sobject.id,
        {**fields, "modified": stamp} if stamp else fields,
        account=account,
        people=people,
        primary=primary,
        links=links or {},
        at=at,
        body=values.clean(body),
        deleted=deleted,
        merged_into=sobject.text("MasterRecordId"),
        origin=sobject.origin,
    )
