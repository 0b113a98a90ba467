"""Requests to Salesforce's REST API: what refusals mean, what is left of the day's requests, pages, descriptions."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from crmctl.sources import salesforce_soql as soql
from crmctl.sources.errors import QuotaError, SourceError, StatusError
from crmctl.sources.http import Again, Answer, Door, Renew, Verdict, verdict
from crmctl.sources.network import Network, Walk
from crmctl.sources.salesforce_auth import SYSTEM, Login
from crmctl.workspace.source_settings import SalesforceSettings

TOO_MUCH = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"})
"""Refusals of a query that a smaller one may pass."""
UNREADABLE = frozenset(
    {"INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"}
)
"""Refusals that mean an object is not there for us."""
NO_CURSOR = "INVALID_QUERY_LOCATOR"
_STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")
_LONGEST = 8_000  # characters of an address; with its headers one may have 16,384
_TOO_LONG = frozenset({414, 431})


@dataclass(frozen=True, slots=True)
class Described:
    """An object as this user may see it: the types of its fields, its parents, and the field with its last change."""

    kind: str
    types: Mapping[str, str]
    parents: frozenset[str]
    stamp: str
    deletions: bool

    def readable(self, wanted: Collection[str]) -> list[str]:
        """Those of ``wanted`` that can be read, in their order."""
        return [name for name in wanted if self._has(name)]

    def _has(self, name: str) -> bool:
        parent, dot, _ = name.partition(".")
        return parent in self.parents if dot else name in self.types


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a query, and how many it has in all."""

    rows: list[dict[str, Any]]
    total: int


class Api:
    """One organisation's REST API. ``careful``: no request once the set share of the day's requests is used.

    ``usage`` is what the last answer said of the day's requests, used and allowed; ``clock`` its time.
    """

    def __init__(self, login: Login, settings: SalesforceSettings, network: Network) -> None:
        self.login, self.network, self._settings = login, network, settings
        self.root = f"/services/data/v{settings.version}"
        self.careful = True
        self.usage: tuple[int, int] | None = None
        self.clock: dt.datetime | None = None
        self._opened: Door | None = None
        self._described: dict[str, Described | None] = {}

    def begin(self) -> None:
        """A new run: what was described before may have changed."""
        self._described.clear()
        self.clock = None

    def send(self, method: str, path: str, **how: Any) -> Answer:
        """An answer to a request; see `Door.send`."""
        self._spare()
        if self._opened is None:
            login = self.login
            self._opened = Door(
                self.network,
                SYSTEM,
                login.base,
                headers=login.headers,
                renew=login.renew,
                judge=self._judge,
            )
        answer = self._opened.send(method, path, **how)
        self._note(answer)
        return answer

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON at a path below the API's root."""
        return self.send("GET", f"{self.root}/{path}", params=params, whole=True).data()

    def describe(self, kind: str) -> Described | None:
        """What this user may see of an object, None if nothing. Asked once."""
        if kind not in self._described:
            self._described[kind] = self._describe(kind)
        return self._described[kind]

    def pages(self, query: str, what: str) -> Iterator[Page]:
        """The pages of a query, deleted and archived rows included; ``what`` is for messages."""
        walk = Walk(SYSTEM, what)
        answer = self._first(query)
        while True:
            if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
                raise SourceError(
                    f"{SYSTEM} answered a query of {what} without records: try again later"
                )
            rows = [row for row in answer["records"] if isinstance(row, dict)]
            total = answer.get("totalSize")
            yield Page(rows, total if isinstance(total, int) else len(rows))
            if answer.get("done") is True:
                return
            following = answer.get("nextRecordsUrl")
            if not isinstance(following, str) or not following:
                raise SourceError(f"{SYSTEM} broke off in the middle of {what}: try again later")
            answer = self.send("GET", walk.step(following), whole=True).data()

    def rows(self, query: str, what: str) -> list[dict[str, Any]]:
        """All rows of a small query."""
        return [row for page in self.pages(query, what) for row in page.rows]

    def limits(self) -> dict[str, str]:
        """What the day's requests were, by the last answer."""
        if self.usage is None:
            return {}
        used, most = self.usage
        return {"requests today": f"{max(0, most - used)} of {most} left"}

    def _first(self, query: str) -> Any:
        address = f"{self.root}/queryAll?{urlencode({'q': query})}"
        if len(address) <= _LONGEST:
            try:
                return self.get("queryAll", {"q": query})
            except StatusError as error:
                if error.status not in _TOO_LONG:
                    raise
        return self._wrapped(address)

    def _wrapped(self, address: str) -> Any:
        """The answer to a query that is too long for an address: it travels in a body."""
        wrap = {"haltOnError": False, "batchRequests": [{"method": "GET", "url": address}]}
        answer = self.send("POST", f"{self.root}/composite/batch", json=wrap, whole=True).data()
        try:
            one = answer["results"][0]
            status, result = int(one["statusCode"]), one["result"]
        except (KeyError, IndexError, TypeError, ValueError):
            raise SourceError(
                f"{SYSTEM} answered a batch of one query with something else"
            ) from None
        if status >= 400:
            body = json.dumps(result, default=str).encode()
            code, message = said(body)
            _used_up(code, message)
            words = self.network.clean(f"{status}, {message or code}")
            raise StatusError(f"{SYSTEM} refused a query: {words}", status, body)
        return result

    def _describe(self, kind: str) -> Described | None:
        try:
            found = self.get(f"sobjects/{soql.name(kind)}/describe")
        except StatusError as error:
            if error.status == 404 or code_of(error) in UNREADABLE:
                return None
            raise
        fields = found.get("fields") if isinstance(found, dict) else None
        if not isinstance(fields, list):
            raise SourceError(f"{SYSTEM} described {kind} without its fields: try again later")
        if found.get("queryable") is False:
            return None
        known = [
            field
            for field in fields
            if isinstance(field, dict) and isinstance(field.get("name"), str)
        ]
        types = {field["name"]: str(field.get("type") or "") for field in known}
        parents = {
            str(field["relationshipName"]) for field in known if field.get("relationshipName")
        }
        stamp = next((name for name in _STAMPS if name in types), "")
        return Described(
            kind, types, frozenset(parents), stamp, found.get("replicateable") is not False
        )

    def _judge(self, answer: Answer) -> Verdict:
        if answer.status < 400:
            return None
        code, message = said(answer.body)
        if answer.status == 401 or code == "INVALID_SESSION_ID":
            return Renew()
        if code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentRequests"):
            return Again(None, "says that too many requests run at once")
        _used_up(code, message)
        if answer.status == 406:  # said by what stands before the API
            return Again()
        return None if code in TOO_MUCH else verdict(answer)

    def _note(self, answer: Answer) -> None:
        found = _USAGE.search(answer.headers.get("sforce-limit-info", ""))
        if found:
            self.usage = int(found[1]), int(found[2])
        try:
            self.clock = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(dt.UTC)
        except (ValueError, TypeError, OverflowError):
            return

    def _spare(self) -> None:
        """Leave the rest of the day's requests to others."""
        if not self.careful or self.usage is None:
            return
        used, most = self.usage
        if most > 0 and used / most >= self._settings.quota_share:
            raise QuotaError(
                f"{SYSTEM}: {used} of {most} requests of 24 hours are used, and crmctl stops at "
                f"{self._settings.quota_share:.0%} (sources.salesforce.quota_share): the next run goes on from here"
            )


def said(body: bytes) -> tuple[str, str]:
    """``errorCode`` and ``message`` of a refusal, each "" if it says none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("errorCode") or ""), str(first.get("message") or "").strip()


def code_of(error: StatusError) -> str:
    """The ``errorCode`` of a refusal."""
    return said(error.body)[0]


def _used_up(code: str, message: str) -> None:
    if code == "REQUEST_LIMIT_EXCEEDED":
        raise QuotaError(
            f"{SYSTEM}: the organisation has used up its requests of 24 hours ({message}): run again later"
        )
