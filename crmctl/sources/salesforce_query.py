"""Reading all rows of an object that changed in a span of time, whatever becomes of the cursor on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmctl.sources import salesforce_soql as soql
from crmctl.sources import values
from crmctl.sources.errors import StatusError
from crmctl.sources.salesforce_api import NO_CURSOR, TOO_MUCH, Api, Described, Page, code_of

IDS = 100  # ids in one query: more would make its address too long
_FIRST = dt.datetime(1999, 3, 1, tzinfo=dt.UTC)  # nothing in Salesforce is older
_SHORTEST = dt.timedelta(minutes=1)
_RESTARTS = 5


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of an object whose stamp is not before ``low`` (None: from the beginning) and before ``high``."""

    described: Described
    fields: Sequence[str]
    low: dt.datetime | None
    high: dt.datetime

    def query(self, low: dt.datetime | None, high: dt.datetime, *, ordered: bool = True) -> str:
        """The query for a part of the span."""
        stamp = self.described.stamp
        bounds = soql.between(stamp, low, high) if stamp else []
        order = (stamp, "Id") if stamp and ordered else ()
        return soql.select(self.fields, self.described.kind, bounds, order=order)

    def stamps(self, rows: Iterable[Mapping[str, Any]]) -> list[dt.datetime]:
        """The stamps of ``rows``. One beyond the span is of a row that changed while it was read: left out."""
        found = (moment(row.get(self.described.stamp)) for row in rows)
        return [stamp for stamp in found if stamp and stamp < self.high]


def moment(value: object) -> dt.datetime | None:
    """A time as rows and marks hold it, None if it is none."""
    if not isinstance(value, (str, dt.datetime)):
        return None
    try:
        found = values.moment(str(value))
    except ValueError:
        return None
    return found if isinstance(found, dt.datetime) else None


def walk(api: Api, span: Span) -> Iterator[Page]:
    """The pages of a span, oldest change first. A row may come twice.

    A span that is too much for one query is read in halves. A cursor that was lost is replaced by a new query from
    the last page on.
    """
    kind = span.described.kind
    parts = [(span.low, span.high)]
    restarts = 0
    while parts:
        low, high = parts.pop()
        try:
            for page in api.pages(span.query(low, high), kind):
                yield page
                low = min(span.stamps(page.rows), default=low)
        except StatusError as error:
            code = code_of(error)
            if code == NO_CURSOR and restarts < _RESTARTS:
                restarts += 1
                parts.append((low, high))
            elif code in TOO_MUCH and span.described.stamp:
                parts += reversed(_halves(kind, low or _FIRST, high, error))
            else:
                raise


def by_ids(
    api: Api, described: Described, fields: Sequence[str], pointer: str, ids: Iterable[str]
) -> Iterator[list[dict[str, Any]]]:
    """The rows whose field ``pointer`` is one of ``ids``: for each `IDS` of them a list of all there are."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), IDS):
        condition = soql.among(pointer, wanted[start : start + IDS])
        yield api.rows(soql.select(fields, described.kind, [condition]), described.kind)


def _halves(
    kind: str, low: dt.datetime, high: dt.datetime, error: StatusError
) -> list[tuple[dt.datetime | None, dt.datetime]]:
    if high - low <= _SHORTEST:
        advice = "give the user of the integration the right View All Data, or map fewer fields"
        message = f"{error} even for the {kind} records of one minute: {advice}"
        raise StatusError(message, error.status, error.body)
    middle = low + (high - low) / 2
    middle = middle.replace(microsecond=middle.microsecond // 1000 * 1000)
    return [(low, middle), (middle, high)]
