"""Connections of LinkedIn as contacts: the person, the present company and job, and since when they know us.

The address of the profile is the only lasting key there is. E-mail addresses are nearly always left out, and an empty
one says nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from crmctl.model.identity import is_shared_mailbox, normal_email, normal_profile, profile_url
from crmctl.model.incoming import NOWHERE, Batch, Incoming, Link, Rejected
from crmctl.sources.linkedin_tables import Entry, Sheet, day, in_the_future
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

SYSTEM = "linkedin"


def to_batch(
    sheet: Sheet, stamp: str, settings: LinkedInSettings, interest: Interest, now: dt.datetime
) -> Batch:
    """The contacts in a table of connections. ``stamp`` is the day of the archive as text, "" if it is not known."""
    batch = Batch(SYSTEM, rejected=list(sheet.rejected), notes=list(sheet.notes))
    hidden = 0
    for entry in sheet.entries:
        profile = normal_profile(entry["url"])
        email = normal_email(entry["email"])
        id = profile or email
        if id is None:
            # Whoever closes or hides an account leaves an empty row.
            hidden += 1
        elif not (email and interest.is_ours(email)):
            fields = _fields(entry, profile, now, batch.rejected)
            if stamp:
                fields["modified"] = stamp
            account = Link(name=entry["company"]) if entry["company"] else NOWHERE
            batch.records.append(
                Incoming(
                    SYSTEM, "contact", id, fields, account=account, origin=entry.origin,
                    creates=settings.contacts, waits=False,
                )
            )  # fmt: skip
    if hidden:
        batch.notes.append(f"{hidden} connections have neither profile nor e-mail: left out")
    return batch


def _fields(
    entry: Entry, profile: str | None, now: dt.datetime, rejected: list[Rejected]
) -> dict[str, Any]:
    fields: dict[str, Any] = {"provenance": None}
    name = " ".join(filter(None, (entry["first"], entry["last"])))
    if name:
        fields["name"] = name
    if profile:
        fields["linkedin"] = profile_url(profile)
    email = entry["email"]
    if email and not is_shared_mailbox(email):
        fields["email"] = email
    if entry["company"] or entry["title"]:
        # One without the other: who has no company any more has not the old one either.
        fields |= {"company": entry["company"] or None, "title": entry["title"] or None}
    if entry["on"]:
        connected = day(entry["on"])
        if connected is None or in_the_future(connected, now):
            rejected.append(Rejected(entry.origin, "Connected On: is no day as in 08 Feb 2026"))
        else:
            fields["connected"] = connected
    return fields
