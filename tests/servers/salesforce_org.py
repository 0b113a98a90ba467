"""A Salesforce organisation: rows that know their own stamps, a recycle bin, and a ledger of all that happened."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from crmctl.sources.salesforce_ids import check_characters
from tests.servers.salesforce_soql import Condition, Query, stamp

Row = dict[str, Any]
_BEGIN = dt.datetime(2026, 2, 2, 9, tzinfo=dt.UTC)
_SYSTEM = {
    "Id": "id",
    "IsDeleted": "boolean",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
}
_PREFIX = {
    "Account": "001",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "OpportunityHistory": "008",
    "OpportunityFieldHistory": "017",
    "OpportunityContactRole": "00K",
    "Group": "00G",
    "Lead": "00Q",
    "Task": "00T",
    "Event": "00U",
    "Case": "500",
    "Organization": "00D",
}


def _types(text: str) -> dict[str, str]:
    """``Name Owner:reference`` as types by name; one without a type is text."""
    pairs = (word.partition(":") for word in text.split())
    return _SYSTEM | {name: type or "string" for name, _, type in pairs}


SCHEMA = {
    "Account": _types(
        """Name Type:picklist Industry:picklist AccountSource:picklist Rating:picklist Website:url
        Phone:phone Description:textarea AnnualRevenue:currency NumberOfEmployees:int
        BillingStreet:textarea BillingCity BillingState BillingPostalCode BillingCountry
        BillingAddress:address ParentId:reference OwnerId:reference MasterRecordId:reference
        LastActivityDate:date Plan__c Seats__c:double Vip__c:boolean Tools__c:multipicklist
        Manager__c:reference"""
    ),
    "Contact": _types(
        """FirstName LastName Name Title Department Email:email Phone:phone MobilePhone:phone
        MailingCity MailingCountry LeadSource:picklist AccountId:reference ReportsToId:reference
        OwnerId:reference MasterRecordId:reference HasOptedOutOfEmail:boolean"""
    ),
    "Lead": _types(
        """FirstName LastName Name Title Company Email:email Phone:phone MobilePhone:phone
        Website:url Industry:picklist NumberOfEmployees:int AnnualRevenue:currency Street:textarea
        City State PostalCode Country LeadSource:picklist OwnerId:reference IsConverted:boolean
        ConvertedContactId:reference MasterRecordId:reference HasOptedOutOfEmail:boolean"""
    ),
    "Opportunity": _types(
        """Name AccountId:reference StageName:picklist Amount:currency Probability:percent
        CloseDate:date Type:picklist OwnerId:reference NextStep ForecastCategoryName:picklist
        LeadSource:picklist Description:textarea IsClosed:boolean IsWon:boolean"""
    ),
    "OpportunityContactRole": _types(
        "OpportunityId:reference ContactId:reference Role:picklist IsPrimary:boolean"
    ),
    "OpportunityHistory": _types("OpportunityId:reference StageName Amount:currency"),
    "OpportunityFieldHistory": {
        name: type
        for name, type in _types("OpportunityId:reference Field OldValue NewValue").items()
        if name not in {"SystemModstamp", "LastModifiedDate"}
    },
    "Task": _types(
        """Subject Status:picklist Priority:picklist ActivityDate:date IsClosed:boolean
        IsHighPriority:boolean Description:textarea WhoId:reference WhatId:reference
        AccountId:reference OwnerId:reference TaskSubtype:picklist CallType:picklist
        CallDurationInSeconds:int CallDisposition CompletedDateTime:datetime IsArchived:boolean"""
    ),
    "Event": _types(
        """Subject StartDateTime:datetime EndDateTime:datetime ActivityDateTime:datetime
        ActivityDate:date IsAllDayEvent:boolean DurationInMinutes:int Location Description:textarea
        WhoId:reference WhatId:reference AccountId:reference OwnerId:reference IsArchived:boolean
        IsChild:boolean"""
    ),
    "Case": _types(
        """CaseNumber Subject Description:textarea Status:picklist Priority:picklist
        Origin:picklist Reason:picklist IsClosed:boolean IsEscalated:boolean ClosedDate:datetime
        AccountId:reference ContactId:reference ContactEmail:email SuppliedEmail:email
        OwnerId:reference MasterRecordId:reference"""
    ),
    "User": {
        name: type
        for name, type in _types(
            "Name FirstName LastName Email:email Username IsActive:boolean"
        ).items()
        if name != "IsDeleted"
    },
    "Group": _types("Name Type:picklist"),
    "Organization": _types("Name"),
}
_ABOUT = frozenset({"Task", "Event"})


class Org:
    """All rows by object and id. ``ledger`` has (what happened, object, id), in order; a tick parts two events."""

    def __init__(self) -> None:
        self.now = _BEGIN
        self.step = dt.timedelta(seconds=1)
        self.schema = {kind: dict(types) for kind, types in SCHEMA.items()}
        self.rows: dict[str, dict[str, Row]] = {kind: {} for kind in SCHEMA}
        self.deleted: dict[str, list[tuple[str, dt.datetime]]] = {kind: [] for kind in SCHEMA}
        self.ledger: list[tuple[str, str, str]] = []
        self._sorted: dict[str, list[tuple[str, str]]] = {}
        self._of_deal: dict[str, dict[str, list[str]]] = {}
        self._count = 0

    def add(self, kind: str, **values: Any) -> str:
        """A new row; its id. What an organisation fills in itself is filled in."""
        self._count += 1
        plain = f"{_PREFIX[kind]}8d{self._count:010}"
        id = plain + check_characters(plain)
        types = self.schema[kind]
        row: Row = {name: False if type == "boolean" else None for name, type in types.items()}
        row |= {"Id": id, "CreatedDate": self._tick()} | values
        row = {name: value for name, value in row.items() if name in types}
        self.rows[kind][id] = row
        self._derive(kind, row)
        self._stamp("add", kind, row)
        if kind == "Opportunity":
            self._moved(row)
        return id

    def get(self, id: str) -> Row:
        return self.rows[self.kind(id)][id]

    def kind(self, id: str) -> str:
        return next(kind for kind, prefix in _PREFIX.items() if id.startswith(prefix))

    def change(self, id: str, **values: Any) -> None:
        row = self.get(id)
        moved = "StageName" in values and values["StageName"] != row["StageName"]
        row |= values
        self._derive(self.kind(id), row)
        self._stamp("change", self.kind(id), row)
        if moved:
            self._moved(row)

    def delete(self, id: str, *, into: str = "") -> None:
        """Into the recycle bin; with ``into`` as the loser of a merge."""
        row = self.get(id)
        row["IsDeleted"] = True
        if into:
            row["MasterRecordId"] = into
        self._stamp("delete", self.kind(id), row)
        self.deleted[self.kind(id)].append((id, self.now))

    def restore(self, id: str) -> None:
        """Out of the recycle bin."""
        self.get(id)["IsDeleted"] = False
        self.deleted[self.kind(id)] = [one for one in self.deleted[self.kind(id)] if one[0] != id]
        self._stamp("restore", self.kind(id), self.get(id))

    def purge(self, id: str) -> None:
        """Gone for good: no query gives it any more, only the log of deletions knows of it."""
        kind = self.kind(id)
        row = self.rows[kind].pop(id)
        self._tick()
        if not row["IsDeleted"]:
            self.deleted[kind].append((id, self.now))
        self.ledger.append(("purge", kind, id))
        self._forget(kind)

    def select(self, query: Query, *, all_rows: bool) -> list[str]:
        """The ids of the rows that a query gives, in its order."""
        rows = self.rows[query.kind]
        found = [
            row
            for id in self._candidates(query)
            if (row := rows.get(id)) is not None
            and (all_rows or not (row.get("IsDeleted") or row.get("IsArchived")))
            and all(test(row) for test in query.tests)
        ]
        for name, descending in reversed(query.order):
            found.sort(key=lambda row: (row[name] is not None, row[name]), reverse=descending)
        return [row["Id"] for row in found][: query.limit]

    def _candidates(self, query: Query) -> Iterable[str]:
        """A superset of what a query gives, by an index where there is one."""
        for one in query.conditions:
            if one.name == "Id" and one.sign in {"=", "IN"}:
                return one.values
            if one.name == "OpportunityId" and one.sign in {"=", "IN"}:
                index = self._deals(query.kind)
                return [id for deal in one.values for id in index.get(deal, ())]
        stamps = [one for one in query.conditions if one.name == "SystemModstamp"]
        return self._between(query.kind, stamps) if stamps else list(self.rows[query.kind])

    def _between(self, kind: str, conditions: list[Condition]) -> list[str]:
        if kind not in self._sorted:
            self._sorted[kind] = sorted(
                (row["SystemModstamp"], id) for id, row in self.rows[kind].items()
            )
        index = self._sorted[kind]
        first, last = 0, len(index)
        for one in conditions:
            at = bisect_left(index, (one.values[0], ""))
            if one.sign in {">", ">="}:
                first = max(first, at)
            elif one.sign == "<":
                last = min(last, at)
        return [id for _, id in index[first:last]]

    def _deals(self, kind: str) -> dict[str, list[str]]:
        if kind not in self._of_deal:
            index: dict[str, list[str]] = {}
            for id, row in self.rows[kind].items():
                index.setdefault(row["OpportunityId"], []).append(id)
            self._of_deal[kind] = index
        return self._of_deal[kind]

    def _derive(self, kind: str, row: Row) -> None:
        """The fields that the server computes."""
        if kind in {"Contact", "Lead"}:
            row["Name"] = " ".join(filter(None, (row["FirstName"], row["LastName"])))
        if kind in _ABOUT and row["AccountId"] is None:
            for pointer in ("WhatId", "WhoId"):
                target = row[pointer]
                if target is None or self.kind(target) not in {"Account", "Opportunity", "Contact"}:
                    continue
                of = self.kind(target)
                row["AccountId"] = target if of == "Account" else self.get(target)["AccountId"]
                return

    def _moved(self, deal: Row) -> None:
        """The history rows of a deal that entered a stage."""
        last = {"OpportunityId": deal["Id"], "CreatedDate": stamp(self.now)}
        self.add("OpportunityHistory", StageName=deal["StageName"], **last)
        self.add("OpportunityFieldHistory", Field="StageName", NewValue=deal["StageName"], **last)

    def _stamp(self, what: str, kind: str, row: Row) -> None:
        row["SystemModstamp"] = self._tick()
        if "LastModifiedDate" in row:
            row["LastModifiedDate"] = row["SystemModstamp"]
        self.ledger.append((what, kind, row["Id"]))
        self._forget(kind)

    def _forget(self, kind: str) -> None:
        self._sorted.pop(kind, None)
        self._of_deal.pop(kind, None)

    def _tick(self) -> str:
        self.now += self.step
        return stamp(self.now)
