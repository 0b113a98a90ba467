"""Telephone and job title from a signature, only where it leaves no doubt whose they are and what they are."""

from __future__ import annotations

import re

from crmctl.sources.values import clean

_LONGEST = 2_000  # characters of a signature worth reading
_TITLE = re.compile(
    r"\b(?:C[EFOTIMRPSD]O|CISO|CHRO|CPTO|[ESA]?VP|chief|president|founder|director|manager|head of|lead|engineer"
    r"|analyst|developer|architect|consultant|specialist|coordinator|officer|owner|partner|administrator|accountant"
    r"|buyer"
    r"|counsel|designer|scientist|technician|strategist|executive|supervisor|controller|planner|recruiter|adviser|advisor"
    r"|leiter(?:in)?|geschäftsführer(?:in)?|berater(?:in)?|referent(?:in)?|einkäufer(?:in)?|vorstand|prokurist(?:in)?"
    r"|directeur|directrice|responsable|gérante?|ingénieure?|director[ae]|gerente|jef[ea]|responsabile|direttore)\b",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"[@\d:]|www\.|https?|\b(?:gmbh|ag|ltd|inc|llc|b\.?v|s\.?a|plc|regards|thank)\b", re.IGNORECASE
)
_BREAK = re.compile(r"\s*(?:[|·•/]|\s[-–—]\s)\s*|,\s+")
_MOBILE = re.compile(
    r"\b(?:m|mob|mobile?|mobil|cell|cellphone|handy|gsm|móvil|portable)\b\.?", re.IGNORECASE
)
_FAX = re.compile(r"\b(?:fax|telefax|f)\b\.?", re.IGNORECASE)


def details(signature: str, name: str) -> dict[str, str]:
    """``phone``, ``mobile`` and ``title`` of the person of that ``name``, as far as the signature states them.

    Nothing unless the signature bears the name; numbers only in international form, written like +49 30 901820.
    """
    rows = [clean(row).strip(" \t*_|") for row in signature[:_LONGEST].split("\n")]
    rows = [row for row in rows if row]
    parts = [part.casefold() for part in re.findall(r"\w{2,}", name)]
    place = next((n for n, row in enumerate(rows) if parts and _bears(row, parts)), None)
    if place is None:
        return {}
    found = _numbers(rows)
    title = _title(rows, place, parts)
    return {**found, "title": title} if title else found


def _bears(row: str, parts: list[str]) -> bool:
    words = {word.casefold() for word in re.findall(r"\w{2,}", row)}
    return words.issuperset(parts) and (len(parts) > 1 or len(words) == 1)


def _title(rows: list[str], place: int, parts: list[str]) -> str:
    """What stands behind the name on its line, else on the next line."""
    behind = [piece for piece in _BREAK.split(rows[place]) if not _bears(piece, parts)]
    below = _BREAK.split(rows[place + 1])[:1] if place + 1 < len(rows) else []
    for piece in (*behind[:1], *below):
        if 3 <= len(piece) <= 60 and _TITLE.search(piece) and not _NO_TITLE.search(piece):
            return piece
    return ""


def _numbers(rows: list[str]) -> dict[str, str]:
    import phonenumbers

    found: dict[str, str] = {}
    for row in rows:
        before = 0
        for match in phonenumbers.PhoneNumberMatcher(row[:200], None):
            label = row[before : match.start]
            before = match.end
            if _FAX.search(label):
                continue
            kind = "mobile" if _MOBILE.search(label) else "phone"
            form = phonenumbers.PhoneNumberFormat.INTERNATIONAL
            found.setdefault(kind, phonenumbers.format_number(match.number, form))
    return found
