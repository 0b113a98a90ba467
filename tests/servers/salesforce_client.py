"""The live source, connected to the double of Salesforce."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources.errors import SourceError
from crmctl.sources.network import Network
from crmctl.sources.salesforce_api import Api
from crmctl.sources.salesforce_auth import Login
from crmctl.sources.salesforce_live import connect
from crmctl.sources.source import Chunk, Request, Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SalesforceSettings
from tests.servers.clock import FakeClock
from tests.servers.salesforce import CLIENT, SECRET, Salesforce

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)


class Client:
    """One machine that knows the double. ``settings`` are those of crmctl.yaml, ``here`` those of the machine."""

    def __init__(
        self,
        server: Salesforce,
        folder: Path,
        *,
        here: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        given = {"url": server.url, "client_id": CLIENT, "client_secret": SECRET} | dict(here or {})
        variables = {
            f"CRMCTL_SALESFORCE_{name}".upper(): text for name, text in given.items() if text
        }
        self.machine = Machine(variables, folder / "credentials.yaml")
        self.log: list[str] = []
        self.clock = FakeClock(NOW.timestamp())
        self.network = Network(self.clock, log=self.log.append)
        self.settings = SalesforceSettings(**settings)
        self.counted = 0
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.network.close()

    def login(self) -> Login:
        return Login(self.machine, self.network)

    def api(self) -> Api:
        return Api(self.login(), self.settings, self.network)

    def source(self) -> Source:
        return connect(self.machine, self.settings, self.network)

    def request(self, mark: Mapping[str, Any] | None = None) -> Request:
        def progress(count: int) -> None:
            self.counted += count

        def interest() -> Any:
            raise AssertionError(
                "Salesforce is asked who the customers are; it cannot wait for the answer"
            )

        since = NOW - dt.timedelta(days=365)
        return Request(dict(mark or {}), since, NOW, interest, progress=progress)

    def chunks(self, mark: Mapping[str, Any] | None = None) -> list[Chunk]:
        return list(self.source().read(self.request(mark)))

    def read(self, mark: Mapping[str, Any] | None = None) -> tuple[Batch, dict[str, Any]]:
        """All that a read gives, and the last mark."""
        batch, last = Batch("salesforce"), dict(mark or {})
        for chunk in self.chunks(mark):
            batch.add(chunk.batch)
            batch.partial = chunk.batch.partial
            last = dict(chunk.mark or {})
        return batch, last


def one(batch: Batch, kind: str, id: str) -> Incoming:
    """The one record of a kind with an id."""
    (found,) = [record for record in batch.records if (record.kind, record.id) == (kind, id)]
    return found


def small(server: Salesforce) -> dict[str, str]:
    """One customer with two people, a deal between them, and a user of ours."""
    org = server.org
    ids = {"user": org.add("User", Name="Ana Reyes", Email="ana@ours.example", Username="ana")}
    ids["account"] = org.add(
        "Account", Name="Hollis", Website="https://hollis.example", OwnerId=ids["user"]
    )
    for name in ("ines", "piers"):
        ids[name] = org.add("Contact", LastName=name.title(), AccountId=ids["account"])
    ids["deal"] = org.add(
        "Opportunity",
        Name="Telemetry",
        AccountId=ids["account"],
        StageName="Proposal",
        Amount=48_000.5,
        OwnerId=ids["user"],
    )
    for name, primary in (("piers", False), ("ines", True)):
        role = {"Role": "Decision Maker", "IsPrimary": primary}
        pair = {"OpportunityId": ids["deal"], "ContactId": ids[name]}
        ids[f"role of {name}"] = org.add("OpportunityContactRole", **pair, **role)
    return ids


def until_it_ends(
    client: Client, batch: Batch, mark: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Read into ``batch`` until an error; the last mark. The error is in ``client.error``."""
    last = dict(mark or {})
    try:
        for chunk in client.source().read(client.request(mark)):
            batch.add(chunk.batch)
            last = dict(chunk.mark or last)
    except SourceError as error:
        client.error = error
    return last


def deal_parts(batch: Batch, id: str) -> tuple[list[str], Any]:
    """The people of a deal and the field that says it has none, over all records about it."""
    records = [record for record in batch.records if (record.kind, record.id) == ("deal", id)]
    people = [link.id for record in records for link, _ in record.people]
    return people, [record.fields["people"] for record in records if "people" in record.fields]
