"""Database webhooks of Supabase: which rows changed. They carry no signature and may be lost, doubled or out of order.

What a delivery holds is a hint: the row is read again by its key. One that is said to be deleted is asked for too,
since it may have come back by the time the news arrives.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.incoming import Batch, Waiting
from crmctl.sources.supabase_rows import SYSTEM, Row, tables
from crmctl.workspace.source_settings import SupabaseSettings

HEADER = "x-crmctl-secret"


@dataclass(frozen=True, slots=True)
class Change:
    """What one delivery tells: rows to be read again through `Source.fetch`, and records that are gone if those are."""

    wanted: tuple[Waiting, ...]
    batch: Batch


def verify(secret: str, headers: Mapping[str, str]) -> bool:
    """Whether a delivery carries our secret. It takes as long to find out whatever it carries."""
    given = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def changed(payload: Any, settings: SupabaseSettings) -> Change:
    """What a delivery says of the tables in `crmctl.yaml`; nothing if it is about another table or makes no sense."""
    change = Change((), Batch(SYSTEM, partial=True))
    if not isinstance(payload, Mapping) or payload.get("schema") != settings.schema_:
        return change
    rows = next((rows for rows in tables(settings) if rows.name == payload.get("table")), None)
    if rows is None:
        return change
    now, before = _row(payload.get("record")), _row(payload.get("old_record"))
    try:
        wanted = rows.waiting(now) if now else None
        gone = rows.waiting(before) if before else None
    except ValueError:
        return change
    # A row with a new key is another record, unless the record is the account's own.
    if gone is not None and (wanted is None or (gone != wanted and rows.kind == "event")):
        change.batch.add(rows.batch([before], deleted=True))
        return Change((gone, wanted) if wanted else (gone,), change.batch)
    return Change((wanted,) if wanted else (), change.batch)


def _row(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}
