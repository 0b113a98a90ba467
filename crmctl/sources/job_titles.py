"""Seniority out of a job title, only where the title says it beyond doubt."""

from __future__ import annotations

import re

_UNCLEAR = re.compile(
    r"\b(assistant|secretary|former(ly)?|ex|retired|intern|trainee|acting|deputy|office of"
    r"|chief of staff|managing director|general manager"
    r"|(to|for) (the )?(ceo|cfo|coo|cto|chief|president|vp|director|board)\b)",
    re.IGNORECASE,
)
_LEVELS = (
    ("vp", re.compile(r"\b[ESA]?VP\b|\bvice[ -]president\b", re.IGNORECASE)),
    (
        "c_level",
        re.compile(
            r"\bC(E|F|O|T|I|M|R|P|S|D|L|C|HR|IS|PT)O\b|\bchief( \w+){1,3} officer\b"
            r"|\b(co-?)?founder\b|\bpresident\b",
            re.IGNORECASE,
        ),
    ),
    ("director", re.compile(r"\bdirector\b", re.IGNORECASE)),
    (
        "manager",
        re.compile(
            r"(?<!account )(?<!project )(?<!product )(?<!case )(?<!office )(?<!community )"
            r"\bmanager\b",
            re.IGNORECASE,
        ),
    ),
)


def seniority(title: str) -> str | None:
    """A choice of the contact's ``seniority``, None when the title does not settle it."""
    title = title[:200]
    if _UNCLEAR.search(title):
        return None
    return next((level for level, words in _LEVELS if words.search(title)), None)
