"""When two phone numbers, mailboxes or names may mean the same company or person. Pure functions, for suggestions.

What proves the same (addresses and domains in normal form) is in `crmctl.model.identity`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from crmctl.model.identity import country_code, normal_phone

_BLOCK = 7  # last digits that every spelling of a number has
_VOICED = frozenset({8})  # the marks that make another letter of a Japanese one; accents are others
_OTHER = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"[x#;,]", re.IGNORECASE)
_JOINED = 0.9  # names so alike without their blanks are one that was parted elsewhere
_FORGIVEN = 4  # letters of a name for each slip of the pen in it


class Phone(NamedTuple):
    """A number as somebody wrote it, and the country it is at home in, as far as that is known.

    ``block`` is what two spellings of one number share, "" for what is too short to be a number.
    """

    text: str
    country: str
    block: str


def phone_of(text: str, country: str = "") -> Phone:
    """A number, ready to be compared."""
    digits = _OTHER.sub("", _EXTENSION.split(text, maxsplit=1)[0])
    return Phone(text, country, digits[-_BLOCK:] if len(digits) >= _BLOCK else "")


def phone_key(text: str) -> str:
    """A number's last nine digits, which survive every way of writing the rest; "" for fewer than seven."""
    digits = _OTHER.sub("", text)
    return digits[-9:] if len(digits) >= 7 else ""


def same_phone(one: Phone, other: Phone) -> bool:
    """Whether two numbers are equal in E.164, or, where one of them has no certain form, in their last digits."""
    if one.block != other.block or not one.block:
        return False
    first, second = _normal(one), _normal(other)
    if first and second:
        return first == second
    return phone_key(one.text) == phone_key(other.text)


def same_country(one: str, other: str) -> bool | None:
    """Whether two countries are one, by name or by code; None where one of them is not known."""
    if one.casefold() == other.casefold():
        return True if one else None
    first, second = country_code(one), country_code(other)
    return first == second if first and second else None


def similar(a: str, b: str) -> float:
    """How alike two keys are, 0 to 1, whatever the order of their words and whether they are parted."""
    from rapidfuzz.fuzz import ratio, token_sort_ratio

    return max(token_sort_ratio(a, b), ratio(a.replace(" ", ""), b.replace(" ", ""))) / 100


def closeness(a: str, b: str) -> float:
    """How alike two short texts are, 0 to 1, by letters that are wrong, missing or exchanged."""
    from rapidfuzz.distance import OSA

    return OSA.normalized_similarity(a, b)


def native(name: str) -> str:
    """The letters of a name that is not written in Latin ones, without case and accents; "" for any other.

    Names that differ in their own script may be equal in Latin letters: they only sound the same.
    """
    if name.isascii() or not any(_is_foreign(char) for char in name):
        return ""
    parts = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(
        char for char in parts if char.isalnum() or unicodedata.combining(char) in _VOICED
    )


def _is_foreign(char: str) -> bool:
    return char.isalpha() and char > "\u024f" and not "\u1e00" <= char <= "\u1eff"


def same_person(a: str, b: str) -> bool:
    """Whether two names may be one person's: each word of the shorter fits one of the other, but for slips of the pen.

    So a name without its first part fits, in any order; another first name does not.
    """
    shorter, longer = sorted((a.split(), b.split()), key=len)
    if not shorter:
        return False
    rest = list(longer)
    for word in sorted(shorter, key=len, reverse=True):
        found = max(rest, key=lambda other: closeness(word, other))
        if not _slip(word, found):
            return _joined(a, b)
        rest.remove(found)
    return True


def _joined(a: str, b: str) -> bool:
    from rapidfuzz.fuzz import ratio

    return ratio(a.replace(" ", ""), b.replace(" ", "")) >= 100 * _JOINED


def _slip(one: str, other: str) -> bool:
    from rapidfuzz.distance import OSA

    return OSA.distance(one, other) <= max(len(one), len(other)) // _FORGIVEN


@lru_cache(maxsize=4096)
def _normal(phone: Phone) -> str | None:
    return normal_phone(phone.text, phone.country)
