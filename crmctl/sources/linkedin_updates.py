"""What companies tell of themselves, from a feed that the team provides: dated notes of the accounts.

LinkedIn gives nobody the posts of somebody else's page, so the team fills such a table itself, by hand or from
newsrooms: CSV with a header, or a list of objects in JSON (a JSON Feed is one).
"""

from __future__ import annotations

import datetime as dt
import json
from hashlib import sha256
from typing import Any

from crmctl.model.fields import ID, URL
from crmctl.model.identity import is_free_mail, registrable_domain
from crmctl.model.incoming import Batch, Incoming, Link, Rejected
from crmctl.sources.linkedin_connections import SYSTEM
from crmctl.sources.linkedin_tables import UPDATES, Entry, Sheet, in_the_future, kept, moment
from crmctl.workspace.source_settings import LinkedInSettings

_LISTS = ("items", "updates", "posts", "records", "data")


def from_json(raw: bytes, name: str) -> Sheet | None:
    """A feed in JSON as a table, None if it is no list of updates."""
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict):
        data = next((data[key] for key in _LISTS if isinstance(data.get(key), list)), None)
    rows = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    header = list(dict.fromkeys(str(key) for row in rows for key in row))
    places = UPDATES.found(header)
    if not places:
        return None
    entries = [
        Entry(f"{name}:{number}", tuple(_text(row.get(key)) for key in header), places)
        for number, row in enumerate(rows, 1)
    ]
    return Sheet(UPDATES, entries, [], [])


def to_batch(sheet: Sheet, settings: LinkedInSettings, now: dt.datetime) -> Batch:
    """The notes in a feed. One that belongs to no account waits for it."""
    batch = Batch(SYSTEM, rejected=list(sheet.rejected), notes=list(sheet.notes))
    for entry in sheet.entries:
        try:
            batch.records.append(_note(entry, settings, now))
        except ValueError as error:
            batch.rejected.append(Rejected(entry.origin, str(error)))
    return batch


def _note(entry: Entry, settings: LinkedInSettings, now: dt.datetime) -> Incoming:
    account = _account(entry)
    at = moment(entry["at"])
    text, subject, url = entry["text"], entry["subject"], entry["url"]
    if in_the_future(at, now):
        raise ValueError("is dated in the future")
    if not text and not subject:
        raise ValueError("has neither title nor text; an update needs one")
    if url and not URL.match(url):
        raise ValueError("has an address that is no web page's")
    # An update that is told again at its address is the same one, whatever was mended in its words.
    key = (str(account).casefold(), url or f"{at.isoformat()} {subject} {text}")
    fields = {
        "type": "note",
        "subject": subject or None,
        "text": kept(text, settings),
        "url": url or None,
    }
    id = sha256("\0".join(key).encode()).hexdigest()[:32]
    return Incoming(SYSTEM, "event", id, fields, account=account, at=at, origin=entry.origin)


def _account(entry: Entry) -> Link:
    """The account by our folder, its domain or its exact name."""
    slug, name = entry["slug"], entry["company"]
    domain = registrable_domain(entry["domain"] or slug) or ""
    link = Link(
        slug=slug if ID.match(slug) else "",
        domain="" if is_free_mail(domain) else domain,
        name=name or slug,
    )
    if not link:
        raise ValueError("names no account: give its folder, its domain or its name")
    return link


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
