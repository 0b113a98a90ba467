"""One read of Salesforce: object by object, each behind those it points at, from its mark to the time of the run.

The mark has the newest stamp seen of each object, and under ``fields`` the team's own fields it was read with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from crmctl.model.incoming import Batch, Incoming, Waiting
from crmctl.sources import salesforce_bulk as bulk
from crmctl.sources import salesforce_fields as fields
from crmctl.sources import salesforce_ids
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.errors import SourceError, StatusError
from crmctl.sources.salesforce_api import UNREADABLE, Api, Described, code_of
from crmctl.sources.salesforce_auth import SYSTEM
from crmctl.sources.salesforce_batch import Batches, Row
from crmctl.sources.salesforce_query import Span, by_ids, moment, walk
from crmctl.sources.salesforce_stated import HISTORIES
from crmctl.sources.source import Chunk, Request
from crmctl.workspace.source_settings import SalesforceSettings

_PARTS = frozenset({"OpportunityContactRole", *HISTORIES})  # several rows make one field of a deal
_LINKED = frozenset({"Account", "Contact"})  # one may point at another that stands further down
_TRAFFIC = frozenset({"Task", "Event", "Case"})
_DEALS = 500  # whose roles or history go into one chunk
_LOGGED = dt.timedelta(days=15, hours=-1)  # as far back as Salesforce tells of deletions
_KINDS_OF = {
    "Account": ("account",),
    "Contact": ("contact",),
    "Lead": ("contact",),
    "Opportunity": ("deal",),
    "Task": ("task", "interaction", "event"),
    "Event": ("interaction",),
    "Case": ("event",),
}


class Reading:
    """One run: what was asked for, how far it is, and the sentences for its report."""

    def __init__(self, api: Api, settings: SalesforceSettings, request: Request) -> None:
        self._api, self._settings, self._request = api, settings, request
        self._batches = Batches(api, settings)
        self._mark: dict[str, Any] = dict(request.mark)
        self._high: dt.datetime | None = None
        self._notes: list[str] = []

    def chunks(self) -> Iterator[Chunk]:
        """Everything that changed. SourceError at the end names objects that could be read before and now cannot."""
        self._api.begin()
        kinds, unknown = fields.objects(self._settings)
        self._notes += [f"{kind} is no object that crmctl reads" for kind in unknown]
        troubles: list[str] = []
        for kind in kinds:
            described = self._described(kind)
            try:
                if described is not None:
                    yield from self._object(described)
                elif kind in self._mark:
                    troubles.append(_gone(kind))
            except StatusError as error:
                if code_of(error) not in UNREADABLE:
                    troubles.append(f"{kind}: {error}")
                elif kind in self._mark:
                    troubles.append(_gone(kind))
                else:
                    self._notes.append(_unread(kind))
            except _Gone:
                troubles.append(_gone(kind))
        yield self._chunk(Batch("salesforce"))
        if troubles:
            raise SourceError("; ".join(troubles))

    def fetch(self, wanted: Sequence[Waiting]) -> Batch:
        """These records by their ids, deals with their roles and history."""
        ids: dict[str, list[str]] = {}
        for one in wanted:
            ids.setdefault(salesforce_ids.type_of(one.id), []).append(one.id)
        batch = Batch("salesforce", partial=True)
        for kind in fields.objects(self._settings)[0]:
            pointer = "OpportunityId" if kind in _PARTS else "Id"
            some = ids.get("Opportunity" if kind in _PARTS else kind)
            described = self._described(kind) if some else None
            if some and described is not None:
                names = described.readable(fields.wanted(kind, self._settings))
                for rows in by_ids(self._api, described, names, pointer, some):
                    batch.add(self._batches.of(described, rows))
        return batch

    def _described(self, kind: str) -> Described | None:
        """An object that can be read, else None and a note."""
        first = HISTORIES[0]
        if kind == HISTORIES[1] and first in self._settings.objects and self._api.describe(first):
            return None  # the same stages a second time
        described = self._api.describe(kind)
        if described is None and kind not in self._mark:
            self._notes.append(_unread(kind))
        if self._high is None:
            self._high = self._until()
        return described

    def _until(self) -> dt.datetime:
        """The end of what this run reads: what changes from now on belongs to the next one.

        By Salesforce's own clock where ours is a little ahead, or a row that changes while we read would count as seen.
        """
        ours, theirs = self._request.now, self._api.clock
        return theirs if theirs and ours - dt.timedelta(days=1) < theirs < ours else ours

    def _object(self, described: Described) -> Iterator[Chunk]:
        kind, stamp = described.kind, described.stamp
        names = described.readable(fields.wanted(kind, self._settings))
        missed = fields.missed(kind, names, self._settings)
        if missed:
            self._notes.append(
                f"{kind}: {', '.join(missed)} cannot be read by our user or does not exist"
            )
        span = Span(described, names, self._low(kind), self._high or self._request.now)
        if kind not in self._mark:
            self._note_fields(kind)
        before = kind in self._request.mark
        newest: dt.datetime | None = None
        count = 0
        seen: set[str] = set()
        parts: dict[str, list[Row]] = {}
        for rows, in_order in self._rows(span):
            self._request.progress(len(rows))
            stamps = span.stamps(rows) if stamp else []
            newest = max([*stamps, newest] if newest else stamps, default=None)
            count += len(rows)
            if before:
                seen |= {str(row.get("Id")) for row in rows}
            if kind in _PARTS:
                for row in rows:
                    parts.setdefault(str(row.get("OpportunityId") or ""), []).append(row)
                continue
            if in_order and stamps and kind not in _LINKED:
                self._advance(kind, min(stamps))
            yield self._chunk(self._batches.of(described, rows))
        if before and not count and not self._any(kind):
            raise _Gone
        parts.pop("", None)
        yield from self._of_deals(span, parts)
        yield from self._purged(described, seen)
        if kind == "Account" and span.low is None:
            self._batches.all_accounts()
        if newest is not None:
            self._advance(kind, newest)
        self._note_fields(kind)

    def _rows(self, span: Span) -> Iterator[tuple[list[Row], bool]]:
        """The rows of a span, and whether they come oldest first: a very large one is read in bulk."""
        pages = walk(self._api, span)
        first = next(pages, None)
        if first is None:
            return
        if first.total > self._settings.bulk_above:
            job = self._job(span)
            if job:
                for rows in bulk.results(self._api, job, span.described.types):
                    yield rows, False
                bulk.remove(self._api, job)
                return
        yield first.rows, True
        for page in pages:
            yield page.rows, True

    def _job(self, span: Span) -> str:
        """A bulk job that is done, "" if Salesforce would not or could not."""
        kind = span.described.kind
        try:
            job = bulk.create(self._api, span.query(span.low, span.high, ordered=False))
        except StatusError as error:
            self._notes.append(f"{kind} was not read in bulk: {error}")
            return ""
        if bulk.finished(self._api, job):
            return job
        self._notes.append(f"{kind} was not read in bulk: the job failed")
        bulk.remove(self._api, job)
        return ""

    def _of_deals(self, span: Span, parts: dict[str, list[Row]]) -> Iterator[Chunk]:
        """The roles or the history of the deals that have news there: each time all of one deal."""
        if span.low is not None:
            for rows in by_ids(self._api, span.described, span.fields, "OpportunityId", parts):
                yield self._chunk(self._batches.of(span.described, rows))
            return
        ids = sorted(parts)
        for start in range(0, len(ids), _DEALS):
            rows = [row for id in ids[start : start + _DEALS] for row in parts[id]]
            yield self._chunk(self._batches.of(span.described, rows))

    def _purged(self, described: Described, seen: set[str]) -> Iterator[Chunk]:
        """What was deleted for good since the last run, so that no query gives it any more."""
        kind = described.kind
        at, high = moment(self._request.mark.get(kind)), self._high
        if kind not in self._request.mark or kind not in _KINDS_OF or not described.deletions:
            return
        if at is None or high is None:
            return
        start = max(at - self._overlap, high - _LOGGED)
        if high - start <= dt.timedelta(minutes=1):
            return
        params = {
            "start": start.isoformat(timespec="seconds"),
            "end": high.isoformat(timespec="seconds"),
        }
        try:
            found = self._api.get(f"sobjects/{kind}/deleted/", params)
        except StatusError as error:
            self._notes.append(f"{kind}: what was deleted for good is not known ({error})")
            return
        batch = Batch("salesforce")
        for one in found.get("deletedRecords") or () if isinstance(found, dict) else ():
            if not isinstance(one, dict):
                continue
            when, id = moment(one.get("deletedDate")), str(one.get("id"))
            if when is None or not salesforce_ids.is_id(id) or salesforce_ids.to_18(id) in seen:
                continue
            for meant in _KINDS_OF[kind]:
                batch.records.append(
                    Incoming(
                        "salesforce",
                        meant,
                        salesforce_ids.to_18(id),
                        {"modified": soql.time(when)},
                        deleted=True,
                        origin=f"{SYSTEM} {kind} {id}",
                    )
                )
        if batch.records:
            yield self._chunk(batch)

    @property
    def _overlap(self) -> dt.timedelta:
        return dt.timedelta(minutes=self._settings.overlap_minutes)

    def _low(self, kind: str) -> dt.datetime | None:
        """Where to begin with an object. It is read whole again when it is to give more fields than before."""
        at = moment(self._mark.get(kind))
        before = self._mark.get("fields", {}).get(kind, {})
        if at is not None and self._settings.fields.get(kind, {}).items() <= before.items():
            return at - self._overlap
        return self._request.since if kind in _TRAFFIC else None

    def _advance(self, kind: str, to: dt.datetime) -> None:
        self._mark[kind] = max(str(self._mark.get(kind, "")), soql.time(to))

    def _note_fields(self, kind: str) -> None:
        """Keep with which of the team's own fields an object was read."""
        held = {name: names for name, names in self._mark.get("fields", {}).items() if name != kind}
        if self._settings.fields.get(kind):
            held[kind] = dict(self._settings.fields[kind])
        if held or "fields" in self._mark:
            self._mark["fields"] = held

    def _any(self, kind: str) -> bool:
        """Whether an object has any row at all for us."""
        return bool(self._api.rows(soql.select(["Id"], kind, limit=1), kind))

    def _chunk(self, batch: Batch) -> Chunk:
        batch.notes += self._notes
        self._notes = []
        batch.partial = bool(self._request.mark)
        return Chunk(batch, dict(self._mark))


class _Gone(Exception):
    """An object that had rows has none any more."""


def _gone(kind: str) -> str:
    return (
        f"{SYSTEM} shows no {kind} any more, though it did before: check the rights of the user "
        "of the integration, or take it out of sources.salesforce.objects"
    )


def _unread(kind: str) -> str:
    return f"{kind} cannot be read by our user or does not exist: left out"
