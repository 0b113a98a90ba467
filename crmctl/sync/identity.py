"""When two phone numbers, mailboxes or names may mean the same company or person. Pure functions, for suggestions.

What proves the same (addresses and domains in normal form) is in `crmctl.model.identity`.
"""

from __future__ import annotations


def phone_key(text: str) -> str:
    """A number's last nine digits, which survive every way of writing the rest; "" for fewer than seven."""
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    return digits[-9:] if len(digits) >= 7 else ""


def similar(a: str, b: str) -> float:
    """How alike two keys are, 0 to 1, whatever the order of their words."""
    from rapidfuzz.fuzz import token_sort_ratio

    return token_sort_ratio(a, b) / 100
