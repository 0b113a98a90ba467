"""When two names, phone numbers or mailboxes may mean the same company or person. Pure functions, for suggestions.

What proves the same (addresses and domains in normal form) is in `crmctl.model.identity`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from crmctl.workspace.paths import slug

# Mailboxes that several people read: the same one in two records does not make them one person.
SHARED_MAILBOXES: Final = frozenset(
    """
    accounting accounts admin ap billing contact enquiries finance hello help hr info invoices it
    legal mail marketing office operations orders post procurement purchasing reception sales
    security service support team
    """.split()
)
LEGAL_FORMS: Final = frozenset(
    """
    ab ag aps as asa bv bvba co company corp corporation cv doo eood gmbh inc incorporated kft kg
    kgaa kk lda limited llc llp lp ltd ltda mbh nv ohg oy oyj plc pte pty pvt sa sarl sas sasu se
    sl spa spol srl srls sro ug zrt
    """.split()
)
_LONGEST = 200  # characters of a name that are compared


def is_shared_mailbox(address: str) -> bool:
    """Whether an address belongs to a desk rather than to a person, such as ``info@``."""
    return address.partition("@")[0].lower() in SHARED_MAILBOXES


@lru_cache(maxsize=65_536)
def company_key(name: str) -> str:
    """A company's name without legal form, punctuation, accents and case."""
    words = [word for word in name_key(name).split() if word not in {"and", "the"}]
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return " ".join(words)


@lru_cache(maxsize=65_536)
def name_key(name: str) -> str:
    """Any name without punctuation, accents and case."""
    return slug(name, limit=_LONGEST).replace("-", " ")


def phone_key(text: str) -> str:
    """A number's last nine digits, which survive every way of writing the rest; "" for fewer than seven."""
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    return digits[-9:] if len(digits) >= 7 else ""


def similar(a: str, b: str) -> float:
    """How alike two keys are, 0 to 1, whatever the order of their words."""
    from rapidfuzz.fuzz import token_sort_ratio

    return token_sort_ratio(a, b) / 100
