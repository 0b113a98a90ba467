"""Names of companies and people in the form in which two spellings are equal."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from crmctl.workspace.paths import slug

LEGAL_FORMS: Final = frozenset(
    """
    ab ag aps as asa bv bvba co company corp corporation cv doo eood gmbh inc incorporated kft kg
    kgaa kk lda limited llc llp lp ltd ltda mbh nv ohg oy oyj plc pte pty pvt sa sarl sas sasu se
    sl spa spol srl srls sro ug zrt
    """.split()
)
_LONGEST: Final = 200  # characters of a name that are compared


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
