"""Salesforce, read live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmctl.model.incoming import Batch, Waiting
from crmctl.sources import salesforce_fields as fields
from crmctl.sources import salesforce_ids
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.errors import StatusError
from crmctl.sources.network import Network
from crmctl.sources.salesforce_api import Api
from crmctl.sources.salesforce_auth import SYSTEM, Login
from crmctl.sources.salesforce_read import Reading
from crmctl.sources.source import Chunk, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SalesforceSettings

_LIMITS = {
    "DailyApiRequests": "requests today",
    "DailyBulkV2QueryJobs": "bulk jobs today",
}


def connect(machine: Machine, settings: SalesforceSettings, network: Network) -> Source:
    """Salesforce as this machine reaches it. ConfigError if a setting is missing or cannot be meant."""
    fields.check(settings.fields)
    return Salesforce(Api(Login(machine, network), settings, network), settings)


class Salesforce:
    """One organisation."""

    system = "salesforce"
    state = "salesforce"

    def __init__(self, api: Api, settings: SalesforceSettings) -> None:
        self._api, self._settings = api, settings
        self._told: dict[str, str] = {}

    def read(self, request: Request) -> Iterator[Chunk]:
        """Everything since the mark, accounts first; see `salesforce_read`."""
        yield from Reading(self._api, self._settings, request).chunks()

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """These records by their ids."""
        return Reading(self._api, self._settings, request).fetch(wanted)

    def check(self) -> Iterator[str]:
        """Who we are there, what we may read, and how many requests are left."""
        self._api.careful = False
        try:
            organisation = self._first("Organization", ["Id", "Name"])
            me = self._api.login.user
            known = salesforce_ids.is_id(me)
            user = self._first("User", ["Id", "Name", "Username"], me) if known else {}
            yield (
                f"{SYSTEM}: {organisation.get('Name') or 'an organisation whose name we may not read'} "
                f"at {self._api.login.base}, as {user.get('Name') or 'a user whose name we may not read'}"
                + (f" ({user['Username']})" if user.get("Username") else "")
            )
            yield from self._objects()
            self._told = self._limits()
            yield from (f"{what}: {left}" for what, left in self._told.items())
        finally:
            self._api.careful = True

    def limits(self) -> Mapping[str, str]:
        """What is left of the day's requests."""
        return self._told | self._api.limits()

    def _first(self, kind: str, names: list[str], id: str = "") -> Mapping[str, Any]:
        """The first row of an object, or the one with an id; {} where there is none for us."""
        conditions = [soql.among("Id", [id])] if id else []
        try:
            rows = self._api.rows(soql.select(names, kind, conditions, limit=1), kind)
        except StatusError:
            return {}
        return rows[0] if rows else {}

    def _objects(self) -> Iterator[str]:
        known, unknown = fields.objects(self._settings)
        readable = []
        for kind in known:
            described = self._api.describe(kind)
            if described is None:
                yield f"{kind} cannot be read by this user or does not exist: it will be left out"
                continue
            readable.append(kind)
            names = described.readable(fields.wanted(kind, self._settings))
            missed = fields.missed(kind, names, self._settings)
            if missed:
                yield f"{kind}: {', '.join(missed)} cannot be read by this user or does not exist"
        yield from (f"{kind} is no object that crmctl reads" for kind in unknown)
        yield f"readable: {', '.join(readable) or 'nothing'}"

    def _limits(self) -> dict[str, str]:
        """What the organisation may still ask for. Not every user may know all of it."""
        try:
            found = self._api.get("limits")
        except StatusError:
            return self._api.limits()
        told = {}
        for name, what in _LIMITS.items():
            one = found.get(name) if isinstance(found, dict) else None
            if isinstance(one, dict) and {"Max", "Remaining"} <= one.keys():
                told[what] = f"{one['Remaining']} of {one['Max']} left"
        return told or self._api.limits()
