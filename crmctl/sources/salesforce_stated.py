"""What every Salesforce mapping needs: checked fields, links, and the records around a record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crmctl.model.incoming import NOWHERE, Incoming, Link, Rejected
from crmctl.model.schema import FIELDS
from crmctl.sources import values
from crmctl.sources.salesforce_rows import SObject

SYSTEM = "salesforce"


class Org:
    """The records of one reading by type and id, to look up what belongs to what."""

    def __init__(self, sobjects: Iterable[SObject]) -> None:
        self._all = list(sobjects)
        self._by_id = {sobject.id: sobject for sobject in self._all}
        self.roles: dict[str, list[SObject]] = {}
        for role in self.of("OpportunityContactRole"):
            if role.text("ContactId") and role.text("OpportunityId") and not role.true("IsDeleted"):
                self.roles.setdefault(role.text("OpportunityId"), []).append(role)

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

    def orphaned_roles(self) -> list[str]:
        """Opportunities that have contact roles but were not read themselves."""
        return sorted(self.roles.keys() - self._by_id.keys())


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
    links: Mapping[str, Link] | None = None,
    at: dt.datetime | dt.date | None = None,
    body: str = "",
) -> Incoming | None:
    """The record, unless it lacks the field it ``needs`` (only a deleted one may)."""
    deleted = bool(sobject.true("IsDeleted"))
    if needs and not fields.get(needs) and not deleted:
        rejected.append(Rejected(sobject.origin, f"{needs}: is missing; a {kind} needs one"))
        return None
    return Incoming(
        SYSTEM,
        kind,
        sobject.id,
        fields,
        account=account,
        people=people,
        links=links or {},
        at=at,
        body=values.clean(body),
        deleted=deleted,
        merged_into=sobject.text("MasterRecordId"),
        origin=sobject.origin,
    )
