"""Rows of the REST or Bulk API as a batch: with the names of their owners, and beside the accounts that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from crmctl.model.identity import registrable_domain
from crmctl.model.incoming import Batch, Incoming, Rejected
from crmctl.sources import salesforce_ids, salesforce_leads, values
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.salesforce_api import Api, Described
from crmctl.sources.salesforce_auth import SYSTEM
from crmctl.sources.salesforce_objects import to_batch
from crmctl.sources.salesforce_query import IDS, by_ids
from crmctl.sources.salesforce_rows import Raw, SObject, uniform
from crmctl.workspace.source_settings import SalesforceSettings

Row = dict[str, Any]
_USERS = {"005": "User", "00G": "Group"}  # who may own a record, by the beginning of the id
_DOMAINS = 25  # in one query


class Batches:
    """Makes batches. Looks up each owner once, and companies only for leads that are to make accounts."""

    def __init__(self, api: Api, settings: SalesforceSettings) -> None:
        self._api, self._settings = api, settings
        self._users: dict[str, tuple[str, str]] = {}
        self._accounts: set[str] = set()
        self._all_accounts = False

    def of(self, described: Described, rows: Iterable[Row]) -> Batch:
        """What ``rows`` of one object state. Roles must be all there are of their deals."""
        kind = described.kind
        rejected: list[Rejected] = []
        raws = [Raw(kind, row, f"{SYSTEM} {kind} {row.get('Id')}") for row in rows]
        sobjects = uniform(raws, rejected)
        leads = kind == "Lead" and self._settings.leads
        roles = sobjects if kind == "OpportunityContactRole" else []
        batch = to_batch(
            sobjects,
            leads=leads,
            mapped=self._settings.fields,
            known=self._companies(sobjects) if leads else (),
            complete={role.text("OpportunityId") for role in roles} - {""},
        )
        batch.rejected[:0] = rejected
        if kind == "Account" and self._settings.leads:
            self._accounts |= {name for record in batch.records for name in _names(record)}
        if kind == "Task":
            batch.records += list(_moved(batch.records))
        self._name_owners(batch)
        return batch

    def all_accounts(self) -> None:
        """Every account was read in this run: nothing need be asked about them."""
        self._all_accounts = True

    def _name_owners(self, batch: Batch) -> None:
        """Names and addresses of the users that a batch speaks of."""
        said = {record.fields.get(name) for record in batch.records for name in ("owner", "by")}
        ids = {id for id in said if isinstance(id, str) and salesforce_ids.is_id(id)}
        if "User" in self._settings.objects:
            for beginning, kind in _USERS.items():
                new = sorted(id for id in ids - self._users.keys() if id.startswith(beginning))
                self._look_up(kind, new)
        batch.owners |= {id: self._users[id] for id in ids if any(self._users.get(id, ()))}

    def _look_up(self, kind: str, ids: list[str]) -> None:
        described = self._api.describe(kind) if ids else None
        self._users |= dict.fromkeys(ids, ("", ""))
        if described is None:
            return
        names = described.readable(["Id", "Name", "Email", "Username"])
        for rows in by_ids(self._api, described, names, "Id", ids):
            for row in rows:
                name = values.clean(str(row.get("Name") or row.get("Username") or ""))
                self._users[str(row.get("Id"))] = name, str(row.get("Email") or "")

    def _companies(self, leads: Iterable[SObject]) -> set[str]:
        """Names (in lower case) and domains of the accounts that these leads could belong to."""
        if self._all_accounts or self._api.describe("Account") is None:
            return self._accounts
        found = [salesforce_leads.company(lead) for lead in leads]
        names = sorted({company.name for company in found} - {""})
        domains = sorted({company.domain for company in found} - {""})
        conditions = [soql.among("Name", part) for part in _parts(names, IDS)]
        conditions += [
            soql.either(soql.holds("Website", domain) for domain in part)
            for part in _parts(domains, _DOMAINS)
        ]
        known: set[str] = set()
        for condition in conditions:
            query = soql.select(
                ["Id", "Name", "Website"], "Account", [condition, "IsDeleted = false"]
            )
            for row in self._api.rows(query, "Account"):
                known.add(values.clean(str(row.get("Name") or "")).casefold())
                known.add(registrable_domain(str(row.get("Website") or "")) or "")
        return known - {""}


def _names(account: Incoming) -> list[str]:
    """By what a lead's company would be recognised as this account."""
    if account.kind != "account" or account.deleted:
        return []
    domains = account.fields.get("domains") or ()
    return [str(account.fields.get("name") or "").casefold(), *domains]


def _moved(records: list[Incoming]) -> Iterator[Incoming]:
    """Tasks that were done by talking: they are conversations now, and no work that is left to do."""
    for record in records:
        if record.kind == "task":
            continue
        fields = {"status": "done", "done": values.day(record.at) if record.at else None}
        stamp = record.fields.get("modified")
        yield Incoming(
            record.system,
            "task",
            record.id,
            {**fields, "modified": stamp} if stamp else fields,
            deleted=record.deleted,
            origin=record.origin,
            creates=False,
            waits=False,
        )


def _parts(texts: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
