from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources.errors import QuotaError, SourceError
from tests.servers.base import Call, Fault, Reply, cut, hang_up, html
from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import Client, small


def many(server: Salesforce) -> dict[str, str]:
    ids = small(server)
    for number in range(30):
        server.org.add(
            "Account",
            Name=f'Company "{number}",\nof many',
            AnnualRevenue=1000.5 * number,
            NumberOfEmployees=number,
            Description="a\u2028b; " * number or None,
            Vip__c=bool(number % 2),
        )
        server.org.add("OpportunityContactRole", OpportunityId=ids["deal"], ContactId=ids["ines"])
    server.org.delete(server.org.add("Account", Name="Gone"))
    return ids


def records(batch: Batch) -> list[Incoming]:
    found = [replace(record, origin="") for record in batch.records]
    return sorted(found, key=lambda record: (record.kind, record.id, str(record.fields)))


def test_bulk_gives_what_rest_gives(server: Salesforce, tmp_path: Path) -> None:
    many(server)
    mapped = {"Account": {"Vip__c": "vip"}}
    server.page_size = 9
    with Client(server, tmp_path, fields=mapped) as client:
        plain, mark = client.read()
    with Client(server, tmp_path, fields=mapped, bulk_above=10) as client:
        large, again = client.read()
        assert client.counted >= 60
    assert records(large) == records(plain)
    assert again == mark
    assert large.notes == plain.notes
    assert server.count("/results") >= 8
    assert server.jobs == {}, "nothing is left behind"


def test_what_cannot_be_read_in_bulk_is_read_page_by_page(
    server: Salesforce, tmp_path: Path
) -> None:
    many(server)
    server.no_bulk.add("Account")
    with Client(server, tmp_path, bulk_above=10, objects=["Account"]) as client:
        batch, _ = client.read()
        assert len(batch.records) == 32
        assert any("not read in bulk" in note for note in batch.notes)
        server.no_bulk.clear()
        server.failing_jobs = True
        batch, _ = client.read()
        assert len(batch.records) == 32
        assert any("the job failed" in note for note in batch.notes)
        assert server.jobs == {}


def test_a_bulk_result_that_breaks_off_is_asked_for_again(
    server: Salesforce, tmp_path: Path
) -> None:
    many(server)
    faults: Iterator[Fault | None] = chain([cut, _in_a_row, None, _without_one, hang_up, html(502)])

    def before(call: Call) -> None:
        if call.path.endswith("/results") and not server.faults:
            server.faults.append(next(faults, None))

    server.before = before
    server.page_size = 12
    with Client(server, tmp_path, bulk_above=10, objects=["Account"]) as client:
        batch, _ = client.read()
    assert len({record.id for record in batch.records}) == 32


def _in_a_row(_call: Call, reply: Reply) -> Reply:
    return Reply(200, reply.raw()[:-5], dict(reply.headers))


def _without_one(_call: Call, reply: Reply) -> Reply:
    lines = reply.raw().splitlines(keepends=True)
    return Reply(200, b"".join(lines[:-1]), dict(reply.headers))


def test_a_bulk_result_that_is_never_whole_is_an_error(server: Salesforce, tmp_path: Path) -> None:
    many(server)
    server.before = lambda call: server.fail([cut]) if call.path.endswith("/results") else None
    with (
        Client(server, tmp_path, bulk_above=10, objects=["Account"]) as client,
        pytest.raises(SourceError, match="bulk result"),
    ):
        client.read()


def test_a_bulk_job_that_outlasts_the_run_is_given_up(server: Salesforce, tmp_path: Path) -> None:
    many(server)
    with Client(server, tmp_path, bulk_above=10, objects=["Account"]) as client:

        def stuck(_call: Call) -> None:
            for job in server.jobs.values():
                if job.states[0] != "Aborted":
                    job.states = ["InProgress"]

        server.before = stuck
        with pytest.raises(QuotaError, match="bulk job"):
            client.read()
        assert sum(client.clock.slept) <= client.network.budget
    assert [job.states for job in server.jobs.values()] == [["Aborted"]]
