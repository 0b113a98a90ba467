"""Salesforce record ids: 15 case-sensitive characters, or 18 with three to check them."""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

TYPES = {
    "001": "Account",
    "003": "Contact",
    "005": "User",
    "006": "Opportunity",
    "00K": "OpportunityContactRole",
    "00Q": "Lead",
    "00T": "Task",
    "00U": "Event",
    "500": "Case",
}


def to_18(text: str) -> str:
    """The 18-character form of an id; ValueError if it is none or does not pass its own check."""
    text = text.strip()
    if not _ID.match(text):
        raise ValueError(
            f'found "{text[:40]}"; allowed: a Salesforce id of 15 or 18 letters and digits'
        )
    full = text[:15] + check_characters(text[:15])
    if len(text) == 18 and text != full:
        raise ValueError(
            f'found the id "{text}", which fails its check: capital letters were changed on the way'
        )
    return full


def check_characters(id_15: str) -> str:
    """Three characters that say which of the 15 are capital letters, five to each."""
    groups = (id_15[start : start + 5] for start in (0, 5, 10))
    return "".join(_CHECK[sum(1 << i for i, c in enumerate(g) if "A" <= c <= "Z")] for g in groups)


def is_id(text: str) -> bool:
    """Whether `to_18` accepts it."""
    try:
        to_18(text)
    except ValueError:
        return False
    return True


def from_reference(reference: str) -> str:
    """The id of a record that an sObject tree names only by its reference, such as ``ref001...``.

    The id within the reference where there is one, so that a later export under real ids meets the
    same record; else the reference itself.
    """
    rest = reference.removeprefix("ref")
    return to_18(rest) if rest != reference and is_id(rest) else reference


def type_of(record_id: str) -> str:
    """The object type an id's prefix stands for, empty for types crmctl does not read."""
    return TYPES.get(record_id[:3], "") if is_id(record_id) else ""
