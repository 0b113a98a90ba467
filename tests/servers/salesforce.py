"""A double of Salesforce: REST queries with cursors, descriptions, the log of deletions, Bulk API 2.0."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import random
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from crmctl.sources.salesforce_ids import check_characters
from tests.servers.base import Call, Reply
from tests.servers.salesforce_login import CLIENT, REFRESH, SECRET, LoginDesk, answer
from tests.servers.salesforce_org import Org, Row
from tests.servers.salesforce_soql import Malformed, Query, parse, value_of

_LONGEST = 16_384
_HTML = {"Content-Type": "text/html"}


@dataclass
class Cursor:
    """A query that is being read. Rows are looked up when their page is asked for."""

    query: Query
    ids: list[str]
    size: int


@dataclass
class Job:
    id: str
    query: Query
    ids: list[str]
    states: list[str] = field(
        default_factory=lambda: ["UploadComplete", "InProgress", "JobComplete"]
    )


class Salesforce(LoginDesk):
    """One organisation. Whatever a test wants to happen is an attribute; `org` holds the data."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.org = Org()
        self.version = "66.0"
        self.page_size = 2000
        self.short_pages = False
        self.hidden: set[tuple[str, str]] = set()  # (object, field) that our user may not read
        self.unreadable: set[str] = set()
        self.no_bulk: set[str] = set()
        self.failing_jobs = False
        self.used, self.most = 100, 100_000
        self.header_tail = ""
        self.over_limit = ""  # "TotalRequests" or "ConcurrentRequests"
        self.slow_above: int | None = None  # a query with more rows than this takes too long
        self.knows_limits = True
        self.empty = False
        self.looping = False
        self.cursors: dict[str, Cursor] = {}
        self.jobs: dict[str, Job] = {}
        self._short = random.Random(seed)

    @classmethod
    def sample(cls) -> Self:
        """A small team, three customers, and what is going on with them."""
        from tests.servers.salesforce_sample import fill

        server = cls()
        fill(server)
        return server

    def handle(self, call: Call) -> Reply:
        too_long = _too_long(call)
        if too_long:
            return too_long
        path = call.path
        if path == "/services/oauth2/token" and call.method == "POST":
            return self.login(call)
        if path.rstrip("/") == "/services/data":
            return answer([{"version": self.version, "url": f"/services/data/v{self.version}"}])
        self.used += 1
        reply = self._data(call, path)
        reply.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{self.most}{self.header_tail}"
        return reply

    def _data(self, call: Call, path: str) -> Reply:
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            reply = _refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
            reply.headers["WWW-Authenticate"] = "Token"
            return reply
        if self.over_limit:
            return _refused(403, "REQUEST_LIMIT_EXCEEDED", f"{self.over_limit} Limit exceeded.")
        root = f"/services/data/v{self.version}/"
        if not path.startswith(root):
            return _not_found()
        parts = path.removeprefix(root).split("/")
        match parts:
            case ["query" | "queryAll", *rest] if rest in ([], [""]) and call.method == "GET":
                return self._query(call.query.get("q", ""), parts[0] == "queryAll", call)
            case ["query", locator] if call.method == "GET":
                return self._next(call, locator)
            case ["sobjects", name, "describe"]:
                return self._describe(name)
            case ["sobjects", name, "deleted", *_]:
                return self._deleted(name, call)
            case ["limits"]:
                return self._limits()
            case ["composite", "batch"] if call.method == "POST":
                return self._batch(call)
            case ["jobs", "query", *rest]:
                return self._bulk(call, rest)
        return _not_found()

    # Queries

    def _visible(self, kind: str) -> dict[str, str]:
        types = self.org.schema[kind]
        return {name: type for name, type in types.items() if (kind, name) not in self.hidden}

    def _parsed(self, text: str) -> Query:
        schema = {
            kind: self._visible(kind) for kind in self.org.schema if kind not in self.unreadable
        }
        return parse(text, schema)

    def _query(self, text: str, all_rows: bool, call: Call) -> Reply:
        try:
            query = self._parsed(text)
        except Malformed as error:
            return _refused(400, error.code, str(error))
        ids = [] if self.empty else self.org.select(query, all_rows=all_rows)
        if query.count:
            return answer({"totalSize": len(ids), "done": True, "records": []})
        if self.slow_above is not None and len(ids) > self.slow_above:
            return _refused(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        wish = call.headers.get("sforce-query-options", "").partition("batchSize=")[2]
        size = min(self.page_size, int(wish)) if wish.isdigit() else self.page_size
        locator = f"0r88d{len(self.cursors):010}"
        locator += check_characters(locator)
        cursor = Cursor(query, ids, size)
        self.cursors[locator] = cursor
        return self._page(locator, cursor, 0)

    def _next(self, call: Call, locator: str) -> Reply:
        name, _, offset = locator.rpartition("-")
        cursor = self.cursors.get(name)
        if cursor is None or call.pairs or not offset.isdigit():
            return _refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, cursor, int(offset))

    def _page(self, locator: str, cursor: Cursor, offset: int) -> Reply:
        size = self._short.randint(1, cursor.size) if self.short_pages else cursor.size
        ids = cursor.ids[offset : offset + size]
        rows = self.org.rows[cursor.query.kind]
        records = [self._record(cursor.query, rows[id]) for id in ids if id in rows]
        page: dict[str, Any] = {"totalSize": len(cursor.ids), "done": True, "records": records}
        following = offset if self.looping else offset + size
        if self.looping or following < len(cursor.ids):
            path = f"/services/data/v{self.version}/query/{locator}-{following}"
            page |= {"done": False, "nextRecordsUrl": path}
        return answer(page)

    def _record(self, query: Query, row: Row) -> Row:
        kind = query.kind
        url = f"/services/data/v{self.version}/sobjects/{kind}/{row['Id']}"
        record: Row = {"attributes": {"type": kind, "url": url}}
        for name in query.fields:
            parent, dot, rest = name.partition(".")
            if not dot:
                record[name] = row[name]
                continue
            pointer = parent.replace("__r", "__c") if parent.endswith("__r") else f"{parent}Id"
            target = self.org.get(row[pointer]) if row.get(pointer) else None
            if target is None:
                record[parent] = None
            else:
                held = record.setdefault(parent, {"attributes": {"type": "Name"}})
                held[rest] = value_of(target, rest)
        return record

    def _describe(self, kind: str) -> Reply:
        if kind not in self.org.schema or kind in self.unreadable:
            return _not_found()
        fields: list[Row] = [
            {
                "name": name,
                "type": type,
                "label": name,
                "nillable": True,
                "picklistValues": [],
                "relationshipName": _relation(name) if type == "reference" else None,
            }
            for name, type in self._visible(kind).items()
        ]
        return answer({"name": kind, "queryable": True, "replicateable": True, "fields": fields})

    def _deleted(self, kind: str, call: Call) -> Reply:
        try:
            start, end = (dt.datetime.fromisoformat(call.query[name]) for name in ("start", "end"))
        except (KeyError, ValueError):
            return _refused(400, "INVALID_REPLICATION_DATE", "a date is missing")
        oldest = self.org.now - dt.timedelta(days=15)
        if start < oldest or end - start <= dt.timedelta(minutes=1):
            return _refused(
                400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date"
            )
        log = [] if self.empty else self.org.deleted[kind]
        return answer(
            {
                "deletedRecords": [
                    {"id": id, "deletedDate": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
                    for id, at in log
                    if start <= at < end
                ],
                "earliestDateAvailable": oldest.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
                "latestDateCovered": end.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            }
        )

    def _limits(self) -> Reply:
        if not self.knows_limits:
            return _refused(403, "INSUFFICIENT_ACCESS", "View Setup and Configuration is missing")
        return answer(
            {
                "DailyApiRequests": {"Max": self.most, "Remaining": self.most - self.used},
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 9_998},
            }
        )

    def _batch(self, call: Call) -> Reply:
        results = []
        for one in call.json["batchRequests"]:
            parts = urlsplit(one["url"])
            text = parse_qs(parts.query).get("q", [""])[0]
            reply = self._query(text, parts.path.endswith("queryAll"), call)
            results.append({"statusCode": reply.status, "result": json.loads(reply.raw())})
        failed = any(result["statusCode"] >= 400 for result in results)
        return answer({"hasErrors": failed, "results": results})

    # Bulk API 2.0

    def _bulk(self, call: Call, rest: list[str]) -> Reply:
        if not rest and call.method == "POST":
            return self._begin(call)
        job = self.jobs.get(rest[0]) if rest else None
        if job is None:
            return _not_found()
        match (call.method, rest[1:]):
            case ("GET", []):
                if len(job.states) > 1:
                    job.states.pop(0)
                return answer({"id": job.id, "operation": "queryAll", "state": job.states[0]})
            case ("GET", ["results"]):
                return self._results(job, call)
            case ("PATCH", []):
                job.states = [call.json["state"]]
                return answer({"id": job.id, "state": job.states[0]})
            case ("DELETE", []):
                del self.jobs[job.id]
                return Reply(204)
        return _not_found()

    def _begin(self, call: Call) -> Reply:
        try:
            query = self._parsed(call.json["query"])
        except Malformed as error:
            return _refused(400, error.code, str(error))
        if query.kind in self.no_bulk:
            return _refused(400, "INVALIDENTITY", f"{query.kind} is not supported by the Bulk API")
        if any(self.org.schema[query.kind].get(name) == "address" for name in query.fields):
            return _refused(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
        plain = f"7508d{len(self.jobs):010}"
        ids = self.org.select(query, all_rows=call.json["operation"] == "queryAll")
        # In no order that anybody could rely on.
        job = Job(plain + check_characters(plain), query, [] if self.empty else ids[::-1])
        if self.failing_jobs:
            job.states = ["UploadComplete", "InProgress", "Failed"]
        self.jobs[job.id] = job
        return answer({"id": job.id, "operation": "queryAll", "state": job.states[0]})

    def _results(self, job: Job, call: Call) -> Reply:
        if job.states[0] != "JobComplete":
            return _refused(400, "API_ERROR", "the job is not complete")
        locator = call.query.get("locator", "")
        start = int(base64.b64decode(locator)) if locator else 0
        end = start + min(int(call.query.get("maxRecords", "50000")), self.page_size)
        sheet = io.StringIO()
        writer = csv.writer(sheet, lineterminator="\n")
        writer.writerow(job.query.fields)
        rows = [self.org.get(id) for id in job.ids[start:end]]
        writer.writerows(
            [[_cell(value_of(row, name)) for name in job.query.fields] for row in rows]
        )
        following = base64.b64encode(str(end).encode()).decode()
        headers = {
            "Content-Type": "text/csv; charset=UTF-8",
            "Sforce-NumberOfRecords": str(len(rows)),
            "Sforce-Locator": following if end < len(job.ids) else "null",
        }
        text = sheet.getvalue().encode("utf-16", "surrogatepass").decode("utf-16")
        return Reply(200, text, headers)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.endswith("+0000"):
        return f"{value.removesuffix('+0000')}Z"
    return "" if value is None else str(value)


def _relation(name: str) -> str:
    return f"{name.removesuffix('__c')}__r" if name.endswith("__c") else name.removesuffix("Id")


def _refused(status: int, code: str, message: str) -> Reply:
    return answer([{"message": message, "errorCode": code}], status)


def _not_found() -> Reply:
    return _refused(404, "NOT_FOUND", "The requested resource does not exist")


def _too_long(call: Call) -> Reply | None:
    address = len(call.path) + len(urlencode(call.pairs))
    if address > _LONGEST:
        return Reply(414, "<html><title>URI Too Long</title></html>", dict(_HTML))
    if address + sum(len(name) + len(value) + 4 for name, value in call.headers.items()) > _LONGEST:
        return Reply(431, "<html><title>Header Fields Too Large</title></html>", dict(_HTML))
    return None


__all__ = ["CLIENT", "REFRESH", "SECRET", "Salesforce"]
