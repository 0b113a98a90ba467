"""Salesforce's Bulk API 2.0: a large query as a job, its result as CSV with the values that REST would give."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from crmctl.sources import salesforce_ids
from crmctl.sources.errors import QuotaError, SourceError, StatusError
from crmctl.sources.network import Walk
from crmctl.sources.salesforce_api import Api
from crmctl.sources.salesforce_auth import SYSTEM

_RECORDS = 5_000  # rows asked for at once
_CAP = 256 << 20  # bytes of so many rows
_TRIES = 3
_LONGEST_WAIT = 30.0  # seconds between two looks at a job
_NUMBERS = frozenset({"double", "currency", "percent", "int"})


def create(api: Api, query: str) -> str:
    """Begin a job; its id. StatusError if Salesforce will not do this query in bulk."""
    order = {
        "operation": "queryAll",
        "query": query,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    job = api.send("POST", f"{api.root}/jobs/query", json=order, whole=True).data()
    id = job.get("id") if isinstance(job, dict) else None
    if not isinstance(id, str) or not salesforce_ids.is_id(id):
        raise SourceError(f"{SYSTEM} began a bulk job without telling its id: try again later")
    return id


def finished(api: Api, job: str) -> bool:
    """Wait for a job's end: whether it has a result. The job is given up when the time of this run is over."""
    wait = 1.0
    while True:
        found = api.get(f"jobs/query/{job}")
        state = found.get("state") if isinstance(found, dict) else None
        if state in {"JobComplete", "Failed", "Aborted"}:
            return bool(state == "JobComplete")
        if api.network.left <= wait:
            api.send("PATCH", f"{api.root}/jobs/query/{job}", json={"state": "Aborted"})
            raise QuotaError(
                f"{SYSTEM}: a bulk job takes longer than this run may (sources.minutes): run again later"
            )
        api.network.clock.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def results(api: Api, job: str, types: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
    """The rows of a job that is done, some thousand at a time. ``types`` are those of the object's fields."""
    walk = Walk(SYSTEM, "a bulk job")
    locator = ""
    while True:
        rows, locator = _part(api, job, locator, types)
        yield rows
        if locator in {"", "null"}:
            return
        walk.step(locator)


def remove(api: Api, job: str) -> None:
    """Take a job and its result away; it would go by itself after some days."""
    try:
        api.send("DELETE", f"{api.root}/jobs/query/{job}")
    except StatusError:
        return


def _part(
    api: Api, job: str, locator: str, types: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str]:
    params = {"maxRecords": str(_RECORDS)} | ({"locator": locator} if locator else {})
    path = f"{api.root}/jobs/query/{job}/results"
    for _ in range(_TRIES):
        answer = api.send("GET", path, params=params, headers={"Accept": "text/csv"}, cap=_CAP)
        rows = _table(answer.body, types)
        promised = answer.headers.get("sforce-numberofrecords", "")
        if rows is not None and (not promised.isdigit() or int(promised) == len(rows)):
            return rows, answer.headers.get("sforce-locator", "")
    raise SourceError(f"{SYSTEM} broke off in the middle of a bulk result: try again later")


def _table(raw: bytes, types: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """The rows of a CSV body, None if it is not whole."""
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "")
    if text and not text.endswith("\n"):
        return None
    before = csv.field_size_limit(_CAP)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    finally:
        csv.field_size_limit(before)
    header, *rows = lines or [[]]
    if any(len(row) != len(header) for row in rows):
        return None
    return [
        {name: _typed(cell, types.get(name, "")) for name, cell in zip(header, row, strict=True)}
        for row in rows
    ]


def _typed(cell: str, type: str) -> Any:
    """A cell as JSON would hold it; an empty one is nothing."""
    if not cell:
        return None
    if type == "boolean":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if type in _NUMBERS:
        try:
            return int(cell) if type == "int" else Decimal(cell)
        except (ValueError, InvalidOperation):
            return cell
    return cell
