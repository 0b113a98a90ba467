"""What a contact allowed: one pure gate, closed unless the contact's file opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from crmctl.model.record import Record

# Purposes that an opt-out from e-mail closes, whatever else is recorded.
BY_EMAIL = frozenset({"email", "marketing", "outreach", "newsletter"})


class Decision(NamedTuple):
    """Whether something may be done, and the sentence that says why."""

    allowed: bool
    reason: str


def may(contact: Record, purpose: str, today: dt.date) -> Decision:
    """Whether a contact may be approached for a purpose (one word, as in `consent:`) on a day.

    No by default. Of several entries for a purpose the newest counts, and of two of one day the one that forbids.
    """
    left = contact.date("left")
    if left is not None and left <= today:
        return Decision(False, f"left the company on {left}")
    if contact.get("no_email") is True and purpose in BY_EMAIL:
        return Decision(False, "has opted out of e-mail")
    entries = [entry for entry in contact.items("consent") if _concerns(entry, purpose, today)]
    if not entries:
        return Decision(False, f"nothing is recorded about {purpose}")
    newest = max(entries, key=lambda entry: (entry["at"], entry["status"] != "granted"))
    expires = newest.get("expires")
    if newest["status"] != "granted":
        return Decision(False, f"{purpose} was {newest['status']} on {newest['at']}")
    if expires is not None and expires < today:
        return Decision(False, f"the consent to {purpose} expired on {expires}")
    return Decision(True, f"{purpose} was granted on {newest['at']}")


def _concerns(entry: Mapping[str, Any], purpose: str, today: dt.date) -> bool:
    return str(entry["purpose"]).casefold() == purpose and entry["at"] <= today
