"""Lists of leads as tools around Sales Navigator write them: contacts whose block says where they came from.

LinkedIn itself exports no such list, so the columns are whatever a tool calls them. An address inside Sales Navigator
is no profile; a row that has nothing else, and no e-mail, cannot be told from another person of that name.
"""

from __future__ import annotations

import re
from typing import Any

from crmctl.model.identity import (
    is_free_mail,
    is_shared_mailbox,
    normal_email,
    normal_profile,
    profile_url,
    registrable_domain,
)
from crmctl.model.incoming import Batch, Incoming, Link
from crmctl.sources.linkedin_connections import SYSTEM
from crmctl.sources.linkedin_tables import Entry, Sheet, moment
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

PROVENANCE = "third_party_csv"
_GUESSED = re.compile(r"\b(invalid|unknown|not found|none|risky|catch.?all|guess)", re.IGNORECASE)


def to_batch(sheet: Sheet, settings: LinkedInSettings, interest: Interest) -> Batch:
    """The contacts in a list of leads."""
    batch = Batch(SYSTEM, rejected=list(sheet.rejected), notes=list(sheet.notes))
    unnamed = 0
    for entry in sheet.entries:
        profile = next(filter(None, map(normal_profile, entry.each("url"))), None)
        email = _email(entry)
        id = profile or normal_email(email)
        if id is None:
            unnamed += 1
        elif not (email and interest.is_ours(email)):
            batch.records.append(
                Incoming(
                    SYSTEM, "contact", id, _fields(entry, profile, email), account=_account(entry),
                    origin=entry.origin, creates=settings.contacts, waits=False,
                )
            )  # fmt: skip
    if unnamed:
        batch.notes.append(f"{unnamed} leads have neither a public profile nor an e-mail: left out")
    return batch


def _email(entry: Entry) -> str:
    """The address, unless the tool itself doubts it or several people read it."""
    email = entry["email"]
    if normal_email(email) is None or is_shared_mailbox(email) or _GUESSED.search(entry["status"]):
        return ""
    return email


def _account(entry: Entry) -> Link:
    domain = registrable_domain(entry["domain"]) or ""
    return Link(name=entry["company"], domain="" if is_free_mail(domain) else domain)


def _fields(entry: Entry, profile: str | None, email: str) -> dict[str, Any]:
    name = entry["full"] or " ".join(filter(None, (entry["first"], entry["last"])))
    stated = {
        "name": name,
        "title": entry["title"],
        "company": entry["company"],
        "email": email,
        "linkedin": profile_url(profile) if profile else "",
        "modified": _stamp(entry["stamp"]),
    }
    return {"provenance": PROVENANCE} | {name: value for name, value in stated.items() if value}


def _stamp(text: str) -> str:
    try:
        return moment(text).isoformat() if text else ""
    except ValueError:
        return ""
